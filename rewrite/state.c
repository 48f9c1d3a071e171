/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/sha256.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/part/hosts.h"
#include "rewrite/part/part.h"

static const char *string_of(const struct icr_value *object, const char *name)
{
	const char *value = icr_value_text(object, name);
	return value ? value : "";
}

static int hint_damaged(struct icr_error *err)
{
	return icr_error_hint(err, "move the file away; undo and apply then go by the marks in the "
				   "files themselves");
}

static int damaged(const char *what, struct icr_error *err)
{
	icr_fail(err, ICR_E_SYNTAX, "the record of what was applied is damaged: %s", what);
	return hint_damaged(err);
}

static int read_size(const struct icr_value *object, const char *name, size_t *ret_size,
		     struct icr_error *err)
{
	int64_t size;
	if (!icr_value_number(object, name, 0, ICR_BUF_MAX, &size))
		return damaged(name, err);
	*ret_size = (size_t)size;
	return 0;
}

static int read_hash(const struct icr_value *object, const char *name,
		     char ret_hash[ICR_SHA256_HEX], struct icr_error *err)
{
	const char *hash = string_of(object, name);
	size_t len = strlen(hash);
	if (len != 0 && len != ICR_SHA256_HEX - 1)
		return damaged(name, err);
	memcpy(ret_hash, hash, len + 1);
	return 0;
}

static int read_splices(const struct icr_value *list, struct state_file *file,
			struct icr_error *err)
{
	icr_value_each(item, list) {
		size_t at = 0, length = 0;
		int r = read_size(item, "at", &at, err);
		if (r >= 0)
			r = read_size(item, "length", &length, err);
		if (r < 0)
			return r;
		const char *was = string_of(item, "was");
		icr_edit_splice(&file->back, at, at + length, was, strlen(was));
	}
	return 0;
}

static int read_file(const struct icr_value *item, struct state_file *file, struct icr_error *err)
{
	file->part = icr_strdup(string_of(item, "part"));
	file->path = icr_strdup(string_of(item, "path"));
	if (file->path[0] != '/')
		return damaged("path", err);
	file->existed = icr_value_flag(item, "existed");
	file->link = icr_value_flag(item, "link");
	file->kept = icr_value_flag(item, "kept");
	int r = read_hash(item, "before", file->before, err);
	if (r >= 0)
		r = read_hash(item, "after", file->after, err);
	if (r >= 0)
		r = read_splices(icr_value_get(item, "splices"), file, err);
	const struct icr_value *record = icr_value_get(item, "record");
	if (r < 0 || !icr_value_is(record, ICR_JSON_OBJECT))
		return r;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	r = icr_value_print(record, &text, err);
	if (r >= 0)
		file->record = icr_buf_take(&text);
	return r;
}

static int read_files(const struct icr_value *list, struct state *state, struct icr_error *err)
{
	struct state_files {
		struct state_file *items;
		size_t count;
	} files = {0};
	int r = 0;
	icr_value_each(item, list) {
		if (r >= 0)
			r = read_file(item, ICR_APPEND(&files), err);
	}
	state->files = files.items;
	state->count = files.count;
	return r;
}

static int read_folders(const struct icr_value *list, struct state *state, struct icr_error *err)
{
	struct icr_strings folders = {0};
	int r = 0;
	icr_value_each(item, list) {
		const char *folder = icr_value_string(item);
		if (folder && folder[0] == '/')
			icr_strings_add(&folders, folder);
		else
			r = damaged("folders", err);
	}
	state->folders = folders.items;
	state->folder_count = folders.count;
	return r;
}

static void read_regions(const struct icr_value *list, struct state *state)
{
	icr_value_each(item, list) {
		const struct region_route *route = routes_read(&state->routes, item);
		if (route)
			icr_region_set_add(&state->settings.regions, route->region);
	}
}

