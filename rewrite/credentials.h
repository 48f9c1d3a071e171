/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CREDENTIALS_H
#define REWRITE_CREDENTIALS_H

#include "icr/error.h"
#include "icr/secret.h"

/* What docker-credential-icr, found in PATH as Docker would find it, answers for HOST within
 * TIMEOUT_MS. -ENOENT when it is not there, or has nothing. */
int credentials_get(const char *host, int timeout_ms, char **ret_username,
		    struct icr_secret *ret_secret, struct icr_error *err);

#endif
