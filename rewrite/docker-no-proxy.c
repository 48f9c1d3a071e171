/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/docker-environment.h"
#include "rewrite/docker-names.h"
#include "rewrite/docker/proxy.h"

/* In our drop-in, the line that tells which names are ours. */
#define NAMES_LINE "\n# Names added: "

/* The names, comma-separated; NULL when memory ran out. */
static char *joined(const char *list, const struct words *names)
{
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, ICR_FILE_MAX);
	docker_names_join(list, names, &out);
	return out.failed ? NULL : icr_buf_take(&out);
}

void docker_dropin_names(const char *text, struct words *names)
{
	const char *line = strstr(text, NAMES_LINE);

	if (!line)
		return;
	line += strlen(NAMES_LINE);
	for (const char *end = line + strcspn(line, "\n"); line < end;) {
		size_t len = strcspn(line, ",\n");
		words_add(names, line, len);
		line += len + 1;
	}
}

/* One list in daemon.json; an empty one stands back behind what the environment says. */
static int edit_list(struct docker_edit *edit, uint32_t node, const struct docker_proxy *proxy,
		     const struct words *names, struct icr_error *err)
{
	const struct icr_json *json = edit->json;
	_cleanup_free_ char *text = icr_json_string_dup(json, node);
	bool empty = !text || !text[0];
	_cleanup_words_ struct words missing = {0};
	docker_proxy_uncovered(names, empty ? proxy->no_proxy : text, &missing);
	if (missing.count == 0 && !missing.failed)
		return 0;
	_cleanup_free_ char *all = joined(empty ? proxy->no_proxy : text, &missing);
	_cleanup_free_ char *value = all ? docker_quote(all) : NULL;
	_cleanup_free_ char *was = strndup(json->text + json->nodes[node].start,
					   json->nodes[node].end - json->nodes[node].start);
	if (!value || !was || missing.failed)
		return icr_fail_memory(err);
	_cleanup_buf_ struct icr_buf raw;
	icr_buf_init(&raw, ICR_FILE_MAX);
	if (!empty) {
		/* what stands there keeps its spelling */
		_cleanup_free_ char *tail = docker_quote(all + strlen(text));
		if (!tail)
			return icr_fail_memory(err);
		icr_buf_append(&raw, was, strlen(was) - 1);
		icr_buf_text(&raw, tail + 1);
	}
	icr_json_edit_replace(&edit->edit, json, node, empty ? value : raw.data);
	docker_edit_record(edit, "no-proxy", was, empty ? value : raw.data, false);
	return icr_buf_check(&raw, edit->path, err);
}

static int add_list(struct docker_edit *edit, uint32_t proxies, const struct docker_proxy *proxy,
		    const struct words *missing, struct icr_error *err)
{
	_cleanup_free_ char *all = joined(proxy->no_proxy, missing);
	_cleanup_free_ char *value = all ? docker_quote(all) : NULL;
	_cleanup_free_ char *was = docker_quote(proxy->no_proxy);

	if (!value || !was)
		return icr_fail_memory(err);
	icr_json_edit_add_member(&edit->edit, edit->json, proxies, "no-proxy", value);
	docker_edit_record(edit, "no-proxy", was, value, true);
	return 0;
}

/* Every name we put into a list of daemon.json, so that strip finds them in an edited one. */
static void record_names(struct docker_edit *edit, const struct words *names)
{
	for (size_t i = 0; i < names->count; i++) {
		_cleanup_free_ char *name = docker_quote(names->items[i]);
		if (name)
			docker_edit_record(edit, "no-proxy-name", NULL, name, false);
	}
}

