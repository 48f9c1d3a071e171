/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* podman, buildah, skopeo and CRI-O: one library, containers/image, and one configuration. */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/environment.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/dropin.h"
#include "rewrite/native.h"
#include "rewrite/part/part.h"
#include "rewrite/processes.h"
#include "rewrite/systemd.h"
#include "rewrite/toml.h"
#include "rewrite/work.h"

/* Behind all others of its folder: of two entries with one prefix the later serves. */
#define DROPIN	   "/etc/containers/registries.conf.d/zz-icr-rewrite.conf"
#define REGISTRIES "/etc/containers/registries.conf"

#define RELOAD_WAIT_MS 10000

/* Where entries may stand. The folders of root and others apart are those of podman 6, which sorts
 * the files of all folders together by their names; the latter have some for each user number.
 * Source: containers-registries.conf.d(5), containers-config(5). */
static const char *const folders[] = {
	"/usr/share/containers/registries.conf.d",
	"/usr/share/containers/registries.rootful.conf.d",
	"/usr/share/containers/registries.rootless.conf.d",
	"/etc/containers/registries.conf.d",
	"/etc/containers/registries.rootful.conf.d",
	"/etc/containers/registries.rootless.conf.d",
};

/* Read instead of all files, drop-ins too, and behind all files, by podman 6 and its like. */
#define INSTEAD "CONTAINERS_REGISTRIES_CONF"
#define BEHIND	"CONTAINERS_REGISTRIES_CONF_OVERRIDE"

/* Where variables are set for whoever logs in. */
static const char *const environments[] = {"/etc/environment", "/etc/profile"};
#define PROFILES "/etc/profile.d"

/* Below a home folder. */
#define OWN "/.config/containers/registries.conf"

/* What a look through the files of others brings to light. */
struct finding {
	struct work *work;
	const struct native_names *names;
	const char *path, *text;
	size_t element; /* line of the [[registry]] that is looked at; 0: none */
	struct icr_buf prefix, location;
	bool has_prefix, has_location;
	char *conflict;	   /* "FILE:LINE", of the first; or NULL */
	const char *name;  /* which it is about */
	bool helpers, icr; /* is there a list of helpers, and are we in it? */
};

/* Without a location the prefix is where the image comes from. */
static bool leads_past(const struct finding *finding)
{
	const struct icr_buf *from = finding->has_location && finding->location.len
					     ? &finding->location
					     : &finding->prefix;
	struct icr_host host;

	return icr_host_parse(from->data, from->len, &host) && host.kind != ICR_HOST_PRIVATE;
}

/* A [[registry]] without a prefix is about its location. */
static void settle(struct finding *finding)
{
	const struct icr_buf *about =
		finding->has_prefix && finding->prefix.len ? &finding->prefix : &finding->location;

	if (!finding->element)
		return;
	for (size_t i = 0; i < finding->names->count; i++) {
		const char *name = finding->names->items[i].name;
		size_t len = strlen(name);
		if (strncmp(about->data, name, len) != 0)
			continue;
		if (about->data[len] == '\0' && !finding->conflict) {
			finding->conflict = icr_printf("%s:%zu", finding->path, finding->element);
			finding->name = name;
		} else if ((about->data[len] == '/' || about->data[len] == ':') &&
			   leads_past(finding)) {
			native_note_past(finding->work,
					 "%s:%zu: %s has an entry of its own, which goes before "
					 "ours and leads to a public name: give it a location of "
					 "the private name",
					 finding->path, finding->element, about->data);
		} else if (about->data[len] == '/' || about->data[len] == ':') {
			native_note(finding->work,
				    "%s:%zu: %s has an entry of its own, which goes before ours",
				    finding->path, finding->element, about->data);
		}
	}
	finding->element = 0;
}

static void take_helper(const char *helper, void *data)
{
	struct finding *finding = data;

	finding->icr |= strcmp(helper, "icr") == 0;
}

static int look_at(const struct toml_item *item, void *data)
{
	static const char *const registry[] = {"registry", NULL};
	static const char *const prefix[] = {"registry", "prefix", NULL};
	static const char *const location[] = {"registry", "location", NULL};
	static const char *const helpers[] = {"credential-helpers", NULL};
	struct finding *finding = data;

	if (item->kind != TOML_VALUE && toml_is(item, registry)) {
		settle(finding);
		finding->element = item->line;
		icr_buf_truncate(&finding->prefix, 0);
		icr_buf_truncate(&finding->location, 0);
		finding->has_prefix = finding->has_location = false;
	} else if (toml_is(item, prefix)) {
		finding->has_prefix = toml_string(finding->text, item, &finding->prefix);
	} else if (toml_is(item, location)) {
		finding->has_location = toml_string(finding->text, item, &finding->location);
	} else if (item->kind == TOML_VALUE && toml_is(item, helpers)) {
		/* a later file's list takes the place of an earlier one's */
		finding->helpers = true;
		finding->icr = false;
		toml_strings(finding->text, item, take_helper, finding);
	}
	return 0;
}

