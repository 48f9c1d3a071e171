/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/toml.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/swar.h"
#include "icr/text.h"
#include "icr/utf8.h"

/* What a byte may be part of. Most of a text is runs of one of them. */
enum {
	BLANK = 1,
	BARE = 2,     /* a key without quotes */
	PLAIN = 4,    /* a number, boolean or time */
	BASIC = 8,    /* a string in "" */
	LITERAL = 16, /* a string in '' */
	COMMENT = 32,
};

/* Bytes from 0x80 on are of characters that utf8_prefix() has seen. */
#define TEXT   (BASIC | LITERAL | COMMENT)
#define LETTER (BARE | PLAIN | TEXT)

static const uint8_t classes[UCHAR_MAX + 1] = {
	['\t'] = BLANK | TEXT,	[' '] = BLANK | TEXT,
	['!'] = TEXT,		['"'] = LITERAL | COMMENT,
	['#' ... '&'] = TEXT,	['\''] = BASIC | COMMENT,
	['(' ... '*'] = TEXT,	['+'] = PLAIN | TEXT,
	[','] = TEXT,		['-'] = LETTER,
	['.'] = PLAIN | TEXT,	['/'] = TEXT,
	['0' ... '9'] = LETTER, [':'] = PLAIN | TEXT,
	[';' ... '@'] = TEXT,	['A' ... 'Z'] = LETTER,
	['['] = TEXT,		['\\'] = LITERAL | COMMENT,
	[']' ... '^'] = TEXT,	['_'] = LETTER,
	['`'] = TEXT,		['a' ... 'z'] = LETTER,
	['{' ... '~'] = TEXT,	[0x80 ... 0xff] = TEXT,
};

