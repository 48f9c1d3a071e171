/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/region-set.h"

#include <string.h>
#include <strings.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/text.h"

#define LIST_MAX ((size_t)4096) /* of all known words, for the message */

static uint64_t bit(const struct icr_region *region)
{
	size_t count;

	return UINT64_C(1) << (region - icr_regions(&count));
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
	return (size_t)__builtin_popcountll(set->bits);
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
	const char *words[2 * ICR_REGIONS_MAX + 2];
	_cleanup_buf_ struct icr_buf known = ICR_BUF(LIST_MAX);
	size_t rows, count = 0;
	const struct icr_region *regions = icr_regions(&rows);

	if (len == 0)
		(void)icr_fail(err, ICR_E_USAGE, "an empty word in the list of regions");
	icr_buf_text(&known, "all, global");
	words[count++] = "all";
	words[count++] = "global";
	for (size_t i = 1; i < rows; i++) {
		words[count++] = regions[i].label;
		words[count++] = regions[i].id;
		icr_buf_printf(&known, ", %s (%s)", regions[i].label, regions[i].id);
	}
	char text[101] = "";
	memcpy(text, word, len < sizeof(text) ? len : sizeof(text) - 1);
	const char *nearest = icr_nearest(text, words, count);
	if (len > 0 && nearest)
		(void)icr_fail(err, ICR_E_USAGE, "unknown region '%s'; did you mean '%s'?", text,
			       nearest);
	else if (len > 0)
		(void)icr_fail(err, ICR_E_USAGE, "unknown region '%s'", text);
	(void)icr_error_hint(err, "the regions are %s; a newer one is named whole, as zz.icr.io",
			     known.data);
	return -ICR_E_USAGE;
}

/* The region of a whole name that the table does not know: NULL for what is none. */
static const struct icr_region *take_name(const char *word, size_t len)
{
	struct icr_host host;
	char name[ICR_HOST_MAX];

	if (!icr_host_parse(word, len, &host) ||
	    (host.kind != ICR_HOST_PUBLIC && host.kind != ICR_HOST_PRIVATE) ||
	    strlen(host.name) != len)
		return NULL;
	icr_host_public(&host, name);
	*strchr(name, '.') = '\0';
	return icr_region_add(name);
}

static int add_word(struct icr_region_set *set, const char *word, size_t len, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	bool all = is_word("all", word, len), found = false;

	for (size_t i = 0; len > 0 && i < count; i++)
		if (all ? !regions[i].unknown : is_called(&regions[i], word, len)) {
			icr_region_set_add(set, &regions[i]);
			found = true;
		}
	if (found)
		return 0;
	const struct icr_region *region = take_name(word, len);
	if (!region)
		return fail_word(word, len, err);
	icr_region_set_add(set, region);
	return 0;
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
