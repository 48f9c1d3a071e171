/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-regions.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json.h"

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
	_cleanup_free_ char *full = NULL;
	_cleanup_buf_ struct icr_buf text;
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_error_ struct icr_error err = {0};

	icr_buf_init(&text, ICR_FILE_MAX);
	int r = host_locate(&work->host, path, true, &full, &err);
	if (r >= 0)
		r = icr_file_read(full, &text, &err);
	if (r > 0)
		r = icr_json_parse(text.data, text.len, path, ICR_JSON_EMPTY, &json, &err);
	if (r < 0)
		note(&work->notes, "the logins in %s do not count: %s",
		     err.where ? err.where : path, err.what ? err.what : "it cannot be read");
	else
		add_logins(&json, set);
}

static int sudo_user_logins(struct work *work, struct icr_region_set *set, struct icr_error *err)
{
	const char *user = work->host.environment.sudo_user;
	const struct passwd *entry = user ? getpwnam(user) : NULL;

	if (!entry || entry->pw_uid == 0 || !entry->pw_dir || entry->pw_dir[0] != '/')
		return 0;
	_cleanup_free_ char *path = icr_path_join(entry->pw_dir, ".docker/config.json");
	if (!path)
		return icr_fail_memory(err);
	read_logins(work, path, set);
	return 0;
}

int docker_login_regions(struct work *work, struct icr_region_set *set, struct icr_error *err)
{
	if (work->host.root[0]) {
		read_logins(work, "/root/.docker/config.json", set);
		return 0;
	}
	_cleanup_free_ char *path = NULL;
	if (icr_environment_docker_config(&work->host.environment, &path, NULL) >= 0)
		read_logins(work, path, set);
	return sudo_user_logins(work, set, err);
}
