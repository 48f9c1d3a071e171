/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/choose.h"

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/memory.h"
#include "rewrite/native.h"
#include "rewrite/part/hosts.h"

/* Between the two looks at a private network that seems dead. */
#define SECOND_LOOK_MS	   3000
#define SECOND_LOOK_MIN_MS 2000

struct tally {
	size_t proven, already, failed;
};

static char *copy(const char *text)
{
	return text ? icr_strdup(text) : NULL;
}

/* --- evidence */

enum choose_evidence choose_evidence_http(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_REFUSED:
	case ICR_HTTP_UNREACHABLE:
	case ICR_HTTP_TIMEOUT:
	case ICR_HTTP_NO_NAME:
		return EVIDENCE_DEATH;
	case ICR_HTTP_DONE:
	case ICR_HTTP_TOO_LARGE:
	case ICR_HTTP_RESET:
	case ICR_HTTP_TLS_NAME:
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TLS:
		return EVIDENCE_LIFE;
	case ICR_HTTP_LOCAL:
		return EVIDENCE_FAULT_HERE;
	case ICR_HTTP_FAILED:
		break;
	}
	return EVIDENCE_NONE;
}

enum choose_evidence choose_evidence_name(int failure)
{
	switch (failure) {
	case 0:
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return EVIDENCE_DEATH;
	case EAI_AGAIN:
	case EAI_FAIL:
		return EVIDENCE_NONE;
	default:
		return EVIDENCE_FAULT_HERE;
	}
}

enum choose_evidence choose_evidence(const struct probe_region *region)
{
	if (region->count == 0)
		return choose_evidence_name(region->private_name.failure);
	enum choose_evidence all = EVIDENCE_DEATH;
	for (size_t i = 0; i < region->count; i++) {
		const struct probe_answer *answer = &region->addresses[i].answers[PROBE_PRIVATE];
		/* where that name is served the network lives, whatever became of the public one */
		enum choose_evidence one = choose_evidence_http(answer->outcome);
		if (one == EVIDENCE_FAULT_HERE)
			return one;
		if (one != EVIDENCE_DEATH)
			all = one;
	}
	return all;
}

/* --- one region */

static bool was_steered(const struct region_route *recorded)
{
	return recorded &&
	       (recorded->status == REGION_ACTIVE || recorded->status == REGION_WITHDRAWN);
}

/* What becomes of a region without a proof of this run. LEAVE: with --fallback public it goes
 * public although it was proven before. */
static void go_unproven(struct region_route *route, const struct region_route *recorded,
			enum fallback fallback, bool leave)
{
	enum region_status was = recorded ? recorded->status : REGION_PENDING;
	if (recorded) {
		route->alias = recorded->alias;
		route->entitled = recorded->entitled;
		route->close4 = recorded->close4;
		route->close6 = recorded->close6;
		route->count = recorded->count;
		memcpy(route->addresses, recorded->addresses, sizeof(route->addresses));
	}
	if (was == REGION_PRIVATE) {
		route->status = REGION_PRIVATE;
	} else if (fallback == FALLBACK_PUBLIC) {
		bool stays = was == REGION_ACTIVE && !leave;
		route->status = stays			? REGION_ACTIVE
				: was_steered(recorded) ? REGION_WITHDRAWN
							: REGION_PENDING;
	} else if (route->count > 0) {
		route->status = REGION_ACTIVE;
	} else {
		/* No proof tells whether the alias would join, so it is not to be public either. */
		route->status = REGION_CLOSED;
		route->alias = route->region->alias != NULL;
	}
}

/* A region that needed nothing needs something when its name leads into the public network now. */
static bool is_private_still(const struct region_route *recorded, const struct probe_region *probed)
{
	const struct icr_resolution *name = &probed->public_name;
	if (!recorded || recorded->status != REGION_PRIVATE)
		return false;
	for (size_t i = 0; !name->failure && i < name->count; i++)
		if (!icr_address_is_private(name->addresses[i]) || name->has_public)
			return false;
	return true;
}

