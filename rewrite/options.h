/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_OPTIONS_H
#define REWRITE_OPTIONS_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/program.h"
#include "icr/region-set.h"
#include "rewrite/run.h"

/* What plan and apply are told. */
struct apply_options {
	struct icr_region_set regions;
	const char *route, *engines, *fallback, *root;
	bool docker_mirror, no_docker_mirror, force, offline, dry_run, json;
};

/* The first is --dry-run, which plan does not take. */
extern const struct icr_option apply_options[];
#define plan_options (apply_options + 1)

/* PLAN: the verb is plan, which knows no --dry-run. */
int apply_options_parse(int argc, char **argv, bool plan, struct apply_options *ret_options,
			struct icr_error *err);

/*
 * The whole of plan, and of apply up to the first write: opens the run, joins the options with the
 * recorded settings (what is not given stays as recorded), chooses the regions, probes them unless
 * offline, and lets the parts plan. Returns 1 when the regions are private already and nothing was
 * ever applied, so that there is nothing to do; else 0.
 */
int apply_prepare(struct run *run, const struct apply_options *options, enum run_mode mode,
		  struct icr_error *err);

#endif
