/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/route.h"

#include <stdlib.h>

const char *region_status_text(enum region_status status)
{
	switch (status) {
	case REGION_ACTIVE:
		return "active";
	case REGION_CLOSED:
		return "closed";
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
		icr_strings_free(&routes->items[i].outside);
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

void route_put(struct writer *writer, cJSON *object, const struct region_route *route)
{
	writer_text(writer, object, "region", route->region->id);
	writer_text(writer, object, "public", route->region->public_name);
	writer_text(writer, object, "private", route->region->private_name);
	writer_text(writer, object, "status", region_status_text(route->status));
	cJSON *names = cJSON_CreateArray();
	const char *all[ROUTE_NAMES_MAX];
	size_t count = route_names(route, all);
	for (size_t i = 0; i < count; i++)
		writer_push(writer, names, cJSON_CreateString(all[i]));
	writer_put(writer, object, "names", names);
	cJSON *addresses = cJSON_CreateArray();
	for (size_t i = 0; i < route->count; i++)
		writer_push(writer, addresses, cJSON_CreateString(route->addresses[i]));
	writer_put(writer, object, "addresses", addresses);
}

cJSON *routes_json(struct writer *writer, const struct routes *routes)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		cJSON *item = cJSON_CreateObject();
		route_put(writer, item, route);
		writer_put(writer, item, "proven", cJSON_CreateBool(route->proven));
		writer_text(writer, item, "reason", route->reason);
		writer_text(writer, item, "hint", route->hint);
		writer_push(writer, list, item);
	}
	return list;
}