/* Each change of side, and each run that leaves a name public although it should not be. */
static void note_side(struct work *work, const struct region_route *recorded,
		      const struct region_route *route)
{
	const char *name = route->region->public_name;
	const char *reason = route->reason ? route->reason : "";
	enum region_status was = recorded ? recorded->status : route->status;
	if (route->status == REGION_WITHDRAWN)
		note_warning(&work->notes, "%s: %s public (--fallback public): %s", name,
			     was == REGION_WITHDRAWN ? "still" : "from now on", reason);
	else if (route->status == REGION_ACTIVE && was != REGION_ACTIVE)
		note_warning(&work->notes, "%s: from now on private: %s%s", name,
			     route->proven ? route->region->private_name : reason,
			     route->proven ? " is proven" : "");
	else if (route->status == REGION_ACTIVE && !route->proven &&
		 work->settings.fallback == FALLBACK_PUBLIC)
		note_warning(&work->notes,
			     "%s: stays private, because this is no evidence of a dead private "
			     "network: %s",
			     name, reason);
	else if (route->status == REGION_CLOSED && was != REGION_CLOSED)
		note_warning(&work->notes, "%s: from now on closed (--fallback never): %s", name,
			     reason);
	else if (route->status == REGION_PENDING && was != REGION_PENDING)
		note_warning(&work->notes, "%s: from now on public (--fallback public): %s", name,
			     reason);
}

/* --- which route */

/* Is the private name good, under its own name, at one address at least? Engines that ask for it by
 * that name need no more. */
static bool is_private_proven(const struct probe_region *probed)
{
	for (size_t i = 0; i < probed->count; i++)
		if (probed->addresses[i].answers[PROBE_PRIVATE].passed)
			return true;
	return false;
}

static void take_native(const struct probe_region *probed, struct region_route *route)
{
	route->status = REGION_ACTIVE;
	route->proven = true;
	for (size_t i = 0; i < probed->count && route->count < ICR_ADDRESSES_MAX; i++)
		if (probed->addresses[i].answers[PROBE_PRIVATE].passed)
			memcpy(route->addresses[route->count++], probed->addresses[i].address,
			       sizeof(route->addresses[0]));
}

/* The engines take a login to where the registry's challenge says. */
static void note_realm(struct work *work, const struct probe_region *probed)
{
	for (size_t i = 0; i < probed->count; i++) {
		const struct probe_answer *answer = &probed->addresses[i].answers[PROBE_PRIVATE];
		const char *realm = NULL;
		for (size_t j = 0; answer->passed && !realm && j < answer->realms.count; j++)
			if (!strstr(answer->realms.items[j], "//private."))
				realm = answer->realms.items[j];
		if (!realm)
			continue;
		native_note(work,
			    "%s: sends logins to %s: with the route native the engines' keys go "
			    "there, over whatever network that name leads to",
			    probed->region->private_name, realm);
		return;
	}
}

/* Why the hosts file cannot serve, although the private network is there: a sentence, or NULL. */
static char *hosts_obstacle(const struct work *work, const struct probe *probe)
{
	_cleanup_error_ struct icr_error err = {0};
	bool reached = false;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *probed = &probe->regions[i];
		if (probed->already || !is_private_proven(probed))
			continue;
		if (!probed->proven)
			return icr_printf("%s: %s", probed->region->public_name,
					  probed->failure ? probed->failure : "cannot be proven");
		reached = true;
	}
	if (!reached || hosts_check(work, &err) >= 0)
		return NULL;
	return icr_printf("%s: %s", err.where ? err.where : HOSTS_FILE, err.what);
}

/* What auto comes to. A refresh stays with what it came to once: a moment's failure is no reason
 * to configure a host in another way. */
static void choose_route(struct work *work, const struct routes *recorded,
			 const struct probe *probe, enum choose_mode mode)
{
	struct settings *settings = &work->settings;
	bool decided = mode == CHOOSE_REFRESH && settings->chosen != ROUTE_AUTO;

	for (size_t i = 0; decided && i < recorded->count; i++)
		if (was_steered(&recorded->items[i]))
			return;
	if (settings_route(settings) == ROUTE_NATIVE && !native_serves(work))
		note_warning(&work->notes,
			     "route native: no engine is found that it could configure: "
			     "nothing is steered");
	if (settings->route != ROUTE_AUTO)
		return;
	_cleanup_free_ char *obstacle = hosts_obstacle(work, probe);
	bool native = obstacle && native_serves(work);
	settings->chosen = native ? ROUTE_NATIVE : ROUTE_HOSTS;
	if (native)
		note_warning(&work->notes,
			     "route native, because the hosts file cannot serve here: %s",
			     obstacle);
}

