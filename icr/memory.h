/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_MEMORY_H
#define ICR_MEMORY_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "icr/error.h"

/*
 * Memory that is always there: where the system has none, these end the process with abort(). That
 * is as safe as kill -9, which every write here has to survive anyway, and no caller can go on with
 * half of a list or a credential. All of it is the caller's to free().
 */
#define ICR_ALLOCATES __attribute__((returns_nonnull, warn_unused_result))

void *icr_malloc(size_t size) ICR_ALLOCATES;

/* COUNT items of SIZE bytes, zeroed. */
void *icr_calloc(size_t count, size_t size) ICR_ALLOCATES;

/* Not for secrets: what is moved is not wiped. */
void *icr_realloc(void *pointer, size_t count, size_t size) ICR_ALLOCATES;

/* Copies with a NUL behind them: of a string, of at most LEN bytes of one, of LEN bytes. */
char *icr_strdup(const char *text) ICR_ALLOCATES;
char *icr_strndup(const char *text, size_t len) ICR_ALLOCATES;
char *icr_memdup(const void *bytes, size_t len) ICR_ALLOCATES;

/* The formatted text. */
char *icr_printf(const char *format, ...) ICR_PRINTF(1, 2) ICR_ALLOCATES;
char *icr_vprintf(const char *format, va_list args) ICR_PRINTF(1, 0) ICR_ALLOCATES;

/* A new zeroed item at the end of LIST->items, of which there are LIST->count; yields a pointer to
 * it that is good until the next one is added. */
#define ICR_APPEND(list)                                                                           \
	__extension__({                                                                            \
		(list)->items = icr_grow((list)->items, (list)->count, sizeof(*(list)->items));    \
		&(list)->items[(list)->count++];                                                   \
	})

/* Zeroes bytes that are not used again, which the compiler would leave out; explicit_bzero()
 * without a call of its own. */
static inline void icr_wipe(void *bytes, size_t len)
{
	memset(bytes, 0, len);
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

/* ITEMS with room for one more, zeroed, behind COUNT of SIZE bytes. */
void *icr_grow(void *items, size_t count, size_t size) ICR_ALLOCATES;

#endif
