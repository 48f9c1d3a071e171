/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"

/* Replaces the whole error. WHAT is handed over. */
static int set(struct icr_error *err, int code, const char *where, char *what)
{
	/* WHERE may be the very text that is freed below */
	char *place = where ? icr_strdup(where) : NULL;

	icr_error_clear(err);
	err->code = code;
	err->what = what;
	err->where = place;
	return -code;
}

int icr_fail(struct icr_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return -code;
	va_start(args, format);
	char *what = icr_vprintf(format, args);
	va_end(args);
	return set(err, code, NULL, what);
}

int icr_fail_at(struct icr_error *err, int code, const char *where, const char *format, ...)
{
	va_list args;

	if (!err)
		return -code;
	va_start(args, format);
	char *what = icr_vprintf(format, args);
	va_end(args);
	return set(err, code, where, what);
}

int icr_fail_errno(struct icr_error *err, int code, const char *where, const char *format, ...)
{
	va_list args;

	if (!err)
		return -code;
	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	return set(err, code, where, icr_printf("%s: %s", text, strerror(code)));
}

/* What a function that failed returns: negative also where its caller wants no error object. */
static int failure(const struct icr_error *err)
{
	return err && err->code ? -err->code : -EIO;
}

int icr_error_wrap(struct icr_error *err, const char *format, ...)
{
	va_list args;

	if (err && err->what) {
		va_start(args, format);
		_cleanup_free_ char *text = icr_vprintf(format, args);
		va_end(args);
		char *what = icr_printf("%s: %s", text, err->what);
		free(err->what);
		err->what = what;
	}
	return failure(err);
}

int icr_error_hint(struct icr_error *err, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		char *hint = icr_vprintf(format, args);
		va_end(args);
		free(err->hint);
		err->hint = hint;
	}
	return failure(err);
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
