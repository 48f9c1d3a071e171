/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
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
	_cleanup_buf_ struct icr_buf text = ICR_BUF(WHERE_MAX), where = ICR_BUF(WHERE_MAX);

	icr_buf_text(&text, store->name);
	store->where(lookup->context, &where);
	if (where.len > 0) {
		icr_buf_text(&text, " (");
		icr_buf_text(&text, where.data);
		icr_buf_char(&text, ')');
	}
	return icr_strdup(text.data);
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

/* Not having a store here is no news unless nothing answers. */
static void say_failed(struct lookup *lookup, const struct store *store, struct icr_error *failure)
{
	lookup_note_error(lookup, store->name, failure);
	if (failure->code != ICR_E_UNAVAILABLE && !lookup->unsure.code)
		icr_error_move(&lookup->unsure, failure);
}

/* What an earlier store found is not the answer after all. */
static void outdo_hit(struct lookup *lookup, const char *format, const char *what)
{
	for (size_t i = 0; i < lookup->count; i++) {
		struct lookup_step *step = &lookup->items[i];
		if (strcmp(step->name, lookup->source->name) != 0 || step->outcome != LOOKUP_HIT)
			continue;
		step->outcome = LOOKUP_MISS;
		step->reason = icr_printf(format, what);
	}
}

/* The best names so far are names->list[0] to names->list[best - 1]; ANSWER, if it is set, is for
 * names->list[best]. */
struct search {
	struct names names;
	size_t best;
	struct credential answer;
};

/* Does CREDENTIAL, for name number I, go before the answer so far? */
static bool is_better(const struct search *search, size_t i, const struct credential *credential)
{
	return i < search->best || credential_supersedes(credential, &search->answer);
}

/*
 * Asks one store for names that are better than what there is, so that the host's own credential in
 * any store goes before its twin's in an earlier one, and for the same name, of which it may have
 * one that was kept while the earlier store could not be used.
 */
static int ask(struct lookup *lookup, const struct store *store, struct search *search,
	       struct icr_error *err)
{
	const struct names *names = &search->names;
	size_t wanted = search->best + (search->answer.host && store->keeps_since);
	_cleanup_credentials_ struct credentials found = {0};
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_free_ char *where = describe(lookup, store);
	size_t before = lookup->count;
	const char *missing = "nothing for %s";

	if (wanted == 0)
		return 0;
	int r = store->read(lookup->context, names->list, wanted, &found, &failure);
	if (r < 0 && !store_passes(r)) {
		if (err)
			icr_error_move(err, &failure);
		return r;
	}
	if (r < 0)
		say_failed(lookup, store, &failure);
	for (size_t i = 0; i < wanted; i++) {
		struct credential *credential = credentials_find(&found, names->list[i]);
		if (credential && !is_better(search, i, credential)) {
			missing = "an earlier store has one for %s";
			continue;
		}
		if (!credential || !is_usable(lookup, credential, where))
			continue;
		if (search->answer.host && i < search->best)
			outdo_hit(lookup, "the one of %s goes first", names->list[i]);
		else if (search->answer.host)
			outdo_hit(lookup, "the one in %s was kept later", store->name);
		credential_move(&search->answer, credential);
		search->best = i;
		lookup_note(lookup, LOOKUP_HIT, where, NULL);
		return 0;
	}
	if (lookup->count == before)
		lookup_note(lookup, LOOKUP_MISS, where, missing, lookup->host.name);
	return 0;
}

static int find(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &lookup->context->config;
	struct search search = {0};
	int r = 0;

	names_init(&search.names, &lookup->host);
	search.best = search.names.count;
	for (size_t i = 0; i < config->stores_count && r >= 0; i++)
		r = ask(lookup, config->stores[i], &search, err);
	if (r >= 0 && search.answer.host) {
		credential_move(ret_credential, &search.answer);
		r = 1;
	}
	credential_free(&search.answer);
	return r;
}

const struct source source_stored = {.name = "stored", .find = find};
