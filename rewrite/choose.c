/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/choose.h"

#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/part/hosts.h"
#include "rewrite/probe.h"

#define TEXT_MAX ((size_t)64 * 1024)

struct tally {
	size_t proven, already, failed;
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* Keeps what was recorded, without a word about whether it works. */
static void keep(struct region_route *route, const struct region_route *recorded)
{
	route->status = recorded->status;
	route->alias = recorded->alias;
	route->entitled = recorded->entitled;
	route->count = recorded->count;
	memcpy(route->addresses, recorded->addresses, sizeof(route->addresses));
}

static void take_failure(struct region_route *route, const struct region_route *recorded,
			 enum fallback fallback)
{
	bool was_active = recorded && recorded->status == REGION_ACTIVE;
	bool was_withdrawn = recorded && recorded->status == REGION_WITHDRAWN;
	if (was_active && fallback == FALLBACK_NEVER)
		keep(route, recorded);
	else if ((was_active || was_withdrawn) && fallback == FALLBACK_PUBLIC)
		route->status = REGION_WITHDRAWN;
}

/* A region that refresh would steer for the first time, although apply would ask for --force. */
static bool would_cut_off(const struct region_route *recorded, const struct probe_region *probed,
			  const struct settings *settings)
{
	bool steered = recorded &&
		       (recorded->status == REGION_ACTIVE || recorded->status == REGION_WITHDRAWN);
	return !probed->management && !settings->force && !steered;
}

#define CUT_OFF                                                                                    \
	"management (/api/v1/messages) is not answered at the private address, so `ibmcloud cr` "  \
	"on this "                                                                                 \
	"host would be cut off for this region"

static int decide(struct work *work, const struct probe_region *probed,
		  const struct region_route *recorded, enum choose_mode mode, struct tally *tally,
		  struct icr_error *err)
{
	struct region_route *route = routes_add(&work->routes, probed->region);
	if (!route)
		return icr_fail_memory(err);
	probe_outside(probed, &route->outside);
	if (probed->already) {
		route->status = REGION_PRIVATE;
		route->reason = copy(probed->already);
		tally->already++;
	} else if (probed->proven && mode == CHOOSE_REFRESH &&
		   would_cut_off(recorded, probed, &work->settings)) {
		route->reason = copy(CUT_OFF);
		route->hint = copy("run icr-rewrite apply --force to steer it all the same");
	} else if (probed->proven && probed->stray && mode == CHOOSE_REFRESH &&
		   !work->settings.force && !(recorded && recorded->status == REGION_ACTIVE)) {
		route->reason =
			icr_printf("logins are sent to %s, which is not steered", probed->stray);
		route->hint = copy("run icr-rewrite apply --force to steer it all the same");
	} else if (probed->proven) {
		probe_route(probed, route);
		if (probed->stray)
			note_warning(&work->notes,
				     "%s: the registry sends logins to %s, which is not steered: "
				     "engines send their key there over the public network",
				     probed->region->public_name, probed->stray);
		tally->proven++;
	} else {
		route->reason = copy(probed->failure ? probed->failure : "cannot be proven");
		route->hint = copy(probed->hint);
		take_failure(route, recorded, work->settings.fallback);
		tally->failed++;
	}
	return 0;
}

static const struct probe_region *find_probed(const struct probe *probe,
					      const struct icr_region *region)
{
	for (size_t i = 0; i < probe->count; i++)
		if (probe->regions[i].region == region)
			return &probe->regions[i];
	return NULL;
}

static bool has_failed(const struct region_route *route)
{
	return !route->proven && route->status != REGION_PRIVATE;
}

static int unproven(struct work *work, const struct tally *tally, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf names;
	icr_buf_init(&names, TEXT_MAX);
	const char *hint = NULL;
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		if (!has_failed(route))
			continue;
		if (tally->failed == 1) {
			icr_fail_at(err, ICR_E_UNPROVEN, route->region->private_name,
				    "%s; nothing was changed", route->reason);
			return route->hint ? icr_error_hint(err, "%s", route->hint)
					   : -ICR_E_UNPROVEN;
		}
		icr_buf_printf(&names, "%s%s", names.len ? ", " : "", route->region->public_name);
		/* What to do is mostly the same for all: it stands once, at the end. */
		hint = hint ? hint : route->hint;
		bool other = route->hint && strcmp(route->hint, hint) != 0;
		note(&work->notes, "%s: %s%s%s%s", route->region->private_name, route->reason,
		     other ? " (" : "", other ? route->hint : "", other ? ")" : "");
	}
	icr_fail(err, ICR_E_UNPROVEN,
		 "the private network cannot be proven for %s; nothing was changed", names.data);
	return hint ? icr_error_hint(err, "%s", hint) : -ICR_E_UNPROVEN;
}

static int check_management(const struct work *work, const struct probe *probe,
			    struct icr_error *err)
{
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *probed = &probe->regions[i];
		if (probed->already || !probed->proven || probed->management ||
		    work->settings.force)
			continue;
		icr_fail_at(err, ICR_E_REFUSED, probed->region->private_name,
			    CUT_OFF "; nothing was changed");
		return icr_error_hint(err, "go on all the same with --force");
	}
	return work->settings.force ? 0 : probe_check_realms(probe, err);
}

int choose_proven(struct work *work, const struct routes *recorded, const struct probe *probe,
		  enum choose_mode mode, struct icr_error *err)
{
	routes_free(&work->routes);
	struct tally tally = {0};
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++) {
		const struct probe_region *probed = find_probed(probe, &regions[i]);
		if (!probed)
			continue;
		int r = decide(work, probed, routes_find(recorded, &regions[i]), mode, &tally, err);
		if (r < 0)
			return r;
	}
	if (mode == CHOOSE_REFRESH)
		return 0;
	bool lenient = mode == CHOOSE_WHAT_IS_PROVEN && tally.proven + tally.already > 0;
	if (tally.failed && !lenient)
		return unproven(work, &tally, err);
	return check_management(work, probe, err);
}

int choose_probe(struct work *work, struct probe *ret_probe, struct icr_error *err)
{
	struct icr_region_set managed;

	int r = hosts_steered(&work->host, &managed, err);
	return r < 0 ? r
		     : probe_run(&work->settings.regions, &managed, PROBE_TIMEOUT_MS, ret_probe,
				 err);
}

int choose_recorded(struct work *work, const struct routes *recorded, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	routes_free(&work->routes);
	for (size_t i = 0; i < count; i++) {
		if (!icr_region_set_has(&work->settings.regions, &regions[i]))
			continue;
		struct region_route *route = routes_add(&work->routes, &regions[i]);
		if (!route)
			return icr_fail_memory(err);
		const struct region_route *known = routes_find(recorded, &regions[i]);
		if (known)
			keep(route, known);
	}
	return 0;
}

int choose_unproven(const struct work *work, struct icr_error *err)
{
	bool active = routes_active(&work->routes), withdrawn = false;
	const struct region_route *first = NULL;
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		withdrawn |= route->status == REGION_WITHDRAWN || route->status == REGION_PRIVATE;
		bool dead = route->status == REGION_ACTIVE && !route->proven;
		bool waiting = route->status == REGION_PENDING && !active;
		if (!first && (dead || waiting))
			first = route;
	}
	if (!first || (withdrawn && first->status == REGION_PENDING))
		return 0;
	icr_fail_at(err, ICR_E_UNPROVEN, first->region->private_name, "%s",
		    first->reason ? first->reason : "cannot be proven");
	return first->hint ? icr_error_hint(err, "%s", first->hint) : -ICR_E_UNPROVEN;
}
