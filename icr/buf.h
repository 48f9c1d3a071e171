/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_BUF_H
#define ICR_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"

/*
 * A growing byte string with a maximum, given at creation: struct icr_buf text = ICR_BUF(max).
 * Always NUL-terminated (the NUL is not counted), may hold NULs. Whatever it lets go of (growth,
 * free) is wiped, so it may hold secrets for a moment; struct icr_secret is their home.
 *
 * Appending never reports: what would pass the maximum sets the flag, later appends do nothing, and
 * icr_buf_check() tells once at the end.
 */
struct icr_buf {
	const char *data; /* never NULL; a shared constant while size is 0 */
	size_t len;
	size_t size; /* allocated */
	size_t max;  /* bytes without the NUL */
	int failed;  /* 0, or EFBIG: more than max was to be put in */
};

/* For texts of ours, whose length what we read has bounded already. */
#define ICR_BUF_MAX ((size_t)256 * 1024 * 1024)

#define ICR_BUF(limit)                                                                             \
	{                                                                                          \
		.data = "", .max = (limit)                                                         \
	}

void icr_buf_init(struct icr_buf *buf, size_t max);
void icr_buf_append(struct icr_buf *buf, const void *bytes, size_t len);
void icr_buf_text(struct icr_buf *buf, const char *text);
void icr_buf_char(struct icr_buf *buf, char c);
void icr_buf_printf(struct icr_buf *buf, const char *format, ...) ICR_PRINTF(2, 3);
void icr_buf_vprintf(struct icr_buf *buf, const char *format, va_list args) ICR_PRINTF(2, 0);

/* Makes room for LEN more bytes and returns where to write them, or NULL (too big). After writing
 * n <= LEN bytes call icr_buf_added(n). */
char *icr_buf_room(struct icr_buf *buf, size_t len);
void icr_buf_added(struct icr_buf *buf, size_t len);

/* Shortens to LEN bytes, wiping the rest; the flag stays. */
void icr_buf_truncate(struct icr_buf *buf, size_t len);

/* 0, or -EFBIG ("WHAT is larger than N bytes"). */
int icr_buf_check(const struct icr_buf *buf, const char *what, struct icr_error *err);

/* Hands the string out (malloc'ed, NUL-terminated, the caller frees) and empties the buffer. NULL
 * when icr_buf_check() would fail. */
char *icr_buf_take(struct icr_buf *buf);

/* Wipes and frees; empty and usable afterwards. NULL is fine. */
void icr_buf_free(struct icr_buf *buf);

#define _cleanup_buf_ __attribute__((cleanup(icr_buf_free)))

#endif
