/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_TEXT_H
#define ICR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"

/* Blank, tab, line feed, carriage return, vertical tab, form feed: whatever the locale. */
static inline bool icr_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 0 to 15, or -1 when C is no hexadecimal digit. */
static inline int icr_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Moves both ends of the span inwards over white space. */
void icr_trim(const char **text, size_t *len);

/*
 * Appends TEXT with all that a terminal would obey spelled out as \xHH: control characters (C0 and
 * C1), what turns the direction of text, line and paragraph separators, and bytes that are not
 * UTF-8. Those in KEEP ("\n\t", "") stay.
 */
void icr_text_safe(const char *text, size_t len, const char *keep, struct icr_buf *out);

/* Appends PATH as a word that a shell takes for one: as it is where it can be, else in quotes. */
void icr_text_shell(const char *path, struct icr_buf *out);

/* Parses the whole of TEXT as a decimal integer in MIN..MAX (no sign, no space before it unless MIN
 * is negative, then '-' is allowed). -EINVAL or -ERANGE with a message that quotes TEXT. */
int icr_number_parse(const char *text, int64_t min, int64_t max, int64_t *ret_number,
		     struct icr_error *err);

/* Appends the bytes that base64 TEXT stands for, of either alphabet of RFC 4648, padded or not.
 * False for anything else; what was appended then is of no use. */
bool icr_base64_decode(const char *text, size_t len, struct icr_buf *out);

/* The one of COUNT words that is most like TEXT, for "did you mean"; NULL when none is near. */
const char *icr_nearest(const char *text, const char *const *words, size_t count);

/* A list of strings. Zero-initialise. Freeing wipes: proxy URLs may hold passwords. */
struct icr_strings {
	char **items;
	size_t count;
};

void icr_strings_add(struct icr_strings *strings, const char *text);
void icr_strings_add_span(struct icr_strings *strings, const char *bytes, size_t len);
void icr_strings_add_format(struct icr_strings *strings, const char *format, ...) ICR_PRINTF(2, 3);
/* The same, unless it is there already. */
void icr_strings_add_once(struct icr_strings *strings, const char *text);
bool icr_strings_has(const struct icr_strings *strings, const char *text);
void icr_strings_free(struct icr_strings *strings);

#define _cleanup_strings_ __attribute__((cleanup(icr_strings_free)))

#endif
