/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/store.h"

#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/clock.h"

#define REASONS_MAX ((size_t)16 * 1024)

/* The stores there are, in the default order: store_NAME of NAME.c. */
#define STORES(X)                                                                                  \
	X(secret_service)                                                                          \
	X(keyring)                                                                                 \
	X(file)

#define DECLARE(name) extern const struct store store_##name;
#define ENTRY(name)   &store_##name,

STORES(DECLARE)

const struct store *const stores[] = {STORES(ENTRY)};
const size_t stores_count = ICR_LENGTH(stores);

const struct store *store_find(const char *name)
{
	for (size_t i = 0; i < stores_count; i++)
		if (strcmp(stores[i]->name, name) == 0)
			return stores[i];
	return NULL;
}

bool store_passes(int code)
{
	return code == -ICR_E_UNAVAILABLE || code == -ICR_E_LOCKED || code == -ETIMEDOUT ||
	       code == -EREMOTEIO;
}

/*
 * Once the host's credential is in store number CHOSEN, copies in earlier stores are old. One that
 * can neither take the new one nor lose its own is told by what is read afterwards.
 */
static void erase_from_earlier(const struct helper_context *context, size_t chosen,
			       const char *host, bool quiet)
{
	for (size_t i = 0; i < chosen; i++) {
		const struct store *store = context->config.stores[i];
		if (store->erase(context, host, NULL) > 0 && !quiet)
			helper_note("an older credential of %s was taken out of %s",
				    credential_host_name(host), store->name);
	}
}

/* Copies in later stores would answer wherever the chosen one cannot be used. */
static int erase_from_later(const struct helper_context *context, size_t chosen, const char *host,
			    bool quiet, struct icr_error *err)
{
	for (size_t i = chosen + 1; i < context->config.stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		const struct store *store = context->config.stores[i];
		int r = store->erase(context, host, &failure);
		if (r > 0 && !quiet)
			helper_note("an older credential of %s was taken out of %s",
				    credential_host_name(host), store->name);
		if (r >= 0 || r == -ICR_E_UNAVAILABLE)
			continue;
		if (!store_passes(r)) {
			(void)icr_error_wrap(&failure, "an older credential may remain");
			if (err)
				icr_error_move(err, &failure);
			return r;
		}
		if (!quiet)
			helper_note_error(&failure, "an older credential may remain");
	}
	return 0;
}

static void add_reason(struct icr_buf *reasons, const struct icr_error *failure)
{
	if (reasons->len > 0)
		icr_buf_text(reasons, "; ");
	icr_error_print(failure, reasons);
}

/* Puts CREDENTIAL into the first store that takes it, with the reasons of those before. Kept behind
 * another store, it says since when it goes before what that one has. */
static int put_first(const struct helper_context *context, const struct credential *credential,
		     bool quiet, struct icr_buf *reasons, size_t *ret_chosen, struct icr_error *err)
{
	const struct config *config = &context->config;
	struct credential kept = *credential; /* the caller's still */

	for (size_t i = 0; i < config->stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		kept.since = i > 0 ? icr_clock_wall_s() : 0;
		int r = config->stores[i]->put(context, &kept, &failure);
		*ret_chosen = i;
		if (r >= 0)
			return 0;
		if (!store_passes(r)) {
			if (err)
				icr_error_move(err, &failure);
			return r;
		}
		add_reason(reasons, &failure);
		if (failure.hint && !quiet)
			helper_note("%s", failure.hint);
	}
	icr_fail(err, ICR_E_UNAVAILABLE, "cannot store the credential of %s: %s",
		 credential_host_name(credential->host), reasons->data);
	return icr_error_hint(err, "mend one of these, or give a key by IBMCLOUD_API_KEY or "
				   "\"apikey_file\"; see " HELPER_NAME "(1)");
}

static void say_kept(const struct helper_context *context, const struct store *store,
		     const char *host, const struct icr_buf *reasons)
{
	_cleanup_buf_ struct icr_buf caution = ICR_BUF(REASONS_MAX);

	if (reasons->len > 0)
		helper_note("stored in %s, since %s", store->name, reasons->data);
	if (!store->caution || helper_is_quiet())
		return;
	store->caution(context, &caution);
	helper_note("the credential of %s is %s", credential_host_name(host), caution.data);
}

