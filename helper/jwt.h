/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_JWT_H
#define HELPER_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The claim "exp" (seconds since 1970) of a JSON Web Token in compact form (RFC 7519 section 4.1.4,
 * RFC 7515 section 3.1). The signature is not looked at: this only spares a request that the
 * registry would refuse. False when TOKEN is no JWT or says no expiry.
 */
bool jwt_expiry(const char *token, size_t len, int64_t *ret_expiry);

#endif
