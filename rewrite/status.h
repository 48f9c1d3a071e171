/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_STATUS_H
#define REWRITE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "icr/error.h"
#include "icr/resolve.h"
#include "rewrite/run.h"

/* Where a name leads now. */
struct status_name {
	const char *name;
	const struct region_route *route; /* that steers it; or NULL */
	const char *leads; /* "block", "private", "public", "unresolved", "unknown" */
	struct icr_resolution resolution;
};

/* What status found out. */
struct status {
	struct status_name *names;
	size_t count;
	bool drift;
	cJSON *parts; /* member per part: what its status() told */
};

/* The names of every region and what this host's resolver says about them; below --root and with
 * --offline only what the recorded routes say. */
int status_names(const struct run *run, struct status *status, struct icr_error *err);

/* Does the name lead elsewhere although the block gives its addresses? */
bool status_strays(const struct status_name *name);

/* What has become of a file since it was applied: NULL for nothing, else a few words. */
const char *status_drift(const struct change *change);

void status_print(const struct run *run, const struct status *status);
int status_print_json(const struct run *run, const struct status *status, struct icr_error *err);

/* The object of a status that failed: ERR, whose negative code is returned. */
int status_print_error(const struct run *run, struct icr_error *err);

#endif
