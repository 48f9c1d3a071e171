/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PULL_H
#define REWRITE_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "icr/error.h"
#include "icr/reference.h"
#include "icr/resolve.h"
#include "rewrite/probe.h"

/* One image, asked for as an engine would. */
struct pull {
	bool done;
	char *address; /* of the private network that was asked; NULL: where the name leads */
	char *username;
	char *manifest;	    /* media type */
	char *blob;	    /* digest */
	char *redirect;	    /* host that the blob's request is sent on to; NULL: served directly */
	char *redirect_url; /* the same with scheme and port, where these are not https and 443 */
	struct icr_resolution redirect_name;
};

/*
 * Gets the helper's credentials for the reference's host, then by DEADLINE_MS (icr/clock.h) a token
 * and the manifest, and the head of a blob in PULL_BLOB_MS more. PROBED is the reference's region.
 */
#define PULL_BLOB_MS 5000
int pull_run(const struct icr_reference *reference, const struct probe_region *probed,
	     int64_t deadline_ms, struct pull *pull, struct icr_error *err);

void pull_free(struct pull *pull);

#endif
