/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

int icr_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number,
		     struct icr_error *err)
{
	bool negative = min < 0 && *text == '-';
	const char *digit = text + negative;
	int64_t number = 0;
	bool outside = false;

	if (!*digit)
		return icr_fail(err, EINVAL, "\"%s\" is not a number", text);
	for (; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return icr_fail(err, EINVAL, "\"%s\" is not a number", text);
		int value = *digit - '0';
		outside = outside || __builtin_mul_overflow(number, 10, &number) ||
			  (negative ? __builtin_sub_overflow(number, value, &number)
				    : __builtin_add_overflow(number, value, &number));
	}
	if (outside || number < min || number > max)
		return icr_fail(err, ERANGE, "\"%s\" is not between %" PRId64 " and %" PRId64, text,
				min, max);
	*ret_number = number;
	return 0;
}
