/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CHOOSE_H
#define REWRITE_CHOOSE_H

#include "icr/error.h"
#include "rewrite/work.h"

struct probe;

enum choose_mode {
	CHOOSE_ALL_OR_NONE,    /* each region of the settings must be proven or private already */
	CHOOSE_WHAT_IS_PROVEN, /* at least one must; the others stay pending */
	CHOOSE_REFRESH,	       /* never fails for a dead region; see choose_unproven() */
};

/* Probes the regions of work->settings, whose names our block steers now or not. */
int choose_probe(struct work *work, struct probe *ret_probe, struct icr_error *err);

/*
 * Sets work->routes by what PROBE found, in the order of the region table. RECORDED is what the
 * state knows of them: it decides what becomes of a region that is dead now (settings.fallback).
 * -ICR_E_UNPROVEN as MODE says, each region's failure in the notes when there is more than one.
 * -ICR_E_REFUSED when `ibmcloud cr` would be cut off and force is not set. May be called again, for
 * what is recorded by then.
 */
int choose_proven(struct work *work, const struct routes *recorded, const struct probe *probe,
		  enum choose_mode mode, struct icr_error *err);

/* As choose_proven, but without a probe: what is recorded stays, all else is pending. */
int choose_recorded(struct work *work, const struct routes *recorded, struct icr_error *err);

/* After a refresh: is there a region that should be steered and could not be proven? Regions that
 * --fallback public has taken out do not count; pending ones only when nothing at all is steered.
 * Fails with -ICR_E_UNPROVEN then. */
int choose_unproven(const struct work *work, struct icr_error *err);

#endif
