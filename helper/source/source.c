/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/source/source.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "helper/apikey.h"
#include "helper/helper.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"

/* The sources there are, in the order in which get asks them: source_NAME of NAME.c. */
#define SOURCES(X)                                                                                 \
	X(stored)                                                                                  \
	X(environment)                                                                             \
	X(systemd)                                                                                 \
	X(apikey_file)                                                                             \
	X(system)                                                                                  \
	X(trusted_profile)                                                                         \
	X(ibmcloud)

#define DECLARE(name) extern const struct source source_##name;
#define ENTRY(name)   &source_##name,

SOURCES(DECLARE)

const struct source *const sources[] = {SOURCES(ENTRY)};
const size_t sources_count = ICR_LENGTH(sources);

void lookup_init(struct lookup *lookup, const struct helper_context *context,
		 const struct icr_host *host)
{
	*lookup = (struct lookup){.context = context, .host = *host};
}

void lookup_free(struct lookup *lookup)
{
	for (size_t i = 0; i < lookup->count; i++) {
		free(lookup->items[i].where);
		free(lookup->items[i].reason);
	}
	free(lookup->items);
	icr_error_clear(&lookup->unsure);
	*lookup = (struct lookup){0};
}

/* REASON is handed over. */
static void add_step(struct lookup *lookup, enum lookup_outcome outcome, const char *where,
		     char *reason)
{
	*ICR_APPEND(lookup) = (struct lookup_step){
		.name = lookup->source->name,
		.where = where ? icr_strdup(where) : NULL,
		.outcome = outcome,
		.reason = reason,
	};
}

void lookup_note(struct lookup *lookup, enum lookup_outcome outcome, const char *where,
		 const char *reason, ...)
{
	va_list args;

	va_start(args, reason);
	add_step(lookup, outcome, where, reason ? icr_vprintf(reason, args) : NULL);
	va_end(args);
}

void lookup_note_error(struct lookup *lookup, const char *where, const struct icr_error *failure)
{
	bool elsewhere = where && failure->where && strcmp(failure->where, where) != 0;

	add_step(lookup, LOOKUP_ERROR, where ? where : failure->where,
		 elsewhere ? icr_printf("%s: %s", failure->where, failure->what)
			   : icr_strdup(failure->what));
}

int lookup_take_key(struct lookup *lookup, const char *where, int r, const struct icr_buf *text,
		    struct credential *ret_credential, struct icr_error *err)
{
	if (r == 0)
		lookup_note(lookup, LOOKUP_MISS, where, "no such file");
	if (r <= 0)
		return r;
	r = apikey_set_from_file(ret_credential, lookup->host.name, text->data, text->len, where,
				 err);
	if (r < 0)
		return r;
	lookup_note(lookup, LOOKUP_HIT, where, NULL);
	return 1;
}

const struct lookup_step *lookup_hit(const struct lookup *lookup)
{
	for (size_t i = 0; i < lookup->count; i++)
		if (lookup->items[i].outcome == LOOKUP_HIT)
			return &lookup->items[i];
	return NULL;
}

bool source_takes_any_key(const struct icr_host *host)
{
	return host->kind != ICR_HOST_ENTITLED && host->kind != ICR_HOST_STAGING;
}

int lookup_ask(struct lookup *lookup, const struct source *source,
	       struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_error_ struct icr_error failure = {0};
	size_t before = lookup->count;

	lookup->source = source;
	if (source->any_host && !source_takes_any_key(&lookup->host)) {
		lookup_note(lookup, LOOKUP_SKIPPED, NULL, "%s has credentials of its own",
			    lookup->host.name);
		return 0;
	}
	int r = source->find(lookup, ret_credential, &failure);
	if (r < 0) {
		lookup_note_error(lookup, NULL, &failure);
		if (err)
			icr_error_move(err, &failure);
	} else if (r > 0 && (lookup->count == before ||
			     lookup->items[lookup->count - 1].outcome != LOOKUP_HIT)) {
		lookup_note(lookup, LOOKUP_HIT, NULL, NULL);
	} else if (lookup->count == before) {
		lookup_note(lookup, LOOKUP_MISS, NULL, "nothing there");
	}
	return r;
}

int lookup_give_up(struct lookup *lookup, struct icr_error *err)
{
	int code = lookup->unsure.code;

	if (code && err)
		icr_error_move(err, &lookup->unsure);
	return -code;
}

void lookup_print_tried(const struct lookup *lookup, struct icr_buf *out)
{
	for (size_t i = 0; i < lookup->count; i++) {
		const struct lookup_step *step = &lookup->items[i];
		icr_buf_printf(out, "%s%s", i > 0 ? ", " : "",
			       step->where ? step->where : step->name);
		if (step->outcome != LOOKUP_MISS)
			icr_buf_printf(out, " (%s)", step->reason);
	}
}

void lookup_say_unsure(const struct lookup *lookup)
{
	if (lookup->unsure.code)
		helper_note_error(&lookup->unsure, "another credential answers");
}

int lookup_run(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &lookup->context->config;

	for (size_t i = 0; i < config->sources_count; i++) {
		int r = lookup_ask(lookup, config->sources[i], ret_credential, err);
		if (r != 0)
			return r;
	}
	return lookup_give_up(lookup, err);
}

static size_t place_of_stored(const struct config *config)
{
	size_t place = 0;

	while (place < config->sources_count && config->sources[place] != &source_stored)
		place++;
	return place;
}

int source_check_stored(const struct helper_context *context, struct icr_error *err)
{
	const struct config *config = &context->config;

	if (place_of_stored(config) < config->sources_count)
		return 0;
	icr_fail(err, ICR_E_CONFIG,
		 "nothing is stored: \"sources\" of the configuration leaves \"stored\" out, so "
		 "that "
		 "it would never be found");
	return icr_error_hint(err, "add \"stored\" to \"sources\", or give the key where one of "
				   "them looks: see " HELPER_NAME "(1)");
}

void source_say_before_stored(const struct helper_context *context, const char *host)
{
	const struct config *config = &context->config;
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_lookup_ struct lookup lookup = {0};
	size_t before = place_of_stored(config);
	struct icr_host parsed;
	int r = 0;

	if (before == 0 || !icr_host_parse(host, strlen(host), &parsed))
		return;
	lookup_init(&lookup, context, &parsed);
	lookup.offline = true;
	for (size_t i = 0; i < before && r == 0; i++)
		r = lookup_ask(&lookup, config->sources[i], &credential, &failure);
	if (r == 0)
		return;
	const struct lookup_step *step = &lookup.items[lookup.count - 1];
	helper_note(
		"%s%s%s goes before what is stored, as \"sources\" of the configuration has it: "
		"get %s",
		step->name, step->where ? ", " : "", step->where ? step->where : "",
		r > 0 ? "answers that" : "fails there");
}
