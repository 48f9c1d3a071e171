/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/protocol.h"
#include "helper/source.h"
#include "helper/store.h"
#include "helper/verbs.h"
#include "icr/cleanup.h"
#include "icr/domain.h"
#include "icr/json.h"

#define LIST_MAX ((size_t)64 * 1024 * 1024)

static int add(struct credentials *list, const char *host, const char *username,
	       struct icr_error *err)
{
	_cleanup_credential_ struct credential entry = {0};

	if (credentials_find(list, host))
		return 0;
	entry.host = strdup(host);
	entry.username = strdup(username);
	if (!entry.host || !entry.username)
		return icr_fail_memory(err);
	return credentials_add(list, &entry, err);
}

/* What get would answer from STORE, unless an earlier store answers for the host. */
static int add_store(const struct helper_context *context, const struct store *store,
		     struct credentials *list, struct icr_error *err)
{
	_cleanup_credentials_ struct credentials found = {0};
	_cleanup_error_ struct icr_error failure = {0};

	int r = store->read(context, NULL, 0, &found, &failure);
	if (r < 0 && !store_passes(r)) {
		if (err)
			icr_error_move(err, &failure);
		return r;
	}
	if (r == -ETIMEDOUT || r == -ICR_E_LOCKED)
		helper_note_error(&failure, "not listed");
	for (size_t i = 0; i < found.count; i++) {
		const struct credential *item = &found.items[i];
		if (item->secret.len == 0 || credential_expired(item))
			continue;
		r = add(list, item->host, item->username, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_regions(struct credentials *list, const char *username, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++) {
		const char *const names[] = {regions[i].public_name, regions[i].private_name,
					     regions[i].alias};
		for (size_t j = 0; j < ICR_LENGTH(names); j++) {
			int r = names[j] ? add(list, names[j], username, err) : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Does a source stand ready that answers for every host? One that is at fault does not: get fails
 * there, but not for the hosts that are stored. */
static int add_default(const struct helper_context *context, struct credentials *list,
		       struct icr_error *err)
{
	_cleanup_credential_ struct credential key = {0};
	_cleanup_lookup_ struct lookup lookup = {0};
	struct icr_host host;

	if (!icr_host_parse("icr.io", strlen("icr.io"), &host))
		return 0;
	lookup_init(&lookup, context, &host);
	for (size_t i = 0; i < sources_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		if (!sources[i]->any_host)
			continue;
		int r = sources[i]->find(&lookup, &key, &failure);
		if (r < 0)
			helper_note_error(&failure, NULL);
		if (r != 0)
			return r < 0 ? 0 : add_regions(list, key.username, err);
	}
	return 0;
}

static int collect(const struct helper_context *context, struct credentials *list,
		   struct icr_error *err)
{
	for (size_t i = 0; i < context->config.stores_count; i++) {
		int r = add_store(context, context->config.stores[i], list, err);
		if (r < 0)
			return r;
	}
	const struct credential *stored = credentials_find(list, CREDENTIAL_DEFAULT);
	if (stored)
		return add_regions(list, stored->username, err);
	return add_default(context, list, err);
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct credential *)a)->host, ((const struct credential *)b)->host);
}

static void format_list(const struct credentials *list, struct icr_buf *out)
{
	const char *separator = "{";

	for (size_t i = 0; i < list->count; i++) {
		const struct credential *item = &list->items[i];
		if (strcmp(item->host, CREDENTIAL_DEFAULT) == 0)
			continue;
		icr_buf_text(out, separator);
		icr_json_quote(out, item->host, strlen(item->host));
		icr_buf_char(out, ':');
		icr_json_quote(out, item->username, strlen(item->username));
		separator = ",";
	}
	icr_buf_text(out, *separator == '{' ? "{}\n" : "}\n");
}

int cmd_list(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credentials_ struct credentials list = {0};
	_cleanup_buf_ struct icr_buf out;

	(void)argc;
	(void)argv;
	icr_buf_init(&out, LIST_MAX);
	int r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	r = collect(&context, &list, err);
	if (r < 0)
		return r;
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), by_host);
	format_list(&list, &out);
	return protocol_write(&out, err);
}
