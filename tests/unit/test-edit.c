/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/json-edit.h"
#include "tests/unit/suite.h"

#define OUT_MAX	  ((size_t)1 << 20)
#define ITEMS_MAX 8

static void parse(const char *text, size_t len, struct icr_json *json)
{
	_cleanup_error_ struct icr_error err = {0};

	if (icr_json_parse(text, len, "F", ICR_JSON_BOM | ICR_JSON_EMPTY, json, &err) < 0) {
		printf("\n%.*s\n%s: %s", (int)len, text, err.where, err.what);
		CU_FAIL_FATAL("a text of the test is not JSON");
	}
}

/* Applies, checks, and returns the text (malloc'ed). */
static char *apply(const struct icr_edit *edit, const struct icr_json *json)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, OUT_MAX);
	if (icr_edit_apply(edit, json->text, json->len, &out, &err) < 0 ||
	    icr_json_edit_check(edit, json, out.data, out.len, "F", &err) < 0) {
		printf("\n%s\n->\n%s\n%s: %s", json->text, out.data, err.where, err.what);
		CU_FAIL_FATAL("an edit that does not pass");
	}
	return icr_buf_take(&out);
}

static void test_splices(void)
{
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, OUT_MAX);
	icr_edit_splice(&edit, 6, 8, "<67>", 4);
	icr_edit_splice(&edit, 6, 6, "a", 1);
	icr_edit_splice(&edit, 0, 1, "", 0);
	icr_edit_splice(&edit, 6, 6, "b", 1);
	icr_edit_splice(&edit, 8, 8, "c", 1);
	icr_edit_splice(&edit, 10, 10, "end", 3);
	icr_edit_splice(&edit, 0, 0, "begin", 5);
	CU_ASSERT_EQUAL(icr_edit_apply(&edit, "0123456789", 10, &out, NULL), 0);
	CU_ASSERT_STRING_EQUAL(out.data, "begin12345ab<67>c89end");
	CU_ASSERT_EQUAL(edit.count, 7);
}

