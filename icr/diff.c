/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/diff.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"

#define CONTEXT 3
/* Work and memory grow with the square of the number of changed items: 4 MB for this many. */
#define CHANGES_MAX 1400

/* A text's lines, each with its line feed: only the last may lack it. */
struct lines {
	struct icr_diff_item *items;
	size_t count;
};

uint32_t icr_diff_hash(const char *text, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619U;
	return hash;
}

/* Cuts a text, which must outlive the lines. */
static struct lines cut_lines(const char *text, size_t len)
{
	size_t most = 1;

	for (size_t i = 0; i < len; i++)
		most += text[i] == '\n';
	struct lines lines = {.items = icr_calloc(most, sizeof(*lines.items))};
	for (size_t at = 0; at < len; lines.count++) {
		const char *feed = memchr(text + at, '\n', len - at);
		size_t line_len = feed ? (size_t)(feed - (text + at)) + 1 : len - at;
		lines.items[lines.count] = (struct icr_diff_item){
			.text = text + at,
			.len = line_len,
			.hash = icr_diff_hash(text + at, line_len),
		};
		at += line_len;
	}
	return lines;
}

static void free_lines(struct lines *lines)
{
	free(lines->items);
	*lines = (struct lines){0};
}

static bool is_same(const struct icr_diff_item *a, const struct icr_diff_item *b)
{
	return a->hash == b->hash && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The part between the common beginning and the common end. */
struct middle {
	struct icr_diff_item *a, *b;
	int n, m;
};

static void mark_range(struct icr_diff_item *items, int count)
{
	for (int i = 0; i < count; i++)
		items[i].changed = true;
}

/* Follows equal lines from X on diagonal K = x - y. */
static int slide(const struct middle *middle, int x, int k)
{
	while (x < middle->n && x - k < middle->m && is_same(&middle->a[x], &middle->b[x - k]))
		x++;
	return x;
}

/*
 * The furthest x on each diagonal after D changes, in one triangle: row D holds the diagonals
 * -D, -D + 2, ..., D. Source: E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986.
 */
static size_t row(int d)
{
	return (size_t)d * ((size_t)d + 1) / 2;
}

/* Does diagonal K of row D come from the one above (a line of b added)? */
static bool came_down(const int *reach, int d, int k)
{
	const int *before = reach + row(d - 1);

	if (k == -d || k == d)
		return k == -d;
	/* diagonal K - 1 is at (K - 1 + D - 1) / 2 of the row before */
	return before[(k + d) / 2 - 1] < before[(k + d) / 2];
}

static int start_of(const int *reach, int d, int k)
{
	if (d == 0)
		return 0;
	const int *before = reach + row(d - 1);
	return came_down(reach, d, k) ? before[(k + d) / 2] : before[(k + d) / 2 - 1] + 1;
}

/* Fills the triangle until the end is reached; the number of changes, or -1 for too many. */
static int search(const struct middle *middle, int *reach, int max)
{
	for (int d = 0; d <= max; d++) {
		for (int k = -d; k <= d; k += 2) {
			int x = start_of(reach, d, k);
			/* beyond an edge nothing is found, but neighbours still look here */
			if (x <= middle->n && x - k <= middle->m && x - k >= 0)
				x = slide(middle, x, k);
			reach[row(d) + (size_t)(k + d) / 2] = x;
			if (x == middle->n && x - k == middle->m)
				return d;
		}
	}
	return -1;
}

static void mark_path(const struct middle *middle, const int *reach, int d)
{
	int k = middle->n - middle->m;

	for (; d > 0; d--) {
		int x = start_of(reach, d, k);
		if (came_down(reach, d, k)) {
			middle->b[x - k - 1].changed = true;
			k++;
		} else {
			middle->a[x - 1].changed = true;
			k--;
		}
	}
}

static void mark_middle(const struct middle *middle)
{
	int max = middle->n + middle->m < CHANGES_MAX ? middle->n + middle->m : CHANGES_MAX;
	_cleanup_free_ int *reach = NULL;
	int d = -1;

	if (middle->n > 0 && middle->m > 0) {
		reach = icr_calloc(row(max + 1), sizeof(*reach));
		d = search(middle, reach, max);
	}
	if (d >= 0) {
		mark_path(middle, reach, d);
	} else {
		mark_range(middle->a, middle->n);
		mark_range(middle->b, middle->m);
	}
}

void icr_diff_mark(struct icr_diff_item *a, size_t n, struct icr_diff_item *b, size_t m)
{
	size_t same = 0;

	while (same < n && same < m && is_same(&a[same], &b[same]))
		same++;
	while (n > same && m > same && is_same(&a[n - 1], &b[m - 1])) {
		n--;
		m--;
	}
	mark_middle(&(struct middle){a + same, b + same, (int)(n - same), (int)(m - same)});
}

static void print_line(char mark, const struct icr_diff_item *line, struct icr_buf *out)
{
	bool ended = line->text[line->len - 1] == '\n';

	icr_buf_char(out, mark);
	icr_text_safe(line->text, line->len - ended, "\t", out);
	icr_buf_char(out, '\n');
	if (!ended)
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

static void print_hunk(const struct lines *old_lines, const struct lines *new_lines,
		       const struct hunk *hunk, struct icr_buf *out)
{
	size_t i = hunk->i, k = hunk->k;

	icr_buf_text(out, "@@ ");
	print_range('-', hunk->i, hunk->n, out);
	icr_buf_char(out, ' ');
	print_range('+', hunk->k, hunk->m, out);
	icr_buf_text(out, " @@\n");
	while (i < hunk->i + hunk->n || k < hunk->k + hunk->m) {
		if (i < hunk->i + hunk->n && old_lines->items[i].changed) {
			print_line('-', &old_lines->items[i++], out);
		} else if (k < hunk->k + hunk->m && new_lines->items[k].changed) {
			print_line('+', &new_lines->items[k++], out);
		} else {
			print_line(' ', &old_lines->items[i++], out);
			k++;
		}
	}
}

/* Steps over changed lines of both. */
static void skip_changed(const struct lines *old_lines, const struct lines *new_lines, size_t *i,
			 size_t *k)
{
	while (*i < old_lines->count && old_lines->items[*i].changed)
		(*i)++;
	while (*k < new_lines->count && new_lines->items[*k].changed)
		(*k)++;
}

/* Steps over at most MAX lines that both have; how many. */
static size_t skip_same(const struct lines *old_lines, const struct lines *new_lines, size_t *i,
			size_t *k, size_t max)
{
	size_t n = 0;

	while (n < max && *i < old_lines->count && *k < new_lines->count &&
	       !old_lines->items[*i].changed && !new_lines->items[*k].changed) {
		(*i)++;
		(*k)++;
		n++;
	}
	return n;
}

/* The hunk that begins with the change at I, K; moves both behind it. Changes with no more than
 * twice the context between them share a hunk. */
static struct hunk next_hunk(const struct lines *old_lines, const struct lines *new_lines,
			     size_t before, size_t *i, size_t *k)
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

static void print_hunks(const struct lines *old_lines, const struct lines *new_lines,
			struct icr_buf *out)
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
		icr_text_safe(path, strlen(path), "\t", out);
	else
		icr_buf_text(out, "/dev/null");
	icr_buf_char(out, '\n');
}

void icr_diff(const char *path, const char *old_text, size_t old_len, const char *new_text,
	      size_t new_len, struct icr_buf *out)
{
	if (!old_text == !new_text && old_len == new_len &&
	    (old_len == 0 || memcmp(old_text, new_text, old_len) == 0))
		return;
	icr_cleanup(free_lines) struct lines old_lines =
		cut_lines(old_text, old_text ? old_len : 0);
	icr_cleanup(free_lines) struct lines new_lines =
		cut_lines(new_text, new_text ? new_len : 0);
	icr_diff_mark(old_lines.items, old_lines.count, new_lines.items, new_lines.count);
	print_header("--- ", path, old_text != NULL, out);
	print_header("+++ ", path, new_text != NULL, out);
	print_hunks(&old_lines, &new_lines, out);
}
