/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_BLOCK_H
#define REWRITE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"

/*
 * A managed block in a text that others edit too. Pure functions: no file, no host.
 *
 *	# BEGIN icr-rewrite: why it is there
 *	entry
 *	# END icr-rewrite
 *
 * What is ours, and goes when our share is taken out, also after somebody edited the file:
 * - the marker lines, wherever they stand and however many;
 * - between BEGIN and END, lines that are entries such as we write; anything else that somebody put
 *   there (comments, empty lines, entries of others) stays;
 * - when END is missing, such lines directly behind BEGIN, up to the first line of another kind;
 *   when BEGIN is missing, such lines directly before END;
 * - the prefix BLOCK_HIDDEN of a line that was commented out: the line itself comes back.
 * With both markers gone nothing is provably ours and nothing goes.
 */
#define BLOCK_BEGIN  "# BEGIN icr-rewrite"
#define BLOCK_END    "# END icr-rewrite"
#define BLOCK_HIDDEN "#icr-rewrite# "

#define BLOCK_NOWHERE ((size_t)-1)

/* A line with its line end, which only a text's last line can lack. */
struct block_line {
	const char *text;
	size_t len;
};

/* Is the line one that could stand in a block of ours, and only there? */
typedef bool block_entry(const struct block_line *line);

/* The line that begins at OFFSET. */
struct block_line block_line_at(const char *text, size_t len, size_t offset);

/*
 * Appends TEXT without our share. NEWLINE: the line end before the block was ours too, because the
 * file had none; it goes when the block is the last thing in the file. ret_position is where in OUT
 * the first block stood, or BLOCK_NOWHERE. Returns whether anything was taken out.
 */
bool block_strip(const char *text, size_t len, block_entry *is_entry, bool newline,
		 struct icr_buf *out, size_t *ret_position);

/* Calls EACH for every entry of our share of TEXT. */
void block_entries(const char *text, size_t len, block_entry *is_entry,
		   void (*each)(const struct block_line *line, void *data), void *data);

/* Does the text's first line end in CR LF? */
bool block_crlf(const char *text, size_t len);

#endif
