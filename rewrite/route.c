/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/route.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/value.h"

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
		ret_names[count++] = ICR_ENTITLED_NAME;
	return count;
}

size_t route_lines(const struct region_route *route, const char *ret_addresses[ROUTE_LINES_MAX])
{
	bool active = route->status == REGION_ACTIVE, closed = route->status == REGION_CLOSED;
	size_t count = 0;
	for (size_t i = 0; active && i < route->count; i++)
		ret_addresses[count++] = route->addresses[i];
	if (closed || (active && route->close4))
		ret_addresses[count++] = ROUTE_CLOSED4;
	if (closed || (active && route->close6))
		ret_addresses[count++] = ROUTE_CLOSED6;
	return count;
}

bool route_leads_to(const struct region_route *route, const char *address)
{
	const char *addresses[ROUTE_LINES_MAX];
	size_t count = route_lines(route, addresses);
	for (size_t i = 0; i < count; i++)
		if (strcmp(addresses[i], address) == 0)
			return true;
	return false;
}

void route_take_address(struct region_route *route, const char *address)
{
	if (strlen(address) >= ICR_ADDRESS_MAX || !icr_address_family(address) ||
	    icr_address_refusal(address) || route->count == ICR_ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < route->count; i++)
		if (strcmp(route->addresses[i], address) == 0)
			return;
	memcpy(route->addresses[route->count++], address, strlen(address) + 1);
}

struct region_route *routes_add(struct routes *routes, const struct icr_region *region)
{
	struct region_route *route = ICR_APPEND(routes);
	*route = (struct region_route){.region = region, .status = REGION_PENDING};
	return route;
}

void routes_free(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		icr_strings_free(&routes->items[i].outside);
		free(routes->items[i].reason);
		free(routes->items[i].hint);
		free(routes->items[i].stray);
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

bool routes_have_lines(const struct routes *routes)
{
	const char *addresses[ROUTE_LINES_MAX];
	for (size_t i = 0; i < routes->count; i++)
		if (route_lines(&routes->items[i], addresses))
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

void route_put(struct icr_value *object, const struct region_route *route)
{
	const char *names[ROUTE_NAMES_MAX];
	size_t count = route_names(route, names);

	icr_value_put_text(object, "region", route->region->id);
	icr_value_put_text(object, "public", route->region->public_name);
	icr_value_put_text(object, "private", route->region->private_name);
	icr_value_put_text(object, "status", region_status_text(route->status));
	struct icr_value *list = icr_value_put_list(object, "names");
	for (size_t i = 0; i < count; i++)
		icr_value_push_text(list, names[i]);
	list = icr_value_put_list(object, "addresses");
	for (size_t i = 0; i < route->count; i++)
		icr_value_push_text(list, route->addresses[i]);
	list = icr_value_put_list(object, "closed");
	if (route->status == REGION_CLOSED || route->close4)
		icr_value_push_text(list, ROUTE_CLOSED4);
	if (route->status == REGION_CLOSED || route->close6)
		icr_value_push_text(list, ROUTE_CLOSED6);
}

static enum region_status status_of(const char *text)
{
	static const enum region_status all[] = {REGION_ACTIVE, REGION_CLOSED, REGION_WITHDRAWN,
						 REGION_PRIVATE};
	for (size_t i = 0; text && i < ICR_LENGTH(all); i++)
		if (strcmp(text, region_status_text(all[i])) == 0)
			return all[i];
	return REGION_PENDING;
}

static const struct icr_region *region_of(const struct icr_value *object)
{
	const char *id = icr_value_text(object, "region");
	const char *name = icr_value_text(object, "public");
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; id && i < count; i++)
		if (strcmp(regions[i].id, id) == 0)
			return &regions[i];
	return name ? route_region(name, strlen(name)) : NULL;
}

const struct icr_region *route_region(const char *name, size_t len)
{
	struct icr_host host;
	if (!icr_host_parse(name, len, &host))
		return NULL;
	if (host.region || host.kind == ICR_HOST_ENTITLED || host.kind == ICR_HOST_STAGING)
		return host.region;
	char label[ICR_HOST_MAX];
	icr_host_public(&host, label);
	*strchr(label, '.') = '\0';
	return icr_region_add(label);
}

struct region_route *routes_read(struct routes *routes, const struct icr_value *object)
{
	const struct icr_region *region = region_of(object);
	if (!region || routes_find(routes, region))
		return NULL;
	struct region_route *route = routes_add(routes, region);
	route->status = status_of(icr_value_text(object, "status"));
	icr_value_each(entry, icr_value_get(object, "names")) {
		const char *name = icr_value_string(entry);
		route->alias |= name && region->alias && strcmp(name, region->alias) == 0;
		route->entitled |= name && strcmp(name, ICR_ENTITLED_NAME) == 0;
	}
	icr_value_each(entry, icr_value_get(object, "addresses")) {
		const char *address = icr_value_string(entry);
		if (address)
			route_take_address(route, address);
	}
	icr_value_each(entry, icr_value_get(object, "closed")) {
		const char *address = icr_value_string(entry);
		bool closed = route->status == REGION_CLOSED || !address;
		route->close4 |= !closed && strcmp(address, ROUTE_CLOSED4) == 0;
		route->close6 |= !closed && strcmp(address, ROUTE_CLOSED6) == 0;
	}
	if (route->status == REGION_ACTIVE && route->count == 0)
		route->status = REGION_PENDING;
	return route;
}
