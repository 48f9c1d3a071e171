/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_BLOCK_H
#define REWRITE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"

/*
 * A managed block in a text that others edit too and whose comments begin with '#': /etc/hosts,
 * TOML, YAML. Pure functions: no file, no host.
 *
 *	# BEGIN icr-rewrite: why it is there
 *	entry
 *	# END icr-rewrite
 *
 * What is ours, and goes when our share is taken out, also after somebody edited the text:
 * - the marker lines, wherever they stand and however many; in other white space than ours, those
 *   that stand beside an entry;
 * - between BEGIN and END, lines that are entries such as we write; anything else that somebody put
 *   there (comments, empty lines, entries of others) stays;
 * - when END is missing, such lines directly behind BEGIN, up to the first line of another kind;
 *   when BEGIN is missing, such lines directly before END;
 * - lines that the grammar knows for ours wherever they stand, with markers or without;
 * - the mark BLOCK_HIDDEN of a line of somebody's that was commented out: the line itself comes
 *   back, and what was left in force of it, in the line before, goes. Where that does not stand
 *   there any more somebody has edited it: it stays so, and only what we took out comes back.
 */
#define BLOCK_BEGIN  "# BEGIN icr-rewrite"
#define BLOCK_END    "# END icr-rewrite"
#define BLOCK_HIDDEN "#icr-rewrite# "

/* A whole file of ours, in a folder that an engine or systemd reads, begins with this line. */
#define BLOCK_WHOLE "# Written by icr-rewrite. Do not edit: icr-rewrite undo removes this file.\n"

/* Does it, up to the first blank that an editor might have changed? Then it is ours, also when no
 * state tells of it. */
bool block_is_whole(const char *text, size_t len);

#define BLOCK_NOWHERE ((size_t)-1)

/* A line with its line end, which only a text's last line can lack. */
struct block_line {
	const char *text;
	size_t len;
};

/* How the lines of a kind of file are told apart. Members may be NULL but is_entry. */
struct block_grammar {
	/* The next byte at or behind TEXT (up to END) of a line that any other member, or whoever
	 * looks at the lines, has to see; NULL for none. Markers are found besides only where it
	 * finds "icr-rewrite". NULL: looks for just that. Files are large, such lines are few. */
	const char *(*next)(const char *text, const char *end);

	/* Could the line stand in a block of ours, and only there? */
	bool (*is_entry)(const struct block_line *line);

	/* Is an entry ours although it stands outside the markers? */
	bool (*is_ours)(const struct block_line *entry, const void *data);

	/* Is LINE what we left in force of HIDDEN, a line of somebody's that we commented out? */
	bool (*is_rest)(const struct block_line *line, const struct block_line *hidden,
			const void *data);

	/* Puts into OUT what we took out of force of HIDDEN, as a line of its own; false, and
	 * nothing, when that cannot be told from the rest. There is one where is_rest is. */
	bool (*taken_out)(const struct block_line *hidden, const void *data, struct icr_buf *out);

	const void *data; /* for is_ours, is_rest and taken_out */
};

enum block_kind {
	BLOCK_LINE_BEGIN,
	BLOCK_LINE_END,
	BLOCK_LINE_ENTRY,  /* such as a block of ours has */
	BLOCK_LINE_HIDDEN, /* somebody's, commented out */
	BLOCK_LINE_REST,   /* what is in force of the hidden line behind it */
	BLOCK_LINE_OTHER,  /* somebody's, which the grammar's next() found */
};

struct block_item {
	struct block_line line;
	enum block_kind kind;
	size_t cut;  /* so many of its first bytes are ours: all of them, BLOCK_HIDDEN or none */
	size_t base; /* where it begins, or would, in the text without our share */
	bool placed; /* ours by the markers */
	struct icr_buf back; /* a line that comes back instead of all of it, or nothing */
};

/* The lines of a text that matter, in their order. They point into the text. */
struct block {
	struct block_item *items;
	size_t count;
	const char *text;
	size_t len;
};

/* Takes time and memory in proportion to the text, whatever is in it. Free with block_free. */
void block_scan(const char *text, size_t len, const struct block_grammar *grammar,
		struct block *ret_block);
void block_free(struct block *block);

/* Is anything in the text ours? */
bool block_found(const struct block *block);

/*
 * The text without our share. NEWLINE: the line end before the block was ours too, because the text
 * had none; it goes when the block is the last thing in the text. NULL: it was not.
 */
void block_strip(const struct block *block, const char *newline, struct icr_buf *out);

/* Is BASE what block_strip() without a newline yields, but for a line end more? */
bool block_is_base(const struct block *block, const char *base, size_t len);

/* Where in the stripped text the first block stood, or BLOCK_NOWHERE. */
size_t block_place(const struct block *block);

/* How many line ends there are in TEXT. */
size_t block_count_lines(const char *text, size_t len);

/* Does the text's first line end in CR LF? */
bool block_crlf(const char *text, size_t len);

/* The line end of TEXT's lines. */
static inline const char *block_newline(const char *text, size_t len)
{
	return block_crlf(text, len) ? "\r\n" : "\n";
}

#define _cleanup_block_ __attribute__((cleanup(block_free)))

#endif
