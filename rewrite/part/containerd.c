/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* containerd: what Kubernetes (CRI) and nerdctl pull. */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/edit.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/region.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/dropin.h"
#include "rewrite/native.h"
#include "rewrite/part/part.h"
#include "rewrite/toml.h"
#include "rewrite/work.h"

#define FOLDER	"/etc/containerd"
#define CONFIG	FOLDER "/config.toml"
#define CERTS_D FOLDER "/certs.d"
#define DROPIN	"zz-icr-rewrite.toml"

/* The tables of the plug-in that pulls for CRI, by the version of the file. */
#define PLUGIN_2 "io.containerd.grpc.v1.cri"
#define PLUGIN_3 "io.containerd.cri.v1.images"

/* What stands in config.toml. */
struct config {
	const char *text;
	int version; /* as it says; 1: it does not */
	size_t items;
	bool no_cri;	   /* disabled_plugins */
	char *imports;	   /* a folder whose *.toml files are read; or NULL */
	size_t table, end; /* of [plugins.CRI.registry]: line (0: none), offset behind it */
	size_t obstacle;   /* line of what keeps that table from being made; 0: none */
	size_t mirrors;	   /* line of registry.mirrors or registry.configs; 0: none */
	bool cri;	   /* has it any table of that plug-in? */
	size_t path;	   /* line of config_path; 0: none */
	size_t start, len; /* its value in the text */
	struct icr_buf value;
};

static const char *plugin_of(int version)
{
	return version >= 3 ? PLUGIN_3 : PLUGIN_2;
}

static bool is_part(const struct toml_item *item, size_t depth, const char *name)
{
	return item->depth > depth && strcmp(item->path[depth], name) == 0;
}

static bool is_path(const struct toml_item *item)
{
	return is_part(item, 2, "registry") && is_part(item, 3, "config_path");
}

static void take_path(struct config *config, const struct toml_item *item)
{
	config->path = item->line;
	config->start = item->start;
	config->len = item->len;
	icr_buf_truncate(&config->value, 0);
	/* or a table of that name */
	if (item->depth > 4 || !toml_string(config->text, item, &config->value))
		icr_buf_text(&config->value, "?");
}

static bool has_mirrors(const struct toml_item *item)
{
	return is_part(item, 2, "registry") &&
	       (is_part(item, 3, "mirrors") || is_part(item, 3, "configs")) &&
	       item->depth > (item->kind == TOML_TABLE ? 4 : 3);
}

/* A table that is made by dotted keys or braces cannot be opened again by a header. */
static void look_at_plugin(struct config *config, const struct toml_item *item)
{
	bool registry = is_part(item, 2, "registry");
	bool header = item->kind == TOML_TABLE;

	config->cri = true;
	if (header && registry && item->depth == 3) {
		config->table = item->line;
		config->end = item->end;
	} else if (is_path(item)) {
		take_path(config, item);
	} else if (has_mirrors(item) && !config->mirrors) {
		config->mirrors = item->line;
	}
	if (!header && !config->obstacle &&
	    (item->table < 2 || (registry && item->table < 3) || item->depth <= 2 ||
	     (registry && item->depth == 3)))
		config->obstacle = item->line;
}

/* The plug-in of version 3 in a file of version 2: containerd 1 reads nothing there, and 2 puts in
 * what the older plug-in's tables have. So it is no place for ours, and what it says goes on. */
static void look_at_newer(struct config *config, const struct toml_item *item)
{
	_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_BUF_MAX);

	config->cri = true;
	if (has_mirrors(item) && !config->mirrors)
		config->mirrors = item->line;
	else if (is_path(item) && !config->path &&
		 !(item->depth == 4 && toml_string(config->text, item, &value) &&
		   (!value.len || strcmp(value.data, CERTS_D) == 0)))
		take_path(config, item);
}

static void take_import(const char *pattern, void *data)
{
	struct config *config = data;
	const char *end = strstr(pattern, "/*.toml");

	if (!config->imports && end && end[strlen("/*.toml")] == '\0' &&
	    strncmp(pattern, FOLDER "/", strlen(FOLDER "/")) == 0 &&
	    !memchr(pattern + strlen(FOLDER "/"), '/',
		    (size_t)(end - pattern) - strlen(FOLDER "/")) &&
	    !strchr(pattern, '?') && !strchr(pattern, '[') && strchr(pattern, '*') == end + 1)
		config->imports = icr_strndup(pattern, (size_t)(end - pattern));
}

