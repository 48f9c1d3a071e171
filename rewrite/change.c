/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/change.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/file.h"
#include "rewrite/redact.h"

static void content_init(struct content *content)
{
	*content = (struct content){0};
	icr_buf_init(&content->text, ICR_FILE_MAX);
}

static int content_set(struct content *content, bool exists, bool link, const char *text,
		       size_t len, struct icr_error *err)
{
	content->exists = exists;
	content->link = link;
	icr_buf_truncate(&content->text, 0);
	icr_buf_append(&content->text, text, len);
	return icr_buf_check(&content->text, "the file", err);
}

static bool content_equal(const struct content *a, const struct content *b)
{
	return a->exists == b->exists && a->link == b->link && a->text.len == b->text.len &&
	       memcmp(a->text.data, b->text.data, a->text.len) == 0;
}

static int read_link(const char *path, struct content *content, struct icr_error *err)
{
	char *target = icr_buf_room(&content->text, PATH_MAX);
	if (!target)
		return icr_fail_memory(err);
	ssize_t len = readlink(path, target, PATH_MAX);
	if (len < 0)
		return icr_fail_errno(err, errno, path, "cannot read the symbolic link");
	icr_buf_added(&content->text, (size_t)len);
	content->exists = content->link = true;
	return 0;
}

static int content_read(const struct host *host, const char *path, bool link,
			struct content *content, struct icr_error *err)
{
	_cleanup_free_ char *full = NULL;
	int r = host_locate(host, path, !link, &full, err);
	if (r < 0)
		return r;
	struct stat info;
	if (link && lstat(full, &info) == 0 && S_ISLNK(info.st_mode))
		return read_link(full, content, err);
	r = icr_file_read(full, &content->text, err);
	if (r < 0)
		return r;
	content->exists = r > 0;
	return 0;
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

static int change_new(const struct host *host, const struct part *part, const char *path, bool link,
		      struct change **ret_change, struct icr_error *err)
{
	icr_cleanup(cleanup_change) struct change *change = calloc(1, sizeof(*change));
	if (!change)
		return icr_fail_memory(err);
	content_init(&change->current);
	content_init(&change->base);
	content_init(&change->wanted);
	change->part = part;
	change->symbolic = link;
	change->new_mode = 0644;
	change->path = strdup(path);
	if (!change->path)
		return icr_fail_memory(err);
	int r = content_read(host, path, link, &change->current, err);
	if (r < 0)
		return r;
	change->base.link = change->wanted.link = change->current.link;
	r = change_set_base(change, change->current.exists, change->current.text.data,
			    change->current.text.len, err);
	if (r < 0)
		return r;
	*ret_change = icr_steal(&change);
	return 0;
}

static int changes_get(struct changes *changes, const struct host *host, const struct part *part,
		       const char *path, bool link, struct change **ret_change,
		       struct icr_error *err)
{
	struct change *change = changes_find(changes, path);
	if (change && change->part != part)
		return icr_fail_at(err, ICR_E_CONFLICT, path, "two parts want to change this file");
	if (change) {
		*ret_change = change;
		return 0;
	}
	struct change **items =
		reallocarray(changes->items, changes->count + 1, sizeof(struct change *));
	if (!items)
		return icr_fail_memory(err);
	changes->items = items;
	int r = change_new(host, part, path, link, &change, err);
	if (r < 0)
		return r;
	items[changes->count++] = change;
	*ret_change = change;
	return 0;
}

int changes_file(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err)
{
	return changes_get(changes, host, part, path, false, ret_change, err);
}

int changes_link(struct changes *changes, const struct host *host, const struct part *part,
		 const char *path, struct change **ret_change, struct icr_error *err)
{
	return changes_get(changes, host, part, path, true, ret_change, err);
}

int change_set_base(struct change *change, bool exists, const char *text, size_t len,
		    struct icr_error *err)
{
	bool link = exists && change->base.link;
	int r = content_set(&change->base, exists, link, text, len, err);
	if (r < 0)
		return r;
	icr_edit_free(&change->edit);
	change->edit = (struct icr_edit){0};
	return content_set(&change->wanted, exists, link, text, len, err);
}

int change_edit(struct change *change, struct icr_edit *edit, const char *record,
		struct icr_error *err)
{
	icr_edit_free(&change->edit);
	change->edit = *edit;
	*edit = (struct icr_edit){0};
	free(change->record);
	change->record = NULL;
	if (record && !(change->record = strdup(record)))
		return icr_fail_memory(err);
	const struct content *base = &change->base;
	struct content *wanted = &change->wanted;
	bool edited = change->edit.count > 0;
	icr_buf_truncate(&wanted->text, 0);
	wanted->exists = base->exists || edited;
	wanted->link = base->link && !edited;
	int r = icr_edit_apply(&change->edit, base->text.data, base->text.len, &wanted->text, err);
	if (r < 0)
		return r;
	return icr_buf_check(&wanted->text, change->path, err);
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
	change->edit = (struct icr_edit){0};
	return content_set(&change->wanted, true, true, target, strlen(target), err);
}

bool change_is_ours(const struct change *change)
{
	return !content_equal(&change->base, &change->wanted);
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

/* A symbolic link is shown as one line, a missing file as none; passwords in URLs (of proxies) not
 * at all. */
static void shown(const struct content *content, struct icr_buf *out)
{
	icr_buf_init(out, 2 * ICR_FILE_MAX);
	if (content->link)
		icr_buf_printf(out, "symbolic link to %s\n", content->text.data);
	else
		redact_urls(content->text.data, content->text.len, out);
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

void changes_free(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		change_free(changes->items[i]);
	free(changes->items);
	*changes = (struct changes){0};
}
