/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json-edit.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "rewrite/block.h"

/* Takes ":443" off; false for another port. */
static bool take_port(const char *item, size_t *len)
{
	const char *colon = memrchr(item, ':', *len);

	if (!colon)
		return true;
	if ((size_t)(item + *len - colon) != 4 || memcmp(colon, ":443", 4) != 0)
		return false;
	*len = (size_t)(colon - item);
	return true;
}

static bool covers(const char *item, size_t len, const char *host)
{
	icr_trim(&item, &len);
	if (len == 1 && item[0] == '*')
		return true;
	if (len == 0 || !take_port(item, &len))
		return false;
	if (len > 1 && item[0] == '*' && item[1] == '.') {
		item++;
		len--;
	}
	bool below_only = len > 0 && item[0] == '.';
	if (below_only) {
		item++;
		len--;
	}
	size_t host_len = strlen(host);
	if (len == 0 || len > host_len || strncasecmp(host + host_len - len, item, len) != 0)
		return false;
	return len == host_len ? !below_only : host[host_len - len - 1] == '.';
}

bool docker_names_cover(const char *list, const char *host)
{
	for (const char *item = list; item;) {
		size_t len = strcspn(item, ",");
		if (covers(item, len, host))
			return true;
		item = item[len] == ',' ? item + len + 1 : NULL;
	}
	return false;
}

void docker_names_join(const char *list, const struct icr_strings *names, struct icr_buf *out)
{
	size_t len = list ? strlen(list) : 0;
	const char *last = list;
	size_t rest = len;

	icr_buf_text(out, list ? list : "");
	if (len > 0)
		icr_trim(&last, &rest);
	bool separate = rest > 0 && last[rest - 1] != ',';
	for (size_t i = 0; i < names->count; i++) {
		if (separate)
			icr_buf_char(out, ',');
		icr_buf_text(out, names->items[i]);
		separate = true;
	}
}

static bool contains(const struct icr_strings *names, const char *item, size_t len)
{
	icr_trim(&item, &len);
	_cleanup_free_ char *name = icr_strndup(item, len);
	return icr_strings_has(names, name);
}

void docker_names_without(const char *list, const struct icr_strings *names, struct icr_buf *out)
{
	bool first = true;

	for (const char *item = list; item;) {
		size_t len = strcspn(item, ",");
		if (!contains(names, item, len)) {
			if (!first)
				icr_buf_char(out, ',');
			icr_buf_append(out, item, len);
			first = false;
		}
		item = item[len] == ',' ? item + len + 1 : NULL;
	}
}

/* Source: httpproxy.FromEnvironment of golang.org/x/net; the first that is not empty counts. */
static const char *const proxy_variables[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
					      "http_proxy"};
static const char *const proxy_keys[] = {"https-proxy", "http-proxy"};

static bool has_proxy(const struct icr_strings *environment)
{
	for (size_t i = 0; i < ICR_LENGTH(proxy_variables); i++)
		if (environment_value(environment, proxy_variables[i]))
			return true;
	return false;
}

static bool flag_is_set(const struct docker *docker, const char *name)
{
	return docker_flag(&docker->process.command, name) ||
	       (docker_by_unit(docker) && docker_flag(&docker->unit.command, name));
}

bool docker_dropin_read(struct icr_buf *buf)
{
	return host_read(DOCKER_DROPIN, buf) && block_is_whole(buf->data, buf->len);
}

/* The process may have been started with what our drop-in adds: that is taken out again. */
static char *own_list(const struct icr_strings *environment, bool process)
{
	_cleanup_strings_ struct icr_strings ours = {0};
	_cleanup_buf_ struct icr_buf dropin = ICR_BUF(ICR_FILE_MAX), list = ICR_BUF(ICR_BUF_MAX);
	const char *value = environment_value(environment, "NO_PROXY");

	if (!value)
		value = environment_value(environment, "no_proxy");
	if (process && docker_dropin_read(&dropin))
		docker_dropin_names(dropin.data, &ours);
	docker_names_without(value ? value : "", &ours, &list);
	return icr_buf_take(&list);
}

/* What a unit's files say is what the next start will have; the process tells what came from
 * elsewhere (systemctl set-environment, a script). */
