/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/api.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/http.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/region-set.h"
#include "rewrite/docker/edit.h"

#define TIMEOUT_MS     2000
#define DEFAULT_SOCKET "/run/docker.sock"
#define SCHEME	       "unix://"

static bool is_socket(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISSOCK(info.st_mode);
}

/* The path of unix:///path, NULL for anything else and for what is no socket. */
static const char *socket_of(const char *address)
{
	if (strncmp(address, SCHEME, strlen(SCHEME)) != 0)
		return NULL;
	address += strlen(SCHEME);
	return address[0] == '/' && is_socket(address) ? address : NULL;
}

/* The first socket among -H ADDRESS, -HADDRESS, -H=ADDRESS, --host ADDRESS, --host=ADDRESS. */
static const char *flag_socket(const struct icr_strings *command)
{
	for (size_t i = 1; i < command->count; i++) {
		const char *item = command->items[i];
		const char *address = NULL;
		bool last = i + 1 == command->count;
		if (strcmp(item, "-H") == 0 || strcmp(item, "--host") == 0)
			address = last ? NULL : command->items[i + 1];
		else if (strncmp(item, "--host=", 7) == 0)
			address = item + 7;
		else if (strncmp(item, "-H", 2) == 0)
			address = item[2] == '=' ? item + 3 : item + 2;
		const char *path = address ? socket_of(address) : NULL;
		if (path)
			return path;
	}
	return NULL;
}

static const char *find_socket(const struct host *host, const struct docker *docker)
{
	const char *path = flag_socket(&docker->process.command);

	if (!path && docker_by_unit(docker))
		path = flag_socket(&docker->unit.command);
	if (!path && is_socket(DEFAULT_SOCKET))
		path = DEFAULT_SOCKET;
	if (!path && host->environment.docker_host)
		path = socket_of(host->environment.docker_host);
	return path;
}

/* Returns 1 when RET holds a reply and RET_JSON its value. */
static int api_get(const struct host *host, const struct docker *docker, const char *url,
		   struct icr_http_reply *ret, struct icr_json *ret_json, struct icr_error *err)
{
	const char *path = host->live ? find_socket(host, docker) : NULL;
	if (!path)
		return 0;
	const struct icr_http_request request = {
		.method = "GET",
		.url = url,
		.unix_socket = path,
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
		.body_max = ICR_FILE_MAX,
	};
	int r = icr_http_perform(&request, 1, ret, err);
	if (r < 0)
		return r;
	if (ret->outcome != ICR_HTTP_DONE || ret->status != 200)
		return 0;
	return icr_json_parse(ret->body.data, ret->body.len, NULL, 0, ret_json, NULL) < 0 ? 0 : 1;
}

static char *member_string(const struct icr_json *json, uint32_t object, const char *name)
{
	uint32_t node = icr_json_member(json, object, name);
	return node == ICR_JSON_NONE ? NULL : icr_json_string_dup(json, node);
}

static void add_strings(const struct icr_json *json, uint32_t list, struct icr_strings *words)
{
	if (list == ICR_JSON_NONE || !icr_json_is(json, list, ICR_JSON_ARRAY))
		return;
	for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		_cleanup_free_ char *text = icr_json_string_dup(json, node);
		if (text)
			icr_strings_add(words, text);
	}
}

static void read_registries(const struct icr_json *json, struct docker_info *info)
{
	uint32_t config = icr_json_member(json, 0, "RegistryConfig");
	uint32_t indexes = icr_json_member(json, config, "IndexConfigs");

	add_strings(json, icr_json_member(json, config, "Mirrors"), &info->mirrors);
	add_strings(json, icr_json_member(json, config, "InsecureRegistryCIDRs"), &info->insecure);
	if (indexes == ICR_JSON_NONE || !icr_json_is(json, indexes, ICR_JSON_OBJECT))
		return;
	for (uint32_t node = json->nodes[indexes].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		uint32_t secure = icr_json_member(json, node, "Secure");
		_cleanup_free_ char *name = icr_json_name_dup(json, node);
		if (name && secure != ICR_JSON_NONE && icr_json_is(json, secure, ICR_JSON_FALSE))
			icr_strings_add(&info->insecure, name);
	}
}

/* DriverStatus is a list of pairs. Source: moby v29, daemon/containerd/service.go LayerStoreStatus
 */
static bool containerd_store(const struct icr_json *json)
{
	uint32_t status = icr_json_member(json, 0, "DriverStatus");

	if (status == ICR_JSON_NONE || !icr_json_is(json, status, ICR_JSON_ARRAY))
		return false;
	for (uint32_t pair = json->nodes[status].child; pair != ICR_JSON_NONE;
	     pair = json->nodes[pair].next) {
		uint32_t name = json->nodes[pair].child;
		uint32_t value = name == ICR_JSON_NONE ? name : json->nodes[name].next;
		if (value != ICR_JSON_NONE && icr_json_string_is(json, name, "driver-type") &&
		    icr_json_string_is(json, value, "io.containerd.snapshotter.v1"))
			return true;
	}
	return false;
}

static bool is_set(const struct icr_json *json, const char *name)
{
	_cleanup_free_ char *text = member_string(json, 0, name);
	bool set = text && text[0];
	if (text)
		explicit_bzero(text, strlen(text));
	return set;
}

static void read_info(const struct icr_json *json, struct docker_info *info)
{
	info->version = member_string(json, 0, "ServerVersion");
	info->containerd_store = containerd_store(json);
	read_registries(json, info);
	info->proxied = is_set(json, "HttpsProxy") || is_set(json, "HttpProxy");
	info->no_proxy = member_string(json, 0, "NoProxy");
	if (!info->no_proxy)
		info->no_proxy = icr_strdup("");
}

int docker_info_get(const struct host *host, const struct docker *docker,
		    struct docker_info *ret_info, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};

	int r = api_get(host, docker, "http://localhost/info", &reply, &json, err);
	if (r <= 0)
		return r;
	*ret_info = (struct docker_info){0};
	read_info(&json, ret_info);
	return 1;
}

void docker_info_free(struct docker_info *info)
{
	free(info->version);
	free(info->no_proxy);
	icr_strings_free(&info->mirrors);
	icr_strings_free(&info->insecure);
	*info = (struct docker_info){0};
}

static void add_regions(const struct icr_strings *names, struct icr_region_set *set)
{
	struct icr_host host;

	for (size_t i = 0; i < names->count; i++)
		if (icr_host_parse(names->items[i], strlen(names->items[i]), &host) && host.region)
			icr_region_set_add(set, host.region);
}

int docker_images_regions(const struct host *host, const struct docker *docker,
			  struct icr_region_set *set, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_strings_ struct icr_strings names = {0};
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};

	int r = api_get(host, docker, "http://localhost/images/json", &reply, &json, err);
	if (r <= 0 || !icr_json_is(&json, 0, ICR_JSON_ARRAY))
		return r < 0 ? r : 0;
	for (uint32_t image = json.nodes[0].child; image != ICR_JSON_NONE;
	     image = json.nodes[image].next) {
		add_strings(&json, icr_json_member(&json, image, "RepoTags"), &names);
		add_strings(&json, icr_json_member(&json, image, "RepoDigests"), &names);
	}
	add_regions(&names, set);
	return 0;
}
