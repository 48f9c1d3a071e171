/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/diff-script.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"

/* Work and memory grow with the square of the number of changed lines: 4 MB for this many. */
#define CHANGES_MAX 1400

static uint32_t hash_line(const char *text, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619U;
	return hash;
}

bool icr_diff_cut(const char *text, size_t len, struct icr_diff_lines *ret_lines)
{
	size_t count = 0;
	size_t most = 1;

	for (size_t i = 0; i < len; i++)
		most += text[i] == '\n';
	struct icr_diff_line *lines = calloc(most, sizeof(*lines));
	if (!lines)
		return false;
	for (size_t at = 0; at < len; count++) {
		const char *feed = memchr(text + at, '\n', len - at);
		size_t line_len = feed ? (size_t)(feed - (text + at)) : len - at;
		lines[count] = (struct icr_diff_line){
			.text = text + at,
			.len = line_len,
			.hash = hash_line(text + at, line_len),
			.ended = feed != NULL,
		};
		at += line_len + 1;
	}
	*ret_lines = (struct icr_diff_lines){lines, count};
	return true;
}

void icr_diff_lines_free(struct icr_diff_lines *lines)
{
	free(lines->lines);
	*lines = (struct icr_diff_lines){0};
}

static bool is_same(const struct icr_diff_line *a, const struct icr_diff_line *b)
{
	return a->hash == b->hash && a->len == b->len && a->ended == b->ended &&
	       memcmp(a->text, b->text, a->len) == 0;
}

/* The part between the common beginning and the common end. */
struct middle {
	struct icr_diff_line *a, *b;
	int n, m;
};

static void mark_range(struct icr_diff_line *lines, int count)
{
	for (int i = 0; i < count; i++)
		lines[i].changed = true;
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

	if (middle->n > 0 && middle->m > 0)
		reach = malloc(row(max + 1) * sizeof(*reach));
	if (reach)
		d = search(middle, reach, max);
	if (d >= 0) {
		mark_path(middle, reach, d);
	} else {
		mark_range(middle->a, middle->n);
		mark_range(middle->b, middle->m);
	}
}

void icr_diff_mark(struct icr_diff_lines *old_lines, struct icr_diff_lines *new_lines)
{
	struct icr_diff_line *a = old_lines->lines, *b = new_lines->lines;
	size_t n = old_lines->count, m = new_lines->count, same = 0;

	while (same < n && same < m && is_same(&a[same], &b[same]))
		same++;
	while (n > same && m > same && is_same(&a[n - 1], &b[m - 1])) {
		n--;
		m--;
	}
	mark_middle(&(struct middle){a + same, b + same, (int)(n - same), (int)(m - same)});
}
