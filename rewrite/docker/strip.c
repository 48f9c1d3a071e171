/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/strip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/error.h"
#include "icr/file.h"
#include "icr/json-edit.h"
#include "icr/json.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"
#include "rewrite/systemd.h"

enum mark {
	MARK_NONE,
	MARK_USED, /* has met its entry of the record */
	MARK_GONE, /* shall be removed */
};

struct strip {
	const struct icr_json *json, *record;
	uint32_t edits; /* the record's list */
	unsigned char *marks;
	struct words names; /* that we added to no-proxy lists */
	struct icr_edit edit;
};

static void strip_clear(struct strip *strip)
{
	free(strip->marks);
	words_clear(&strip->names);
	icr_edit_free(&strip->edit);
}

/* The raw text of a node; NULL when memory ran out. */
static char *raw_text(const struct icr_json *json, uint32_t node)
{
	return strndup(json->text + json->nodes[node].start,
		       json->nodes[node].end - json->nodes[node].start);
}

/* Is NODE a string equal to WANTED of the record? */
static bool is_same(const struct icr_json *json, uint32_t node, const struct icr_json *record,
		    uint32_t wanted)
{
	return icr_json_is(json, node, ICR_JSON_STRING) &&
	       icr_json_equal(json, node, record, wanted);
}

/* The first item equal to WANTED in the lists of KEY that no other entry has met. */
static uint32_t find_item(const struct strip *strip, const char *key, uint32_t wanted)
{
	uint32_t list = ICR_JSON_NONE;

	while ((list = docker_member(strip->json, 0, key, list)) != ICR_JSON_NONE)
		for (uint32_t node = strip->json->nodes[list].child; node != ICR_JSON_NONE;
		     node = strip->json->nodes[node].next)
			if (strip->marks[node] == MARK_NONE &&
			    is_same(strip->json, node, strip->record, wanted))
				return node;
	return ICR_JSON_NONE;
}

static int put_back(struct strip *strip, const char *key, uint32_t was, uint32_t now,
		    struct icr_error *err)
{
	uint32_t node = find_item(strip, key, now);

	if (node == ICR_JSON_NONE)
		return 0;
	strip->marks[node] = was == ICR_JSON_NONE ? MARK_GONE : MARK_USED;
	if (was == ICR_JSON_NONE)
		return 0;
	_cleanup_free_ char *text = raw_text(strip->record, was);
	if (!text)
		return icr_fail_memory(err);
	icr_json_edit_replace(&strip->edit, strip->json, node, text);
	return 0;
}

static uint32_t last_array(const struct icr_json *json, const char *key)
{
	uint32_t last = ICR_JSON_NONE, node = ICR_JSON_NONE;

	while ((node = docker_member(json, 0, key, node)) != ICR_JSON_NONE)
		if (icr_json_is(json, node, ICR_JSON_ARRAY))
			last = node;
	return last;
}

static char *key_of(const struct icr_json *json, uint32_t node)
{
	_cleanup_free_ char *text = icr_json_string_dup(json, node);
	_cleanup_buf_ struct icr_buf key;

	icr_buf_init(&key, ICR_FILE_MAX);
	docker_entry_key(text ? text : "", &key);
	return text && !key.failed ? icr_buf_take(&key) : NULL;
}

static bool has_key(const struct icr_json *json, uint32_t list, const char *wanted)
{
	for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		_cleanup_free_ char *key =
			icr_json_is(json, node, ICR_JSON_STRING) ? key_of(json, node) : NULL;
		if (key && strcmp(key, wanted) == 0)
			return true;
	}
	return false;
}

static int bring_back(struct strip *strip, const char *key, uint32_t was, uint32_t repeats,
		      struct icr_error *err)
{
	uint32_t list = last_array(strip->json, key);

	if (list == ICR_JSON_NONE || find_item(strip, key, was) != ICR_JSON_NONE)
		return 0;
	_cleanup_free_ char *wanted = key_of(strip->record, repeats);
	if (!wanted)
		return icr_fail_memory(err);
	if (!has_key(strip->json, list, wanted))
		return 0;
	_cleanup_free_ char *text = raw_text(strip->record, was);
	if (!text)
		return icr_fail_memory(err);
	icr_json_edit_add_item(&strip->edit, strip->json, list, text);
	return 0;
}

/* Removes the marked items of LIST, or marks LIST itself when it was CREATED and nothing else is
 * in it. */
