/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/verify.h"

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/http.h"
#include "icr/resolve.h"

/* nscd and systemd-resolved notice a new hosts file after up to two seconds (resolved-etc-hosts.c,
 * ETC_HOSTS_RECHECK_USEC) and tell nobody: hence asking again. */
#define RESOLVE_PATIENCE_MS 3000
#define RESOLVE_AGAIN_MS    200
#define REQUEST_TIMEOUT_MS  5000
#define CONNECT_TIMEOUT_MS  3000
#define TEXT_MAX	    ((size_t)64 * 1024)

/* One name to verify. */
struct claim {
	const struct region_route *route;
	const char *name;
};

struct claims {
	struct claim *items;
	struct icr_resolution *resolutions;
	size_t count;
};

static void claims_free(struct claims *claims)
{
	free(claims->items);
	free(claims->resolutions);
}

static int gather(const struct routes *routes, struct claims *claims, struct icr_error *err)
{
	size_t most = routes->count * ROUTE_NAMES_MAX + 1;
	claims->items = calloc(most, sizeof(*claims->items));
	claims->resolutions = calloc(most, sizeof(*claims->resolutions));
	if (!claims->items || !claims->resolutions)
		return icr_fail_memory(err);
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		const char *names[ROUTE_NAMES_MAX];
		size_t count = route_names(route, names);
		if (route->status != REGION_ACTIVE || !route->proven)
			continue;
		for (size_t j = 0; j < count; j++)
			claims->items[claims->count++] = (struct claim){route, names[j]};
	}
	return 0;
}

static bool leads_to(const struct region_route *route, const char *address)
{
	for (size_t i = 0; i < route->count; i++)
		if (strcmp(route->addresses[i], address) == 0)
			return true;
	return false;
}

static bool resolved_right(const struct claim *claim, const struct icr_resolution *resolution)
{
	for (size_t i = 0; i < resolution->count; i++)
		if (!leads_to(claim->route, resolution->addresses[i]))
			return false;
	return resolution->failure == 0 && resolution->count > 0;
}

static int resolve_all(struct claims *claims, struct icr_error *err)
{
	for (size_t i = 0; i < claims->count; i++)
		claims->resolutions[i] = (struct icr_resolution){.name = claims->items[i].name};
	return icr_resolve(claims->resolutions, claims->count, RESOLVE_PATIENCE_MS, err);
}

/* The first claim that the resolver does not follow, or NULL. */
static const struct claim *first_wrong(const struct claims *claims)
{
	for (size_t i = 0; i < claims->count; i++)
		if (!resolved_right(&claims->items[i], &claims->resolutions[i]))
			return &claims->items[i];
	return NULL;
}

static int wrong_name(const struct claims *claims, const struct claim *claim, struct icr_error *err)
{
	const struct icr_resolution *resolution = &claims->resolutions[claim - claims->items];
	_cleanup_buf_ struct icr_buf said;
	icr_buf_init(&said, TEXT_MAX);
	if (resolution->failure)
		icr_buf_text(&said, gai_strerror(resolution->failure));
	for (size_t i = 0; i < resolution->count; i++)
		icr_buf_printf(&said, "%s%s", i ? ", " : "", resolution->addresses[i]);
	icr_fail_at(err, ICR_E_UNPROVEN, claim->name,
		    "this host's resolver does not follow /etc/hosts; it says: %s", said.data);
	return icr_error_hint(
		err,
		"see the line \"hosts:\" of /etc/nsswitch.conf (\"files\" must be in it, before "
		"\"dns\"), nscd, and ReadEtcHosts= of systemd-resolved");
}

static int verify_names(struct claims *claims, struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + RESOLVE_PATIENCE_MS;
	for (;;) {
		int r = resolve_all(claims, err);
		if (r < 0)
			return r;
		const struct claim *wrong = first_wrong(claims);
		if (!wrong)
			return 0;
		if (icr_clock_ms() >= deadline)
			return wrong_name(claims, wrong, err);
		(void)poll(NULL, 0, RESOLVE_AGAIN_MS);
	}
}

static int judge(const struct claim *claim, const struct icr_http_reply *reply,
		 struct icr_error *err)
{
	if (reply->outcome != ICR_HTTP_DONE)
		return icr_fail_at(err, ICR_E_UNPROVEN, claim->name, "%s",
				   reply->message ? reply->message
						  : icr_http_outcome_text(reply->outcome));
	if (reply->status != 200 && reply->status != 401)
		return icr_fail_at(err, ICR_E_UNPROVEN, claim->name, "/v2/ was answered by %d",
				   reply->status);
	if (reply->address && !leads_to(claim->route, reply->address))
		return icr_fail_at(err, ICR_E_UNPROVEN, claim->name,
				   "%s answered, which is none of the proven addresses",
				   reply->address);
	return 0;
}

struct exchange {
	struct icr_http_request *requests;
	struct icr_http_reply *replies;
	char **urls;
	size_t count;
};

static void exchange_free(struct exchange *exchange)
{
	for (size_t i = 0; i < exchange->count; i++) {
		icr_http_reply_free(&exchange->replies[i]);
		free(exchange->urls[i]);
	}
	free(exchange->requests);
	free(exchange->replies);
	free(exchange->urls);
}

static int exchange_fill(struct exchange *exchange, const struct claims *claims,
			 struct icr_error *err)
{
	exchange->requests = calloc(claims->count, sizeof(*exchange->requests));
	exchange->replies = calloc(claims->count, sizeof(*exchange->replies));
	exchange->urls = calloc(claims->count, sizeof(*exchange->urls));
	if (!exchange->requests || !exchange->replies || !exchange->urls)
		return icr_fail_memory(err);
	exchange->count = claims->count;
	for (size_t i = 0; i < claims->count; i++) {
		if (asprintf(&exchange->urls[i], "https://%s/v2/", claims->items[i].name) < 0) {
			exchange->urls[i] = NULL;
			return icr_fail_memory(err);
		}
		exchange->requests[i] = (struct icr_http_request){
			.method = "GET",
			.url = exchange->urls[i],
			.connect_timeout_ms = CONNECT_TIMEOUT_MS,
			.timeout_ms = REQUEST_TIMEOUT_MS,
		};
	}
	return 0;
}

static int verify_answers(const struct claims *claims, struct icr_error *err)
{
	icr_cleanup(exchange_free) struct exchange exchange = {0};
	int r = exchange_fill(&exchange, claims, err);
	if (r >= 0)
		r = icr_http_perform(exchange.requests, exchange.count, exchange.replies, err);
	for (size_t i = 0; r >= 0 && i < claims->count; i++)
		r = judge(&claims->items[i], &exchange.replies[i], err);
	return r;
}

int verify_routes(const struct work *work, struct icr_error *err)
{
	icr_cleanup(claims_free) struct claims claims = {0};
	int r = gather(&work->routes, &claims, err);
	if (r < 0 || claims.count == 0)
		return r;
	r = verify_names(&claims, err);
	return r < 0 ? r : verify_answers(&claims, err);
}