static void take_disabled(const char *plugin, void *data)
{
	struct config *config = data;

	config->no_cri |= strcmp(plugin, "cri") == 0 || strcmp(plugin, PLUGIN_2) == 0 ||
			  strcmp(plugin, PLUGIN_3) == 0;
}

/* It may stand behind a table in braces, which means one thing or another by it. */
static int find_version(const struct toml_item *item, void *data)
{
	static const char *const version[] = {"version", NULL};
	struct config *config = data;

	if (item->kind != TOML_VALUE || !toml_is(item, version) || item->len != 1)
		return item->kind == TOML_TABLE;
	config->version = config->text[item->start] - '0';
	return 1;
}

static int look_at(const struct toml_item *item, void *data)
{
	static const char *const plugins[] = {"plugins", NULL};
	struct config *config = data;

	config->items++;
	if (toml_below(item, plugins)) {
		if (is_part(item, 1, plugin_of(config->version)))
			look_at_plugin(config, item);
		else if (item->kind != TOML_TABLE && (item->depth == 1 || item->table == 0))
			config->obstacle = item->line;
		if (config->version < 3 && is_part(item, 1, PLUGIN_3))
			look_at_newer(config, item);
	} else if (item->kind == TOML_VALUE && item->depth == 1) {
		const char *name = item->path[0];
		if (strcmp(name, "imports") == 0)
			toml_strings(config->text, item, take_import, config);
		else if (strcmp(name, "disabled_plugins") == 0)
			toml_strings(config->text, item, take_disabled, config);
	}
	return 0;
}

static void config_free(struct config *config)
{
	free(config->imports);
	icr_buf_free(&config->value);
}

static int config_read(const struct content *content, struct config *config, struct icr_error *err)
{
	config->text = content->text.data;
	config->version = 1;
	size_t len = content->exists ? content->text.len : 0;
	int r = toml_scan(config->text, len, CONFIG, find_version, config, err);
	return r < 0 ? r : toml_scan(config->text, len, CONFIG, look_at, config, err);
}

/* ---- certs.d */

static void print_hosts(const struct work *work, const struct native_name *name,
			struct icr_buf *out)
{
	/* "server" alone is refused by 1.6 and 1.7, which go on to the public name in silence */
	icr_buf_printf(out,
		       "server = \"https://%s\"\n\n[host.\"https://%s\"]\n"
		       "capabilities = [\"pull\", \"resolve\"]\n",
		       native_soft(work) ? name->name : name->private_name, name->private_name);
}

static int plan_hosts(struct work *work, struct changes *changes, const struct native_names *names,
		      struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->count; i++) {
		_cleanup_free_ char *path =
			icr_printf(CERTS_D "/%s/hosts.toml", names->items[i].name);
		_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
		print_hosts(work, &names->items[i], &text);
		r = dropin_plan(work, changes, &part_containerd, path, &text, err);
	}
	return r;
}

/* ---- config_path */

static void print_table(const struct config *config, bool header, struct icr_buf *out)
{
	if (header)
		icr_buf_printf(out, "[plugins.\"%s\".registry]" NATIVE_MARK "\n",
			       plugin_of(config->version));
	icr_buf_text(out, "config_path = \"" CERTS_D "\"" NATIVE_MARK "\n");
}

/* The empty path, and two paths in one, which containerd 2 does not split
 * (github.com/containerd/containerd/issues/12808), are none. */
static int replace_value(struct change *change, const struct config *config, struct icr_error *err)
{
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_value_ struct icr_value *record = icr_value_new();
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	_cleanup_free_ char *was = icr_strndup(config->text + config->start, config->len);

	icr_value_put_text(record, "config_path", was);
	icr_edit_splice(&edit, config->start, config->start + config->len, "\"" CERTS_D "\"",
			strlen("\"" CERTS_D "\""));
	int r = icr_value_print(record, &text, err);
	return r < 0 ? r : change_edit(change, &edit, text.data, err);
}

