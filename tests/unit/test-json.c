/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/utf8.h"
#include "tests/unit/suite.h"

/* A literal with its length, so that it may hold NULs. */
#define TEXT(literal) (literal), sizeof(literal) - 1

static int parse(const char *text, size_t len, unsigned flags, struct icr_json *json,
		 struct icr_error *err)
{
	return icr_json_parse(text, len, "F", flags, json, err);
}

static const struct {
	const char *text;
	size_t len;
	unsigned flags;
} accepted[] = {
	{TEXT("{}"), 0},
	{TEXT("[]"), 0},
	{TEXT("null"), 0},
	{TEXT("true"), 0},
	{TEXT("false"), 0},
	{TEXT(" \t\r\n0 \t\r\n"), 0},
	{TEXT("-0"), 0},
	{TEXT("1e400"), 0},
	{TEXT("-1.5E+10"), 0},
	{TEXT("9007199254740993"), 0},
	{TEXT("0.0e-0"), 0},
	{TEXT("\"\""), 0},
	{TEXT("\"\x7f\""), 0},
	{TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), 0},
	{TEXT("\"\\ud83d\\ude00\""), 0},
	{TEXT("\"\\uD83D\\uDE00\\u0000\""), 0},
	{TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\""), 0},
	{TEXT("{\"a\":1,\"a\":2}"), 0},
	{TEXT("{\"\":{}}"), 0},
	{TEXT("[[[[[]]]],[{}]]"), 0},
	{TEXT("\xef\xbb\xbf{}"), ICR_JSON_BOM},
	{TEXT(""), ICR_JSON_EMPTY},
	{TEXT(" \n\t"), ICR_JSON_EMPTY},
	{TEXT("\xef\xbb\xbf\r\n"), ICR_JSON_EMPTY | ICR_JSON_BOM},
	{TEXT("{} garbage \xff"), ICR_JSON_PREFIX},
	{TEXT("[1]]"), ICR_JSON_PREFIX},
};

static void test_accepted(void)
{
	for (size_t i = 0; i < ICR_LENGTH(accepted); i++) {
		_cleanup_json_ struct icr_json json = {0};
		_cleanup_error_ struct icr_error err = {0};
		int r = parse(accepted[i].text, accepted[i].len, accepted[i].flags, &json, &err);
		if (r < 0)
			printf("\n%s: %s", accepted[i].text, err.what);
		CU_ASSERT_EQUAL(r, 0);
	}
}

