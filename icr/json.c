/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/utf8.h"

#define NODES_FIRST 16
#define COMMENTS    "comments are not JSON"

/* One scan over a text. */
struct scan {
	const char *text;
	size_t len, at;
	const char *name;
	unsigned flags; /* enum icr_json_flags */
	struct icr_error *err;
};

/* Line and column (from 1, in characters) of the byte AT, all before which is valid UTF-8. A byte
 * order mark at the beginning does not count. */
static void find_position(const char *text, size_t len, size_t at, size_t *ret_line,
			  size_t *ret_column)
{
	size_t line = 1, column = 1;
	size_t i = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	for (; i < at; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\n' || (c == '\r' && (i + 1 == len || text[i + 1] != '\n'))) {
			line++;
			column = 1;
		} else if ((c & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

/* -ICR_E_SYNTAX at the byte AT. */
ICR_PRINTF(3, 4) static int scan_fail(const struct scan *scan, size_t at, const char *format, ...)
{
	size_t line, column;
	va_list args;

	find_position(scan->text, scan->len, at, &line, &column);
	va_start(args, format);
	_cleanup_free_ char *what = icr_vprintf(format, args);
	va_end(args);
	if (!scan->name)
		return icr_fail(scan->err, ICR_E_SYNTAX, "line %zu, column %zu: %s", line, column,
				what);
	_cleanup_free_ char *where = icr_printf("%s:%zu:%zu", scan->name, line, column);
	return icr_fail_at(scan->err, ICR_E_SYNTAX, where, "%s", what);
}

/* Is there a byte of the eight that a string cannot simply run over: a control character, '"',
 * '\\' or one above 0x7f? (A byte below N shows as the high bit of its difference; a borrow can
 * only add false alarms behind a true one.) */
static bool is_special(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101U, high = 0x8080808080808080U;
	uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

	return ((eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight) & high;
}

/* The four digits behind \u, at scan->at. */
static int scan_hex(struct scan *scan, uint32_t *ret_code)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++, scan->at++) {
		int digit = scan->at < scan->len ? icr_hex_digit(scan->text[scan->at]) : -1;
		if (digit < 0)
			return scan_fail(scan, scan->at, "\\u needs four hexadecimal digits");
		code = code << 4 | (uint32_t)digit;
	}
	*ret_code = code;
	return 0;
}

static int scan_unicode(struct scan *scan, size_t backslash)
{
	uint32_t code, second = 0;
	int r = scan_hex(scan, &code);

	if (r < 0)
		return r;
	if (code == 0 && scan->flags & ICR_JSON_NO_NUL)
		return scan_fail(scan, backslash, "\\u0000 is not allowed here");
	if (code < 0xd800 || code > 0xdfff)
		return 0;
	if (code < 0xdc00 && scan->len - scan->at >= 2 && scan->text[scan->at] == '\\' &&
	    scan->text[scan->at + 1] == 'u') {
		scan->at += 2;
		r = scan_hex(scan, &second);
		if (r < 0)
			return r;
	}
	if (second < 0xdc00 || second > 0xdfff)
		return scan_fail(scan, backslash,
				 "a lone surrogate: \\ud800 to \\udfff only come in pairs "
				 "of a high and a low one");
	return 0;
}

static int scan_escape(struct scan *scan)
{
	size_t backslash = scan->at++;

	if (scan->at == scan->len)
		return scan_fail(scan, scan->at, "the text ends inside a string");
	char c = scan->text[scan->at];
	if (c == 'u') {
		scan->at++;
		return scan_unicode(scan, backslash);
	}
	if (c == '\0' || !strchr("\"\\/bfnrt", c))
		return scan_fail(scan, scan->at,
				 "no such escape: a backslash is followed by one of "
				 "\" \\ / b f n r t u");
	scan->at++;
	return 0;
}

static int fail_control(const struct scan *scan)
{
	unsigned char c = (unsigned char)scan->text[scan->at];

	if (c == '\n' || c == '\r')
		return scan_fail(scan, scan->at,
				 "the string is not closed before the end of the line");
	if (c == '\t')
		return scan_fail(scan, scan->at, "a tab in a string is written \\t");
	return scan_fail(scan, scan->at,
			 "the control character U+%04X in a string is written \\u%04x", c, c);
}

/* This and its like begin at scan->at, at the first character, and move behind the last. */
static int scan_string(struct scan *scan)
{
	const char *text = scan->text;
	uint64_t eight;
	int r;

	for (scan->at++;;) {
		while (scan->len - scan->at >= sizeof(eight)) {
			memcpy(&eight, text + scan->at, sizeof(eight));
			if (is_special(eight))
				break;
			scan->at += sizeof(eight);
		}
		while (scan->at < scan->len && text[scan->at] >= 0x20 && text[scan->at] != '"' &&
		       text[scan->at] != '\\' && (unsigned char)text[scan->at] < 0x80)
			scan->at++;
		if (scan->at == scan->len)
			return scan_fail(scan, scan->at, "the text ends inside a string");
		unsigned char c = (unsigned char)text[scan->at];
		if (c == '"')
			break;
		if (c < 0x20)
			return fail_control(scan);
		if (c == '\\') {
			r = scan_escape(scan);
			if (r < 0)
				return r;
			continue;
		}
		size_t n = icr_utf8_length(text + scan->at, scan->len - scan->at);
		if (n == 0)
			return scan_fail(scan, scan->at, "invalid UTF-8");
		scan->at += n;
	}
	scan->at++;
	return 0;
}

static bool is_digit(const struct scan *scan)
{
	return scan->at < scan->len && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9';
}

static bool skip(struct scan *scan, const char *any)
{
	char c = scan->at < scan->len ? scan->text[scan->at] : '\0';

	if (c == '\0' || !strchr(any, c))
		return false;
	scan->at++;
	return true;
}

static int scan_digits(struct scan *scan, const char *behind)
{
	if (!is_digit(scan))
		return scan_fail(scan, scan->at, "a digit is missing after %s", behind);
	while (is_digit(scan))
		scan->at++;
	return 0;
}

static int scan_number(struct scan *scan)
{
	int r = 0;

	(void)skip(scan, "-");
	if (skip(scan, "0")) {
		if (is_digit(scan))
			return scan_fail(scan, scan->at,
					 "a number may not begin with a needless 0");
		if (skip(scan, "xX"))
			return scan_fail(scan, scan->at - 1, "hexadecimal numbers are not JSON");
	} else {
		r = scan_digits(scan, "the minus sign");
	}
	if (r >= 0 && skip(scan, "."))
		r = scan_digits(scan, "the decimal point");
	if (r >= 0 && skip(scan, "eE")) {
		(void)skip(scan, "+-");
		r = scan_digits(scan, "the e of the exponent");
	}
	return r;
}

static int scan_word(struct scan *scan, const char *word)
{
	for (; *word; word++, scan->at++)
		if (scan->at == scan->len || scan->text[scan->at] != *word)
			return scan_fail(scan, scan->at,
					 "no JSON word: only true, false and null are");
	return 0;
}

/* No recursion: the way back up is in the nodes' parents. */
struct parser {
	struct scan scan;
	struct icr_json json;
	size_t size;		   /* of json.nodes */
	uint32_t open;		   /* innermost object or array that is not closed yet */
	unsigned depth;		   /* of it */
	size_t key_start, key_end; /* of the member whose value comes next */
};

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->len) {
		char c = scan->text[scan->at];
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		scan->at++;
	}
}

