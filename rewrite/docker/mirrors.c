/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/mirrors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json-edit.h"
#include "icr/region-set.h"

/* Length of "http://" or "https://" at the start; 0 without a scheme. */
static size_t scheme_length(const char *text)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < ICR_LENGTH(schemes); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strlen(schemes[i]);
	return 0;
}

bool docker_entry_parse(const char *text, struct docker_entry *ret_entry)
{
	struct docker_entry entry = {.start = scheme_length(text)};
	size_t end = entry.start + strcspn(text + entry.start, "/?#");
	const char *at = memrchr(text + entry.start, '@', end - entry.start);

	if (at) {
		entry.userinfo = true;
		entry.start = (size_t)(at - text) + 1;
	}
	entry.end = entry.start + strcspn(text + entry.start, ":/?#");
	if (!icr_host_parse(text + entry.start, end - entry.start, &entry.host) ||
	    !entry.host.region)
		return false;
	*ret_entry = entry;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void docker_entry_key(const char *text, struct icr_buf *out)
{
	size_t scheme = scheme_length(text);
	size_t path = scheme + strcspn(text + scheme, "/?#");
	size_t len = strlen(text);

	if (len > scheme && text[len - 1] == '/')
		len--;
	for (size_t i = 0; i < len; i++)
		icr_buf_char(out, i < path ? lower(text[i]) : text[i]);
}

static unsigned hexadecimal(const char *digits)
{
	unsigned value = 0;

	for (size_t i = 0; i < 4; i++) {
		char c = lower(digits[i]);
		value = value * 16 + (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0');
	}
	return value;
}

/* The raw bytes and the decoded bytes of the character at RAW, which has been parsed before. */
static size_t unit_length(const char *raw, size_t *ret_decoded)
{
	*ret_decoded = 1;
	if (raw[0] != '\\')
		return 1;
	if (raw[1] != 'u')
		return 2;
	unsigned value = hexadecimal(raw + 2);
	bool pair = value >= 0xd800 && value < 0xdc00;
	*ret_decoded = pair ? 4 : value < 0x80 ? 1 : value < 0x800 ? 2 : 3;
	return pair ? 12 : 6;
}

/*
 * Appends the raw JSON string NODE with the decoded bytes START..END replaced by NAME (which needs
 * no escaping). What stands around them keeps its spelling, escapes included.
 */
static void docker_entry_splice(const struct icr_json *json, uint32_t node, size_t start,
				size_t end, const char *name, struct icr_buf *out)
{
	const char *raw = json->text + json->nodes[node].start;
	size_t len = json->nodes[node].end - json->nodes[node].start, decoded = 0, step;

	icr_buf_char(out, '"');
	for (size_t i = 1; i < len - 1; decoded += step) {
		size_t unit = unit_length(raw + i, &step);
		if (decoded == start)
			icr_buf_text(out, name);
		if (decoded < start || decoded >= end)
			icr_buf_append(out, raw + i, unit);
		i += unit;
	}
	icr_buf_char(out, '"');
}

struct item {
	uint32_t node;
	char *key; /* as docker_entry_key() tells entries apart, after the mapping */
	char *now; /* the mapped entry as JSON; NULL when the entry stays */
	bool dropped;
};

struct list {
	struct item *items;
	size_t count;
};

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].key);
		free(list->items[i].now);
	}
	free(list->items);
}

#define _cleanup_list_ icr_cleanup(list_free)

static char *raw(const struct icr_json *json, uint32_t node)
{
	return strndup(json->text + json->nodes[node].start,
		       json->nodes[node].end - json->nodes[node].start);
}

/* A string with U+0000 in it is none that C can compare: its spelling stands for it. */
static char *text_of(const struct icr_json *json, uint32_t node)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, ICR_FILE_MAX);
	icr_json_string(json, node, &text);
	if (text.failed)
		return NULL;
	return strlen(text.data) == text.len ? icr_buf_take(&text) : raw(json, node);
}

