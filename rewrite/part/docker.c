/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/nss.h"
#include "icr/region-set.h"
#include "rewrite/change.h"
#include "rewrite/docker/api.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/find.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"
#include "rewrite/docker/reload.h"
#include "rewrite/docker/restore.h"
#include "rewrite/docker/status.h"
#include "rewrite/dropin.h"
#include "rewrite/native.h"
#include "rewrite/part/part.h"
#include "rewrite/state.h"
#include "rewrite/work.h"

static void add_logins(const struct icr_json *json, struct icr_region_set *set)
{
	uint32_t auths = json->count > 0 ? icr_json_member(json, 0, "auths") : ICR_JSON_NONE;
	struct icr_host host;

	if (auths == ICR_JSON_NONE || !icr_json_is(json, auths, ICR_JSON_OBJECT))
		return;
	for (uint32_t node = json->nodes[auths].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		_cleanup_free_ char *name = icr_json_name_dup(json, node);
		if (name && icr_host_parse(name, strlen(name), &host) && host.region)
			icr_region_set_add(set, host.region);
	}
}

static void read_logins(struct work *work, const char *path, struct icr_region_set *set)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_error_ struct icr_error err = {0};

	int r = icr_file_read(path, &text, &err);
	if (r > 0)
		r = icr_json_parse(text.data, text.len, path, ICR_JSON_EMPTY, &json, &err);
	if (r < 0)
		note(&work->notes, "the logins in %s do not count: %s",
		     err.where ? err.where : path, err.what ? err.what : "it cannot be read");
	else
		add_logins(&json, set);
}

static void sudo_user_logins(struct work *work, struct icr_region_set *set)
{
	const char *user = work->host.environment.sudo_user;
	uid_t id = 0;
	_cleanup_free_ char *home = user ? icr_home_of(user, &id) : NULL;

	if (!home || id == 0)
		return;
	_cleanup_free_ char *path = icr_path_join(home, ".docker/config.json");
	read_logins(work, path, set);
}

/*
 * Adds the regions of the logins ("auths") in the Docker configurations of this user and, under
 * sudo, of the user who called; below --root, of root. A configuration that cannot be read is noted
 * and passed over: it is not ours to judge.
 */
static void login_regions(struct work *work, struct icr_region_set *set)
{
	if (work->host.root[0]) {
		read_logins(work, "/root/.docker/config.json", set);
		return;
	}
	_cleanup_free_ char *path = NULL;
	if (icr_environment_docker_config(&work->host.environment, &path, NULL) >= 0)
		read_logins(work, path, set);
	sudo_user_logins(work, set);
}

/* A mirror must not become one that this run has seen dead; one that is ours by now stays. */
static bool waits(const struct work *work, const struct region_route *route,
		  const struct change *change)
{
	const struct icr_buf *text = &change->current.text;
	const char *name = route->region->private_name;
	bool unproven = route->status == REGION_PENDING || route->status == REGION_CLOSED;

	return work->host.live && unproven &&
	       !(change->recorded && memmem(text->data, text->len, name, strlen(name)));
}

/* The regions whose mirrors are steered: not those that need nothing, nor those that are public
 * again until the private network is back. */
static struct icr_region_set mirror_regions(const struct work *work, const struct change *change)
{
	struct icr_region_set set = {0};
	size_t count;
	const struct icr_region *region = icr_regions(&count);

	for (; count > 0; count--, region++) {
		const struct region_route *route = routes_find(&work->routes, region);
		bool without =
			route && (route->status == REGION_PRIVATE ||
				  route->status == REGION_WITHDRAWN || waits(work, route, change));
		if (!without && icr_region_set_has(&work->settings.regions, region))
			icr_region_set_add(&set, region);
	}
	return set;
}

static int parse(const struct content *content, const char *path, struct icr_json *ret_json,
		 struct icr_error *err)
{
	return icr_json_parse(content->text.data, content->exists ? content->text.len : 0, path,
			      DOCKER_JSON_FLAGS, ret_json, err);
}