static int strip_items(struct strip *strip, uint32_t list, bool created, struct icr_error *err)
{
	const struct icr_json *json = strip->json;
	_cleanup_free_ uint32_t *gone = calloc((size_t)json->nodes[list].count + 1, sizeof(*gone));
	size_t count = 0;

	if (!gone)
		return icr_fail_memory(err);
	for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next)
		if (strip->marks[node] == MARK_GONE)
			gone[count++] = node;
	if (created && icr_json_is(json, list, ICR_JSON_ARRAY) && count == json->nodes[list].count)
		strip->marks[list] = MARK_GONE;
	else if (count > 0)
		icr_json_edit_remove(&strip->edit, json, gone, count);
	return 0;
}

struct entry {
	char *key;
	uint32_t was, now, repeats;
	bool created;
};

static void entry_clear(struct entry *entry)
{
	free(entry->key);
}

static int entry_read(const struct strip *strip, uint32_t node, struct entry *ret_entry,
		      struct icr_error *err)
{
	const struct icr_json *record = strip->record;
	uint32_t created = icr_json_member(record, node, "created");

	ret_entry->key = icr_json_string_dup(record, icr_json_member(record, node, "key"));
	ret_entry->was = icr_json_member(record, node, "was");
	ret_entry->now = icr_json_member(record, node, "now");
	ret_entry->repeats = icr_json_member(record, node, "repeats");
	ret_entry->created =
		created != ICR_JSON_NONE && icr_json_is(record, created, ICR_JSON_TRUE);
	return ret_entry->key ? 0 : icr_fail_memory(err);
}

static bool is_list(const char *key)
{
	return strcmp(key, "registry-mirrors") == 0 || strcmp(key, "insecure-registries") == 0;
}

/* Two rounds: what we changed or added first, then what we dropped, which may not be there. */
static int strip_entries(struct strip *strip, bool dropped, struct icr_error *err)
{
	for (uint32_t node = strip->record->nodes[strip->edits].child; node != ICR_JSON_NONE;
	     node = strip->record->nodes[node].next) {
		icr_cleanup(entry_clear) struct entry entry = {0};
		int r = entry_read(strip, node, &entry, err);
		if (r < 0)
			return r;
		if (strcmp(entry.key, "no-proxy-name") == 0 && !dropped) {
			_cleanup_free_ char *name = icr_json_string_dup(strip->record, entry.now);
			if (!name)
				return icr_fail_memory(err);
			words_add(&strip->names, name, strlen(name));
		}
		if (!is_list(entry.key) || entry.created)
			continue;
		if (!dropped && entry.now != ICR_JSON_NONE)
			r = put_back(strip, entry.key, entry.was, entry.now, err);
		if (dropped && entry.repeats != ICR_JSON_NONE && entry.was != ICR_JSON_NONE)
			r = bring_back(strip, entry.key, entry.was, entry.repeats, err);
		if (r < 0)
			return r;
	}
	return words_check(&strip->names, err);
}

/* Does the record say that the member KEY is ours? RET_WAS: what it would be without us. */
static bool is_created(const struct strip *strip, const char *key, uint32_t *ret_was)
{
	const struct icr_json *record = strip->record;

	for (uint32_t node = record->nodes[strip->edits].child; node != ICR_JSON_NONE;
	     node = record->nodes[node].next) {
		uint32_t name = icr_json_member(record, node, "key");
		uint32_t flag = icr_json_member(record, node, "created");
		if (name == ICR_JSON_NONE || flag == ICR_JSON_NONE ||
		    !icr_json_string_is(record, name, key))
			continue;
		*ret_was = icr_json_member(record, node, "was");
		return true;
	}
	return false;
}

/* The old spelling of a no-proxy list that is as we left it, NULL otherwise. */
static char *old_list(const struct strip *strip, uint32_t list)
{
	const struct icr_json *record = strip->record;

	for (uint32_t node = record->nodes[strip->edits].child; node != ICR_JSON_NONE;
	     node = record->nodes[node].next) {
		uint32_t name = icr_json_member(record, node, "key");
		uint32_t was = icr_json_member(record, node, "was");
		uint32_t now = icr_json_member(record, node, "now");
		if (name != ICR_JSON_NONE && was != ICR_JSON_NONE && now != ICR_JSON_NONE &&
		    icr_json_string_is(record, name, "no-proxy") &&
		    is_same(strip->json, list, record, now))
			return raw_text(record, was);
	}
	return NULL;
}

