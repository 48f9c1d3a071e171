/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CHOOSE_H
#define REWRITE_CHOOSE_H

#include "icr/error.h"
#include "rewrite/work.h"

enum routes_mode {
	ROUTES_ALL_OR_NONE,    /* each region of the settings must be proven or private already */
	ROUTES_WHAT_IS_PROVEN, /* at least one must; the others stay pending */
	ROUTES_REFRESH,	       /* never fails for a dead region; see routes_unproven() */
};

/*
 * Probes the regions of work->settings and sets work->routes, in the order of the region table.
 * RECORDED is what the state knows of them: it decides what becomes of a region that is dead now
 * (settings.fallback). -ICR_E_UNPROVEN as MODE says, each region's failure in the notes when there
 * is more than one. -ICR_E_REFUSED when `ibmcloud cr` would be cut off and force is not set.
 */
int routes_prove(struct work *work, const struct routes *recorded, enum routes_mode mode,
		 struct icr_error *err);

/*
 * The regions whose names our block in the hosts file steers now. Not what the state says: it may
 * be lost, or the block gone, and what the resolver answers depends on the file alone.
 */
int routes_steered(const struct host *host, struct icr_region_set *ret_set, struct icr_error *err);

/* As routes_prove, but without a probe: what is recorded stays, all else is pending. */
int routes_recorded(struct work *work, const struct routes *recorded, struct icr_error *err);

/* After a refresh: is there a region that should be steered and could not be proven? Regions that
 * --fallback public has taken out do not count; pending ones only when nothing at all is steered.
 * Fails with -ICR_E_UNPROVEN then. */
int routes_unproven(const struct work *work, struct icr_error *err);

#endif
