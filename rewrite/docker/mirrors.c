/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/mirrors.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/json-edit.h"
#include "icr/memory.h"
#include "icr/region-set.h"
#include "icr/text.h"

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

char *docker_entry_key(const char *text)
{
	size_t scheme = scheme_length(text);
	size_t path = scheme + strcspn(text + scheme, "/?#");
	size_t len = strlen(text);

	if (len > scheme && text[len - 1] == '/')
		len--;
	char *key = icr_strndup(text, len);
	for (size_t i = 0; i < len && i < path; i++)
		if (key[i] >= 'A' && key[i] <= 'Z')
			key[i] += 'a' - 'A';
	return key;
}

char *docker_entry_private(const char *text, const struct docker_entry *entry)
{
	return icr_printf("%.*s%s%s", (int)entry->start, text, entry->host.region->private_name,
			  text + entry->end);
}

/* The raw bytes and the decoded bytes of the character at RAW, which has been parsed before. */
static size_t unit_length(const char *raw, size_t *ret_decoded)
{
	unsigned value = 0;

	*ret_decoded = 1;
	if (raw[0] != '\\')
		return 1;
	if (raw[1] != 'u')
		return 2;
	for (size_t i = 2; i < 6; i++)
		value = value * 16 + (unsigned)icr_hex_digit(raw[i]);
	bool pair = value >= 0xd800 && value < 0xdc00;
	*ret_decoded = pair ? 4 : value < 0x80 ? 1 : value < 0x800 ? 2 : 3;
	return pair ? 12 : 6;
}

/* The raw JSON string NODE with the private name in place of its host. What stands around it keeps
 * its spelling, escapes included. */
static char *splice_host(const struct icr_json *json, uint32_t node,
			 const struct docker_entry *entry)
{
	const char *raw = json->text + json->nodes[node].start;
	size_t len = json->nodes[node].end - json->nodes[node].start, decoded = 0, step;
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);

	icr_buf_char(&out, '"');
	for (size_t i = 1; i < len - 1; decoded += step) {
		size_t unit = unit_length(raw + i, &step);
		if (decoded == entry->start)
			icr_buf_text(&out, entry->host.region->private_name);
		if (decoded < entry->start || decoded >= entry->end)
			icr_buf_append(&out, raw + i, unit);
		i += unit;
	}
	icr_buf_char(&out, '"');
	return icr_buf_take(&out);
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

/* A string with U+0000 in it is none that C can compare: its spelling stands for it. */
static char *text_of(const struct icr_json *json, uint32_t node)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	icr_json_string(json, node, &text);
	return strlen(text.data) == text.len ? icr_buf_take(&text) : docker_raw(json, node);
}

static bool maps(const struct docker_entry *entry, const struct icr_region_set *regions)
{
	return (entry->host.kind == ICR_HOST_PUBLIC || entry->host.kind == ICR_HOST_ALIAS) &&
	       icr_region_set_has(regions, entry->host.region);
}

static int read_item(const struct docker_edit *edit, const char *key,
		     const struct icr_region_set *regions, struct item *item, struct notes *notes,
		     struct icr_error *err)
{
	struct docker_entry entry;

	if (!icr_json_is(edit->json, item->node, ICR_JSON_STRING))
		return docker_edit_type(edit, item->node, key, "a list of strings", err);
	_cleanup_free_ char *text = text_of(edit->json, item->node);
	bool ours = docker_entry_parse(text, &entry) && maps(&entry, regions);
	if (ours && !entry.userinfo) {
		_cleanup_free_ char *mapped = docker_entry_private(text, &entry);
		item->now = splice_host(edit->json, item->node, &entry);
		item->key = docker_entry_key(mapped);
		return 0;
	}
	if (ours && notes)
		note(notes,
		     "%s: an entry of %s names %s with a user name, which Docker refuses: left as "
		     "it is",
		     edit->path, key, entry.host.name);
	item->key = docker_entry_key(text);
	return 0;
}

/* Fills LIST, which is the caller's to free in any case. */
static int read_list(const struct docker_edit *edit, const char *key, uint32_t array,
		     const struct icr_region_set *regions, struct notes *notes, struct list *list,
		     struct icr_error *err)
{
	const struct icr_json *json = edit->json;
	int r = 0;

