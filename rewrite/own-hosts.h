/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_OWN_HOSTS_H
#define REWRITE_OWN_HOSTS_H

#include "icr/text.h"
#include "rewrite/processes.h"
#include "rewrite/systemd.h"
#include "rewrite/work.h"

/*
 * Engines among PROCESSES that have a hosts file of their own: rootless Docker starts with a copy
 * of the host's, engines in containers have another. Says which of them the names of WORK's routes
 * do not lead to the private network; what an administrator can mend is added to PAST, in words
 * (NULL: it is a warning like the rest).
 */
void own_hosts_of(struct work *work, const struct processes *processes, struct icr_strings *past);

/* The same of the service called NAME as its unit will start it, such as one that a socket does. */
void own_hosts_of_unit(struct work *work, const struct systemd_unit *unit, const char *name,
		       struct icr_strings *past);

#endif
