/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CONFIGURE_H
#define HELPER_CONFIGURE_H

#include "helper/docker-config.h"
#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"

/*
 * Tells on standard error what the user should know about Docker's configuration as it stands after
 * CHANGE: hosts left to other helpers, plain-text passwords (never their values), and what keeps
 * Docker from asking us.
 */
void configure_report(const struct docker_config *after, const struct docker_config_change *change,
		      const struct icr_environment *environment);

/*
 * Appends the configuration's text for people to see: values that are or may hold a secret are
 * replaced by "<hidden>".
 */
int configure_redact(const struct docker_config *config, struct icr_buf *out,
		     struct icr_error *err);

#endif
