/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_SHA256_H
#define ICR_SHA256_H

#include <stddef.h>

#define ICR_SHA256_HEX 65

/* The SHA-256 of DATA (FIPS 180-4) as 64 lower-case hex digits and a NUL. */
void icr_sha256_hex(const void *data, size_t len, char ret_hex[ICR_SHA256_HEX]);

/* Those of two texts whose first COMMON bytes are the same, which are looked at once. */
void icr_sha256_hex_both(const void *a, size_t a_len, const void *b, size_t b_len, size_t common,
			 char ret_a[ICR_SHA256_HEX], char ret_b[ICR_SHA256_HEX]);

#endif
