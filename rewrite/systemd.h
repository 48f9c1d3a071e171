/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_SYSTEMD_H
#define REWRITE_SYSTEMD_H

#include <stdbool.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "rewrite/docker-words.h"
#include "rewrite/host.h"

#define DOCKER_UNIT "docker.service"

/* Our drop-in of the unit. It sorts behind all others, so that its NO_PROXY is the last one. */
#define DOCKER_DROPIN_FOLDER "/etc/systemd/system/docker.service.d"
#define DOCKER_DROPIN	     DOCKER_DROPIN_FOLDER "/zz-icr-rewrite.conf"
#define DOCKER_DROPIN_MARK                                                                         \
	"# Written by icr-rewrite. Do not edit: icr-rewrite undo removes this file.\n"

/* docker.service with its drop-ins (ours left out), as systemd.unit(5) and systemd.exec(5) say. */
struct docker_unit {
	char *path;		  /* of the unit's main file, as the host sees it; NULL: no unit */
	struct words command;	  /* of ExecStart, its variables filled in; may be empty */
	struct words environment; /* of Environment= and then EnvironmentFile=; the last wins */
	struct words files;	  /* what EnvironmentFile= alone contributes to it */
};

/* Reads the unit, from files alone. Files that cannot be read count as empty, as for systemd. */
int docker_unit_read(const struct host *host, struct docker_unit *ret_unit, struct icr_error *err);

/* Does a drop-in of this text belong to us? */
bool docker_dropin_is_ours(const char *text, size_t len);

/* Appends a small file of the host to BUF; false when there is none that can be read. */
bool docker_read(const struct host *host, const char *path, struct icr_buf *buf);

void docker_unit_free(struct docker_unit *unit);

#endif
