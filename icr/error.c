/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/utf8.h"

/* Replaces the whole error. WHAT is handed over; NULL reads as "out of memory". */
static int set(struct icr_error *err, int code, const char *where, char *what)
{
	if (err) {
		/* WHERE may be the very text that is freed below */
		char *place = where ? strdup(where) : NULL;
		icr_error_clear(err);
		err->code = code;
		err->what = what;
		err->where = place;
	} else {
		free(what);
	}
	return -code;
}

static ICR_PRINTF(1, 0) char *format_text(const char *format, va_list args)
{
	char *text = NULL;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

int icr_fail(struct icr_error *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *what = err ? format_text(format, args) : NULL;
	va_end(args);
	return set(err, code, NULL, what);
}

int icr_fail_at(struct icr_error *err, int code, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *what = err ? format_text(format, args) : NULL;
	va_end(args);
	return set(err, code, where, what);
}

int icr_fail_errno(struct icr_error *err, int code, const char *where, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char *what = NULL;
	va_list args;

	if (err) {
		va_start(args, format);
		text = format_text(format, args);
		va_end(args);
		if (text && asprintf(&what, "%s: %s", text, strerror(code)) < 0)
			what = NULL;
	}
	return set(err, code, where, what);
}

int icr_fail_memory(struct icr_error *err)
{
	return set(err, ENOMEM, NULL, NULL);
}

/* Callers return what these return, so it is negative even when nobody wanted the error. */
static int failure(const struct icr_error *err)
{
	return err && err->code ? -err->code : -EIO;
}

int icr_error_wrap(struct icr_error *err, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char *what = NULL;
	va_list args;

	if (err && err->what) {
		va_start(args, format);
		text = format_text(format, args);
		va_end(args);
		if (text && asprintf(&what, "%s: %s", text, err->what) >= 0) {
			free(err->what);
			err->what = what;
		}
	}
	return failure(err);
}

int icr_error_hint(struct icr_error *err, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		char *hint = format_text(format, args);
		va_end(args);
		free(err->hint);
		err->hint = hint;
	}
	return failure(err);
}

/* File names and other people's words may hold bytes that a terminal would obey. */
static bool is_obeyed(uint32_t code)
{
	return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0);
}

static void print_safely(const char *text, struct icr_buf *out)
{
	for (size_t left = strlen(text), used; left > 0; left -= used, text += used) {
		size_t len = icr_utf8_length(text, left);
		used = len > 0 ? len : 1;
		if (len > 0 && !is_obeyed(icr_utf8_decode(text, len)))
			icr_buf_append(out, text, len);
		else
			for (size_t i = 0; i < used; i++)
				icr_buf_printf(out, "\\x%02X", (unsigned char)text[i]);
	}
}

void icr_error_print(const struct icr_error *err, struct icr_buf *out)
{
	if (err->where) {
		print_safely(err->where, out);
		icr_buf_text(out, ": ");
	}
	print_safely(err->what ? err->what : "out of memory", out);
}

void icr_error_move(struct icr_error *to, struct icr_error *from)
{
	if (to == from)
		return;
	icr_error_clear(to);
	*to = *from;
	*from = (struct icr_error){0};
}

void icr_error_clear(struct icr_error *err)
{
	if (!err)
		return;
	free(err->what);
	free(err->where);
	free(err->hint);
	*err = (struct icr_error){0};
}
