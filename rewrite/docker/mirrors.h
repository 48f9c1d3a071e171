/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_MIRRORS_H
#define REWRITE_DOCKER_MIRRORS_H

#include <stdbool.h>

#include "icr/domain.h"
#include "icr/error.h"
#include "icr/json.h"
#include "rewrite/docker/edit.h"

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
