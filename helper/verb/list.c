/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
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
#include "icr/memory.h"

#define LIST_MAX	((size_t)64 * 1024 * 1024)
#define NAMES_OF_REGION 3 /* public, private, alias */

/* One line of the answer; the texts belong to the stores' credentials and the region table. */
struct entry {
	const char *host, *username;
};

struct listing {
	struct credentials stored; /* one for each host; get would answer with it */
	struct credential key;	   /* of the source that serves every host */
	bool key_first;		   /* it goes before what is stored */
	struct entry *items;
	size_t count;
};

static void listing_free(struct listing *listing)
{
	credentials_free(&listing->stored);
	credential_free(&listing->key);
	free(listing->items);
}

static void add_entry(struct listing *listing, const char *host, const char *username)
{
	*ICR_APPEND(listing) = (struct entry){host, username};
}

/* What get would answer from STORE, unless an earlier store answers for the host. */
static int add_store(const struct helper_context *context, const struct store *store,
		     struct credentials *stored, struct icr_error *err)
{
	_cleanup_credentials_ struct credentials found = {0}, added = {0};
	_cleanup_error_ struct icr_error failure = {0};

	int r = store->read(context, NULL, 0, &found, &failure);
	if (r < 0 && !store_passes(r)) {
		if (err)
			icr_error_move(err, &failure);
		return r;
	}
	if (r < 0 && r != -ICR_E_UNAVAILABLE)
		helper_note_error(&failure, "not listed");
	for (size_t i = 0; i < found.count; i++) {
		struct credential *item = &found.items[i];
		struct credential *earlier = credentials_find(stored, item->host);
		if (item->secret.len == 0 || credential_expired(item))
			continue;
		if (!earlier)
			credentials_add(&added, item);
		else if (credential_supersedes(item, earlier))
			credential_move(earlier, item);
	}
	for (size_t i = 0; i < added.count; i++)
		credentials_add(stored, &added.items[i]);
	credentials_settle(stored);
	return 0;
}

static int add_stores(const struct helper_context *context, struct listing *listing,
		      struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; i < context->config.stores_count && r >= 0; i++)
		r = add_store(context, context->config.stores[i], &listing->stored, err);
	return r;
}

/* Asks SOURCE for the key that serves every host. One that is at fault does not: get fails there,
 * but not for the hosts that are stored. Returns 0 when the next source is to be asked. */
static int find_key(struct lookup *lookup, const struct source *source, struct listing *listing)
{
	_cleanup_error_ struct icr_error failure = {0};

	if (!source->any_host || source->unlisted)
		return 0;
	int r = lookup_ask(lookup, source, &listing->key, &failure);
	if (r < 0)
		helper_note_error(&failure, NULL);
	return r;
}

/* All sources of the configuration in their order, up to one with a key for every host. */
static int ask_sources(const struct helper_context *context, struct listing *listing,
		       struct icr_error *err)
{
	_cleanup_lookup_ struct lookup lookup = {0};
	struct icr_host host;
	bool done = false;

	if (!icr_host_parse("icr.io", strlen("icr.io"), &host))
		return 0;
	lookup_init(&lookup, context, &host);
	lookup.offline = true;
	for (size_t i = 0; i < context->config.sources_count; i++) {
		const struct source *source = context->config.sources[i];
		if (strcmp(source->name, "stored") == 0) {
			listing->key_first = listing->key.host != NULL;
			int r = add_stores(context, listing, err);
			if (r < 0)
				return r;
			done |= credentials_find(&listing->stored, CREDENTIAL_DEFAULT) != NULL;
		} else if (!done) {
			done = find_key(&lookup, source, listing) != 0;
		}
	}
	return 0;
}

/* The user name that get answers for a host that is not stored itself. */
static const char *username_for(const struct listing *listing, const struct icr_host *host,
				const char *username)
{
	char relatives[ICR_HOST_RELATIVES][ICR_HOST_MAX];
	size_t count = icr_host_relatives(host, relatives);

	for (size_t i = 0; i < count && !listing->key_first; i++) {
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
		for (size_t j = 0; j < NAMES_OF_REGION; j++) {
			struct icr_host host;
			if (names[j] && !credentials_find(&listing->stored, names[j]) &&
			    icr_host_parse(names[j], strlen(names[j]), &host))
				add_entry(listing, names[j],
					  username_for(listing, &host, username));
		}
	}
}

static void add_stored(struct listing *listing, const struct credential *credential)
{
	const char *username = credential->username;
	struct icr_host host;

	if (!icr_host_parse(credential->host, strlen(credential->host), &host))
		return; /* the default */
	if (listing->key_first && source_takes_any_key(&host))
		username = listing->key.username;
	add_entry(listing, credential->host, username);
}

static int collect(const struct helper_context *context, struct listing *listing,
		   struct icr_error *err)
{
	int r = ask_sources(context, listing, err);
	if (r < 0)
		return r;
	const struct credential *fallback = credentials_find(&listing->stored, CREDENTIAL_DEFAULT);
	const char *username =
		fallback && !listing->key_first ? fallback->username : listing->key.username;
	for (size_t i = 0; i < listing->stored.count; i++)
		add_stored(listing, &listing->stored.items[i]);
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
		const struct entry *entry = &listing->items[i];
		const char *username = token_username(context, entry->host, entry->username);
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
	_cleanup_buf_ struct icr_buf out = ICR_BUF(LIST_MAX);

	(void)argc;
	(void)argv;
	int r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	r = collect(&context, &listing, err);
	if (r < 0)
		return r;
	if (listing.count > 0)
		qsort(listing.items, listing.count, sizeof(*listing.items), by_host);
	format_list(&context, &listing, &out);
	return protocol_write(&out, err);
}