static void test_wrong_splices(void)
{
	static const size_t places[][4] = {
		{2, 5, 4, 6},  {2, 5, 2, 3},   {2, 5, 3, 3},
		{0, 11, 0, 0}, {11, 11, 0, 0}, {5, 4, 0, 0},
	};

	for (size_t i = 0; i < ICR_LENGTH(places); i++) {
		_cleanup_edit_ struct icr_edit edit = {0};
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, OUT_MAX);
		icr_edit_splice(&edit, places[i][0], places[i][1], "x", 1);
		icr_edit_splice(&edit, places[i][2], places[i][3], "y", 1);
		CU_ASSERT_EQUAL(icr_edit_apply(&edit, "0123456789", 10, &out, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(err.what);
	}
}

/* Documents in the styles of many writers. */
static const char *const documents[] = {
	"{}",
	"{}\n",
	"{ }",
	"{\n}",
	"{\n\n}\n",
	"{\r\n}\r\n",
	"{\t}",
	"[]",
	"[ ]",
	"[\n  ]",
	"\xef\xbb\xbf{}\r\n",
	"\xef\xbb\xbf{\r\n\t\"a\": {}\r\n}",
	"{\"a\":1}",
	"{\"a\": 1}",
	"{ \"a\": 1 }\n",
	"{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }",
	"{\"a\":1,\"b\":[1,2],\"c\":{}}",
	"{\"a\": 1, \"b\": [1, 2], \"c\": {}, \"d\": []}\n",
	"[1]",
	"[1,2]",
	"[1, 2, 3]",
	"[[[]]]",
	"{\n\t\"auths\": {\n\t\t\"us.icr.io\": {\n\t\t\t\"auth\": "
	"\"eA==\"\n\t\t}\n\t},\n\t\"credsStore\": "
	"\"desktop\"\n}",
	"{\n  \"debug\": true,\n  \"registry-mirrors\": [\"https://a\", \"https://b\"],\n  \"x\": "
	"{}\n}\n",
	"{\n    \"log-opts\": {\"max-size\": \"10m\"},\n    \"list\": [\n        1,\n        2\n   "
	" ]\n}\n",
	"{\r\n  \"a\": 1,\r\n  \"b\": {\r\n    \"c\": [\r\n      \"d\"\r\n    ]\r\n  }\r\n}\r\n",
	"{\r  \"a\": 1\r}\r",
	"{\n\"a\": 1,\n\"b\": {\n\"c\": 2\n}\n}\n",
	"{\n  \"a\": 1\n, \"b\": 2\n, \"c\": [\n    1\n  , 2\n  ]\n}",
	"{\n\n  \"a\": 1,\n\n  \"b\": 2\n\n}\n\n",
	"{\"a\": {\n  \"b\": 1\n}, \"c\": {}}",
	"  {\n    \"a\": 1\n  }  ",
	"{\n  \"a\":\n  {\n    \"b\":\n    []\n  }\n}\n",
	"{\"a\":1,\"a\":{\"b\":2},\"a\":{\"b\":3,\"b\":4}}",
	"{\"n\": [9007199254740993, 1e400, 1.0, -0, 3.141592653589793238], \"s\": "
	"\"\\u00e9\\/\xc3\xa9\"}",
	"[\n\t{\n\t\t\"a\": [\n\t\t]\n\t},\n\t{ },\n\tnull,\n\t\"x\"\n]\n",
	"{\"deep\":[[[[{\"a\":{\"b\":{\"c\":[]}}}]]]]}",
	"{\n \"one\": 1,\n \"three\":{ \"x\":1 },\"same line\":2\n}",
};

static bool is_container(const struct icr_json *json, uint32_t node)
{
	return icr_json_is(json, node, ICR_JSON_OBJECT) || icr_json_is(json, node, ICR_JSON_ARRAY);
}

static void add(struct icr_edit *edit, const struct icr_json *json, uint32_t node, unsigned count)
{
	static const char *const values[] = {"\"v\"", "{\"x\": [1, {}]}", "[\n1]"};
	static const char *const names[] = {"new\n\"1\"", "us.icr.io", "a"};

	for (unsigned i = 0; i < count; i++)
		if (icr_json_is(json, node, ICR_JSON_OBJECT))
			icr_json_edit_add_member(edit, json, node, names[i % 3], values[i % 3]);
		else
			icr_json_edit_add_item(edit, json, node, values[i % 3]);
}

/* Removes the last COUNT items of NODE. */
static void take(struct icr_edit *edit, const struct icr_json *json, uint32_t node, unsigned count)
{
	uint32_t nodes[ITEMS_MAX], n = 0, from = json->nodes[node].count - count;

	for (uint32_t i = json->nodes[node].child; i != ICR_JSON_NONE; i = json->nodes[i].next)
		if (from > 0)
			from--;
		else
			nodes[n++] = i;
	icr_json_edit_remove(edit, json, nodes, n);
}

/* The node of NEW that begins where NODE of OLD did: an edit further on does not move it. */
static uint32_t find(const struct icr_json *old, uint32_t node, const struct icr_json *new)
{
	for (uint32_t i = 0; i < new->count; i++)
		if (new->nodes[i].start == old->nodes[node].start)
			return i;
	return ICR_JSON_NONE;
}

static void add_and_remove(const char *document, uint32_t node, unsigned count)
{
	_cleanup_json_ struct icr_json old = {0}, new = {0};
	_cleanup_edit_ struct icr_edit adding = {0}, removing = {0};

	parse(document, strlen(document), &old);
	add(&adding, &old, node, count);
	_cleanup_free_ char *added = apply(&adding, &old);
	parse(added, strlen(added), &new);
	uint32_t twin = find(&old, node, &new);
	CU_ASSERT_NOT_EQUAL_FATAL(twin, ICR_JSON_NONE);
	CU_ASSERT_EQUAL(new.nodes[twin].count, old.nodes[node].count + count);
	/* what was there before is there still, in its order, and the new ones follow */
	uint32_t b = new.nodes[twin].child;
	for (uint32_t a = old.nodes[node].child; a != ICR_JSON_NONE; a = old.nodes[a].next) {
		CU_ASSERT(icr_json_equal(&old, a, &new, b));
		b = new.nodes[b].next;
	}
	CU_ASSERT(icr_json_string_is(&new, b, "v"));
	take(&removing, &new, twin, count);
	_cleanup_free_ char *removed = apply(&removing, &new);
	if (strcmp(removed, document) != 0)
		printf("\n%s\n->\n%s\n->\n%s", document, added, removed);
	CU_ASSERT_STRING_EQUAL(removed, document);
}

static void test_add_and_remove(void)
{
	for (size_t i = 0; i < ICR_LENGTH(documents); i++) {
		_cleanup_json_ struct icr_json json = {0};
		parse(documents[i], strlen(documents[i]), &json);
		for (uint32_t node = 0; node < json.count; node++)
			for (unsigned k = 1; k <= 3 && is_container(&json, node); k++)
				add_and_remove(documents[i], node, k);
	}
}

/* In every object and array of a document at once. */
static void test_everywhere(void)
{
	for (size_t i = 0; i < ICR_LENGTH(documents); i++) {
		_cleanup_json_ struct icr_json old = {0}, new = {0};
		_cleanup_edit_ struct icr_edit adding = {0}, undoing = {0};
		parse(documents[i], strlen(documents[i]), &old);
		for (uint32_t n = old.count; n-- > 0;)
			if (is_container(&old, n))
				add(&adding, &old, n, 2);
		_cleanup_free_ char *added = apply(&adding, &old);
		parse(added, strlen(added), &new);
		/* reversed splice by splice, as undo does it */
		size_t shift = 0;
		for (size_t k = 0; k < adding.count; k++) {
			const struct icr_splice *splice = &adding.items[k];
			size_t at = splice->start + shift;
			icr_edit_splice(&undoing, at, at + splice->len, old.text + splice->start,
					splice->end - splice->start);
			shift += splice->len - (splice->end - splice->start);
		}
		_cleanup_free_ char *undone = apply(&undoing, &new);
		CU_ASSERT_STRING_EQUAL(undone, documents[i]);
	}
}

/* Removes the items of NODE whose bits are set. */
static void remove_some(const char *document, uint32_t node, unsigned bits)
{
	_cleanup_json_ struct icr_json old = {0}, new = {0};
	_cleanup_edit_ struct icr_edit edit = {0};
	uint32_t gone[ITEMS_MAX], kept[ITEMS_MAX], gone_count = 0, kept_count = 0, k = 0;

	parse(document, strlen(document), &old);
	for (uint32_t i = old.nodes[node].child; i != ICR_JSON_NONE; i = old.nodes[i].next)
		if (bits & 1U << k++)
			gone[gone_count++] = i;
		else
			kept[kept_count++] = i;
	icr_json_edit_remove(&edit, &old, gone, gone_count);
	_cleanup_free_ char *text = apply(&edit, &old);
	parse(text, strlen(text), &new);
	uint32_t twin = find(&old, node, &new);
	CU_ASSERT_NOT_EQUAL_FATAL(twin, ICR_JSON_NONE);
	CU_ASSERT_EQUAL_FATAL(new.nodes[twin].count, kept_count);
	uint32_t i = new.nodes[twin].child;
	for (k = 0; k < kept_count; k++, i = new.nodes[i].next)
		CU_ASSERT(icr_json_equal(&old, kept[k], &new, i));
}

static void test_remove_some(void)
{
	for (size_t i = 0; i < ICR_LENGTH(documents); i++) {
		_cleanup_json_ struct icr_json json = {0};
		parse(documents[i], strlen(documents[i]), &json);
		for (uint32_t node = 0; node < json.count; node++)
			for (unsigned bits = 0; bits < 1U << json.nodes[node].count; bits++)
				if (is_container(&json, node))
					remove_some(documents[i], node, bits);
	}
}

static const struct {
	const char *before, *path, *name, *value, *after;
} additions[] = {
	{"{}", "", "k", "1", "{\"k\": 1}"},
	{"{ }", "", "k", "1", "{\"k\": 1 }"},
	{"{\n}\n", "", "k", "1", "{\n\t\"k\": 1\n}\n"},
	{"{\r\n}", "", "k", "1", "{\r\n\t\"k\": 1\r\n}"},
	{"{\"a\":1}", "", "k", "1", "{\"a\":1,\"k\":1}"},
	{"{\"a\": 1}", "", "k", "1", "{\"a\": 1, \"k\": 1}"},
	{"{ \"a\" : 1 }", "", "k", "1", "{ \"a\" : 1, \"k\" : 1 }"},
	{"{\n  \"a\": 1\n}\n", "", "k", "1", "{\n  \"a\": 1,\n  \"k\": 1\n}\n"},
	{"{\r\n\t\"a\":1,\r\n\t\"b\":2\r\n}", "", "k", "1",
	 "{\r\n\t\"a\":1,\r\n\t\"b\":2,\r\n\t\"k\":1\r\n}"},
	{"{\n  \"a\": 1\n, \"b\": 2\n}", "", "k", "1", "{\n  \"a\": 1\n, \"b\": 2\n, \"k\": 1\n}"},
	{"{\n  \"a\": {\n  }\n}", "a", "k", "1", "{\n  \"a\": {\n    \"k\": 1\n  }\n}"},
	{"{\n  \"a\": {}\n}", "a", "k", "1", "{\n  \"a\": {\"k\": 1}\n}"},
	{"{\n  \"a\": []\n}", "a", NULL, "1", "{\n  \"a\": [1]\n}"},
	{"{\n  \"a\": [\n  ]\n}", "a", NULL, "1", "{\n  \"a\": [\n    1\n  ]\n}"},
	{"{\n\t\"a\": [\"x\"]\n}", "a", NULL, "1", "{\n\t\"a\": [\"x\", 1]\n}"},
	{"{\"a\":[\"x\"]}", "a", NULL, "1", "{\"a\":[\"x\",1]}"},
	{"{\"a\": [ \"x\" ]}", "a", NULL, "1", "{\"a\": [ \"x\", 1 ]}"},
	{"{\"a\": [\n  1,\n  2\n]}", "a", NULL, "3", "{\"a\": [\n  1,\n  2,\n  3\n]}"},
	{"\xef\xbb\xbf{\"a\":1}\r\n", "", "\xc3\xa9", "1",
	 "\xef\xbb\xbf{\"a\":1,\"\xc3\xa9\":1}\r\n"},
};

static void test_additions(void)
{
	for (size_t i = 0; i < ICR_LENGTH(additions); i++) {
		_cleanup_json_ struct icr_json json = {0};
		_cleanup_edit_ struct icr_edit edit = {0};
		parse(additions[i].before, strlen(additions[i].before), &json);
		uint32_t node =
			*additions[i].path ? icr_json_member(&json, 0, additions[i].path) : 0;
		if (additions[i].name)
			icr_json_edit_add_member(&edit, &json, node, additions[i].name,
						 additions[i].value);
		else
			icr_json_edit_add_item(&edit, &json, node, additions[i].value);
		_cleanup_free_ char *text = apply(&edit, &json);
		CU_ASSERT_STRING_EQUAL(text, additions[i].after);
	}
}

static void test_several(void)
{
	static const char text[] = "{\n  \"a\": [1, 2, 3],\n  \"b\": {},\n  \"c\": \"x\"\n}\n";
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_edit_ struct icr_edit edit = {0};

	parse(text, strlen(text), &json);
	uint32_t a = icr_json_member(&json, 0, "a"), b = icr_json_member(&json, 0, "b");
	uint32_t all[] = {json.nodes[a].child, json.nodes[json.nodes[a].child].next,
			  json.nodes[a].last};
	icr_json_edit_replace(&edit, &json, icr_json_member(&json, 0, "c"), "{\"y\": null}");
	icr_json_edit_remove(&edit, &json, all, 3);
	icr_json_edit_add_item(&edit, &json, a, "4");
	icr_json_edit_add_item(&edit, &json, a, "5");
	icr_json_edit_add_member(&edit, &json, b, "x", "1");
	icr_json_edit_add_member(&edit, &json, b, "y", "2");
	icr_json_edit_add_member(&edit, &json, 0, "d", "1");
	_cleanup_free_ char *after = apply(&edit, &json);
	CU_ASSERT_STRING_EQUAL(after, "{\n  \"a\": [4, 5],\n  \"b\": {\"x\": 1, \"y\": 2},\n"
				      "  \"c\": {\"y\": null},\n  \"d\": 1\n}\n");
}

static void test_replace(void)
{
	static const char text[] = "[1, {\"a\": \"x\"}, [2]]";
	static const char *const values[] = {"null", "\"\"", "{\"a\":\n[1]}"};
	_cleanup_json_ struct icr_json json = {0};

	parse(text, strlen(text), &json);
	for (uint32_t node = 0; node < json.count; node++)
		for (size_t i = 0; i < ICR_LENGTH(values); i++) {
			_cleanup_json_ struct icr_json new = {0}, value = {0};
			_cleanup_edit_ struct icr_edit edit = {0};
			icr_json_edit_replace(&edit, &json, node, values[i]);
			_cleanup_free_ char *after = apply(&edit, &json);
			parse(after, strlen(after), &new);
			parse(values[i], strlen(values[i]), &value);
			CU_ASSERT(icr_json_equal(&new, find(&json, node, &new), &value, 0));
		}
}

/* What edit.h says cannot be done fails, and does not spoil the text. */
static void test_wrong_order(void)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_edit_ struct icr_edit late = {0}, twice = {0}, strange = {0};
	_cleanup_buf_ struct icr_buf out;
	uint32_t one = 1, two = 2;

	icr_buf_init(&out, OUT_MAX);
	parse("[1,2]", 5, &json);
	uint32_t both[] = {one, two};
	icr_json_edit_add_item(&late, &json, 0, "3");
	icr_json_edit_remove(&late, &json, both, 2);
	CU_ASSERT_EQUAL(icr_edit_apply(&late, json.text, json.len, &out, NULL), -EINVAL);
	icr_json_edit_remove(&twice, &json, &one, 1);
	icr_json_edit_remove(&twice, &json, &two, 1);
	CU_ASSERT_EQUAL(icr_edit_apply(&twice, json.text, json.len, &out, NULL), -EINVAL);
	uint32_t mixed[] = {two, one};
	icr_json_edit_remove(&strange, &json, mixed, 2);
	CU_ASSERT_EQUAL(icr_edit_apply(&strange, json.text, json.len, &out, NULL), -EINVAL);
}

