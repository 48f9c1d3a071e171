/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/json.h"

#include <stdlib.h>
#include <string.h>

#include "icr/json-scan.h"
#include "icr/utf8.h"

#define NODES_FIRST 64
#define COMMENTS    "comments are not JSON"

/* No recursion: the way back up is in the nodes' parents. */
struct parser {
	struct icr_json_scan scan;
	struct icr_json json;
	size_t size;		   /* of json.nodes */
	uint32_t open;		   /* innermost object or array that is not closed yet */
	unsigned depth;		   /* of it */
	size_t key_start, key_end; /* of the member whose value comes next */
};

static void skip_space(struct icr_json_scan *scan)
{
	while (scan->at < scan->len) {
		char c = scan->text[scan->at];
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		scan->at++;
	}
}

/* The character that comes next, or '\0' at the end (and for a NUL byte, which is no JSON). */
static char peek(const struct icr_json_scan *scan)
{
	return scan->at < scan->len ? scan->text[scan->at] : '\0';
}

static int grow(struct parser *parser)
{
	size_t size = parser->size ? parser->size * 2 : NODES_FIRST;
	struct icr_json_node *nodes = realloc(parser->json.nodes, size * sizeof(*nodes));

	if (!nodes)
		return icr_fail_memory(parser->scan.err);
	parser->json.nodes = nodes;
	parser->size = size;
	return 0;
}

static int add_node(struct parser *parser, enum icr_json_type type)
{
	uint32_t index = parser->json.count;

	if (index == ICR_JSON_NODES_MAX)
		return icr_json_scan_fail(&parser->scan, parser->scan.at, "more than %zu values",
					  ICR_JSON_NODES_MAX);
	if (index == parser->size) {
		int r = grow(parser);
		if (r < 0)
			return r;
	}
	struct icr_json_node *nodes = parser->json.nodes;
	nodes[index] = (struct icr_json_node){
		.type = type,
		.start = parser->scan.at,
		.key_start = parser->key_start,
		.key_end = parser->key_end,
		.parent = parser->open,
		.child = ICR_JSON_NONE,
		.last = ICR_JSON_NONE,
		.next = ICR_JSON_NONE,
	};
	if (parser->open != ICR_JSON_NONE) {
		struct icr_json_node *open = &nodes[parser->open];
		if (open->last == ICR_JSON_NONE)
			open->child = index;
		else
			nodes[open->last].next = index;
		open->last = index;
		open->count++;
	}
	parser->json.count++;
	return 0;
}

static int open_container(struct parser *parser, enum icr_json_type type)
{
	if (parser->depth == ICR_JSON_DEPTH_MAX)
		return icr_json_scan_fail(&parser->scan, parser->scan.at, "more than %d levels",
					  ICR_JSON_DEPTH_MAX);
	int r = add_node(parser, type);
	if (r < 0)
		return r;
	parser->depth++;
	parser->open = parser->json.count - 1;
	parser->scan.at++;
	return 0;
}

static void close_container(struct parser *parser)
{
	struct icr_json_node *node = &parser->json.nodes[parser->open];

	parser->scan.at++;
	parser->depth--;
	node->end = parser->scan.at;
	parser->open = node->parent;
}

/* Tells what stands where WANTED should. */
static int fail_instead(const struct parser *parser, const char *wanted)
{
	const struct icr_json_scan *scan = &parser->scan;
	unsigned char c = (unsigned char)peek(scan);

	if (scan->at == scan->len)
		return icr_json_scan_fail(scan, scan->at, "the text ends where %s is expected",
					  wanted);
	if (c == '/' || c == '#')
		return icr_json_scan_fail(scan, scan->at, COMMENTS);
	if (c == '\'')
		return icr_json_scan_fail(
			scan, scan->at, "%s is expected here; strings need double quotes", wanted);
	if (c >= 0x20 && c < 0x7f)
		return icr_json_scan_fail(scan, scan->at, "%s is expected here", wanted);
	size_t n = icr_utf8_length(scan->text + scan->at, scan->len - scan->at);
	if (n == 0)
		return icr_json_scan_fail(scan, scan->at, "invalid UTF-8");
	return icr_json_scan_fail(scan, scan->at, "%s is expected here, not the character U+%04X",
				  wanted, icr_utf8_decode(scan->text + scan->at, n));
}

static int fail_value(const struct parser *parser)
{
	const struct icr_json_scan *scan = &parser->scan;
	char c = peek(scan);

	if (c == '+' || c == '.')
		return icr_json_scan_fail(scan, scan->at, "a number may not begin with %c", c);
	if (c == 'N' || c == 'I')
		return icr_json_scan_fail(
			scan, scan->at, "a value is expected here; NaN and Infinity are not JSON");
	if (c == 'T' || c == 'F')
		return icr_json_scan_fail(scan, scan->at,
					  "a value is expected here; true and false are spelled in "
					  "lower case");
	if (c == ',')
		return icr_json_scan_fail(scan, scan->at, "a value is missing before this comma");
	return fail_instead(parser, "a value");
}