static int check_version(const struct icr_value *message, struct icr_error *err)
{
	const struct icr_value *version = icr_value_get(message, "version");
	int64_t number;
	if (icr_value_number(message, "version", 1, STATE_VERSION, &number))
		return 0;
	if (!icr_value_is(version, ICR_JSON_NUMBER) ||
	    icr_value_number(message, "version", INT64_MIN, 0, &number))
		return damaged("no version", err);
	icr_fail(err, ICR_E_CONFIG,
		 "is a record of version %s, and this icr-rewrite (%s) knows versions up to %d",
		 version->text, ICR_VERSION, STATE_VERSION);
	const char *tool = icr_value_text(message, "tool");
	return icr_error_hint(err, "use the icr-rewrite that wrote it (%s), or move the file away",
			      tool ? tool : "a newer one");
}

static int parse_state(const struct icr_value *message, struct state *state, struct icr_error *err)
{
	int r = check_version(message, err);
	if (r < 0)
		return r;
	/* "auto": what the route is that it came to, or ROUTE_AUTO while nothing is proven */
	if (icr_value_flag(message, "auto"))
		(void)route_kind_parse(string_of(message, "route"), &state->settings.chosen);
	else
		(void)route_kind_parse(string_of(message, "route"), &state->settings.route);
	const char *fallback = string_of(message, "fallback");
	state->settings.fallback =
		strcmp(fallback, "public") == 0 ? FALLBACK_PUBLIC : FALLBACK_NEVER;
	state->settings.docker_mirror = icr_value_flag(message, "docker_mirror");
	const char *engines = icr_value_text(message, "engines");
	r = settings_set_engines(&state->settings, engines, err);
	if (r == -ICR_E_USAGE) {
		icr_error_clear(err);
		return damaged("engines", err);
	}
	if (r >= 0)
		read_regions(icr_value_get(message, "regions"), state);
	if (r >= 0)
		r = read_files(icr_value_get(message, "files"), state, err);
	if (r >= 0)
		r = read_folders(icr_value_get(message, "folders"), state, err);
	return r;
}

static int at_file(const char *path, struct icr_error *err)
{
	if (!err->where)
		err->where = icr_strdup(path);
	return -err->code;
}

int state_read(const char *path, struct state *ret_state, struct icr_error *err)
{
	*ret_state = (struct state){.text = ICR_BUF(ICR_FILE_MAX)};
	int r = icr_file_read(path, &ret_state->text, err);
	if (r <= 0)
		return r;
	_cleanup_value_ struct icr_value *message = NULL;
	r = icr_value_parse(ret_state->text.data, ret_state->text.len, false, &message, err);
	if (r >= 0)
		r = parse_state(message, ret_state, err);
	else
		hint_damaged(err);
	if (r < 0)
		return at_file(path, err);
	ret_state->found = true;
	return 0;
}

static bool hash_is(const struct content *content, const char *hash)
{
	return strcmp(content_hash(content), hash) == 0;
}

/* Appends CURRENT with the splices taken back; false when they do not fit it. */
static bool reverse(const struct state_file *file, const struct icr_buf *current,
		    struct icr_buf *out)
{
	if (icr_edit_apply(&file->back, current->data, current->len, out, NULL) < 0)
		return false;
	if (!file->existed)
		return out->len == 0;
	char hash[ICR_SHA256_HEX];
	icr_sha256_hex(out->data, out->len, hash);
	return strcmp(hash, file->before) == 0;
}

/* The file is what we left: returns 1 when base is known then, 0 when it has to be stripped. */
static int base_exactly(const struct state_file *file, struct change *change, struct icr_error *err)
{
	const struct content *current = &change->current;
	if (!current->exists) /* removed by somebody: it stays so */
		return 1;
	if (current->link != file->link)
		return 0;
	if (file->existed && hash_is(current, file->before)) {
		change->edited = true;
		return 1;
	}
	if (!hash_is(current, file->after))
		return 0;
	_cleanup_buf_ struct icr_buf base = ICR_BUF(ICR_BUF_MAX);
	if (!file->link && !reverse(file, &current->text, &base))
		return 0;
	int r = change_set_base(change, file->existed, base.data, base.len, err);
	/* reverse() has made sure of it */
	if (r >= 0 && file->existed && !file->link)
		memcpy(change->base.hash, file->before, sizeof(file->before));
	return r < 0 ? r : 1;
}

