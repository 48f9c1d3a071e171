/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/error.h"
#include "icr/program.h"
#include "icr/resolve.h"
#include "rewrite/choose.h"
#include "rewrite/part/hosts.h"
#include "rewrite/part/part.h"
#include "rewrite/part/timer.h"
#include "rewrite/report.h"
#include "rewrite/run.h"
#include "rewrite/verb/verb.h"
#include "rewrite/writer.h"

#define RESOLVE_TIMEOUT_MS 3000
#define STATUS_MAX	   ((size_t)4 * 1024 * 1024)

/* Where a name leads now. */
struct status_name {
	const char *name;
	const struct region_route *route; /* that steers it; or NULL */
	const char *leads; /* "block", "private", "public", "unresolved", "unknown" */
	struct icr_resolution resolution;
};

/* What status found out. */
struct status {
	struct status_name *names;
	size_t count;
	bool drift;
	cJSON *parts; /* member per part: what its status() told */
};

static bool by_block(const struct status_name *name)
{
	if (!name->route || name->route->status != REGION_ACTIVE)
		return false;
	for (size_t i = 0; i < name->resolution.count; i++)
		if (!route_leads_to(name->route, name->resolution.addresses[i]))
			return false;
	return true;
}

static const char *where_to(const struct status_name *name)
{
	const struct icr_resolution *resolution = &name->resolution;
	if (resolution->failure || resolution->count == 0)
		return "unresolved";
	if (by_block(name))
		return "block";
	for (size_t i = 0; i < resolution->count; i++)
		if (!icr_address_is_private(resolution->addresses[i]))
			return "public";
	return "private";
}

/* Does the name lead elsewhere although the block gives its addresses? */
static bool strays(const struct status_name *name)
{
	return name->route && name->route->status == REGION_ACTIVE &&
	       strcmp(name->leads, "block") != 0 && strcmp(name->leads, "unknown") != 0;
}

static int resolve(struct status *status, struct icr_error *err)
{
	struct icr_resolution *all = calloc(status->count, sizeof(*all));
	if (!all)
		return icr_fail_memory(err);
	for (size_t i = 0; i < status->count; i++)
		all[i].name = status->names[i].name;
	int r = icr_resolve(all, status->count, RESOLVE_TIMEOUT_MS, err);
	for (size_t i = 0; r >= 0 && i < status->count; i++) {
		status->names[i].resolution = all[i];
		status->names[i].leads = where_to(&status->names[i]);
	}
	free(all);
	return r;
}

/* STEERED: the block in the hosts file has this region's lines. */
static void add(struct status *status, const char *name, const struct region_route *route,
		bool steered)
{
	bool active = steered && route && route->status == REGION_ACTIVE;
	status->names[status->count++] = (struct status_name){
		.name = name,
		.route = route,
		.leads = active ? "block" : "unknown",
	};
}

/* The names of every region and what this host's resolver says about them; below --root and with
 * --offline only what the recorded routes say. */
static int look_up_names(const struct run *run, struct status *status, struct icr_error *err)
{
	size_t regions;
	const struct icr_region *table = icr_regions(&regions);
	struct icr_region_set steered;
	int r = hosts_steered(&run->work, &steered, err);
	if (r < 0)
		return r;
	status->names = calloc(regions * ROUTE_NAMES_MAX, sizeof(*status->names));
	if (!status->names)
		return icr_fail_memory(err);
	for (size_t i = 0; i < regions; i++) {
		const struct region_route *route = routes_find(&run->work.routes, &table[i]);
		const char *names[ROUTE_NAMES_MAX] = {table[i].public_name};
		size_t count = route ? route_names(route, names) : 1;
		for (size_t j = 0; j < count; j++)
			add(status, names[j], route, icr_region_set_has(&steered, &table[i]));
	}
	return run->work.host.live ? resolve(status, err) : 0;
}

static void status_free(struct status *status)
{
	free(status->names);
	cJSON_Delete(status->parts);
}