static char *key_of(const char *text)
{
	_cleanup_buf_ struct icr_buf key;

	icr_buf_init(&key, ICR_FILE_MAX);
	docker_entry_key(text, &key);
	return key.failed ? NULL : icr_buf_take(&key);
}

static bool maps(const struct docker_entry *entry, const struct icr_region_set *regions)
{
	return (entry->host.kind == ICR_HOST_PUBLIC || entry->host.kind == ICR_HOST_ALIAS) &&
	       icr_region_set_has(regions, entry->host.region);
}

static int map_item(const struct icr_json *json, const char *text, const struct docker_entry *entry,
		    struct item *item, struct icr_error *err)
{
	const char *name = entry->host.region->private_name;
	_cleanup_buf_ struct icr_buf now, mapped;

	icr_buf_init(&now, ICR_FILE_MAX);
	icr_buf_init(&mapped, ICR_FILE_MAX);
	docker_entry_splice(json, item->node, entry->start, entry->end, name, &now);
	icr_buf_append(&mapped, text, entry->start);
	icr_buf_printf(&mapped, "%s%s", name, text + entry->end);
	if (now.failed || mapped.failed)
		return icr_fail_memory(err);
	item->now = icr_buf_take(&now);
	item->key = key_of(mapped.data);
	return item->now && item->key ? 0 : icr_fail_memory(err);
}

static int read_item(const struct docker_edit *edit, const char *key,
		     const struct icr_region_set *regions, struct item *item, struct notes *notes,
		     struct icr_error *err)
{
	struct docker_entry entry;

	if (!icr_json_is(edit->json, item->node, ICR_JSON_STRING))
		return docker_edit_type(edit, item->node, key, "a list of strings", err);
	_cleanup_free_ char *text = text_of(edit->json, item->node);
	if (!text)
		return icr_fail_memory(err);
	bool ours = docker_entry_parse(text, &entry) && maps(&entry, regions);
	if (ours && !entry.userinfo)
		return map_item(edit->json, text, &entry, item, err);
	if (ours && notes)
		note(notes,
		     "%s: an entry of %s names %s with a user name, which Docker refuses: left as "
		     "it is",
		     edit->path, key, entry.host.name);
	item->key = key_of(text);
	return item->key ? 0 : icr_fail_memory(err);
}

/* Fills LIST, which is the caller's to free in any case. */
static int read_list(const struct docker_edit *edit, const char *key, uint32_t array,
		     const struct icr_region_set *regions, struct notes *notes, struct list *list,
		     struct icr_error *err)
{
	const struct icr_json *json = edit->json;

