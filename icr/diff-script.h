/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_DIFF_SCRIPT_H
#define ICR_DIFF_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lines of a text, and which of them go or come. */

struct icr_diff_line {
	const char *text;
	size_t len; /* without the line feed */
	uint32_t hash;
	bool ended;   /* by a line feed: only the last line may not be */
	bool changed; /* of the old text: removed; of the new: added */
};

struct icr_diff_lines {
	struct icr_diff_line *lines;
	size_t count;
};

/* Cuts a text, which must outlive the lines. False when memory ran out. */
bool icr_diff_cut(const char *text, size_t len, struct icr_diff_lines *ret_lines);

void icr_diff_lines_free(struct icr_diff_lines *lines);

#define _cleanup_diff_lines_ __attribute__((cleanup(icr_diff_lines_free)))

/*
 * Marks the changed lines of both. As few as possible, unless that would take too long (thousands
 * of changed lines): then everything between the first and the last change.
 */
void icr_diff_mark(struct icr_diff_lines *old_lines, struct icr_diff_lines *new_lines);

#endif
