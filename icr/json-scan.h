/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_JSON_SCAN_H
#define ICR_JSON_SCAN_H

#include <stddef.h>

#include "icr/error.h"

/* Private to icr/json*.c: one scan over a text. */
struct icr_json_scan {
	const char *text;
	size_t len, at;
	const char *name;
	unsigned flags; /* enum icr_json_flags */
	struct icr_error *err;
};

/* -ICR_E_SYNTAX at the byte AT. */
int icr_json_scan_fail(const struct icr_json_scan *scan, size_t at, const char *format, ...)
	ICR_PRINTF(3, 4);

/* Each begins at scan->at, at its first character, and moves behind its last. */
int icr_json_scan_string(struct icr_json_scan *scan);
int icr_json_scan_number(struct icr_json_scan *scan);
int icr_json_scan_word(struct icr_json_scan *scan, const char *word);

/* Line and column (from 1, in characters) of the byte AT, all before which is valid UTF-8. A byte
 * order mark at the beginning does not count. */
void icr_json_position(const char *text, size_t len, size_t at, size_t *ret_line,
		       size_t *ret_column);

#endif
