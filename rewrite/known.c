/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/known.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/go-order.h"
#include "rewrite/part/hosts.h"
#include "rewrite/run.h"

/* Smaller ones are read in less time than it takes to think about it. */
#define LARGE ((off_t)1024 * 1024)

/* The coarsest clock of a file system is that of FAT: two seconds. */
#define CLOCK_S 2

#define NSCD_SOCKET "/run/nscd/socket"

static char *identity_of(const struct stat *info)
{
	return icr_printf("%ju:%ju %jd %jd.%09ld %jd.%09ld", (uintmax_t)info->st_dev,
			  (uintmax_t)info->st_ino, (intmax_t)info->st_size,
			  (intmax_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec,
			  (intmax_t)info->st_ctim.tv_sec, info->st_ctim.tv_nsec);
}

/* Would a write behind the look at it have changed its times? */
static bool is_settled(const struct host_sight *sight)
{
	return sight->at_s - sight->info.st_ctim.tv_sec > CLOCK_S &&
	       sight->at_s - sight->info.st_mtim.tv_sec > CLOCK_S;
}

bool known_files_first(bool *ret_dns)
{
	_cleanup_buf_ struct icr_buf buf = ICR_BUF(ICR_BUF_MAX);
	char *rest = NULL, *words[3] = {NULL};

	if (host_has(NSCD_SOCKET) || !host_read(NSSWITCH_FILE, &buf))
		return false;
	_cleanup_free_ char *text = icr_buf_take(&buf);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *behind = NULL, *word = strtok_r(line, " \t\r", &behind);
		if (!word || strcmp(word, "hosts:") != 0)
			continue;
		for (size_t i = 0; i < ICR_LENGTH(words); i++)
			words[i] = strtok_r(NULL, " \t\r", &behind);
	}
	*ret_dns = words[0] && words[1] && strcmp(words[1], "dns") == 0;
	return words[0] && strcmp(words[0], "files") == 0 && (!words[1] || words[1][0] != '[');
}

bool known_read(const struct icr_value *message, struct known *ret_known)
{
	const char *identity = icr_value_text(message, "identity");
	const char *hash = icr_value_text(message, "sha256");
	struct known known = {.past_files = false};

	if (!identity || !hash || strlen(hash) != ICR_SHA256_HEX - 1 ||
	    !known_files_first(&known.past_files))
		return false;
	struct host_sight sight = host_look(HOSTS_FILE);
	_cleanup_free_ char *now = sight.at_s ? identity_of(&sight.info) : NULL;
	if (!now || strcmp(now, identity) != 0)
		return false;
	memcpy(known.hash, hash, sizeof(known.hash));
	icr_value_each(item, icr_value_get(message, "pinned")) {
		const char *name = icr_value_string(item);
		const struct icr_region *region = name ? route_region(name, strlen(name)) : NULL;
		if (!region)
			return false;
		icr_region_set_add(&known.pinned, region);
	}
	*ret_known = known;
	return true;
}

static void print(const char *identity, const struct known *known, struct icr_value *object)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	struct icr_value *hosts = icr_value_put_object(object, "hosts");
	icr_value_put_text(hosts, "identity", identity);
	icr_value_put_text(hosts, "sha256", known->hash);
	struct icr_value *pinned = icr_value_put_list(hosts, "pinned");

	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(&known->pinned, &regions[i]))
			icr_value_push_text(pinned, regions[i].public_name);
}

void known_put(const struct run *run, struct icr_value *object)
{
	const struct work *work = &run->work;
	const struct change *change = changes_find(&run->changes, HOSTS_FILE);
	struct known known = {.past_files = false};
	bool dns;

	if (!change || !change->recorded || change_differs(change) || run->written ||
	    !change->sight.at_s || change->sight.info.st_size < LARGE ||
	    !is_settled(&change->sight) || !known_files_first(&dns))
		return;
	struct host_sight now = host_look(HOSTS_FILE);
	_cleanup_free_ char *before = identity_of(&change->sight.info);
	_cleanup_free_ char *identity = now.at_s ? identity_of(&now.info) : NULL;
	if (!identity || strcmp(before, identity) != 0)
		return;
	if (work->known)
		known = *work->known;
	else if (!hosts_pinned_in(work, &change->current.text, &known.pinned))
		return;
	memcpy(known.hash, content_hash(&change->current), sizeof(known.hash));
	print(identity, &known, object);
}