static int look_through(struct finding *finding, const char *path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	if (strcmp(path, DROPIN) == 0 || !host_read(path, &text))
		return 0;
	finding->path = path;
	finding->text = text.data;
	int r = toml_scan(text.data, text.len, path, look_at, finding, err);
	settle(finding);
	return r;
}

static void finding_free(struct finding *finding)
{
	icr_buf_free(&finding->prefix);
	icr_buf_free(&finding->location);
	free(finding->conflict);
}

/* Folders in FOLDER, but hidden ones, with SUFFIX behind each. */
static void list_folders(const char *folder, const char *suffix, struct icr_strings *ret_paths)
{
	_cleanup_strings_ struct icr_strings all = {0};

	icr_folder_list(folder, "", &all);
	for (size_t i = 0; i < all.count; i++)
		if (all.items[i][strlen(folder) + 1] != '.')
			icr_strings_add_format(ret_paths, "%s%s", all.items[i], suffix);
}

/* The value of VARIABLE in the file of an environment or a shell's script, malloc'ed, with the line
 * where it stands; NULL when it is not set there. */
static char *assigned(const char *path, const char *variable, size_t *ret_line)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	size_t len = strlen(variable), number = 1;
	char *value = NULL;

	if (!host_read(path, &text))
		return NULL;
	for (const char *line = text.data; line; number++) {
		const char *at = line + strspn(line, " \t");
		const char *end = strchr(line, '\n');
		if (strncmp(at, "export ", strlen("export ")) == 0)
			at += strlen("export ");
		if (strncmp(at, variable, len) == 0 && at[len] == '=') {
			at += len + 1;
			at += *at == '"' || *at == '\'';
			free(value);
			value = icr_strndup(at, strcspn(at, "\"'; \t\r\n"));
			*ret_line = number;
		}
		line = end ? end + 1 : NULL;
	}
	return value;
}

/* What the variables that podman 6 goes by do to our file. */
static int look_at_environment(struct finding *finding, struct icr_error *err)
{
	struct work *work = finding->work;
	_cleanup_strings_ struct icr_strings paths = {0}, behind = {0};
	const char *here = work->host.live ? icr_environment_get(BEHIND) : NULL;
	int r = 0;

	for (size_t i = 0; i < ICR_LENGTH(environments); i++)
		icr_strings_add(&paths, environments[i]);
	icr_folder_list(PROFILES, ".sh", &paths);
	if (work->host.live && icr_environment_get(INSTEAD))
		native_note(work, "the environment of this command sets " INSTEAD
				  ": podman 6 and its like, started in it, read no drop-in, and "
				  "so pull past the route");
	if (here)
		icr_strings_add(&behind, here);
	for (size_t i = 0; i < paths.count; i++) {
		size_t line = 0;
		_cleanup_free_ char *instead = assigned(paths.items[i], INSTEAD, &line);
		if (instead && *instead)
			native_note(work,
				    "%s:%zu sets " INSTEAD ": beside that file podman 6 and its "
				    "like read no drop-in, and so pull past the route",
				    paths.items[i], line);
		_cleanup_free_ char *last = assigned(paths.items[i], BEHIND, &line);
		if (last && *last)
			icr_strings_add(&behind, last);
	}
	for (size_t i = 0; r >= 0 && i < behind.count; i++)
		r = look_through(finding, behind.items[i], err);
	return r;
}

/* A file of a user's: podman up to 5 and its like then read nothing of /etc. */
static void look_at_home(struct work *work, const char *home)
{
	_cleanup_free_ char *path = icr_path_join(home, OWN + 1);

	if (host_has(path))
		native_note(work,
			    "%s: podman 5 and older, buildah and skopeo read nothing of "
			    "/etc/containers beside this file, and so pull past the route for its "
			    "owner: as a drop-in in registries.conf.d beside it, it would not be "
			    "in the way",
			    path);
}

static void look_at_homes(struct work *work)
{
	_cleanup_strings_ struct icr_strings homes = {0};
	const char *home = work->host.live ? work->host.environment.home : NULL;

	icr_strings_add(&homes, "/root");
	list_folders("/home", "", &homes);
	for (size_t i = 0; home && i < homes.count; i++)
		if (strcmp(homes.items[i], home) == 0)
			home = NULL;
	if (home)
		icr_strings_add(&homes, home);
	for (size_t i = 0; i < homes.count; i++)
		look_at_home(work, homes.items[i]);
}

static int look_everywhere(struct finding *finding, struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings paths = {0}, users = {0};

	icr_strings_add(&paths, "/usr/share/containers/registries.conf");
	icr_strings_add(&paths, REGISTRIES);
	for (size_t i = 0; i < ICR_LENGTH(folders); i++) {
		icr_folder_list(folders[i], ".conf", &paths);
		if (strstr(folders[i], "rootless"))
			list_folders(folders[i], "", &users);
	}
	for (size_t i = 0; i < users.count; i++)
		icr_folder_list(users.items[i], ".conf", &paths);
	for (size_t i = 0; i < paths.count; i++) {
		int r = look_through(finding, paths.items[i], err);
		if (r < 0)
			return r;
	}
	look_at_homes(finding->work);
	return look_at_environment(finding, err);
}

