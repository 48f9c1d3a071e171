/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_DIFF_H
#define ICR_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"

/* What a text is cut into, to be compared with that of another: a line, a token. Two are the same
 * when hash, length and bytes are. */
struct icr_diff_item {
	const char *text;
	size_t len;
	uint32_t hash;
	bool changed; /* in the old text: removed; in the new one: added */
};

uint32_t icr_diff_hash(const char *text, size_t len);

/*
 * Marks the changed items of both. As few as possible, unless that would take too long (thousands
 * of changed items): then everything between the first and the last change.
 */
void icr_diff_mark(struct icr_diff_item *a, size_t n, struct icr_diff_item *b, size_t m);

/*
 * Appends a unified diff with three lines of context, as diff -u prints it, headers "--- PATH" and
 * "+++ PATH" ("/dev/null" for a text that is NULL: no such file); nothing when both are equal.
 * Control characters other than tab, and invalid UTF-8, are shown as \xHH so that a terminal is
 * safe.
 */
void icr_diff(const char *path, const char *old_text, size_t old_len, const char *new_text,
	      size_t new_len, struct icr_buf *out);

#endif
