/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SURROUNDINGS_H
#define REWRITE_SURROUNDINGS_H

#include "icr/text.h"
#include "rewrite/host.h"
#include "rewrite/notes.h"
#include "rewrite/work.h"

/*
 * What of a host's surroundings sends pulls past the route, or serves the names from elsewhere:
 * proxies of clients other than Docker's daemon, engines that are not on this host, name servers
 * that keep what the hosts file said once. Nothing of it is ours to change, so it is said.
 *
 * NAMES are those that are steered. What takes them past the route for clients that are installed
 * is added to PAST, in words (NULL: it is a warning like the rest).
 */
void surroundings_note(const struct host *host, const struct icr_strings *names,
		       struct notes *notes, struct icr_strings *past);

/* The same for the names of WORK's routes, with its notes. */
void surroundings_of(struct work *work, struct icr_strings *past);

#endif