static const struct {
	const char *text;
	size_t len;
	unsigned flags;
	const char *where, *what; /* WHAT: a part of it */
} refused[] = {
	{TEXT(""), 0, "F:1:1", "the text ends"},
	{TEXT("\n\n "), 0, "F:3:2", "the text ends"},
	{TEXT("\r\n\r \n"), 0, "F:4:1", "the text ends"},
	{TEXT("{"), 0, "F:1:2", "the text ends"},
	{TEXT("{\"a\""), 0, "F:1:5", "the text ends where a colon"},
	{TEXT("{\"a\":"), 0, "F:1:6", "the text ends where a value"},
	{TEXT("{\"a\":1"), 0, "F:1:7", "the text ends where a comma or }"},
	{TEXT("{\"a\":1,"), 0, "F:1:8", "the text ends where a name"},
	{TEXT("[1"), 0, "F:1:3", "a comma or ]"},
	{TEXT("[1,"), 0, "F:1:4", "the text ends where a value"},
	{TEXT("\"abc"), 0, "F:1:5", "ends inside a string"},
	{TEXT("\"abc\\"), 0, "F:1:6", "ends inside a string"},
	{TEXT("\"\\u12"), 0, "F:1:6", "four hexadecimal"},
	{TEXT("{\"a\":1,}"), 0, "F:1:8", "trailing comma"},
	{TEXT("[1,2,\n]"), 0, "F:2:1", "trailing comma"},
	{TEXT("{,\"a\":1}"), 0, "F:1:2", "before this comma"},
	{TEXT("[,1]"), 0, "F:1:2", "before this comma"},
	{TEXT("[1,,2]"), 0, "F:1:4", "before this comma"},
	{TEXT("{\"a\":1,,\"b\":2}"), 0, "F:1:8", "before this comma"},
	{TEXT("[1 2]"), 0, "F:1:4", "a comma is missing"},
	{TEXT("{\"a\":1\n \"b\":2}"), 0, "F:2:2", "a comma is missing"},
	{TEXT("{\"a\" 1}"), 0, "F:1:6", "a colon"},
	{TEXT("{\"a\",1}"), 0, "F:1:5", "a colon"},
	{TEXT("{\"a\":}"), 0, "F:1:6", "a value is expected"},
	{TEXT("{1:2}"), 0, "F:1:2", "double quotes"},
	{TEXT("{a:1}"), 0, "F:1:2", "double quotes"},
	{TEXT("{'a':1}"), 0, "F:1:2", "double quotes"},
	{TEXT("['a']"), 0, "F:1:2", "double quotes"},
	{TEXT("[\xe2\x80\x9c"
	      "a\xe2\x80\x9d]"),
	 0, "F:1:2", "U+201C"},
	{TEXT("[1}"), 0, "F:1:3", "a comma or ]"},
	{TEXT("{\"a\":1]"), 0, "F:1:7", "a comma or }"},
	{TEXT("// c\n{}"), 0, "F:1:1", "comments"},
	{TEXT("{} // c"), 0, "F:1:4", "comments"},
	{TEXT("{ /* c */ }"), 0, "F:1:3", "comments"},
	{TEXT("{\"a\":1 # c\n}"), 0, "F:1:8", "comments"},
	{TEXT("{}{}"), 0, "F:1:3", "text after the value"},
	{TEXT("[1]]"), 0, "F:1:4", "text after the value"},
	{TEXT("{}\n\nx"), 0, "F:3:1", "text after the value"},
	{TEXT("{}\0"), 0, "F:1:3", "text after the value"},
	{TEXT("nul"), 0, "F:1:4", "no JSON word"},
	{TEXT("nulL"), 0, "F:1:4", "no JSON word"},
	{TEXT("True"), 0, "F:1:1", "lower case"},
	{TEXT("NaN"), 0, "F:1:1", "NaN"},
	{TEXT("[-Infinity]"), 0, "F:1:3", "a digit is missing"},
	{TEXT("+1"), 0, "F:1:1", "may not begin with +"},
	{TEXT(".5"), 0, "F:1:1", "may not begin with ."},
	{TEXT("01"), 0, "F:1:2", "needless 0"},
	{TEXT("-01"), 0, "F:1:3", "needless 0"},
	{TEXT("0x10"), 0, "F:1:2", "hexadecimal"},
	{TEXT("1."), 0, "F:1:3", "decimal point"},
	{TEXT("[1.]"), 0, "F:1:4", "decimal point"},
	{TEXT("1e"), 0, "F:1:3", "exponent"},
	{TEXT("[1e+]"), 0, "F:1:5", "exponent"},
	{TEXT("-"), 0, "F:1:2", "minus"},
	{TEXT("\"a\nb\""), 0, "F:1:3", "end of the line"},
	{TEXT("\"a\r\nb\""), 0, "F:1:3", "end of the line"},
	{TEXT("\"a\tb\""), 0, "F:1:3", "\\t"},
	{TEXT("\"a\0b\""), 0, "F:1:3", "U+0000"},
	{TEXT("\"abcdefghijklmnop\x1f\""), 0, "F:1:18", "U+001F"},
	{TEXT("\"\\x41\""), 0, "F:1:3", "no such escape"},
	{TEXT("\"\\\0\""), 0, "F:1:3", "no such escape"},
	{TEXT("\"\\u00g0\""), 0, "F:1:6", "four hexadecimal"},
	{TEXT("\"\\ud800\""), 0, "F:1:2", "lone surrogate"},
	{TEXT("\"x\\udc00\""), 0, "F:1:3", "lone surrogate"},
	{TEXT("\"\\ud800\\ud800\""), 0, "F:1:2", "lone surrogate"},
	{TEXT("\"\\ud800\\n\""), 0, "F:1:2", "lone surrogate"},
	{TEXT("\"\\u0000\""), ICR_JSON_NO_NUL, "F:1:2", "\\u0000"},
	{TEXT("{\"a\\u0000\":1}"), ICR_JSON_NO_NUL, "F:1:4", "\\u0000"},
	/* columns are characters, not bytes */
	{TEXT("[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" x]"), 0, "F:1:8", "a comma or ]"},
	{TEXT("\"\x80\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"abcdefghijkl\xc3\""), 0, "F:1:14", "invalid UTF-8"},
	{TEXT("\"\xc0\xaf\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"\xe0\x80\xaf\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"\xed\xa0\x80\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"\xf4\x90\x80\x80\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"\xf8\x88\x80\x80\x80\""), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("\"\xe2\x82"), 0, "F:1:2", "invalid UTF-8"},
	{TEXT("{\"\xff\":1}"), 0, "F:1:3", "invalid UTF-8"},
	{TEXT("\xff"), 0, "F:1:1", "invalid UTF-8"},
	{TEXT("\xef\xbb\xbf{}"), 0, "F:1:1", "byte order mark"},
	{TEXT("\xef\xbb\xbf{x"), ICR_JSON_BOM, "F:1:2", "a name"},
	{TEXT("\xef\xbb\xbf\xef\xbb\xbf{}"), ICR_JSON_BOM, "F:1:1", "U+FEFF"},
	{TEXT("\xff\xfe{\0}\0"), ICR_JSON_BOM, "F:1:1", "UTF-16"},
	{TEXT("\xfe\xff\0{\0}"), ICR_JSON_BOM, "F:1:1", "UTF-16"},
	{TEXT("{\0}\0"), 0, "F:1:1", "UTF-16"},
	{TEXT("\0{\0}"), 0, "F:1:1", "UTF-16"},
	{TEXT("\0\0\0\0"), 0, "F:1:1", "U+0000"},
	{TEXT("[1,\f2]"), 0, "F:1:4", "U+000C"},
	{TEXT("[1,\xc2\xa0"
	      "2]"),
	 0, "F:1:4", "U+00A0"},
	{TEXT("\"\xef\xbb\xbf"), 0, "F:1:3", "ends inside a string"},
	{TEXT("x {}"), ICR_JSON_PREFIX, "F:1:1", "a value is expected"},
	{TEXT("[1,\r2,\n3,\r\n4 x]"), 0, "F:4:3", "a comma or ]"},
};

