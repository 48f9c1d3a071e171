/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "tests/unit/suite.h"

static void check_print(const struct icr_error *err, const char *expected)
{
	_cleanup_buf_ struct icr_buf text = {0};

	icr_buf_init(&text, 4096);
	icr_error_print(err, &text);
	CU_ASSERT_STRING_EQUAL(text.data, expected);
}

static void test_fail(void)
{
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL(icr_fail(&err, ICR_E_CONFIG, "bad %s", "key"), -ICR_E_CONFIG);
	CU_ASSERT_EQUAL(err.code, ICR_E_CONFIG);
	CU_ASSERT_PTR_NULL(err.where);
	check_print(&err, "bad key");
}

static void test_fail_at(void)
{
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL(icr_fail_at(&err, ICR_E_SYNTAX, "f.json:3:7", "no value"), -ICR_E_SYNTAX);
	check_print(&err, "f.json:3:7: no value");
}

static void test_fail_errno(void)
{
	_cleanup_error_ struct icr_error err = {0};

	CU_ASSERT_EQUAL(icr_fail_errno(&err, ENOENT, "/x", "cannot open"), -ENOENT);
	check_print(&err, "/x: cannot open: No such file or directory");
	CU_ASSERT_EQUAL(icr_fail_errno(&err, EACCES, NULL, "cannot open"), -EACCES);
	check_print(&err, "cannot open: Permission denied");
}

static void test_wrap_and_hint(void)
{
	_cleanup_error_ struct icr_error err = {0};

	icr_fail_at(&err, EIO, "/disk", "broken");
	icr_error_hint(&err, "first");
	CU_ASSERT_EQUAL(icr_error_wrap(&err, "cannot store %d", 1), -EIO);
	CU_ASSERT_STRING_EQUAL(err.hint, "first");
	CU_ASSERT_EQUAL(icr_error_hint(&err, "buy %s", "another"), -EIO);
	CU_ASSERT_STRING_EQUAL(err.hint, "buy another");
	check_print(&err, "/disk: cannot store 1: broken");
}

static void test_set_again(void)
{
	_cleanup_error_ struct icr_error err = {0};

	icr_fail_at(&err, EIO, "/disk", "broken");
	icr_error_hint(&err, "old hint");
	/* the old texts may be arguments of the new one */
	icr_fail_at(&err, EPERM, err.where, "no more than \"%s\"", err.what);
	CU_ASSERT_PTR_NULL(err.hint);
	check_print(&err, "/disk: no more than \"broken\"");
}

static void test_null(void)
{
	CU_ASSERT_EQUAL(icr_fail(NULL, EIO, "x"), -EIO);
	CU_ASSERT_EQUAL(icr_fail_at(NULL, EIO, "y", "x"), -EIO);
	CU_ASSERT_EQUAL(icr_fail_errno(NULL, EIO, "y", "x"), -EIO);
	CU_ASSERT(icr_error_wrap(NULL, "x") < 0);
	CU_ASSERT(icr_error_hint(NULL, "x") < 0);
	icr_error_clear(NULL);
}

static void test_move(void)
{
	_cleanup_error_ struct icr_error from = {0}, to = {0};

	icr_fail(&to, EPERM, "old");
	icr_fail_at(&from, EIO, "/x", "new");
	icr_error_move(&to, &from);
	check_print(&to, "/x: new");
	CU_ASSERT_EQUAL(from.code, 0);
	CU_ASSERT_PTR_NULL(from.what);
	icr_error_move(&to, &to);
	check_print(&to, "/x: new");
}

static void test_terminal(void)
{
	_cleanup_error_ struct icr_error err = {0};

	icr_fail_at(&err, EIO, "a\033[2Jb", "two\nlines\tand \x7f\x01, \xc3\xa4");
	check_print(&err, "a\\x1B[2Jb: two\nlines\tand \\x7F\\x01, \xc3\xa4");
	icr_fail_at(&err, EIO, "\xff\x9b",
		    "\xc2\x9b"
		    "2J\xc2\xa0");
	check_print(&err, "\\xFF\\x9B: \\xC2\\x9B"
			  "2J\xc2\xa0");
}

static const struct test tests[] = {
	{"fail", test_fail},
	{"fail at a place", test_fail_at},
	{"fail with errno", test_fail_errno},
	{"wrap and hint", test_wrap_and_hint},
	{"set again from its own texts", test_set_again},
	{"nobody wants the error", test_null},
	{"move", test_move},
	{"safe for a terminal", test_terminal},
};

int main(void)
{
	return suite_run("error", tests, sizeof(tests) / sizeof(tests[0]));
}
