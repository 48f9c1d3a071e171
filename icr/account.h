/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_ACCOUNT_H
#define ICR_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"
#include "icr/secret.h"

/*
 * What IAM and the accounts service tell an identity about itself. Sources: IBM's
 * platform-services-go-sdk v0.101.0 (iamidentityv1, getApiKeysDetails) and softlayer-python v6.2.9
 * (SoftLayer/CLI/config/setup.py). URL is IAM's, as icr_iam_url makes it.
 */

/* All texts may be NULL. */
struct icr_key_details {
	char *name, *iam_id, *account;
	char *expires;	   /* RFC 3339; NULL: never */
	char *when_leaked; /* none, disable, delete */
	bool locked;
};

/* Of the API key KEY, to somebody who has the access token ACCESS. */
int icr_key_details(const char *url, const struct icr_secret *key, const struct icr_secret *access,
		    int timeout_ms, struct icr_key_details *ret_details, struct icr_error *err);
void icr_key_details_free(struct icr_key_details *details);

struct icr_account {
	char *id, *name;
};

struct icr_accounts {
	struct icr_account *items;
	size_t count;
};

/* The accounts that the owner of ACCESS is a member of. */
int icr_accounts_read(const struct icr_secret *access, int timeout_ms,
		      struct icr_accounts *ret_accounts, struct icr_error *err);
void icr_accounts_free(struct icr_accounts *accounts);

/* Where a person gets a one-time passcode by the browser; malloc'ed. */
int icr_passcode_url(const char *url, int timeout_ms, char **ret_address, struct icr_error *err);

#endif