static void test_refused(void)
{
	for (size_t i = 0; i < ICR_LENGTH(refused); i++) {
		struct icr_json json = {.text = "untouched"};
		_cleanup_error_ struct icr_error err = {0};
		int r = parse(refused[i].text, refused[i].len, refused[i].flags, &json, &err);
		CU_ASSERT_EQUAL(r, -ICR_E_SYNTAX);
		CU_ASSERT_STRING_EQUAL(json.text, "untouched");
		bool told = err.where && err.what && strcmp(err.where, refused[i].where) == 0 &&
			    strstr(err.what, refused[i].what);
		if (!told)
			printf("\n%s: %s: %s", refused[i].text, err.where, err.what);
		CU_ASSERT(told);
	}
}

static void test_place_in_message(void)
{
	_cleanup_error_ struct icr_error err = {0};
	struct icr_json json;

	CU_ASSERT_EQUAL(icr_json_parse(TEXT("{\n  x"), NULL, 0, &json, &err), -ICR_E_SYNTAX);
	CU_ASSERT_PTR_NULL(err.where);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "line 2, column 3: "));
}

static void test_spans(void)
{
	static const char text[] = " {\"a\" : [1, \"x\"],\r\n\"b\":{}} ";
	_cleanup_json_ struct icr_json json = {0};

	CU_ASSERT_EQUAL_FATAL(parse(TEXT(text), 0, &json, NULL), 0);
	const struct icr_json_node *nodes = json.nodes;
	CU_ASSERT_EQUAL(json.count, 5);
	CU_ASSERT_EQUAL(json.end, sizeof(text) - 2);
	CU_ASSERT_EQUAL(nodes[0].start, 1);
	CU_ASSERT_EQUAL(nodes[0].end, json.end);
	CU_ASSERT_EQUAL(nodes[0].parent, ICR_JSON_NONE);
	CU_ASSERT_EQUAL(nodes[0].child, 1);
	CU_ASSERT_EQUAL(nodes[0].last, 4);
	CU_ASSERT_EQUAL(nodes[0].count, 2);
	CU_ASSERT_EQUAL(nodes[1].type, ICR_JSON_ARRAY);
	CU_ASSERT_EQUAL(nodes[1].key_start, 2);
	CU_ASSERT_EQUAL(nodes[1].key_end, 5);
	CU_ASSERT_EQUAL(memcmp(text + nodes[1].start, "[1, \"x\"]", 8), 0);
	CU_ASSERT_EQUAL(nodes[1].end, nodes[1].start + 8);
	CU_ASSERT_EQUAL(nodes[1].next, 4);
	CU_ASSERT_EQUAL(nodes[2].type, ICR_JSON_NUMBER);
	CU_ASSERT_EQUAL(nodes[2].parent, 1);
	CU_ASSERT_EQUAL(nodes[2].key_end, 0);
	CU_ASSERT_EQUAL(nodes[3].type, ICR_JSON_STRING);
	CU_ASSERT_EQUAL(nodes[3].next, ICR_JSON_NONE);
	CU_ASSERT_EQUAL(nodes[4].child, ICR_JSON_NONE);
	_cleanup_free_ char *place = icr_json_place(&json, "F", nodes[4].start);
	CU_ASSERT_STRING_EQUAL(place, "F:2:5");
}

