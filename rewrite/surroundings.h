/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SURROUNDINGS_H
#define REWRITE_SURROUNDINGS_H

#include "icr/text.h"
#include "rewrite/work.h"

/*
 * What of a host's surroundings sends pulls past the route, or serves the names from elsewhere:
 * proxies of clients other than Docker's daemon, engines that are not on this host, name servers
 * that keep what the hosts file said once. Nothing of it is ours to change, so it is said.
 *
 * What takes the names of WORK's routes past them for clients that are installed is added to PAST,
 * in words (NULL: it is a warning like the rest).
 */
void surroundings_of(struct work *work, struct icr_strings *past);

#endif
