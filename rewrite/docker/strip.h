/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_STRIP_H
#define REWRITE_DOCKER_STRIP_H

#include "icr/error.h"
#include "rewrite/change.h"

/*
 * Takes our share out of a daemon.json that others edited since, by what docker_edit_record() kept:
 * an entry that we changed and that still stands there gets its old spelling back, one that we
 * added goes, one that we dropped as a repetition comes back at the end of its list if what it
 * repeated is still there, our names leave the no-proxy lists. Everything else stays.
 */
int docker_strip_config(struct change *change, struct icr_error *err);

#endif
