/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_DIFF_H
#define ICR_DIFF_H

#include <stddef.h>

#include "icr/buf.h"

/*
 * Appends a unified diff with three lines of context, as diff -u prints it, headers "--- PATH" and
 * "+++ PATH" ("/dev/null" for a text that is NULL: no such file); nothing when both are equal.
 * Control characters other than tab, and invalid UTF-8, are shown as \xHH so that a terminal is
 * safe.
 */
void icr_diff(const char *path, const char *old_text, size_t old_len, const char *new_text,
	      size_t new_len, struct icr_buf *out);

#endif
