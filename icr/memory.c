/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* One page of it costs a fault, where 512 small ones take longer than what is done with them. */
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

static void *check(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

static void *malloc_large(size_t size)
{
	size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *pointer = check(aligned_alloc(HUGE_PAGE, whole));

	(void)madvise(pointer, whole, MADV_HUGEPAGE);
	return pointer;
}

/* Some libc answers NULL to a size of nothing. */
void *icr_malloc(size_t size)
{
	if (size >= 2 * HUGE_PAGE && size <= SIZE_MAX - HUGE_PAGE)
		return malloc_large(size);
	return check(malloc(size > 0 ? size : 1));
}

void *icr_calloc(size_t count, size_t size)
{
	return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *icr_realloc(void *pointer, size_t count, size_t size)
{
	return check(reallocarray(pointer, count > 0 ? count : 1, size > 0 ? size : 1));
}

char *icr_strdup(const char *text)
{
	return check(strdup(text));
}

char *icr_strndup(const char *text, size_t len)
{
	return check(strndup(text, len));
}

char *icr_memdup(const void *bytes, size_t len)
{
	char *copy = icr_malloc(len + 1);

	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *icr_vprintf(const char *format, va_list args)
{
	char *text = NULL;

	/* most texts of get's way to its answer, which need no formatting to be waited for */
	if (!strchr(format, '%'))
		return icr_strdup(format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	return check(text);
}

char *icr_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = icr_vprintf(format, args);
	va_end(args);
	return text;
}

void *icr_grow(void *items, size_t count, size_t size)
{
	/* doubled at each power of two, so that a long list is not copied at each addition */
	if ((count & (count - 1)) == 0)
		items = icr_realloc(items, count > 0 ? count * 2 : 1, size);
	memset((char *)items + count * size, 0, size);
	return items;
}