	if (!icr_json_is(json, array, ICR_JSON_ARRAY) && !icr_json_is(json, array, ICR_JSON_NULL))
		return docker_edit_type(edit, array, key, "a list of strings", err);
	list->items = calloc((size_t)json->nodes[array].count + 1, sizeof(*list->items));
	if (!list->items)
		return icr_fail_memory(err);
	for (uint32_t node = json->nodes[array].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		struct item *item = &list->items[list->count++];
		item->node = node;
		int r = read_item(edit, key, regions, item, notes, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of equal entries one that was there before comes first, then the order of the file. */
static int by_key(const void *a, const void *b)
{
	const struct item *first = *(struct item *const *)a, *second = *(struct item *const *)b;
	int r = strcmp(first->key, second->key);
	if (r != 0)
		return r;
	if (!first->now != !second->now)
		return first->now ? 1 : -1;
	return first->node < second->node ? -1 : 1;
}

static int drop_repeated(struct list *list, struct icr_error *err)
{
	if (list->count < 2)
		return 0;
	_cleanup_free_ struct item **sorted = calloc(list->count, sizeof(struct item *));
	if (!sorted)
		return icr_fail_memory(err);
	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->items[i];
	qsort(sorted, list->count, sizeof(struct item *), by_key);
	for (size_t i = 1; i < list->count; i++)
		sorted[i]->dropped =
			sorted[i]->now && strcmp(sorted[i]->key, sorted[i - 1]->key) == 0;
	return 0;
}

static int edit_list(struct docker_edit *edit, const char *key, const struct list *list,
		     struct icr_error *err)
{
	_cleanup_free_ uint32_t *dropped = calloc(list->count + 1, sizeof(*dropped));
	size_t count = 0;

	if (!dropped)
		return icr_fail_memory(err);
	for (size_t i = 0; i < list->count; i++) {
		const struct item *item = &list->items[i];
		if (!item->now)
			continue;
		_cleanup_free_ char *was = raw(edit->json, item->node);
		if (!was)
			return icr_fail_memory(err);
		if (item->dropped) {
			docker_edit_record_dropped(edit, key, was, item->now);
			dropped[count++] = item->node;
		} else {
			docker_edit_record(edit, key, was, item->now, false);
			icr_json_edit_replace(&edit->edit, edit->json, item->node, item->now);
		}
	}
	if (count > 0)
		icr_json_edit_remove(&edit->edit, edit->json, dropped, count);
	return 0;
}

static int plan_key(struct docker_edit *edit, const char *key, const struct icr_region_set *regions,
		    struct notes *notes, struct icr_error *err)
{
	uint32_t node = ICR_JSON_NONE;

	while ((node = docker_member(edit->json, 0, key, node)) != ICR_JSON_NONE) {
		_cleanup_list_ struct list list = {0};
		int r = read_list(edit, key, node, regions, notes, &list, err);
		if (r >= 0)
			r = drop_repeated(&list, err);
		if (r >= 0)
			r = edit_list(edit, key, &list, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int docker_mirrors_plan(struct docker_edit *edit, const struct icr_region_set *regions,
			struct notes *notes, struct icr_error *err)
{
	int r = plan_key(edit, DOCKER_MIRRORS, regions, notes, err);
	return r < 0 ? r : plan_key(edit, DOCKER_INSECURE, regions, notes, err);
}

static int has_mirror(const struct list *list, const struct icr_region *region)
{
	_cleanup_free_ char *plain = NULL;

	if (asprintf(&plain, "https://%s", region->private_name) < 0)
		return -ENOMEM;
	size_t len = strlen(plain);
	for (size_t i = 0; i < list->count; i++) {
		const char *key = list->items[i].key;
		if (strncmp(key, plain, len) == 0 &&
		    (key[len] == '\0' || strcmp(key + len, ":443") == 0))
			return 1;
	}
	return 0;
}

/* The mirrors that LIST lacks, as JSON strings behind each other, SEPARATOR before each. */
static int missing(struct docker_edit *edit, const struct icr_region_set *regions,
		   const struct list *list, struct icr_edit *items, uint32_t array,
		   const char *separator, struct icr_buf *out, struct icr_error *err)
{
	size_t count;
	const struct icr_region *region = icr_regions(&count);

	for (; count > 0; count--, region++) {
		int r = icr_region_set_has(regions, region) ? has_mirror(list, region) : 1;
		if (r < 0)
			return icr_fail_memory(err);
		if (r > 0)
			continue;
		_cleanup_free_ char *value = NULL;
		if (asprintf(&value, "\"https://%s\"", region->private_name) < 0)
			return icr_fail_memory(err);
		docker_edit_record(edit, DOCKER_MIRRORS, NULL, value, false);
		icr_buf_printf(out, "%s%s%s",
			       out->len == 0  ? ""
			       : separator[0] ? ","
					      : ", ",
			       separator, value);
		if (items)
			icr_json_edit_add_item(items, edit->json, array, value);
	}
	return 0;
}

/* A list of our own, as the value of a member of the document. */
static int new_list(struct docker_edit *edit, const struct icr_region_set *regions,
		    struct icr_buf *out, struct icr_error *err)
{
	const struct list none = {0};
	_cleanup_buf_ struct icr_buf outer, inner, items;
	uint32_t root = edit->json->count > 0 ? 0 : ICR_JSON_NONE;

	icr_buf_init(&outer, ICR_FILE_MAX);
	icr_buf_init(&inner, ICR_FILE_MAX);
	icr_buf_init(&items, ICR_FILE_MAX);
	icr_json_edit_indent(edit->json, root, 0, &outer);
	icr_json_edit_indent(edit->json, root, 1, &inner);
	int r = missing(edit, regions, &none, NULL, ICR_JSON_NONE, inner.data, &items, err);
	if (r < 0)
		return r;
	icr_buf_printf(out, "[%s%s]", items.data, outer.data);
	return icr_buf_check(out, edit->path, err);
}

static int new_document(struct docker_edit *edit, const struct icr_region_set *regions,
			struct icr_error *err)
{
	const struct icr_json *json = edit->json;
	_cleanup_buf_ struct icr_buf list, text;
	bool mark = json->len >= 3 && memcmp(json->text, "\xef\xbb\xbf", 3) == 0;

	icr_buf_init(&list, ICR_FILE_MAX);
	icr_buf_init(&text, ICR_FILE_MAX);
	int r = new_list(edit, regions, &list, err);
	if (r < 0)
		return r;
	icr_buf_text(&text, "{");
	icr_json_edit_indent(json, ICR_JSON_NONE, 0, &text);
	icr_buf_printf(&text, "\"%s\": %s\n}\n", DOCKER_MIRRORS, list.data);
	docker_edit_record(edit, "", NULL, NULL, true);
	icr_edit_splice(&edit->edit, mark ? 3 : 0, mark ? 3 : 0, text.data, text.len);
	return icr_buf_check(&text, edit->path, err);
}

static uint32_t last_member(const struct icr_json *json, const char *key)
{
	uint32_t last = ICR_JSON_NONE, node = ICR_JSON_NONE;

	while ((node = docker_member(json, 0, key, node)) != ICR_JSON_NONE)
		last = node;
	return last;
}

int docker_mirrors_add(struct docker_edit *edit, const struct icr_region_set *regions,
		       struct icr_error *err)
{
	_cleanup_list_ struct list list = {0};
	_cleanup_buf_ struct icr_buf value;

	icr_buf_init(&value, ICR_FILE_MAX);
	uint32_t node = last_member(edit->json, DOCKER_MIRRORS);
	if (node != ICR_JSON_NONE && icr_json_is(edit->json, node, ICR_JSON_ARRAY)) {
		int r = read_list(edit, DOCKER_MIRRORS, node, regions, NULL, &list, err);
		return r < 0 ? r
			     : missing(edit, regions, &list, &edit->edit, node, "", &value, err);
	}
	if (icr_region_set_count(regions) == 0)
		return 0;
	docker_edit_record(edit, DOCKER_MIRRORS, node == ICR_JSON_NONE ? NULL : "null", NULL, true);
	if (edit->json->count == 0)
		return new_document(edit, regions, err);
	int r = new_list(edit, regions, &value, err);
	if (r < 0)
		return r;
	if (node != ICR_JSON_NONE)
		icr_json_edit_replace(&edit->edit, edit->json, node, value.data);
	else
		icr_json_edit_add_member(&edit->edit, edit->json, 0, DOCKER_MIRRORS, value.data);
	return 0;
}

void docker_mirrors_each(const struct icr_json *json, const char *key,
			 void (*each)(const char *entry, void *data), void *data)
{
	uint32_t list = ICR_JSON_NONE;

	while ((list = docker_member(json, 0, key, list)) != ICR_JSON_NONE) {
		if (!icr_json_is(json, list, ICR_JSON_ARRAY))
			continue;
		for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
		     node = json->nodes[node].next) {
			_cleanup_free_ char *text = icr_json_is(json, node, ICR_JSON_STRING)
							    ? text_of(json, node)
							    : NULL;
			if (text)
				each(text, data);
		}
	}
}
