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
#include "rewrite/route.h"

/*
 * Proves the private network: for every region the private name is resolved, and at each of its
 * addresses TLS and the registry's /v2/ answer are asked for under every name that the route would
 * steer there. All regions at once; none waits for another.
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
	char name[ICR_HOST_MAX]; /* "" when there is no such name */
	bool asked;		 /* false: an address that is never asked, the message says why */
	bool insecure;		 /* Docker would check no certificate there */
	enum icr_http_outcome outcome;
	int status;		   /* of GET /v2/ */
	char *realm;		   /* of the challenge; or NULL */
	struct icr_strings realms; /* of all challenges: engines log in at each */
	char *message;		   /* why it did not pass, for people; NULL when it passed */
	bool passed; /* TLS verified for the name, and 200, or 401 with a Bearer realm at an ICR
			host */
};

struct probe_address {
	char address[ICR_ADDRESS_MAX];
	struct probe_answer answers[PROBE_NAMES];
	bool management; /* the management API answers under the public name, or was not asked */
	bool proven;	 /* private and public name passed */
};

/*
 * What a public name's own addresses answered, where these are private ones: a VPE gateway, or what
 * an IKS or ROKS worker pins the name to.
 */
struct probe_gateway {
	size_t asked, passed;
	char *message; /* of the last that did not pass; or NULL */
	enum icr_http_outcome outcome;
};

struct probe_region {
	const struct icr_region *region;
	struct icr_resolution private_name;
	struct icr_resolution public_name;	    /* not asked for when our own block steers it */
	struct icr_resolution outside[PROBE_NAMES]; /* what the name servers say of the names that
						       the route steers, past the hosts file */
	struct probe_address *addresses;	    /* of the private name */
	size_t count;
	struct probe_gateway gateway;
	bool again;	 /* it was probed before in this run, and seemed dead */
	bool proven;	 /* at least one address is */
	bool management; /* every proven address answers for management, or was not asked */
	char *already;	 /* why this host is private already (a sentence), or NULL */
	char *stray;   /* the host of a login realm that no region of this probe would steer: there
			  engines send their key; or NULL */
	char *failure; /* what stands in the way (one sentence); NULL when proven or already */
	char *hint;    /* which prerequisite that points at; or NULL */
};

struct probe {
	struct probe_region *regions;
	size_t count;
	int64_t answer_ms; /* that the slowest good answer took */
};

/* What is probed. */
struct probe_scope {
	const struct icr_region_set *regions;
	/* whose public names our own block steers now: for them the public name's address says
	 * nothing about the host */
	const struct icr_region_set *managed;
	/* whose management API is asked, too; NULL: none */
	const struct icr_region_set *management;
	bool past_files; /* no private name is in the hosts file: the name servers are asked */
	int timeout_ms;	 /* for all of it */
};

/*
 * Fails (negative) when this host cannot ask everything (no descriptor, no CA file): half a picture
 * is none. A region's failure is in its own entry.
 */
int probe_run(const struct probe_scope *scope, struct probe *ret_probe, struct icr_error *err);

/* Sets already, or failure and hint, from all that the region and its gateway answered. */
void probe_explain(struct probe_region *region);

/* May a name of the region share the block: true when every proven address passed under it. */
bool probe_covers(const struct probe_region *region, int name);

/* Has the name an address of FAMILY in public DNS, while no proven address is of that family? Then
 * programs that ask for that family alone would go public. */
bool probe_lacks(const struct probe_region *region, int family);

/* The same where a name server did not say, although others may be told an address in a moment. */
bool probe_may_lack(const struct probe_region *region, int family);

/* The addresses of the public internet to which the region's names lead past the hosts file. */
void probe_outside(const struct probe_region *region, struct icr_strings *ret_outside);

/* What was proven of the region, as its route: active, addresses, names, families to close. */
void probe_route(const struct probe_region *region, struct region_route *route);

/* -ICR_E_REFUSED for the first proven region whose login realm is stray. */
int probe_check_realms(const struct probe *probe, struct icr_error *err);

void probe_free(struct probe *probe);

/* The request for /v2/ under NAME, at ADDRESS or (NULL) where it leads, and what its reply is
 * worth. URL is where the request's URL is kept. */
#define PROBE_URL_MAX (ICR_HOST_MAX + 32)
struct icr_http_request probe_request(const char *name, const char *address, int timeout_ms,
				      char url[PROBE_URL_MAX]);
void probe_judge(const struct icr_http_reply *reply, struct probe_answer *answer);
void probe_answer_free(struct probe_answer *answer);

/* What becomes of a name that is dead takes no longer than this, however many regions. */
#define PROBE_TIMEOUT_MS 9500
/* Of that: glibc's first time-out for a name server that is dead, and an answer of the second. */
#define PROBE_NAMES_MS 6000
/* One answer, with TCP and TLS, asked for a second time if need be. */
#define PROBE_ANSWER_MS 4000

#endif
