/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/json-scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/utf8.h"

void icr_json_position(const char *text, size_t len, size_t at, size_t *ret_line,
		       size_t *ret_column)
{
	size_t line = 1, column = 1;
	size_t i = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	for (; i < at; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\n' || (c == '\r' && (i + 1 == len || text[i + 1] != '\n'))) {
			line++;
			column = 1;
		} else if ((c & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

int icr_json_scan_fail(const struct icr_json_scan *scan, size_t at, const char *format, ...)
{
	_cleanup_free_ char *what = NULL, *where = NULL;
	size_t line, column;
	va_list args;

	icr_json_position(scan->text, scan->len, at, &line, &column);
	va_start(args, format);
	int r = vasprintf(&what, format, args);
	va_end(args);
	if (r < 0) {
		what = NULL;
		return icr_fail_memory(scan->err);
	}
	if (!scan->name)
		return icr_fail(scan->err, ICR_E_SYNTAX, "line %zu, column %zu: %s", line, column,
				what);
	if (asprintf(&where, "%s:%zu:%zu", scan->name, line, column) < 0) {
		where = NULL;
		return icr_fail_memory(scan->err);
	}
	return icr_fail_at(scan->err, ICR_E_SYNTAX, where, "%s", what);
}

/* Is there a byte of the eight that a string cannot simply run over: a control character, '"',
 * '\\' or one above 0x7f? (A byte below N shows as the high bit of its difference; a borrow can
 * only add false alarms behind a true one.) */
static bool is_special(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101U, high = 0x8080808080808080U;
	uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

	return ((eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight) & high;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u, at scan->at. */
static int scan_hex(struct icr_json_scan *scan, uint32_t *ret_code)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++, scan->at++) {
		int digit = scan->at < scan->len ? hex_digit(scan->text[scan->at]) : -1;
		if (digit < 0)
			return icr_json_scan_fail(scan, scan->at,
						  "\\u needs four hexadecimal digits");
		code = code << 4 | (uint32_t)digit;
	}
	*ret_code = code;
	return 0;
}

static int scan_unicode(struct icr_json_scan *scan, size_t backslash)
{
	uint32_t code, second = 0;
	int r = scan_hex(scan, &code);

	if (r < 0)
		return r;
	if (code == 0 && scan->flags & ICR_JSON_NO_NUL)
		return icr_json_scan_fail(scan, backslash, "\\u0000 is not allowed here");
	if (code < 0xd800 || code > 0xdfff)
		return 0;
	if (code < 0xdc00 && scan->len - scan->at >= 2 && scan->text[scan->at] == '\\' &&
	    scan->text[scan->at + 1] == 'u') {
		scan->at += 2;
		r = scan_hex(scan, &second);
		if (r < 0)
			return r;
	}
	if (second < 0xdc00 || second > 0xdfff)
		return icr_json_scan_fail(scan, backslash,
					  "a lone surrogate: \\ud800 to \\udfff only come in pairs "
					  "of a high and a low one");
	return 0;
}

static int scan_escape(struct icr_json_scan *scan)
{
	size_t backslash = scan->at++;

	if (scan->at == scan->len)
		return icr_json_scan_fail(scan, scan->at, "the text ends inside a string");
	char c = scan->text[scan->at];
	if (c == 'u') {
		scan->at++;
		return scan_unicode(scan, backslash);
	}
	if (c == '\0' || !strchr("\"\\/bfnrt", c))
		return icr_json_scan_fail(scan, scan->at,
					  "no such escape: a backslash is followed by one of "
					  "\" \\ / b f n r t u");
	scan->at++;
	return 0;
}

static int fail_control(const struct icr_json_scan *scan)
{
	unsigned char c = (unsigned char)scan->text[scan->at];

	if (c == '\n' || c == '\r')
		return icr_json_scan_fail(scan, scan->at,
					  "the string is not closed before the end of the line");
	if (c == '\t')
		return icr_json_scan_fail(scan, scan->at, "a tab in a string is written \\t");
	return icr_json_scan_fail(scan, scan->at,
				  "the control character U+%04X in a string is written \\u%04x", c,
				  c);
}

int icr_json_scan_string(struct icr_json_scan *scan)
{
	const char *text = scan->text;
	uint64_t eight;
	int r;

	for (scan->at++;;) {
		while (scan->len - scan->at >= sizeof(eight)) {
			memcpy(&eight, text + scan->at, sizeof(eight));
			if (is_special(eight))
				break;
			scan->at += sizeof(eight);
		}
		while (scan->at < scan->len && text[scan->at] >= 0x20 && text[scan->at] != '"' &&
		       text[scan->at] != '\\' && (unsigned char)text[scan->at] < 0x80)
			scan->at++;
		if (scan->at == scan->len)
			return icr_json_scan_fail(scan, scan->at, "the text ends inside a string");
		unsigned char c = (unsigned char)text[scan->at];
		if (c == '"')
			break;
		if (c < 0x20)
			return fail_control(scan);
		if (c == '\\') {
			r = scan_escape(scan);
			if (r < 0)
				return r;
			continue;
		}
		size_t n = icr_utf8_length(text + scan->at, scan->len - scan->at);
		if (n == 0)
			return icr_json_scan_fail(scan, scan->at, "invalid UTF-8");
		scan->at += n;
	}
	scan->at++;
	return 0;
}

static bool is_digit(const struct icr_json_scan *scan)
{
	return scan->at < scan->len && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9';
}

static bool skip(struct icr_json_scan *scan, const char *any)
{
	char c = scan->at < scan->len ? scan->text[scan->at] : '\0';

	if (c == '\0' || !strchr(any, c))
		return false;
	scan->at++;
	return true;
}

static int scan_digits(struct icr_json_scan *scan, const char *behind)
{
	if (!is_digit(scan))
		return icr_json_scan_fail(scan, scan->at, "a digit is missing after %s", behind);
	while (is_digit(scan))
		scan->at++;
	return 0;
}

int icr_json_scan_number(struct icr_json_scan *scan)
{
	int r = 0;

	(void)skip(scan, "-");
	if (skip(scan, "0")) {
		if (is_digit(scan))
			return icr_json_scan_fail(scan, scan->at,
						  "a number may not begin with a needless 0");
		if (skip(scan, "xX"))
			return icr_json_scan_fail(scan, scan->at - 1,
						  "hexadecimal numbers are not JSON");
	} else {
		r = scan_digits(scan, "the minus sign");
	}
	if (r >= 0 && skip(scan, "."))
		r = scan_digits(scan, "the decimal point");
	if (r >= 0 && skip(scan, "eE")) {
		(void)skip(scan, "+-");
		r = scan_digits(scan, "the e of the exponent");
	}
	return r;
}

int icr_json_scan_word(struct icr_json_scan *scan, const char *word)
{
	for (; *word; word++, scan->at++)
		if (scan->at == scan->len || scan->text[scan->at] != *word)
			return icr_json_scan_fail(scan, scan->at,
						  "no JSON word: only true, false and null are");
	return 0;
}
