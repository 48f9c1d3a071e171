/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/region.h"

#include <string.h>
#include <strings.h>

#include "icr/buf.h"
#include "icr/cleanup.h"

#define LIST_MAX ((size_t)4096) /* of all known words, for the message */

#define REGION(id, former, place, label, alias)                                                    \
	{                                                                                          \
		(id), (former), (place), (label), label ".icr.io", "private." label ".icr.io",     \
			(alias)                                                                    \
	}

static const struct icr_region regions[] = {
	{"global", NULL, "hosted in Washington DC", "", "icr.io", "private.icr.io",
	 "registry.bluemix.net"},
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

const struct icr_region *icr_regions(size_t *ret_count)
{
	*ret_count = ICR_LENGTH(regions);
	return regions;
}

static unsigned long bit(const struct icr_region *region)
{
	return 1UL << (region - regions);
}

bool icr_region_set_has(const struct icr_region_set *set, const struct icr_region *region)
{
	return region && (set->bits & bit(region)) != 0;
}

void icr_region_set_add(struct icr_region_set *set, const struct icr_region *region)
{
	set->bits |= bit(region);
}

size_t icr_region_set_count(const struct icr_region_set *set)
{
	return (size_t)__builtin_popcountl(set->bits);
}

static bool is_word(const char *name, const char *word, size_t len)
{
	return name && strlen(name) == len && strncasecmp(name, word, len) == 0;
}

static bool is_called(const struct icr_region *region, const char *word, size_t len)
{
	return is_word(region->label, word, len) || is_word(region->id, word, len) ||
	       is_word(region->former_id, word, len) || is_word(region->public_name, word, len) ||
	       is_word(region->private_name, word, len) || is_word(region->alias, word, len);
}

static int fail_word(const char *word, size_t len, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf known;

	icr_buf_init(&known, LIST_MAX);
	icr_buf_text(&known, "all, global");
	for (size_t i = 1; i < ICR_LENGTH(regions); i++)
		icr_buf_printf(&known, ", %s (%s)", regions[i].label, regions[i].id);
	if (len == 0)
		(void)icr_fail(err, ICR_E_USAGE, "an empty word in the list of regions");
	else
		(void)icr_fail(err, ICR_E_USAGE, "unknown region '%.*s'",
			       len < 100 ? (int)len : 100, word);
	(void)icr_error_hint(err, "the regions are %s", known.data);
	return -ICR_E_USAGE;
}

static int add_word(struct icr_region_set *set, const char *word, size_t len, struct icr_error *err)
{
	bool all = is_word("all", word, len), found = false;

	for (size_t i = 0; len > 0 && i < ICR_LENGTH(regions); i++)
		if (all || is_called(&regions[i], word, len)) {
			icr_region_set_add(set, &regions[i]);
			found = true;
		}
	return found ? 0 : fail_word(word, len, err);
}

int icr_region_set_parse(struct icr_region_set *set, const char *list, struct icr_error *err)
{
	struct icr_region_set added = *set;

	for (;; list++) {
		size_t len = strcspn(list, ",");
		int r = add_word(&added, list, len, err);
		if (r < 0)
			return r;
		list += len;
		if (*list == '\0')
			break;
	}
	*set = added;
	return 0;
}
