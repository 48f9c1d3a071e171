/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_REGION_H
#define ICR_REGION_H

#include <stdbool.h>
#include <stddef.h>

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
	bool unknown;		  /* not in the table: the user named it (icr_region_add) */
};

/* the table fits into a page */
#define ICR_REGIONS_MAX 60

/* The region table, the global registry first, and behind it what was added to it. */
const struct icr_region *icr_regions(size_t *ret_count);

/*
 * Adds a region that the table does not know yet, for the rest of the process: its names follow
 * from its LABEL, which must be that of an ICR host (icr/host.h), in lower case. NULL when there
 * are ICR_REGIONS_MAX already. Not for use beside other threads.
 */
const struct icr_region *icr_region_add(const char *label);

#endif
