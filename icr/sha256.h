/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_SHA256_H
#define ICR_SHA256_H

#include <stddef.h>

#define ICR_SHA256_HEX 65

/* The SHA-256 of DATA (FIPS 180-4) as 64 lower-case hex digits and a NUL. */
void icr_sha256_hex(const void *data, size_t len, char ret_hex[ICR_SHA256_HEX]);

#endif
