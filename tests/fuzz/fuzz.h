/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "icr/buf.h"

/* What each target defines: libFuzzer's entry (LLVM, "LibFuzzer: Fuzz Target"). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a crash, with the place. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input as a string of its own, up to its first NUL: overruns then end in redzones. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	CHECK(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* CHECK that both are the same bytes. */
#define CHECK_SAME(buf, bytes, length)                                                             \
	CHECK((buf)->len == (length) && memcmp((buf)->data, bytes, length) == 0)

/* Cuts the input at its first 0xff; what is behind it is for the next cut. */
static inline char *fuzz_cut(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size > 0 ? memchr(*data, 0xff, *size) : NULL;
	size_t len = end ? (size_t)(end - *data) : *size, gone = len + (end != NULL);
	char *text = fuzz_string(*data, len);

	*data += gone;
	*size -= gone;
	return text;
}

/* One input of 1024, by its bytes: repeated to a quarter of a megabyte it must take no longer than
 * what reads each byte a few times, sanitizers and all. */
#define FUZZ_LARGE ((size_t)256 * 1024)
#define FUZZ_SLOW  5.0

static inline int fuzz_is_chosen(const uint8_t *data, size_t size)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619U;
	return size > 0 && hash % 1024 == 0;
}

static inline void fuzz_repeat(const uint8_t *data, size_t size, struct icr_buf *out)
{
	while (out->len < FUZZ_LARGE)
		icr_buf_append(out, data, size);
}

/* Of this process, whoever else uses the machine. */
static inline double fuzz_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

#endif
