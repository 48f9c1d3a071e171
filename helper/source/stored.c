/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/source/source.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"

#define WHERE_MAX ((size_t)8 * 1024)
/* The host, its relatives, the default */
#define NAMES_MAX (1 + ICR_HOST_RELATIVES + 1)

/* The names whose credential serves a host, best first. */
struct names {
	char relatives[ICR_HOST_RELATIVES][ICR_HOST_MAX];
	const char *list[NAMES_MAX];
	size_t count;
};

static void names_init(struct names *names, const struct icr_host *host)
{
	names->count = 0;
	names->list[names->count++] = host->name;
	size_t relatives = icr_host_relatives(host, names->relatives);
	for (size_t i = 0; i < relatives; i++)
		names->list[names->count++] = names->relatives[i];
	if (source_takes_any_key(host))
		names->list[names->count++] = CREDENTIAL_DEFAULT;
}

/* The store, and where it keeps things: "file (/home/a/...)". */
static char *describe(const struct lookup *lookup, const struct store *store)
{
	_cleanup_buf_ struct icr_buf where = ICR_BUF(WHERE_MAX);

	store->where(lookup->context, &where);
	return where.len > 0 ? icr_printf("%s (%s)", store->name, where.data)
			     : icr_strdup(store->name);
}

static bool is_usable(struct lookup *lookup, const struct credential *credential, const char *where)
{
	if (credential->secret.len == 0)
		return false;
	if (!credential_expired(credential))
		return true;
	lookup_note(lookup, LOOKUP_SKIPPED, where, "the token of %s has expired", credential->host);
	return false;
}

/* Not being able to use a keyring here is no news unless nothing answers; one that hangs is. */
static void say_failed(struct lookup *lookup, const struct store *store, struct icr_error *failure)
{
	lookup_note_error(lookup, store->name, failure);
	if (failure->code == ETIMEDOUT)
		helper_note_error(failure, NULL);
	if (failure->code == ICR_E_LOCKED && !lookup->unsure.code)
		icr_error_move(&lookup->unsure, failure);
}

/* What an earlier store found is for a name that goes behind NAME, which this one has. */
static void outdo_hit(struct lookup *lookup, const char *name)
{
	for (size_t i = 0; i < lookup->count; i++) {
		struct lookup_step *step = &lookup->items[i];
		if (strcmp(step->name, lookup->source->name) != 0 || step->outcome != LOOKUP_HIT)
			continue;
		step->outcome = LOOKUP_MISS;
		step->reason = icr_printf("the one of %s goes first", name);
	}
}

/*
 * Asks one store for the first *BEST names and shortens *BEST to the better ones than what it
 * found, so that the host's own credential in any store goes before its twin's in an earlier one.
 */
static int ask(struct lookup *lookup, const struct store *store, const struct names *names,
	       size_t *best, struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_credentials_ struct credentials found = {0};
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_free_ char *where = describe(lookup, store);
	size_t before = lookup->count;

	int r = store->read(lookup->context, names->list, *best, &found, &failure);
	if (r < 0 && !store_passes(r)) {
		if (err)
			icr_error_move(err, &failure);
		return r;
	}
	if (r < 0)
		say_failed(lookup, store, &failure);
	for (size_t i = 0; i < *best; i++) {
		struct credential *credential = credentials_find(&found, names->list[i]);
		if (!credential || !is_usable(lookup, credential, where))
			continue;
		credential_move(ret_credential, credential);
		*best = i;
		outdo_hit(lookup, names->list[i]);
		lookup_note(lookup, LOOKUP_HIT, where, NULL);
		return 1;
	}
	if (lookup->count == before)
		lookup_note(lookup, LOOKUP_MISS, where, "nothing for %s", lookup->host.name);
	return 0;
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &lookup->context->config;
	_cleanup_credential_ struct credential credential = {0};
	struct names names;

	names_init(&names, &lookup->host);
	size_t best = names.count;
	for (size_t i = 0; i < config->stores_count && best > 0; i++) {
		int r = ask(lookup, config->stores[i], &names, &best, &credential, err);
		if (r < 0)
			return r;
	}
	if (!credential.host)
		return 0;
	credential_move(ret_credential, &credential);
	return 1;
}

const struct source source_stored = {.name = "stored", .find = find};
