/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/settings.h"

#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/part/part.h"

static const char *const route_texts[] = {
	[ROUTE_AUTO] = "auto",
	[ROUTE_HOSTS] = "hosts",
	[ROUTE_NATIVE] = "native",
};

const char *route_kind_text(enum route_kind route)
{
	return route_texts[route];
}

bool route_kind_parse(const char *text, enum route_kind *ret_route)
{
	for (size_t i = 0; i < ICR_LENGTH(route_texts); i++)
		if (strcmp(text, route_texts[i]) == 0) {
			*ret_route = (enum route_kind)i;
			return true;
		}
	return false;
}

enum route_kind settings_route(const struct settings *settings)
{
	enum route_kind route = settings->route == ROUTE_AUTO ? settings->chosen : settings->route;

	return route == ROUTE_AUTO ? ROUTE_HOSTS : route;
}

static bool is_word(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(name, word, len) == 0;
}

bool settings_have_part(const struct settings *settings, const struct part *part)
{
	if (!part->engine || !settings->engines)
		return true;
	for (const char *at = settings->engines; *at;) {
		size_t len = strcspn(at, ",");
		if (is_word(at, len, part->name))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

static bool is_engine(const char *word, size_t len)
{
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->engine && is_word(word, len, parts[i]->name))
			return true;
	return false;
}

static int engine_unknown(const char *name, size_t len, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf known = ICR_BUF(ICR_BUF_MAX);
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->engine)
			icr_buf_printf(&known, ", %s", parts[i]->name);
	return icr_fail(err, ICR_E_USAGE, "--engines: unknown engine \"%.*s\"; known: auto%s",
			(int)(len > 64 ? 64 : len), name, known.data);
}

int settings_set_engines(struct settings *settings, const char *value, struct icr_error *err)
{
	char *engines = NULL;
	if (value && strcmp(value, "auto") != 0) {
		for (const char *at = value;; at++) {
			size_t len = strcspn(at, ",");
			if (!is_engine(at, len))
				return engine_unknown(at, len, err);
			at += len;
			if (!*at)
				break;
		}
		engines = icr_strdup(value);
	}
	free(settings->engines);
	settings->engines = engines;
	return 0;
}

void settings_free(struct settings *settings)
{
	free(settings->engines);
	*settings = (struct settings){0};
}
