/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REGISTRY_H
#define ICR_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/secret.h"
#include "icr/text.h"

/*
 * The registry API, as far as we speak it. Source: distribution spec v1.1 and "Token
 * Authentication Specification" of distribution; ICR's replies by its documentation.
 */

struct icr_challenge {
	char *realm;		   /* https URL */
	char *service;		   /* or NULL */
	char *scope;		   /* or NULL */
	struct icr_strings others; /* realms of further challenges: clients log in there too */
};

/*
 * Parses a WWW-Authenticate header of scheme Bearer: quoted and unquoted values, optional white
 * space after commas, any order, any case of names (cp.icr.io has been seen with unquoted values).
 * -ICR_E_PROTOCOL when it is another scheme, has no realm, or the realm is not an https URL without
 * user information; the same for every further challenge of that scheme. Several headers are one
 * with commas between.
 */
int icr_challenge_parse(const char *header, struct icr_challenge *ret_challenge,
			struct icr_error *err);

void icr_challenge_free(struct icr_challenge *challenge);

/* Is the URL REALM, of a challenge, at a name of the registry HOST: its public or private name or
 * the deprecated alias? */
bool icr_realm_is_of(const char *realm, const struct icr_host *host);

/*
 * GET REALM?service=S&scope=SCOPE with Basic user:password; the reply's token (or access_token).
 * The password goes nowhere (-ICR_E_REFUSED) when a realm of the challenge is not at a name of
 * HOST. ADDRESS as in icr_http_request. -EACCES with the registry's own words when the login is
 * refused.
 */
int icr_registry_token(const struct icr_challenge *challenge, const char *scope,
		       const struct icr_host *host, const char *address, const char *username,
		       const struct icr_secret *password, int timeout_ms,
		       struct icr_secret *ret_token, struct icr_error *err);

#endif
