/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/toml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/utf8.h"

struct scanner {
	const char *text, *end, *at;
	const char *name;
	const char *counted; /* lines up to here are in line */
	size_t line;
	struct icr_buf keys; /* the parts of the path, each with a NUL behind it */
	size_t offsets[TOML_DEPTH_MAX];
	const char *path[TOML_DEPTH_MAX]; /* what is visited sees */
	size_t depth, table, nested;
	toml_visit *visit;
	void *data;
	struct icr_error *err;
};

static int fail(struct scanner *scanner, const char *at, const char *what)
{
	size_t line = 1, column = 1;
	const char *start = scanner->text;

	for (const char *p = scanner->text; p < at && p < scanner->end; p++)
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	for (const char *p = start; p < at && p < scanner->end; p++)
		column += ((unsigned char)*p & 0xc0) != 0x80;
	_cleanup_free_ char *where = icr_printf("%s:%zu:%zu", scanner->name, line, column);
	return icr_fail_at(scanner->err, ICR_E_SYNTAX, where, "%s", what);
}

static char peek(const struct scanner *scanner)
{
	return scanner->at < scanner->end ? *scanner->at : '\0';
}

static bool starts(const struct scanner *scanner, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(scanner->end - scanner->at) >= len && memcmp(scanner->at, word, len) == 0;
}

