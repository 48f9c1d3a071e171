/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REGION_H
#define ICR_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"

/*
 * One registry region. Source: IBM Cloud Docs, Container Registry, "Regions" (registry_overview),
 * "VPE" (registry_vpe), state of August 2026; eu-fr2 from container-registry-go-sdk v1.4.0.
 */
struct icr_region {
	const char *id;		  /* "us-south"; "global" for icr.io */
	const char *former_id;	  /* "uk-south" or NULL */
	const char *place;	  /* "Dallas" */
	const char *label;	  /* "us"; "" for the global registry */
	const char *public_name;  /* "us.icr.io" */
	const char *private_name; /* "private.us.icr.io" */
	const char *alias;	  /* deprecated "registry.ng.bluemix.net" or NULL */
};

/* The region table, the global registry first. */
const struct icr_region *icr_regions(size_t *ret_count);

/* A set of regions of the table, as --regions builds it. Bit i is row i of icr_regions(). */
struct icr_region_set {
	unsigned long bits;
};

/* False for a REGION that is NULL. */
bool icr_region_set_has(const struct icr_region_set *set, const struct icr_region *region);
void icr_region_set_add(struct icr_region_set *set, const struct icr_region *region);
size_t icr_region_set_count(const struct icr_region_set *set);

/*
 * Adds what LIST names: comma-separated labels (us), region ids and former ids (us-south,
 * uk-south), names (us.icr.io, private.us.icr.io, the alias), "global" or "icr.io", "all".
 * -ICR_E_USAGE for an unknown word, naming it and the known ones; the set is then unchanged.
 */
int icr_region_set_parse(struct icr_region_set *set, const char *list, struct icr_error *err);

#endif
