/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_EXCHANGE_H
#define HELPER_EXCHANGE_H

#include <stdbool.h>

#include "helper/cache.h"
#include "helper/credential.h"
#include "icr/error.h"
#include "icr/iam.h"

struct helper_context;

enum exchange_kind {
	EXCHANGE_APIKEY,
	EXCHANGE_RESOURCE, /* a compute resource's token, for a trusted profile */
	EXCHANGE_INSTANCE, /* by the metadata service of this instance (helper/metadata.h) */
	EXCHANGE_SESSION,  /* the refresh token of the stored session of login --sso */
};

/* What is given to IAM for an access token; the rest is in the configuration. */
struct exchange {
	const struct helper_context *context;
	enum exchange_kind kind;
	const char *url;
	const struct icr_secret *secret; /* API key or resource token */
	const char *profile_id, *profile_name, *profile_crn;
	const char *account, *session; /* of a session: struct session's account and id */
};

/*
 * Makes the exchange that is ORIGIN's data: the obtain of struct cache_origin. The small program
 * has nothing of what this takes, and starts the complete one in its own place for it
 * (helper/front/handover.c).
 */
int exchange_obtain(const struct cache_origin *origin, int timeout_ms,
		    struct icr_iam_token *ret_token, struct icr_error *err);

/* True in the small program: exchange_obtain hands over, and does not come back. */
extern const bool exchange_hands_over;

/* Asks IAM whether it takes this API key, now and without the cache. RET_TOKEN (zeroed; may be
 * NULL) is what it gives for it. */
int exchange_check(const struct helper_context *context, const struct credential *credential,
		   struct icr_iam_token *ret_token, struct icr_error *err);

#endif