/* null is a document that Docker reads as an empty one. */
static int check_root(const struct docker_edit *edit, struct icr_error *err)
{
	const struct icr_json *json = edit->json;

	if (json->count == 0 || icr_json_is(json, 0, ICR_JSON_OBJECT) ||
	    icr_json_is(json, 0, ICR_JSON_NULL))
		return 0;
	return docker_edit_type(edit, 0, "the document", "an object", err);
}

static int plan_mirror(struct work *work, const struct docker *docker, struct docker_edit *edit,
		       const struct icr_region_set *regions, struct icr_error *err)
{
	_cleanup_free_ char *giver = docker_flag_giver(docker, "registry-mirror");

	if (giver) {
		icr_fail_at(err, ICR_E_CONFIG, docker->config,
			    "--docker-mirror cannot add registry-mirrors: %s gives "
			    "--registry-mirror already, and dockerd does not start when both do",
			    giver);
		return icr_error_hint(err, "move the mirrors from the flag into this file, or do "
					   "without --docker-mirror");
	}
	if (icr_json_is(edit->json, 0, ICR_JSON_NULL))
		return docker_edit_type(edit, 0, "the document", "an object", err);
	int r = docker_mirrors_add(edit, regions, err);
	if (r >= 0)
		docker_note_once(work, "--docker-mirror: stock Docker sends pulls from Docker Hub, "
				       "and the Hub's credentials, to these mirrors first");
	return r;
}

/* Mirrors on the command line are not ours to edit. */
static void note_flags(struct work *work, const struct icr_strings *command, const char *flag,
		       const struct icr_region_set *regions, const char *giver)
{
	struct docker_entry entry;

	for (size_t i = 1; i < command->count; i++) {
		/* one word or two: both are command lines that end in this flag */
		const struct icr_strings one = {.items = command->items + i - 1, .count = 2};
		const struct icr_strings two = {.items = command->items + i - 1,
						.count = i + 1 < command->count ? 3 : 2};
		const char *value = docker_flag(&one, flag);
		if (value && value[0] == '\0')
			value = docker_flag(&two, flag);
		if (!value || !docker_entry_parse(value, &entry) || entry.userinfo ||
		    entry.host.kind == ICR_HOST_PRIVATE ||
		    !icr_region_set_has(regions, entry.host.region))
			continue;
		note(&work->notes,
		     "%s gives --%s with %s, which cannot be edited here: name %s there", giver,
		     flag, entry.host.name, entry.host.region->private_name);
	}
}

static void plan_flags(struct work *work, const struct docker *docker,
		       const struct icr_region_set *regions)
{
	static const char *const flags[] = {"registry-mirror", "insecure-registry"};

	for (size_t i = 0; i < ICR_LENGTH(flags); i++) {
		_cleanup_free_ char *giver = docker_flag_giver(docker, flags[i]);
		const struct icr_strings *unit = &docker->unit.command;
		bool by_unit = docker->unit.path && docker_flag(unit, flags[i]);
		if (giver)
			note_flags(work, by_unit ? unit : &docker->process.command, flags[i],
				   regions, giver);
	}
}

static int plan_config(struct work *work, const struct docker *docker, struct changes *changes,
		       struct change *change, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_docker_edit_ struct docker_edit edit = {.json = &json, .path = docker->config};
	const struct icr_region_set regions = mirror_regions(work, change);

	int r = parse(&change->base, docker->config, &json, err);
	if (r >= 0)
		r = check_root(&edit, err);
	if (r >= 0)
		r = docker_mirrors_plan(&edit, &regions, &work->notes, err);
	if (r >= 0 && work->settings.docker_mirror)
		r = plan_mirror(work, docker, &edit, &regions, err);
	if (r >= 0)
		plan_flags(work, docker, &regions);
	if (r >= 0)
		r = docker_proxy_plan(work, docker, &edit, change->part, changes, err);
	if (r >= 0)
		r = docker_edit_finish(&edit, change, err);
	if (r >= 0)
		r = state_keep(work, changes, change, err);
	if (r >= 0 && change_differs(change) && docker_value_changes(change, "proxies"))
		docker_note_restart(work);
	return r;
}