static bool is_replaceable(const char *value)
{
	return value[0] == '\0' ||
	       (strncmp(value, CERTS_D ":", strlen(CERTS_D ":")) == 0 && strchr(value, ':'));
}

static int plan_dropin(struct work *work, struct changes *changes, const struct config *config,
		       struct icr_error *err)
{
	_cleanup_free_ char *path = icr_path_join(config->imports, DROPIN);
	_cleanup_buf_ struct icr_buf lines = ICR_BUF(ICR_BUF_MAX), text = ICR_BUF(ICR_BUF_MAX);

	icr_buf_printf(&text, "version = %d\n\n", config->version);
	print_table(config, true, &lines);
	native_plain(&lines, &text);
	return dropin_plan(work, changes, &part_containerd, path, &text, err);
}

static int refuse(const struct config *config, size_t line, const char *what, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf lines = ICR_BUF(ICR_BUF_MAX);

	print_table(config, true, &lines);
	return native_refuse(CONFIG, line, what, &lines, err);
}

static int plan_path(struct work *work, struct changes *changes, struct change *change,
		     struct config *config, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf lines = ICR_BUF(ICR_BUF_MAX);
	size_t len = change->base.text.len;

	if (config->no_cri) {
		native_note(work, "containerd: its CRI plug-in is disabled in " CONFIG
				  ": nerdctl is served, Kubernetes is not");
		return 0;
	}
	if (config->mirrors)
		return refuse(config, config->mirrors,
			      "has mirrors or configs of registries, beside which containerd takes "
			      "no config_path: move them to " CERTS_D " first",
			      err);
	if (config->path && strcmp(config->value.data, CERTS_D) == 0)
		return 0;
	if (config->path && !is_replaceable(config->value.data))
		return refuse(config, config->path, "names another folder than " CERTS_D, err);
	if (config->version < 2 && config->items > 0) {
		config->version = 2;
		return refuse(config, 1,
			      "is a file of version 1, which cannot say where hosts.toml files "
			      "are: containerd config migrate makes one that can",
			      err);
	}
	if (config->path)
		return replace_value(change, config, err);
	if (config->imports && (config->version >= 3 || !config->cri))
		return plan_dropin(work, changes, config, err);
	if (config->obstacle)
		return refuse(config, config->obstacle,
			      "has the table in dotted keys or in braces, where no lines can be "
			      "added",
			      err);
	/* what 1.5 to 2.x read */
	if (config->items == 0) {
		config->version = 2;
		icr_buf_text(&lines, "version = 2" NATIVE_MARK "\n");
	}
	print_table(config, !config->table, &lines);
	return native_insert(change, config->table ? config->end : len, "", &lines, NULL, err);
}

/* ---- the part */

static bool is_there(const struct host *host)
{
	static const char *const programs[] = {"containerd", "nerdctl", NULL};

	return host_has_program(host, programs) || host_has(CONFIG);
}

static int containerd_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	icr_cleanup(native_names_free) struct native_names names = {0};
	icr_cleanup(config_free) struct config config = {.value = ICR_BUF(ICR_BUF_MAX)};
	struct change *change;

	native_names(work, &part_containerd, &names);
	if (!names.count)
		return 0;
	int r = changes_file(changes, &work->host, &part_containerd, CONFIG, &change, err);
	if (r >= 0)
		r = config_read(&change->base, &config, err);
	if (r >= 0)
		r = plan_path(work, changes, change, &config, err);
	if (r >= 0)
		r = plan_hosts(work, changes, &names, err);
	if (r < 0)
		return r;
	if (change_differs(change))
		native_note(work, "containerd: takes up " CONFIG " when it is restarted (systemctl "
				  "restart containerd); running containers go on");
	native_note(work, "containerd: Kubernetes sends the pod's pull secret or what the "
			  "kubelet's credential provider says to the private names, nerdctl asks "
			  "docker-credential-icr where configure has set it up");
	return 0;
}

