/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_LIBSECRET_H
#define HELPER_STORE_LIBSECRET_H

#include <stdint.h>

#include "helper/credential.h"
#include "icr/error.h"

/* The attribute that all items of docker-credential-secretservice have. */
#define LIBSECRET_LABEL "Docker Credentials"

/*
 * Puts CREDENTIAL into the default collection of the keyring on the bus at ADDRESS, as
 * docker-credential-secretservice does, in place of an equal item. A prompt is dismissed. RET_PATH
 * is the item's. -ICR_E_UNAVAILABLE without the library, -ICR_E_LOCKED, -ECANCELED after a prompt,
 * -ETIMEDOUT at DEADLINE (of icr_clock_ms()), -EREMOTEIO.
 */
int libsecret_put(const char *address, int64_t deadline, const struct credential *credential,
		  char **ret_path, struct icr_error *err);

#endif
