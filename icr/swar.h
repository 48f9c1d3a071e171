/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_SWAR_H
#define ICR_SWAR_H

#include <endian.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes of a text seen at once. Warren, "Hacker's Delight", 6-1. */
#define ICR_SWAR_ONES ((uint64_t)0x0101010101010101)
#define ICR_SWAR_TOPS (ICR_SWAR_ONES * 0x80)

/* The first byte is the lowest. */
static inline uint64_t icr_swar_load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return le64toh(word);
}

/* The top bit of the first byte that is less than N, which is at most 0x80, and maybe of some
 * behind it; 0: there is none. */
static inline uint64_t icr_swar_less(uint64_t word, unsigned char n)
{
	return (word - ICR_SWAR_ONES * n) & ~word & ICR_SWAR_TOPS;
}

/* The same of the first byte that is BYTE, which is less than 0x80. */
static inline uint64_t icr_swar_byte(uint64_t word, unsigned char byte)
{
	return icr_swar_less(word ^ ICR_SWAR_ONES * byte, 1);
}

/* Which byte that is; FOUND is not 0. */
static inline size_t icr_swar_index(uint64_t found)
{
	return (size_t)__builtin_ctzll(found) / CHAR_BIT;
}

#endif