static void test_indent(void)
{
	static const struct {
		const char *text;
		int levels;
		const char *indent;
	} cases[] = {
		{"", 0, "\n\t"},
		{"", 1, "\n\t\t"},
		{"", -1, "\n"},
		{" \n", 0, "\n\t"},
		{"{}", 0, ""},
		{"{\"a\": 1}\n", 1, ""},
		{"{\n}", 0, "\n\t"},
		{"{\n}", -1, "\n"},
		{"{\r\n}", 1, "\r\n\t\t"},
		{"{\n  \"a\": 1\n}", 0, "\n  "},
		{"{\n  \"a\": 1\n}", 2, "\n      "},
		{"{\n  \"a\": 1\n}", -1, "\n"},
		{"{\n    \"a\": {\n      \"b\": 1\n    }\n}", 1, "\n        "},
		{"{\n\"a\": 1\n}", 1, "\n"},
		{"{\r\n\t\"a\": 1\r\n}", 1, "\r\n\t\t"},
		{"{\"a\": {\n  \"b\": 1\n}}", 1, ""},
		{"  {\n    \"a\": 1\n  }", 1, "\n      "},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_json_ struct icr_json json = {0};
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, 100);
		parse(cases[i].text, strlen(cases[i].text), &json);
		icr_json_edit_indent(&json, 0, cases[i].levels, &out);
		CU_ASSERT_STRING_EQUAL(out.data, cases[i].indent);
	}
}

