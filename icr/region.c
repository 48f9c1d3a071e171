/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/region.h"

#include "icr/memory.h"

#define REGION(id, former, place, label, alias)                                                    \
	{                                                                                          \
		(id), (former), (place), (label), label ".icr.io", "private." label ".icr.io",     \
			(alias), false                                                             \
	}

static struct icr_region regions[ICR_REGIONS_MAX] = {
	{"global", NULL, "hosted in Washington DC", "", "icr.io", "private.icr.io",
	 "registry.bluemix.net", false},
	REGION("us-south", NULL, "Dallas", "us", "registry.ng.bluemix.net"),
	REGION("eu-gb", "uk-south", "London", "uk", "registry.eu-gb.bluemix.net"),
	REGION("eu-de", "eu-central", "Frankfurt", "de", "registry.eu-de.bluemix.net"),
	REGION("eu-es", NULL, "Madrid", "es", NULL),
	REGION("au-syd", "ap-south", "Sydney", "au", "registry.au-syd.bluemix.net"),
	REGION("jp-tok", "ap-north", "Tokyo", "jp", NULL),
	REGION("jp-osa", NULL, "Osaka", "jp2", NULL),
	REGION("ca-tor", NULL, "Toronto", "ca", NULL),
	REGION("ca-mon", NULL, "Montreal", "ca2", NULL),
	REGION("br-sao", NULL, "Sao Paulo", "br", NULL),
	REGION("in-che", NULL, "Chennai", "in", NULL),
	REGION("in-mum", NULL, "Mumbai", "in2", NULL),
	REGION("eu-fr2", NULL, "Paris", "fr2", NULL),
};

/* Rows in use: those of the table until one is added. */
static size_t region_count;

const struct icr_region *icr_regions(size_t *ret_count)
{
	while (region_count < ICR_REGIONS_MAX && regions[region_count].id)
		region_count++;
	*ret_count = region_count;
	return regions;
}

const struct icr_region *icr_region_add(const char *label)
{
	size_t count;

	(void)icr_regions(&count);
	if (count == ICR_REGIONS_MAX)
		return NULL;
	struct icr_region *region = &regions[count];
	region->id = region->label = icr_strdup(label);
	region->place = "a place that this version does not know";
	region->public_name = icr_printf("%s.icr.io", label);
	region->private_name = icr_printf("private.%s", region->public_name);
	region->unknown = true;
	return region;
}
