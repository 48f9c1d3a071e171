/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_ROUTE_H
#define REWRITE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/region.h"
#include "icr/resolve.h"
#include "icr/text.h"

struct icr_value;

enum region_status {
	REGION_ACTIVE,	  /* proven; its lines are in the block */
	REGION_PENDING,	  /* asked for, never proven yet, and public until then */
	REGION_CLOSED,	  /* the same with fallback never: its lines lead nowhere */
	REGION_WITHDRAWN, /* proven once, dead now, fallback public */
	REGION_PRIVATE,	  /* needs nothing: the public name is private on this host already */
};

/*
 * Where a closed name leads: documentation addresses of multicast (RFC 5771 and RFC 6676), to
 * which TCP cannot connect: it fails at once, with "network is unreachable", where other
 * reserved addresses hang, or reach this host. One of each family, for the resolver asks the hosts
 * file per family and goes on to DNS for the one that it does not find there.
 */
#define ROUTE_CLOSED4 "233.252.0.1"
#define ROUTE_CLOSED6 "ff0e::db8:0:1"

/* One region as the route shall steer it. */
struct region_route {
	const struct icr_region *region;
	enum region_status status;
	bool alias, entitled; /* these names share its lines */
	bool close4, close6;  /* a family that the public name has and the private one lacks: its
				 line leads nowhere */
	size_t count; /* of the last proven addresses, also while it is withdrawn; 0: never proven
		       */
	char addresses[ICR_ADDRESSES_MAX][ICR_ADDRESS_MAX];
	bool proven;		    /* by this run */
	struct icr_strings outside; /* public addresses of its names, as name servers tell them */
	char *reason; /* why it is not active, not proven by this run, or not by every address; or
			 NULL */
	char *hint;   /* what to do about that; or NULL */
	char *stray;  /* where the registry sends logins, by this run, that is not steered; or NULL
		       */
};

struct routes {
	struct region_route *items;
	size_t count;
};

/* "active", "pending", ...: as the state file and reports spell it. */
const char *region_status_text(enum region_status status);

/* The names that the region's lines carry, public name first; returns how many. */
#define ROUTE_NAMES_MAX 3
size_t route_names(const struct region_route *route, const char *ret_names[ROUTE_NAMES_MAX]);

/* The addresses of the region's lines: the proven ones and closed ones, or none; returns how many.
 */
#define ROUTE_LINES_MAX (ICR_ADDRESSES_MAX + 2)
size_t route_lines(const struct region_route *route, const char *ret_addresses[ROUTE_LINES_MAX]);

/* ADDRESS, which a file says was proven once, joins those of ROUTE: if it is one that can have
 * been, and there is room. */
void route_take_address(struct region_route *route, const char *address);

/* Is ADDRESS that of one of its lines? */
bool route_leads_to(const struct region_route *route, const char *address);

/* The region that a name of ICR belongs to, added to the table where that lacks it; NULL for other
 * names and those of no region. */
const struct icr_region *route_region(const char *name, size_t len);

/* A new entry at the end, pending, good until the next one. */
struct region_route *routes_add(struct routes *routes, const struct icr_region *region);
void routes_free(struct routes *routes);

/* Is anything steered? Has any region lines, be they closed ones? */
bool routes_active(const struct routes *routes);
bool routes_have_lines(const struct routes *routes);

const struct region_route *routes_find(const struct routes *routes,
				       const struct icr_region *region);

/* "region", "public", "private", "status", "names", "addresses" and "closed" of a route. */
void route_put(struct icr_value *object, const struct region_route *route);

/* Adds the route that OBJECT tells of, as route_put() wrote it, or NULL: one that is there already,
 * or of no region. A region that the table lacks is added to it. */
struct region_route *routes_read(struct routes *routes, const struct icr_value *object);

#endif
