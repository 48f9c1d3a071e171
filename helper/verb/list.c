/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/store/store.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/json.h"

#define LIST_MAX	((size_t)64 * 1024 * 1024)
#define NAMES_OF_REGION 3 /* public, private, alias */

/* One line of the answer; the texts belong to the stores' credentials and the region table. */
struct entry {
	const char *host, *username;
};

struct listing {
	struct credentials stored; /* one for each host; get would answer with it */
	struct credential key;	   /* of the source that serves every host */
	struct entry *entries;
	size_t count;
};

static void listing_free(struct listing *listing)
{
	credentials_free(&listing->stored);
	credential_free(&listing->key);
	free(listing->entries);
}

/* What get would answer from STORE, unless an earlier store answers for the host. */
static int add_store(const struct helper_context *context, const struct store *store,
		     struct credentials *stored, struct icr_error *err)
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
		struct credential *item = &found.items[i];
		if (item->secret.len == 0 || credential_expired(item) ||
		    credentials_find(stored, item->host))
			continue;
		r = credentials_add(stored, item, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Finds the key of a source that serves every host. One that is at fault does not: get fails there,
 * but not for the hosts that are stored. */
static void find_key(const struct helper_context *context, struct credential *ret_key)
{
	_cleanup_lookup_ struct lookup lookup = {0};
	struct icr_host host;

	if (!icr_host_parse("icr.io", strlen("icr.io"), &host))
		return;
	lookup_init(&lookup, context, &host);
	lookup.offline = true;
	for (size_t i = 0; i < context->config.sources_count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		const struct source *source = context->config.sources[i];
		if (!source->any_host || source->unlisted)
			continue;
		int r = lookup_ask(&lookup, source, ret_key, &failure);
		if (r < 0)
			helper_note_error(&failure, NULL);
		if (r != 0)
			return;
	}
}

/* The user name that get answers for a host that is not stored itself. */
static const char *username_for(const struct listing *listing, const char *name,
				const char *username)
{
	char relatives[ICR_HOST_RELATIVES][ICR_HOST_MAX];
	struct icr_host host;

	if (!icr_host_parse(name, strlen(name), &host))
		return username;
	size_t count = icr_host_relatives(&host, relatives);
	for (size_t i = 0; i < count; i++) {
		const struct credential *stored = credentials_find(&listing->stored, relatives[i]);
		if (stored)
			return stored->username;
	}
	return username;
}

static void add_regions(struct listing *listing, const char *username)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++) {
		const char *const names[NAMES_OF_REGION] = {
			regions[i].public_name, regions[i].private_name, regions[i].alias};
		bool stored = false;
		for (size_t j = 0; j < NAMES_OF_REGION; j++)
			stored |= names[j] && credentials_find(&listing->stored, names[j]);
		for (size_t j = 0; j < NAMES_OF_REGION; j++)
			if (names[j] && !credentials_find(&listing->stored, names[j]))
				listing->entries[listing->count++] = (struct entry){
					names[j], stored ? username_for(listing, names[j], username)
							 : username};
	}
}

static int collect(const struct helper_context *context, struct listing *listing,
		   struct icr_error *err)
{
	const char *username = NULL;
	size_t regions;

	for (size_t i = 0; i < context->config.stores_count; i++) {
		int r = add_store(context, context->config.stores[i], &listing->stored, err);
		if (r < 0)
			return r;
	}
	const struct credential *fallback = credentials_find(&listing->stored, CREDENTIAL_DEFAULT);
	if (!fallback)
		find_key(context, &listing->key);
	username = fallback ? fallback->username : listing->key.username;
	(void)icr_regions(&regions);
	listing->entries = calloc(listing->stored.count + regions * NAMES_OF_REGION,
				  sizeof(*listing->entries));
	if (!listing->entries)
		return icr_fail_memory(err);
	for (size_t i = 0; i < listing->stored.count; i++) {
		const struct credential *item = &listing->stored.items[i];
		if (item != fallback)
			listing->entries[listing->count++] =
				(struct entry){item->host, item->username};
	}
	if (username)
		add_regions(listing, username);
	return 0;
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->host, ((const struct entry *)b)->host);
}

/* With the user names that get answers. */
static void format_list(const struct helper_context *context, const struct listing *listing,
			struct icr_buf *out)
{
	icr_buf_char(out, '{');
	for (size_t i = 0; i < listing->count; i++) {
		const struct entry *entry = &listing->entries[i];
		const char *username = token_username(context, entry->username);
		if (i > 0)
			icr_buf_char(out, ',');
		icr_json_quote(out, entry->host, strlen(entry->host));
		icr_buf_char(out, ':');
		icr_json_quote(out, username, strlen(username));
	}
	icr_buf_text(out, "}\n");
}

int cmd_list(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	icr_cleanup(listing_free) struct listing listing = {0};
	_cleanup_buf_ struct icr_buf out;

	(void)argc;
	(void)argv;
	icr_buf_init(&out, LIST_MAX);
	int r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	r = collect(&context, &listing, err);
	if (r < 0)
		return r;
	qsort(listing.entries, listing.count, sizeof(*listing.entries), by_host);
	format_list(&context, &listing, &out);
	return protocol_write(&out, err);
}