/* --- what becomes of it */

/* A region that would be steered for the first time, although apply asks for --force. */
static bool would_cut_off(const struct region_route *recorded, const struct probe_region *probed,
			  const struct settings *settings)
{
	/* the route native leaves management where it is */
	return !probed->management && !settings->force && !was_steered(recorded) &&
	       settings_route(settings) != ROUTE_NATIVE;
}

static bool would_stray(const struct region_route *recorded, const struct probe_region *probed,
			const struct settings *settings)
{
	return probed->stray && !settings->force && !was_steered(recorded) &&
	       settings_route(settings) != ROUTE_NATIVE;
}

#define CUT_OFF                                                                                    \
	"management (/api/v1/messages) is not answered at the private address, so `ibmcloud cr` "  \
	"on this "                                                                                 \
	"host would be cut off for this region"

/* A family of which nobody tells now whether the public name has it: as before, so that a name
 * server that fails now and then changes no file; closed at first. */
static void close_unknown(const struct probe_region *probed, const struct region_route *recorded,
			  struct region_route *route)
{
	bool known = recorded && recorded->status == REGION_ACTIVE;
	if (probe_may_lack(probed, AF_INET))
		route->close4 |= !known || recorded->close4;
	if (probe_may_lack(probed, AF_INET6))
		route->close6 |= !known || recorded->close6;
}

static void decide(struct work *work, const struct probe_region *probed,
		   const struct region_route *recorded, enum choose_mode mode, struct tally *tally)
{
	enum fallback fallback = work->settings.fallback;
	bool native = settings_route(&work->settings) == ROUTE_NATIVE;
	struct region_route *route = routes_add(&work->routes, probed->region);
	probe_outside(probed, &route->outside);
	if (probed->already) {
		route->status = REGION_PRIVATE;
		route->reason = copy(probed->already);
		tally->already++;
	} else if (probed->proven && mode == CHOOSE_REFRESH &&
		   would_cut_off(recorded, probed, &work->settings)) {
		route->reason = copy(CUT_OFF);
		route->hint = copy("run icr-rewrite apply --force to steer it all the same");
		go_unproven(route, recorded, fallback, false);
	} else if (probed->proven && mode == CHOOSE_REFRESH &&
		   would_stray(recorded, probed, &work->settings)) {
		route->reason =
			icr_printf("logins are sent to %s, which is not steered", probed->stray);
		route->hint = copy("run icr-rewrite apply --force to steer it all the same");
		go_unproven(route, recorded, fallback, false);
	} else if (native && is_private_proven(probed)) {
		take_native(probed, route);
		note_realm(work, probed);
		tally->proven++;
	} else if (!native && probed->proven) {
		probe_route(probed, route);
		close_unknown(probed, recorded, route);
		route->stray = copy(probed->stray);
		if (probed->stray)
			note_warning(&work->notes,
				     "%s: the registry sends logins to %s, which is not steered: "
				     "engines send their key there over the public network",
				     probed->region->public_name, probed->stray);
		tally->proven++;
	} else {
		bool leave = probed->again && choose_evidence(probed) == EVIDENCE_DEATH;
		route->reason = copy(probed->failure ? probed->failure : "cannot be proven");
		route->hint = copy(probed->hint);
		go_unproven(route,
			    is_private_still(recorded, probed) ||
					    (recorded && recorded->status != REGION_PRIVATE)
				    ? recorded
				    : NULL,
			    fallback, leave);
		/* An apply with --fallback public in an outage does what the refresh would. */
		if (route->status != REGION_WITHDRAWN)
			tally->failed++;
	}
}

/* --- all of them */

static struct probe_region *find_probed(const struct probe *probe, const struct icr_region *region)
{
	for (size_t i = 0; i < probe->count; i++)
		if (probe->regions[i].region == region)
			return &probe->regions[i];
	return NULL;
}

