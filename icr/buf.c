/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/memory.h"

#define SIZE_FIRST 64

static void reset(struct icr_buf *buf)
{
	buf->data = "";
	buf->len = 0;
	buf->size = 0;
}

void icr_buf_init(struct icr_buf *buf, size_t max)
{
	reset(buf);
	buf->max = max < SIZE_MAX ? max : SIZE_MAX - 1;
	buf->failed = 0;
}

/* The bytes, once they are ours to write to. */
static char *own(const struct icr_buf *buf)
{
	return buf->size > 0 ? (char *)buf->data : NULL;
}

static void wipe(struct icr_buf *buf)
{
	char *data = own(buf);

	/* beyond len too: icr_buf_room hands that part out */
	if (data)
		icr_wipe(data, buf->size);
	free(data);
}

/* Not realloc: it may leave an unwiped copy behind. */
static void grow(struct icr_buf *buf, size_t need)
{
	size_t size = buf->size <= SIZE_MAX / 2 ? buf->size * 2 : need;
	if (size < SIZE_FIRST)
		size = SIZE_FIRST;
	if (size > buf->max + 1)
		size = buf->max + 1;
	if (size < need)
		size = need;
	char *data = icr_malloc(size);
	memcpy(data, buf->data, buf->len);
	data[buf->len] = '\0';
	wipe(buf);
	buf->data = data;
	buf->size = size;
}

char *icr_buf_room(struct icr_buf *buf, size_t len)
{
	if (buf->failed)
		return NULL;
	if (len > buf->max - buf->len) {
		buf->failed = EFBIG;
		return NULL;
	}
	if (buf->len + len >= buf->size)
		grow(buf, buf->len + len + 1);
	return own(buf) + buf->len;
}

void icr_buf_added(struct icr_buf *buf, size_t len)
{
	buf->len += len;
	own(buf)[buf->len] = '\0';
}

void icr_buf_append(struct icr_buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	char *room = icr_buf_room(buf, len);
	if (!room)
		return;
	memcpy(room, bytes, len);
	icr_buf_added(buf, len);
}

void icr_buf_text(struct icr_buf *buf, const char *text)
{
	icr_buf_append(buf, text, strlen(text));
}

void icr_buf_char(struct icr_buf *buf, char c)
{
	icr_buf_append(buf, &c, 1);
}

void icr_buf_vprintf(struct icr_buf *buf, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	/* only for lack of memory, or over INT_MAX bytes */
	if (len < 0)
		abort();
	char *room = icr_buf_room(buf, (size_t)len);
	if (!room)
		return;
	(void)vsnprintf(room, (size_t)len + 1, format, args);
	icr_buf_added(buf, (size_t)len);
}

void icr_buf_printf(struct icr_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	icr_buf_vprintf(buf, format, args);
	va_end(args);
}

void icr_buf_truncate(struct icr_buf *buf, size_t len)
{
	if (len >= buf->len)
		return;
	icr_wipe(own(buf) + len, buf->len - len);
	buf->len = len;
}

int icr_buf_check(const struct icr_buf *buf, const char *what, struct icr_error *err)
{
	return buf->failed ? icr_fail(err, EFBIG, "%s is larger than %zu bytes", what, buf->max)
			   : 0;
}

char *icr_buf_take(struct icr_buf *buf)
{
	if (buf->failed)
		return NULL;
	char *text = buf->size > 0 ? own(buf) : icr_strdup("");

	reset(buf);
	return text;
}

void icr_buf_free(struct icr_buf *buf)
{
	if (!buf)
		return;
	wipe(buf);
	reset(buf);
	buf->failed = 0;
}
