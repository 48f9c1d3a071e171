/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/redact.h"
#include "rewrite/part/part.h"

/* TO becomes what FROM is, sharing its bytes, which FROM goes on to own. */
static void content_share(struct content *to, const struct content *from)
{
	size_t max = to->text.max;

	icr_buf_free(&to->text);
	*to = *from;
	to->text.size = 0;
	to->text.max = max;
}

static bool content_equal(const struct content *a, const struct content *b)
{
	if (a->unread || b->unread)
		return a->exists == b->exists && a->link == b->link &&
		       strcmp(content_hash(a), content_hash(b)) == 0;
	return a->exists == b->exists && a->link == b->link && a->text.len == b->text.len &&
	       (a->text.data == b->text.data ||
		memcmp(a->text.data, b->text.data, a->text.len) == 0);
}

static int content_set(struct change *change, struct content *content, bool exists, bool link,
		       const char *text, size_t len, struct icr_error *err)
{
	const struct content *current = &change->current;
	struct content set = {exists, link, false, ICR_BUF(content->text.max), ""};

	if (exists == current->exists && link == current->link && text == current->text.data &&
	    len == current->text.len) {
		content_share(content, current);
		return 0;
	}
	icr_buf_append(&set.text, text, len);
	/* TEXT may have been the old one */
	icr_buf_free(&content->text);
	*content = set;
	if (content_equal(content, current))
		content_share(content, current);
	return icr_buf_check(&content->text, change->path, err);
}

const char *content_hash(const struct content *content)
{
	/* that it is not known yet is no part of what the content is */
	if (!content->hash[0])
		icr_sha256_hex(content->text.data, content->text.len, (char *)content->hash);
	return content->hash;
}

void change_hash_both(const struct change *change)
{
	const struct content *base = &change->base, *wanted = &change->wanted;

	if (!base->exists || base->hash[0] || wanted->hash[0] || !change->edit.count)
		return;
	icr_sha256_hex_both(base->text.data, base->text.len, wanted->text.data, wanted->text.len,
			    change->edit.items[0].start, (char *)base->hash, (char *)wanted->hash);
}

static int content_read(const char *path, bool link, struct content *content,
			struct host_sight *ret_sight, struct icr_error *err)
{
	struct stat info;
	int64_t now_s = time(NULL);
	bool there = !link || lstat(path, &info) == 0;

	if (!there && errno == ENOENT)
		return 0;
	content->link = link && there && S_ISLNK(info.st_mode);
	if (content->link) {
		_cleanup_free_ char *target = NULL;
		int r = icr_path_link_target(path, &target, err);
		if (r < 0)
			return r;
		icr_buf_text(&content->text, target);
		content->exists = true;
		return 0;
	}
	int r = icr_file_read_seen(path, &content->text, &info, err);
	content->exists = r > 0;
	if (r > 0)
		*ret_sight = (struct host_sight){info, now_s};
	return r < 0 ? r : 0;
}

static void change_free(struct change *change)
{
	if (!change)
		return;
	icr_buf_free(&change->current.text);
	icr_buf_free(&change->base.text);
	icr_buf_free(&change->wanted.text);
	icr_edit_free(&change->edit);
	free(change->record);
	free(change->path);
	free(change);
}

static void cleanup_change(struct change **change)
{
	change_free(*change);
}

struct change *changes_find(const struct changes *changes, const char *path)
{
	for (size_t i = 0; i < changes->count; i++)
		if (strcmp(changes->items[i]->path, path) == 0)
			return changes->items[i];
	return NULL;
}

static int change_new(const struct part *part, const char *path, bool link,
		      struct change **ret_change, struct icr_error *err)
{
	icr_cleanup(cleanup_change) struct change *change = icr_calloc(1, sizeof(*change));
	struct content empty = {.text = ICR_BUF(part->file_max ? part->file_max : ICR_FILE_MAX)};

	change->current = change->base = change->wanted = empty;
	change->part = part;
	change->symbolic = link;
	change->new_mode = 0644;
	change->path = icr_strdup(path);
	int r = content_read(path, link, &change->current, &change->sight, err);
	if (r < 0)
		return r;
	content_share(&change->base, &change->current);
	content_share(&change->wanted, &change->current);
	*ret_change = icr_steal(&change);
	return 0;
}

static int changes_get(struct changes *changes, const struct part *part, const char *path,
		       bool link, struct change **ret_change, struct icr_error *err)
{
	struct change *change = changes_find(changes, path);

	if (change && change->part != part)
		return icr_fail_at(err, ICR_E_CONFLICT, path, "two parts want to change this file");
	/* or an undo, which goes by the same rule, would leave it as it is */
	if (!host_is_state(path) && !(part->writes && part->writes(path)))
		return icr_fail_at(err, ICR_E_REFUSED, path,
				   "is no name of a file that is changed for \"%s\"", part->name);
	if (!change) {
		int r = change_new(part, path, link, &change, err);
		if (r < 0)
			return r;
		*ICR_APPEND(changes) = change;
	}
	*ret_change = change;
	return 0;
}

