/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_MIRRORS_H
#define REWRITE_DOCKER_MIRRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/region-set.h"
#include "rewrite/docker/edit.h"
#include "rewrite/notes.h"

/*
 * One entry of registry-mirrors ("https://us.icr.io/path") or insecure-registries ("us.icr.io:443",
 * or a network "10.0.0.0/8").
 */
struct docker_entry {
	struct icr_host host; /* an ICR host of the region table */
	size_t start, end;    /* the host name's bytes in the entry */
	bool userinfo;	      /* "user@" stands before it: not an entry that Docker accepts */
};

/* False when TEXT does not name an ICR host of the region table. */
bool docker_entry_parse(const char *text, struct docker_entry *ret_entry);

/* What is the same for two spellings of one entry: lower case up to the path, and no slash at the
 * end (Docker adds one to every mirror: ValidateMirror, daemon/pkg/registry/config.go). malloc'ed.
 */
char *docker_entry_key(const char *text);

/* The entry with the private name in place of its host; malloc'ed. */
char *docker_entry_private(const char *text, const struct docker_entry *entry);

#define DOCKER_MIRRORS	"registry-mirrors"
#define DOCKER_INSECURE "insecure-registries"

/*
 * Edits the entries of both lists, in each place where they stand: the public names and aliases of
 * REGIONS become their private names. Says in NOTES which entries it leaves for a reason.
 * -ICR_E_CONFIG with the place for values of the wrong type.
 */
int docker_mirrors_plan(struct docker_edit *edit, const struct icr_region_set *regions,
			struct notes *notes, struct icr_error *err);

/* Adds https://PRIVATE of each region that the list, as edited by docker_mirrors_plan, lacks. */
int docker_mirrors_add(struct docker_edit *edit, const struct icr_region_set *regions,
		       struct icr_error *err);

/* Calls EACH for every string in the lists of KEY that is one (decoded); other types are passed
 * over. */
void docker_mirrors_each(const struct icr_json *json, const char *key,
			 void (*each)(const char *entry, void *data), void *data);

#endif
