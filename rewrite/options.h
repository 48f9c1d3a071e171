/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_OPTIONS_H
#define REWRITE_OPTIONS_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/program.h"
#include "icr/region-set.h"
#include "rewrite/choose.h"
#include "rewrite/work.h"

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

/* Joins OPTIONS (struct apply_options) with the recorded settings (what is not given stays as
 * recorded) and chooses the regions. */
int apply_options_join(struct work *work, const void *options, struct icr_error *err);

/* How many of the regions have to be proven. */
enum choose_mode apply_options_mode(const struct apply_options *options);

#endif
