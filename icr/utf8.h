/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_UTF8_H
#define ICR_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes (1-4) of the character that TEXT begins with; 0 when LEN is 0 or these are not UTF-8 as
 * RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t icr_utf8_length(const char *text, size_t len);

/* Are these LEN bytes all UTF-8, without a NUL? */
bool icr_utf8_is_text(const char *bytes, size_t len);

/* The code point of a character of N = icr_utf8_length() bytes. */
uint32_t icr_utf8_decode(const char *text, size_t n);

/* Writes a code point that is no surrogate; returns how many bytes. */
size_t icr_utf8_encode(uint32_t code, char ret_bytes[4]);

#endif
