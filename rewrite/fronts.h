/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_FRONTS_H
#define REWRITE_FRONTS_H

#include <stddef.h>

#include "icr/http.h"
#include "icr/text.h"
#include "rewrite/connections.h"
#include "rewrite/probe.h"
#include "rewrite/work.h"

/*
 * The registry's public addresses, to which no connection may be left. Name servers give some of
 * them at a time. Others are found among the addresses to which programs that fetch images have
 * connections: each is asked, by a TLS handshake alone, for a certificate of the names that are
 * steered. No request is sent there, and nothing but such a name, in a ClientHello, to an address
 * that this host talks to already. An address that name servers gave within the last day is asked
 * whoever has the connection, and where nobody answers by now it is taken for what it was.
 */
struct front_question {
	struct region_route *route;
	const struct peer *peer;
	char url[PROBE_URL_MAX];
};

struct fronts {
	struct icr_strings known; /* public addresses of steered names */
	struct icr_strings earlier;
	struct peers peers;
	struct front_question *items;
	size_t count;
};

/* Whom to ask, about the routes of WORK that are steered. Free with fronts_free. */
void fronts_find(struct work *work, struct fronts *ret_fronts);

/* The request of a question, which takes at most LIMIT_MS. */
struct icr_http_request fronts_request(const struct front_question *question, int limit_ms);

/* Takes the replies to all the questions, in their order: what is found out joins the routes. Who
 * could not be asked is said. */
void fronts_judge(struct work *work, struct fronts *fronts, const struct icr_http_reply *replies);

/* Ends the connections to all that are known. */
void fronts_end(struct work *work, const struct fronts *fronts);

void fronts_free(struct fronts *fronts);

#endif
