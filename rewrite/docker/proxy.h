/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_PROXY_H
#define REWRITE_DOCKER_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/json.h"
#include "rewrite/change.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/find.h"
#include "rewrite/work.h"

/* Lists of names as NO_PROXY and "no-proxy" hold them, separated by commas. */

/*
 * Does LIST keep https://HOST off the proxy? A domain covers itself and what is below it, a leading
 * dot or "*." only what is below, "*" everything; a port must be 443. Source: Go's
 * golang.org/x/net/http/httpproxy v0.30.0, config.init and domainMatch.
 */
bool docker_names_cover(const char *list, const char *host);

/* Appends LIST and then NAMES. */
void docker_names_join(const char *list, const struct icr_strings *names, struct icr_buf *out);

/* Appends LIST without the items that are in NAMES; what remains keeps its bytes. */
void docker_names_without(const char *list, const struct icr_strings *names, struct icr_buf *out);

/*
 * How the daemon reaches registries. A proxy's URL may hold a password: it is never kept here.
 * dockerd takes each of the three settings from its flag, else from daemon.json "proxies" (since
 * v23.0), else from its environment. Source: moby v29, daemon/command/daemon.go configureProxyEnv.
 */
struct docker_proxy {
	bool used;	/* there is an HTTP or HTTPS proxy */
	bool in_file;	/* ... named by daemon.json */
	bool by_flag;	/* --no-proxy is given, so daemon.json may not say it too */
	char *no_proxy; /* in force, without what our drop-in adds; never NULL */
	bool file_list; /* ... as daemon.json has it */
};

/* JSON is daemon.json (possibly empty); wrong types are -ICR_E_CONFIG. */
int docker_proxy_read(const struct docker *docker, const struct docker_edit *edit,
		      struct docker_proxy *ret_proxy, struct icr_error *err);

void docker_proxy_free(struct docker_proxy *proxy);

#define _cleanup_docker_proxy_ __attribute__((cleanup(docker_proxy_free)))

/* Adds the names that may not go through a proxy: what the routes steer and the private names. */
void docker_proxy_names(const struct work *work, struct icr_strings *names);

/* Adds those of NAMES that LIST does not cover. */
void docker_proxy_uncovered(const struct icr_strings *names, const char *list,
			    struct icr_strings *uncovered);

/*
 * Puts the names where the daemon looks: into daemon.json by EDIT, or into a drop-in of its unit,
 * which is added to CHANGES for PART. Notes what is left to the user, and that Docker must be
 * restarted.
 */
int docker_proxy_plan(struct work *work, const struct docker *docker, struct docker_edit *edit,
		      const struct part *part, struct changes *changes, struct icr_error *err);

/* Adds the names that our drop-in of this text adds. */
void docker_dropin_names(const char *text, struct icr_strings *names);

/* Is our drop-in there? Its text goes to BUF (initialised by the caller). */
bool docker_dropin_read(struct icr_buf *buf);

/* Notes TEXT unless it has been noted before. */
void docker_note_once(struct work *work, const char *text);

/* Notes that a restart is needed; below --root nothing runs that could be restarted. */
void docker_note_restart(struct work *work);

#endif
