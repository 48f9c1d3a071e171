/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_STATUS_H
#define REWRITE_DOCKER_STATUS_H

#include "icr/error.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"

/*
 * The "engines" entry: name, found, and where found: config (path of daemon.json), version and
 * image_store ("classic", "containerd"; null when no daemon answers), public_mirrors (entries of
 * both lists that still name a public host of the steered regions), proxy, no_proxy_ok (null
 * without a proxy), and problem when daemon.json cannot be read.
 */
int docker_status(struct work *work, struct icr_value *status, struct icr_error *err);

extern const struct part_words docker_words[];

#endif
