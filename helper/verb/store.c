/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"

#define REASONS_MAX ((size_t)16 * 1024)

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

static int keep(const struct helper_context *context, const struct credential *credential,
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

int cmd_store(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};
	struct icr_host host;

	(void)argc;
	(void)argv;
	int r = protocol_read_credential(&credential, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(credential.host, strlen(credential.host), &host))
		return icr_fail(err, ICR_E_PROTOCOL,
				"%s keeps credentials of IBM Cloud Container Registry (icr.io) "
				"hosts only",
				HELPER_NAME);
	r = credential_set_host(&credential, host.name, err);
	if (r < 0)
		return r;
	r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	return keep(&context, &credential, err);
}
