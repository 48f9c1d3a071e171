/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_HOST_H
#define REWRITE_HOST_H

#include <stdbool.h>

#include "icr/environment.h"

/* The host whose configuration is rewritten: this one, or a tree below --root. */
struct host {
	const char *root; /* "" for this host, else an absolute folder without a trailing slash */
	bool live;	  /* may probe, prove and reload: neither --root nor --offline */
	struct icr_environment environment;
};

/* Where PATH (absolute, as the host sees it) lies for us: root + path, malloc'ed; NULL when memory
 * ran out. */
char *host_path(const struct host *host, const char *path);

#endif