static void test_strings(void)
{
	static const char text[] = "{\"a\\u0062\":1,\"ab\":\"x\\ud83d\\ude00\\n\\/\xc3\xa9\","
				   "\"z\":\"\\u0000y\"}";
	_cleanup_json_ struct icr_json json = {0};

	CU_ASSERT_EQUAL_FATAL(parse(TEXT(text), 0, &json, NULL), 0);
	uint32_t ab = icr_json_member(&json, 0, "ab");
	CU_ASSERT_EQUAL(ab, 2); /* the last of the two */
	CU_ASSERT(icr_json_name_is(&json, 1, "ab"));
	CU_ASSERT(!icr_json_name_is(&json, 1, "a"));
	CU_ASSERT(!icr_json_name_is(&json, 1, "abc"));
	CU_ASSERT(!icr_json_name_is(&json, 0, ""));
	CU_ASSERT(icr_json_string_is(&json, ab, "x\xf0\x9f\x98\x80\n/\xc3\xa9"));
	CU_ASSERT(!icr_json_string_is(&json, ab, "x"));
	CU_ASSERT(!icr_json_string_is(&json, 1, "1"));
	CU_ASSERT(!icr_json_string_is(&json, 3, ""));
	CU_ASSERT_EQUAL(icr_json_member(&json, 0, "c"), ICR_JSON_NONE);
	CU_ASSERT_EQUAL(icr_json_member(&json, ICR_JSON_NONE, "a"), ICR_JSON_NONE);
	CU_ASSERT_EQUAL(icr_json_member(&json, 1, "a"), ICR_JSON_NONE);
	_cleanup_free_ char *value = icr_json_string_dup(&json, ab);
	CU_ASSERT_STRING_EQUAL(value, "x\xf0\x9f\x98\x80\n/\xc3\xa9");
	_cleanup_free_ char *name = icr_json_name_dup(&json, 1);
	CU_ASSERT_STRING_EQUAL(name, "ab");
	CU_ASSERT_PTR_NULL(icr_json_string_dup(&json, 1));
	CU_ASSERT_PTR_NULL(icr_json_name_dup(&json, 0));
	_cleanup_buf_ struct icr_buf buf;
	icr_buf_init(&buf, 100);
	icr_json_string(&json, 3, &buf);
	CU_ASSERT_EQUAL(buf.len, 2);
	CU_ASSERT_EQUAL(memcmp(buf.data, "\0y", 2), 0);
}

static void test_quote(void)
{
	_cleanup_buf_ struct icr_buf buf;

	icr_buf_init(&buf, 1000);
	icr_json_quote(&buf, TEXT("a\"\\/\b\f\n\r\t\0\x1f<&>\xc3\xa9\xff\xe2\x82z\x7f"));
	CU_ASSERT_STRING_EQUAL(buf.data, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f<&>\xc3\xa9"
					 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\x7f\"");
	/* and whatever is quoted is read again as it was */
	for (unsigned c = 0; c < 0x80; c++) {
		char one[] = {'x', (char)c, 'y', '\0'};
		_cleanup_json_ struct icr_json json = {0};
		_cleanup_buf_ struct icr_buf again;
		icr_buf_init(&again, 100);
		icr_buf_truncate(&buf, 0);
		icr_json_quote(&buf, one, 3);
		CU_ASSERT_EQUAL_FATAL(parse(buf.data, buf.len, 0, &json, NULL), 0);
		icr_json_string(&json, 0, &again);
		CU_ASSERT(again.len == 3 && memcmp(again.data, one, 3) == 0);
	}
}

