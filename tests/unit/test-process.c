/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/process.h"
#include "tests/unit/suite.h"

#define TIMEOUT_MS 20000

/* Runs a shell script with both outputs in one buffer. */
static int run_script(const char *script, const char *input, size_t input_len, int timeout_ms,
		      struct icr_buf *out, struct icr_error *err)
{
	const char *const arguments[] = {"sh", "-c", script, NULL};
	const struct icr_process process = {
		.arguments = arguments,
		.input = input,
		.input_len = input_len,
		.timeout_ms = timeout_ms,
		.output = out,
		.errors = out,
	};

	return icr_process_run(&process, err);
}

static void check(const char *script, const char *input, int expected, const char *output)
{
	_cleanup_buf_ struct icr_buf out = {0};

	icr_buf_init(&out, 4096);
	CU_ASSERT_EQUAL(
		run_script(script, input, input ? strlen(input) : 0, TIMEOUT_MS, &out, NULL),
		expected);
	CU_ASSERT_STRING_EQUAL(out.data, output);
}

static void test_status(void)
{
	check("exit 0", NULL, 0, "");
	check("exit 3", NULL, 3, "");
	check("kill -9 $$", NULL, 128 + 9, "");
}

static void test_keys_are_not_passed(void)
{
	static const char *const names[] = {"IBMCLOUD_API_KEY", "IC_API_KEY",
					    "CONTAINER_REGISTRY_APIKEY", "DOCKER_AUTH_CONFIG"};
	static const char *const arguments[] = {"env", NULL};

	for (size_t i = 0; i < ICR_LENGTH(names); i++)
		CU_ASSERT_EQUAL(setenv(names[i], "S3CR3T", 1), 0);
	CU_ASSERT_EQUAL(setenv("IC_API_KEY_OF", "another", 1), 0);
	for (int passed = 0; passed < 2; passed++) {
		_cleanup_buf_ struct icr_buf out = ICR_BUF(100000);
		const struct icr_process process = {.arguments = arguments,
						    .timeout_ms = TIMEOUT_MS,
						    .output = &out,
						    .pass_keys = passed};
		CU_ASSERT_EQUAL(icr_process_run(&process, NULL), 0);
		CU_ASSERT_EQUAL(strstr(out.data, "S3CR3T") != NULL, passed);
		CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "IC_API_KEY_OF=another"));
		CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "PATH="));
	}
	for (size_t i = 0; i < ICR_LENGTH(names); i++)
		(void)unsetenv(names[i]);
	(void)unsetenv("IC_API_KEY_OF");
}

static void test_streams(void)
{
	check("cat", "hello\n", 0, "hello\n");
	check("cat", "", 0, "");
	check("cat", NULL, 0, "");
	check("echo one; echo two >&2; echo three", NULL, 0, "one\ntwo\nthree\n");
	check("[ -e /dev/stdin ] && head -c 3 </dev/stdin", "abcdef", 0, "abc");
}

static void test_separate_streams(void)
{
	_cleanup_buf_ struct icr_buf out = {0}, errors = {0};
	const char *const arguments[] = {"/bin/sh", "-c", "echo out; echo err >&2", NULL};
	struct icr_process process = {
		.arguments = arguments,
		.timeout_ms = TIMEOUT_MS,
		.output = &out,
		.errors = &errors,
	};

	icr_buf_init(&out, 100);
	icr_buf_init(&errors, 100);
	CU_ASSERT_EQUAL(icr_process_run(&process, NULL), 0);
	CU_ASSERT_STRING_EQUAL(out.data, "out\n");
	CU_ASSERT_STRING_EQUAL(errors.data, "err\n");
	process.output = NULL;
	CU_ASSERT_EQUAL(icr_process_run(&process, NULL), 0);
	CU_ASSERT_STRING_EQUAL(errors.data, "err\nerr\n");
}

