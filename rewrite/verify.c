/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/verify.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/memory.h"
#include "icr/progress.h"
#include "icr/resolve.h"
#include "rewrite/fronts.h"
#include "rewrite/probe.h"

/* nscd and systemd-resolved notice a new hosts file after up to two seconds (resolved-etc-hosts.c,
 * ETC_HOSTS_RECHECK_USEC) and tell nobody: hence asking again. */
#define RESOLVE_PATIENCE_MS 3000
#define RESOLVE_AGAIN_MS    200
/* An answer that would be right if there were none, of a name server that may be dead. */
#define NONE_PATIENCE_MS 1000
/* More than the probe allows: what passed there, passes here. */
#define ANSWER_MS (PROBE_ANSWER_MS + 1000)
/* Probe and proof together, unless the network is so slow that answers take longer. */
#define TOTAL_MS	9800
#define ANSWER_EXTRA_MS 500
/* Nobody waits longer for who may be no registry at all. */
#define HANDSHAKE_MS 1500

/* One name in one family: glibc asks the hosts file for each alone, and goes on to DNS for the
 * other, so both have to be looked at. */
struct claim {
	const struct region_route *route;
	const char *name;
	int family;
};

struct claims {
	struct claim *items;
	size_t count;
};

static void claims_free(struct claims *claims)
{
	free(claims->items);
}

static bool is_steered(const struct region_route *route)
{
	return route->status == REGION_CLOSED || (route->status == REGION_ACTIVE && route->proven);
}

static void gather(const struct routes *routes, struct claims *claims)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		const char *names[ROUTE_NAMES_MAX];
		size_t count = is_steered(route) ? route_names(route, names) : 0;
		for (size_t j = 0; j < count; j++)
			for (size_t k = 0; k < ICR_LENGTH(families); k++)
				*ICR_APPEND(claims) = (struct claim){route, names[j], families[k]};
	}
}

static bool leads_to(const struct region_route *route, const char *address)
{
	if (route->status == REGION_ACTIVE)
		for (size_t i = 0; i < route->count; i++)
			if (strcmp(route->addresses[i], address) == 0)
				return true;
	return strcmp(address, ROUTE_CLOSED4) == 0 || strcmp(address, ROUTE_CLOSED6) == 0;
}

/* Must there be an address? Where the route has none and public DNS has none, none is right. */
static bool is_due(const struct claim *claim)
{
	const struct region_route *route = claim->route;

	if (route->status == REGION_CLOSED || (claim->family == AF_INET && route->close4) ||
	    (claim->family == AF_INET6 && route->close6))
		return true;
	for (size_t i = 0; i < route->count; i++)
		if (icr_address_family(route->addresses[i]) == claim->family)
			return true;
	return false;
}

static bool resolved_right(const struct claim *claim, const struct icr_resolution *resolution)
{
	for (size_t i = 0; i < resolution->count; i++)
		if (!leads_to(claim->route, resolution->addresses[i]))
			return false;
	return resolution->count > 0 || !is_due(claim);
}

static int wrong_name(const struct claim *claim, const struct icr_resolution *resolution,
		      struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf said = ICR_BUF(ICR_BUF_MAX);

	if (resolution->failure)
		icr_buf_text(&said, gai_strerror(resolution->failure));
	for (size_t i = 0; i < resolution->count; i++)
		icr_buf_printf(&said, "%s%s", i ? ", " : "", resolution->addresses[i]);
	(void)icr_fail_at(err, ICR_E_UNPROVEN, claim->name,
			  "this host's resolver does not follow /etc/hosts; asked for %s it says: "
			  "%s",
			  claim->family == AF_INET ? "IPv4" : "IPv6", said.data);
	return icr_error_hint(
		err,
		"see the line \"hosts:\" of /etc/nsswitch.conf (\"files\" must be in it, before "
		"\"dns\"), nscd, and ReadEtcHosts= of systemd-resolved");
}

/* Waits for what must have an address, and a little longer for the rest. */
static int resolve(const struct claims *claims, struct icr_resolution *names, struct icr_error *err)
{
	icr_cleanup(icr_lookups_leave) struct icr_lookups *lookups = NULL;
	int64_t deadline = icr_clock_ms() + RESOLVE_PATIENCE_MS;
	bool settled = false;

	int r = icr_lookups_start(names, claims->count, &lookups, err);
	if (r < 0)
		return r;
	while (!icr_lookups_collect(lookups, names)) {
		bool due = false;
		for (size_t i = 0; i < claims->count; i++)
			due |= is_due(&claims->items[i]) && !names[i].done;
		if (!due && !settled && deadline > icr_clock_ms() + NONE_PATIENCE_MS)
			deadline = icr_clock_ms() + NONE_PATIENCE_MS;
		settled = !due;
		if (!icr_lookups_wait(lookups, deadline))
			break;
	}
	return 0;
}

static int verify_names(const struct claims *claims, struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + RESOLVE_PATIENCE_MS;
	_cleanup_free_ struct icr_resolution *names = icr_calloc(claims->count, sizeof(*names));

	for (;;) {
		const struct claim *wrong = NULL;
		for (size_t i = 0; i < claims->count; i++)
			names[i] = (struct icr_resolution){.name = claims->items[i].name,
							   .family = claims->items[i].family};
		int r = resolve(claims, names, err);
		for (size_t i = 0; r >= 0 && !wrong && i < claims->count; i++)
			if (!resolved_right(&claims->items[i], &names[i]))
				wrong = &claims->items[i];
		if (r < 0 || !wrong)
			return r;
		if (icr_clock_ms() >= deadline)
			return wrong_name(wrong, &names[wrong - claims->items], err);
		icr_progress_sleep(RESOLVE_AGAIN_MS);
	}
}