static void read_environment(const struct docker *docker, struct docker_proxy *proxy)
{
	bool unit = docker_by_unit(docker) && has_proxy(&docker->unit.environment);
	const struct icr_strings *environment = unit || docker->process.pid == 0
							? &docker->unit.environment
							: &docker->process.environment;

	proxy->used |= has_proxy(environment);
	proxy->no_proxy = own_list(environment, !unit && docker->process.by_unit);
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

static void read_flags(const struct docker *docker, struct docker_proxy *proxy)
{
	for (size_t i = 0; i < ICR_LENGTH(proxy_keys); i++)
		proxy->used |= flag_is_set(docker, proxy_keys[i]);
	proxy->by_flag = flag_is_set(docker, "no-proxy");
	if (!proxy->by_flag)
		return;
	const char *list = docker_flag(&docker->process.command, "no-proxy");
	if (!list)
		list = docker_flag(&docker->unit.command, "no-proxy");
	free(proxy->no_proxy);
	proxy->no_proxy = icr_strdup(list);
}

int docker_proxy_read(const struct docker *docker, const struct docker_edit *edit,
		      struct docker_proxy *ret_proxy, struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};

	read_environment(docker, &proxy);
	int r = read_file(edit, &proxy, err);
	if (r < 0)
		return r;
	read_flags(docker, &proxy);
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

void docker_proxy_names(const struct work *work, struct icr_strings *names)
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
			icr_strings_add(names, steered[i]);
		icr_strings_add(names, region->private_name);
	}
}

void docker_proxy_uncovered(const struct icr_strings *names, const char *list,
			    struct icr_strings *uncovered)
{
	for (size_t i = 0; i < names->count; i++)
		if (!docker_names_cover(list, names->items[i]))
			icr_strings_add(uncovered, names->items[i]);
}

void docker_note_once(struct work *work, const char *text)
{
	for (size_t i = 0; i < work->notes.count; i++)
		if (strcmp(work->notes.items[i].text, text) == 0)
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

/* In our drop-in, the line that tells which names are ours. */
#define NAMES_LINE "\n# Names added: "

/* The names, comma-separated. */
static char *joined(const char *list, const struct icr_strings *names)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);

	docker_names_join(list, names, &out);
	return icr_buf_take(&out);
}

void docker_dropin_names(const char *text, struct icr_strings *names)
{
	const char *line = strstr(text, NAMES_LINE);

	if (!line)
		return;
	line += strlen(NAMES_LINE);
	for (const char *end = line + strcspn(line, "\n"); line < end;) {
		size_t len = strcspn(line, ",\n");
		icr_strings_add_span(names, line, len);
		line += len + 1;
	}
}

/* One list in daemon.json; an empty one stands back behind what the environment says. What stands
 * there keeps its spelling. */
static void edit_list(struct docker_edit *edit, uint32_t node, const struct docker_proxy *proxy,
		      const struct icr_strings *names)
{
	_cleanup_free_ char *text = icr_json_string_dup(edit->json, node);
	bool empty = !text || !text[0];
	const char *list = empty ? proxy->no_proxy : text;
	_cleanup_strings_ struct icr_strings missing = {0};

	docker_proxy_uncovered(names, list, &missing);
	if (missing.count == 0)
		return;
	_cleanup_free_ char *all = joined(list, &missing);
	_cleanup_free_ char *added = docker_quote(empty ? all : all + strlen(text));
	_cleanup_free_ char *raw = docker_raw(edit->json, node);
	_cleanup_free_ char *value =
		icr_printf("%.*s%s", empty ? 0 : (int)strlen(raw) - 1, raw, added + !empty);
	icr_json_edit_replace(&edit->edit, edit->json, node, value);
}

