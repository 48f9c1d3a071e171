/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A diff of two texts, the input cut at its first 0xff, applied to the old one gives the new. */
#include <stdbool.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "tests/fuzz/fuzz.h"

/* The line behind *AT, its length without the line feed; NULL at the end. */
static const char *next_line(const char *text, size_t len, size_t *at, size_t *ret_len)
{
	const char *line = text + *at;

	if (*at >= len)
		return NULL;
	const char *end = memchr(line, '\n', len - *at);
	*ret_len = end ? (size_t)(end - line) : len - *at;
	*at += *ret_len + (end != NULL);
	return line;
}

/* How many lines of the diff begin with MARK: behind the two headers. */
static size_t count(const struct icr_buf *diff, char mark)
{
	size_t at = 0, len, lines = 0, found = 0;

	for (const char *line; (line = next_line(diff->data, diff->len, &at, &len)); lines++)
		found += lines >= 2 && line[0] == mark;
	return found;
}

static size_t lines_of(const char *text, size_t len)
{
	size_t at = 0, line, lines = 0;

	while (next_line(text, len, &at, &line))
		lines++;
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memchr(data, 0xff, size) : NULL;
	size_t old_len = cut ? (size_t)(cut - data) : size;
	size_t new_len = cut ? size - old_len - 1 : 0;
	_cleanup_free_ char *old_text = fuzz_string(data, old_len);
	_cleanup_free_ char *new_text = fuzz_string(cut ? cut + 1 : data, new_len);
	_cleanup_buf_ struct icr_buf diff = ICR_BUF(ICR_BUF_MAX);

	icr_diff("x", old_text, old_len, new_text, new_len, &diff);
	bool same = old_len == new_len && memcmp(old_text, new_text, old_len) == 0;
	CHECK(same == (diff.len == 0));
	CHECK(lines_of(old_text, old_len) - count(&diff, '-') ==
	      lines_of(new_text, new_len) - count(&diff, '+'));
	return 0;
}