/* The files are as they shall be, but the daemon still runs with what it was started with. */
static void plan_restart(struct work *work, const struct docker *docker)
{
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_strings_ struct icr_strings names = {0}, missing = {0};

	if (!work->host.live || docker->process.pid == 0 ||
	    docker_info_get(&work->host, docker, &info, NULL) <= 0 || !info.proxied)
		return;
	docker_proxy_names(work, &names);
	docker_proxy_uncovered(&names, info.no_proxy, &missing);
	if (missing.count > 0)
		docker_note_restart(work);
}

static bool plans_proxy(const struct changes *changes, const struct docker *docker)
{
	const struct change *dropin = changes_find(changes, DOCKER_DROPIN);
	const struct change *config = changes_find(changes, docker->config);

	return (dropin && dropin->wanted.exists) || docker_value_is_ours(config, "proxies");
}

static void note_surroundings(struct work *work, const struct docker *docker,
			      const struct change *change)
{
	_cleanup_strings_ struct icr_strings others = {0};
	bool first = !work->recorded || !work->recorded->count;

	if (change_differs(change) && strcmp(docker->config, DOCKER_SNAP_CONFIG) == 0)
		note(&work->notes,
		     "Docker is a snap: its configuration is %s, which follows its "
		     "updates",
		     docker->config);
	if (strcmp(docker->config, DOCKER_SNAP_CONFIG) != 0 && host_has(DOCKER_SNAP_CONFIG) &&
	    (change_differs(change) || first))
		note_warning(
			&work->notes,
			"there is a snap of Docker, too: its configuration, " DOCKER_SNAP_CONFIG
			", is not looked at, because %s counts",
			docker->config);
	if (docker->opaque && docker->process.pid == 0 && (change_differs(change) || first))
		note(&work->notes,
		     "%s starts a program that is not dockerd and cannot be looked into: mirrors "
		     "and proxies that it gives to dockerd are not known here, and a "
		     "--registry-mirror beside registry-mirrors in %s keeps dockerd from starting",
		     docker->unit.path, docker->config);
	if (work->host.live && change_differs(change))
		docker_out_of_sight(&others);
	for (size_t i = 0; i < others.count; i++)
		note(&work->notes,
		     "another dockerd runs here (%s): its configuration is not looked at",
		     others.items[i]);
}

/* Of a configuration out of sight nothing is changed; its unit, with a drop-in, can be. */
static int plan_hidden(struct work *work, const struct docker *docker, struct changes *changes,
		       struct icr_error *err)
{
	static const char nothing[] = "{}";
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_docker_edit_ struct docker_edit edit = {.json = &json, .path = docker->config};

	if (work->settings.docker_mirror || !work->recorded || !work->recorded->count)
		note(&work->notes,
		     "Docker's configuration is out of sight (%s): mirrors and proxies in it stay "
		     "as they are",
		     docker->hidden);
	int r = icr_json_parse(nothing, strlen(nothing), docker->config, DOCKER_JSON_FLAGS, &json,
			       err);
	return r < 0 ? r : docker_proxy_plan(work, docker, &edit, &part_docker, changes, err);
}

/* A warning once: status goes on to say it, and refresh is not to fill the journal. */
static void note_not_served(struct work *work)
{
	static const char text[] = "docker: not served by the route native, because its pulls get "
				   "no credentials from a mirror: they stay public; --route hosts "
				   "serves Docker";
	bool first = !work->recorded || !work->recorded->count;

	for (size_t i = 0; i < work->notes.count; i++)
		if (strcmp(work->notes.items[i].text, text) == 0)
			return;
	if (first)
		note_warning(&work->notes, "%s", text);
	else
		note(&work->notes, "%s", text);
}