static bool has_failed(const struct region_route *route)
{
	return !route->proven && route->status != REGION_PRIVATE &&
	       route->status != REGION_WITHDRAWN;
}

static bool any_withdrawn(const struct routes *routes)
{
	for (size_t i = 0; routes && i < routes->count; i++)
		if (routes->items[i].status == REGION_WITHDRAWN)
			return true;
	return false;
}

static int unproven(struct work *work, const struct tally *tally, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf names = ICR_BUF(ICR_BUF_MAX);
	const char *hint = NULL;
	if (work->settings.fallback == FALLBACK_PUBLIC)
		note(&work->notes, "to record it all the same, public until it can be proven: "
				   "icr-rewrite apply --offline --fallback public; the first "
				   "refresh that proves it steers it");
	else if (any_withdrawn(work->recorded))
		note(&work->notes, "to keep the names off the public network all the same: "
				   "icr-rewrite apply --offline --fallback never; pulls fail until "
				   "the private network is back");
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

static int check_management(const struct work *work, const struct routes *recorded,
			    const struct probe *probe, struct icr_error *err)
{
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *probed = &probe->regions[i];
		if (probed->already || !probed->proven ||
		    !would_cut_off(routes_find(recorded, probed->region), probed, &work->settings))
			continue;
		icr_fail_at(err, ICR_E_REFUSED, probed->region->private_name,
			    CUT_OFF "; nothing was changed");
		return icr_error_hint(err, "go on all the same with --force");
	}
	bool native = settings_route(&work->settings) == ROUTE_NATIVE;
	return work->settings.force || native ? 0 : probe_check_realms(probe, err);
}

/* Only of what becomes so: an apply that proves too little changes nothing. */
static void note_sides(struct work *work, const struct routes *recorded, enum choose_mode mode)
{
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		const struct region_route *known = routes_find(recorded, route->region);
		if (known || mode == CHOOSE_REFRESH)
			note_side(work, known, route);
	}
}

/* What a user who named regions may not be aware of. */
static void note_regions(struct work *work, const struct routes *recorded)
{
	const struct icr_region_set *set = &work->settings.regions;
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++)
		if (regions[i].unknown && icr_region_set_has(set, &regions[i]))
			note(&work->notes, "%s: not in the table of regions of this version",
			     regions[i].public_name);
	for (size_t i = 0; i < recorded->count; i++) {
		const struct region_route *route = &recorded->items[i];
		if (route->status != REGION_PRIVATE && !icr_region_set_has(set, route->region))
			note_warning(&work->notes,
				     "%s: no longer steered, because --regions names others",
				     route->region->public_name);
	}
}

int choose_proven(struct work *work, const struct routes *recorded, const struct probe *probe,
		  enum choose_mode mode, struct icr_error *err)
{
	routes_free(&work->routes);
	choose_route(work, recorded, probe, mode);
	struct tally tally = {0};
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++) {
		const struct probe_region *probed = find_probed(probe, &regions[i]);
		if (probed)
			decide(work, probed, routes_find(recorded, &regions[i]), mode, &tally);
	}
	if (mode == CHOOSE_REFRESH) {
		note_sides(work, recorded, mode);
		return 0;
	}
	bool lenient = mode == CHOOSE_WHAT_IS_PROVEN && tally.proven + tally.already > 0;
	if (tally.failed && !lenient)
		return unproven(work, &tally, err);
	int r = check_management(work, recorded, probe, err);
	if (r < 0)
		return r;
	note_sides(work, recorded, mode);
	note_regions(work, recorded);
	return 0;
}

/*
 * Looks again at what seems dead, before the private network is left for it: one look may be a
 * moment of a router, and on many hosts at once a stampede into the public network. Where LEFT_MS
 * is too short for that nothing is left.
 */
