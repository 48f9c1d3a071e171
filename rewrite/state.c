/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/sha256.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/writer.h"

bool state_is_own(const char *path)
{
	static const char folder[] = STATE_FOLDER "/";
	const char *name = path + sizeof(folder) - 1;
	return strncmp(path, folder, sizeof(folder) - 1) == 0 && *name && name[0] != '.' &&
	       !strchr(name, '/');
}

static const char *string_of(const cJSON *object, const char *name)
{
	const char *value = icr_message_string(object, name);
	return value ? value : "";
}

static bool flag_of(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
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

static int read_size(const cJSON *object, const char *name, size_t *ret_size, struct icr_error *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsNumber(item) || item->valuedouble < 0 ||
	    item->valuedouble > (double)ICR_BUF_MAX)
		return damaged(name, err);
	*ret_size = (size_t)item->valuedouble;
	return 0;
}

static int read_hash(const cJSON *object, const char *name, char ret_hash[ICR_SHA256_HEX],
		     struct icr_error *err)
{
	const char *hash = string_of(object, name);
	size_t len = strlen(hash);
	if (len != 0 && len != ICR_SHA256_HEX - 1)
		return damaged(name, err);
	memcpy(ret_hash, hash, len + 1);
	return 0;
}

static int read_splices(const cJSON *list, struct state_file *file, struct icr_error *err)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	file->splices = calloc(count ? count : 1, sizeof(*file->splices));
	if (!file->splices)
		return icr_fail_memory(err);
	const cJSON *item;
	cJSON_ArrayForEach(item, list)
	{
		struct state_splice *splice = &file->splices[file->count++];
		int r = read_size(item, "at", &splice->at, err);
		if (r >= 0)
			r = read_size(item, "length", &splice->length, err);
		if (r < 0)
			return r;
		splice->was = strdup(string_of(item, "was"));
		if (!splice->was)
			return icr_fail_memory(err);
	}
	return 0;
}

static int read_file(const cJSON *item, struct state_file *file, struct icr_error *err)
{
	file->part = strdup(string_of(item, "part"));
	file->path = strdup(string_of(item, "path"));
	if (!file->part || !file->path)
		return icr_fail_memory(err);
	if (file->path[0] != '/')
		return damaged("path", err);
	file->existed = flag_of(item, "existed");
	file->link = flag_of(item, "link");
	int r = read_hash(item, "before", file->before, err);
	if (r >= 0)
		r = read_hash(item, "after", file->after, err);
	if (r >= 0)
		r = read_splices(cJSON_GetObjectItemCaseSensitive(item, "splices"), file, err);
	const cJSON *record = cJSON_GetObjectItemCaseSensitive(item, "record");
	if (r < 0 || !cJSON_IsObject(record))
		return r;
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, ICR_FILE_MAX);
	r = icr_message_print(record, &text, err);
	if (r < 0)
		return r;
	file->record = icr_buf_take(&text);
	return file->record ? 0 : icr_fail_memory(err);
}

static int read_files(const cJSON *list, struct state *state, struct icr_error *err)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	state->files = calloc(count ? count : 1, sizeof(*state->files));
	if (!state->files)
		return icr_fail_memory(err);
	const cJSON *item;
	cJSON_ArrayForEach(item, list)
	{
		int r = read_file(item, &state->files[state->count++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_folders(const cJSON *list, struct state *state, struct icr_error *err)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	state->folders = calloc(count ? count : 1, sizeof(*state->folders));
	if (!state->folders)
		return icr_fail_memory(err);
	const cJSON *item;
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item) || item->valuestring[0] != '/')
			return damaged("folders", err);
		char *folder = strdup(item->valuestring);
		if (!folder)
			return icr_fail_memory(err);
		state->folders[state->folder_count++] = folder;
	}
	return 0;
}

static void read_regions(const cJSON *list, struct state *state)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, list)
	{
		const struct region_route *route = routes_read(&state->routes, item);
		if (route)
			icr_region_set_add(&state->settings.regions, route->region);
	}
}

static int check_version(const cJSON *message, struct icr_error *err)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(message, "version");
	if (!cJSON_IsNumber(version) || version->valuedouble < 1)
		return damaged("no version", err);
	if (version->valuedouble <= STATE_VERSION)
		return 0;
	const char *tool = icr_message_string(message, "tool");
	icr_fail(err, ICR_E_CONFIG, "was written by a newer icr-rewrite (%s) than this one (%s)",
		 tool ? tool : "version unknown", ICR_VERSION);
	return icr_error_hint(err, "use that version, or move the file away");
}

