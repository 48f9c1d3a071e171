/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PROBE_H
#define REWRITE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/region-set.h"
#include "icr/resolve.h"

/*
 * Proves the private network: for every region the private name is resolved, and at each of its
 * addresses TLS and the registry's /v2/ answer are asked for under every name that the route would
 * steer there. All regions, addresses and names at once.
 */

enum {
	PROBE_PRIVATE,	/* private.us.icr.io: what the address must be */
	PROBE_PUBLIC,	/* us.icr.io: what clients will ask it for */
	PROBE_ALIAS,	/* the deprecated name, where the region has one */
	PROBE_ENTITLED, /* cp.icr.io, global registry only */
	PROBE_NAMES,
};

/* What one address answered under one name. */
struct probe_answer {
	char name[ICR_HOST_MAX]; /* "" when not asked */
	enum icr_http_outcome outcome;
	int status;    /* of GET /v2/ */
	char *realm;   /* of the challenge; or NULL */
	char *message; /* why it did not pass, for people; NULL when it passed */
	bool passed;   /* TLS verified for the name, and 200, or 401 with a Bearer realm at an ICR
			  host */
};

struct probe_address {
	char address[ICR_ADDRESS_MAX];
	struct probe_answer answers[PROBE_NAMES];
	bool management; /* GET /api/v1/ under the public name is answered by the management API */
	bool proven;	 /* private and public name passed */
};

struct probe_region {
	const struct icr_region *region;
	struct icr_resolution private_name;
	struct icr_resolution public_name;
	struct probe_address *addresses; /* of the private name */
	size_t count;
	bool proven;	 /* at least one address is */
	bool management; /* every proven address answers for management */
	char *already;	 /* why this host is private already (a sentence), or NULL */
	char *failure;	 /* what stands in the way (one sentence); NULL when proven or already */
	char *hint;	 /* which prerequisite that points at; or NULL */
};

struct probe {
	struct probe_region *regions;
	size_t count;
};

/*
 * Probes the regions of SET within TIMEOUT_MS. MANAGED are those whose public names our own block
 * steers now: for them the public name's address says nothing about the host. Fails (negative) only
 * when it cannot probe at all; a region's failure is in its own entry.
 */
int probe_run(const struct icr_region_set *set, const struct icr_region_set *managed,
	      int timeout_ms, struct probe *ret_probe, struct icr_error *err);

/*
 * What a public name's own addresses answered, where these are private ones: a VPE gateway, or what
 * an IKS or ROKS worker pins the name to.
 */
struct probe_gateway {
	size_t asked, passed;
	char *message; /* of the last that did not pass; or NULL */
	enum icr_http_outcome outcome;
};

/* Sets already, or failure and hint, from all that the region and its public name's own addresses
 * answered. -ENOMEM alone. */
int probe_explain(struct probe_region *region, const struct probe_gateway *gateway,
		  struct icr_error *err);

/* May a name of the region share the block: true when every proven address passed under it. */
bool probe_covers(const struct probe_region *region, int name);

void probe_free(struct probe *probe);

#define PROBE_TIMEOUT_MS 9000 /* check and apply answer within 10 s */

#endif
