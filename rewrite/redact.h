/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_REDACT_H
#define REWRITE_REDACT_H

#include <stddef.h>

#include "icr/buf.h"

/* Appends TEXT with the user and password of every URL ("http://user:password@proxy", its slashes
 * possibly escaped as in JSON; in a quoted or assigned word also without the scheme) replaced by
 * "***": for everything that is shown. */
void redact_urls(const char *text, size_t len, struct icr_buf *out);

#endif
