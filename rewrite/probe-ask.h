/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PROBE_ASK_H
#define REWRITE_PROBE_ASK_H

#include <stddef.h>

#include "icr/error.h"
#include "rewrite/probe.h"

/*
 * What a public name's own addresses answered, where these are private ones: a VPE gateway, or what
 * an IKS or ROKS worker pins the name to.
 */
struct probe_gateway {
	size_t asked, passed;
	char *message; /* of the last that did not pass; or NULL */
	enum icr_http_outcome outcome;
};

/*
 * Asks every address of every region of PROBE under every name, all at once, and fills in the
 * answers; GATEWAYS[i] belongs to regions[i]. Regions that MANAGED has are not asked under the
 * addresses of their public name.
 */
int probe_ask(struct probe *probe, const struct icr_region_set *managed, int timeout_ms,
	      struct probe_gateway *gateways, struct icr_error *err);

#endif
