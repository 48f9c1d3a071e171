/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_RESTORE_H
#define REWRITE_DOCKER_RESTORE_H

#include "icr/error.h"
#include "rewrite/change.h"

/*
 * Computes the base of a daemon.json that others have edited since: what stands there merged with
 * what we left (icr/merge.h), and without the names of ours that are in it all the same because
 * somebody wrote beside them. CHANGE->record is what version 1 of the state had instead.
 */
int docker_restore(struct change *change, struct icr_error *err);

#endif