static void test_equal(void)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"{\"a\":[1,{}]}", " { \"\\u0061\" : [ 1 , { } ] } ", true},
		{"\"\\ud83d\\ude00x\"", "\"\xf0\x9f\x98\x80x\"", true},
		{"[]", "{}", false},
		{"[1]", "[1.0]", false},
		{"[1]", "[1,2]", false},
		{"[[1],2]", "[[1,2]]", false},
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", false},
		{"{\"a\":1}", "{\"a\":2}", false},
		{"\"a\"", "\"ab\"", false},
		{"\"ab\"", "\"a\"", false},
		{"true", "false", false},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_json_ struct icr_json a = {0}, b = {0};
		CU_ASSERT_EQUAL_FATAL(parse(cases[i].a, strlen(cases[i].a), 0, &a, NULL), 0);
		CU_ASSERT_EQUAL_FATAL(parse(cases[i].b, strlen(cases[i].b), 0, &b, NULL), 0);
		CU_ASSERT_EQUAL(icr_json_equal(&a, 0, &b, 0), cases[i].equal);
		CU_ASSERT(icr_json_equal(&a, 0, &a, 0));
	}
	_cleanup_json_ struct icr_json inner = {0};
	CU_ASSERT_EQUAL_FATAL(parse(TEXT("[{\"a\":1},{\"a\":1},[2]]"), 0, &inner, NULL), 0);
	CU_ASSERT(icr_json_equal(&inner, 1, &inner, 3));
	CU_ASSERT(!icr_json_equal(&inner, 1, &inner, 5));
	CU_ASSERT(!icr_json_equal(&inner, ICR_JSON_NONE, &inner, 5));
}

static void nest(struct icr_buf *buf, const char *open, const char *close, int levels)
{
	icr_buf_init(buf, 1 << 20);
	for (int i = 0; i < levels; i++)
		icr_buf_text(buf, open);
	for (int i = 0; i < levels; i++)
		icr_buf_text(buf, close);
}

static void test_utf8(void)
{
	unsigned accepted_pairs = 0;
	char bytes[4];

	for (uint32_t code = 0; code < 0x110000; code++) {
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		size_t n = icr_utf8_encode(code, bytes);
		if (icr_utf8_length(bytes, n) != n || icr_utf8_decode(bytes, n) != code ||
		    (n > 1 && icr_utf8_length(bytes, n - 1) != 0))
			CU_FAIL_FATAL("a character that does not come back");
	}
	/* there are 0x800 - 0x80 characters of two bytes */
	for (unsigned i = 0; i < 0x10000; i++) {
		bytes[0] = (char)(i >> 8);
		bytes[1] = (char)i;
		accepted_pairs += icr_utf8_length(bytes, 2) == 2;
	}
	CU_ASSERT_EQUAL(accepted_pairs, 1920);
}

static void test_limits(void)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf fine, deep, many;

	nest(&fine, "[", "]", ICR_JSON_DEPTH_MAX);
	CU_ASSERT_EQUAL(parse(fine.data, fine.len, 0, &json, NULL), 0);
	nest(&deep, "[", "]", ICR_JSON_DEPTH_MAX + 1);
	CU_ASSERT_EQUAL(parse(deep.data, deep.len, 0, &json, &err), -ICR_E_SYNTAX);
	CU_ASSERT_STRING_EQUAL(err.where, "F:1:513");
	icr_buf_init(&many, (size_t)9 << 20);
	icr_buf_char(&many, '[');
	for (size_t i = 0; i < ICR_JSON_NODES_MAX; i++)
		icr_buf_text(&many, "1,");
	icr_buf_text(&many, "1]");
	CU_ASSERT_EQUAL(parse(many.data, many.len, 0, &json, &err), -ICR_E_SYNTAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "4194304 values"));
}

