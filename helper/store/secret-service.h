/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_SECRET_SERVICE_H
#define HELPER_STORE_SECRET_SERVICE_H

#include <stddef.h>

#include "helper/credential.h"
#include "icr/error.h"

struct helper_context;

/* One item of the desktop's keyring. A host may have several: of other users, in other spellings.
 */
struct secret_service_login {
	char *path;
	struct credential credential;
};

struct secret_service_logins {
	struct secret_service_login *items;
	size_t count;
};

/* Adds every login of our hosts, first those with which get would answer. Fails as a store's read
 * does, and may then have added what could be had. */
int secret_service_logins(const struct helper_context *context, struct secret_service_logins *ret,
			  struct icr_error *err);
void secret_service_logins_free(struct secret_service_logins *logins);

#define _cleanup_secret_service_logins_ __attribute__((cleanup(secret_service_logins_free)))

/* Deletes this item and no other. Returns 1, also when it is not there any more, or 0 when it holds
 * something else by now and stays. */
int secret_service_forget(const struct helper_context *context,
			  const struct secret_service_login *login, struct icr_error *err);

#endif