/* Splices that make another document than they seem to. */
static const struct {
	const char *before;
	size_t start, end;
	const char *bytes;
	size_t start2, end2;
	const char *bytes2;
} traps[] = {
	/* "b" becomes part of a string */
	{"{\"a\":1,\"b\":2,\"c\":\"\"}", 5, 6, "\"", 15, 15, "x"},
	/* "b" moves into an object of ours */
	{"{\"a\":1,\"b\":2}", 7, 7, "\"x\":{", 12, 12, "}"},
	/* 2 moves from one array to the other */
	{"[[1,2],[3]]", 3, 4, "],[", 6, 8, ","},
	/* digits are added to 1 */
	{"[1,2]", 2, 2, "0", 5, 5, ""},
	/* ... before it */
	{"[1,2]", 1, 1, "-", 5, 5, ""},
	/* ... and taken away */
	{"[12,2]", 2, 3, "", 6, 6, ""},
	/* a string is cut, opened and closed again */
	{"[\"ab\",2]", 3, 3, "\",\"", 8, 8, ""},
	/* a name changes */
	{"{\"a\":1}", 2, 3, "b", 7, 7, ""},
	{"{\"a\":1}", 2, 2, "b", 7, 7, ""},
	/* an array becomes an object's value */
	{"[1]", 0, 0, "{\"x\":", 3, 3, "}"},
	/* an object becomes an array */
	{"{}", 0, 1, "[", 1, 2, "]"},
	/* not JSON at all */
	{"[1]", 2, 2, ",", 3, 3, ""},
	{"[1]", 3, 3, "[1]", 3, 3, ""},
	{"[1]", 2, 2, ",\"\xff\"", 3, 3, ""},
};