/* The character that comes next, or '\0' at the end (and for a NUL byte, which is no JSON). */
static char peek(const struct scan *scan)
{
	return scan->at < scan->len ? scan->text[scan->at] : '\0';
}

static int add_node(struct parser *parser, enum icr_json_type type)
{
	uint32_t index = parser->json.count;

	if (index == ICR_JSON_NODES_MAX)
		return scan_fail(&parser->scan, parser->scan.at, "more than %zu values",
				 ICR_JSON_NODES_MAX);
	if (index == parser->size) {
		parser->size = parser->size ? parser->size * 2 : NODES_FIRST;
		parser->json.nodes =
			icr_realloc(parser->json.nodes, parser->size, sizeof(*parser->json.nodes));
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
		return scan_fail(&parser->scan, parser->scan.at, "more than %d levels",
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
	const struct scan *scan = &parser->scan;
	unsigned char c = (unsigned char)peek(scan);

	if (scan->at == scan->len)
		return scan_fail(scan, scan->at, "the text ends where %s is expected", wanted);
	if (c == '/' || c == '#')
		return scan_fail(scan, scan->at, COMMENTS);
	if (c == '\'')
		return scan_fail(scan, scan->at, "%s is expected here; strings need double quotes",
				 wanted);
	if (c >= 0x20 && c < 0x7f)
		return scan_fail(scan, scan->at, "%s is expected here", wanted);
	size_t n = icr_utf8_length(scan->text + scan->at, scan->len - scan->at);
	if (n == 0)
		return scan_fail(scan, scan->at, "invalid UTF-8");
	return scan_fail(scan, scan->at, "%s is expected here, not the character U+%04X", wanted,
			 icr_utf8_decode(scan->text + scan->at, n));
}

static int fail_value(const struct parser *parser)
{
	const struct scan *scan = &parser->scan;
	char c = peek(scan);

	if (c == '+' || c == '.')
		return scan_fail(scan, scan->at, "a number may not begin with %c", c);
	if (c == 'N' || c == 'I')
		return scan_fail(scan, scan->at,
				 "a value is expected here; NaN and Infinity are not JSON");
	if (c == 'T' || c == 'F')
		return scan_fail(scan, scan->at,
				 "a value is expected here; true and false are spelled in "
				 "lower case");
	if (c == ',')
		return scan_fail(scan, scan->at, "a value is missing before this comma");
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
		r = scan_string(&parser->scan);
	else if (type == ICR_JSON_NUMBER)
		r = scan_number(&parser->scan);
	else
		r = scan_word(&parser->scan, words[type]);
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
	struct scan *scan = &parser->scan;

	if (peek(scan) == ',')
		return scan_fail(scan, scan->at, "a member is missing before this comma");
	if (peek(scan) != '"')
		return fail_instead(parser, "a name in double quotes");
	parser->key_start = scan->at;
	int r = scan_string(scan);
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
	const struct scan *scan = &parser->scan;
	char c = peek(scan);

	if (scan->at < scan->len && c != '\0' && strchr("\"{[-0123456789tfn", c))
		return scan_fail(scan, scan->at, "a comma is missing before this");
	return fail_instead(parser, closer == '}' ? "a comma or }" : "a comma or ]");
}

/* One more item or member of the open container, or its end. */
static int scan_next(struct parser *parser)
{
	const struct icr_json_node *open = &parser->json.nodes[parser->open];
	struct scan *scan = &parser->scan;
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
			return scan_fail(scan, scan->at,
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

/* A byte order mark is skipped or refused; UTF-16 is refused by its name. */
static int scan_start(struct parser *parser)
{
	struct scan *scan = &parser->scan;
	const char *text = scan->text;

	if (scan->len >= 2 &&
	    (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
	     (text[0] == '\0') != (text[1] == '\0')))
		return scan_fail(scan, 0,
				 "this is UTF-16 text, but JSON is UTF-8: save it as "
				 "UTF-8");
	if (scan->len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		if (!(scan->flags & ICR_JSON_BOM))
			return scan_fail(scan, 0, "a byte order mark may not stand before JSON");
		scan->at = 3;
	}
	skip_space(scan);
	return 0;
}

static int scan_document(struct parser *parser)
{
	struct scan *scan = &parser->scan;
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
		return scan_fail(scan, scan->at, COMMENTS);
	return scan_fail(scan, scan->at, "text after the value: a JSON document is one value");
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

bool icr_json_integer(const struct icr_json *json, uint32_t node, int64_t min, int64_t max,
		      int64_t *ret_number)
{
	if (!icr_json_is(json, node, ICR_JSON_NUMBER))
		return false;
	_cleanup_free_ char *text = icr_memdup(json->text + json->nodes[node].start,
					       json->nodes[node].end - json->nodes[node].start);
	return icr_number_parse(text, min, max, ret_number, NULL) >= 0;
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

	find_position(json->text, json->len, offset, &line, &column);
	return name ? icr_printf("%s:%zu:%zu", name, line, column)
		    : icr_printf("line %zu, column %zu", line, column);
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

char *icr_json_text(const struct icr_json *json, uint32_t object, const char *name)
{
	return icr_json_string_dup(json, icr_json_member(json, object, name));
}

void icr_json_put(struct icr_buf *out, const char *name, const char *raw)
{
	if (out->len > 0 && !strchr("{[", out->data[out->len - 1]))
		icr_buf_char(out, ',');
	if (name) {
		icr_json_quote(out, name, strlen(name));
		icr_buf_char(out, ':');
	}
	icr_buf_text(out, raw);
}

void icr_json_put_text(struct icr_buf *out, const char *name, const char *text)
{
	icr_json_put(out, name, text ? "" : "null");
	if (text)
		icr_json_quote(out, text, strlen(text));
}

void icr_json_put_flag(struct icr_buf *out, const char *name, bool flag)
{
	icr_json_put(out, name, flag ? "true" : "false");
}

void icr_json_begin(struct icr_buf *out, const char *name, char bracket)
{
	icr_json_put(out, name, "");
	icr_buf_char(out, bracket);
}
