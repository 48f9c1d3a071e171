/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/status.h"

#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/region-set.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/docker/api.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"

struct public_entries {
	const struct icr_region_set *regions;
	struct icr_value *list;
};

static void add_public(const char *text, void *data)
{
	struct public_entries *entries = data;
	struct docker_entry entry;

	if (docker_entry_parse(text, &entry) && entry.host.kind != ICR_HOST_PRIVATE &&
	    !entry.userinfo && icr_region_set_has(entries->regions, entry.host.region))
		icr_value_push_text(entries->list, text);
}

static void add_lists(const struct work *work, const struct icr_json *json,
		      struct icr_value *status)
{
	struct public_entries entries = {
		.regions = &work->settings.regions,
		.list = icr_value_put_list(status, "public_mirrors"),
	};

	docker_mirrors_each(json, DOCKER_MIRRORS, add_public, &entries);
	docker_mirrors_each(json, DOCKER_INSECURE, add_public, &entries);
}

static bool covers_all(const struct work *work, const char *list)
{
	_cleanup_strings_ struct icr_strings names = {0}, missing = {0};

	docker_proxy_names(work, &names);
	docker_proxy_uncovered(&names, list, &missing);
	return missing.count == 0;
}

/* What the files promise; a running daemon may not have been restarted since. */
static bool files_cover(const struct work *work, const struct docker_proxy *proxy)
{
	_cleanup_strings_ struct icr_strings ours = {0};
	_cleanup_buf_ struct icr_buf dropin = ICR_BUF(ICR_FILE_MAX), all = ICR_BUF(ICR_BUF_MAX);

	if (!proxy->in_file && !proxy->file_list && docker_dropin_read(&dropin))
		docker_dropin_names(dropin.data, &ours);
	docker_names_join(proxy->no_proxy, &ours, &all);
	return covers_all(work, all.data);
}

static int add_proxy(const struct work *work, const struct docker *docker,
		     const struct icr_json *json, const struct docker_info *info,
		     struct icr_value *status, struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};
	const struct docker_edit look = {.json = json, .path = docker->config};

	int r = docker_proxy_read(docker, &look, &proxy, err);
	if (r < 0)
		return r;
	bool told = info && info->proxied;
	if (proxy.used || told)
		icr_value_put_flag(status, "no_proxy_ok",
				   (!proxy.used || files_cover(work, &proxy)) &&
					   (!told || covers_all(work, info->no_proxy)));
	else
		icr_value_put_text(status, "no_proxy_ok", NULL);
	icr_value_put_flag(status, "proxy", proxy.used || told);
	return 0;
}

/* The version is what a process that calls itself dockerd says: of a length that a report can
 * hold. What of it a terminal would obey is spelled out where it is printed. */
#define VERSION_MAX 64

static void add_daemon(const struct docker_info *info, struct icr_value *status)
{
	const char *store = !info ? NULL : info->containerd_store ? "containerd" : "classic";
	_cleanup_free_ char *version =
		info && info->version ? icr_strndup(info->version, VERSION_MAX) : NULL;
	_cleanup_buf_ struct icr_buf safe = ICR_BUF(ICR_BUF_MAX);

	if (version)
		icr_text_safe(version, strlen(version), "", &safe);
	icr_value_put_text(status, "version", version ? safe.data : NULL);
	icr_value_put_text(status, "image_store", store);
}

static int read_config(const struct docker *docker, struct icr_buf *text, struct icr_json *ret_json,
		       struct icr_error *err)
{
	int r = icr_file_read(docker->config, text, err);
	if (r >= 0)
		r = icr_json_parse(text->data, text->len, docker->config, DOCKER_JSON_FLAGS,
				   ret_json, err);
	return r;
}

static void add_problem(const struct icr_error *problem, struct icr_value *status)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	icr_error_print(problem, &text);
	icr_value_put_text(status, "problem", text.data);
}

int docker_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)err;
	const struct docker *docker = docker_of(work);
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	_cleanup_error_ struct icr_error problem = {0};

	icr_value_put_text(status, "name", "docker");
	icr_value_put_flag(status, "found", docker->found);
	if (!docker->found)
		return 0;
	bool seen = !docker->hidden && host_has(docker->config);
	icr_value_put_text(status, "config", seen ? docker->config : NULL);
	bool told =
		docker->process.pid > 0 && docker_info_get(&work->host, docker, &info, NULL) > 0;
	add_daemon(told ? &info : NULL, status);
	if (docker->hidden) {
		_cleanup_free_ char *hidden =
			icr_printf("its configuration is out of sight: %s", docker->hidden);
		/* what it was started with it tells all the same */
		if (told && info.proxied)
			icr_value_put_flag(status, "no_proxy_ok", covers_all(work, info.no_proxy));
		icr_value_put_text(status, "problem", hidden);
		return 0;
	}
	int r = read_config(docker, &text, &json, &problem);
	if (r >= 0)
		add_lists(work, &json, status);
	if (r >= 0)
		r = add_proxy(work, docker, &json, told ? &info : NULL, status, &problem);
	if (r < 0)
		add_problem(&problem, status);
	return 0;
}

const struct part_words docker_words[] = {
	{.name = "found", .no = "not found"},
	{.name = "config", .before = "configured by ", .after = ""},
	{.name = "version", .before = "version ", .after = ""},
	{.name = "image_store", .before = "", .after = " image store"},
	{.name = "public_mirrors", .before = "public names in its lists: ", .after = ""},
	{.name = "proxy", .no = "no proxy"},
	{.name = "no_proxy_ok",
	 .yes = "the names bypass its proxy",
	 .no = "the names go through its proxy"},
	{.name = "problem", .before = "", .after = ""},
	{0},
};
