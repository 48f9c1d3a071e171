/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/containers-config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"

#define OURS	"icr"
#define DEFAULT "containers-auth.json" /* what stands for the list where nobody sets one */
#define KEY	"credential-helpers"
#define SYSTEM	"/etc/containers"
#define VENDOR	"/usr/share/containers"
#define SUFFIX	".conf"
#define FIRST                                                                                      \
	"# Written by docker-credential-icr configure --client containers; --remove takes it "     \
	"out.\n"
#define REST                                                                                       \
	"# The first helper that knows a login answers: \"icr\" for icr.io hosts, the others "     \
	"for\n"                                                                                    \
	"# all the rest.\n"
#define FILE_MODE   0644
#define FOLDER_MODE 0755

/* A TOML text while it is read. */
struct toml {
	const char *path, *at, *end;
	size_t line;
};

static int fail(const struct toml *toml, struct icr_error *err, const char *what)
{
	_cleanup_free_ char *place = icr_printf("%s:%zu", toml->path, toml->line);

	icr_fail_at(err, ICR_E_SYNTAX, place, "%s", what);
	return icr_error_hint(err, "nothing was changed; mend the file by hand, then run this "
				   "again");
}

static bool is_at(const struct toml *toml, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(toml->end - toml->at) >= len && memcmp(toml->at, text, len) == 0;
}

static void step(struct toml *toml)
{
	if (*toml->at == '\n')
		toml->line++;
	toml->at++;
}

/* Skips blanks, comments and (with LINES) line ends. */
static void skip_space(struct toml *toml, bool lines)
{
	while (toml->at < toml->end) {
		if (*toml->at == '#')
			while (toml->at < toml->end && *toml->at != '\n')
				toml->at++;
		else if (*toml->at == ' ' || *toml->at == '\t' || *toml->at == '\r' ||
			 (lines && *toml->at == '\n'))
			step(toml);
		else
			return;
	}
}

/* Reads a string of any of the four sorts, and appends to OUT what stands in it: the escapes of the
 * rarer characters as they are, since no helper's name has any. False when it does not end. */
static bool read_string(struct toml *toml, struct icr_buf *out)
{
	const char quote[] = {*toml->at, '\0'};
	const char thrice[] = {*quote, *quote, *quote, '\0'};
	const char *mark = is_at(toml, thrice) ? thrice : quote;

	toml->at += strlen(mark);
	for (; toml->at < toml->end; step(toml)) {
		if (is_at(toml, mark)) {
			toml->at += strlen(mark);
			return true;
		}
		if (mark == quote && *toml->at == '\n')
			return false;
		if (*quote == '"' && *toml->at == '\\' && toml->at + 1 < toml->end)
			step(toml);
		icr_buf_char(out, *toml->at);
	}
	return false;
}

static bool is_quote(const struct toml *toml)
{
	return *toml->at == '"' || *toml->at == '\'';
}

/* A value that is none of our business, up to the end of its line. */
static bool skip_value(struct toml *toml)
{
	size_t depth = 0;

	while (toml->at < toml->end && (depth > 0 || *toml->at != '\n')) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
		if (is_quote(toml)) {
			if (!read_string(toml, &text))
				return false;
			continue;
		}
		if (*toml->at == '[' || *toml->at == '{')
			depth++;
		else if ((*toml->at == ']' || *toml->at == '}') && depth > 0)
			depth--;
		if (*toml->at == '#')
			skip_space(toml, false);
		else
			step(toml);
	}
	return true;
}

static int read_list(struct toml *toml, struct icr_strings *ret, struct icr_error *err)
{
	if (toml->at == toml->end || *toml->at != '[')
		return fail(toml, err, KEY " must be a list of names");
	toml->at++;
	for (;;) {
		_cleanup_buf_ struct icr_buf name = ICR_BUF(ICR_FILE_MAX);
		skip_space(toml, true);
		if (toml->at < toml->end && *toml->at == ']')
			return 1;
		if (toml->at == toml->end || !is_quote(toml) || !read_string(toml, &name))
			return fail(toml, err, KEY " must be a list of names in quotes");
		icr_strings_add(ret, name.data);
		skip_space(toml, true);
		if (toml->at < toml->end && *toml->at == ',')
			toml->at++;
		else if (toml->at == toml->end || *toml->at != ']')
			return fail(toml, err, "a comma is missing in " KEY);
	}
}

