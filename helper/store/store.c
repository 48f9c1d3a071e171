/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/store.h"

#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "icr/cleanup.h"

#define REASONS_MAX ((size_t)16 * 1024)

/* The stores there are, in the default order: store_NAME of NAME.c. */
#define STORES(X)                                                                                  \
	X(libsecret)                                                                               \
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
	return code == -ICR_E_UNAVAILABLE || code == -ICR_E_LOCKED || code == -ETIMEDOUT;
}

/*
 * Once the host's credential is in store number CHOSEN, copies in later stores are old: they would
 * answer wherever the chosen store cannot be used.
 */
static void erase_from_later(const struct helper_context *context, size_t chosen, const char *host)
{
	for (size_t i = chosen + 1; i < context->config.stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		const struct store *store = context->config.stores[i];
		int r = store->erase(context, host, &failure);
		if (r > 0)
			helper_note("an older credential of %s was taken out of %s", host,
				    store->name);
		else if (r < 0 && r != -ICR_E_UNAVAILABLE)
			helper_note_error(&failure, "an older credential may remain");
	}
}

static void add_reason(struct icr_buf *reasons, const struct icr_error *failure)
{
	if (reasons->len > 0)
		icr_buf_text(reasons, "; ");
	icr_error_print(failure, reasons);
}

int stores_put(const struct helper_context *context, const struct credential *credential,
	       struct icr_error *err)
{
	const struct config *config = &context->config;
	_cleanup_buf_ struct icr_buf reasons;
	size_t chosen;

	icr_buf_init(&reasons, REASONS_MAX);
	for (chosen = 0; chosen < config->stores_count; chosen++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = config->stores[chosen]->put(context, credential, &failure);
		if (r >= 0)
			break;
		if (!store_passes(r)) {
			if (err)
				icr_error_move(err, &failure);
			return r;
		}
		add_reason(&reasons, &failure);
		if (failure.hint)
			helper_note("%s", failure.hint);
		if (r == -ETIMEDOUT)
			helper_note("an older credential of %s in %s comes first once that answers "
				    "again: log in again then",
				    credential->host, config->stores[chosen]->name);
	}
	if (chosen == config->stores_count) {
		icr_fail(err, ICR_E_UNAVAILABLE, "cannot store the credential of %s: %s",
			 credential->host, reasons.data);
		return icr_error_hint(err, "mend one of these, or give a key by IBMCLOUD_API_KEY "
					   "or \"apikey_file\"; see " HELPER_NAME "(1)");
	}
	if (reasons.len > 0)
		helper_note("stored in %s, since %s", config->stores[chosen]->name, reasons.data);
	erase_from_later(context, chosen, credential->host);
	return 0;
}

int stores_erase(const struct helper_context *context, const char *host, struct icr_error *err)
{
	_cleanup_error_ struct icr_error first = {0};

	for (size_t i = 0; i < context->config.stores_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = context->config.stores[i]->erase(context, host, &failure);
		if (r == -ETIMEDOUT)
			helper_note_error(&failure, "a credential may remain");
		else if (r < 0 && r != -ICR_E_UNAVAILABLE && !first.code)
			icr_error_move(&first, &failure);
	}
	if (!first.code)
		return 0;
	int code = first.code;
	if (err)
		icr_error_move(err, &first);
	return -code;
}

int stores_read(const struct helper_context *context, const char *host,
		struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &context->config;

	for (size_t i = 0; i < config->stores_count; i++) {
		_cleanup_credentials_ struct credentials found = {0};
		_cleanup_error_ struct icr_error failure = {0};
		int r = config->stores[i]->read(context, &host, 1, &found, &failure);
		if (r < 0 && !store_passes(r)) {
			if (err)
				icr_error_move(err, &failure);
			return r;
		}
		struct credential *credential = credentials_find(&found, host);
		if (!credential || credential->secret.len == 0)
			continue;
		credential_move(ret_credential, credential);
		return 1;
	}
	return 0;
}