/* What has become of a file since it was applied: NULL for nothing, else a few words. */
static const char *drift_of(const struct change *change)
{
	if (change->recorded && change->created && !change->current.exists)
		return "removed since";
	if (change->recorded && change->edited)
		return !change_differs(change) ||
				       (change->part->stands && change->part->stands(change))
			       ? "edited since by others; our part is in it"
			       : "edited since, and lacks our part";
	return change_differs(change) ? "apply would change it" : NULL;
}

/* What apply would make of the recorded routes today; that it could not is drift as well. */
static int look_for_drift(struct run *run, struct status *status, struct icr_error *err)
{
	if (!run->state.found) {
		status->drift = changes_differ(&run->changes);
		return 0;
	}
	int r = run_plan(run, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		note(&run->work.notes, "%s%s%s", err->where ? err->where : "",
		     err->where ? ": " : "", err->what);
		icr_error_clear(err);
		status->drift = true;
	}
	for (size_t i = 0; i < run->changes.count; i++)
		status->drift |= drift_of(run->changes.items[i]) != NULL;
	return 0;
}

static int ask_parts(struct run *run, struct status *status, struct icr_error *err)
{
	struct writer writer = {0};
	status->parts = icr_message_new();
	for (size_t i = 0; i < parts_count; i++) {
		if (!parts[i]->status)
			continue;
		cJSON *entry = cJSON_CreateObject();
		writer_put(&writer, status->parts, parts[i]->name, entry);
		if (writer.failed)
			return icr_fail_memory(err);
		int r = parts[i]->status(&run->work, entry, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The block is there, but this host's resolver leads elsewhere. */
static void look_for_strays(struct status *status)
{
	for (size_t i = 0; i < status->count; i++)
		status->drift |= strays(&status->names[i]);
}

static int look(struct run *run, struct status *status, struct icr_error *err)
{
	choose_recorded(&run->work, &run->state.routes);
	int r = look_for_drift(run, status, err);
	if (r >= 0)
		r = look_up_names(run, status, err);
	if (r < 0)
		return r;
	look_for_strays(status);
	if (run->state.found)
		timer_remind(&run->work);
	return ask_parts(run, status, err);
}

static const char *words_for(const char *leads)
{
	if (strcmp(leads, "block") == 0)
		return "private, by the block in /etc/hosts";
	if (strcmp(leads, "private") == 0)
		return "private already, without us";
	if (strcmp(leads, "public") == 0)
		return "public";
	return strcmp(leads, "unresolved") == 0 ? "does not resolve" : "not steered";
}

static void print_name(const struct status_name *name, bool live, struct icr_buf *out)
{
	const struct icr_resolution *resolution = &name->resolution;
	icr_buf_printf(out, "%s: %s", name->name, words_for(name->leads));
	if (live && resolution->failure)
		icr_buf_printf(out, " (%s)", gai_strerror(resolution->failure));
	for (size_t i = 0; i < resolution->count; i++)
		icr_buf_printf(out, "%s%s", i ? ", " : " -> ", resolution->addresses[i]);
	if (strays(name))
		icr_buf_text(out, "; this host's resolver does not follow the block in /etc/hosts");
	if (name->route && name->route->status == REGION_PENDING)
		icr_buf_text(out, "; pending: the next refresh that can prove it steers it");
	if (name->route && name->route->status == REGION_WITHDRAWN)
		icr_buf_text(out, "; withdrawn until the private network is back");
	icr_buf_char(out, '\n');
}

static void print_files(const struct run *run, struct icr_buf *out)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		const char *drift = drift_of(change);
		if (drift || change->recorded)
			icr_buf_printf(out, "%s: %s\n", change->path, drift ? drift : "as applied");
	}
}

static void print_value(const cJSON *item, struct icr_buf *out)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, item)
		icr_buf_printf(out, "%s%s", entry == item->child ? "" : " ",
			       cJSON_IsString(entry) ? entry->valuestring : "-");
	if (cJSON_IsString(item))
		icr_buf_text(out, item->valuestring);
	else if (cJSON_IsBool(item))
		icr_buf_text(out, cJSON_IsTrue(item) ? "yes" : "no");
	else if (cJSON_IsNumber(item))
		icr_buf_printf(out, "%g", item->valuedouble);
}

