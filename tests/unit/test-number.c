/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/number.h"
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

static const struct test tests[] = {
	{"numbers", test_numbers},
	{"not numbers", test_not_numbers},
	{"outside of the range", test_range},
};

int main(void)
{
	return suite_run("number", tests, sizeof(tests) / sizeof(tests[0]));
}
