/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_EDIT_H
#define REWRITE_DOCKER_EDIT_H

#include "icr/edit.h"
#include "icr/error.h"
#include "icr/json.h"
#include "rewrite/change.h"

/* An edit of daemon.json on its way. */
struct docker_edit {
	const struct icr_json *json;
	const char *path; /* for messages */
	struct icr_edit edit;
};

/* Hands the edit to CHANGE; an edit of nothing leaves it as it is. */
int docker_edit_finish(struct docker_edit *edit, struct change *change, struct icr_error *err);

void docker_edit_free(struct docker_edit *edit);

#define _cleanup_docker_edit_ __attribute__((cleanup(docker_edit_free)))

/* -ICR_E_CONFIG at the place of NODE: "KEY must be WANTED, not a number". */
int docker_edit_type(const struct docker_edit *edit, uint32_t node, const char *key,
		     const char *wanted, struct icr_error *err);

/* How daemon.json is to be read: with a byte order mark, and empty. Source: daemon/config/config.go
 * of moby v29. */
#define DOCKER_JSON_FLAGS (ICR_JSON_BOM | ICR_JSON_EMPTY)

/* The next member called NAME of OBJECT behind AFTER (ICR_JSON_NONE: from the first). */
uint32_t docker_member(const struct icr_json *json, uint32_t object, const char *name,
		       uint32_t after);

/* TEXT as a JSON string, and the bytes of a value as they stand; malloc'ed. */
char *docker_quote(const char *text);
char *docker_raw(const struct icr_json *json, uint32_t node);

#endif
