/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_STRIP_WORK_H
#define REWRITE_DOCKER_STRIP_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "icr/edit.h"
#include "icr/error.h"
#include "icr/json.h"
#include "rewrite/docker-words.h"

/* What the files that do docker_strip_config() share, and nobody else needs. */

enum mark {
	MARK_NONE,
	MARK_USED, /* has met its entry of the record */
	MARK_GONE, /* shall be removed */
};

struct strip {
	const struct icr_json *json, *record;
	uint32_t edits; /* the record's list */
	unsigned char *marks;
	struct words names; /* that we added to no-proxy lists */
	struct icr_edit edit;
};

/* The raw text of a node; NULL when memory ran out. */
char *docker_strip_raw(const struct icr_json *json, uint32_t node);

/* Is NODE a string equal to WANTED of the record? */
bool docker_strip_same(const struct icr_json *json, uint32_t node, const struct icr_json *record,
		       uint32_t wanted);

/* Removes the marked items of LIST, or marks LIST itself when it was CREATED and nothing else is
 * in it. */
int docker_strip_items(struct strip *strip, uint32_t list, bool created, struct icr_error *err);

/* Does the record say that the member KEY is ours? RET_WAS: what it would be without us. */
bool docker_strip_created(const struct strip *strip, const char *key, uint32_t *ret_was);

/* Takes our names out of every no-proxy list. */
int docker_strip_proxies(struct strip *strip, struct icr_error *err);

#endif