static int docker_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	docker_forget(work);
	const struct docker *docker = docker_of(work);
	struct change *change;

	if (docker->found && settings_route(&work->settings) == ROUTE_NATIVE)
		note_not_served(work);
	if (!docker->found) {
		if (work->settings.docker_mirror)
			note(&work->notes,
			     "there is no Docker on this host: --docker-mirror adds nothing");
		return 0;
	}
	if (docker->hidden)
		return plan_hidden(work, docker, changes, err);
	int r = changes_file(changes, &work->host, &part_docker, docker->config, &change, err);
	if (r >= 0)
		r = plan_config(work, docker, changes, change, err);
	if (r < 0)
		return r;
	if (plans_proxy(changes, docker))
		plan_restart(work, docker);
	note_surroundings(work, docker, change);
	return 0;
}

static int docker_find_ours(struct work *work, struct changes *changes, struct icr_error *err)
{
	return dropin_find(work, changes, &part_docker, DOCKER_DROPIN, err);
}

static int docker_strip(struct work *work, struct change *change, struct icr_error *err)
{
	return strcmp(change->path, DOCKER_DROPIN) == 0 ? dropin_strip(work, change, err)
							: docker_restore(change, err);
}

/* Is it the daemon's own configuration? */
static bool is_config(const struct change *change)
{
	return change->part == &part_docker && !change->internal &&
	       strcmp(change->path, DOCKER_DROPIN) != 0;
}

static int validate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	_cleanup_docker_ struct docker docker = docker_find(&work->host);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < changes->count; i++) {
		const struct change *change = changes->items[i];
		if (is_config(change) && change_differs(change))
			r = docker_validate(&docker, change, err);
	}
	return r;
}

static void activate_change(struct work *work, const struct docker *docker,
			    const struct change *change)
{
	if (is_config(change)) {
		if (docker->process.pid > 0 && docker_value_changes(change, "proxies"))
			docker_note_restart(work);
		docker_reload(work, docker, change);
	} else if (change->part == &part_docker && !change->internal && change_differs(change)) {
		if (docker->process.pid > 0)
			docker_note_restart(work);
		docker_reload_units(work);
	}
}

static int activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	(void)err;
	_cleanup_docker_ struct docker docker = docker_find(&work->host);

	for (size_t i = 0; i < changes->count; i++)
		activate_change(work, &docker, changes->items[i]);
	return 0;
}

static void add_entry(const char *entry, void *data)
{
	struct docker_entry parsed;

	if (docker_entry_parse(entry, &parsed))
		icr_region_set_add(data, parsed.host.region);
}

static int docker_regions(struct work *work, struct icr_region_set *set, struct icr_error *err)
{
	const struct docker *docker = docker_of(work);
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	int r = docker->found && !docker->hidden ? icr_file_read(docker->config, &text, err) : 0;
	if (r > 0)
		r = icr_json_parse(text.data, text.len, docker->config, DOCKER_JSON_FLAGS, &json,
				   err);
	if (r < 0)
		return r;
	docker_mirrors_each(&json, DOCKER_MIRRORS, add_entry, set);
	docker_mirrors_each(&json, DOCKER_INSECURE, add_entry, set);
	login_regions(work, set);
	return docker->found ? docker_images_regions(&work->host, docker, set, err) : 0;
}

/* Where dockerd's configuration lies is the unit's to say, or the command line's. */
static bool docker_writes(const char *path)
{
	const char *end = strrchr(path, '.');

	return strcmp(path, DOCKER_DROPIN) == 0 || (end && strcmp(end, ".json") == 0);
}

/* Whatever we put into daemon.json, or in the place of something, names a private registry. */
static bool may_hold(const struct change *change)
{
	return strstr(change->current.text.data, "private.");
}

const struct part part_docker = {
	.name = "docker",
	.writes = docker_writes,
	.engine = true,
	.regions = docker_regions,
	.plan = docker_plan,
	.find = docker_find_ours,
	.strip = docker_strip,
	.may_hold = may_hold,
	.validate = validate,
	.activate = activate,
	.status = docker_status,
	.words = docker_words,
};