static void plan_file(struct docker_edit *edit, const struct docker_proxy *proxy,
		      const struct icr_strings *names, const struct icr_strings *missing)
{
	const struct icr_json *json = edit->json;
	uint32_t proxies = ICR_JSON_NONE, last = ICR_JSON_NONE;
	size_t lists = 0;

	while ((proxies = docker_member(json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		uint32_t node = ICR_JSON_NONE;
		if (!icr_json_is(json, proxies, ICR_JSON_OBJECT))
			continue;
		last = proxies;
		while ((node = docker_member(json, proxies, "no-proxy", node)) != ICR_JSON_NONE) {
			edit_list(edit, node, proxy, names);
			lists++;
		}
	}
	if (lists > 0)
		return;
	_cleanup_free_ char *all = joined(proxy->no_proxy, missing);
	_cleanup_free_ char *value = docker_quote(all);
	icr_json_edit_add_member(&edit->edit, json, last, "no-proxy", value);
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static int write_dropin(struct work *work, const struct part *part, struct changes *changes,
			const char *list, const char *names, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	struct change *change;

	int r = changes_file(changes, &work->host, part, DOCKER_DROPIN, &change, err);
	if (r < 0)
		return r;
	if (change->base.exists && !block_is_whole(change->base.text.data, change->base.text.len)) {
		note(&work->notes,
		     "%s is not ours and is left alone; Docker's proxy needs NO_PROXY with %s in "
		     "it",
		     DOCKER_DROPIN, names);
		return 0;
	}
	if (change->base.exists)
		r = change_set_base(change, false, "", 0, err);
	if (r < 0)
		return r;
	icr_buf_printf(&text,
		       "%s# Docker reaches these names without its proxy once it has been "
		       "restarted.%s%s\n[Service]\n",
		       BLOCK_WHOLE, NAMES_LINE, names);
	systemd_environment_quote(&text, "NO_PROXY", list);
	systemd_environment_quote(&text, "no_proxy", list);
	r = icr_buf_check(&text, DOCKER_DROPIN, err);
	if (r >= 0)
		r = change_write(change, text.data, 0644, err);
	if (r >= 0 && change_differs(change))
		docker_note_restart(work);
	return r;
}

/* Why a drop-in of the unit cannot help, or NULL. */
static const char *dropin_obstacle(const struct docker *docker, const char *list)
{
	if (!docker_by_unit(docker) || !docker->unit.path)
		return "its environment, which is not that of " DOCKER_UNIT;
	if (environment_value(&docker->unit.files, "NO_PROXY"))
		return "the EnvironmentFile= of " DOCKER_UNIT ", which wins over any drop-in";
	if (docker->emptied || environment_value(&docker->given, "NO_PROXY"))
		return "the command of " DOCKER_UNIT
		       " (env, or a shell and what it reads), which wins over any drop-in";
	if (docker->unit.open && strchr(list, '%'))
		return "its environment, with a NO_PROXY that only systemd can fill in";
	return is_plain(list) ? NULL
			      : "its environment, with a NO_PROXY that holds control "
				"characters";
}

static int plan_environment(struct work *work, const struct docker *docker,
			    const struct docker_proxy *proxy, const struct icr_strings *missing,
			    const struct part *part, struct changes *changes, struct icr_error *err)
{
	_cleanup_free_ char *names = joined("", missing);
	_cleanup_free_ char *list = joined(proxy->no_proxy, missing);
	const char *obstacle = dropin_obstacle(docker, list);
	if (!obstacle)
		return write_dropin(work, part, changes, list, names, err);
	note(&work->notes,
	     "Docker pulls through a proxy that comes from %s: add %s to NO_PROXY there, then "
	     "restart Docker",
	     obstacle, names);
	return 0;
}

static void note_flag(struct work *work, const struct icr_strings *missing)
{
	_cleanup_free_ char *names = joined("", missing);
	note(&work->notes,
	     "Docker pulls through a proxy and has --no-proxy on its command line, so that "
	     "daemon.json may not say it too: add %s to that flag, then restart Docker",
	     names);
}

int docker_proxy_plan(struct work *work, const struct docker *docker, struct docker_edit *edit,
		      const struct part *part, struct changes *changes, struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};
	_cleanup_strings_ struct icr_strings names = {0}, missing = {0};

	int r = docker_proxy_read(docker, edit, &proxy, err);
	if (r < 0 || !proxy.used)
		return r;
	docker_proxy_names(work, &names);
	docker_proxy_uncovered(&names, proxy.no_proxy, &missing);
	if (missing.count == 0)
		return 0;
	if (strcmp(missing.items[0], "icr.io") == 0)
		docker_note_once(work, "icr.io in Docker's no-proxy list takes all names below "
				       "icr.io off the proxy, other regions' too (Go has no other "
				       "way to say it)");
	if (proxy.by_flag)
		note_flag(work, &missing);
	else if (proxy.file_list || proxy.in_file)
		plan_file(edit, &proxy, &names, &missing);
	else
		r = plan_environment(work, docker, &proxy, &missing, part, changes, err);
	return r;
}
