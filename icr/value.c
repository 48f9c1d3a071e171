/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/utf8.h"

/* Puts COUNT values, FIRST to LAST, behind those of PARENT. */
static void append(struct icr_value *parent, struct icr_value *first, struct icr_value *last,
		   size_t count)
{
	*(parent->last ? &parent->last->next : &parent->child) = first;
	parent->last = last;
	parent->count += count;
}

/* A new value at the end of PARENT, NULL for a root: one block of memory, strings and all. */
static struct icr_value *add(struct icr_value *parent, enum icr_json_type type, const char *name,
			     const char *text)
{
	size_t name_size = name ? strlen(name) + 1 : 0, text_size = text ? strlen(text) + 1 : 0;
	size_t size = sizeof(struct icr_value) + name_size + text_size;
	struct icr_value *value = icr_malloc(size);

	*value = (struct icr_value){.type = type, .size = size};
	if (name)
		value->name = memcpy(value->bytes, name, name_size);
	if (text)
		value->text = memcpy(value->bytes + name_size, text, text_size);
	if (parent)
		append(parent, value, value, 1);
	return value;
}

/* One reading; name and text are those of a value at a time. */
struct reader {
	const struct icr_json *json;
	struct icr_buf name, text;
};

/* The scanner has limited how deep this goes. */
static struct icr_value *read_node(struct reader *reader, uint32_t node, struct icr_value *parent)
{
	const struct icr_json *json = reader->json;
	const struct icr_json_node *from = &json->nodes[node];
	bool number = from->type == ICR_JSON_NUMBER, string = from->type == ICR_JSON_STRING;

	icr_buf_truncate(&reader->name, 0);
	icr_buf_truncate(&reader->text, 0);
	icr_json_name(json, node, &reader->name);
	icr_json_string(json, node, &reader->text);
	if (number)
		icr_buf_append(&reader->text, json->text + from->start, from->end - from->start);
	const char *name = from->key_end ? reader->name.data : NULL;
	const char *text = number || string ? reader->text.data : NULL;
	struct icr_value *value = add(parent, from->type, name, text);
	for (uint32_t i = from->child; i != ICR_JSON_NONE; i = json->nodes[i].next)
		(void)read_node(reader, i, value);
	return value;
}

int icr_value_parse(const char *text, size_t len, bool prefix, struct icr_value **ret_value,
		    struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	unsigned flags = ICR_JSON_NO_NUL | (prefix ? ICR_JSON_PREFIX : 0U);
	struct reader reader = {&json, ICR_BUF(ICR_BUF_MAX), ICR_BUF(ICR_BUF_MAX)};
	int r = icr_json_parse(text, len, NULL, flags, &json, err);

	if (r < 0)
		return r;
	if (json.nodes[0].type != ICR_JSON_OBJECT)
		return icr_fail(err, ICR_E_PROTOCOL, "an object is expected, not %s",
				icr_json_type_name(json.nodes[0].type));
	*ret_value = read_node(&reader, 0, NULL);
	icr_buf_free(&reader.name);
	icr_buf_free(&reader.text);
	return 0;
}

static bool is_utf8(const char *text)
{
	return !text || icr_utf8_is_text(text, strlen(text));
}

static bool can_print(const struct icr_value *value)
{
	if (!is_utf8(value->name) || !is_utf8(value->text))
		return false;
	icr_value_each(item, value)
		if (!can_print(item))
			return false;
	return true;
}

static void print(const struct icr_value *value, const char *name, struct icr_buf *out)
{
	static const char *const words[] = {
		[ICR_JSON_NULL] = "null", [ICR_JSON_FALSE] = "false", [ICR_JSON_TRUE] = "true"};
	bool object = value->type == ICR_JSON_OBJECT;

	switch (value->type) {
	case ICR_JSON_ARRAY:
	case ICR_JSON_OBJECT:
		icr_json_begin(out, name, object ? '{' : '[');
		icr_value_each(item, value)
			print(item, item->name, out);
		icr_buf_char(out, object ? '}' : ']');
		return;
	case ICR_JSON_STRING:
		icr_json_put_text(out, name, value->text);
		return;
	case ICR_JSON_NUMBER:
		icr_json_put(out, name, value->text);
		return;
	default:
		icr_json_put(out, name, words[value->type]);
	}
}

int icr_value_print(const struct icr_value *value, struct icr_buf *out, struct icr_error *err)
{
	if (!can_print(value))
		return icr_fail(err, EINVAL, "a text that is not UTF-8 cannot be put into JSON");
	print(value, NULL, out);
	return icr_buf_check(out, "the message", err);
}

struct icr_value *icr_value_new(void)
{
	return add(NULL, ICR_JSON_OBJECT, NULL, NULL);
}

void icr_value_free(struct icr_value *value)
{
	if (!value)
		return;
	for (struct icr_value *child = value->child, *next; child; child = next) {
		next = child->next;
		icr_value_free(child);
	}
	icr_wipe(value, value->size);
	free(value);
}

struct icr_value *icr_value_put(struct icr_value *object, const char *name, enum icr_json_type type)
{
	return add(object, type, name, NULL);
}

void icr_value_put_text(struct icr_value *object, const char *name, const char *text)
{
	(void)add(object, text ? ICR_JSON_STRING : ICR_JSON_NULL, name, text);
}

void icr_value_put_flag(struct icr_value *object, const char *name, bool flag)
{
	(void)icr_value_put(object, name, flag ? ICR_JSON_TRUE : ICR_JSON_FALSE);
}

void icr_value_put_number(struct icr_value *object, const char *name, int64_t number)
{
	_cleanup_free_ char *text = icr_printf("%" PRId64, number);

	(void)add(object, ICR_JSON_NUMBER, name, text);
}

struct icr_value *icr_value_put_list(struct icr_value *object, const char *name)
{
	return icr_value_put(object, name, ICR_JSON_ARRAY);
}

struct icr_value *icr_value_put_object(struct icr_value *object, const char *name)
{
	return icr_value_put(object, name, ICR_JSON_OBJECT);
}

void icr_value_push_text(struct icr_value *list, const char *text)
{
	icr_value_put_text(list, NULL, text);
}

struct icr_value *icr_value_push_object(struct icr_value *list)
{
	return icr_value_put(list, NULL, ICR_JSON_OBJECT);
}

void icr_value_move(struct icr_value *to, struct icr_value *from)
{
	if (from->child)
		append(to, from->child, from->last, from->count);
	from->child = from->last = NULL;
	from->count = 0;
}

const struct icr_value *icr_value_get(const struct icr_value *object, const char *name)
{
	const struct icr_value *found = NULL;

	icr_value_each(member, object)
		if (member->name && strcmp(member->name, name) == 0)
			found = member;
	return found;
}

const char *icr_value_text(const struct icr_value *object, const char *name)
{
	return icr_value_string(icr_value_get(object, name));
}

bool icr_value_flag(const struct icr_value *object, const char *name)
{
	return icr_value_is(icr_value_get(object, name), ICR_JSON_TRUE);
}

bool icr_value_number(const struct icr_value *object, const char *name, int64_t min, int64_t max,
		      int64_t *ret_number)
{
	const struct icr_value *value = icr_value_get(object, name);

	return icr_value_is(value, ICR_JSON_NUMBER) &&
	       icr_number_parse(value->text, min, max, ret_number, NULL) >= 0;
}
