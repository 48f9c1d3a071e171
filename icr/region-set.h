/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REGION_SET_H
#define ICR_REGION_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/error.h"
#include "icr/region.h"

/* A set of regions, as --regions builds it. Bit i is row i of icr_regions(). */
struct icr_region_set {
	uint64_t bits;
};

/* False for a REGION that is NULL. */
bool icr_region_set_has(const struct icr_region_set *set, const struct icr_region *region);
void icr_region_set_add(struct icr_region_set *set, const struct icr_region *region);
size_t icr_region_set_count(const struct icr_region_set *set);

/*
 * Adds what LIST names: comma-separated labels (us), region ids and former ids (us-south,
 * uk-south), names (us.icr.io, private.us.icr.io, the alias), "global" or "icr.io", "all" (the
 * whole table). A whole name that the table does not know (zz.icr.io) is a region too, marked as
 * unknown: new ones come every year.
 * -ICR_E_USAGE for any other word, naming it, the nearest and the known ones; the set is then
 * unchanged.
 */
int icr_region_set_parse(struct icr_region_set *set, const char *list, struct icr_error *err);

#endif