static char *kept_path(const char *path)
{
	char hash[ICR_SHA256_HEX];
	icr_sha256_hex(path, strlen(path), hash);
	return icr_printf(STATE_FOLDER "/%.16s" STATE_KEPT, hash);
}

/* NULL in RET_KEPT where it is kept from us: others than root plan without it. */
static int open_kept(const struct part *part, const char *path, struct work *work,
		     struct changes *changes, struct change **ret_kept, struct icr_error *err)
{
	_cleanup_error_ struct icr_error why = {0};
	_cleanup_free_ char *kept = kept_path(path);
	int r = changes_file(changes, &work->host, part, kept, ret_kept, &why);
	if (r == -EACCES) {
		*ret_kept = NULL;
		return 0;
	}
	if (r < 0) {
		icr_error_move(err, &why);
		return r;
	}
	(*ret_kept)->internal = true;
	return change_set_base(*ret_kept, false, "", 0, err);
}

int state_keep(struct work *work, struct changes *changes, const struct change *change,
	       struct icr_error *err)
{
	struct change *kept;
	if (!change_is_ours(change))
		return 0;
	int r = open_kept(change->part, change->path, work, changes, &kept, err);
	if (r < 0 || !kept)
		return r;
	return change_write(kept, change->wanted.text.data, 0600, err);
}

/* Is the file known to be what we left, without a look into it? */
static bool is_known(const struct known *known, const struct state_file *file)
{
	return strcmp(file->path, HOSTS_FILE) == 0 && !file->link && !file->kept &&
	       strcmp(file->after, known->hash) == 0;
}

static int change_from(const struct state_file *file, struct work *work, struct changes *changes,
		       struct icr_error *err)
{
	const struct part *part = part_find(file->part);
	if (!part)
		return icr_fail_at(err, ICR_E_CONFIG, file->path,
				   "was changed by \"%s\", which this icr-rewrite does not know",
				   file->part);
	struct change *change, *kept = NULL;
	if (work->known && is_known(work->known, file)) {
		change = changes_unread(changes, part, file);
		change->recorded = true;
		change->created = !file->existed;
		change->record = file->record ? icr_strdup(file->record) : NULL;
		return 0;
	}
	int r = file->link ? changes_link(changes, &work->host, part, file->path, &change, err)
			   : changes_file(changes, &work->host, part, file->path, &change, err);
	if (r >= 0 && file->kept)
		r = open_kept(part, file->path, work, changes, &kept, err);
	if (r < 0)
		return r;
	change->recorded = true;
	change->created = !file->existed;
	change->edited = !change->current.exists;
	change->hidden = file->kept && !kept;
	free(change->record);
	change->record = file->record ? icr_strdup(file->record) : NULL;
	r = base_exactly(file, change, err);
	if (r != 0)
		return r;
	change->edited = true;
	change->unclear = change->hidden;
	if (!part->strip || file->link || change->unclear)
		return 0;
	const struct left left = {
		.text = kept ? &kept->current.text : NULL,
		.back = &file->back,
	};
	change->left = kept && hash_is(&kept->current, file->after) ? &left : NULL;
	change->lost = file->kept && !change->left && change->current.exists && part->may_hold &&
		       part->may_hold(change);
	r = part->strip(work, change, err);
	change->left = NULL;
	return r;
}

