/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PROBE_EXPLAIN_H
#define REWRITE_PROBE_EXPLAIN_H

#include "icr/error.h"
#include "rewrite/probe-ask.h"
#include "rewrite/probe.h"

/* Sets already, or failure and hint, from all that the region and its public name's own addresses
 * answered. -ENOMEM alone. */
int probe_explain(struct probe_region *region, const struct probe_gateway *gateway,
		  struct icr_error *err);

#endif
