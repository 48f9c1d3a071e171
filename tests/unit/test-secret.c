/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/secret.h"
#include "tests/unit/suite.h"

static void test_set(void)
{
	_cleanup_secret_ struct icr_secret secret = {0};

	CU_ASSERT_EQUAL(icr_secret_set(&secret, "pass\0word", 9, NULL), 0);
	CU_ASSERT_EQUAL(secret.len, 9);
	CU_ASSERT_EQUAL(memcmp(secret.data, "pass\0word", 10), 0);
	CU_ASSERT_EQUAL((uintptr_t)secret.data % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
	CU_ASSERT_EQUAL(icr_secret_set(&secret, "", 0, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(secret.data);
	CU_ASSERT_STRING_EQUAL(secret.data, "");
	CU_ASSERT_EQUAL(icr_secret_set(&secret, NULL, 0, NULL), 0);
	CU_ASSERT_EQUAL(secret.len, 0);
}

static void test_set_from_itself(void)
{
	_cleanup_secret_ struct icr_secret secret = {0};

	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, "user:key", 8, NULL), 0);
	CU_ASSERT_EQUAL(icr_secret_set(&secret, secret.data + 5, 3, NULL), 0);
	CU_ASSERT_STRING_EQUAL(secret.data, "key");
}

static void test_sizes(void)
{
	static char bytes[ICR_SECRET_MAX + 1];
	_cleanup_secret_ struct icr_secret secret = {0};
	_cleanup_error_ struct icr_error err = {0};

	memset(bytes, 'x', sizeof(bytes));
	CU_ASSERT_EQUAL(icr_secret_set(&secret, bytes, 4095, NULL), 0);
	CU_ASSERT_EQUAL(secret.data[4095], '\0');
	CU_ASSERT_EQUAL(icr_secret_set(&secret, bytes, 4096, NULL), 0);
	CU_ASSERT_EQUAL(secret.data[4096], '\0');
	CU_ASSERT_EQUAL(icr_secret_set(&secret, bytes, ICR_SECRET_MAX, NULL), 0);
	CU_ASSERT_EQUAL(icr_secret_set(&secret, bytes, ICR_SECRET_MAX + 1, &err), -EFBIG);
	CU_ASSERT_EQUAL(secret.len, ICR_SECRET_MAX);
	CU_ASSERT_PTR_NULL(strstr(err.what, "xxx"));
}

static void test_free(void)
{
	struct icr_secret secret = {0};

	icr_secret_free(NULL);
	icr_secret_free(&secret);
	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, "x", 1, NULL), 0);
	void *pages = secret.data;
	size_t mapped = secret.mapped;
	icr_secret_free(&secret);
	CU_ASSERT_PTR_NULL(secret.data);
	CU_ASSERT_EQUAL(secret.len, 0);
	unsigned char in_core;
	/* not mapped any more */
	CU_ASSERT_EQUAL(mincore(pages, mapped, &in_core), -1);
	CU_ASSERT_EQUAL(errno, ENOMEM);
}

/* Do the flags of the mapping that holds ADDRESS, as /proc tells them, say "not in core files"? */
static bool is_kept_out_of_cores(const void *address)
{
	_cleanup_file_ FILE *maps = fopen("/proc/self/smaps", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (maps && getline(&line, &size, maps) > 0) {
		char *dash = NULL;
		unsigned long start = strtoul(line, &dash, 16);
		if (*dash == '-') {
			unsigned long end = strtoul(dash + 1, NULL, 16);
			found = start <= (uintptr_t)address && (uintptr_t)address < end;
		}
		if (found && strncmp(line, "VmFlags:", 8) == 0)
			return strstr(line, " dd") != NULL;
	}
	return false;
}

static void test_hide(void)
{
	static const struct {
		const char *secret, *text, *hidden;
	} cases[] = {
		{"abcdefgh", "", ""},
		{"abcdefgh", "abcdefg", "abcdefg"},
		{"abcdefgh", "abcdefgh", "********"},
		{"abcdefgh", "no abcdefgh, abcdefghabcdefgh.", "no ********, ****************."},
		{"aaaaaaaa", "aaaaaaaaa", "********a"},
		{"key", "no such key", "no such key"},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_secret_ struct icr_secret secret = {0};
		_cleanup_buf_ struct icr_buf text = ICR_BUF(100);
		CU_ASSERT_EQUAL(
			icr_secret_set(&secret, cases[i].secret, strlen(cases[i].secret), NULL), 0);
		icr_buf_text(&text, cases[i].text);
		icr_secret_hide(&secret, &text);
		CU_ASSERT_STRING_EQUAL(text.data, cases[i].hidden);
	}
}

static void test_no_core(void)
{
	_cleanup_secret_ struct icr_secret secret = {0};

	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, "x", 1, NULL), 0);
	CU_ASSERT(is_kept_out_of_cores(secret.data));
}

static void test_harden(void)
{
	pid_t child = fork();

	CU_ASSERT_FATAL(child >= 0);
	if (child == 0) {
		struct rlimit limit;
		icr_secret_harden_process();
		_exit(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
				      limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0
			      ? 0
			      : 1);
	}
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
}

/* Where nothing may be locked a secret is kept all the same. */
static void test_no_locking(void)
{
	pid_t child = fork();

	CU_ASSERT_FATAL(child >= 0);
	if (child == 0) {
		struct icr_secret secret = {0};
		(void)setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(icr_secret_set(&secret, "x", 1, NULL) == 0 ? 0 : 1);
	}
	int status = -1;
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
}

static const struct test tests[] = {
	{"set", test_set},
	{"set from itself", test_set_from_itself},
	{"sizes", test_sizes},
	{"free unmaps", test_free},
	{"hide in a text", test_hide},
	{"not in core files", test_no_core},
	{"harden the process", test_harden},
	{"no memory may be locked", test_no_locking},
};

int main(void)
{
	return suite_run("secret", tests, sizeof(tests) / sizeof(tests[0]));
}