	if (!icr_json_is(json, array, ICR_JSON_ARRAY) && !icr_json_is(json, array, ICR_JSON_NULL))
		return docker_edit_type(edit, array, key, "a list of strings", err);
	for (uint32_t node = json->nodes[array].child; r >= 0 && node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		struct item *item = ICR_APPEND(list);
		item->node = node;
		r = read_item(edit, key, regions, item, notes, err);
	}
	return r;
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

static void drop_repeated(struct list *list)
{
	_cleanup_free_ struct item **sorted = icr_calloc(list->count + 1, sizeof(struct item *));

	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->items[i];
	qsort(sorted, list->count, sizeof(struct item *), by_key);
	for (size_t i = 1; i < list->count; i++)
		sorted[i]->dropped =
			sorted[i]->now && strcmp(sorted[i]->key, sorted[i - 1]->key) == 0;
}

static void edit_list(struct docker_edit *edit, const struct list *list)
{
	_cleanup_free_ uint32_t *dropped = icr_calloc(list->count + 1, sizeof(*dropped));
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct item *item = &list->items[i];
		if (item->dropped)
			dropped[count++] = item->node;
		else if (item->now)
			icr_json_edit_replace(&edit->edit, edit->json, item->node, item->now);
	}
	if (count > 0)
		icr_json_edit_remove(&edit->edit, edit->json, dropped, count);
}

int docker_mirrors_plan(struct docker_edit *edit, const struct icr_region_set *regions,
			struct notes *notes, struct icr_error *err)
{
	static const char *const keys[] = {DOCKER_MIRRORS, DOCKER_INSECURE};

	for (size_t i = 0; i < ICR_LENGTH(keys); i++) {
		uint32_t node = ICR_JSON_NONE;
		while ((node = docker_member(edit->json, 0, keys[i], node)) != ICR_JSON_NONE) {
			_cleanup_list_ struct list list = {0};
			int r = read_list(edit, keys[i], node, regions, notes, &list, err);
			if (r < 0)
				return r;
			drop_repeated(&list);
			edit_list(edit, &list);
		}
	}
	return 0;
}

static bool has_mirror(const struct list *list, const struct icr_region *region)
{
	_cleanup_free_ char *plain = icr_printf("https://%s", region->private_name);
	size_t len = strlen(plain);

	for (size_t i = 0; i < list->count; i++) {
		const char *key = list->items[i].key;
		if (strncmp(key, plain, len) == 0 &&
		    (key[len] == '\0' || strcmp(key + len, ":443") == 0))
			return true;
	}
	return false;
}

/* The mirrors that LIST lacks, as JSON strings. */
static void missing(const struct icr_region_set *regions, const struct list *list,
		    struct icr_strings *mirrors)
{
	size_t count;
	const struct icr_region *region = icr_regions(&count);

	for (; count > 0; count--, region++)
		if (icr_region_set_has(regions, region) && !has_mirror(list, region))
			icr_strings_add_format(mirrors, "\"https://%s\"", region->private_name);
}

/* A list of our own, as the value of a member of the document. */
static void new_list(const struct docker_edit *edit, const struct icr_strings *mirrors,
		     struct icr_buf *out)
{
	_cleanup_buf_ struct icr_buf outer = ICR_BUF(ICR_BUF_MAX), inner = ICR_BUF(ICR_BUF_MAX);
	uint32_t root = edit->json->count > 0 ? 0 : ICR_JSON_NONE;

	icr_json_edit_indent(edit->json, root, 0, &outer);
	icr_json_edit_indent(edit->json, root, 1, &inner);
	icr_buf_char(out, '[');
	for (size_t i = 0; i < mirrors->count; i++)
		icr_buf_printf(out, "%s%s%s",
			       i == 0	       ? ""
			       : inner.len > 0 ? ","
					       : ", ",
			       inner.data, mirrors->items[i]);
	icr_buf_printf(out, "%s]", outer.data);
}

static void new_document(struct docker_edit *edit, const char *list)
{
	const struct icr_json *json = edit->json;
	_cleanup_buf_ struct icr_buf indent = ICR_BUF(ICR_BUF_MAX);
	size_t start = json->len >= 3 && memcmp(json->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	icr_json_edit_indent(json, ICR_JSON_NONE, 0, &indent);
	_cleanup_free_ char *text =
		icr_printf("{%s\"%s\": %s\n}\n", indent.data, DOCKER_MIRRORS, list);
	icr_edit_splice(&edit->edit, start, start, text, strlen(text));
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
	_cleanup_strings_ struct icr_strings mirrors = {0};
	_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_BUF_MAX);
	uint32_t node = last_member(edit->json, DOCKER_MIRRORS);
	bool extend = node != ICR_JSON_NONE && icr_json_is(edit->json, node, ICR_JSON_ARRAY);

	int r = extend ? read_list(edit, DOCKER_MIRRORS, node, regions, NULL, &list, err) : 0;
	if (r < 0)
		return r;
	missing(regions, &list, &mirrors);
	if (extend) {
		for (size_t i = 0; i < mirrors.count; i++)
			icr_json_edit_add_item(&edit->edit, edit->json, node, mirrors.items[i]);
		return 0;
	}
	if (mirrors.count == 0)
		return 0;
	new_list(edit, &mirrors, &value);
	if (edit->json->count == 0)
		new_document(edit, value.data);
	else if (node != ICR_JSON_NONE)
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
			if (!icr_json_is(json, node, ICR_JSON_STRING))
				continue;
			_cleanup_free_ char *text = text_of(json, node);
			each(text, data);
		}
	}
}
