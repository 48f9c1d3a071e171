/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_NUMBER_H
#define ICR_NUMBER_H

#include <stdint.h>

#include "icr/error.h"

/* Parses the whole of TEXT as a decimal integer in MIN..MAX (no sign, no space before it unless MIN
 * is negative, then '-' is allowed). -EINVAL or -ERANGE with a message that quotes TEXT. */
int icr_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number,
		     struct icr_error *err);

#endif
