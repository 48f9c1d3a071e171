/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"

void words_add(struct words *words, const char *bytes, size_t len)
{
	char **items = realloc(words->items, (words->count + 1) * sizeof(*items));
	if (items)
		words->items = items;
	char *copy = items ? malloc(len + 1) : NULL;
	if (!copy) {
		words->failed = true;
		return;
	}
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	words->items[words->count++] = copy;
}

void words_add_block(struct words *words, const char *block, size_t len)
{
	for (size_t start = 0; start < len;) {
		size_t word = strnlen(block + start, len - start);
		words_add(words, block + start, word);
		start += word + 1;
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* \xHH, \OOO: how many characters after the backslash belong to it, 0 when it is no such escape. */
static size_t numeric_escape(const char *text, size_t len, char *ret_c)
{
	bool hexadecimal = len > 0 && text[0] == 'x';
	int base = hexadecimal ? 16 : 8, value = 0;
	size_t start = hexadecimal ? 1 : 0, digits = hexadecimal ? 2 : 3;

	if (len < start + digits)
		return 0;
	for (size_t i = start; i < start + digits; i++) {
		int d = digit(text[i]);
		if (d < 0 || d >= base)
			return 0;
		value = value * base + d;
	}
	if (value == 0 || value > UINT8_MAX)
		return 0;
	*ret_c = (char)value;
	return start + digits;
}

/* Reads the escape behind a backslash; one that systemd does not know stays as it is. */
static size_t unescape(const char *text, size_t len, struct icr_buf *out)
{
	static const char names[] = "abfnrtvs\\\"'", values[] = "\a\b\f\n\r\t\v \\\"'";
	char c = '\0';

	const char *name = len > 0 && text[0] != '\0' ? strchr(names, text[0]) : NULL;
	size_t used = name ? 1 : numeric_escape(text, len, &c);
	if (name)
		c = values[name - names];
	icr_buf_char(out, used > 0 ? c : '\\');
	return used;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool words_split(struct words *words, const char *text, size_t len)
{
	_cleanup_buf_ struct icr_buf word;
	bool inside = false;
	char quote = '\0';

	icr_buf_init(&word, len);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quote == '\0' && is_space(c)) {
			if (inside)
				words_add(words, word.data, word.len);
			icr_buf_truncate(&word, 0);
			inside = false;
			continue;
		}
		inside = true;
		if (c == '\\')
			i += unescape(text + i + 1, len - i - 1, &word);
		else if (quote != '\0' && c == quote)
			quote = '\0';
		else if (quote == '\0' && (c == '"' || c == '\''))
			quote = c;
		else
			icr_buf_char(&word, c);
	}
	if (word.failed)
		words->failed = true;
	if (quote != '\0')
		return false;
	if (inside)
		words_add(words, word.data, word.len);
	return true;
}

const char *words_value(const struct words *words, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = words->count; i > 0; i--) {
		const char *item = words->items[i - 1];
		if (strncmp(item, name, len) == 0 && item[len] == '=')
			return item[len + 1] != '\0' ? item + len + 1 : NULL;
	}
	return NULL;
}

void words_clear(struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		explicit_bzero(words->items[i], strlen(words->items[i]));
		free(words->items[i]);
	}
	free(words->items);
	*words = (struct words){0};
}

int words_check(const struct words *words, struct icr_error *err)
{
	return words->failed ? icr_fail_memory(err) : 0;
}