/* How the text words a member; yes and no are for booleans, "" says nothing. */
static const struct words_of {
	const char *key, *before, *after, *yes, *no;
} member_words[] = {
	{.key = "name", .before = NULL},
	{.key = "found", .yes = "", .no = "not found"},
	{.key = "config", .before = "configured by ", .after = ""},
	{.key = "version", .before = "version ", .after = ""},
	{.key = "image_store", .before = "", .after = " image store"},
	{.key = "public_mirrors", .before = "public names in its lists: ", .after = ""},
	{.key = "proxy", .yes = "", .no = "no proxy"},
	{.key = "no_proxy_ok",
	 .yes = "the names bypass its proxy",
	 .no = "the names go through its proxy"},
	{.key = "enabled", .yes = "enabled", .no = "not enabled"},
	{.key = "problem", .before = "", .after = ""},
};

static const struct words_of *find_words(const char *key)
{
	for (size_t i = 0; i < ICR_LENGTH(member_words); i++)
		if (strcmp(member_words[i].key, key) == 0)
			return &member_words[i];
	return NULL;
}

static void word_member(const cJSON *item, struct icr_buf *out)
{
	const struct words_of *words = find_words(item->string);
	if (cJSON_IsNull(item) || cJSON_IsObject(item) || (cJSON_IsArray(item) && !item->child))
		return;
	if (words && cJSON_IsBool(item)) {
		icr_buf_text(out, cJSON_IsTrue(item) ? words->yes : words->no);
		return;
	}
	if (words && !words->before)
		return;
	icr_buf_printf(out, "%s%s", words ? words->before : item->string, words ? "" : " ");
	print_value(item, out);
	icr_buf_text(out, words ? words->after : "");
}

/* "docker: configured by /etc/docker/daemon.json, version 26.1, classic image store" */
static void print_parts(const cJSON *parts_told, struct icr_buf *out)
{
	const cJSON *part, *item;
	cJSON_ArrayForEach(part, parts_told)
	{
		const char *separator = ": ";
		icr_buf_text(out, part->string);
		cJSON_ArrayForEach(item, part)
		{
			_cleanup_buf_ struct icr_buf text;
			icr_buf_init(&text, STATUS_MAX);
			word_member(item, &text);
			if (text.len == 0)
				continue;
			icr_buf_printf(out, "%s%s", separator, text.data);
			separator = ", ";
		}
		icr_buf_char(out, '\n');
	}
}

static void print_text(const struct run *run, const struct status *status)
{
	_cleanup_buf_ struct icr_buf out;
	icr_buf_init(&out, STATUS_MAX);
	if (run->state.found)
		icr_buf_printf(&out, "applied: route hosts, fallback %s%s\n",
			       run->work.settings.fallback == FALLBACK_PUBLIC ? "public" : "never",
			       status->drift ? "; has drifted" : "");
	else
		icr_buf_text(&out, status->drift
					   ? "nothing recorded, but a block of ours is there\n"
					   : "nothing applied\n");
	for (size_t i = 0; i < status->count; i++)
		print_name(&status->names[i], run->work.host.live, &out);
	print_files(run, &out);
	print_parts(status->parts, &out);
	fwrite(out.data, 1, out.len, stdout);
	for (size_t i = 0; i < run->work.notes.count; i++)
		fprintf(stderr, "icr-rewrite: %s\n", run->work.notes.items[i].text);
}

static cJSON *json_names(struct writer *writer, const struct status *status)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < status->count; i++) {
		const struct status_name *name = &status->names[i];
		cJSON *item = cJSON_CreateObject();
		cJSON *addresses = cJSON_CreateArray();
		for (size_t j = 0; j < name->resolution.count; j++)
			writer_push(writer, addresses,
				    cJSON_CreateString(name->resolution.addresses[j]));
		writer_text(writer, item, "name", name->name);
		writer_text(writer, item, "leads", name->leads);
		writer_put(writer, item, "addresses", addresses);
		writer_push(writer, list, item);
	}
	return list;
}