static int scan_scalar(struct parser *parser, enum icr_json_type type)
{
	static const char *const words[] = {
		[ICR_JSON_NULL] = "null",
		[ICR_JSON_FALSE] = "false",
		[ICR_JSON_TRUE] = "true",
	};
	int r = add_node(parser, type);

	if (r < 0)
		return r;
	if (type == ICR_JSON_STRING)
		r = icr_json_scan_string(&parser->scan);
	else if (type == ICR_JSON_NUMBER)
		r = icr_json_scan_number(&parser->scan);
	else
		r = icr_json_scan_word(&parser->scan, words[type]);
	parser->json.nodes[parser->json.count - 1].end = parser->scan.at;
	return r;
}

/* A whole scalar, or the opening of an object or array. */
static int scan_value(struct parser *parser)
{
	switch (peek(&parser->scan)) {
	case '{':
		return open_container(parser, ICR_JSON_OBJECT);
	case '[':
		return open_container(parser, ICR_JSON_ARRAY);
	case '"':
		return scan_scalar(parser, ICR_JSON_STRING);
	case 't':
		return scan_scalar(parser, ICR_JSON_TRUE);
	case 'f':
		return scan_scalar(parser, ICR_JSON_FALSE);
	case 'n':
		return scan_scalar(parser, ICR_JSON_NULL);
	case '-':
	case '0' ... '9':
		return scan_scalar(parser, ICR_JSON_NUMBER);
	default:
		return fail_value(parser);
	}
}

static int scan_key(struct parser *parser)
{
	struct icr_json_scan *scan = &parser->scan;

	if (peek(scan) == ',')
		return icr_json_scan_fail(scan, scan->at, "a member is missing before this comma");
	if (peek(scan) != '"')
		return fail_instead(parser, "a name in double quotes");
	parser->key_start = scan->at;
	int r = icr_json_scan_string(scan);
	if (r < 0)
		return r;
	parser->key_end = scan->at;
	skip_space(scan);
	if (peek(scan) != ':')
		return fail_instead(parser, "a colon");
	scan->at++;
	skip_space(scan);
	return 0;
}

static int fail_separator(const struct parser *parser, char closer)
{
	const struct icr_json_scan *scan = &parser->scan;
	char c = peek(scan);

	if (scan->at < scan->len && c != '\0' && strchr("\"{[-0123456789tfn", c))
		return icr_json_scan_fail(scan, scan->at, "a comma is missing before this");
	return fail_instead(parser, closer == '}' ? "a comma or }" : "a comma or ]");
}

/* One more item or member of the open container, or its end. */
static int scan_next(struct parser *parser)
{
	const struct icr_json_node *open = &parser->json.nodes[parser->open];
	struct icr_json_scan *scan = &parser->scan;
	bool object = open->type == ICR_JSON_OBJECT;
	char closer = object ? '}' : ']';

	skip_space(scan);
	if (peek(scan) == closer) {
		close_container(parser);
		return 0;
	}
	if (open->count > 0) {
		if (peek(scan) != ',')
			return fail_separator(parser, closer);
		scan->at++;
		skip_space(scan);
		if (peek(scan) == closer)
			return icr_json_scan_fail(scan, scan->at,
						  "a trailing comma: take it out, or add what "
						  "should follow it");
	}
	parser->key_start = parser->key_end = 0;
	if (object) {
		int r = scan_key(parser);
		if (r < 0)
			return r;
	}
	return scan_value(parser);
}

/* What is said about the very beginning of a file: encodings. */
static int scan_start(struct parser *parser)
{
	struct icr_json_scan *scan = &parser->scan;
	const char *text = scan->text;

	if (scan->len >= 2 &&
	    (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
	     (text[0] == '\0') != (text[1] == '\0')))
		return icr_json_scan_fail(scan, 0,
					  "this is UTF-16 text, but JSON is UTF-8: save it as "
					  "UTF-8");
	if (scan->len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		if (!(scan->flags & ICR_JSON_BOM))
			return icr_json_scan_fail(scan, 0,
						  "a byte order mark may not stand before JSON");
		scan->at = 3;
	}
	skip_space(scan);
	return 0;
}

static int scan_document(struct parser *parser)
{
	struct icr_json_scan *scan = &parser->scan;
	int r = scan_start(parser);

	if (r < 0)
		return r;
	if (scan->at == scan->len && scan->flags & ICR_JSON_EMPTY)
		return 0;
	r = scan_value(parser);
	while (r >= 0 && parser->open != ICR_JSON_NONE)
		r = scan_next(parser);
	if (r < 0 || scan->flags & ICR_JSON_PREFIX)
		return r;
	skip_space(scan);
	if (scan->at == scan->len)
		return 0;
	if (peek(scan) == '/' || peek(scan) == '#')
		return icr_json_scan_fail(scan, scan->at, COMMENTS);
	return icr_json_scan_fail(scan, scan->at,
				  "text after the value: a JSON document is one value");
}

int icr_json_parse(const char *text, size_t len, const char *name, unsigned flags,
		   struct icr_json *ret_json, struct icr_error *err)
{
	struct parser parser = {
		.scan = {.text = text, .len = len, .name = name, .flags = flags, .err = err},
		.json = {.text = text, .len = len},
		.open = ICR_JSON_NONE,
	};
	int r = scan_document(&parser);

	if (r < 0) {
		icr_json_free(&parser.json);
		return r;
	}
	if (parser.json.count > 0)
		parser.json.end = parser.json.nodes[0].end;
	*ret_json = parser.json;
	return 0;
}

void icr_json_free(struct icr_json *json)
{
	if (!json)
		return;
	free(json->nodes);
	*json = (struct icr_json){0};
}
