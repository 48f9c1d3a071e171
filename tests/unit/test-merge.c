/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/cleanup.h"
#include "icr/merge.h"
#include "tests/unit/suite.h"

/* What leads from OURS back to BASE: one splice from the first to the last byte that differs,
 * widened to whole tokens by the caller's choice of texts. */
static void splice_back(const char *base, const char *ours, struct icr_edit *back)
{
	size_t first = 0, old_end = strlen(base), new_end = strlen(ours);

	while (base[first] && base[first] == ours[first])
		first++;
	while (old_end > first && new_end > first && base[old_end - 1] == ours[new_end - 1]) {
		old_end--;
		new_end--;
	}
	/* a string is one token */
	size_t quotes = 0, start = 0;
	for (size_t i = 0; i < first; i++)
		if (ours[i] == '"') {
			quotes++;
			start = i;
		}
	if (quotes % 2 == 1) {
		first = start;
		while (ours[new_end - 1] != '"' || new_end <= first + 1)
			new_end++, old_end++;
	}
	icr_edit_splice(back, first, new_end, base + first, old_end - first);
}

static void check_back(const char *ours, const struct icr_edit *back, const char *theirs,
		       const char *expected)
{
	_cleanup_json_ struct icr_json left = {0}, found = {0};
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(65536);

	CU_ASSERT_EQUAL_FATAL(icr_json_parse(ours, strlen(ours), NULL, ICR_JSON_EMPTY, &left, NULL),
			      0);
	CU_ASSERT_EQUAL_FATAL(
		icr_json_parse(theirs, strlen(theirs), NULL, ICR_JSON_EMPTY, &found, NULL), 0);
	icr_merge_json(&left, back, &found, &edit);
	CU_ASSERT_EQUAL(icr_edit_apply(&edit, theirs, strlen(theirs), &text, NULL), 0);
	CU_ASSERT_STRING_EQUAL(text.data, expected);
}

static void check(const char *base, const char *ours, const char *theirs, const char *expected)
{
	_cleanup_edit_ struct icr_edit back = {0};

	splice_back(base, ours, &back);
	check_back(ours, &back, theirs, expected);
}

static void test_replaced(void)
{
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "{\"m\":[\"b\"],\"x\":1}",
	      "{\"m\":[\"a\"],\"x\":1}");
	/* an old spelling comes back as it was */
	check("{\"m\":[\"https:\\/\\/a\"]}", "{\"m\":[\"https://b\"]}",
	      "{\"x\":1,\"m\":[\"https://b\",\"y\"]}", "{\"x\":1,\"m\":[\"https:\\/\\/a\",\"y\"]}");
	/* theirs: neither ours nor the one before */
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "{\"m\":[\"c\"]}", "{\"m\":[\"c\"]}");
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "{\"m\":[]}", "{\"m\":[]}");
}

static void test_layout(void)
{
	check("{\"m\":[\"a\", \"n\"]}", "{\"m\":[\"b\", \"n\"]}",
	      "{\n  \"m\": [\n    \"b\",\n    \"n\"\n  ]\n}\n",
	      "{\n  \"m\": [\n    \"a\",\n    \"n\"\n  ]\n}\n");
	check("{\"x\":1}", "{\"x\":1,\"m\":[\"b\"]}",
	      "{\n\t\"x\": 1,\n\t\"m\": [\n\t\t\"b\"\n\t]\n}\n", "{\n\t\"x\": 1\n}\n");
}

static void test_dropped(void)
{
	/* between the same neighbours, and the order kept */
	check("{\"m\":[\"a\",\"b\",\"c\"]}", "{\"m\":[\"b\",\"c\"]}",
	      "{\"x\":1,\"m\":[\"b\",\"c\"]}", "{\"x\":1,\"m\":[\"a\",\"b\",\"c\"]}");
	check("{\"m\":[\"b\",\"a\"]}", "{\"m\":[\"b\"]}", "{\"m\":[\"b\",\"n\"]}",
	      "{\"m\":[\"b\",\"a\",\"n\"]}");
	/* before the white space that stood behind it */
	check("{\"m\":[\"a\"\n]}", "{\"m\":[\n]}", "{\"m\":[\n],\"x\":1}",
	      "{\"m\":[\"a\"\n],\"x\":1}");
	/* not where what made it a repetition is gone */
	check("{\"m\":[\"b\",\"a\"]}", "{\"m\":[\"b\"]}", "{\"m\":[\"n\"]}", "{\"m\":[\"n\"]}");
}

static void test_added(void)
{
	check("{\"m\":[\"a\"]}", "{\"m\":[\"a\",\"b\"]}", "{\"m\":[\"a\",\"b\",\"c\"]}",
	      "{\"m\":[\"a\",\"c\"]}");
	check("{\"x\":1}", "{\"x\":1,\"m\":[\"b\"]}", "{\"x\":2,\"m\":[\"b\"],\"y\":3}",
	      "{\"x\":2,\"y\":3}");
	/* somebody's own entry in a list of ours keeps the list */
	check("{\"x\":1}", "{\"x\":1,\"m\":[\"b\"]}", "{\"x\":1,\"m\":[\"b\",\"c\"]}",
	      "{\"x\":1,\"m\":[\"b\",\"c\"]}");
}

/* One splice that cannot be made does not take the others with it. */
static void test_partly(void)
{
	static const char ours[] = "{\"m\":[\"b\"],\"n\":[\"d\"]}";
	_cleanup_edit_ struct icr_edit back = {0};

	icr_edit_splice(&back, 6, 9, "\"a\"", 3);
	icr_edit_splice(&back, 16, 19, "\"c\"", 3);
	check_back(ours, &back, "{\"m\":[\"e\"],\"n\":[\"d\"]}", "{\"m\":[\"e\"],\"n\":[\"c\"]}");
	check_back(ours, &back, ours, "{\"m\":[\"a\"],\"n\":[\"c\"]}");
}

static void test_nothing_in_common(void)
{
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "{}", "{}");
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "[1,2]", "[1,2]");
	check("{\"m\":[\"a\"]}", "{\"m\":[\"b\"]}", "", "");
}

/* A splice that would cut a token in two is none that a merge can make. */
static void test_cut(void)
{
	_cleanup_edit_ struct icr_edit back = {0};

	icr_edit_splice(&back, 7, 8, "z", 1);
	check_back("{\"m\":[\"b\"]}", &back, "{\"m\":[\"b\"] }", "{\"m\":[\"b\"] }");
}

static const struct test tests[] = {
	{"replaced", test_replaced}, {"layout", test_layout},
	{"dropped", test_dropped},   {"added", test_added},
	{"partly", test_partly},     {"nothing in common", test_nothing_in_common},
	{"cut", test_cut},
};

int main(void)
{
	return suite_run("merge", tests, sizeof(tests) / sizeof(tests[0]));
}