static int strip_no_proxy(struct strip *strip, uint32_t list, struct icr_error *err)
{
	uint32_t was = ICR_JSON_NONE;
	bool ours = is_created(strip, "no-proxy", &was);
	_cleanup_free_ char *old = old_list(strip, list);
	_cleanup_free_ char *text = icr_json_string_dup(strip->json, list);
	_cleanup_buf_ struct icr_buf rest;

	icr_buf_init(&rest, ICR_FILE_MAX);
	if (!text)
		return icr_fail_memory(err);
	docker_names_without(text, &strip->names, &rest);
	if (rest.failed)
		return icr_fail_memory(err);
	if (!old && rest.len == strlen(text))
		return 0;
	if (ours && (rest.len == 0 || icr_json_string_is(strip->record, was, rest.data))) {
		strip->marks[list] = MARK_GONE;
		return 0;
	}
	_cleanup_free_ char *value = old ? NULL : docker_quote(rest.data);
	if (!old && !value)
		return icr_fail_memory(err);
	icr_json_edit_replace(&strip->edit, strip->json, list, old ? old : value);
	return 0;
}

/* Takes our names out of every no-proxy list. */
static int strip_proxies(struct strip *strip, struct icr_error *err)
{
	uint32_t proxies = ICR_JSON_NONE;

	while ((proxies = docker_member(strip->json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		uint32_t list = ICR_JSON_NONE;
		int r = 0;
		while (r >= 0 && (list = docker_member(strip->json, proxies, "no-proxy", list)) !=
					 ICR_JSON_NONE)
			if (icr_json_is(strip->json, list, ICR_JSON_STRING))
				r = strip_no_proxy(strip, list, err);
		if (r >= 0)
			r = strip_items(strip, proxies, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int strip_lists(struct strip *strip, const char *key, struct icr_error *err)
{
	uint32_t list = ICR_JSON_NONE, was = ICR_JSON_NONE;
	bool ours = is_created(strip, key, &was);

	while ((list = docker_member(strip->json, 0, key, list)) != ICR_JSON_NONE) {
		if (!icr_json_is(strip->json, list, ICR_JSON_ARRAY))
			continue;
		int r = strip_items(strip, list, ours, err);
		if (r < 0)
			return r;
		if (strip->marks[list] != MARK_GONE || was == ICR_JSON_NONE)
			continue;
		strip->marks[list] = MARK_USED;
		icr_json_edit_replace(&strip->edit, strip->json, list, "null");
	}
	return 0;
}

static int strip_all(struct strip *strip, struct icr_error *err)
{
	int r = strip_entries(strip, false, err);
	if (r >= 0)
		r = strip_lists(strip, "registry-mirrors", err);
	if (r >= 0)
		r = strip_lists(strip, "insecure-registries", err);
	if (r >= 0)
		r = strip_proxies(strip, err);
	if (r >= 0)
		r = strip_entries(strip, true, err);
	return r < 0 ? r : strip_items(strip, 0, false, err);
}

/* A document that we made and in which nothing else stands goes as a whole. */
static int set_base(const struct strip *strip, struct change *change, const struct icr_buf *text,
		    struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	uint32_t was = ICR_JSON_NONE;

	int r = icr_json_parse(text->data, text->len, change->path, DOCKER_JSON_FLAGS, &json, err);
	if (r < 0)
		return r;
	bool empty = json.count == 0 ||
		     (icr_json_is(&json, 0, ICR_JSON_OBJECT) && json.nodes[0].count == 0);
	if (empty && change->created && is_created(strip, "", &was))
		return change_set_base(change, false, "", 0, err);
	return change_set_base(change, true, text->data, text->len, err);
}

static int strip_json(struct change *change, const struct icr_json *json,
		      const struct icr_json *record, struct icr_error *err)
{
	icr_cleanup(strip_clear) struct strip strip = {.json = json, .record = record};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, ICR_FILE_MAX);
	strip.edits = icr_json_member(record, 0, "edits");
	strip.marks = calloc((size_t)json->count + 1, 1);
	if (!strip.marks)
		return icr_fail_memory(err);
	int r = 0;
	if (strip.edits != ICR_JSON_NONE && json->count > 0 &&
	    icr_json_is(json, 0, ICR_JSON_OBJECT))
		r = strip_all(&strip, err);
	if (r >= 0)
		r = icr_edit_apply(&strip.edit, json->text, json->len, &text, err);
	if (r >= 0)
		r = icr_buf_check(&text, change->path, err);
	if (r >= 0)
		r = icr_json_edit_check(&strip.edit, json, text.data, text.len, change->path, err);
	return r < 0 ? r : set_base(&strip, change, &text, err);
}

int docker_strip_config(struct change *change, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0}, record = {0};
	const struct icr_buf *text = &change->current.text;

	if (!change->current.exists || !change->record)
		return change_set_base(change, change->current.exists, text->data, text->len, err);
	int r = icr_json_parse(text->data, text->len, change->path, DOCKER_JSON_FLAGS, &json, err);
	if (r >= 0)
		r = icr_json_parse(change->record, strlen(change->record), NULL, 0, &record, err);
	return r < 0 ? r : strip_json(change, &json, &record, err);
}
