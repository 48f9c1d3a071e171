/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_NAMES_H
#define REWRITE_DOCKER_NAMES_H

#include <stdbool.h>

#include "icr/buf.h"
#include "rewrite/docker-words.h"

/* Lists of names as NO_PROXY and "no-proxy" hold them, separated by commas. */

/*
 * Does LIST keep https://HOST off the proxy? A domain covers itself and what is below it, a leading
 * dot or "*." only what is below, "*" everything; a port must be 443. Source: Go's
 * golang.org/x/net/http/httpproxy v0.30.0, config.init and domainMatch.
 */
bool docker_names_cover(const char *list, const char *host);

/* Appends LIST and then NAMES. */
void docker_names_join(const char *list, const struct words *names, struct icr_buf *out);

/* Appends LIST without the items that are in NAMES; what remains keeps its bytes. */
void docker_names_without(const char *list, const struct words *names, struct icr_buf *out);

#endif
