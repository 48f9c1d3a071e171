/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/diff.h"

#include <errno.h>
#include <string.h>

#include "icr/diff-script.h"
#include "icr/utf8.h"

#define CONTEXT 3

static bool is_control(const char *text, size_t n)
{
	uint32_t code = icr_utf8_decode(text, n);

	return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0);
}

static void print_text(const char *text, size_t len, struct icr_buf *out)
{
	for (size_t at = 0; at < len;) {
		size_t n = icr_utf8_length(text + at, len - at);
		bool shown = n > 0 && !is_control(text + at, n);
		if (shown)
			icr_buf_append(out, text + at, n);
		for (size_t i = 0; !shown && i < (n > 0 ? n : 1); i++)
			icr_buf_printf(out, "\\x%02X", (unsigned char)text[at + i]);
		at += n > 0 ? n : 1;
	}
}

static void print_line(char mark, const struct icr_diff_line *line, struct icr_buf *out)
{
	icr_buf_char(out, mark);
	print_text(line->text, line->len, out);
	icr_buf_char(out, '\n');
	if (!line->ended)
		icr_buf_text(out, "\\ No newline at end of file\n");
}

/* A stretch of both texts, of lines I.. and K.. . */
struct hunk {
	size_t i, n;
	size_t k, m;
};

/* "LINE,COUNT" as diff writes it: no count of one; an empty range names the line before it. */
static void print_range(char mark, size_t start, size_t count, struct icr_buf *out)
{
	icr_buf_printf(out, "%c%zu", mark, count > 0 ? start + 1 : start);
	if (count != 1)
		icr_buf_printf(out, ",%zu", count);
}

static void print_hunk(const struct icr_diff_lines *old_lines,
		       const struct icr_diff_lines *new_lines, const struct hunk *hunk,
		       struct icr_buf *out)
{
	size_t i = hunk->i, k = hunk->k;

	icr_buf_text(out, "@@ ");
	print_range('-', hunk->i, hunk->n, out);
	icr_buf_char(out, ' ');
	print_range('+', hunk->k, hunk->m, out);
	icr_buf_text(out, " @@\n");
	while (i < hunk->i + hunk->n || k < hunk->k + hunk->m) {
		if (i < hunk->i + hunk->n && old_lines->lines[i].changed) {
			print_line('-', &old_lines->lines[i++], out);
		} else if (k < hunk->k + hunk->m && new_lines->lines[k].changed) {
			print_line('+', &new_lines->lines[k++], out);
		} else {
			print_line(' ', &old_lines->lines[i++], out);
			k++;
		}
	}
}

/* Steps over changed lines of both. */
static void skip_changed(const struct icr_diff_lines *old_lines,
			 const struct icr_diff_lines *new_lines, size_t *i, size_t *k)
{
	while (*i < old_lines->count && old_lines->lines[*i].changed)
		(*i)++;
	while (*k < new_lines->count && new_lines->lines[*k].changed)
		(*k)++;
}

/* Steps over at most MAX lines that both have; how many. */
static size_t skip_same(const struct icr_diff_lines *old_lines,
			const struct icr_diff_lines *new_lines, size_t *i, size_t *k, size_t max)
{
	size_t n = 0;

	while (n < max && *i < old_lines->count && *k < new_lines->count &&
	       !old_lines->lines[*i].changed && !new_lines->lines[*k].changed) {
		(*i)++;
		(*k)++;
		n++;
	}
	return n;
}

/* The hunk that begins with the change at I, K; moves both behind it. Changes with no more than
 * twice the context between them share a hunk. */
static struct hunk next_hunk(const struct icr_diff_lines *old_lines,
			     const struct icr_diff_lines *new_lines, size_t before, size_t *i,
			     size_t *k)
{
	struct hunk hunk = {.i = *i - before, .k = *k - before};

	for (;;) {
		skip_changed(old_lines, new_lines, i, k);
		size_t i_ahead = *i, k_ahead = *k;
		size_t n = skip_same(old_lines, new_lines, &i_ahead, &k_ahead, 2 * CONTEXT + 1);
		bool ends = i_ahead == old_lines->count && k_ahead == new_lines->count;
		if (ends || n > 2 * CONTEXT) {
			size_t after = n < CONTEXT ? n : CONTEXT;
			hunk.n = *i + after - hunk.i;
			hunk.m = *k + after - hunk.k;
			return hunk;
		}
		*i = i_ahead;
		*k = k_ahead;
	}
}

static void print_hunks(const struct icr_diff_lines *old_lines,
			const struct icr_diff_lines *new_lines, struct icr_buf *out)
{
	size_t i = 0, k = 0;

	for (;;) {
		size_t same = skip_same(old_lines, new_lines, &i, &k, SIZE_MAX);
		if (i == old_lines->count && k == new_lines->count)
			return;
		struct hunk hunk =
			next_hunk(old_lines, new_lines, same < CONTEXT ? same : CONTEXT, &i, &k);
		print_hunk(old_lines, new_lines, &hunk, out);
	}
}

static void print_header(const char *marks, const char *path, bool exists, struct icr_buf *out)
{
	icr_buf_text(out, marks);
	if (exists)
		print_text(path, strlen(path), out);
	else
		icr_buf_text(out, "/dev/null");
	icr_buf_char(out, '\n');
}

void icr_diff(const char *path, const char *old_text, size_t old_len, const char *new_text,
	      size_t new_len, struct icr_buf *out)
{
	_cleanup_diff_lines_ struct icr_diff_lines old_lines = {0}, new_lines = {0};

	if (!old_text == !new_text && old_len == new_len &&
	    (old_len == 0 || memcmp(old_text, new_text, old_len) == 0))
		return;
	if (!icr_diff_cut(old_text, old_text ? old_len : 0, &old_lines) ||
	    !icr_diff_cut(new_text, new_text ? new_len : 0, &new_lines)) {
		/* half a diff would be a lie */
		out->failed = out->failed ? out->failed : ENOMEM;
		return;
	}
	icr_diff_mark(&old_lines, &new_lines);
	print_header("--- ", path, old_text != NULL, out);
	print_header("+++ ", path, new_text != NULL, out);
	print_hunks(&old_lines, &new_lines, out);
}
