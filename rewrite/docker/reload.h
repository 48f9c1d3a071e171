/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_RELOAD_H
#define REWRITE_DOCKER_RELOAD_H

#include <stdbool.h>

#include "icr/error.h"
#include "rewrite/change.h"
#include "rewrite/docker/find.h"
#include "rewrite/work.h"

/*
 * Lets dockerd itself judge the wanted daemon.json (--validate, since v23.0). The text goes through
 * a pipe, since it may hold a proxy's password. -ICR_E_CONFIG with dockerd's words; they say
 * whether the file was refused before already. Where dockerd cannot be asked, nothing is said.
 */
int docker_validate(const struct docker *docker, const struct change *change,
		    struct icr_error *err);

/* Do the values of the member KEY of daemon.json differ between what is there and what shall be? */
bool docker_value_changes(const struct change *change, const char *key);

/* Is what shall be there ours, at least in part? */
bool docker_value_is_ours(const struct change *change, const char *key);

/*
 * After daemon.json was written, now or by an earlier run that could not tell the daemon: SIGHUP to
 * the running daemon where its lists changed, and a look whether it took them up. What does not
 * work is noted.
 */
void docker_reload(struct work *work, const struct docker *docker, const struct change *change);

/* After our drop-in was written or removed: has systemd read its units again. */
void docker_reload_units(struct work *work);

#endif
