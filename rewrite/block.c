/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/block.h"

#include <ctype.h>
#include <string.h>

enum kind {
	KIND_OTHER,
	KIND_BEGIN,
	KIND_END,
	KIND_ENTRY,  /* such as a block of ours has */
	KIND_HIDDEN, /* commented out by --force */
};

struct block_line block_line_at(const char *text, size_t len, size_t offset)
{
	const char *end = memchr(text + offset, '\n', len - offset);
	size_t next = end ? (size_t)(end - text) + 1 : len;
	return (struct block_line){text + offset, next - offset};
}

/* A marker is followed by the end of the line, white space or a colon. */
static bool is_marker(const struct block_line *line, const char *marker)
{
	size_t len = strlen(marker);
	if (line->len < len || memcmp(line->text, marker, len) != 0)
		return false;
	return line->len == len || line->text[len] == ':' ||
	       isspace((unsigned char)line->text[len]);
}

static enum kind kind_of(const struct block_line *line, block_entry *is_entry)
{
	size_t hidden = strlen(BLOCK_HIDDEN);
	if (is_marker(line, BLOCK_BEGIN))
		return KIND_BEGIN;
	if (is_marker(line, BLOCK_END))
		return KIND_END;
	if (line->len >= hidden && memcmp(line->text, BLOCK_HIDDEN, hidden) == 0)
		return KIND_HIDDEN;
	return is_entry(line) ? KIND_ENTRY : KIND_OTHER;
}

enum where {
	OUTSIDE,
	INSIDE,	  /* between BEGIN and its END */
	UNCLOSED, /* directly behind a BEGIN without END */
	UNOPENED, /* directly before an END without BEGIN */
};

struct stripper {
	const char *text;
	size_t len;
	block_entry *is_entry;
	enum where where;
	bool looked; /* OUTSIDE, and the lines at hand are known not to lead to an END */
};

/* What the first marker behind OFFSET is; KIND_OTHER when there is none. PLAIN: before any line of
 * another kind than KIND_ENTRY. */
static enum kind marker_behind(const struct stripper *stripper, size_t offset, bool plain)
{
	while (offset < stripper->len) {
		struct block_line line = block_line_at(stripper->text, stripper->len, offset);
		enum kind kind = kind_of(&line, stripper->is_entry);
		if (kind == KIND_BEGIN || kind == KIND_END)
			return kind;
		if (plain && kind != KIND_ENTRY)
			return KIND_OTHER;
		offset += line.len;
	}
	return KIND_OTHER;
}

/* Is the line ours to remove? Keeps track of where it stands. */
static bool goes(struct stripper *stripper, enum kind kind, size_t offset, size_t next)
{
	switch (kind) {
	case KIND_BEGIN:
		stripper->where =
			marker_behind(stripper, next, false) == KIND_END ? INSIDE : UNCLOSED;
		return true;
	case KIND_END:
		stripper->where = OUTSIDE;
		stripper->looked = false;
		return true;
	case KIND_ENTRY:
		if (stripper->where == OUTSIDE && !stripper->looked) {
			stripper->looked = true;
			if (marker_behind(stripper, offset, true) == KIND_END)
				stripper->where = UNOPENED;
		}
		return stripper->where != OUTSIDE;
	case KIND_HIDDEN:
	case KIND_OTHER:
		break;
	}
	if (stripper->where != INSIDE)
		stripper->where = OUTSIDE;
	stripper->looked = false;
	return false;
}

static void drop_line_end(struct icr_buf *out, size_t start)
{
	size_t len = out->len;
	if (len > start && out->data[len - 1] == '\n')
		len--;
	if (len > start && len < out->len && out->data[len - 1] == '\r')
		len--;
	icr_buf_truncate(out, len);
}

bool block_strip(const char *text, size_t len, block_entry *is_entry, bool newline,
		 struct icr_buf *out, size_t *ret_position)
{
	struct stripper stripper = {.text = text, .len = len, .is_entry = is_entry};
	size_t start = out->len, position = BLOCK_NOWHERE;
	bool any = false, last = false;
	for (size_t offset = 0; offset < len;) {
		struct block_line line = block_line_at(text, len, offset);
		enum kind kind = kind_of(&line, is_entry);
		last = goes(&stripper, kind, offset, offset + line.len);
		size_t skip = last ? line.len : kind == KIND_HIDDEN ? strlen(BLOCK_HIDDEN) : 0;
		if (last && position == BLOCK_NOWHERE)
			position = out->len - start;
		any |= skip > 0;
		icr_buf_append(out, line.text + skip, line.len - skip);
		offset += line.len;
	}
	if (last && newline)
		drop_line_end(out, start);
	if (position != BLOCK_NOWHERE && position > out->len - start)
		position = out->len - start;
	*ret_position = position;
	return any;
}

bool block_crlf(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	return end && end > text && end[-1] == '\r';
}

void block_entries(const char *text, size_t len, block_entry *is_entry,
		   void (*each)(const struct block_line *line, void *data), void *data)
{
	struct stripper stripper = {.text = text, .len = len, .is_entry = is_entry};
	for (size_t offset = 0; offset < len;) {
		struct block_line line = block_line_at(text, len, offset);
		enum kind kind = kind_of(&line, is_entry);
		if (goes(&stripper, kind, offset, offset + line.len) && kind == KIND_ENTRY)
			each(&line, data);
		offset += line.len;
	}
}