static void test_large(void)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, (size_t)8 << 20);
	icr_buf_char(&text, '{');
	for (unsigned i = 0; text.len < (size_t)5 << 20; i++)
		icr_buf_printf(&text, "%s\n\t\"name-%u\": [\"value \xc3\xa9 %u\", %u]",
			       i ? "," : "", i, i, i);
	icr_buf_text(&text, "\n}\n");
	CU_ASSERT_EQUAL_FATAL(parse(text.data, text.len, 0, &json, NULL), 0);
	CU_ASSERT_NOT_EQUAL(icr_json_member(&json, 0, "name-100000"), ICR_JSON_NONE);
	/* cut anywhere it is an error, at the place of the cut */
	for (size_t len = 1; len < 200; len++) {
		_cleanup_json_ struct icr_json none = {0};
		CU_ASSERT_EQUAL(parse(text.data, len, 0, &none, NULL), -ICR_E_SYNTAX);
	}
}

/*
 * The independent judge: json-c in its strictest mode (0.16 of Debian 12). Returns its value of the
 * text, with *RET_FINE telling whether it took all of it (null is NULL).
 */
static struct json_object *judge(const char *text, size_t len, bool *ret_fine)
{
	struct json_tokener *tokener = json_tokener_new_ex(ICR_JSON_DEPTH_MAX + 1);
	_cleanup_free_ char *copy = malloc(len + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(tokener);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* with the NUL, or it would wait for more digits of a number */
	memcpy(copy, text, len);
	copy[len] = '\0';
	struct json_object *object = json_tokener_parse_ex(tokener, copy, (int)len + 1);
	*ret_fine = json_tokener_get_error(tokener) == json_tokener_success &&
		    json_tokener_get_parse_end(tokener) >= len;
	json_tokener_free(tokener);
	return object;
}

/* What RFC 8259 forbids (sections 6, 7 and 8.2) and json-c 0.16 takes all the same. */
static bool is_known_laxness(const char *what)
{
	static const char *const known[] = {
		"a tab in a string",	      /* and other control characters there */
		"the control character",      /* likewise */
		"before the end of the line", /* likewise */
		"lone surrogate",	      /* it puts U+FFFD */
		"strings need double quotes",
		"NaN",
		"invalid UTF-8",	   /* overlong forms, surrogates, above U+10FFFF */
		"after the decimal point", /* 1.e5 */
		"after the minus sign",	   /* -.5 */
		"needless 0",		   /* -01.5 */
	};

	for (size_t i = 0; i < ICR_LENGTH(known); i++)
		if (strstr(what, known[i]))
			return true;
	return false;
}

/* json-c 0.16 looks at 16 bits only and takes \ud836\ude00 (U+1DA00) and the like for a surrogate.
 */
static bool has_misread(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = icr_utf8_length(text + i, len - i);
		CU_ASSERT_NOT_EQUAL_FATAL(n, 0);
		if (n == 4 && (icr_utf8_decode(text + i, n) & 0xf800) == 0xd800)
			return true;
	}
	return false;
}

static bool same_value(const struct icr_json *json, uint32_t node, struct json_object *object);

static bool same_items(const struct icr_json *json, uint32_t node, struct json_object *object)
{
	size_t i = 0;

	if (json_object_array_length(object) != json->nodes[node].count)
		return false;
	for (uint32_t n = json->nodes[node].child; n != ICR_JSON_NONE; n = json->nodes[n].next)
		if (!same_value(json, n, json_object_array_get_idx(object, i++)))
			return false;
	return true;
}

static bool same_members(const struct icr_json *json, uint32_t node, struct json_object *object)
{
	for (uint32_t n = json->nodes[node].child; n != ICR_JSON_NONE; n = json->nodes[n].next) {
		_cleanup_free_ char *name = icr_json_name_dup(json, n);
		struct json_object *value;
		if (!json_object_object_get_ex(object, name, &value) ||
		    !same_value(json, icr_json_member(json, node, name), value))
			return false;
	}
	return true;
}