static void skip_blanks(struct scanner *scanner)
{
	while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\t'))
		scanner->at++;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* A comment, if there is one, up to the line's end. */
static int skip_comment(struct scanner *scanner)
{
	if (peek(scanner) != '#')
		return 0;
	for (; scanner->at < scanner->end && *scanner->at != '\n'; scanner->at++) {
		if (starts(scanner, "\r\n"))
			break;
		if (is_control(*scanner->at))
			return fail(scanner, scanner->at, "a control character in a comment");
	}
	return 0;
}

static bool skip_newline(struct scanner *scanner)
{
	size_t len = starts(scanner, "\r\n") ? 2 : starts(scanner, "\n") ? 1 : 0;

	scanner->at += len;
	return len > 0;
}

/* Nothing but blanks and a comment may follow on this line. */
static int end_line(struct scanner *scanner)
{
	skip_blanks(scanner);
	int r = skip_comment(scanner);
	if (r < 0 || skip_newline(scanner) || scanner->at == scanner->end)
		return r;
	return fail(scanner, scanner->at, "something follows where the line should end");
}

/* ---- strings */

static int skip_escape(struct scanner *scanner, bool several)
{
	static const char simple[] = "btnfr\"\\";
	const char *start = scanner->at++;
	char c = peek(scanner);
	size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
	uint32_t code = 0;

	if (several && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
		skip_blanks(scanner);
		return skip_newline(scanner) ? 0 : fail(scanner, start, "no escape of TOML");
	}
	if (c == '\0' || (!digits && !strchr(simple, c)))
		return fail(scanner, start, "no escape of TOML");
	scanner->at++;
	for (; digits > 0; digits--, scanner->at++) {
		int digit = icr_hex_digit(peek(scanner));
		if (digit < 0)
			return fail(scanner, start, "no escape of TOML");
		code = code << 4 | (uint32_t)digit;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return fail(scanner, start, "no character of Unicode");
	return 0;
}

/* The quotes at the end of a string of several lines: two more may belong to it. */
static void skip_quotes(struct scanner *scanner, char quote)
{
	scanner->at += 3;
	for (int i = 0; i < 2 && peek(scanner) == quote; i++)
		scanner->at++;
}

static int skip_string(struct scanner *scanner)
{
	const char *start = scanner->at;
	char quote = *start;
	const char triple[] = {quote, quote, quote, '\0'};
	bool several = starts(scanner, triple);

	scanner->at += several ? 3 : 1;
	while (scanner->at < scanner->end) {
		char c = *scanner->at;
		if (c == quote && (!several || starts(scanner, triple))) {
			if (several)
				skip_quotes(scanner, quote);
			else
				scanner->at++;
			return 0;
		}
		if (c == '\\' && quote == '"') {
			int r = skip_escape(scanner, several);
			if (r < 0)
				return r;
		} else if (!is_control(c)) {
			scanner->at++;
		} else if (!several || !skip_newline(scanner)) {
			break;
		}
	}
	if (scanner->at < scanner->end && *scanner->at != '\n' && *scanner->at != '\r')
		return fail(scanner, scanner->at, "a control character in a string");
	return fail(scanner, start, "a string without its closing quote");
}

static void append_code(uint32_t code, struct icr_buf *out)
{
	char bytes[4];

	icr_buf_append(out, bytes, icr_utf8_encode(code, bytes));
}

/* AT is behind a backslash; returns what is behind the escape. */
static const char *decode_escape(const char *at, const char *end, struct icr_buf *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *known = *at ? strchr(from, *at) : NULL;
	uint32_t code = 0;

	if (known) {
		icr_buf_char(out, to[known - from]);
		return at + 1;
	}
	if (*at == 'u' || *at == 'U') {
		const char *last = at + (*at == 'u' ? 4 : 8);
		while (at < last)
			code = code << 4 | (uint32_t)icr_hex_digit(*++at);
		append_code(code, out);
		return at + 1;
	}
	while (at < end && icr_is_space(*at))
		at++;
	return at;
}

/* A string that was scanned, with its quotes. */
static void decode_string(const char *text, size_t len, struct icr_buf *out)
{
	char quote = text[0];
	bool several = len >= 6 && text[1] == quote && text[2] == quote;
	const char *at = text + (several ? 3 : 1), *end = text + len - (several ? 3 : 1);

	if (several && at < end && *at == '\r')
		at++;
	if (several && at < end && *at == '\n')
		at++;
	while (at < end) {
		if (*at == '\\' && quote == '"')
			at = decode_escape(at + 1, end, out);
		else
			icr_buf_char(out, *at++);
	}
}

/* ---- keys */

static bool is_bare(char c)
{
	unsigned char letter = (unsigned char)c | 0x20;

	return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int take_part(struct scanner *scanner)
{
	const char *start = scanner->at;
	char c = peek(scanner);

	if (scanner->depth == TOML_DEPTH_MAX)
		return fail(scanner, start, "nested too deeply");
	scanner->offsets[scanner->depth] = scanner->keys.len;
	if (c == '"' || c == '\'') {
		int r = skip_string(scanner);
		if (r < 0)
			return r;
		if (memchr(start, '\n', (size_t)(scanner->at - start)) ||
		    ((size_t)(scanner->at - start) >= 6 && start[1] == c && start[2] == c))
			return fail(scanner, start, "a key in three quotes");
		decode_string(start, (size_t)(scanner->at - start), &scanner->keys);
	} else {
		while (is_bare(peek(scanner)))
			scanner->at++;
		if (scanner->at == start)
			return fail(scanner, start, "a key should stand here");
		icr_buf_append(&scanner->keys, start, (size_t)(scanner->at - start));
	}
	icr_buf_char(&scanner->keys, '\0');
	scanner->depth++;
	return 0;
}

/* a . "b" . c, behind what the path is already */
static int take_key(struct scanner *scanner)
{
	for (;;) {
		skip_blanks(scanner);
		int r = take_part(scanner);
		if (r < 0)
			return r;
		skip_blanks(scanner);
		if (peek(scanner) != '.')
			return 0;
		scanner->at++;
	}
}

static void cut_path(struct scanner *scanner, size_t depth)
{
	if (scanner->depth > depth)
		icr_buf_truncate(&scanner->keys, scanner->offsets[depth]);
	scanner->depth = depth;
}

/* The line of AT, which is behind all that was asked for before. */
static size_t line_of(struct scanner *scanner, const char *at)
{
	for (const char *p = scanner->counted; (p = memchr(p, '\n', (size_t)(at - p))) != NULL; p++)
		scanner->line++;
	scanner->counted = at;
	return scanner->line;
}

static int visit(struct scanner *scanner, struct toml_item *item)
{
	item->depth = scanner->depth;
	item->table = scanner->table;
	item->inside = scanner->nested > 0;
	item->path = scanner->path;
	for (size_t i = 0; i < scanner->depth; i++)
		scanner->path[i] = scanner->keys.data + scanner->offsets[i];
	return scanner->visit(item, scanner->data);
}

/* ---- values */

static int take_value(struct scanner *scanner, struct toml_item *item);
static int take_pair(struct scanner *scanner);

/* White space, line ends and comments, as between the values of an array. */
static int skip_lines(struct scanner *scanner)
{
	int r = 0;

	do {
		skip_blanks(scanner);
		r = skip_comment(scanner);
	} while (r >= 0 && skip_newline(scanner));
	return r;
}

static int take_array(struct scanner *scanner)
{
	const char *start = scanner->at++;
	int r = 0;

	if (++scanner->nested > TOML_DEPTH_MAX)
		return fail(scanner, start, "nested too deeply");
	for (;;) {
		r = skip_lines(scanner);
		if (r == 0 && peek(scanner) != ']') {
			struct toml_item item = {.kind = TOML_ELEMENT};
			item.line = line_of(scanner, scanner->at);
			if (peek(scanner) == '{')
				r = visit(scanner, &item);
			if (r == 0)
				r = take_value(scanner, &item);
			if (r == 0)
				r = skip_lines(scanner);
			if (r == 0 && peek(scanner) == ',') {
				scanner->at++;
				continue;
			}
		}
		if (r != 0)
			return r;
		if (peek(scanner) != ']')
			return fail(scanner, scanner->at == scanner->end ? start : scanner->at,
				    scanner->at == scanner->end
					    ? "an array without its closing bracket"
					    : "a comma or \"]\" should stand here");
		scanner->at++;
		scanner->nested--;
		return 0;
	}
}

static int take_inline(struct scanner *scanner)
{
	const char *start = scanner->at++;

	if (++scanner->nested > TOML_DEPTH_MAX)
		return fail(scanner, start, "nested too deeply");
	skip_blanks(scanner);
	while (peek(scanner) != '}') {
		int r = take_pair(scanner);
		if (r != 0)
			return r;
		skip_blanks(scanner);
		if (peek(scanner) == '}')
			break;
		if (peek(scanner) != ',')
			return fail(scanner, scanner->at, "a comma or \"}\" should stand here");
		scanner->at++;
		skip_blanks(scanner);
		if (peek(scanner) == '}')
			return fail(scanner, scanner->at, "a comma before \"}\"");
	}
	scanner->at++;
	scanner->nested--;
	return 0;
}

/* A number, boolean or time: what it is exactly does not matter here. */
static int take_plain(struct scanner *scanner)
{
	static const char *const words[] = {"true", "false", "inf",  "nan",
					    "+inf", "-inf",  "+nan", "-nan"};
	const char *start = scanner->at;
	bool digits = false;

	while (is_bare(peek(scanner)) || peek(scanner) == '+' || peek(scanner) == '.' ||
	       peek(scanner) == ':')
		scanner->at++;
	size_t len = (size_t)(scanner->at - start);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len == strlen(words[i]) && memcmp(start, words[i], len) == 0)
			return 0;
	/* a date and a time with a blank between them */
	if (len == 10 && start[4] == '-' && scanner->end - scanner->at > 3 &&
	    scanner->at[0] == ' ' && scanner->at[1] >= '0' && scanner->at[1] <= '9' &&
	    scanner->at[3] == ':')
		for (scanner->at++; is_bare(peek(scanner)) || peek(scanner) == '+' ||
				    peek(scanner) == '.' || peek(scanner) == ':';)
			scanner->at++;
	const char *first = start + (*start == '+' || *start == '-');
	digits = len > 0 && *first >= '0' && *first <= '9' && scanner->at[-1] != '.' &&
		 scanner->at[-1] != '_';
	return digits ? 0 : fail(scanner, start, "a value should stand here");
}

static int take_value(struct scanner *scanner, struct toml_item *item)
{
	const char *start = scanner->at;
	int r;

	switch (peek(scanner)) {
	case '"':
	case '\'':
		item->type = TOML_STRING;
		r = skip_string(scanner);
		break;
	case '[':
		item->type = TOML_ARRAY;
		r = take_array(scanner);
		break;
	case '{':
		item->type = TOML_INLINE;
		r = take_inline(scanner);
		break;
	default:
		item->type = TOML_OTHER;
		r = take_plain(scanner);
	}
	item->start = (size_t)(start - scanner->text);
	item->len = (size_t)(scanner->at - start);
	return r;
}

/* KEY = VALUE. What is in the value's braces is visited before the value itself. */
static int take_pair(struct scanner *scanner)
{
	size_t depth = scanner->depth;
	struct toml_item item = {.kind = TOML_VALUE, .line = line_of(scanner, scanner->at)};

	int r = take_key(scanner);
	if (r == 0 && peek(scanner) != '=')
		r = fail(scanner, scanner->at, "\"=\" should stand here");
	if (r != 0)
		return r;
	scanner->at++;
	skip_blanks(scanner);
	r = take_value(scanner, &item);
	if (r == 0)
		r = visit(scanner, &item);
	cut_path(scanner, depth);
	return r;
}

static int take_header(struct scanner *scanner)
{
	const char *start = scanner->at;
	bool element = starts(scanner, "[[");
	struct toml_item item = {.kind = element ? TOML_ELEMENT : TOML_TABLE,
				 .line = line_of(scanner, start)};

	cut_path(scanner, 0);
	scanner->at += element ? 2 : 1;
	int r = take_key(scanner);
	if (r == 0 && !starts(scanner, element ? "]]" : "]"))
		r = fail(scanner, scanner->at, "\"]\" should stand here");
	if (r != 0)
		return r;
	scanner->at += element ? 2 : 1;
	r = end_line(scanner);
	item.end = (size_t)(scanner->at - scanner->text);
	scanner->table = scanner->depth;
	return r < 0 ? r : visit(scanner, &item);
}

static int take_lines(struct scanner *scanner)
{
	int r = 0;

	while (r == 0) {
		skip_blanks(scanner);
		if (scanner->at == scanner->end)
			return 0;
		if (peek(scanner) == '[') {
			r = take_header(scanner);
			continue;
		}
		if (peek(scanner) != '#' && peek(scanner) != '\n' && !starts(scanner, "\r\n"))
			r = take_pair(scanner);
		if (r == 0)
			r = end_line(scanner);
	}
	return r;
}

/* How many bytes are UTF-8. Most texts are ASCII, of which eight bytes are seen at once. */
static size_t utf8_prefix(const char *text, size_t len)
{
	size_t at = 0, more = 1;
	uint64_t eight;

	while (at < len && more > 0) {
		while (len - at >= sizeof(eight) && (memcpy(&eight, text + at, sizeof(eight)),
						     (eight & 0x8080808080808080U) == 0))
			at += sizeof(eight);
		if (at < len) {
			more = (unsigned char)text[at] < 0x80
				       ? 1
				       : icr_utf8_length(text + at, len - at);
			at += more;
		}
	}
	return at;
}

int toml_scan(const char *text, size_t len, const char *name, toml_visit *visit_item, void *data,
	      struct icr_error *err)
{
	struct scanner scanner = {
		.text = text ? text : "",
		.name = name,
		.line = 1,
		.keys = ICR_BUF(ICR_BUF_MAX),
		.visit = visit_item,
		.data = data,
		.err = err,
	};
	size_t good = utf8_prefix(scanner.text, len);

	scanner.end = scanner.text + len;
	scanner.at = scanner.counted = scanner.text;
	int r = good < len ? fail(&scanner, scanner.text + good, "no UTF-8") : 0;
	if (starts(&scanner, "\xef\xbb\xbf"))
		scanner.at += 3;
	if (r == 0)
		r = take_lines(&scanner);
	icr_buf_free(&scanner.keys);
	return r;
}

bool toml_below(const struct toml_item *item, const char *const *parts)
{
	size_t i = 0;

	for (; parts[i]; i++)
		if (i >= item->depth || strcmp(parts[i], item->path[i]) != 0)
			return false;
	return true;
}

bool toml_is(const struct toml_item *item, const char *const *parts)
{
	size_t count = 0;

	while (parts[count])
		count++;
	return item->depth == count && toml_below(item, parts);
}

bool toml_string(const char *text, const struct toml_item *item, struct icr_buf *out)
{
	if (item->kind != TOML_VALUE || item->type != TOML_STRING)
		return false;
	decode_string(text + item->start, item->len, out);
	return true;
}

void toml_strings(const char *text, const struct toml_item *item,
		  void (*each)(const char *string, void *data), void *data)
{
	struct scanner scanner = {.text = text, .at = text + item->start + 1};

	scanner.end = text + item->start + item->len;
	while (item->type == TOML_ARRAY && scanner.at < scanner.end) {
		const char *start = scanner.at;
		if (*start == '#') {
			(void)skip_comment(&scanner);
		} else if (*start == '"' || *start == '\'') {
			_cleanup_buf_ struct icr_buf string = ICR_BUF(ICR_BUF_MAX);
			(void)skip_string(&scanner);
			decode_string(start, (size_t)(scanner.at - start), &string);
			each(string.data ? string.data : "", data);
		} else {
			scanner.at++;
		}
	}
}
