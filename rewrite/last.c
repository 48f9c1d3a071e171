/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/last.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/resolve.h"
#include "icr/value.h"

#define LAST_MAX ((size_t)256 * 1024)
#define TIME_MAX 1000000000000 /* in seconds, so that sums of such stay numbers */

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

static struct last_time read_time(const struct icr_value *object)
{
	int64_t at, up;

	if (!icr_value_number(object, "at", 1, TIME_MAX, &at) ||
	    !icr_value_number(object, "uptime", 0, TIME_MAX, &up))
		return (struct last_time){0};
	int64_t age = uptime_s() - up;
	/* of another boot, where /run outlives one, as in some containers */
	if (age < 0)
		return (struct last_time){0};
	return (struct last_time){at, age};
}

static void put_time(struct icr_value *object, const struct last_time *moment)
{
	icr_value_put_number(object, "at", moment->at);
	icr_value_put_number(object, "uptime", uptime_s() - moment->age_s);
}

static struct icr_value *read_object(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(LAST_MAX);
	struct icr_value *object = NULL;

	if (icr_file_read(LAST_FILE, &text, NULL) <= 0 ||
	    icr_value_parse(text.data, text.len, false, &object, NULL) < 0)
		return NULL;
	return object;
}

struct known *last_known(void)
{
	_cleanup_value_ struct icr_value *object = read_object();
	_cleanup_free_ struct known *known = icr_calloc(1, sizeof(*known));

	return known_read(icr_value_get(object, "hosts"), known) ? icr_steal(&known) : NULL;
}

void last_load(struct last *ret_last)
{
	_cleanup_value_ struct icr_value *object = read_object();

	*ret_last = (struct last){0};
	if (!object)
		return;
	icr_value_each(item, icr_value_get(object, "regions")) {
		const char *name = icr_value_text(item, "name");
		struct last_time proven = read_time(item);
		const char *stray = icr_value_text(item, "stray");
		const char *reason = icr_value_text(item, "reason");
		if (name && (proven.at || reason))
			*ICR_APPEND(ret_last) = (struct last_region){
				.name = icr_strdup(name),
				.proven = proven,
				.stray = stray ? icr_strdup(stray) : NULL,
				.reason = reason ? icr_strdup(reason) : NULL,
			};
	}
	icr_value_each(item, icr_value_get(object, "fronts")) {
		const char *name = icr_value_text(item, "name");
		const char *address = icr_value_text(item, "address");
		struct last_time seen = read_time(item);
		if (name && address && icr_address_is_public(address) && seen.at)
			*ICR_APPEND(&ret_last->fronts) =
				(struct last_front){icr_strdup(name), icr_strdup(address), seen};
	}
	const struct icr_value *run = icr_value_get(object, "run");
	const char *verb = icr_value_text(run, "verb");
	const char *reason = icr_value_text(run, "reason");
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

const char *last_reason(const struct last *last, const char *name)
{
	for (size_t i = 0; i < last->count; i++)
		if (strcmp(last->items[i].name, name) == 0)
			return last->items[i].reason;
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

static void put_front(struct icr_value *list, const char *name, const char *address,
		      const struct last_time *seen)
{
	if (list->count >= FRONTS_MAX)
		return;
	struct icr_value *item = icr_value_push_object(list);
	icr_value_put_text(item, "name", name);
	icr_value_put_text(item, "address", address);
	put_time(item, seen);
}

/* What this run has seen, and then what earlier ones had. */
static void put_fronts(struct icr_value *object, const struct routes *routes,
		       const struct last *before)
{
	const struct last_time now = {time(NULL), 0};
	struct icr_value *list = icr_value_put_list(object, "fronts");

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

static int write_file(const struct icr_value *object, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(LAST_MAX);
	int r = icr_value_print(object, &text, err);

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
	    (failed && !verified && strcmp(verb, "apply") == 0) || !host_has(STATE_FILE))
		return;
	_cleanup_last_ struct last before = {0};
	_cleanup_value_ struct icr_value *object = icr_value_new();
	_cleanup_error_ struct icr_error why = {0};
	struct last_time now = {time(NULL), 0};
	last_load(&before);
	struct icr_value *regions = icr_value_put_list(object, "regions");
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		struct last_time proven = last_proven(&before, route->region->public_name);
		const char *stray = last_stray(&before, route->region->public_name);
		if (verified && (route->proven || route->status == REGION_PRIVATE)) {
			proven = now;
			stray = route->stray;
		}
		const char *unproven = route->proven ? NULL : route->reason;
		if (!proven.at && !unproven)
			continue;
		struct icr_value *item = icr_value_push_object(regions);
		icr_value_put_text(item, "name", route->region->public_name);
		if (proven.at)
			put_time(item, &proven);
		if (stray)
			icr_value_put_text(item, "stray", stray);
		if (unproven)
			icr_value_put_text(item, "reason", unproven);
	}
	put_fronts(object, routes, &before);
	struct icr_value *ended = icr_value_put_object(object, "run");
	put_time(ended, &now);
	icr_value_put_text(ended, "verb", verb);
	_cleanup_buf_ struct icr_buf reason = ICR_BUF(LAST_MAX / 2);
	if (failed)
		icr_error_print(err, &reason);
	icr_value_put_text(ended, "reason", failed ? reason.data : NULL);
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
	for (size_t i = 0; i < last->count; i++) {
		free(last->items[i].name);
		free(last->items[i].stray);
		free(last->items[i].reason);
	}
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
