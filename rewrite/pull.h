/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PULL_H
#define REWRITE_PULL_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/reference.h"
#include "icr/resolve.h"
#include "rewrite/probe.h"

/* One image, asked for as an engine would. */
struct pull {
	bool done;
	char *address; /* of the private network that was asked; NULL: where the name leads */
	char *username;
	char *manifest; /* media type */
	char *blob;	/* digest */
	char *redirect; /* host that the blob's request is sent on to; NULL: served directly */
	struct icr_resolution redirect_name;
};

/*
 * Gets the helper's credentials for the reference's host, then a token, the manifest and the head
 * of a blob. PROBED is the reference's region.
 */
int pull_run(const struct icr_reference *reference, const struct probe_region *probed,
	     struct pull *pull, struct icr_error *err);

void pull_free(struct pull *pull);

#endif
