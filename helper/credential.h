/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CREDENTIAL_H
#define HELPER_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/error.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/secret.h"

struct credential {
	char *host; /* normalised, or CREDENTIAL_DEFAULT */
	char *username;
	struct icr_secret secret;

	/* What a store tells beside it, in seconds since 1970; 0: nothing. */
	int64_t changed; /* when it was kept */
	int64_t since;	 /* kept at this time while a store that goes before could not keep it */

	/* To a store: keep it only where the host has none yet. */
	bool only_new;

	int64_t left; /* seconds that a token of IAM is good for yet; 0: not known, or for ever */
};

/* The key under which a store keeps the credential that is good for every ICR host. */
#define CREDENTIAL_DEFAULT "*.icr.io"

/* The user name of a stored session of "login --sso": its secret is the refresh token, which get
 * turns into an access token. No registry ever sees this name. */
#define CREDENTIAL_SSO "iamsso"

/* The normalised host that a store's entry is for, in any spelling that a client may have used, or
 * CREDENTIAL_DEFAULT; false for what is none of ours. */
bool credential_host_parse(const char *server, char ret_host[ICR_HOST_MAX]);

/* HOST for people, who do not know CREDENTIAL_DEFAULT. */
const char *credential_host_name(const char *host);

/* Is HOST one of HOSTS? NULL stands for all. */
bool credential_host_wanted(const char *host, const char *const *hosts, size_t count);

/* Copies everything. */
int credential_set(struct credential *ret_credential, const char *host, const char *username,
		   const char *secret, size_t secret_len, struct icr_error *err);
void credential_set_host(struct credential *credential, const char *host);
void credential_move(struct credential *to, struct credential *from);
void credential_free(struct credential *credential);

/* The same user name and secret, of whatever host. */
bool credential_is_same(const struct credential *a, const struct credential *b);

/* Appends {"username": "...", "secret": "...", "since": 1764124000}, the last only when it is set.
 */
void credential_to_json(const struct credential *credential, struct icr_buf *out);
/* -ICR_E_SYNTAX for what is no such object, without a place. */
int credential_from_json(struct credential *ret_credential, const char *host,
			 const struct icr_json *json, uint32_t node, struct icr_error *err);

/* TIME (seconds since 1970) to be compared with others: one from the future is before all that are
 * past, since the clock was set back after it. */
int64_t credential_when(int64_t time);

/* Does LATER, of a store that goes behind the one of EARLIER, answer all the same? So it does when
 * it was kept because that store could not be used, and that store has had no news since. */
bool credential_supersedes(const struct credential *later, const struct credential *earlier);

/* Is it an iambearer token (a JWT) whose exp has passed? What is no JWT does not expire. */
bool credential_expired(const struct credential *credential);

#define _cleanup_credential_ __attribute__((cleanup(credential_free)))

/* A growing list. Zero-initialise. */
struct credentials {
	struct credential *items;
	size_t count;
	bool settled; /* by credentials_settle, and nothing was added since */
};

/* Moves CREDENTIAL to the end of the list. */
void credentials_add(struct credentials *credentials, struct credential *credential);
/* Sorts by host and keeps of each host the one that was added last. */
void credentials_settle(struct credentials *credentials);
struct credential *credentials_find(const struct credentials *credentials, const char *host);
void credentials_free(struct credentials *credentials);

#define _cleanup_credentials_ __attribute__((cleanup(credentials_free)))

/*
 * The claim "exp" (seconds since 1970) of a JSON Web Token in compact form (RFC 7519 section 4.1.4,
 * RFC 7515 section 3.1). The signature is not looked at: this only spares a request that the
 * registry would refuse. False when TOKEN is no JWT or says no expiry.
 */
bool jwt_expiry(const char *token, size_t len, int64_t *ret_expiry);

#endif
