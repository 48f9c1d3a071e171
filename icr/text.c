/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/utf8.h"

void icr_trim(const char **text, size_t *len)
{
	while (*len > 0 && icr_is_space((*text)[*len - 1]))
		--*len;
	while (*len > 0 && icr_is_space(**text)) {
		++*text;
		--*len;
	}
}

static bool is_obeyed(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* As much as there is room for, in whole characters. */
static void append_safe(const char *text, size_t len, struct icr_buf *out)
{
	size_t room = out->max - out->len, fits = len > room ? 0 : len, n;

	while (fits < len && (n = icr_utf8_length(text + fits, len - fits)) <= room - fits)
		fits += n;
	icr_buf_append(out, text, fits);
	icr_buf_append(out, text + fits, len - fits);
}

void icr_text_safe(const char *text, size_t len, const char *keep, struct icr_buf *out)
{
	size_t start = 0;

	for (size_t at = 0, used; at < len; at += used) {
		size_t n = icr_utf8_length(text + at, len - at);
		uint32_t code = n > 0 ? icr_utf8_decode(text + at, n) : 0;
		used = n > 0 ? n : 1;
		if (n > 0 &&
		    (!is_obeyed(code) || (code != 0 && code < 0x80 && strchr(keep, (int)code))))
			continue;
		append_safe(text + start, at - start, out);
		for (size_t i = 0; i < used; i++)
			icr_buf_printf(out, "\\x%02X", (unsigned char)text[at + i]);
		start = at + used;
	}
	append_safe(text + start, len - start, out);
}

/* Here, because errors are made without a buffer or a safe text. */
void icr_error_print(const struct icr_error *err, struct icr_buf *out)
{
	if (err->where) {
		icr_text_safe(err->where, strlen(err->where), "\n\t", out);
		icr_buf_text(out, ": ");
	}
	icr_text_safe(err->what, strlen(err->what), "\n\t", out);
}

void icr_text_shell(const char *path, struct icr_buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+:,@%";

	if (*path && *path != '-' && path[strspn(path, plain)] == '\0') {
		icr_buf_text(out, path);
		return;
	}
	icr_buf_char(out, '\'');
	for (; *path; path++)
		if (*path == '\'')
			icr_buf_text(out, "'\\''");
		else
			icr_buf_char(out, *path);
	icr_buf_char(out, '\'');
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool icr_base64_decode(const char *text, size_t len, struct icr_buf *out)
{
	unsigned bits = 0, value = 0;

	if (len >= 4 && len % 4 == 0 && text[len - 1] == '=')
		len -= text[len - 2] == '=' ? 2 : 1;
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0)
			return false;
		value = (value << 6 | (unsigned)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			icr_buf_char(out, (char)(value >> bits & 0xff));
		}
	}
	return !out->failed;
}

int icr_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number,
		     struct icr_error *err)
{
	bool negative = min < 0 && *text == '-';
	const char *digit = text + negative;
	int64_t number = 0;
	bool outside = false;

	if (!*digit)
		return icr_fail(err, EINVAL, "\"%s\" is not a number", text);
	for (; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return icr_fail(err, EINVAL, "\"%s\" is not a number", text);
		int value = *digit - '0';
		outside = outside || __builtin_mul_overflow(number, 10, &number) ||
			  (negative ? __builtin_sub_overflow(number, value, &number)
				    : __builtin_add_overflow(number, value, &number));
	}
	if (outside || number < min || number > max)
		return icr_fail(err, ERANGE, "\"%s\" is not between %" PRId64 " and %" PRId64, text,
				min, max);
	*ret_number = number;
	return 0;
}

/* Longer words are no typos. */
#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be added, dropped, changed, or swapped with their neighbour, to make A of
 * B (Damerau and Levenshtein, without further edits between the swapped). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		before[j] = last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

const char *icr_nearest(const char *text, const char *const *words, size_t count)
{
	size_t len = strlen(text), best = SIZE_MAX;
	const char *nearest = NULL;

	for (size_t i = 0; len <= WORD_MAX && i < count; i++) {
		size_t word_len = strlen(words[i]);
		if (word_len > WORD_MAX)
			continue;
		size_t away = distance(text, len, words[i], word_len);
		/* a third of the letters wrong is another word */
		if (away < best && away * 3 <= (len > word_len ? len : word_len)) {
			best = away;
			nearest = words[i];
		}
	}
	return nearest;
}

void icr_strings_add(struct icr_strings *strings, const char *text)
{
	*ICR_APPEND(strings) = icr_strdup(text);
}

void icr_strings_add_span(struct icr_strings *strings, const char *bytes, size_t len)
{
	*ICR_APPEND(strings) = icr_memdup(bytes, len);
}

void icr_strings_add_format(struct icr_strings *strings, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*ICR_APPEND(strings) = icr_vprintf(format, args);
	va_end(args);
}

bool icr_strings_has(const struct icr_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (strcmp(strings->items[i], text) == 0)
			return true;
	return false;
}

void icr_strings_add_once(struct icr_strings *strings, const char *text)
{
	if (!icr_strings_has(strings, text))
		icr_strings_add(strings, text);
}

void icr_strings_free(struct icr_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++) {
		icr_wipe(strings->items[i], strlen(strings->items[i]));
		free(strings->items[i]);
	}
	free(strings->items);
	*strings = (struct icr_strings){0};
}
