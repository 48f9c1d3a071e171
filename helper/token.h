/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_TOKEN_H
#define HELPER_TOKEN_H

#include <stddef.h>

#include "helper/credential.h"
#include "icr/error.h"
#include "icr/iam.h"

struct helper_context;

#define TOKEN_BUDGET_MS 10000	   /* for IAM, in all */
#define TOKEN_PROFILE	"Profile-" /* such a user name is a trusted profile's ID */

/*
 * Turns what a lookup found into what the registry is given, in place: an API key into an access
 * token where "token" of the configuration is "bearer", a stored session (CREDENTIAL_SSO) into one
 * always. Everything else stays as it is.
 */
int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err);

/* The access token that IAM gives for the token of a Kubernetes service account (audience iam) and
 * the trusted profile of the configuration. */
int token_of_service_account(const struct helper_context *context, const char *token, size_t len,
			     struct credential *ret_credential, struct icr_error *err);

/* The endpoint that the configuration names; malloc'ed. */
int token_url(const struct helper_context *context, char **ret_url, struct icr_error *err);

/* Asks IAM for a token of an API key, or of the trusted profile that is its user name. -EACCES: IAM
 * does not take it. */
int token_exchange(const struct helper_context *context, const struct credential *credential,
		   struct icr_iam_token *ret_token, struct icr_error *err);

#endif
