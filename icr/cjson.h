/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_CJSON_H
#define ICR_CJSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "icr/error.h"

/*
 * What servers answer, by cJSON, behind the strict scanner of icr/json.h: cJSON alone accepts raw
 * control characters and invalid UTF-8, and cuts strings at \u0000. Only behind a request, where a
 * program is linked dynamically for libcurl's sake: no distribution has an archive of cJSON.
 * Reports, our own files and all that must do without it are trees of icr/value.h. Everything cJSON
 * allocates is wiped when freed; icr_message_parse() installs the hooks.
 */

/* The object in TEXT. -ICR_E_SYNTAX (\u0000 in a string is an error too), or -ICR_E_PROTOCOL when
 * it is not an object. Free with cJSON_Delete. */
int icr_message_parse(const char *text, size_t len, cJSON **ret_message, struct icr_error *err);

/* Member NAME of an object when it is a string, else NULL; of repeated ones the last counts. */
const char *icr_message_string(const cJSON *message, const char *name);

static inline void icr_cleanup_message(cJSON **message)
{
	cJSON_Delete(*message);
}

#define _cleanup_message_ __attribute__((cleanup(icr_cleanup_message)))

#endif
