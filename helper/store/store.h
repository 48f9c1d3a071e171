/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_STORE_H
#define HELPER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "helper/config.h"
#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"

struct helper_context;

/*
 * A place that keeps credentials: one file NAME.c and a line in STORES (store.c).
 *
 * Three answers. -ICR_E_UNAVAILABLE: this store is not there, so it holds nothing for anybody. Not
 * negative: it was there, and it was done. Any other failure: it is there, or may be, and it was
 * not done, so it may hold what was asked for.
 *
 * Of the last, -ICR_E_LOCKED, -ETIMEDOUT and -EREMOTEIO are those of a service (stores never
 * prompt): the next store is asked, and what is not found there either is a failure. The rest are
 * faults that a key from elsewhere must not hide.
 */
struct store {
	const char *name;	       /* as in the configuration */
	const struct config_key *keys; /* of the configuration that are its own; may be NULL */
	bool asked_for;		       /* used only when the configuration names it */
	bool keeps_since;	       /* with a credential it keeps that member */

	/* Adds the credentials whose host is one of HOSTS to RET, all of them when HOSTS is NULL,
	 * also those with an empty secret; at most one for each host. May fail after adding what
	 * could be had. Hosts are normalised or CREDENTIAL_DEFAULT, also in what is added. */
	int (*read)(const struct helper_context *context, const char *const *hosts, size_t count,
		    struct credentials *ret, struct icr_error *err);

	/* Keeps CREDENTIAL in place of any other of its host; -EEXIST when it is for a host without
	 * one (only_new), the host has one by now, and the store can tell. */
	int (*put)(const struct helper_context *context, const struct credential *credential,
		   struct icr_error *err);

	/* Forgets HOST in all spellings. Returns 1, or 0 when there was nothing. */
	int (*erase)(const struct helper_context *context, const char *host, struct icr_error *err);

	/* Appends where this store keeps things, for messages: a path, or nothing. */
	void (*where)(const struct helper_context *context, struct icr_buf *out);

	/* Appends what the owner of a credential that was just kept here should know ("it is not
	 * encrypted"); may be NULL. */
	void (*caution)(const struct helper_context *context, struct icr_buf *out);
};

extern const struct store *const stores[];
extern const size_t stores_count;

/* NULL when there is no store of this name. */
const struct store *store_find(const char *name);

/* What the verbs do with all stores of the configuration. */

/* Keeps CREDENTIAL in the first store that can, so that from then on it is the one that is read,
 * and takes older ones of its host out of the others. What the user should know is said on standard
 * error. */
int stores_put(const struct helper_context *context, const struct credential *credential,
	       struct icr_error *err);

/* The same without a word, for what nobody asked for just now. */
int stores_renew(const struct helper_context *context, const struct credential *credential,
		 struct icr_error *err);

/* Forgets HOST in all of them. Fails when one may still hold it. */
int stores_erase(const struct helper_context *context, const char *host, struct icr_error *err);

/* What is kept for exactly this HOST (or CREDENTIAL_DEFAULT). Returns 1, or 0 when no store holds
 * it; fails when nothing is found and one may. */
int stores_read(const struct helper_context *context, const char *host,
		struct credential *ret_credential, struct icr_error *err);

/* May what is put be for the desktop's keyring: is that among the stores, and is there a bus? */
bool store_asks_desktop(const struct helper_context *context);

/* Is CODE (negative) one of those after which the next store is asked? */
bool store_passes(int code);

#endif
