/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_ENVIRONMENT_H
#define REWRITE_DOCKER_ENVIRONMENT_H

#include <stddef.h>

#include "icr/buf.h"
#include "rewrite/docker-words.h"

/* Adds the assignments of a file that EnvironmentFile= names. Source: systemd.exec(5). */
void docker_environment_parse(struct words *environment, const char *text, size_t len);

/* Adds IN's items with "%%" made "%"; other specifiers stay as written. */
void docker_percent(const struct words *in, struct words *out);

/*
 * Adds the words of an ExecStart= line, the program first: its prefixes taken off, $NAME and
 * ${NAME} filled in from ENVIRONMENT. Source: systemd.service(5), "Command Lines".
 */
void docker_command_parse(struct words *command, const char *line, const struct words *environment);

/* Appends Environment="NAME=VALUE" with what systemd would take for its own escaped. */
void docker_environment_quote(struct icr_buf *out, const char *name, const char *value);

#endif