/* HOST when PATH is CERTS_D/HOST/hosts.toml for a name of ICR. */
static bool is_hosts(const char *path)
{
	size_t prefix = strlen(CERTS_D "/");
	const char *end = strstr(path, "/hosts.toml");
	struct icr_host host;

	return strncmp(path, CERTS_D "/", prefix) == 0 && end > path + prefix &&
	       strcmp(end, "/hosts.toml") == 0 &&
	       !memchr(path + prefix, '/', (size_t)(end - path) - prefix) &&
	       icr_host_parse(path + prefix, (size_t)(end - path) - prefix, &host);
}

/* FOLDER/ANY/zz-icr-rewrite.toml: which folder is config.toml's to say. */
static bool is_dropin(const char *path)
{
	size_t prefix = strlen(FOLDER "/");
	const char *folder = path + prefix;

	if (strncmp(path, FOLDER "/", prefix) != 0)
		return false;
	const char *end = strchr(folder, '/');
	return end && end > folder && folder[0] != '.' && strcmp(end, "/" DROPIN) == 0;
}

static bool containerd_writes(const char *path)
{
	return strcmp(path, CONFIG) == 0 || is_hosts(path) || is_dropin(path);
}

static int containerd_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	size_t count;
	const struct icr_region *regions = icr_regions(&count);
	int r = 0;

	/* most hosts have none of them */
	count = host_has(CERTS_D) ? count : 0;
	for (size_t i = 0; r >= 0 && i < 2 * count; i++) {
		const struct icr_region *region = &regions[i / 2];
		const char *name = i % 2 ? region->alias : region->public_name;
		if (!name)
			continue;
		_cleanup_free_ char *path = icr_printf(CERTS_D "/%s/hosts.toml", name);
		r = dropin_find(work, changes, &part_containerd, path, err);
	}
	return r < 0 ? r : native_find(work, changes, &part_containerd, CONFIG, err);
}

/* Puts the value of config_path back that we replaced. */
static int restore_value(struct change *change, const char *was, struct icr_error *err)
{
	icr_cleanup(config_free) struct config config = {.value = ICR_BUF(ICR_BUF_MAX)};
	const struct icr_buf *text = &change->current.text;
	_cleanup_buf_ struct icr_buf base = ICR_BUF(ICR_BUF_MAX);

	/* one that does not parse is not ours to judge here: it stays as somebody left it */
	bool known = config_read(&change->current, &config, NULL) >= 0 && config.path &&
		     strcmp(config.value.data, CERTS_D) == 0;
	if (!known)
		return change_set_base(change, change->current.exists, text->data, text->len, err);
	icr_buf_append(&base, text->data, config.start);
	icr_buf_text(&base, was);
	icr_buf_append(&base, text->data + config.start + config.len,
		       text->len - config.start - config.len);
	return change_set_base(change, true, base.data, base.len, err);
}

static int containerd_strip(struct work *work, struct change *change, struct icr_error *err)
{
	if (strcmp(change->path, CONFIG) != 0)
		return dropin_strip(work, change, err);
	_cleanup_value_ struct icr_value *record = NULL;
	if (change->record)
		(void)icr_value_parse(change->record, strlen(change->record), false, &record, NULL);
	const char *was = icr_value_text(record, "config_path");
	return was ? restore_value(change, was, err) : native_strip(work, change, err);
}

static int containerd_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	icr_cleanup(config_free) struct config config = {.value = ICR_BUF(ICR_BUF_MAX)};
	struct content content = {.text = ICR_BUF(ICR_FILE_MAX)};

	(void)work;
	(void)err;
	icr_value_put_text(status, "name", part_containerd.name);
	icr_value_put_flag(status, "found", is_there(&work->host));
	content.exists = host_read(CONFIG, &content.text);
	if (content.exists && config_read(&content, &config, NULL) >= 0 && config.path)
		icr_value_put_text(status, "config_path", config.value.data);
	icr_buf_free(&content.text);
	return 0;
}

static const struct part_words words[] = {
	{.name = "found", .no = "not found"},
	{.name = "config_path", .before = "hosts.toml files in ", .after = ""},
	{0},
};

const struct part part_containerd = {
	.name = "containerd",
	.engine = true,
	.is_there = is_there,
	.writes = containerd_writes,
	.find = containerd_find,
	.plan = containerd_plan,
	.strip = containerd_strip,
	.status = containerd_status,
	.words = words,
};
