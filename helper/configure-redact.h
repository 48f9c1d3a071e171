/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CONFIGURE_REDACT_H
#define HELPER_CONFIGURE_REDACT_H

#include "helper/docker-config.h"
#include "icr/buf.h"
#include "icr/error.h"

/*
 * Appends the configuration's text for people to see: values that are or may hold a secret are
 * replaced by "<hidden>".
 */
int configure_redact(const struct docker_config *config, struct icr_buf *out,
		     struct icr_error *err);

#endif