int changes_file(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err)
{
	(void)host;
	return changes_get(changes, part, path, false, ret_change, err);
}

struct change *changes_unread(struct changes *changes, const struct part *part,
			      const struct state_file *file)
{
	struct change *change = icr_calloc(1, sizeof(*change));

	change->part = part;
	change->path = icr_strdup(file->path);
	change->sight = host_look(file->path);
	change->new_mode = 0644;
	change->unread = file;
	change->current = (struct content){.exists = true, .unread = true, .text = ICR_BUF(0)};
	memcpy(change->current.hash, file->after, sizeof(file->after));
	change->base = change->current;
	change->base.exists = file->existed;
	memcpy(change->base.hash, file->before, sizeof(file->before));
	change->wanted = change->base;
	*ICR_APPEND(changes) = change;
	return change;
}

int changes_link(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err)
{
	(void)host;
	return changes_get(changes, part, path, true, ret_change, err);
}

int change_set_base(struct change *change, bool exists, const char *text, size_t len,
		    struct icr_error *err)
{
	bool link = exists && change->base.link;

	int r = content_set(change, &change->base, exists, link, text, len, err);
	icr_edit_free(&change->edit);
	content_share(&change->wanted, &change->base);
	return r;
}

int change_edit(struct change *change, struct icr_edit *edit, const char *record,
		struct icr_error *err)
{
	const struct content *base = &change->base;
	struct content *wanted = &change->wanted;

	icr_edit_free(&change->edit);
	change->edit = *edit;
	*edit = (struct icr_edit){0};
	free(change->record);
	change->record = record ? icr_strdup(record) : NULL;
	content_share(wanted, base);
	if (change->edit.count == 0)
		return 0;
	wanted->text = (struct icr_buf)ICR_BUF(wanted->text.max);
	wanted->hash[0] = '\0';
	wanted->exists = true;
	wanted->link = false;
	int r = icr_edit_apply(&change->edit, base->text.data, base->text.len, &wanted->text, err);
	if (r == 0 && content_equal(wanted, &change->current))
		content_share(wanted, &change->current);
	return r;
}

int change_write(struct change *change, const char *text, mode_t new_mode, struct icr_error *err)
{
	_cleanup_edit_ struct icr_edit edit = {0};
	icr_edit_splice(&edit, 0, change->base.text.len, text, strlen(text));
	change->new_mode = new_mode;
	return change_edit(change, &edit, NULL, err);
}

int change_link(struct change *change, const char *target, struct icr_error *err)
{
	icr_edit_free(&change->edit);
	return content_set(change, &change->wanted, true, true, target, strlen(target), err);
}

void change_keep(struct change *change)
{
	content_share(&change->wanted, &change->current);
}

bool change_is_ours(const struct change *change)
{
	return !content_equal(&change->base, &change->wanted);
}

bool change_holds_ours(const struct change *change)
{
	return !content_equal(&change->current, &change->base);
}

const char *change_hash(const struct change *change)
{
	const struct content *base = &change->base, *current = &change->current;
	bool same = base->exists == current->exists && base->text.data == current->text.data &&
		    base->text.len == current->text.len;

	return content_hash(same ? base : current);
}

bool change_differs(const struct change *change)
{
	return !content_equal(&change->current, &change->wanted);
}

bool changes_differ(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		if (change_differs(changes->items[i]))
			return true;
	return false;
}

/* A symbolic link is shown as one line, a missing file as none; secrets (of log drivers) and
 * passwords in URLs (of proxies) not at all. */
static void shown(const struct content *content, struct icr_buf *out)
{
	const struct icr_buf *text = &content->text;
	_cleanup_buf_ struct icr_buf hidden = ICR_BUF(ICR_BUF_MAX);
	_cleanup_json_ struct icr_json json = {0};

	*out = (struct icr_buf)ICR_BUF(ICR_BUF_MAX);
	if (content->link) {
		icr_buf_printf(out, "symbolic link to %s\n", text->data);
		return;
	}
	if (icr_json_parse(text->data, text->len, NULL, ICR_JSON_BOM, &json, NULL) >= 0 &&
	    icr_redact_json(&json, false, &hidden, NULL) >= 0)
		text = &hidden;
	icr_redact_urls(text->data, text->len, out);
}

void changes_diff(const struct changes *changes, struct icr_buf *out)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->items[i];
		if (!change_differs(change) || change->internal)
			continue;
		_cleanup_buf_ struct icr_buf before, after;
		shown(&change->current, &before);
		shown(&change->wanted, &after);
		icr_diff(change->path, change->current.exists ? before.data : NULL, before.len,
			 change->wanted.exists ? after.data : NULL, after.len, out);
	}
}

void changes_invert(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = changes->items[i];
		struct content current = change->current;
		change->current = change->wanted;
		change->wanted = current;
	}
}

void changes_drop(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = changes->items[i];
		icr_edit_free(&change->edit);
		content_share(&change->wanted, &change->base);
	}
}

void changes_free(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		change_free(changes->items[i]);
	free(changes->items);
	*changes = (struct changes){0};
}
