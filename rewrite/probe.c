/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/probe.h"

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "rewrite/probe-ask.h"
#include "rewrite/probe-explain.h"

/* The part of the time that names may take; what they leave is for the addresses. */
#define RESOLVE_SHARE(timeout_ms) ((timeout_ms) / 9 * 4)

struct gateways {
	struct probe_gateway *items;
	size_t count;
};

static void gateways_free(struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		free(gateways->items[i].message);
	free(gateways->items);
}

static int make_regions(const struct icr_region_set *set, struct probe *probe,
			struct icr_error *err)
{
	size_t rows;
	const struct icr_region *table = icr_regions(&rows);

	probe->regions = calloc(rows, sizeof(*probe->regions));
	if (!probe->regions)
		return icr_fail_memory(err);
	for (size_t i = 0; i < rows; i++) {
		if (!icr_region_set_has(set, &table[i]))
			continue;
		struct probe_region *region = &probe->regions[probe->count++];
		region->region = &table[i];
		region->private_name.name = table[i].private_name;
		region->public_name.name = table[i].public_name;
	}
	return 0;
}

static int take_addresses(struct probe_region *region, struct icr_error *err)
{
	const struct icr_resolution *name = &region->private_name;

	if (name->failure || name->count == 0)
		return 0;
	region->addresses = calloc(name->count, sizeof(*region->addresses));
	if (!region->addresses)
		return icr_fail_memory(err);
	region->count = name->count;
	for (size_t i = 0; i < name->count; i++)
		memcpy(region->addresses[i].address, name->addresses[i], ICR_ADDRESS_MAX);
	return 0;
}

static int resolve(struct probe *probe, int timeout_ms, struct icr_error *err)
{
	_cleanup_free_ struct icr_resolution *names = calloc(probe->count * 2 + 1, sizeof(*names));

	if (!names)
		return icr_fail_memory(err);
	for (size_t i = 0; i < probe->count; i++) {
		names[2 * i] = probe->regions[i].private_name;
		names[2 * i + 1] = probe->regions[i].public_name;
	}
	int r = icr_resolve(names, probe->count * 2, timeout_ms, err);
	for (size_t i = 0; r >= 0 && i < probe->count; i++) {
		probe->regions[i].private_name = names[2 * i];
		probe->regions[i].public_name = names[2 * i + 1];
		r = take_addresses(&probe->regions[i], err);
	}
	return r;
}

/* Where the public name leads in public DNS nothing is private, whatever certificate is shown
 * there: steering the name to it would only look as if. */
static bool is_public(const struct probe_region *region, const char *address)
{
	const struct icr_resolution *name = &region->public_name;

	for (size_t i = 0; !name->failure && i < name->count; i++)
		if (strcmp(name->addresses[i], address) == 0)
			return !icr_address_is_private(address);
	return false;
}

static int refuse_public(struct probe_region *region, struct icr_error *err)
{
	for (size_t i = 0; i < region->count; i++) {
		struct probe_answer *answer = &region->addresses[i].answers[PROBE_PRIVATE];
		if (!answer->passed || !is_public(region, region->addresses[i].address))
			continue;
		answer->passed = false;
		if (asprintf(&answer->message, "this is a public address, of %s",
			     region->region->public_name) < 0) {
			answer->message = NULL;
			return icr_fail_memory(err);
		}
	}
	return 0;
}

static void settle(struct probe_region *region)
{
	region->management = true;
	for (size_t i = 0; i < region->count; i++) {
		struct probe_address *address = &region->addresses[i];
		address->proven = address->answers[PROBE_PRIVATE].passed &&
				  address->answers[PROBE_PUBLIC].passed;
		region->proven |= address->proven;
		if (address->proven && !address->management)
			region->management = false;
	}
	region->management &= region->proven;
}

static int run(struct probe *probe, const struct icr_region_set *set,
	       const struct icr_region_set *managed, int timeout_ms, struct icr_error *err)
{
	icr_cleanup(gateways_free) struct gateways gateways = {0};
	int64_t deadline = icr_clock_ms() + timeout_ms;

	int r = make_regions(set, probe, err);
	if (r >= 0)
		r = resolve(probe, RESOLVE_SHARE(timeout_ms), err);
	if (r < 0)
		return r;
	gateways.items = calloc(probe->count + 1, sizeof(*gateways.items));
	if (!gateways.items)
		return icr_fail_memory(err);
	gateways.count = probe->count;
	r = probe_ask(probe, managed, (int)(deadline - icr_clock_ms()), gateways.items, err);
	for (size_t i = 0; r >= 0 && i < probe->count; i++) {
		/* A name that we steer ourselves says nothing about the public network. */
		if (!icr_region_set_has(managed, probe->regions[i].region))
			r = refuse_public(&probe->regions[i], err);
		if (r < 0)
			break;
		settle(&probe->regions[i]);
		r = probe_explain(&probe->regions[i], &gateways.items[i], err);
	}
	return r;
}

int probe_run(const struct icr_region_set *set, const struct icr_region_set *managed,
	      int timeout_ms, struct probe *ret_probe, struct icr_error *err)
{
	struct probe probe = {0};

	int r = run(&probe, set, managed, timeout_ms, err);
	if (r < 0) {
		probe_free(&probe);
		return icr_error_wrap(err, "cannot probe the private network");
	}
	*ret_probe = probe;
	return 0;
}

bool probe_covers(const struct probe_region *region, int name)
{
	for (size_t i = 0; i < region->count; i++)
		if (region->addresses[i].proven && !region->addresses[i].answers[name].passed)
			return false;
	return region->proven;
}

static void region_free(struct probe_region *region)
{
	for (size_t i = 0; i < region->count; i++) {
		for (int name = 0; name < PROBE_NAMES; name++) {
			free(region->addresses[i].answers[name].realm);
			free(region->addresses[i].answers[name].message);
		}
	}
	free(region->addresses);
	free(region->already);
	free(region->failure);
	free(region->hint);
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->count; i++)
		region_free(&probe->regions[i]);
	free(probe->regions);
	*probe = (struct probe){0};
}