static int parse_state(const cJSON *message, struct state *state, struct icr_error *err)
{
	int r = check_version(message, err);
	if (r < 0)
		return r;
	const char *fallback = string_of(message, "fallback");
	state->settings.fallback =
		strcmp(fallback, "public") == 0 ? FALLBACK_PUBLIC : FALLBACK_NEVER;
	state->settings.docker_mirror = flag_of(message, "docker_mirror");
	const char *engines = icr_message_string(message, "engines");
	r = settings_set_engines(&state->settings, engines, err);
	if (r == -ICR_E_USAGE) {
		icr_error_clear(err);
		return damaged("engines", err);
	}
	if (r >= 0)
		read_regions(cJSON_GetObjectItemCaseSensitive(message, "regions"), state);
	if (r >= 0)
		r = read_files(cJSON_GetObjectItemCaseSensitive(message, "files"), state, err);
	if (r >= 0)
		r = read_folders(cJSON_GetObjectItemCaseSensitive(message, "folders"), state, err);
	return r;
}

static int at_file(const char *path, struct icr_error *err)
{
	if (!err->where)
		err->where = strdup(path);
	return -err->code;
}

int state_read(const char *path, struct state *ret_state, struct icr_error *err)
{
	*ret_state = (struct state){.text = ICR_BUF(ICR_FILE_MAX)};
	int r = icr_file_read(path, &ret_state->text, err);
	if (r <= 0)
		return r;
	_cleanup_message_ cJSON *message = NULL;
	r = icr_message_parse(ret_state->text.data, ret_state->text.len, false, &message, err);
	if (r >= 0)
		r = parse_state(message, ret_state, err);
	else if (r != -ENOMEM)
		hint_damaged(err);
	if (r < 0)
		return at_file(path, err);
	ret_state->found = true;
	return 0;
}

int state_load(const struct host *host, struct state *ret_state, struct icr_error *err)
{
	(void)host;
	return state_read(STATE_FILE, ret_state, err);
}

static bool hash_is(const struct content *content, const char *hash)
{
	return strcmp(content_hash(content), hash) == 0;
}

/* Appends CURRENT with the splices taken back; false when they do not fit it. */
static bool reverse(const struct state_file *file, const struct icr_buf *current,
		    struct icr_buf *out)
{
	size_t at = 0;
	for (size_t i = 0; i < file->count; i++) {
		const struct state_splice *splice = &file->splices[i];
		if (splice->at < at || splice->at > current->len ||
		    splice->length > current->len - splice->at)
			return false;
		icr_buf_append(out, current->data + at, splice->at - at);
		icr_buf_text(out, splice->was);
		at = splice->at + splice->length;
	}
	icr_buf_append(out, current->data + at, current->len - at);
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
	_cleanup_buf_ struct icr_buf base;
	icr_buf_init(&base, ICR_BUF_MAX);
	if (!file->link && !reverse(file, &current->text, &base))
		return 0;
	int r = icr_buf_check(&base, file->path, err);
	if (r < 0)
		return r;
	r = change_set_base(change, file->existed, base.data, base.len, err);
	return r < 0 ? r : 1;
}