/* More than any pipe holds, both ways at once. */
static void test_much(void)
{
	size_t len = 3000000;
	_cleanup_free_ char *input = malloc(len);
	_cleanup_buf_ struct icr_buf out = {0};

	CU_ASSERT_PTR_NOT_NULL_FATAL(input);
	for (size_t i = 0; i < len; i++)
		input[i] = (char)('a' + i % 23);
	icr_buf_init(&out, len);
	CU_ASSERT_EQUAL(run_script("cat", input, len, TIMEOUT_MS, &out, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(out.len, len);
	CU_ASSERT_EQUAL(memcmp(out.data, input, len), 0);
}

static void test_too_much(void)
{
	_cleanup_buf_ struct icr_buf out = {0};
	_cleanup_error_ struct icr_error err = {0};

	icr_buf_init(&out, 10);
	CU_ASSERT_EQUAL(run_script("printf 1234567890", NULL, 0, TIMEOUT_MS, &out, NULL), 0);
	CU_ASSERT_EQUAL(run_script("seq 1 100000; exit 0", NULL, 0, TIMEOUT_MS, &out, &err),
			-EFBIG);
	CU_ASSERT_STRING_EQUAL(err.what, "sh: its output is larger than 10 bytes");
}

/* The child reads nothing and is gone: no SIGPIPE for us, and ours is as it was. */
static void test_unread_input(void)
{
	size_t len = 1000000;
	_cleanup_free_ char *input = calloc(1, len);
	_cleanup_buf_ struct icr_buf out = {0};
	struct sigaction before, after;

	CU_ASSERT_PTR_NOT_NULL_FATAL(input);
	icr_buf_init(&out, 100);
	(void)sigaction(SIGPIPE, NULL, &before);
	CU_ASSERT_EQUAL(
		run_script("exec <&-; echo done; exit 4", input, len, TIMEOUT_MS, &out, NULL), 4);
	(void)sigaction(SIGPIPE, NULL, &after);
	CU_ASSERT_STRING_EQUAL(out.data, "done\n");
	CU_ASSERT_EQUAL(before.sa_handler, after.sa_handler);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static void test_timeout(void)
{
	_cleanup_buf_ struct icr_buf out = {0};
	_cleanup_error_ struct icr_error err = {0};
	struct timespec start;

	icr_buf_init(&out, 100);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	CU_ASSERT_EQUAL(
		run_script("trap '' TERM; echo begun; exec sleep 30", NULL, 0, 300, &out, &err),
		-ETIMEDOUT);
	CU_ASSERT(elapsed_ms(&start) < 10000);
	CU_ASSERT_STRING_EQUAL(out.data, "begun\n");
	CU_ASSERT_STRING_EQUAL(err.what, "sh did not end within 300 ms and was stopped");
}

/* A daemon that it leaves behind with its output does not keep us. */
static void test_left_behind(void)
{
	struct timespec start;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	check("sleep 15 & echo up", NULL, 0, "up\n");
	CU_ASSERT(elapsed_ms(&start) < 10000);
}

static void check_no_program(const char *name, int expected)
{
	_cleanup_error_ struct icr_error err = {0};
	const char *const arguments[] = {name, NULL};
	const struct icr_process process = {.arguments = arguments, .timeout_ms = TIMEOUT_MS};

	int r = icr_process_run(&process, &err);
	if (r == 127)
		return; /* valgrind: its child has no memory in common to say why */
	CU_ASSERT_EQUAL(r, expected);
	CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, name));
}

static void test_no_program(void)
{
	check_no_program("/nonexistent/program", -ENOENT);
	check_no_program("icr-there-is-no-such-program", -ENOENT);
	check_no_program("/etc", -EACCES);
}

static void test_signals(void)
{
	sigset_t mask, before;
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &mask, &before);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGCHLD, &ignore, NULL);
	/* whatever we block or ignore, the child dies of what kills */
	check("kill -TERM $$; exit 1", NULL, 128 + SIGTERM, "");
	check("yes | head -1; exit 5", NULL, 5, "y\n");
	check("kill -PIPE $$; exit 1", NULL, 128 + SIGPIPE, "");
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
}

static int count_fds(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	return count;
}

/* Those that we ourselves were started with, which any child inherits. */
static int count_inherited(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);
		count += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return count;
}

static void test_descriptors(void)
{
	int before = count_fds();
	_cleanup_free_ char *expected = NULL;

	/* and the one that ls reads the folder by */
	CU_ASSERT_FATAL(asprintf(&expected, "%d\n", count_inherited() + 1) > 0);
	check("ls /proc/self/fd | wc -l | tr -d ' '", NULL, 0, expected);
	const char *const missing[] = {"/nonexistent/program", NULL};
	_cleanup_buf_ struct icr_buf out = {0};
	icr_buf_init(&out, 100);
	(void)icr_process_run(&(struct icr_process){.arguments = missing,
						    .timeout_ms = TIMEOUT_MS,
						    .input = "x",
						    .input_len = 1,
						    .output = &out},
			      NULL);
	(void)run_script("sleep 30", NULL, 0, 50, &out, NULL);
	CU_ASSERT_EQUAL(count_fds(), before);
}

static const struct test tests[] = {
	{"status", test_status},
	{"keys are not passed", test_keys_are_not_passed},
	{"streams", test_streams},
	{"separate streams", test_separate_streams},
	{"much", test_much},
	{"too much", test_too_much},
	{"unread input", test_unread_input},
	{"timeout", test_timeout},
	{"left behind", test_left_behind},
	{"no program", test_no_program},
	{"signals", test_signals},
	{"descriptors", test_descriptors},
};

int main(void)
{
	return suite_run("process", tests, sizeof(tests) / sizeof(tests[0]));
}
