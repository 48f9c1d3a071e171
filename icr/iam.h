/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_IAM_H
#define ICR_IAM_H

#include <stdint.h>

#include "icr/error.h"
#include "icr/secret.h"

/*
 * IBM Cloud IAM: what identities are exchanged for access tokens. Sources: IBM's go-sdk-core
 * v5.22.1 (core/iam_authenticator.go, container_authenticator.go, iam_assume_authenticator.go,
 * base_service.go) and ibm-cloud-cli-sdk v1.12.1 (bluemix/authentication/iam/iam.go).
 */

/* The public endpoint, and the one of the private network. */
#define ICR_IAM_PUBLIC_NAME  "iam.cloud.ibm.com"
#define ICR_IAM_PRIVATE_NAME "private.iam.cloud.ibm.com"
#define ICR_IAM_PUBLIC	     "https://" ICR_IAM_PUBLIC_NAME
#define ICR_IAM_PRIVATE	     "https://" ICR_IAM_PRIVATE_NAME

#define ICR_IAM_TOKEN_PATH "/identity/token"

/*
 * What iam_url of the configuration stands for: NULL or "public" is the public endpoint, "private"
 * the private one, else an https URL without user, query or fragment, with or without
 * "/identity/token" behind it, which is taken off as IBM's SDKs do. malloc'ed; -EINVAL says what is
 * wrong, without quoting.
 */
int icr_iam_url(const char *text, char **ret_url, struct icr_error *err);

enum icr_iam_kind {
	ICR_IAM_APIKEY,	  /* an API key of a user or a service ID */
	ICR_IAM_CR_TOKEN, /* a compute resource's token, for a trusted profile */
	ICR_IAM_REFRESH,  /* a refresh token of a session */
	ICR_IAM_PASSCODE, /* a one-time passcode of the browser */
	ICR_IAM_ASSUME,	  /* an access token, for a trusted profile that trusts its identity */
};

struct icr_iam_grant {
	enum icr_iam_kind kind;
	const struct icr_secret *secret;
	/* of CR_TOKEN and ASSUME: the profile, by one of them; else NULL */
	const char *profile_id, *profile_name, *profile_crn;
	const char
		*account; /* of REFRESH (scopes the token to it) and of ASSUME by name; or NULL */
};

struct icr_iam_token {
	struct icr_secret access;
	struct icr_secret refresh; /* unset when there is none that could be used */
	int64_t expires_in;	   /* seconds from the answer on, by IAM's own clock */
};

/*
 * Asks the endpoint URL (icr_iam_url) for a token, for at most TIMEOUT_MS in all: what may pass
 * (network errors, 429, 5xx but 501) is tried again within it, after the time that the server asks
 * for. The proxy of the environment is used except for private names.
 *
 * -EACCES: IAM rejects the identity; its sentence and code, and what to do next, are in ERR with
 * IAM's request ID. -ETIMEDOUT: not reachable in that time. -ICR_E_PROTOCOL: an answer that is no
 * token.
 */
int icr_iam_exchange(const char *url, const struct icr_iam_grant *grant, int timeout_ms,
		     struct icr_iam_token *ret_token, struct icr_error *err);

/* Reads the reply of the token endpoint; for the metadata services, whose replies are alike. */
int icr_iam_read_token(const char *text, size_t len, struct icr_iam_token *ret_token,
		       struct icr_error *err);

void icr_iam_token_free(struct icr_iam_token *token);

#define _cleanup_iam_token_ __attribute__((cleanup(icr_iam_token_free)))

#endif
