/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/status.h"

#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/region-set.h"
#include "rewrite/docker/api.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"

struct public_entries {
	const struct icr_region_set *regions;
	cJSON *list;
	bool failed;
};

static void add_public(const char *text, void *data)
{
	struct public_entries *entries = data;
	struct docker_entry entry;

	if (!docker_entry_parse(text, &entry) || entry.host.kind == ICR_HOST_PRIVATE ||
	    entry.userinfo || !icr_region_set_has(entries->regions, entry.host.region))
		return;
	cJSON *item = cJSON_CreateString(text);
	if (!item || !cJSON_AddItemToArray(entries->list, item)) {
		cJSON_Delete(item);
		entries->failed = true;
	}
}

static int add_lists(const struct work *work, const struct icr_json *json, cJSON *status,
		     struct icr_error *err)
{
	struct public_entries entries = {.regions = &work->settings.regions};

	entries.list = cJSON_AddArrayToObject(status, "public_mirrors");
	if (!entries.list)
		return icr_fail_memory(err);
	docker_mirrors_each(json, DOCKER_MIRRORS, add_public, &entries);
	docker_mirrors_each(json, DOCKER_INSECURE, add_public, &entries);
	return entries.failed ? icr_fail_memory(err) : 0;
}

/* What the files promise; a running daemon may not have been restarted since. */
static int files_cover(const struct work *work, const struct docker_proxy *proxy, bool *ret_ok,
		       struct icr_error *err)
{
	_cleanup_words_ struct words names = {0}, missing = {0}, ours = {0};
	_cleanup_buf_ struct icr_buf dropin;

	icr_buf_init(&dropin, ICR_FILE_MAX);
	docker_proxy_names(work, &names);
	if (!proxy->in_file && !proxy->file_list && docker_dropin_read(&work->host, &dropin))
		docker_dropin_names(dropin.data, &ours);
	_cleanup_buf_ struct icr_buf all;
	icr_buf_init(&all, ICR_FILE_MAX);
	docker_names_join(proxy->no_proxy, &ours, &all);
	docker_proxy_uncovered(&names, all.data, &missing);
	if (names.failed || missing.failed || ours.failed || all.failed)
		return icr_fail_memory(err);
	*ret_ok = missing.count == 0;
	return 0;
}

static int daemon_covers(const struct work *work, const struct docker_info *info, bool *ret_ok,
			 struct icr_error *err)
{
	_cleanup_words_ struct words names = {0}, missing = {0};

	docker_proxy_names(work, &names);
	docker_proxy_uncovered(&names, info->no_proxy, &missing);
	if (names.failed || missing.failed)
		return icr_fail_memory(err);
	*ret_ok = missing.count == 0;
	return 0;
}

static int add_proxy(const struct work *work, const struct docker *docker,
		     const struct icr_json *json, const struct docker_info *info, cJSON *status,
		     struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};
	const struct docker_edit look = {.json = json, .path = docker->config};
	bool ok = true;

	int r = docker_proxy_read(work, docker, &look, &proxy, err);
	bool used = proxy.used || (info && info->proxied);
	if (r >= 0 && proxy.used)
		r = files_cover(work, &proxy, &ok, err);
	bool daemon_ok = true;
	if (r >= 0 && info && info->proxied)
		r = daemon_covers(work, info, &daemon_ok, err);
	if (r < 0)
		return r;
	const cJSON *told = used ? cJSON_AddBoolToObject(status, "no_proxy_ok", ok && daemon_ok)
				 : cJSON_AddNullToObject(status, "no_proxy_ok");
	return told && cJSON_AddBoolToObject(status, "proxy", used) ? 0 : icr_fail_memory(err);
}

static int add_daemon(const struct docker_info *info, cJSON *status, struct icr_error *err)
{
	const char *version = info ? info->version : NULL;
	const char *store = !info ? NULL : info->containerd_store ? "containerd" : "classic";

	const cJSON *first = version ? cJSON_AddStringToObject(status, "version", version)
				     : cJSON_AddNullToObject(status, "version");
	const cJSON *second = store ? cJSON_AddStringToObject(status, "image_store", store)
				    : cJSON_AddNullToObject(status, "image_store");
	return first && second ? 0 : icr_fail_memory(err);
}

static int read_config(const struct work *work, const struct docker *docker, struct icr_buf *text,
		       struct icr_json *ret_json, struct icr_error *err)
{
	_cleanup_free_ char *full = NULL;

	int r = host_locate(&work->host, docker->config, true, &full, err);
	if (r >= 0)
		r = icr_file_read(full, text, err);
	if (r >= 0)
		r = icr_json_parse(text->data, text->len, docker->config, DOCKER_JSON_FLAGS,
				   ret_json, err);
	return r;
}

static int add_problem(const struct icr_error *problem, cJSON *status, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, ICR_FILE_MAX);
	icr_error_print(problem, &text);
	return cJSON_AddStringToObject(status, "problem", text.data) ? 0 : icr_fail_memory(err);
}

int docker_status(struct work *work, cJSON *status, struct icr_error *err)
{
	_cleanup_docker_ struct docker docker = {0};
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text;
	_cleanup_error_ struct icr_error problem = {0};

	icr_buf_init(&text, ICR_FILE_MAX);
	int r = docker_find(&work->host, &docker, err);
	if (r < 0)
		return r;
	if (!cJSON_AddStringToObject(status, "name", "docker") ||
	    !cJSON_AddBoolToObject(status, "found", docker.found))
		return icr_fail_memory(err);
	if (!docker.found)
		return 0;
	if (!cJSON_AddStringToObject(status, "config", docker.config))
		return icr_fail_memory(err);
	int asked = docker.process.pid > 0 ? docker_info_get(&work->host, &docker, &info, NULL) : 0;
	const struct docker_info *told = asked > 0 ? &info : NULL;
	r = add_daemon(told, status, err);
	if (r < 0)
		return r;
	r = read_config(work, &docker, &text, &json, &problem);
	if (r >= 0)
		r = add_lists(work, &json, status, &problem);
	if (r >= 0)
		r = add_proxy(work, &docker, &json, told, status, &problem);
	if (r == -ENOMEM)
		return icr_fail_memory(err);
	return r < 0 ? add_problem(&problem, status, err) : 0;
}