static int change_from(const struct state_file *file, struct work *work, struct changes *changes,
		       struct icr_error *err)
{
	const struct part *part = part_find(file->part);
	if (!part)
		return icr_fail_at(err, ICR_E_CONFIG, file->path,
				   "was changed by \"%s\", which this icr-rewrite does not know",
				   file->part);
	struct change *change;
	int r = file->link ? changes_link(changes, &work->host, part, file->path, &change, err)
			   : changes_file(changes, &work->host, part, file->path, &change, err);
	if (r < 0)
		return r;
	change->recorded = true;
	change->created = !file->existed;
	change->edited = !change->current.exists;
	free(change->record);
	change->record = NULL;
	if (file->record && !(change->record = strdup(file->record)))
		return icr_fail_memory(err);
	r = base_exactly(file, change, err);
	if (r != 0)
		return r;
	change->edited = true;
	return part->strip && !file->link ? part->strip(work, change, err) : 0;
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

static cJSON *print_region(struct writer *writer, const struct region_route *route)
{
	cJSON *item = cJSON_CreateObject();
	route_put(writer, item, route);
	return item;
}

static void put_hash(struct writer *writer, cJSON *object, const char *name,
		     const struct content *content)
{
	writer_text(writer, object, name, content->exists ? content_hash(content) : NULL);
}

static cJSON *print_splices(struct writer *writer, const struct change *change)
{
	cJSON *list = cJSON_CreateArray();
	size_t shift = 0, gone = 0;
	for (size_t i = 0; i < change->edit.count; i++) {
		const struct icr_splice *splice = &change->edit.items[i];
		size_t replaced = splice->end - splice->start;
		cJSON *item = cJSON_CreateObject();
		writer_put(writer, item, "at",
			   cJSON_CreateNumber((double)(splice->start + shift - gone)));
		writer_put(writer, item, "length", cJSON_CreateNumber((double)splice->len));
		_cleanup_free_ char *was =
			strndup(change->base.text.data + splice->start, replaced);
		writer_text(writer, item, "was", was ? was : "");
		writer->failed |= !was;
		writer_push(writer, list, item);
		shift += splice->len;
		gone += replaced;
	}
	return list;
}

static cJSON *print_file(struct writer *writer, const struct change *change)
{
	cJSON *item = cJSON_CreateObject();
	writer_text(writer, item, "part", change->part->name);
	writer_text(writer, item, "path", change->path);
	writer_put(writer, item, "existed", cJSON_CreateBool(change->base.exists));
	writer_put(writer, item, "link", cJSON_CreateBool(change->wanted.link));
	put_hash(writer, item, "before", &change->base);
	put_hash(writer, item, "after", &change->wanted);
	writer_put(writer, item, "splices", print_splices(writer, change));
	if (change->record)
		writer_put(writer, item, "record", cJSON_Parse(change->record));
	return item;
}

static void print_settings(struct writer *writer, cJSON *state, const struct settings *settings)
{
	writer_put(writer, state, "version", cJSON_CreateNumber(STATE_VERSION));
	writer_text(writer, state, "tool", ICR_VERSION);
	writer_text(writer, state, "route", "hosts");
	writer_text(writer, state, "fallback",
		    settings->fallback == FALLBACK_PUBLIC ? "public" : "never");
	writer_put(writer, state, "docker_mirror", cJSON_CreateBool(settings->docker_mirror));
	writer_text(writer, state, "engines", settings->engines);
}

int state_print(const struct work *work, const struct changes *changes, char *const *folders,
		size_t folder_count, struct icr_buf *out, struct icr_error *err)
{
	struct writer writer = {0};
	_cleanup_message_ cJSON *state = icr_message_new();
	if (!state)
		return icr_fail_memory(err);
	print_settings(&writer, state, &work->settings);
	cJSON *regions = cJSON_CreateArray();
	for (size_t i = 0; i < work->routes.count; i++)
		writer_push(&writer, regions, print_region(&writer, &work->routes.items[i]));
	writer_put(&writer, state, "regions", regions);
	cJSON *files = cJSON_CreateArray();
	for (size_t i = 0; i < changes->count; i++)
		if (change_is_ours(changes->items[i]))
			writer_push(&writer, files, print_file(&writer, changes->items[i]));
	writer_put(&writer, state, "files", files);
	cJSON *made = cJSON_CreateArray();
	for (size_t i = 0; i < folder_count; i++)
		writer_push(&writer, made, cJSON_CreateString(folders[i]));
	writer_put(&writer, state, "folders", made);
	if (writer.failed)
		return icr_fail_memory(err);
	size_t start = out->len;
	int r = icr_message_print(state, out, err);
	icr_buf_char(out, '\n');
	if (r < 0)
		return r;
	r = icr_buf_check(out, STATE_FILE, err);
	if (r < 0)
		return r;
	/* What could not be read back must not be written: undo lives on it. */
	_cleanup_message_ cJSON *check = NULL;
	return icr_message_parse(out->data + start, out->len - start, false, &check, err);
}

void state_free(struct state *state)
{
	for (size_t i = 0; i < state->count; i++) {
		struct state_file *file = &state->files[i];
		for (size_t j = 0; j < file->count; j++)
			free(file->splices[j].was);
		free(file->splices);
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
