/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_API_H
#define REWRITE_DOCKER_API_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/region-set.h"
#include "rewrite/docker/find.h"
#include "rewrite/host.h"
#include "rewrite/systemd.h"

/* What the running daemon says of itself: GET /info of the Docker Engine API. */
struct docker_info {
	char *version; /* "28.2.2"; NULL when not told */
	bool containerd_store;
	struct icr_strings mirrors;  /* as the daemon spells them: a slash behind each */
	struct icr_strings insecure; /* hosts and networks */
	bool proxied;
	char *no_proxy; /* never NULL */
};

/*
 * Asks the daemon over its socket: of its -H flags, else /run/docker.sock, else a DOCKER_HOST that
 * names a socket. Returns 1, or 0 when there is no socket or nobody answers as Docker does within
 * two seconds. Live hosts only.
 */
int docker_info_get(const struct host *host, const struct docker *docker,
		    struct docker_info *ret_info, struct icr_error *err);

void docker_info_free(struct docker_info *info);

#define _cleanup_docker_info_ __attribute__((cleanup(docker_info_free)))

/* Adds the regions of the local images' names; 0 also when nobody answers. */
int docker_images_regions(const struct host *host, const struct docker *docker,
			  struct icr_region_set *set, struct icr_error *err);

#endif