static void test_traps(void)
{
	for (size_t i = 0; i < ICR_LENGTH(traps); i++) {
		_cleanup_json_ struct icr_json json = {0};
		_cleanup_edit_ struct icr_edit edit = {0};
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, OUT_MAX);
		parse(traps[i].before, strlen(traps[i].before), &json);
		icr_edit_splice(&edit, traps[i].start, traps[i].end, traps[i].bytes,
				strlen(traps[i].bytes));
		icr_edit_splice(&edit, traps[i].start2, traps[i].end2, traps[i].bytes2,
				strlen(traps[i].bytes2));
		CU_ASSERT_EQUAL_FATAL(icr_edit_apply(&edit, json.text, json.len, &out, &err), 0);
		int r = icr_json_edit_check(&edit, &json, out.data, out.len, "F", &err);
		CU_ASSERT_EQUAL(r, -ICR_E_SYNTAX);
		if (r >= 0)
			printf("\n%s\n->\n%s", json.text, out.data);
	}
}

/* A text that is not what the edit makes. */
static void test_other_text(void)
{
	static const char *const others[] = {"[1,2,3]",	  "[1,2,3] ", "[1, 2,3]", "[1,2,4]",
					     "[1,3,3]",	  "[1,2]",    "[1,2,3",	  "",
					     "[1,2,3,4]", " [1,2,3]"};
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_edit_ struct icr_edit edit = {0};

	parse("[1,2]", 5, &json);
	icr_json_edit_add_item(&edit, &json, 0, "3");
	for (size_t i = 0; i < ICR_LENGTH(others); i++) {
		int r = icr_json_edit_check(&edit, &json, others[i], strlen(others[i]), "F", NULL);
		CU_ASSERT_EQUAL(r, i == 0 ? 0 : -ICR_E_SYNTAX);
	}
}