struct scanner {
	const char *text, *end, *at;
	const char *name;
	size_t line;
	char *keys; /* the parts of the path, each with a NUL behind it */
	size_t used, size;
	const char *path[TOML_DEPTH_MAX]; /* where each of them begins */
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

/* A NUL at the end, and where one stands in the text: no class has it. */
static inline char peek(const struct scanner *scanner)
{
	return *scanner->at;
}

static inline bool starts(const struct scanner *scanner, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(scanner->end - scanner->at) >= len && memcmp(scanner->at, word, len) == 0;
}

/* Behind all the bytes that are of CLASS. */
static inline void skip(struct scanner *scanner, uint8_t class)
{
	const char *at = scanner->at;

	while (classes[(unsigned char)*at] & class)
		at++;
	scanner->at = at;
}

/* The top bit of the first byte that is not of CLASS, which is one of TEXT, or is a tab. */
static inline uint64_t find_other(uint64_t word, uint8_t class)
{
	uint64_t found = icr_swar_less(word, ' ') | icr_swar_byte(word, 0x7f);

	if (class == BASIC)
		found |= icr_swar_byte(word, '"') | icr_swar_byte(word, '\\');
	else if (class == LITERAL)
		found |= icr_swar_byte(word, '\'');
	return found;
}

/* skip() for a class of TEXT, by words. */
static inline void skip_text(struct scanner *scanner, uint8_t class)
{
	const char *at = scanner->at, *end = scanner->end;
	uint64_t found;

	while ((size_t)(end - at) >= sizeof(found)) {
		found = find_other(icr_swar_load(at), class);
		/* a jump, which is foretold: the next word need not wait for this one */
		if (!found) {
			at += sizeof(found);
			continue;
		}
		at += icr_swar_index(found);
		if (*at != '\t')
			break;
		at++;
	}
	while (classes[(unsigned char)*at] & class)
		at++;
	scanner->at = at;
}

/* LF or CR LF, if there is one. */
static inline bool skip_newline(struct scanner *scanner)
{
	const char *at = scanner->at + (peek(scanner) == '\r');

	if (at == scanner->end || *at != '\n')
		return false;
	scanner->at = at + 1;
	scanner->line++;
	return true;
}

/* A comment, if there is one, and the line's end, if there is one. */
static int skip_rest(struct scanner *scanner, bool *ret_newline)
{
	bool comment = peek(scanner) == '#';

	if (comment)
		skip_text(scanner, COMMENT);
	*ret_newline = skip_newline(scanner);
	if (comment && !*ret_newline && scanner->at < scanner->end)
		return fail(scanner, scanner->at, "a control character in a comment");
	return 0;
}

/* Nothing but blanks and a comment may follow on this line. */
static inline int end_line(struct scanner *scanner)
{
	bool newline;

	skip(scanner, BLANK);
	if (peek(scanner) == '\n') {
		scanner->at++;
		scanner->line++;
		return 0;
	}
	int r = skip_rest(scanner, &newline);
	if (r < 0 || newline || scanner->at == scanner->end)
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
		skip(scanner, BLANK);
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

static bool is_triple(const struct scanner *scanner, char quote)
{
	const char *at = scanner->at;

	return scanner->end - at >= 3 && at[0] == quote && at[1] == quote && at[2] == quote;
}

static int skip_string(struct scanner *scanner)
{
	const char *start = scanner->at;
	char quote = *start;
	bool several = is_triple(scanner, quote);
	int r = 0;

	scanner->at += several ? 3 : 1;
	for (;;) {
		if (quote == '"')
			skip_text(scanner, BASIC);
		else
			skip_text(scanner, LITERAL);
		if (scanner->at == scanner->end)
			break;
		if (*scanner->at == quote && !several) {
			scanner->at++;
			return 0;
		}
		if (*scanner->at == quote && is_triple(scanner, quote)) {
			skip_quotes(scanner, quote);
			return 0;
		}
		if (*scanner->at == quote)
			scanner->at++;
		else if (*scanner->at == '\\')
			r = skip_escape(scanner, several);
		else if (!several || !skip_newline(scanner))
			break;
		if (r < 0)
			return r;
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

static void grow_keys(struct scanner *scanner, size_t len)
{
	size_t size = 2 * (scanner->used + len);
	char *keys = icr_malloc(size);

	for (size_t i = 0; i < scanner->depth; i++)
		scanner->path[i] = keys + (scanner->path[i] - scanner->keys);
	if (scanner->used > 0)
		memcpy(keys, scanner->keys, scanner->used);
	free(scanner->keys);
	scanner->keys = keys;
	scanner->size = size;
}

/* PART has LEN bytes, and READABLE may be read. */
static inline void add_part(struct scanner *scanner, const char *part, size_t len, size_t readable)
{
	enum { SHORT = 16 };
	size_t room = len < SHORT ? SHORT : len;

	if (room >= scanner->size - scanner->used)
		grow_keys(scanner, room + 1);
	char *key = scanner->keys + scanner->used;
	/* most keys are short, and a copy whose length is known takes no call */
	if (len <= SHORT && readable >= SHORT)
		memcpy(key, part, SHORT);
	else
		memcpy(key, part, len);
	key[len] = '\0';
	scanner->path[scanner->depth++] = key;
	scanner->used += len + 1;
}

static int take_quoted(struct scanner *scanner)
{
	_cleanup_buf_ struct icr_buf decoded = ICR_BUF(ICR_BUF_MAX);
	const char *start = scanner->at;
	size_t line = scanner->line;

	int r = skip_string(scanner);
	if (r < 0)
		return r;
	size_t len = (size_t)(scanner->at - start);
	if (scanner->line > line || (len >= 6 && start[1] == *start && start[2] == *start))
		return fail(scanner, start, "a key in three quotes");
	if (*start == '\'' || !memchr(start, '\\', len)) {
		add_part(scanner, start + 1, len - 2, (size_t)(scanner->end - start - 1));
		return 0;
	}
	decode_string(start, len, &decoded);
	add_part(scanner, decoded.data, decoded.len, decoded.len);
	return 0;
}

static int take_part(struct scanner *scanner)
{
	const char *start = scanner->at;

	if (scanner->depth == TOML_DEPTH_MAX)
		return fail(scanner, start, "nested too deeply");
	if (peek(scanner) == '"' || peek(scanner) == '\'')
		return take_quoted(scanner);
	skip(scanner, BARE);
	if (scanner->at == start)
		return fail(scanner, start, "a key should stand here");
	add_part(scanner, start, (size_t)(scanner->at - start), (size_t)(scanner->end - start));
	return 0;
}

/* a . "b" . c, behind what the path is already */
static int take_key(struct scanner *scanner)
{
	for (;;) {
		skip(scanner, BLANK);
		int r = take_part(scanner);
		if (r < 0)
			return r;
		skip(scanner, BLANK);
		if (peek(scanner) != '.')
			return 0;
		scanner->at++;
	}
}

static inline void cut_path(struct scanner *scanner, size_t depth)
{
	if (scanner->depth > depth)
		scanner->used = (size_t)(scanner->path[depth] - scanner->keys);
	scanner->depth = depth;
}

static inline int visit(struct scanner *scanner, struct toml_item *item)
{
	item->depth = scanner->depth;
	item->table = scanner->table;
	item->inside = scanner->nested > 0;
	item->path = scanner->path;
	return scanner->visit(item, scanner->data);
}

/* ---- values */

static int take_value(struct scanner *scanner, struct toml_item *item);
static int take_pair(struct scanner *scanner);

/* White space, line ends and comments, as between the values of an array. */
static inline int skip_lines(struct scanner *scanner)
{
	bool newline = true;
	int r = 0;

	while (r == 0 && newline) {
		skip(scanner, BLANK);
		char c = peek(scanner);
		if (c != '\n' && c != '#' && c != '\r')
			break;
		r = skip_rest(scanner, &newline);
	}
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
			item.line = scanner->line;
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
	skip(scanner, BLANK);
	while (peek(scanner) != '}') {
		int r = take_pair(scanner);
		if (r != 0)
			return r;
		skip(scanner, BLANK);
		if (peek(scanner) == '}')
			break;
		if (peek(scanner) != ',')
			return fail(scanner, scanner->at, "a comma or \"}\" should stand here");
		scanner->at++;
		skip(scanner, BLANK);
		if (peek(scanner) == '}')
			return fail(scanner, scanner->at, "a comma before \"}\"");
	}
	scanner->at++;
	scanner->nested--;
	return 0;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(const char *start, size_t len)
{
	static const char *const words[] = {"true", "false", "inf",  "nan",
					    "+inf", "-inf",  "+nan", "-nan"};

	for (size_t i = 0; i < ICR_LENGTH(words); i++)
		if (len == strlen(words[i]) && memcmp(start, words[i], len) == 0)
			return true;
	return false;
}

/* A number, boolean or time: what it is exactly does not matter here. */
static inline int take_plain(struct scanner *scanner)
{
	const char *start = scanner->at;

	skip(scanner, PLAIN);
	size_t len = (size_t)(scanner->at - start);
	bool digits = len > 0 && is_digit(start[*start == '+' || *start == '-']);
	/* a date and a time with a blank between them */
	if (len == 10 && start[4] == '-' && scanner->end - scanner->at > 3 &&
	    scanner->at[0] == ' ' && is_digit(scanner->at[1]) && scanner->at[3] == ':') {
		scanner->at++;
		skip(scanner, PLAIN);
	}
	digits = digits && scanner->at[-1] != '.' && scanner->at[-1] != '_';
	return digits || is_word(start, len) ? 0
					     : fail(scanner, start, "a value should stand here");
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
	struct toml_item item = {.kind = TOML_VALUE, .line = scanner->line};

	int r = take_key(scanner);
	if (r == 0 && peek(scanner) != '=')
		r = fail(scanner, scanner->at, "\"=\" should stand here");
	if (r != 0)
		return r;
	scanner->at++;
	skip(scanner, BLANK);
	r = take_value(scanner, &item);
	if (r == 0)
		r = visit(scanner, &item);
	cut_path(scanner, depth);
	return r;
}

static int take_header(struct scanner *scanner)
{
	bool element = scanner->at[1] == '[';
	struct toml_item item = {.kind = element ? TOML_ELEMENT : TOML_TABLE,
				 .line = scanner->line};

	cut_path(scanner, 0);
	scanner->at += element ? 2 : 1;
	int r = take_key(scanner);
	if (r == 0 && (peek(scanner) != ']' || (element && scanner->at[1] != ']')))
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
		skip(scanner, BLANK);
		if (scanner->at == scanner->end)
			return 0;
		if (peek(scanner) == '[') {
			r = take_header(scanner);
			continue;
		}
		char c = peek(scanner);
		if (c != '#' && c != '\n' && !starts(scanner, "\r\n"))
			r = take_pair(scanner);
		if (r == 0)
			r = end_line(scanner);
	}
	return r;
}

static bool is_ascii(const char *text)
{
	uint64_t words[4];

	memcpy(words, text, sizeof(words));
	return ((words[0] | words[1] | words[2] | words[3]) & ICR_SWAR_TOPS) == 0;
}

/* How many bytes are UTF-8. Most texts are ASCII, of which many bytes are seen at once. */
static size_t utf8_prefix(const char *text, size_t len)
{
	size_t at = 0, more = 1;

	while (at < len && more > 0) {
		while (len - at >= 4 * sizeof(uint64_t) && is_ascii(text + at))
			at += 4 * sizeof(uint64_t);
		for (size_t end = at + 4 * sizeof(uint64_t); at < len && at < end && more > 0;) {
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
		.visit = visit_item,
		.data = data,
		.err = err,
	};
	size_t good = utf8_prefix(scanner.text, len);

	scanner.end = scanner.text + len;
	scanner.at = scanner.text;
	int r = good < len ? fail(&scanner, scanner.text + good, "no UTF-8") : 0;
	if (starts(&scanner, "\xef\xbb\xbf"))
		scanner.at += 3;
	if (r == 0)
		r = take_lines(&scanner);
	free(scanner.keys);
	return r;
}

bool toml_below(const struct toml_item *item, const char *const *parts)
{
	size_t i = 0;

	/* most differ in their first byte, which takes no call */
	for (; parts[i]; i++)
		if (i >= item->depth || parts[i][0] != item->path[i][0] ||
		    strcmp(parts[i], item->path[i]) != 0)
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
			skip_text(&scanner, COMMENT);
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
