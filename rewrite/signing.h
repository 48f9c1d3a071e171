/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SIGNING_H
#define REWRITE_SIGNING_H

#include "rewrite/work.h"

/* Where podman, skopeo or CRI-O take images of the names of WORK's routes only with a signature:
 * says what the route means for that. */
void signing_of(struct work *work);

#endif