static void test_many(void)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf text, out;
	const unsigned count = 20000;

	icr_buf_init(&text, OUT_MAX);
	icr_buf_init(&out, OUT_MAX);
	icr_buf_char(&text, '[');
	for (unsigned i = 0; i < count; i++)
		icr_buf_printf(&text, "%s\n  %u", i ? "," : "", i);
	icr_buf_text(&text, "\n]\n");
	parse(text.data, text.len, &json);
	_cleanup_free_ uint32_t *odd = calloc(count, sizeof(*odd));
	CU_ASSERT_PTR_NOT_NULL_FATAL(odd);
	for (uint32_t i = 0; i < count / 2; i++)
		odd[i] = 2 + 2 * i;
	icr_json_edit_remove(&edit, &json, odd, count / 2);
	CU_ASSERT_EQUAL(edit.count, count / 2);
	CU_ASSERT_EQUAL(icr_edit_apply(&edit, json.text, json.len, &out, NULL), 0);
	CU_ASSERT_EQUAL(icr_json_edit_check(&edit, &json, out.data, out.len, "F", NULL), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"splices", test_splices},
		{"splices that overlap", test_wrong_splices},
		{"added and removed in every style", test_add_and_remove},
		{"added everywhere and reversed", test_everywhere},
		{"every set removed", test_remove_some},
		{"bytes of additions", test_additions},
		{"several edits of one text", test_several},
		{"every value replaced", test_replace},
		{"edits in the wrong order", test_wrong_order},
		{"indentation", test_indent},
		{"splices that say something else", test_traps},
		{"a text of another edit", test_other_text},
		{"many splices", test_many},
	};

	return suite_run("edit", tests, ICR_LENGTH(tests));
}
