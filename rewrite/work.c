/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/work.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"

#define NOTE_MAX ((size_t)64 * 1024)

void note(struct notes *notes, const char *format, ...)
{
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, NOTE_MAX);
	va_list args;
	va_start(args, format);
	icr_buf_vprintf(&text, format, args);
	va_end(args);
	char **lines = reallocarray(notes->lines, notes->count + 1, sizeof(*lines));
	if (!lines)
		return;
	notes->lines = lines;
	lines[notes->count] = icr_buf_take(&text);
	if (lines[notes->count])
		notes->count++;
}

const char *region_status_text(enum region_status status)
{
	switch (status) {
	case REGION_ACTIVE:
		return "active";
	case REGION_WITHDRAWN:
		return "withdrawn";
	case REGION_PRIVATE:
		return "private";
	case REGION_PENDING:
		break;
	}
	return "pending";
}

size_t route_names(const struct region_route *route, const char *ret_names[ROUTE_NAMES_MAX])
{
	size_t count = 0;
	ret_names[count++] = route->region->public_name;
	if (route->alias && route->region->alias)
		ret_names[count++] = route->region->alias;
	if (route->entitled)
		ret_names[count++] = ROUTE_ENTITLED;
	return count;
}

struct region_route *routes_add(struct routes *routes, const struct icr_region *region)
{
	struct region_route *items = reallocarray(routes->items, routes->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	routes->items = items;
	struct region_route *route = &items[routes->count++];
	*route = (struct region_route){.region = region, .status = REGION_PENDING};
	return route;
}

void routes_free(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		free(routes->items[i].reason);
		free(routes->items[i].hint);
	}
	free(routes->items);
	*routes = (struct routes){0};
}

bool routes_active(const struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		if (routes->items[i].status == REGION_ACTIVE)
			return true;
	return false;
}

const struct region_route *routes_find(const struct routes *routes, const struct icr_region *region)
{
	for (size_t i = 0; i < routes->count; i++)
		if (routes->items[i].region == region)
			return &routes->items[i];
	return NULL;
}

static bool in_list(const char *list, const char *name)
{
	size_t len = strlen(name);
	while (*list) {
		size_t word = strcspn(list, ",");
		if (word == len && memcmp(list, name, len) == 0)
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}

bool work_has_engine(const struct work *work, const struct part *part)
{
	return !part->engine || !work->settings.engines ||
	       in_list(work->settings.engines, part->name);
}

static bool is_engine(const char *name, size_t len)
{
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->engine && strlen(parts[i]->name) == len &&
		    memcmp(parts[i]->name, name, len) == 0)
			return true;
	return false;
}

static int engine_unknown(const char *name, size_t len, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf known;
	icr_buf_init(&known, NOTE_MAX);
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->engine)
			icr_buf_printf(&known, ", %s", parts[i]->name);
	return icr_fail(err, ICR_E_USAGE, "--engines: unknown engine \"%.*s\"; known: auto%s",
			(int)(len > 64 ? 64 : len), name, known.data);
}

int work_set_engines(struct settings *settings, const char *value, struct icr_error *err)
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
		engines = strdup(value);
		if (!engines)
			return icr_fail_memory(err);
	}
	free(settings->engines);
	settings->engines = engines;
	return 0;
}

void work_free(struct work *work)
{
	for (size_t i = 0; i < work->notes.count; i++)
		free(work->notes.lines[i]);
	free(work->notes.lines);
	routes_free(&work->routes);
	free(work->settings.engines);
	host_free(&work->host);
	*work = (struct work){.host = {.root = ""}};
}
