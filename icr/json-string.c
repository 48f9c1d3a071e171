/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/json-scan.h"
#include "icr/json.h"
#include "icr/utf8.h"

/* A string of a text that has been scanned, without its quotes: everything in it is valid. */
struct span {
	const char *at, *end;
};

static struct span value_span(const struct icr_json *json, uint32_t node)
{
	const struct icr_json_node *n = &json->nodes[node];

	return (struct span){json->text + n->start + 1, json->text + n->end - 1};
}

static struct span name_span(const struct icr_json *json, uint32_t node)
{
	const struct icr_json_node *n = &json->nodes[node];

	return (struct span){json->text + n->key_start + 1, json->text + n->key_end - 1};
}

static bool has_name(const struct icr_json *json, uint32_t node)
{
	return node < json->count && json->nodes[node].key_end > 0;
}

static uint32_t hex4(const char *digits)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)digits[i];
		code = code << 4 | (c <= '9' ? c - (uint32_t)'0' : (c | 0x20U) - 'a' + 10);
	}
	return code;
}

/* Decodes the escape at span->at into at most four bytes and moves behind it. */
static size_t next_escape(struct span *span, char ret_bytes[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = span->at[1];

	if (c == 'u') {
		uint32_t code = hex4(span->at + 2);
		span->at += 6;
		if (code >= 0xd800 && code <= 0xdbff) {
			code = 0x10000 + ((code - 0xd800) << 10) + (hex4(span->at + 2) - 0xdc00);
			span->at += 6;
		}
		return icr_utf8_encode(code, ret_bytes);
	}
	const char *found = strchr(from, c);
	span->at += 2;
	ret_bytes[0] = found ? to[found - from] : c;
	return 1;
}

/* The next run of decoded bytes: a stretch of the text itself or BYTES. */
static size_t next_run(struct span *span, char bytes[4], const char **ret_run)
{
	if (span->at < span->end && *span->at == '\\') {
		*ret_run = bytes;
		return next_escape(span, bytes);
	}
	size_t left = (size_t)(span->end - span->at);
	const char *stop = memchr(span->at, '\\', left);
	size_t n = stop ? (size_t)(stop - span->at) : left;
	*ret_run = span->at;
	span->at += n;
	return n;
}

static bool equals_text(struct span span, const char *text)
{
	size_t left = strlen(text);
	char bytes[4];
	const char *run;

	while (span.at < span.end) {
		size_t n = next_run(&span, bytes, &run);
		if (n > left || memcmp(run, text, n) != 0)
			return false;
		text += n;
		left -= n;
	}
	return left == 0;
}

static bool equals_span(struct span a, struct span b)
{
	char bytes_a[4], bytes_b[4];
	const char *run_a = NULL, *run_b = NULL;
	size_t left_a = 0, left_b = 0;

	for (;;) {
		if (left_a == 0 && a.at < a.end)
			left_a = next_run(&a, bytes_a, &run_a);
		if (left_b == 0 && b.at < b.end)
			left_b = next_run(&b, bytes_b, &run_b);
		size_t n = left_a < left_b ? left_a : left_b;
		if (n == 0)
			return left_a == left_b;
		if (memcmp(run_a, run_b, n) != 0)
			return false;
		run_a += n;
		run_b += n;
		left_a -= n;
		left_b -= n;
	}
}

static void append(struct span span, struct icr_buf *out)
{
	char bytes[4];
	const char *run;

	while (span.at < span.end) {
		size_t n = next_run(&span, bytes, &run);
		icr_buf_append(out, run, n);
	}
}

static char *dup_span(struct span span)
{
	_cleanup_buf_ struct icr_buf buf;

	/* decoding never makes a string longer */
	icr_buf_init(&buf, (size_t)(span.end - span.at));
	append(span, &buf);
	return icr_buf_take(&buf);
}

bool icr_json_is(const struct icr_json *json, uint32_t node, enum icr_json_type type)
{
	return node < json->count && json->nodes[node].type == type;
}

bool icr_json_name_is(const struct icr_json *json, uint32_t member, const char *text)
{
	return has_name(json, member) && equals_text(name_span(json, member), text);
}

bool icr_json_string_is(const struct icr_json *json, uint32_t string, const char *text)
{
	return icr_json_is(json, string, ICR_JSON_STRING) &&
	       equals_text(value_span(json, string), text);
}

void icr_json_string(const struct icr_json *json, uint32_t string, struct icr_buf *out)
{
	if (icr_json_is(json, string, ICR_JSON_STRING))
		append(value_span(json, string), out);
}

void icr_json_name(const struct icr_json *json, uint32_t member, struct icr_buf *out)
{
	if (has_name(json, member))
		append(name_span(json, member), out);
}

char *icr_json_string_dup(const struct icr_json *json, uint32_t string)
{
	if (!icr_json_is(json, string, ICR_JSON_STRING))
		return NULL;
	return dup_span(value_span(json, string));
}

char *icr_json_name_dup(const struct icr_json *json, uint32_t member)
{
	return has_name(json, member) ? dup_span(name_span(json, member)) : NULL;
}

uint32_t icr_json_member(const struct icr_json *json, uint32_t object, const char *name)
{
	uint32_t found = ICR_JSON_NONE;

	if (!icr_json_is(json, object, ICR_JSON_OBJECT))
		return ICR_JSON_NONE;
	for (uint32_t i = json->nodes[object].child; i != ICR_JSON_NONE; i = json->nodes[i].next)
		if (icr_json_name_is(json, i, name))
			found = i;
	return found;
}

const char *icr_json_type_name(enum icr_json_type type)
{
	static const char *const names[] = {
		[ICR_JSON_NULL] = "null",	 [ICR_JSON_FALSE] = "false",
		[ICR_JSON_TRUE] = "true",	 [ICR_JSON_NUMBER] = "a number",
		[ICR_JSON_STRING] = "a string",	 [ICR_JSON_ARRAY] = "an array",
		[ICR_JSON_OBJECT] = "an object",
	};

	return names[type];
}

char *icr_json_place(const struct icr_json *json, const char *name, size_t offset)
{
	size_t line, column;
	char *place;

	icr_json_position(json->text, json->len, offset, &line, &column);
	int r = name ? asprintf(&place, "%s:%zu:%zu", name, line, column)
		     : asprintf(&place, "line %zu, column %zu", line, column);
	return r < 0 ? NULL : place;
}

static void quote_control(struct icr_buf *out, unsigned char c)
{
	static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
	const char *found = c ? strchr(from, c) : NULL;

	if (found)
		icr_buf_printf(out, "\\%c", to[found - from]);
	else
		icr_buf_printf(out, "\\u%04x", c);
}

void icr_json_quote(struct icr_buf *out, const char *text, size_t len)
{
	icr_buf_char(out, '"');
	for (size_t i = 0, n; i < len; i += n) {
		unsigned char c = (unsigned char)text[i];
		for (n = 0; i + n < len; n++) {
			c = (unsigned char)text[i + n];
			if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
				break;
		}
		icr_buf_append(out, text + i, n);
		if (n > 0)
			continue;
		n = 1;
		if (c < 0x20) {
			quote_control(out, c);
		} else if (c < 0x80) {
			icr_buf_printf(out, "\\%c", c);
		} else {
			n = icr_utf8_length(text + i, len - i);
			icr_buf_append(out, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
			n = n ? n : 1;
		}
	}
	icr_buf_char(out, '"');
}

static bool same_node(const struct icr_json *a, uint32_t node_a, const struct icr_json *b,
		      uint32_t node_b)
{
	const struct icr_json_node *x = &a->nodes[node_a], *y = &b->nodes[node_b];

	if (x->type != y->type || x->count != y->count)
		return false;
	if (x->type == ICR_JSON_STRING)
		return equals_span(value_span(a, node_a), value_span(b, node_b));
	return x->type != ICR_JSON_NUMBER ||
	       (x->end - x->start == y->end - y->start &&
		memcmp(a->text + x->start, b->text + y->start, x->end - x->start) == 0);
}

bool icr_json_equal(const struct icr_json *a, uint32_t node_a, const struct icr_json *b,
		    uint32_t node_b)
{
	if (node_a >= a->count || node_b >= b->count || !same_node(a, node_a, b, node_b))
		return false;
	/* Nodes stand in the order of the text, so that two equal values are equal runs of nodes:
	 * the counts of items that same_node compares make the trees equal. */
	size_t end = a->nodes[node_a].end;
	for (uint32_t i = node_a + 1, j = node_b + 1; i < a->count && a->nodes[i].start < end;
	     i++, j++) {
		if (j >= b->count || !same_node(a, i, b, j) || has_name(a, i) != has_name(b, j))
			return false;
		if (has_name(a, i) && !equals_span(name_span(a, i), name_span(b, j)))
			return false;
	}
	return true;
}