static cJSON *json_files(struct writer *writer, const struct run *run)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		const char *drift = drift_of(change);
		if (!drift && !change->recorded)
			continue;
		cJSON *item = cJSON_CreateObject();
		writer_text(writer, item, "path", change->path);
		writer_text(writer, item, "part", change->part->name);
		writer_text(writer, item, "drift", drift);
		writer_push(writer, list, item);
	}
	return list;
}

/* Engines in an array, other parts as members of their own. */
static void json_parts(struct writer *writer, cJSON *object, const cJSON *told)
{
	cJSON *engines = cJSON_CreateArray();
	for (size_t i = 0; i < parts_count; i++) {
		const cJSON *entry = cJSON_GetObjectItemCaseSensitive(told, parts[i]->name);
		if (!entry)
			continue;
		if (parts[i]->engine)
			writer_push(writer, engines, cJSON_Duplicate(entry, true));
		else
			writer_put(writer, object, parts[i]->name, cJSON_Duplicate(entry, true));
	}
	writer_put(writer, object, "engines", engines);
}

static int print_json(const struct run *run, const struct status *status, struct icr_error *err)
{
	struct writer writer = {0};
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, STATUS_MAX);
	writer_put(&writer, object, "version", cJSON_CreateNumber(1));
	writer_text(&writer, object, "verb", "status");
	writer_put(&writer, object, "applied", cJSON_CreateBool(run->state.found));
	writer_put(&writer, object, "drift", cJSON_CreateBool(status->drift));
	writer_text(&writer, object, "route", run->state.found ? "hosts" : NULL);
	writer_text(&writer, object, "fallback",
		    run->work.settings.fallback == FALLBACK_PUBLIC ? "public" : "never");
	writer_put(&writer, object, "regions", routes_json(&writer, &run->work.routes));
	writer_put(&writer, object, "names", json_names(&writer, status));
	writer_put(&writer, object, "files", json_files(&writer, run));
	json_parts(&writer, object, status->parts);
	writer_put(&writer, object, "notes", report_notes(&writer, &run->work.notes));
	int r = writer.failed ? icr_fail_memory(err) : icr_message_print(object, &text, err);
	if (r < 0)
		return r;
	printf("%s\n", text.data);
	return 0;
}

/* The object of a status that failed: ERR, whose negative code is returned. */
static int print_error(const struct run *run, struct icr_error *err)
{
	struct writer writer = {0};
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, STATUS_MAX);
	writer_put(&writer, object, "version", cJSON_CreateNumber(1));
	writer_text(&writer, object, "verb", "status");
	writer_put(&writer, object, "notes", report_notes(&writer, &run->work.notes));
	report_error(&writer, object, err);
	if (!writer.failed && icr_message_print(object, &text, NULL) >= 0)
		printf("%s\n", text.data);
	return -err->code;
}

struct values {
	const char *root;
	bool offline, json;
};

const struct icr_option status_options[] = {
	ICR_STRING(struct values, root, "root", "DIR",
		   "tell about the files below DIR, as an image has them"),
	ICR_FLAG(struct values, offline, "offline", "ask neither the resolver nor the engines"),
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	{0},
};

int cmd_status(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	int r = icr_options_parse(status_options, argc, argv, 0, &values, err);
	if (r < 0)
		return report_usage("status", argc, argv, err);
	icr_cleanup(status_free) struct status status = {0};
	icr_cleanup(run_free) struct run run;
	r = run_open(&run, values.root, values.offline, RUN_READ, err);
	if (r >= 0)
		r = look(&run, &status, err);
	if (r < 0)
		return values.json ? print_error(&run, err) : r;
	if (values.json)
		r = print_json(&run, &status, err);
	else
		print_text(&run, &status);
	return r < 0 ? r : status.drift ? STATUS_DIFFERS : STATUS_DONE;
}
