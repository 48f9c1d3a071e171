/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdint.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/process.h"
#include "tests/unit/suite.h"

#define HEAD "--- /etc/f\n+++ /etc/f\n"

static void check_bytes(const char *old_text, size_t old_len, const char *new_text, size_t new_len,
			const char *expected)
{
	_cleanup_buf_ struct icr_buf out = {0};

	icr_buf_init(&out, 65536);
	icr_diff("/etc/f", old_text, old_len, new_text, new_len, &out);
	CU_ASSERT_EQUAL(icr_buf_check(&out, "it", NULL), 0);
	CU_ASSERT_STRING_EQUAL(out.data, expected);
}

static void check(const char *old_text, const char *new_text, const char *expected)
{
	check_bytes(old_text, old_text ? strlen(old_text) : 0, new_text,
		    new_text ? strlen(new_text) : 0, expected);
}

static void test_equal(void)
{
	check("", "", "");
	check("a\nb\n", "a\nb\n", "");
	check(NULL, NULL, "");
}

static void test_one_line(void)
{
	check("a\n", "b\n", HEAD "@@ -1 +1 @@\n-a\n+b\n");
	check("a\nb\n", "b\n", HEAD "@@ -1,2 +1 @@\n-a\n b\n");
	check("", "b\n", HEAD "@@ -0,0 +1 @@\n+b\n");
	check("b\n", "", HEAD "@@ -1 +0,0 @@\n-b\n");
}

static void test_no_file(void)
{
	check(NULL, "b\n", "--- /dev/null\n+++ /etc/f\n@@ -0,0 +1 @@\n+b\n");
	check("b\n", NULL, "--- /etc/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n");
	check(NULL, "", "--- /dev/null\n+++ /etc/f\n");
}

static void test_context(void)
{
	check("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
	      HEAD "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void test_hunks(void)
{
	/* six lines between two changes share a hunk, seven do not */
	check("a\n1\n2\n3\n4\n5\n6\nb\n", "1\n2\n3\n4\n5\n6\n",
	      HEAD "@@ -1,8 +1,6 @@\n-a\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n");
	check("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "1\n2\n3\n4\n5\n6\n7\n",
	      HEAD "@@ -1,4 +1,3 @@\n-a\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-b\n");
}

static void test_no_newline(void)
{
	static const char none[] = "\\ No newline at end of file\n";
	_cleanup_buf_ struct icr_buf expected = {0};

	icr_buf_init(&expected, 1000);
	icr_buf_printf(&expected, HEAD "@@ -1 +1 @@\n-a\n%s+a\n", none);
	check("a", "a\n", expected.data);
	icr_buf_truncate(&expected, 0);
	icr_buf_printf(&expected, HEAD "@@ -1,2 +1,2 @@\n-a\n+b\n x\n%s", none);
	check("a\nx", "b\nx", expected.data);
}

static void test_terminal(void)
{
	check("", "\t\033[0m\r\n", HEAD "@@ -0,0 +1 @@\n+\t\\x1B[0m\\x0D\n");
	check("", "\xc3\xa4 \xff\xc3 \xc2\x9b \x7f\n",
	      HEAD "@@ -0,0 +1 @@\n+\xc3\xa4 \\xFF\\xC3 \\xC2\\x9B \\x7F\n");
	check_bytes("", 0, "a\0b\n", 4, HEAD "@@ -0,0 +1 @@\n+a\\x00b\n");
}

static void test_huge(void)
{
	_cleanup_buf_ struct icr_buf a = {0}, b = {0}, out = {0};

	icr_buf_init(&a, 10000000);
	icr_buf_init(&b, 10000000);
	icr_buf_init(&out, 20000000);
	for (int i = 0; i < 200000; i++) {
		icr_buf_printf(&a, "%d\n", i);
		icr_buf_printf(&b, "%d\n", i % 7 == 0 ? -i : i);
	}
	icr_diff("f", a.data, a.len, b.data, b.len, &out);
	CU_ASSERT_EQUAL(icr_buf_check(&out, "it", NULL), 0);
	/* one hunk, all gone and all new, rather than minutes of search */
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "@@ -5,199996 +5,199996 @@\n"));
}

