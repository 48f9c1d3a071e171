/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_REGIONS_H
#define REWRITE_DOCKER_REGIONS_H

#include "icr/error.h"
#include "icr/region.h"
#include "rewrite/work.h"

/*
 * Adds the regions of the logins ("auths") in the Docker configurations of this user and, under
 * sudo, of the user who called; below --root, of root. A configuration that cannot be read is noted
 * and passed over: it is not ours to judge.
 */
int docker_login_regions(struct work *work, struct icr_region_set *set, struct icr_error *err);

#endif