int state_changes(const struct state *state, struct work *work, struct changes *changes,
		  struct icr_error *err)
{
	for (size_t i = 0; i < state->count; i++) {
		int r = change_from(&state->files[i], work, changes, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void put_hash(struct icr_value *object, const char *name, const struct content *content)
{
	icr_value_put_text(object, name, content->exists ? content_hash(content) : NULL);
}

static void put_splice(struct icr_value *list, size_t at, size_t len, const char *was)
{
	struct icr_value *item = icr_value_push_object(list);

	icr_value_put_number(item, "at", at);
	icr_value_put_number(item, "length", len);
	icr_value_put_text(item, "was", was);
}

static void put_splices(struct icr_value *list, const struct change *change)
{
	size_t shift = 0, gone = 0;

	for (size_t i = 0; i < change->edit.count; i++) {
		const struct icr_splice *splice = &change->edit.items[i];
		size_t replaced = splice->end - splice->start;
		_cleanup_free_ char *was =
			icr_strndup(change->base.text.data + splice->start, replaced);
		put_splice(list, splice->start + shift - gone, splice->len, was);
		shift += splice->len;
		gone += replaced;
	}
}

/* The splices as the state told them. */
static void put_recorded(struct icr_value *list, const struct icr_edit *back)
{
	for (size_t i = 0; i < back->count; i++) {
		const struct icr_splice *splice = &back->items[i];
		_cleanup_free_ char *was = icr_strndup(splice->bytes, splice->len);
		put_splice(list, splice->start, splice->end - splice->start, was);
	}
}

/* Is the text that we left kept beside the state? */
static bool is_kept(const struct changes *changes, const struct change *change)
{
	_cleanup_free_ char *path = kept_path(change->path);
	const struct change *kept = changes_find(changes, path);
	return kept && kept->wanted.exists;
}

static void put_file(struct icr_value *list, const struct changes *changes,
		     const struct change *change)
{
	struct icr_value *item = icr_value_push_object(list);

	change_hash_both(change);
	icr_value_put_text(item, "part", change->part->name);
	icr_value_put_text(item, "path", change->path);
	icr_value_put_flag(item, "existed", change->base.exists);
	icr_value_put_flag(item, "link", change->wanted.link);
	put_hash(item, "before", &change->base);
	put_hash(item, "after", &change->wanted);
	struct icr_value *splices = icr_value_put_list(item, "splices");
	if (change->unread)
		put_recorded(splices, &change->unread->back);
	else
		put_splices(splices, change);
	if (is_kept(changes, change) || change->hidden)
		icr_value_put_flag(item, "kept", true);
	_cleanup_value_ struct icr_value *record = NULL;
	if (change->record &&
	    icr_value_parse(change->record, strlen(change->record), false, &record, NULL) >= 0)
		icr_value_move(icr_value_put_object(item, "record"), record);
}

static void put_settings(struct icr_value *state, const struct settings *settings)
{
	icr_value_put_number(state, "version", STATE_VERSION);
	icr_value_put_text(state, "tool", ICR_VERSION);
	icr_value_put_text(state, "route", route_kind_text(settings_route(settings)));
	if (settings->route == ROUTE_AUTO)
		icr_value_put_flag(state, "auto", true);
	icr_value_put_text(state, "fallback",
			   settings->fallback == FALLBACK_PUBLIC ? "public" : "never");
	icr_value_put_flag(state, "docker_mirror", settings->docker_mirror);
	icr_value_put_text(state, "engines", settings->engines);
}

int state_print(const struct work *work, const struct changes *changes, char *const *folders,
		size_t folder_count, struct icr_buf *out, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *state = icr_value_new();

	put_settings(state, &work->settings);
	struct icr_value *list = icr_value_put_list(state, "regions");
	for (size_t i = 0; i < work->routes.count; i++)
		route_put(icr_value_push_object(list), &work->routes.items[i]);
	list = icr_value_put_list(state, "files");
	for (size_t i = 0; i < changes->count; i++)
		if (change_is_ours(changes->items[i]) && !changes->items[i]->internal)
			put_file(list, changes, changes->items[i]);
	list = icr_value_put_list(state, "folders");
	for (size_t i = 0; i < folder_count; i++)
		icr_value_push_text(list, folders[i]);
	int r = icr_value_print(state, out, err);
	icr_buf_char(out, '\n');
	return r < 0 ? r : icr_buf_check(out, STATE_FILE, err);
}

int state_check(const struct icr_buf *text, struct icr_error *err)
{
	_cleanup_value_ struct icr_value *message = NULL;

	return icr_value_parse(text->data, text->len, false, &message, err);
}

void state_free(struct state *state)
{
	for (size_t i = 0; i < state->count; i++) {
		struct state_file *file = &state->files[i];
		icr_edit_free(&file->back);
		free(file->part);
		free(file->path);
		free(file->record);
	}
	free(state->files);
	for (size_t i = 0; i < state->folder_count; i++)
		free(state->folders[i]);
	free(state->folders);
	routes_free(&state->routes);
	free(state->settings.engines);
	icr_buf_free(&state->text);
	*state = (struct state){0};
}
