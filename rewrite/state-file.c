/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/sha256.h"
#include "rewrite/state.h"
#include "rewrite/writer.h"

static bool hash_is(const struct icr_buf *text, const char *hash)
{
	char actual[ICR_SHA256_HEX];
	icr_sha256_hex(text->data, text->len, actual);
	return strcmp(actual, hash) == 0;
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
	return file->existed ? hash_is(out, file->before) : out->len == 0;
}

/* The file is what we left: returns 1 when base is known then, 0 when it has to be stripped. */
static int base_exactly(const struct state_file *file, struct change *change, struct icr_error *err)
{
	const struct content *current = &change->current;
	if (!current->exists) /* removed by somebody: it stays so */
		return 1;
	if (current->link != file->link)
		return 0;
	if (file->existed && hash_is(&current->text, file->before)) {
		change->edited = true;
		return 1;
	}
	if (!hash_is(&current->text, file->after))
		return 0;
	_cleanup_buf_ struct icr_buf base;
	icr_buf_init(&base, ICR_FILE_MAX);
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
	return part->strip && !file->link ? part->strip(change, err) : 0;
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
	writer_route(writer, item, route);
	return item;
}

static void put_hash(struct writer *writer, cJSON *object, const char *name,
		     const struct content *content)
{
	char hash[ICR_SHA256_HEX];
	icr_sha256_hex(content->text.data, content->text.len, hash);
	writer_text(writer, object, name, content->exists ? hash : NULL);
}

static cJSON *print_splices(struct writer *writer, const struct change *change)
{
	cJSON *list = cJSON_CreateArray();
	size_t shift = 0, gone = 0;
	for (size_t i = 0; i < change->edit.count; i++) {
		const struct icr_splice *splice = &change->edit.splices[i];
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
	writer_put(writer, state, "force", cJSON_CreateBool(settings->force));
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
