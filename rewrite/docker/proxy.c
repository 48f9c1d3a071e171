/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/docker-names.h"

/* Source: httpproxy.FromEnvironment of golang.org/x/net; the first that is not empty counts. */
static const char *const proxy_variables[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
					      "http_proxy"};
static const char *const proxy_keys[] = {"https-proxy", "http-proxy"};

static bool has_proxy(const struct words *environment)
{
	for (size_t i = 0; i < ICR_LENGTH(proxy_variables); i++)
		if (words_value(environment, proxy_variables[i]))
			return true;
	return false;
}

static bool flag_is_set(const struct docker *docker, const char *name)
{
	return docker_flag(&docker->process.command, name) ||
	       (docker_by_unit(docker) && docker_flag(&docker->unit.command, name));
}

bool docker_dropin_read(const struct host *host, struct icr_buf *buf)
{
	return docker_read(host, DOCKER_DROPIN, buf) && docker_dropin_is_ours(buf->data, buf->len);
}

/* The process may have been started with what our drop-in adds: that is taken out again. */
static int own_list(const struct work *work, const struct words *environment, bool process,
		    char **ret_list, struct icr_error *err)
{
	_cleanup_words_ struct words ours = {0};
	_cleanup_buf_ struct icr_buf dropin, list;
	const char *value = words_value(environment, "NO_PROXY");

	if (!value)
		value = words_value(environment, "no_proxy");
	icr_buf_init(&dropin, ICR_FILE_MAX);
	icr_buf_init(&list, ICR_FILE_MAX);
	if (process && docker_dropin_read(&work->host, &dropin))
		docker_dropin_names(dropin.data, &ours);
	docker_names_without(value ? value : "", &ours, &list);
	*ret_list = ours.failed || list.failed ? NULL : icr_buf_take(&list);
	return *ret_list ? 0 : icr_fail_memory(err);
}

/* What a unit's files say is what the next start will have; the process tells what came from
 * elsewhere (systemctl set-environment, a script). */
static int read_environment(const struct work *work, const struct docker *docker,
			    struct docker_proxy *proxy, struct icr_error *err)
{
	bool unit = docker_by_unit(docker) && has_proxy(&docker->unit.environment);
	const struct words *environment = unit || docker->process.pid == 0
						  ? &docker->unit.environment
						  : &docker->process.environment;

	proxy->used |= has_proxy(environment);
	return own_list(work, environment, !unit && docker->process.by_unit, &proxy->no_proxy, err);
}

static int take_string(const struct docker_edit *edit, uint32_t proxies, const char *key,
		       char **value, struct icr_error *err)
{
	uint32_t node = ICR_JSON_NONE;

	while ((node = docker_member(edit->json, proxies, key, node)) != ICR_JSON_NONE) {
		if (icr_json_is(edit->json, node, ICR_JSON_NULL))
			continue;
		if (!icr_json_is(edit->json, node, ICR_JSON_STRING))
			return docker_edit_type(edit, node, key, "a string", err);
		free(*value);
		*value = icr_json_string_dup(edit->json, node);
		if (!*value)
			return icr_fail_memory(err);
	}
	return 0;
}

/* Proxy URLs, for as long as it takes to see whether they are empty. */
struct urls {
	char *items[ICR_LENGTH(proxy_keys)];
};

static void urls_clear(struct urls *urls)
{
	for (size_t i = 0; i < ICR_LENGTH(proxy_keys); i++) {
		if (urls->items[i])
			explicit_bzero(urls->items[i], strlen(urls->items[i]));
		free(urls->items[i]);
	}
}

static int read_file(const struct docker_edit *edit, struct docker_proxy *proxy,
		     struct icr_error *err)
{
	icr_cleanup(urls_clear) struct urls urls = {0};
	_cleanup_free_ char *list = NULL;
	uint32_t node = ICR_JSON_NONE;

	while ((node = docker_member(edit->json, 0, "proxies", node)) != ICR_JSON_NONE) {
		int r = 0;
		if (icr_json_is(edit->json, node, ICR_JSON_NULL))
			continue;
		if (!icr_json_is(edit->json, node, ICR_JSON_OBJECT))
			return docker_edit_type(edit, node, "proxies", "an object", err);
		for (size_t i = 0; r >= 0 && i < ICR_LENGTH(proxy_keys); i++)
			r = take_string(edit, node, proxy_keys[i], &urls.items[i], err);
		if (r >= 0)
			r = take_string(edit, node, "no-proxy", &list, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ICR_LENGTH(proxy_keys); i++)
		proxy->in_file |= urls.items[i] && urls.items[i][0];
	if (list && list[0]) {
		free(proxy->no_proxy);
		proxy->no_proxy = icr_steal(&list);
		proxy->file_list = true;
	}
	return 0;
}

static int read_flags(const struct docker *docker, struct docker_proxy *proxy,
		      struct icr_error *err)
{
	for (size_t i = 0; i < ICR_LENGTH(proxy_keys); i++)
		proxy->used |= flag_is_set(docker, proxy_keys[i]);
	proxy->by_flag = flag_is_set(docker, "no-proxy");
	if (!proxy->by_flag)
		return 0;
	const char *list = docker_flag(&docker->process.command, "no-proxy");
	if (!list)
		list = docker_flag(&docker->unit.command, "no-proxy");
	free(proxy->no_proxy);
	proxy->no_proxy = strdup(list);
	return proxy->no_proxy ? 0 : icr_fail_memory(err);
}

int docker_proxy_read(const struct work *work, const struct docker *docker,
		      const struct docker_edit *edit, struct docker_proxy *ret_proxy,
		      struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};

	int r = read_environment(work, docker, &proxy, err);
	if (r >= 0)
		r = read_file(edit, &proxy, err);
	if (r >= 0)
		r = read_flags(docker, &proxy, err);
	if (r < 0)
		return r;
	proxy.used |= proxy.in_file;
	*ret_proxy = proxy;
	proxy = (struct docker_proxy){0};
	return 0;
}

void docker_proxy_free(struct docker_proxy *proxy)
{
	free(proxy->no_proxy);
	*proxy = (struct docker_proxy){0};
}

void docker_proxy_names(const struct work *work, struct words *names)
{
	size_t count;
	const struct icr_region *region = icr_regions(&count);

	for (; count > 0; count--, region++) {
		const struct region_route *route = routes_find(&work->routes, region);
		const char *steered[ROUTE_NAMES_MAX] = {region->public_name};
		if (!icr_region_set_has(&work->settings.regions, region) ||
		    (route && route->status == REGION_PRIVATE))
			continue;
		size_t steered_count = route ? route_names(route, steered) : 1;
		for (size_t i = 0; i < steered_count; i++)
			words_add(names, steered[i], strlen(steered[i]));
		words_add(names, region->private_name, strlen(region->private_name));
	}
}

void docker_proxy_uncovered(const struct words *names, const char *list, struct words *uncovered)
{
	for (size_t i = 0; i < names->count; i++)
		if (!docker_names_cover(list, names->items[i]))
			words_add(uncovered, names->items[i], strlen(names->items[i]));
}

void docker_note_once(struct work *work, const char *text)
{
	for (size_t i = 0; i < work->notes.count; i++)
		if (strcmp(work->notes.lines[i], text) == 0)
			return;
	note(&work->notes, "%s", text);
}

void docker_note_restart(struct work *work)
{
	if (work->host.root[0] == '\0')
		docker_note_once(
			work,
			"Docker takes up a changed no-proxy list only when it is restarted: "
			"systemctl restart docker, at a time that suits; until then its proxy "
			"gets these names");
}
