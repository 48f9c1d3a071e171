/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "rewrite/choose.h"
#include "rewrite/status.h"

#define RESOLVE_TIMEOUT_MS 3000

static bool in_block(const struct region_route *route, const char *address)
{
	for (size_t i = 0; i < route->count; i++)
		if (strcmp(route->addresses[i], address) == 0)
			return true;
	return false;
}

static bool by_block(const struct status_name *name)
{
	if (!name->route || name->route->status != REGION_ACTIVE)
		return false;
	for (size_t i = 0; i < name->resolution.count; i++)
		if (!in_block(name->route, name->resolution.addresses[i]))
			return false;
	return true;
}

static const char *where_to(const struct status_name *name)
{
	const struct icr_resolution *resolution = &name->resolution;
	if (resolution->failure || resolution->count == 0)
		return "unresolved";
	if (by_block(name))
		return "block";
	for (size_t i = 0; i < resolution->count; i++)
		if (!icr_address_is_private(resolution->addresses[i]))
			return "public";
	return "private";
}

bool status_strays(const struct status_name *name)
{
	return name->route && name->route->status == REGION_ACTIVE &&
	       strcmp(name->leads, "block") != 0 && strcmp(name->leads, "unknown") != 0;
}

static int resolve(struct status *status, struct icr_error *err)
{
	struct icr_resolution *all = calloc(status->count, sizeof(*all));
	if (!all)
		return icr_fail_memory(err);
	for (size_t i = 0; i < status->count; i++)
		all[i].name = status->names[i].name;
	int r = icr_resolve(all, status->count, RESOLVE_TIMEOUT_MS, err);
	for (size_t i = 0; r >= 0 && i < status->count; i++) {
		status->names[i].resolution = all[i];
		status->names[i].leads = where_to(&status->names[i]);
	}
	free(all);
	return r;
}

/* STEERED: the block in the hosts file has this region's lines. */
static void add(struct status *status, const char *name, const struct region_route *route,
		bool steered)
{
	bool active = steered && route && route->status == REGION_ACTIVE;
	status->names[status->count++] = (struct status_name){
		.name = name,
		.route = route,
		.leads = active ? "block" : "unknown",
	};
}

int status_names(const struct run *run, struct status *status, struct icr_error *err)
{
	size_t regions;
	const struct icr_region *table = icr_regions(&regions);
	struct icr_region_set steered;
	int r = routes_steered(&run->work.host, &steered, err);
	if (r < 0)
		return r;
	status->names = calloc(regions * ROUTE_NAMES_MAX, sizeof(*status->names));
	if (!status->names)
		return icr_fail_memory(err);
	for (size_t i = 0; i < regions; i++) {
		const struct region_route *route = routes_find(&run->work.routes, &table[i]);
		const char *names[ROUTE_NAMES_MAX] = {table[i].public_name};
		size_t count = route ? route_names(route, names) : 1;
		for (size_t j = 0; j < count; j++)
			add(status, names[j], route, icr_region_set_has(&steered, &table[i]));
	}
	return run->work.host.live ? resolve(status, err) : 0;
}
