/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_WORK_H
#define REWRITE_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "icr/domain.h"
#include "icr/error.h"
#include "icr/resolve.h"
#include "rewrite/change.h"
#include "rewrite/host.h"
#include "rewrite/probe.h"

enum fallback {
	FALLBACK_NEVER,	 /* a dead private network keeps its last proven addresses */
	FALLBACK_PUBLIC, /* refresh takes the lines out until it is back */
};

/* What apply was asked for; recorded, so that refresh and a later apply repeat it. */
struct settings {
	struct icr_region_set regions;
	enum fallback fallback;
	bool docker_mirror;
	bool force;
	char *engines; /* --engines as given; NULL = auto */
};

enum region_status {
	REGION_ACTIVE,	  /* proven; its lines are in the block */
	REGION_PENDING,	  /* asked for, never proven yet */
	REGION_WITHDRAWN, /* proven once, dead now, fallback public */
	REGION_PRIVATE,	  /* needs nothing: the public name is private on this host already */
};

/* One region as the route shall steer it. */
struct region_route {
	const struct icr_region *region;
	enum region_status status;
	bool alias, entitled; /* these names share its lines */
	size_t count;
	char addresses[ICR_ADDRESSES_MAX][ICR_ADDRESS_MAX];
	bool proven;  /* by this run */
	char *reason; /* why it is not active, or not proven by this run; or NULL */
	char *hint;   /* what to do about that; or NULL */
};

struct routes {
	struct region_route *items;
	size_t count;
};

/* "active", "pending", ...: as the state file and reports spell it. */
const char *region_status_text(enum region_status status);

#define ROUTE_ENTITLED "cp.icr.io"

/* The names that the region's lines carry, public name first; returns how many. */
#define ROUTE_NAMES_MAX 3
size_t route_names(const struct region_route *route, const char *ret_names[ROUTE_NAMES_MAX]);

/* A new entry at the end, pending; NULL when memory ran out. */
struct region_route *routes_add(struct routes *routes, const struct icr_region *region);
void routes_free(struct routes *routes);

/* Is anything steered? */
bool routes_active(const struct routes *routes);

const struct region_route *routes_find(const struct routes *routes,
				       const struct icr_region *region);

/* Sentences for the user, collected by the parts and told by the verb (stderr, or "notes" in JSON).
 */
struct notes {
	char **lines;
	size_t count;
};

void note(struct notes *notes, const char *format, ...) ICR_PRINTF(2, 3);

/* Everything that one run of plan, apply, refresh, status or undo works on. */
struct work {
	struct host host;
	struct settings settings;
	struct routes routes; /* wanted */
	struct notes notes;
};

/*
 * A part of the host that apply puts right: the hosts file, one container engine, the timer. One
 * file each, and a line in PARTS below. Any member but name may be NULL.
 */
struct part {
	const char *name;
	bool engine; /* chosen by --engines */

	/* Adds the regions that the host is seen to use (mirrors, logins, local images) to SET.
	 * Never fails for an engine that is not there. */
	int (*regions)(struct work *work, struct icr_region_set *set, struct icr_error *err);

	/* Adds its changes for work->routes and work->settings. Says in notes what it cannot do. */
	int (*plan)(struct work *work, struct changes *changes, struct icr_error *err);

	/* Adds a change, with base and wanted lacking our share, for what is recognisably ours
	 * although no state tells of it. */
	int (*find)(struct work *work, struct changes *changes, struct icr_error *err);

	/* The file was edited by others since: computes change->base from change->current and
	 * change->record, taking out what is still ours and nothing else. */
	int (*strip)(struct change *change, struct icr_error *err);

	/* Last look before anything is written (dockerd --validate). Live runs only. */
	int (*validate)(struct work *work, const struct changes *changes, struct icr_error *err);

	/* After the files have changed: makes the running system take them up; what needs a restart
	 * is noted. Live runs only. Also called by undo, and when nothing was to be written: an
	 * earlier run may have been offline, or killed before this. */
	int (*activate)(struct work *work, const struct changes *changes, struct icr_error *err);

	/* Adds what status tells about it to the JSON object STATUS ("engines" entry): "name",
	 * "found", "version", "image_store", ... and prints nothing. */
	int (*status)(struct work *work, cJSON *status, struct icr_error *err);
};

extern const struct part *const parts[];
extern const size_t parts_count;

/* The parts there are, in the order in which they plan and activate: part_NAME of part/NAME.c. */
#define PARTS(X)                                                                                   \
	X(hosts)                                                                                   \
	X(docker)                                                                                  \
	X(timer)

#define PART_DECLARATION(name) extern const struct part part_##name;

PARTS(PART_DECLARATION)

/* The part called NAME, or NULL. */
const struct part *part_find(const char *name);

/* Does this run include the engine (--engines)? */
bool work_has_engine(const struct work *work, const struct part *part);

/* Takes --engines' VALUE over: NULL or "auto", or names of engines. -ICR_E_USAGE for others. */
int work_set_engines(struct settings *settings, const char *value, struct icr_error *err);

void work_free(struct work *work);

#endif