static int look_again(const struct work *work, const struct routes *recorded,
		      const struct probe_scope *all, int64_t left_ms, struct probe *probe,
		      struct icr_error *err)
{
	struct icr_region_set dead = {0};
	struct probe_scope scope = *all;
	struct probe again = {0};
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *probed = &probe->regions[i];
		const struct region_route *known = routes_find(recorded, probed->region);
		if (known && known->status == REGION_ACTIVE && !probed->proven &&
		    !probed->already && choose_evidence(probed) == EVIDENCE_DEATH)
			icr_region_set_add(&dead, probed->region);
	}
	left_ms -= SECOND_LOOK_MS;
	if (work->settings.fallback != FALLBACK_PUBLIC || !icr_region_set_count(&dead) ||
	    left_ms < SECOND_LOOK_MIN_MS)
		return 0;
	(void)poll(NULL, 0, SECOND_LOOK_MS);
	scope.regions = &dead;
	scope.past_files = false;
	scope.timeout_ms = (int)left_ms;
	int r = probe_run(&scope, &again, err);
	for (size_t i = 0; r >= 0 && i < again.count; i++) {
		struct probe_region *first = find_probed(probe, again.regions[i].region);
		struct probe_region swap = *first;
		*first = again.regions[i];
		first->again = true;
		again.regions[i] = swap;
	}
	probe_free(&again);
	return r;
}

/* Of a region that is steered already nothing follows from what management answers. */
static void add_new(const struct work *work, struct icr_region_set *set)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(&work->settings.regions, &regions[i]) &&
		    !was_steered(routes_find(work->recorded, &regions[i])))
			icr_region_set_add(set, &regions[i]);
}

int choose_probe(struct work *work, enum choose_mode mode, struct probe *ret_probe,
		 struct icr_error *err)
{
	struct probe probe = {0};
	struct icr_region_set pinned, fresh = {0};
	const struct probe_scope scope = {.regions = &work->settings.regions,
					  .managed = &pinned,
					  .management = &fresh,
					  .past_files = work->known && work->known->past_files,
					  .timeout_ms = PROBE_TIMEOUT_MS};
	int64_t begin = icr_clock_ms();
	/* Where the hosts file leads a name says nothing about the network, whoever wrote that. */
	int r = hosts_pinned(work, &pinned, err);
	if (r < 0)
		return r;
	add_new(work, &fresh);
	r = probe_run(&scope, &probe, err);
	/* nobody waits for a refresh */
	int64_t left = mode == CHOOSE_REFRESH ? PROBE_TIMEOUT_MS + SECOND_LOOK_MS
					      : PROBE_TIMEOUT_MS - (icr_clock_ms() - begin);
	if (r >= 0)
		r = look_again(work, work->recorded, &scope, left, &probe, err);
	if (r < 0) {
		probe_free(&probe);
		return r;
	}
	work->probe_ms = icr_clock_ms() - begin;
	work->answer_ms = probe.answer_ms;
	*ret_probe = probe;
	return 0;
}

void choose_recorded(struct work *work, const struct routes *recorded)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	routes_free(&work->routes);
	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(&work->settings.regions, &regions[i]))
			go_unproven(routes_add(&work->routes, &regions[i]),
				    routes_find(recorded, &regions[i]), work->settings.fallback,
				    false);
	note_regions(work, recorded);
}

int choose_unproven(const struct work *work, struct icr_error *err)
{
	const struct region_route *first = NULL;
	_cleanup_buf_ struct icr_buf others = ICR_BUF(ICR_BUF_MAX);
	bool steered = routes_active(&work->routes);
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		steered |= route->status == REGION_WITHDRAWN || route->status == REGION_PRIVATE;
	}
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		bool waits = route->status == REGION_PENDING || route->status == REGION_CLOSED;
		if (route->proven || route->status == REGION_PRIVATE || (waits && steered))
			continue;
		if (first)
			icr_buf_printf(&others, "%s%s", others.len ? ", " : "",
				       route->region->private_name);
		else
			first = route;
	}
	if (!first)
		return 0;
	icr_fail_at(err, ICR_E_UNPROVEN, first->region->private_name, "%s%s%s",
		    first->reason ? first->reason : "cannot be proven",
		    others.len ? "; nor can be proven: " : "", others.len ? others.data : "");
	return first->hint ? icr_error_hint(err, "%s", first->hint) : -ICR_E_UNPROVEN;
}