static void print(const struct work *work, const struct native_names *names, struct icr_buf *out)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct native_name *name = &names->items[i];
		icr_buf_printf(out, "%s[[registry]]\nprefix = \"%s\"\n", i ? "\n" : "", name->name);
		if (native_soft(work))
			icr_buf_printf(out,
				       "location = \"%s\"\n[[registry.mirror]]\n"
				       "location = \"%s\"\n",
				       name->name, name->private_name);
		else
			icr_buf_printf(out, "location = \"%s\"\n", name->private_name);
	}
}

static int plan(struct work *work, struct changes *changes, const struct part *part,
		struct icr_error *err)
{
	icr_cleanup(native_names_free) struct native_names names = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	icr_cleanup(finding_free) struct finding finding = {
		.work = work,
		.names = &names,
		.prefix = ICR_BUF(ICR_BUF_MAX),
		.location = ICR_BUF(ICR_BUF_MAX),
	};

	native_names(work, part, &names);
	if (!names.count)
		return 0;
	int r = look_everywhere(&finding, err);
	if (r < 0)
		return r;
	print(work, &names, &text);
	if (finding.conflict) {
		icr_fail_at(err, ICR_E_CONFLICT, finding.conflict,
			    "configures %s already; nothing was changed", finding.name);
		return icr_error_hint(err, "take that entry out, or leave %s out of --engines",
				      part->name);
	}
	if (!finding.icr)
		native_note(work,
			    "%s: no credentials for the private names yet: "
			    "docker-credential-icr configure --client containers adds them",
			    part->name);
	return dropin_plan(work, changes, &part_podman, DROPIN, &text, err);
}

static bool podman_is_there(const struct host *host)
{
	static const char *const programs[] = {"podman", "buildah", "skopeo", NULL};

	return host_has_program(host, programs);
}

static bool crio_is_there(const struct host *host)
{
	static const char *const programs[] = {"crio", NULL};

	return host_has_program(host, programs) || host_has("/etc/crio");
}

static int podman_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	return plan(work, changes, &part_podman, err);
}

static int crio_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	return plan(work, changes, &part_crio, err);
}

static int podman_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	return dropin_find(work, changes, &part_podman, DROPIN, err);
}

static bool podman_writes(const char *path)
{
	return strcmp(path, DROPIN) == 0;
}

/* One that runs without systemd, or as another unit, is not ours to signal. */
static void crio_say_unread(struct work *work)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");

	for (const char *pid; (pid = processes_next(dir));) {
		if (!process_is(pid, "crio") || !process_is_root(pid))
			continue;
		note_warning(&work->notes,
			     "CRI-O (process %s) goes by the configuration that it read before: it "
			     "reads it again at SIGHUP (kill -HUP %s)",
			     pid, pid);
		return;
	}
}

/* podman and its like read the files at each start; CRI-O reads them again at SIGHUP. */
static int crio_activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	const struct change *change = changes_find(changes, DROPIN);
	_cleanup_error_ struct icr_error failed = {0};

	(void)err;
	if (!change || !change_differs(change))
		return 0;
	if (!crio_is_there(&work->host) || !systemd_runs() ||
	    systemd_ctl("is-active", "crio.service", RELOAD_WAIT_MS, NULL) < 0) {
		crio_say_unread(work);
		return 0;
	}
	if (systemd_ctl("reload", "crio.service", RELOAD_WAIT_MS, &failed) < 0)
		note_warning(&work->notes, "crio has not read its configuration again: %s",
			     failed.what);
	return 0;
}

static int status_of(bool found, struct icr_value *status)
{
	icr_value_put_flag(status, "found", found);
	if (host_has(DROPIN))
		icr_value_put_text(status, "config", DROPIN);
	return 0;
}

static int podman_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	icr_value_put_text(status, "name", part_podman.name);
	return status_of(podman_is_there(&work->host), status);
}

static int crio_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	icr_value_put_text(status, "name", part_crio.name);
	return status_of(crio_is_there(&work->host), status);
}

const struct part part_podman = {
	.name = "podman",
	.engine = true,
	.is_there = podman_is_there,
	.writes = podman_writes,
	.find = podman_find,
	.plan = podman_plan,
	.strip = dropin_strip,
	.status = podman_status,
	.words = native_words,
};

/* Its pulls go by podman's file. */
const struct part part_crio = {
	.name = "crio",
	.engine = true,
	.is_there = crio_is_there,
	.plan = crio_plan,
	.activate = crio_activate,
	.status = crio_status,
	.words = native_words,
};
