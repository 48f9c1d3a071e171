/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "icr/edit.h"

#define SPLICE_MAX ((size_t)8 * 1024 * 1024)

static size_t first_byte(const struct icr_json_node *node)
{
	return node->key_end > 0 ? node->key_start : node->start;
}

static bool has_break(const char *text, size_t from, size_t to)
{
	return memchr(text + from, '\n', to - from) || memchr(text + from, '\r', to - from);
}

/* The first member of the document. */
static uint32_t any_member(const struct icr_json *json)
{
	for (uint32_t i = 0; i < json->count; i++)
		if (json->nodes[i].key_end > 0)
			return i;
	return ICR_JSON_NONE;
}

/* Colon and white space between a name and its value, as MODEL (or nobody) has it. */
static void put_colon(const struct icr_json *json, uint32_t model, struct icr_buf *out)
{
	const struct icr_json_node *node = model == ICR_JSON_NONE ? NULL : &json->nodes[model];

	if (!node || has_break(json->text, node->key_end, node->start))
		icr_buf_text(out, ": ");
	else
		icr_buf_append(out, json->text + node->key_end, node->start - node->key_end);
}

/* What a document on one line puts behind its commas; its colons tell. */
static const char *blank(const struct icr_json *json)
{
	uint32_t model = any_member(json);

	return model != ICR_JSON_NONE && json->text[json->nodes[model].start - 1] == ':' ? "" : " ";
}

/* Comma and white space before one more item, as the last one of NODE has it. */
static void put_separator(const struct icr_json *json, const struct icr_json_node *node,
			  struct icr_buf *out)
{
	const struct icr_json_node *last = &json->nodes[node->last];
	size_t to = first_byte(last), from = node->start + 1;

	if (node->count > 1) {
		uint32_t i = node->child;
		while (json->nodes[i].next != node->last)
			i = json->nodes[i].next;
		from = json->nodes[i].end;
	} else {
		icr_buf_char(out, ',');
		if (from == to)
			icr_buf_text(out, blank(json));
	}
	icr_buf_append(out, json->text + from, to - from);
}

static bool is_inserted_at(const struct icr_edit *edit, size_t place)
{
	for (size_t i = 0; i < edit->count; i++)
		if (edit->splices[i].start == place && edit->splices[i].end == place)
			return true;
	return false;
}

/* Does the edit take all that is in NODE out? */
static bool is_emptied(const struct icr_edit *edit, const struct icr_json *json,
		       const struct icr_json_node *node)
{
	for (size_t i = 0; i < edit->count; i++)
		if (edit->splices[i].len == 0 && edit->splices[i].start == node->start + 1 &&
		    edit->splices[i].end == json->nodes[node->last].end)
			return true;
	return false;
}

/* Appends what comes before a new item of CONTAINER and returns where it goes. */
static size_t begin_item(const struct icr_edit *edit, const struct icr_json *json,
			 uint32_t container, struct icr_buf *out)
{
	const struct icr_json_node *node = &json->nodes[container];
	size_t place = node->count > 0 ? json->nodes[node->last].end : node->start + 1;
	bool multiline = has_break(json->text, node->start, node->end);

	if (node->count > 0 && !is_emptied(edit, json, node)) {
		put_separator(json, node, out);
		return place;
	}
	if (is_inserted_at(edit, place)) {
		icr_buf_char(out, ',');
		if (!multiline)
			icr_buf_text(out, blank(json));
	}
	if (multiline)
		icr_json_edit_indent(json, container, 0, out);
	return place;
}

static void insert(struct icr_edit *edit, size_t place, const struct icr_buf *bytes)
{
	if (!edit->failed)
		edit->failed = -bytes->failed;
	icr_edit_splice(edit, place, place, bytes->data, bytes->len);
}

void icr_json_edit_add_member(struct icr_edit *edit, const struct icr_json *json, uint32_t object,
			      const char *name, const char *value)
{
	const struct icr_json_node *node = &json->nodes[object];
	_cleanup_buf_ struct icr_buf bytes;

	icr_buf_init(&bytes, SPLICE_MAX);
	size_t place = begin_item(edit, json, object, &bytes);
	icr_json_quote(&bytes, name, strlen(name));
	put_colon(json, node->count > 0 ? node->last : any_member(json), &bytes);
	icr_buf_text(&bytes, value);
	insert(edit, place, &bytes);
}

void icr_json_edit_add_item(struct icr_edit *edit, const struct icr_json *json, uint32_t array,
			    const char *value)
{
	_cleanup_buf_ struct icr_buf bytes;

	icr_buf_init(&bytes, SPLICE_MAX);
	size_t place = begin_item(edit, json, array, &bytes);
	icr_buf_text(&bytes, value);
	insert(edit, place, &bytes);
}

void icr_json_edit_replace(struct icr_edit *edit, const struct icr_json *json, uint32_t node,
			   const char *value)
{
	icr_edit_splice(edit, json->nodes[node].start, json->nodes[node].end, value, strlen(value));
}

static bool is_last_of(const struct icr_json *json, uint32_t node)
{
	return json->nodes[node].next == ICR_JSON_NONE;
}

void icr_json_edit_remove(struct icr_edit *edit, const struct icr_json *json, const uint32_t *nodes,
			  size_t count)
{
	if (count == 0)
		return;
	const struct icr_json_node *parent = &json->nodes[json->nodes[nodes[0]].parent];
	size_t kept_end = parent->start + 1, left = count;

	for (uint32_t i = parent->child; i != ICR_JSON_NONE && left > 0; i = json->nodes[i].next) {
		if (i != *nodes) {
			kept_end = json->nodes[i].end;
			continue;
		}
		size_t start = first_byte(&json->nodes[i]);
		while (left > 1 && json->nodes[i].next == nodes[1]) {
			i = *++nodes;
			left--;
		}
		nodes++;
		left--;
		if (is_last_of(json, i))
			icr_edit_splice(edit, kept_end, json->nodes[i].end, "", 0);
		else
			icr_edit_splice(edit, start, first_byte(&json->nodes[json->nodes[i].next]),
					"", 0);
	}
	/* what was added behind the last item would begin with a comma now */
	bool late = is_emptied(edit, json, parent) &&
		    is_inserted_at(edit, json->nodes[parent->last].end);
	if ((left > 0 || late) && !edit->failed)
		edit->failed = -EINVAL;
}
