/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/text.h"
#include "tests/unit/suite.h"

static void check(const char *text, int64_t min, int64_t max, int expected, int64_t value)
{
	_cleanup_error_ struct icr_error err = {0};
	int64_t number = 4711;

	int r = icr_number_parse(text, min, max, &number, &err);
	CU_ASSERT_EQUAL(r, expected);
	CU_ASSERT_EQUAL(number, r < 0 ? 4711 : value);
	CU_ASSERT_EQUAL(err.code, -r);
	if (r < 0) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, text));
	}
}

static void test_numbers(void)
{
	check("0", 0, 10, 0, 0);
	check("10", 0, 10, 0, 10);
	check("007", 0, 10, 0, 7);
	check("-3", -5, 5, 0, -3);
	check("9223372036854775807", 0, INT64_MAX, 0, INT64_MAX);
	check("-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN);
}

static void test_not_numbers(void)
{
	static const char *const texts[] = {"",	   " 1",  "1 ",	 "+1", "-",   "0x10",	 "1e3",
					    "1.0", "1\n", "--1", "a",  "1_0", "\xd9\xa1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], -100, 100, -EINVAL, 0);
	check("-1", 0, 10, -EINVAL, 0);
}

static void test_range(void)
{
	check("11", 0, 10, -ERANGE, 0);
	check("4", 5, 10, -ERANGE, 0);
	check("-6", -5, 5, -ERANGE, 0);
	check("9223372036854775808", 0, INT64_MAX, -ERANGE, 0);
	check("-9223372036854775809", INT64_MIN, 0, -ERANGE, 0);
	check("99999999999999999999999999999999", 0, INT64_MAX, -ERANGE, 0);
	/* wraps to a small number where overflow is forgotten */
	check("18446744073709551617", 0, 10, -ERANGE, 0);
	/* too large, and then not a number after all */
	check("99999999999999999999999x", 0, 10, -EINVAL, 0);
}

static void check_safe(const char *text, size_t len, const char *keep, const char *expected)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(1000);

	icr_text_safe(text, len, keep, &out);
	CU_ASSERT_STRING_EQUAL(out.data, expected);
}

static void test_safe(void)
{
	check_safe("us.icr.io", 9, "", "us.icr.io");
	check_safe("a\tb\nc", 5, "\n\t", "a\tb\nc");
	check_safe("a\tb\nc", 5, "\t", "a\tb\\x0Ac");
	check_safe("\x1b[31m\x7f", 6, "\n\t", "\\x1B[31m\\x7F");
	check_safe("a\0b", 3, "\n",
		   "a\\x00"
		   "b");
	check_safe("\xc2\x9b"
		   "31m",
		   5, "", "\\xC2\\x9B31m");
	check_safe("\xe2\x80\xae"
		   "x",
		   4, "", "\\xE2\\x80\\xAEx");
	check_safe("\xff\xc3\xa4", 3, "", "\\xFF\xc3\xa4");
}

static void check_shell(const char *path, const char *expected)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(1000);

	icr_text_shell(path, &out);
	CU_ASSERT_STRING_EQUAL(out.data, expected);
}

static void test_shell(void)
{
	check_shell("/etc/hosts", "/etc/hosts");
	check_shell("/a b", "'/a b'");
	check_shell("/a'b", "'/a'\\''b'");
	check_shell("", "''");
	check_shell("-rf", "'-rf'");
	check_shell("$(x)", "'$(x)'");
}

static void test_trim(void)
{
	const char *text = " \t x y\r\n";
	size_t len = strlen(text);

	icr_trim(&text, &len);
	CU_ASSERT_EQUAL(len, 3);
	CU_ASSERT_EQUAL(memcmp(text, "x y", 3), 0);
	text = "\v\f ";
	len = 3;
	icr_trim(&text, &len);
	CU_ASSERT_EQUAL(len, 0);
}

static void check_nearest(const char *text, const char *expected)
{
	static const char *const words[] = {"check", "plan",	"apply",    "status",
					    "undo",  "refresh", "--regions"};
	const char *nearest = icr_nearest(text, words, sizeof(words) / sizeof(words[0]));

	CU_ASSERT_EQUAL(nearest != NULL, expected != NULL);
	if (nearest && expected)
		CU_ASSERT_STRING_EQUAL(nearest, expected);
}

static void test_nearest(void)
{
	check_nearest("chek", "check");
	check_nearest("aplly", "apply");
	check_nearest("paln", "plan");
	check_nearest("--region", "--regions");
	check_nearest("udno", "undo");
	check_nearest("frobnicate", NULL);
	check_nearest("", NULL);
	check_nearest("status-status-status-status-status-status", NULL);
}

static void test_strings(void)
{
	_cleanup_strings_ struct icr_strings strings = {0};

	for (int i = 0; i < 100; i++)
		icr_strings_add_format(&strings, "%d", i);
	icr_strings_add_span(&strings, "xyz", 2);
	CU_ASSERT_EQUAL(strings.count, 101);
	CU_ASSERT_STRING_EQUAL(strings.items[99], "99");
	CU_ASSERT_STRING_EQUAL(strings.items[100], "xy");
	CU_ASSERT_TRUE(icr_strings_has(&strings, "42"));
	CU_ASSERT_FALSE(icr_strings_has(&strings, "4x"));
}

static const struct test tests[] = {
	{"safe for a terminal", test_safe},
	{"a word for a shell", test_shell},
	{"trimmed", test_trim},
	{"nearest word", test_nearest},
	{"strings", test_strings},
	{"numbers", test_numbers},
	{"not numbers", test_not_numbers},
	{"outside of the range", test_range},
};

int main(void)
{
	return suite_run("text", tests, sizeof(tests) / sizeof(tests[0]));
}