static bool same_value(const struct icr_json *json, uint32_t node, struct json_object *object)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, 1000);
	icr_json_string(json, node, &text);
	switch (json->nodes[node].type) {
	case ICR_JSON_NULL:
		return !object;
	case ICR_JSON_FALSE:
	case ICR_JSON_TRUE:
		return json_object_is_type(object, json_type_boolean) &&
		       json_object_get_boolean(object) == icr_json_is(json, node, ICR_JSON_TRUE);
	case ICR_JSON_NUMBER:
		return json_object_is_type(object, json_type_int) ||
		       json_object_is_type(object, json_type_double);
	case ICR_JSON_STRING:
		return json_object_is_type(object, json_type_string) &&
		       (has_misread(text.data, text.len) ||
			((size_t)json_object_get_string_len(object) == text.len &&
			 memcmp(json_object_get_string(object), text.data, text.len) == 0));
	case ICR_JSON_ARRAY:
		return json_object_is_type(object, json_type_array) &&
		       same_items(json, node, object);
	case ICR_JSON_OBJECT:
		return json_object_is_type(object, json_type_object) &&
		       same_members(json, node, object);
	}
	return false;
}

/* Do we and json-c agree about a text: whether it is JSON, and what it says? */
static bool agree(const char *text, size_t len)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_error_ struct icr_error err = {0};
	bool ours = parse(text, len, 0, &json, &err) >= 0, theirs;
	struct json_object *object = judge(text, len, &theirs);
	bool fine = ours ? theirs && same_value(&json, 0, object)
			 : !theirs || is_known_laxness(err.what);

	if (!fine)
		printf("\nours %d (%s), json-c %d: %.*s", ours, err.what, theirs, (int)len, text);
	json_object_put(object);
	return fine;
}

static void test_json_c(void)
{
	for (size_t i = 0; i < ICR_LENGTH(accepted); i++)
		if (accepted[i].flags == 0)
			CU_ASSERT(agree(accepted[i].text, accepted[i].len));
	for (size_t i = 0; i < ICR_LENGTH(refused); i++)
		if (refused[i].flags == 0)
			CU_ASSERT(agree(refused[i].text, refused[i].len));
}

static uint64_t random_number(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#define MUTANT_MAX 300

/* Deletes, replaces or inserts one byte. */
static size_t mutate(char *text, size_t len, uint64_t *seed)
{
	static const char alphabet[] =
		"{}[],:\"\\ \n\t0123456789-+.eEtrufalsn'/*#\x01\x7f\xc3\xa9\xff";
	size_t at = random_number(seed) % len;
	char c = alphabet[random_number(seed) % (sizeof(alphabet) - 1)];

	switch (random_number(seed) % 3) {
	case 0:
		text[at] = c;
		return len;
	case 1:
		memmove(text + at, text + at + 1, len - at);
		return len - 1;
	default:
		memmove(text + at + 1, text + at, len - at + 1);
		text[at] = c;
		return len + 1;
	}
}

static void test_mutants(void)
{
	static const char *const seeds[] = {
		"{\"a\":1,\"b\":[true,false,null,\"x\\n\\u00e9\"],\"c\":{\"d\":-1.5e+10,\"d\":2}}",
		"[0,-0,1e5,1.25,\"\\ud83d\\ude00\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",[],{}]",
		"{ \"k\" : \"v\" , \"\" : [ [ ] , { \"x\" : \"\\\\\\\"\" } ] }\r\n",
		"\"a string of some length\\/\\b\\f\\r\\t\"",
		"-12.5E-3",
	};
	uint64_t seed = 88172645463325252U;
	char text[MUTANT_MAX];
	unsigned wrong = 0;

	for (unsigned i = 0; i < 40000 && wrong < 20; i++) {
		const char *from = seeds[random_number(&seed) % ICR_LENGTH(seeds)];
		size_t len = strlen(from);
		memcpy(text, from, len + 1);
		for (uint64_t n = 1 + random_number(&seed) % 2; n > 0; n--)
			len = mutate(text, len, &seed);
		if (!agree(text, len))
			wrong++;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"what is JSON", test_accepted},
		{"what is not, where and why", test_refused},
		{"the place in the text of a message", test_place_in_message},
		{"spans and links", test_spans},
		{"decoded strings", test_strings},
		{"quoted strings", test_quote},
		{"equality", test_equal},
		{"UTF-8", test_utf8},
		{"limits", test_limits},
		{"5 MB", test_large},
		{"json-c agrees about the tables", test_json_c},
		{"json-c agrees about mutants", test_mutants},
	};

	return suite_run("json", tests, ICR_LENGTH(tests));
}
