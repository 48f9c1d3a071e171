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