static int plan_file(struct docker_edit *edit, const struct docker_proxy *proxy,
		     const struct words *names, const struct words *missing, struct icr_error *err)
{
	const struct icr_json *json = edit->json;
	uint32_t proxies = ICR_JSON_NONE, last = ICR_JSON_NONE, node;
	size_t lists = 0;
	int r = 0;

	while ((proxies = docker_member(json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		if (!icr_json_is(json, proxies, ICR_JSON_OBJECT))
			continue;
		last = proxies;
		node = ICR_JSON_NONE;
		while (r >= 0 &&
		       (node = docker_member(json, proxies, "no-proxy", node)) != ICR_JSON_NONE) {
			r = edit_list(edit, node, proxy, names, err);
			lists++;
		}
	}
	if (r >= 0 && lists == 0)
		r = add_list(edit, last, proxy, missing, err);
	record_names(edit, missing);
	return r;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static int write_dropin(struct work *work, struct changes *changes, const char *list,
			const char *names, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = {0};
	struct change *change;

	int r = changes_file(changes, &work->host, &part_docker, DOCKER_DROPIN, &change, err);
	if (r < 0)
		return r;
	if (change->base.exists &&
	    !docker_dropin_is_ours(change->base.text.data, change->base.text.len)) {
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
	icr_buf_init(&text, ICR_FILE_MAX);
	icr_buf_printf(&text,
		       "%s# Docker reaches these names without its proxy once it has been "
		       "restarted.%s%s\n[Service]\n",
		       DOCKER_DROPIN_MARK, NAMES_LINE, names);
	docker_environment_quote(&text, "NO_PROXY", list);
	docker_environment_quote(&text, "no_proxy", list);
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
	if (words_value(&docker->unit.files, "NO_PROXY"))
		return "the EnvironmentFile= of " DOCKER_UNIT ", which wins over any drop-in";
	return is_plain(list) ? NULL
			      : "its environment, with a NO_PROXY that holds control "
				"characters";
}

static int plan_environment(struct work *work, const struct docker *docker,
			    const struct docker_proxy *proxy, const struct words *missing,
			    struct changes *changes, struct icr_error *err)
{
	_cleanup_free_ char *names = joined("", missing);
	_cleanup_free_ char *list = joined(proxy->no_proxy, missing);
	if (!names || !list)
		return icr_fail_memory(err);
	const char *obstacle = dropin_obstacle(docker, list);
	if (!obstacle)
		return write_dropin(work, changes, list, names, err);
	note(&work->notes,
	     "Docker pulls through a proxy that comes from %s: add %s to NO_PROXY there, then "
	     "restart Docker",
	     obstacle, names);
	return 0;
}

static void note_flag(struct work *work, const struct words *missing)
{
	_cleanup_free_ char *names = joined("", missing);
	note(&work->notes,
	     "Docker pulls through a proxy and has --no-proxy on its command line, so that "
	     "daemon.json may not say it too: add %s to that flag, then restart Docker",
	     names ? names : "the ICR names");
}

int docker_proxy_plan(struct work *work, const struct docker *docker, struct docker_edit *edit,
		      struct changes *changes, struct icr_error *err)
{
	_cleanup_docker_proxy_ struct docker_proxy proxy = {0};
	_cleanup_words_ struct words names = {0}, missing = {0};

	int r = docker_proxy_read(work, docker, edit, &proxy, err);
	if (r < 0 || !proxy.used)
		return r;
	docker_proxy_names(work, &names);
	docker_proxy_uncovered(&names, proxy.no_proxy, &missing);
	if (names.failed || missing.failed)
		return icr_fail_memory(err);
	if (missing.count == 0)
		return 0;
	if (strcmp(missing.items[0], "icr.io") == 0)
		docker_note_once(work, "icr.io in Docker's no-proxy list takes all names below "
				       "icr.io off the proxy, other regions' too (Go has no other "
				       "way to say it)");
	if (proxy.by_flag)
		note_flag(work, &missing);
	else if (proxy.file_list || proxy.in_file)
		r = plan_file(edit, &proxy, &names, &missing, err);
	else
		r = plan_environment(work, docker, &proxy, &missing, changes, err);
	return r;
}
