/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REDACT_H
#define ICR_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/json.h"

/* What is shown of files that may hold secrets. */

/* Appends TEXT with the user and password of every URL ("http://user:password@proxy", its slashes
 * possibly escaped as in JSON; in a quoted or assigned word also without the scheme) replaced by
 * "***". */
void icr_redact_urls(const char *text, size_t len, struct icr_buf *out);

/* Appends the text of JSON with the values whose names say that they are or may hold a secret
 * ("auth", "splunk-token") replaced by "<hidden>"; with USERS also every string and name with an
 * "@" in it. */
int icr_redact_json(const struct icr_json *json, bool users, struct icr_buf *out,
		    struct icr_error *err);

#endif