/* Is CREDENTIAL what is read from now on? Whatever a store says of what it did. */
static int check_kept(const struct helper_context *context, const struct credential *credential,
		      const struct store *chosen, struct icr_error *err)
{
	_cleanup_credential_ struct credential found = {0};
	const char *name = credential_host_name(credential->host);

	int r = stores_read(context, credential->host, &found, err);
	/* an empty secret counts for nothing */
	if (r <= 0 && credential->secret.len == 0) {
		icr_error_clear(err);
		return 0;
	}
	if (r < 0)
		return icr_error_wrap(err,
				      "the credential of %s was put into %s, but cannot be "
				      "read",
				      name, chosen->name);
	if (r > 0 && credential_is_same(&found, credential))
		return 0;
	if (r == 0)
		return icr_fail_at(err, EREMOTEIO, chosen->name,
				   "took the credential of %s and does not have it", name);
	icr_fail_at(err, EREMOTEIO, chosen->name,
		    "the credential of %s is kept, but an older one still answers", name);
	return icr_error_hint(err, "see where the other one is: " HELPER_NAME " explain %s",
			      name == credential->host ? name : "us.icr.io");
}

static int keep(const struct helper_context *context, const struct credential *credential,
		bool quiet, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf reasons = ICR_BUF(REASONS_MAX);
	size_t chosen = 0;

	int r = put_first(context, credential, quiet, &reasons, &chosen, err);
	if (r < 0)
		return r;
	if (!quiet)
		say_kept(context, context->config.stores[chosen], credential->host, &reasons);
	erase_from_earlier(context, chosen, credential->host, quiet);
	r = erase_from_later(context, chosen, credential->host, quiet, err);
	return r < 0 ? r : check_kept(context, credential, context->config.stores[chosen], err);
}

int stores_put(const struct helper_context *context, const struct credential *credential,
	       struct icr_error *err)
{
	return keep(context, credential, false, err);
}

int stores_renew(const struct helper_context *context, const struct credential *credential,
		 struct icr_error *err)
{
	return keep(context, credential, true, err);
}

int stores_erase(const struct helper_context *context, const char *host, struct icr_error *err)
{
	_cleanup_error_ struct icr_error first = {0};

	for (size_t i = 0; i < context->config.stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = context->config.stores[i]->erase(context, host, &failure);
		if (r < 0 && r != -ICR_E_UNAVAILABLE && !first.code)
			icr_error_move(&first, &failure);
	}
	if (!first.code)
		return 0;
	int code = first.code;
	(void)icr_error_wrap(&first, "the credential of %s may remain", credential_host_name(host));
	if (err)
		icr_error_move(err, &first);
	return -code;
}

int stores_read(const struct helper_context *context, const char *host,
		struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &context->config;
	_cleanup_credential_ struct credential answer = {0};
	_cleanup_error_ struct icr_error unsure = {0};

	for (size_t i = 0; i < config->stores_count; i++) {
		_cleanup_credentials_ struct credentials found = {0};
		_cleanup_error_ struct icr_error failure = {0};
		if (answer.host && !config->stores[i]->keeps_since)
			continue;
		int r = config->stores[i]->read(context, &host, 1, &found, &failure);
		if (r < 0 && !store_passes(r)) {
			if (err)
				icr_error_move(err, &failure);
			return r;
		}
		if (r < 0 && r != -ICR_E_UNAVAILABLE && !unsure.code)
			icr_error_move(&unsure, &failure);
		struct credential *credential = credentials_find(&found, host);
		if (credential && credential->secret.len > 0 &&
		    (!answer.host || credential_supersedes(credential, &answer)))
			credential_move(&answer, credential);
	}
	if (answer.host) {
		credential_move(ret_credential, &answer);
		return 1;
	}
	if (!unsure.code)
		return 0;
	int code = unsure.code;
	if (err)
		icr_error_move(err, &unsure);
	return -code;
}
