/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_TOKEN_H
#define HELPER_TOKEN_H

#include "helper/credential.h"
#include "icr/error.h"
#include "icr/secret.h"

struct helper_context;

/* The user name for an access token of IAM. */
#define TOKEN_USERNAME "iambearer"

/* A trusted profile's ID as user name: the secret is the key of a service ID that it trusts. */
#define PROFILE_PREFIX "Profile-"

/* What a get may take to ask IAM, in all. */
#define TOKEN_TIMEOUT_MS 10000

/*
 * Turns what a lookup found into what the registry is given, in place: an API key into an access
 * token where "token" of the configuration is "bearer", a stored session (CREDENTIAL_SSO) into one
 * always. Everything else stays as it is. Tokens come from the cache (helper/cache.h) while they
 * last; failures are those of icr_iam_exchange.
 */
int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err);

/* For how many seconds token_for has a token of CREDENTIAL's key, whether IAM answers or not; 0: it
 * has none. */
int64_t token_left(const struct helper_context *context, const struct credential *credential);

/* Takes the token that get makes of what is stored for HOST out of the cache: before that is
 * erased. */
void token_forget(const struct helper_context *context, const char *host);

/* The user name that then goes with a credential of HOST that is stored or found as USERNAME. */
const char *token_username(const struct helper_context *context, const char *host,
			   const char *username);

/* The access token that IAM gives for the token of a compute resource (or of a Kubernetes service
 * account, audience iam) and the trusted profile of the configuration. */
int token_of_resource(const struct helper_context *context, const struct icr_secret *token,
		      struct credential *ret_credential, struct icr_error *err);

/* The same from the metadata service of this instance (helper/metadata.h). */
int token_of_instance(const struct helper_context *context, struct credential *ret_credential,
		      struct icr_error *err);

/* USERNAME, when it is a trusted profile's ID; else NULL. */
const char *token_profile(const char *username);

/* The endpoint that "iam_url" of the configuration says, malloc'ed. */
int token_endpoint(const struct helper_context *context, char **ret_url, struct icr_error *err);

#endif
