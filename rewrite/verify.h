/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_VERIFY_H
#define REWRITE_VERIFY_H

#include "icr/error.h"
#include "rewrite/work.h"

/*
 * Looks whether what was written works: every name that the routes proven by this run steer is
 * looked up in each address family as any program of this host would, must lead to the route's
 * addresses only, and, where WRITTEN, is asked for /v2/; a closed name must lead nowhere.
 * -ICR_E_UNPROVEN says what the resolver or the registry said instead. Then no connection to the
 * names' public addresses is left, or a warning says whose.
 *
 * WRITTEN: behind the probe, or by a run that was interrupted. Else the probe has just asked the
 * addresses under the names that lead there.
 */
int verify_routes(struct work *work, bool written, struct icr_error *err);

#endif