int containers_helpers_parse(const char *path, const char *text, size_t len,
			     struct icr_strings *ret_helpers, struct icr_error *err)
{
	struct toml toml = {.path = path, .at = text, .end = text + len, .line = 1};

	/* which the clients' reader of TOML passes over */
	if (is_at(&toml, "\xef\xbb\xbf"))
		toml.at += 3;
	for (;;) {
		_cleanup_buf_ struct icr_buf key = ICR_BUF(ICR_FILE_MAX);
		skip_space(&toml, true);
		/* the top-level keys end at the first table */
		if (toml.at == toml.end || *toml.at == '[')
			return 0;
		if (is_quote(&toml)) {
			if (!read_string(&toml, &key))
				return 0;
		} else {
			for (; toml.at < toml.end && !strchr(" \t=\r\n", *toml.at); toml.at++)
				icr_buf_char(&key, *toml.at);
		}
		skip_space(&toml, false);
		if (toml.at == toml.end || *toml.at != '=')
			return 0; /* the clients refuse such a file with better words */
		toml.at++;
		skip_space(&toml, false);
		if (strcmp(key.data, KEY) == 0)
			return read_list(&toml, ret_helpers, err);
		if (!skip_value(&toml))
			return 0;
	}
}

/* What was found so far of other people's helpers. */
struct found {
	struct containers_config *config;
	struct icr_strings in_order; /* of the last file in the order of podman before 6 */
	struct icr_strings by_name;  /* of podman 6: drop-ins of all folders, sorted by name */
	char *last_name;	     /* of that file */
	bool past_ours;		     /* the files that come now are read after ours */
};

static void found_free(struct found *found)
{
	icr_strings_free(&found->in_order);
	icr_strings_free(&found->by_name);
	free(found->last_name);
}

static void take(struct icr_strings *to, struct icr_strings *from)
{
	icr_strings_free(to);
	*to = *from;
	*from = (struct icr_strings){0};
}

static void copy(struct icr_strings *to, const struct icr_strings *from)
{
	icr_strings_free(to);
	for (size_t i = 0; i < from->count; i++)
		icr_strings_add(to, from->items[i]);
}

/* NAME: of a drop-in; NULL for registries.conf itself. ORDERED: podman before 6 reads it too. */
static int look_at(struct found *found, const char *path, const char *name, bool ordered,
		   struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings helpers = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	if (strcmp(path, found->config->path) == 0) {
		found->past_ours = true;
		return 0;
	}
	int r = icr_file_read(path, &text, err);
	if (r == -EACCES || r == 0) /* the clients cannot read it either */
		return 0;
	if (r < 0)
		return r;
	r = containers_helpers_parse(path, text.data, text.len, &helpers, err);
	if (r <= 0)
		return r;
	int order = name ? strcmp(name, CONTAINERS_DROP_IN) : -1;
	if (order > 0 || (ordered && found->past_ours && name)) {
		icr_strings_add(&found->config->later, path);
		return 1;
	}
	if (order <= 0 && (!found->last_name || !name || strcmp(name, found->last_name) >= 0)) {
		copy(&found->by_name, &helpers);
		free(found->last_name);
		found->last_name = icr_strdup(name ? name : "");
	}
	if (ordered)
		take(&found->in_order, &helpers);
	return 1;
}

static int look_at_folder(struct found *found, const char *base, const char *name, bool ordered,
			  struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_join(base, name);
	_cleanup_strings_ struct icr_strings paths = {0};
	int r = 0;

	icr_folder_list(folder, SUFFIX, &paths);
	for (size_t i = 0; i < paths.count && r >= 0; i++)
		r = look_at(found, paths.items[i], icr_path_base(paths.items[i]), ordered, err);
	return r < 0 ? r : 0;
}

/* registries.conf(5): the user's registries.conf replaces the system's, drop-ins add to it, the
 * system's first. podman 6 reads more folders, and sorts all drop-ins by name
 * (containers-registries.conf.5 of containers-common 6). */
