/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/json-edit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"

static size_t first_byte(const struct icr_json_node *node)
{
	return node->key_end > 0 ? node->key_start : node->start;
}

/* A stretch of white space of the document, or a constant. */
struct space {
	const char *at;
	size_t len;
};

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

/* The line on which a node begins: where it starts, and how much white space starts it. */
struct line {
	size_t start, indent;
};

/* What a level adds, as the first item that is indented more than its parent shows it. One pass:
 * a file on one long line, or below one, is no reason to look at that line for each item. */
static struct space unit(const struct icr_json *json)
{
	_cleanup_free_ struct line *lines = icr_calloc(json->count, sizeof(*lines));
	struct line line = {0, 0};
	bool seen = false, blank = true;
	size_t at = 0;

	for (uint32_t i = 0; i < json->count; i++) {
		for (size_t first = first_byte(&json->nodes[i]); at < first; at++) {
			blank = is_break(json->text[at]) || (blank && is_blank(json->text[at]));
			if (is_break(json->text[at]))
				line = (struct line){at + 1, 0};
			else if (blank)
				line.indent++;
		}
		lines[i] = line;
		if (i == 0 || !blank || line.start == 0)
			continue;
		seen = true;
		const struct line *outer = &lines[json->nodes[i].parent];
		const char *own = json->text + line.start;
		if (line.indent > outer->indent &&
		    memcmp(own, json->text + outer->start, outer->indent) == 0)
			return (struct space){own + outer->indent, line.indent - outer->indent};
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
		if (edit->items[i].start == place && edit->items[i].end == place)
			return true;
	return false;
}

/* Does the edit take all that is in NODE out? */
static bool is_emptied(const struct icr_edit *edit, const struct icr_json *json,
		       const struct icr_json_node *node)
{
	for (size_t i = 0; i < edit->count; i++)
		if (edit->items[i].len == 0 && edit->items[i].start == node->start + 1 &&
		    edit->items[i].end == json->nodes[node->last].end)
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

void icr_json_edit_add_member(struct icr_edit *edit, const struct icr_json *json, uint32_t object,
			      const char *name, const char *value)
{
	const struct icr_json_node *node = &json->nodes[object];
	_cleanup_buf_ struct icr_buf bytes = ICR_BUF(ICR_BUF_MAX);

	size_t place = begin_item(edit, json, object, &bytes);
	icr_json_quote(&bytes, name, strlen(name));
	put_colon(json, node->count > 0 ? node->last : any_member(json), &bytes);
	icr_buf_text(&bytes, value);
	icr_edit_splice(edit, place, place, bytes.data, bytes.len);
}

void icr_json_edit_add_item(struct icr_edit *edit, const struct icr_json *json, uint32_t array,
			    const char *value)
{
	_cleanup_buf_ struct icr_buf bytes = ICR_BUF(ICR_BUF_MAX);

	size_t place = begin_item(edit, json, array, &bytes);
	icr_buf_text(&bytes, value);
	icr_edit_splice(edit, place, place, bytes.data, bytes.len);
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
	edit->broken = edit->broken || left > 0 || late;
}

struct check {
	const struct icr_edit *edit;
	const struct icr_json *before, *after;
	size_t *places; /* of each splice: where its new bytes stand in after */
	uint32_t next;	/* node of after that is not accounted for yet */
	const char *name;
	struct icr_error *err;
};

static int fail(const struct check *check, size_t at, const char *what)
{
	_cleanup_free_ char *place = icr_json_place(check->before, check->name, at);

	(void)icr_fail_at(check->err, ICR_E_SYNTAX, place,
			  "the edit would change more than it should: %s", what);
	(void)icr_error_hint(check->err,
			     "this is a fault of this program; the file was not touched");
	return -ICR_E_SYNTAX;
}

/* Every byte outside the splices, and that there are no others. */
static int check_bytes(const struct check *check)
{
	const struct icr_json *before = check->before, *after = check->after;
	size_t from = 0, to = 0; /* in before and in after */

	for (size_t i = 0; i <= check->edit->count; i++) {
		const struct icr_splice *splice =
			i < check->edit->count ? &check->edit->items[i] : NULL;
		size_t start = splice ? splice->start : before->len;
		size_t len = splice ? splice->len : 0;
		if (start < from || start > before->len || after->len - to < start - from ||
		    memcmp(before->text + from, after->text + to, start - from) != 0)
			return fail(check, from, "bytes around it differ");
		to += start - from;
		if (splice && (splice->end < start || after->len - to < len ||
			       memcmp(after->text + to, splice->bytes, len) != 0))
			return fail(check, start, "it is not what was written");
		to += len;
		from = splice ? splice->end : start;
	}
	return to == after->len ? 0 : fail(check, before->len, "the text has another length");
}

/* How many splices begin at or before byte AT of before. */
static size_t splices_until(const struct icr_edit *edit, size_t at)
{
	size_t low = 0, high = edit->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (edit->items[middle].start <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is FROM..TO of before within one splice's replaced bytes? */
static bool is_covered(const struct icr_edit *edit, size_t from, size_t to)
{
	size_t i = splices_until(edit, from);

	return i > 0 && edit->items[i - 1].end >= to && edit->items[i - 1].end > from;
}

/* Is any byte of FROM..TO replaced, or something put in between? */
static bool is_cut(const struct icr_edit *edit, size_t from, size_t to)
{
	return is_covered(edit, from, from + 1) ||
	       splices_until(edit, to - 1) != splices_until(edit, from);
}

/* Where the byte AT of before, which no splice replaces, stands in after. An insertion right there
 * comes before that byte. */
static size_t map(const struct check *check, size_t at)
{
	size_t i = splices_until(check->edit, at);

	if (i == 0)
		return at;
	const struct icr_splice *splice = &check->edit->items[i - 1];
	return check->places[i - 1] + splice->len + (at - splice->end);
}

/* Are the bytes FROM..TO of after all new ones of one splice? */
static bool is_new(const struct check *check, size_t from, size_t to)
{
	size_t low = 0, high = check->edit->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (check->places[middle] <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && to <= check->places[low - 1] + check->edit->items[low - 1].len;
}

/* Passes over values of after that the edit brought. */
static void skip_new(struct check *check)
{
	const struct icr_json *after = check->after;

	while (check->next < after->count) {
		const struct icr_json_node *node = &after->nodes[check->next];
		if (!is_new(check, first_byte(node), node->end))
			return;
		check->next++;
	}
}

/* The name of a member, which no splice may touch, and where it stands. */
static bool is_same_name(const struct check *check, const struct icr_json_node *old,
			 const struct icr_json_node *new)
{
	if (old->key_end == 0 || new->key_end == 0)
		return old->key_end == new->key_end;
	return !is_cut(check->edit, old->key_start, old->key_end) &&
	       new->key_start == map(check, old->key_start) &&
	       new->key_end == map(check, old->key_end - 1) + 1;
}

static bool is_same_value(const struct check *check, const struct icr_json_node *old,
			  const struct icr_json_node *new)
{
	bool container = old->type == ICR_JSON_OBJECT || old->type == ICR_JSON_ARRAY;
	size_t last = old->end - 1;

	if (container ? is_covered(check->edit, old->start, old->start + 1) ||
				is_covered(check->edit, last, last + 1)
		      : is_cut(check->edit, old->start, old->end))
		return false;
	return old->type == new->type &&new->start == map(check, old->start) &&
	       new->end == map(check, last) + 1;
}

/* A node of before, unless it goes, must be what comes next in after. That it is inside the same
 * node then follows from the brackets, which are nodes' ends too. */
static int check_node(struct check *check, const struct icr_json_node *old)
{
	if (is_covered(check->edit, first_byte(old), old->end))
		return 0;
	skip_new(check);
	if (check->next == check->after->count)
		return fail(check, first_byte(old), "a value is gone");
	const struct icr_json_node *new = &check->after->nodes[check->next++];
	if (!is_same_name(check, old, new))
		return fail(check, first_byte(old), "a name differs");
	bool replaced = is_covered(check->edit, old->start, old->end);
	if (replaced ? !is_new(check, new->start, new->end) : !is_same_value(check, old, new))
		return fail(check, old->start, "a value differs");
	return 0;
}

static int check_nodes(struct check *check)
{
	for (uint32_t i = 0; i < check->before->count; i++) {
		int r = check_node(check, &check->before->nodes[i]);
		if (r < 0)
			return r;
	}
	skip_new(check);
	if (check->next < check->after->count)
		return fail(check, check->before->len, "there is a value that nobody wrote");
	return 0;
}

static void find_places(const struct icr_edit *edit, size_t *places)
{
	size_t shift = 0; /* what is shorter wraps around, here and in the sum */

	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->items[i];
		places[i] = splice->start + shift;
		shift += splice->len - (splice->end - splice->start);
	}
}

int icr_json_edit_check(const struct icr_edit *edit, const struct icr_json *before,
			const char *after, size_t after_len, const char *name,
			struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_free_ size_t *places = icr_calloc(edit->count, sizeof(*places));
	struct check check = {
		.edit = edit,
		.before = before,
		.after = &json,
		.places = places,
		.name = name,
		.err = err,
	};

	int r = icr_json_parse(after, after_len, name, ICR_JSON_BOM | ICR_JSON_EMPTY, &json, err);
	if (r < 0) {
		(void)icr_error_wrap(err, "the edit would break the file, which was not touched");
		return r;
	}
	r = check_bytes(&check);
	if (r < 0)
		return r;
	find_places(edit, places);
	return check_nodes(&check);
}
