/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/fronts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/last.h"

/* Each is a socket and a handshake. More peers than that, for all the names, are no engine's. */
#define QUESTIONS_MAX 128

static bool is_steered(const struct region_route *route)
{
	return route->status == REGION_ACTIVE || route->status == REGION_CLOSED;
}

static void ask(struct fronts *fronts, struct region_route *route, const char *name,
		const struct peer *peer)
{
	struct front_question *question = ICR_APPEND(fronts);

	*question = (struct front_question){.route = route, .peer = peer};
	(void)snprintf(question->url, sizeof(question->url), "https://%s/", name);
}

/* Every peer for one name before any is asked for the next. */
static void ask_all(struct work *work, struct fronts *fronts)
{
	for (size_t n = 0; n < ROUTE_NAMES_MAX; n++)
		for (size_t i = 0; i < work->routes.count; i++) {
			struct region_route *route = &work->routes.items[i];
			const char *names[ROUTE_NAMES_MAX];
			if (!is_steered(route) || n >= route_names(route, names))
				continue;
			for (size_t j = 0; j < fronts->peers.count; j++)
				if (fronts->count < QUESTIONS_MAX)
					ask(fronts, route, names[n], &fronts->peers.items[j]);
		}
}

void fronts_find(struct work *work, struct fronts *ret_fronts)
{
	_cleanup_last_ struct last last = {0};

	*ret_fronts = (struct fronts){0};
	last_load(&last);
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		for (size_t j = 0; is_steered(route) && j < route->outside.count; j++)
			icr_strings_add_once(&ret_fronts->known, route->outside.items[j]);
		if (is_steered(route))
			last_fronts(&last, route->region->public_name, &ret_fronts->earlier);
	}
	peers_list(&ret_fronts->known, &ret_fronts->earlier, &ret_fronts->peers);
	ask_all(work, ret_fronts);
}

struct icr_http_request fronts_request(const struct front_question *question, int limit_ms)
{
	return (struct icr_http_request){
		.method = "GET",
		.url = question->url,
		.address = question->peer->address,
		.handshake = true,
		.connect_timeout_ms = limit_ms,
		.timeout_ms = limit_ms,
	};
}

/* Did somebody there answer, who is not the registry? */
static bool is_stranger(enum icr_http_outcome outcome)
{
	return outcome == ICR_HTTP_TLS_NAME || outcome == ICR_HTTP_TLS_UNTRUSTED ||
	       outcome == ICR_HTTP_TLS || outcome == ICR_HTTP_RESET;
}

static void judge_peer(struct work *work, struct fronts *fronts, const struct peer *peer,
		       const struct icr_http_reply *replies)
{
	const struct icr_http_reply *silent = NULL;
	bool found = false, stranger = false;

	for (size_t i = 0; i < fronts->count; i++) {
		if (fronts->items[i].peer != peer)
			continue;
		if (replies[i].outcome == ICR_HTTP_DONE) {
			icr_strings_add_once(&fronts->items[i].route->outside, peer->address);
			found = true;
		} else if (is_stranger(replies[i].outcome)) {
			stranger = true;
		} else {
			silent = &replies[i];
		}
	}
	if (found || (!stranger && icr_strings_has(&fronts->earlier, peer->address)))
		icr_strings_add_once(&fronts->known, peer->address);
	else if (!stranger)
		note(&work->notes,
		     "%s keeps a connection to %s, of which cannot be told whether it is a public "
		     "address of the registry: %s",
		     peer->holder, peer->address,
		     silent && silent->message ? silent->message : "too many to ask them all");
}

void fronts_judge(struct work *work, struct fronts *fronts, const struct icr_http_reply *replies)
{
	for (size_t i = 0; i < fronts->peers.count; i++)
		judge_peer(work, fronts, &fronts->peers.items[i], replies);
}

void fronts_end(struct work *work, const struct fronts *fronts)
{
	connections_end(&fronts->known, &work->notes);
}

void fronts_free(struct fronts *fronts)
{
	icr_strings_free(&fronts->known);
	icr_strings_free(&fronts->earlier);
	peers_free(&fronts->peers);
	free(fronts->items);
	*fronts = (struct fronts){0};
}
