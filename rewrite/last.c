/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/last.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/resolve.h"

#define LAST_MAX ((size_t)256 * 1024)

/* Of addresses that name servers no longer give: longer than engines keep a connection, shorter
 * than until an address is somebody else's. */
#define FRONT_S	   (24 * 3600)
#define FRONTS_MAX 256

/* Seconds that go on while the machine sleeps, and that nobody can set. */
static int64_t uptime_s(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static struct last_time read_time(const cJSON *object)
{
	const cJSON *at = icr_message_get(object, "at"), *up = icr_message_get(object, "uptime");
	struct last_time read = {0};

	if (!cJSON_IsNumber(at) || !cJSON_IsNumber(up) || at->valuedouble < 1 ||
	    at->valuedouble > 1e12 || up->valuedouble < 0 || up->valuedouble > 1e12)
		return read;
	int64_t age = uptime_s() - (int64_t)up->valuedouble;
	/* of another boot, where /run outlives one, as in some containers */
	if (age < 0)
		return read;
	return (struct last_time){(int64_t)at->valuedouble, age};
}

static void put_time(cJSON *object, const struct last_time *moment)
{
	icr_message_put_number(object, "at", (double)moment->at);
	icr_message_put_number(object, "uptime", (double)(uptime_s() - moment->age_s));
}

static cJSON *read_object(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(LAST_MAX);
	cJSON *object = NULL;

	if (icr_file_read(LAST_FILE, &text, NULL) <= 0 ||
	    icr_message_parse(text.data, text.len, false, &object, NULL) < 0)
		return NULL;
	return object;
}

struct known *last_known(void)
{
	_cleanup_message_ cJSON *object = read_object();
	_cleanup_free_ struct known *known = icr_calloc(1, sizeof(*known));

	return known_read(icr_message_get(object, "hosts"), known) ? icr_steal(&known) : NULL;
}

void last_load(struct last *ret_last)
{
	_cleanup_message_ cJSON *object = read_object();
	const cJSON *item;

	*ret_last = (struct last){0};
	if (!object)
		return;
	cJSON_ArrayForEach(item, icr_message_get(object, "regions"))
	{
		const char *name = icr_message_string(item, "name");
		struct last_time proven = read_time(item);
		const char *stray = icr_message_string(item, "stray");
		if (name && proven.at)
			*ICR_APPEND(ret_last) = (struct last_region){
				icr_strdup(name), proven, stray ? icr_strdup(stray) : NULL};
	}
	cJSON_ArrayForEach(item, icr_message_get(object, "fronts"))
	{
		const char *name = icr_message_string(item, "name");
		const char *address = icr_message_string(item, "address");
		struct last_time seen = read_time(item);
		if (name && address && icr_address_is_public(address) && seen.at)
			*ICR_APPEND(&ret_last->fronts) =
				(struct last_front){icr_strdup(name), icr_strdup(address), seen};
	}
	const cJSON *run = icr_message_get(object, "run");
	const char *verb = icr_message_string(run, "verb");
	const char *reason = icr_message_string(run, "reason");
	ret_last->run = read_time(run);
	ret_last->verb = verb ? icr_strdup(verb) : NULL;
	ret_last->reason = reason ? icr_strdup(reason) : NULL;
}

struct last_time last_proven(const struct last *last, const char *name)
{
	for (size_t i = 0; i < last->count; i++)
		if (strcmp(last->items[i].name, name) == 0)
			return last->items[i].proven;
	return (struct last_time){0};
}

const char *last_stray(const struct last *last, const char *name)
{
	for (size_t i = 0; i < last->count; i++)
		if (strcmp(last->items[i].name, name) == 0)
			return last->items[i].stray;
	return NULL;
}

void last_fronts(const struct last *last, const char *name, struct icr_strings *addresses)
{
	for (size_t i = 0; i < last->fronts.count; i++) {
		const struct last_front *front = &last->fronts.items[i];
		if (strcmp(front->name, name) == 0 && front->seen.age_s < FRONT_S)
			icr_strings_add_once(addresses, front->address);
	}
}

static void put_front(cJSON *list, const char *name, const char *address,
		      const struct last_time *seen)
{
	if (cJSON_GetArraySize(list) >= FRONTS_MAX)
		return;
	cJSON *item = icr_message_push_object(list);
	icr_message_put_text(item, "name", name);
	icr_message_put_text(item, "address", address);
	put_time(item, seen);
}

/* What this run has seen, and then what earlier ones had. */
static void put_fronts(cJSON *object, const struct routes *routes, const struct last *before)
{
	const struct last_time now = {time(NULL), 0};
	cJSON *list = icr_message_put_list(object, "fronts");

	for (size_t i = 0; i < routes->count; i++)
		for (size_t j = 0; j < routes->items[i].outside.count; j++)
			put_front(list, routes->items[i].region->public_name,
				  routes->items[i].outside.items[j], &now);
	for (size_t i = 0; i < before->fronts.count; i++) {
		const struct last_front *front = &before->fronts.items[i];
		bool wanted = false;
		for (size_t j = 0; j < routes->count; j++)
			wanted |= strcmp(routes->items[j].region->public_name, front->name) == 0 &&
				  !icr_strings_has(&routes->items[j].outside, front->address);
		if (wanted && front->seen.age_s < FRONT_S)
			put_front(list, front->name, front->address, &front->seen);
	}
}

static int write_file(const cJSON *object, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(LAST_MAX);
	int r = icr_message_print(object, &text, err);

	icr_buf_char(&text, '\n');
	if (r >= 0)
		r = icr_folder_make(LAST_FOLDER, 0755, err);
	return r < 0 ? r : icr_file_replace(LAST_FILE, text.data, text.len, 0644, err);
}

void last_note(struct run *run, const char *verb, bool verified, int result,
	       const struct icr_error *err)
{
	const struct routes *routes = &run->work.routes;
	bool failed = result < 0;

	if (!run->work.host.live || geteuid() != 0 || !routes->count ||
	    (failed && strcmp(verb, "apply") == 0) || !host_has(STATE_FILE))
		return;
	_cleanup_last_ struct last before = {0};
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_error_ struct icr_error why = {0};
	struct last_time now = {time(NULL), 0};
	last_load(&before);
	cJSON *regions = icr_message_put_list(object, "regions");
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		struct last_time proven = last_proven(&before, route->region->public_name);
		const char *stray = last_stray(&before, route->region->public_name);
		if (verified && (route->proven || route->status == REGION_PRIVATE)) {
			proven = now;
			stray = route->stray;
		}
		if (!proven.at)
			continue;
		cJSON *item = icr_message_push_object(regions);
		icr_message_put_text(item, "name", route->region->public_name);
		put_time(item, &proven);
		if (stray)
			icr_message_put_text(item, "stray", stray);
	}
	put_fronts(object, routes, &before);
	cJSON *ended = icr_message_put_object(object, "run");
	put_time(ended, &now);
	icr_message_put_text(ended, "verb", verb);
	_cleanup_buf_ struct icr_buf reason = ICR_BUF(LAST_MAX / 2);
	if (failed)
		icr_error_print(err, &reason);
	icr_message_put_text(ended, "reason", failed ? reason.data : NULL);
	if (verified)
		known_put(run, object);
	if (write_file(object, &why) < 0)
		note(&run->work.notes, "%s: %s; status cannot tell when this was proven",
		     why.where ? why.where : LAST_FILE, why.what);
}

void last_forget(const struct run *run)
{
	if (!run->work.host.live)
		return;
	(void)unlink(LAST_FILE);
	(void)rmdir(LAST_FOLDER);
}

void last_free(struct last *last)
{
	for (size_t i = 0; i < last->count; i++)
		free(last->items[i].name);
	for (size_t i = 0; i < last->count; i++)
		free(last->items[i].stray);
	free(last->items);
	for (size_t i = 0; i < last->fronts.count; i++) {
		free(last->fronts.items[i].name);
		free(last->fronts.items[i].address);
	}
	free(last->fronts.items);
	free(last->verb);
	free(last->reason);
	*last = (struct last){0};
}