/* Is HOST one of the names that stay private? */
static bool is_private(const struct routes *routes, const struct icr_host *host)
{
	size_t count;
	bool entitled = host->kind == ICR_HOST_ENTITLED;
	const struct icr_region *region = entitled ? icr_regions(&count) : host->region;
	const struct region_route *route = region ? routes_find(routes, region) : NULL;

	if (!route || (route->status != REGION_ACTIVE && route->status != REGION_PRIVATE))
		return false;
	if (entitled)
		return route->entitled;
	return host->kind != ICR_HOST_ALIAS || route->status == REGION_PRIVATE || route->alias;
}

/* Where the answer sends logins that did not go there when it was probed; NULL: nowhere. */
static const char *stray_realm(const struct routes *routes, const struct claim *claim,
			       const struct probe_answer *answer)
{
	const struct icr_strings *realms = &answer->realms;
	struct icr_host host;

	for (size_t i = 0; !claim->route->stray && i < realms->count; i++)
		if (icr_host_parse(realms->items[i], strlen(realms->items[i]), &host) &&
		    !is_private(routes, &host))
			return realms->items[i];
	return NULL;
}

static int judge(const struct routes *routes, const struct claim *claim,
		 const struct icr_http_reply *reply, struct icr_error *err)
{
	struct probe_answer answer = {0};
	int r = 0;

	probe_judge(reply, &answer);
	const char *stray = stray_realm(routes, claim, &answer);
	if (!answer.passed)
		r = icr_fail_at(err, ICR_E_UNPROVEN, claim->name, "%s", answer.message);
	else if (!reply->address || !leads_to(claim->route, reply->address))
		r = icr_fail_at(err, ICR_E_UNPROVEN, claim->name,
				"%s answered, which is none of the proven addresses",
				reply->address ? reply->address : "nobody known");
	else if (stray)
		r = icr_fail_at(err, ICR_E_UNPROVEN, claim->name,
				"the registry sends logins to %s by now, which is not steered",
				stray);
	probe_answer_free(&answer);
	return r;
}

/* Asks each name that leads somewhere as any client would: wherever it leads. And all at once those
 * who may be the registry's public side. */
static int verify_answers(struct work *work, const struct claims *claims, struct fronts *fronts,
			  int limit_ms, struct icr_error *err)
{
	size_t count = 0, all = claims->count + fronts->count;
	_cleanup_free_ const struct claim **asked = icr_calloc(all, sizeof(*asked));
	_cleanup_free_ struct icr_http_request *requests = icr_calloc(all, sizeof(*requests));
	_cleanup_free_ struct icr_http_reply *replies = icr_calloc(all, sizeof(*replies));
	_cleanup_free_ char(*urls)[PROBE_URL_MAX] = icr_calloc(claims->count, sizeof(*urls));

	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		if (claim->route->status != REGION_ACTIVE || claim->family != AF_INET)
			continue;
		requests[count] = probe_request(claim->name, NULL, limit_ms, urls[count]);
		asked[count++] = claim;
	}
	for (size_t i = 0; i < fronts->count; i++)
		requests[count + i] = fronts_request(&fronts->items[i], HANDSHAKE_MS);
	int r = icr_http_perform(requests, count + fronts->count, replies, err);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = judge(&work->routes, asked[i], &replies[i], err);
	if (r >= 0)
		fronts_judge(work, fronts, replies + count);
	for (size_t i = 0; i < count + fronts->count; i++)
		icr_http_reply_free(&replies[i]);
	return r;
}

/* How long an answer may take, with BEGIN the beginning of the proof: what is left, or what answers
 * took before. One that does not come proves nothing. */
static int answer_limit(const struct work *work, int64_t begin)
{
	int64_t left = TOTAL_MS - work->probe_ms - (icr_clock_ms() - begin);
	int64_t needed = work->answer_ms * 3 / 2 + ANSWER_EXTRA_MS;
	int64_t limit = left > needed ? left : needed;

	return limit < ANSWER_MS ? (int)limit : ANSWER_MS;
}

int verify_routes(struct work *work, bool written, struct icr_error *err)
{
	/* The names stay as DNS has them; what the engines ask for was proven by the probe. */
	if (settings_route(&work->settings) == ROUTE_NATIVE)
		return 0;
	icr_cleanup(claims_free) struct claims claims = {0};
	icr_cleanup(fronts_free) struct fronts fronts = {0};

	int64_t begin = icr_clock_ms();
	icr_progress("proving the result");
	/* of a hosts file that is known to be as it was verified, the resolver says the same */
	if (!work->known)
		gather(&work->routes, &claims);
	int r = claims.count ? verify_names(&claims, err) : 0;
	if (r < 0)
		return r;
	fronts_find(work, &fronts);
	if (!written)
		claims.count = 0;
	bool asks = claims.count || fronts.count;
	if (asks)
		r = verify_answers(work, &claims, &fronts, answer_limit(work, begin), err);
	/* the look at them was a moment ago, where nobody had to be asked since */
	if (r >= 0 && (asks || fronts.peers.known_open))
		fronts_end(work, &fronts);
	return r;
}
