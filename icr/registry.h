/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REGISTRY_H
#define ICR_REGISTRY_H

#include <stddef.h>

#include "icr/error.h"
#include "icr/http.h"
#include "icr/secret.h"

/*
 * The registry API, as far as we speak it. Source: distribution spec v1.1 and "Token
 * Authentication Specification" of distribution; ICR's replies by its documentation.
 */

struct icr_challenge {
	char *realm;   /* https URL */
	char *service; /* or NULL */
	char *scope;   /* or NULL */
};

/*
 * Parses a WWW-Authenticate header of scheme Bearer: quoted and unquoted values, optional white
 * space after commas, any order, any case of names (cp.icr.io has been seen with unquoted values).
 * -ICR_E_PROTOCOL when it is another scheme, has no realm, or the realm is not an https URL without
 * user information.
 */
int icr_challenge_parse(const char *header, struct icr_challenge *ret_challenge,
			struct icr_error *err);

void icr_challenge_free(struct icr_challenge *challenge);

/*
 * GET REALM?service=S&scope=SCOPE with Basic user:password; the reply's token (or access_token).
 * ADDRESS as in icr_http_request and used only when the realm's host is HOST; NULL to resolve.
 * -EACCES with the registry's own words when the login is refused.
 */
int icr_registry_token(const struct icr_challenge *challenge, const char *scope, const char *host,
		       const char *address, const char *username, const struct icr_secret *password,
		       int timeout_ms, struct icr_secret *ret_token, struct icr_error *err);

#endif
