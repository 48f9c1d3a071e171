/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "tests/unit/suite.h"

static void test_empty(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 10);
	CU_ASSERT_STRING_EQUAL(buf.data, "");
	CU_ASSERT_EQUAL(buf.len, 0);
	CU_ASSERT_EQUAL(buf.size, 0);
	icr_buf_text(&buf, "");
	icr_buf_truncate(&buf, 0);
	CU_ASSERT_EQUAL(icr_buf_check(&buf, "it", NULL), 0);
}

static void test_append(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, SIZE_MAX);
	for (int i = 0; i < 1000; i++) {
		icr_buf_append(&buf, "a\0b", 3);
		icr_buf_char(&buf, 'c');
		CU_ASSERT_EQUAL_FATAL(buf.data[buf.len], '\0');
	}
	CU_ASSERT_EQUAL(buf.len, 4000);
	CU_ASSERT_EQUAL(memcmp(buf.data, "a\0bca\0bc", 8), 0);
	CU_ASSERT_EQUAL(memcmp(buf.data + 3996, "a\0bc", 4), 0);
}

static void test_printf(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 200);
	icr_buf_printf(&buf, "%s-%d", "x", 7);
	icr_buf_printf(&buf, "%*s|", 100, "");
	CU_ASSERT_EQUAL(buf.len, 104);
	CU_ASSERT_EQUAL(strncmp(buf.data, "x-7 ", 4), 0);
	icr_buf_printf(&buf, "%*s", 97, "");
	CU_ASSERT_EQUAL(buf.failed, EFBIG);
	CU_ASSERT_EQUAL(buf.len, 104);
}

static void test_maximum(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};
	_cleanup_error_ struct icr_error err = {0};

	icr_buf_init(&buf, 5);
	icr_buf_text(&buf, "12345");
	CU_ASSERT_EQUAL(icr_buf_check(&buf, "the reply", &err), 0);
	icr_buf_char(&buf, '6');
	icr_buf_truncate(&buf, 1);
	icr_buf_text(&buf, "x"); /* the failure sticks, though there is room again */
	CU_ASSERT_STRING_EQUAL(buf.data, "1");
	CU_ASSERT_EQUAL(icr_buf_check(&buf, "the reply", &err), -EFBIG);
	CU_ASSERT_STRING_EQUAL(err.what, "the reply is larger than 5 bytes");
	CU_ASSERT_PTR_NULL(icr_buf_take(&buf));
	CU_ASSERT_PTR_NULL(icr_buf_room(&buf, 0));
}

/* Read by AddressSanitizer, which would else end the program where malloc says no. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Lack of memory ends the process: nobody goes on with half of a text. */
static void test_memory(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct icr_buf buf = ICR_BUF(SIZE_MAX - 1);
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		icr_buf_text(&buf, "kept");
		(void)icr_buf_room(&buf, SIZE_MAX / 4);
		_exit(0);
	}
	CU_ASSERT_TRUE_FATAL(child > 0);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	/* sanitizers have an end of their own for it */
	CU_ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_room(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 100);
	char *room = icr_buf_room(&buf, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(room);
	memcpy(room, "hello", 5);
	icr_buf_added(&buf, 5);
	CU_ASSERT_STRING_EQUAL(buf.data, "hello");
	CU_ASSERT_PTR_NOT_NULL(icr_buf_room(&buf, 95));
	CU_ASSERT_PTR_NULL(icr_buf_room(&buf, 96));
}

static void test_truncate_wipes(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 100);
	icr_buf_text(&buf, "user:secret");
	icr_buf_truncate(&buf, 5);
	CU_ASSERT_STRING_EQUAL(buf.data, "user:");
	CU_ASSERT_EQUAL(memcmp(buf.data + 5, "\0\0\0\0\0\0\0", 7), 0);
	icr_buf_truncate(&buf, 50);
	CU_ASSERT_EQUAL(buf.len, 5);
}

static void test_take(void)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 100);
	_cleanup_free_ char *nothing = icr_buf_take(&buf);
	CU_ASSERT_PTR_NOT_NULL_FATAL(nothing);
	CU_ASSERT_STRING_EQUAL(nothing, "");
	icr_buf_text(&buf, "mine");
	_cleanup_free_ char *text = icr_buf_take(&buf);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_STRING_EQUAL(text, "mine");
	CU_ASSERT_EQUAL(buf.len, 0);
	icr_buf_text(&buf, "again");
	CU_ASSERT_STRING_EQUAL(buf.data, "again");
}

static void test_free(void)
{
	struct icr_buf buf = {0};

	icr_buf_free(NULL);
	icr_buf_free(&buf);
	icr_buf_init(&buf, 10);
	icr_buf_text(&buf, "x");
	icr_buf_free(&buf);
	icr_buf_free(&buf);
	icr_buf_init(&buf, 10);
	icr_buf_text(&buf, "y");
	CU_ASSERT_STRING_EQUAL(buf.data, "y");
	icr_buf_free(&buf);
}

static const struct test tests[] = {
	{"empty", test_empty},
	{"append", test_append},
	{"printf", test_printf},
	{"maximum", test_maximum},
	{"out of memory", test_memory},
	{"room", test_room},
	{"truncate wipes", test_truncate_wipes},
	{"take", test_take},
	{"free", test_free},
};

int main(void)
{
	return suite_run("buf", tests, sizeof(tests) / sizeof(tests[0]));
}
