/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <string.h>

#include "icr/edit.h"

/* A stretch of white space of the document, or a constant. */
struct space {
	const char *at;
	size_t len;
};

static size_t first_byte(const struct icr_json_node *node)
{
	return node->key_end > 0 ? node->key_start : node->start;
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The first line break inside the root: no string holds one unescaped. */
static struct space line_break(const struct icr_json *json)
{
	const struct icr_json_node *root = &json->nodes[0];

	for (size_t i = root->start; i < root->end; i++)
		if (is_break(json->text[i]))
			return (struct space){json->text + i,
					      strncmp(json->text + i, "\r\n", 2) == 0 ? 2 : 1};
	return (struct space){"", 0};
}

/* Does only white space stand between AT and the beginning of its line? Then RET is that. */
static bool begins_line(const struct icr_json *json, size_t at, struct space *ret)
{
	size_t from = at;

	while (from > 0 && is_blank(json->text[from - 1]))
		from--;
	*ret = (struct space){json->text + from, at - from};
	return from > 0 && is_break(json->text[from - 1]);
}

/* The white space that begins the line on which NODE begins. */
static struct space line_indent(const struct icr_json *json, uint32_t node)
{
	size_t from = first_byte(&json->nodes[node]), to;

	while (from > 0 && !is_break(json->text[from - 1]))
		from--;
	for (to = from; is_blank(json->text[to]); to++)
		;
	return (struct space){json->text + from, to - from};
}

/* What a level adds, as the first item that is indented more than its parent shows it. */
static struct space unit(const struct icr_json *json)
{
	bool seen = false;

	for (uint32_t i = 1; i < json->count; i++) {
		struct space own, outer = line_indent(json, json->nodes[i].parent);
		if (!begins_line(json, first_byte(&json->nodes[i]), &own))
			continue;
		seen = true;
		if (own.len > outer.len && memcmp(own.at, outer.at, outer.len) == 0)
			return (struct space){own.at + outer.len, own.len - outer.len};
	}
	return seen ? (struct space){"", 0} : (struct space){"\t", 1};
}

/* Of the members of OBJECT; false when they do not begin lines. */
static bool member_indent(const struct icr_json *json, uint32_t object, struct space *ret_indent,
			  int *levels)
{
	const struct icr_json_node *node = &json->nodes[object];

	if (node->count > 0)
		return begins_line(json, first_byte(&json->nodes[node->last]), ret_indent);
	*ret_indent = line_indent(json, object);
	++*levels;
	return true;
}

void icr_json_edit_indent(const struct icr_json *json, uint32_t object, int levels,
			  struct icr_buf *out)
{
	struct space newline = {"\n", 1}, level = {"\t", 1}, indent = {"", 0};

	if (json->count == 0) {
		levels++;
	} else {
		newline = line_break(json);
		if (newline.len == 0 || !member_indent(json, object, &indent, &levels))
			return;
		level = unit(json);
	}
	while (levels < 0 && indent.len >= level.len) {
		indent.len -= level.len;
		levels++;
	}
	icr_buf_append(out, newline.at, newline.len);
	icr_buf_append(out, indent.at, indent.len);
	for (; levels > 0; levels--)
		icr_buf_append(out, level.at, level.len);
}