static void test_full(void)
{
	_cleanup_buf_ struct icr_buf out = {0};

	icr_buf_init(&out, 20);
	icr_diff("f", "a\n", 2, "b\n", 2, &out);
	CU_ASSERT(icr_buf_check(&out, "it", NULL) < 0);
}

static void write_file(const char *path, const char *text, size_t len)
{
	_cleanup_file_ FILE *file = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fwrite(text, 1, len, file), len);
}

/* patch(1) must make the new text of the old one. */
static void check_patch(const char *folder, const struct icr_buf *a, const struct icr_buf *b)
{
	_cleanup_buf_ struct icr_buf patch = {0}, got = {0};
	_cleanup_free_ char *path = NULL;

	icr_buf_init(&patch, 1000000);
	icr_buf_init(&got, 1000000);
	icr_diff("f", a->data, a->len, b->data, b->len, &patch);
	if (patch.len == 0)
		return;
	CU_ASSERT_FATAL(asprintf(&path, "%s/f", folder) > 0);
	write_file(path, a->data, a->len);
	const char *const arguments[] = {"patch", "-s", "-o", "-", path, NULL};
	CU_ASSERT_EQUAL_FATAL(icr_process_run(&(struct icr_process){.arguments = arguments,
								    .input = patch.data,
								    .input_len = patch.len,
								    .timeout_ms = 20000,
								    .output = &got},
					      NULL),
			      0);
	CU_ASSERT_EQUAL(got.len, b->len);
	CU_ASSERT_STRING_EQUAL(got.data, b->data);
}

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 10;
}

/* B is A with lines dropped, added and changed. */
static void make_pair(uint32_t *state, struct icr_buf *a, struct icr_buf *b)
{
	uint32_t lines = next(state) % 60, words = 2 + next(state) % 40;
	uint32_t changes = 1 + next(state) % 12;

	icr_buf_truncate(a, 0);
	icr_buf_truncate(b, 0);
	for (uint32_t i = 0; i < lines; i++) {
		uint32_t word = next(state) % words, what = next(state) % 32;
		icr_buf_printf(a, "word %u\n", word);
		if (what >= changes || what % 3 == 1)
			icr_buf_printf(b, "word %u\n", word);
		if (what < changes && what % 3 != 0)
			icr_buf_printf(b, "word %u\n", next(state) % words);
	}
	if (a->len > 0 && next(state) % 4 == 0)
		icr_buf_truncate(a, a->len - 1);
	if (b->len > 0 && next(state) % 4 == 0)
		icr_buf_truncate(b, b->len - 1);
}

static void test_patch(void)
{
	_cleanup_buf_ struct icr_buf a = {0}, b = {0};
	char folder[] = "/tmp/icr-diff-XXXXXX";
	_cleanup_free_ char *path = NULL;
	uint32_t state = 4711;
	const char *const version[] = {"patch", "--version", NULL};

	if (icr_process_run(&(struct icr_process){.arguments = version, .timeout_ms = 20000},
			    NULL) < 0)
		return; /* no patch(1) here */
	icr_buf_init(&a, 100000);
	icr_buf_init(&b, 100000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	for (int i = 0; i < 150; i++) {
		make_pair(&state, &a, &b);
		check_patch(folder, &a, &b);
	}
	CU_ASSERT_FATAL(asprintf(&path, "%s/f", folder) > 0);
	(void)unlink(path);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static const struct test tests[] = {
	{"equal", test_equal},
	{"one line", test_one_line},
	{"no such file", test_no_file},
	{"context", test_context},
	{"hunks", test_hunks},
	{"no newline at the end", test_no_newline},
	{"safe for a terminal", test_terminal},
	{"huge", test_huge},
	{"a full buffer", test_full},
	{"what patch makes of it", test_patch},
};

int main(void)
{
	return suite_run("diff", tests, sizeof(tests) / sizeof(tests[0]));
}