static int look_everywhere(struct found *found, const char *user, struct icr_error *err)
{
	const char *const bases[] = {user, SYSTEM, VENDOR};
	int r = 0;

	for (size_t i = 0; i < ICR_LENGTH(bases) && r == 0; i++) {
		_cleanup_free_ char *path =
			bases[i] ? icr_path_join(bases[i], "registries.conf") : NULL;
		if (path && access(path, R_OK) == 0) {
			r = look_at(found, path, NULL, true, err);
			break;
		}
	}
	if (r < 0)
		return r;
	r = look_at_folder(found, VENDOR, "registries.conf.d", false, err);
	if (r >= 0)
		r = look_at_folder(found, SYSTEM, "registries.conf.d", true, err);
	if (r >= 0)
		r = look_at_folder(found, SYSTEM,
				   geteuid() == 0 ? "registries.rootful.conf.d"
						  : "registries.rootless.conf.d",
				   false, err);
	if (r >= 0 && user)
		r = look_at_folder(found, user, "registries.conf.d", true, err);
	return r;
}

static void add_new(struct icr_strings *list, const struct icr_strings *more)
{
	for (size_t i = 0; i < more->count; i++)
		icr_strings_add_once(list, more->items[i]);
}

static void print(const struct found *found, struct icr_buf *out)
{
	_cleanup_strings_ struct icr_strings list = {0};

	icr_strings_add(&list, OURS);
	add_new(&list, &found->in_order);
	add_new(&list, &found->by_name);
	if (found->in_order.count == 0 && found->by_name.count == 0)
		icr_strings_add(&list, DEFAULT);
	icr_buf_text(out, FIRST REST KEY " = [");
	for (size_t i = 0; i < list.count; i++) {
		icr_buf_text(out, i > 0 ? ", " : "");
		/* TOML's basic strings have JSON's escapes */
		icr_json_quote(out, list.items[i], strlen(list.items[i]));
	}
	icr_buf_text(out, "]\n");
}

int containers_config_read(const struct icr_environment *environment, bool remove,
			   struct containers_config *ret_config, struct icr_error *err)
{
	_cleanup_free_ char *user =
		environment->home ? icr_path_join(environment->home, ".config/containers") : NULL;
	icr_cleanup(found_free) struct found found = {.config = ret_config};

	*ret_config = (struct containers_config){
		.before = ICR_BUF(ICR_FILE_MAX),
		.after = ICR_BUF(ICR_FILE_MAX),
	};
	if (geteuid() != 0 && !user) {
		icr_fail(err, ENOENT, "no home folder is known for user id %u",
			 (unsigned)geteuid());
		return icr_error_hint(err, "set HOME");
	}
	_cleanup_free_ char *folder =
		icr_path_join(geteuid() == 0 ? SYSTEM : user, "registries.conf.d");
	ret_config->path = icr_path_join(folder, CONTAINERS_DROP_IN);
	int r = icr_file_read(ret_config->path, &ret_config->before, err);
	if (r < 0)
		return r;
	ret_config->exists = r > 0;
	if (ret_config->exists && (ret_config->before.len < strlen(FIRST) ||
				   memcmp(ret_config->before.data, FIRST, strlen(FIRST)) != 0)) {
		icr_fail_at(err, ICR_E_CONFLICT, ret_config->path,
			    "this file is somebody else's, and is left alone");
		return icr_error_hint(err, "take it away, or add \"" OURS
					   "\" as the first of its " KEY " by hand");
	}
	if (remove)
		return 0;
	r = look_everywhere(&found, user, err);
	if (r < 0)
		return r;
	print(&found, &ret_config->after);
	return 0;
}

int containers_config_write(const struct containers_config *config, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(config->path);
	int r = icr_folder_make(folder, FOLDER_MODE, err);

	if (r < 0)
		return r;
	return icr_file_replace(config->path, config->after.data, config->after.len, FILE_MODE,
				err);
}

int containers_config_remove(const struct containers_config *config, struct icr_error *err)
{
	if (unlink(config->path) < 0 && errno != ENOENT)
		return icr_fail_errno(err, errno, config->path, "cannot remove the file");
	return icr_file_sync_folder(config->path, err);
}

void containers_config_free(struct containers_config *config)
{
	free(config->path);
	icr_buf_free(&config->before);
	icr_buf_free(&config->after);
	icr_strings_free(&config->later);
	*config = (struct containers_config){0};
}
