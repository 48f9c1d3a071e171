/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/buf.h"
#include "rewrite/toml.h"
#include "tests/unit/suite.h"

struct seen {
	const char *text;
	struct icr_buf out;
	int stop; /* at the item of this number */
	int count;
};

/* "3:a.b" for a value, with brackets for tables; its string behind "=". */
static int tell(const struct toml_item *item, void *data)
{
	static const char *const begins[] = {"[", "[[", ""}, *const ends[] = {"]", "]]", ""};
	struct seen *seen = data;
	_cleanup_buf_ struct icr_buf string = ICR_BUF(4096);

	icr_buf_printf(&seen->out, "%zu:%s", item->line, begins[item->kind]);
	for (size_t i = 0; i < item->depth; i++)
		icr_buf_printf(&seen->out, "%s%s", i ? i == item->table ? "|" : "." : "",
			       item->path[i]);
	icr_buf_text(&seen->out, ends[item->kind]);
	if (toml_string(seen->text, item, &string))
		icr_buf_printf(&seen->out, "=%s", string.data);
	icr_buf_text(&seen->out, item->inside ? "* " : " ");
	return ++seen->count == seen->stop ? 7 : 0;
}

static void check(const char *text, const char *expected)
{
	_cleanup_error_ struct icr_error err = {0};
	struct seen seen = {.text = text, .out = ICR_BUF(65536)};

	int r = toml_scan(text, strlen(text), "f", tell, &seen, &err);
	CU_ASSERT_EQUAL(r, 0);
	CU_ASSERT_STRING_EQUAL(seen.out.data, expected);
	icr_buf_free(&seen.out);
}

static void test_items(void)
{
	check("", "");
	check("# a\n", "");
	check("a = 1", "1:a ");
	check("a.b . 'c d'.\"e\\u0066\" = 1\r\n", "1:a.b.c d.ef ");
	check("[a]\nb = 'x'\n\n[a.\"c.d\"]\ne = true # f\n", "1:[a] 2:a|b=x 4:[a.c.d] 5:a.c.d|e ");
	check("[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd=1",
	      "1:[[a]] 2:a|b 3:[[a]] 4:a|b 5:[a.c] 6:a.c|d ");
	check("a = { b = 'x', c = { d = 1 } }", "1:a.b=x* 1:a.c.d* 1:a.c* 1:a ");
	check("a = [\n1, # x\n{ b = 1 },\n'y']\nc = 1\n", "3:[[a]]* 3:a.b* 1:a 5:c ");
	check("\xef\xbb\xbf"
	      "a = 1\n",
	      "1:a ");
}

static void test_strings(void)
{
	check("a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "1:a=\b\t\n\f\r\"\\ ");
	check("a = '\\b\"'", "1:a=\\b\" ");
	check("a = \"\"\"\n x\n\\\n  \n y\"\"\"\"\"\nb = 1", "1:a= x\ny\"\" 6:b ");
	check("a = '''\r\nx''y'''\n", "1:a=x''y ");
	check("a = \"\\u00e4\\U0001F600\"", "1:a=\xc3\xa4\xf0\x9f\x98\x80 ");
	check("a = ''\nb = \"\"\n", "1:a= 2:b= ");
	check("a = \"\"\"\"\"\"\n", "1:a= ");
}

static void test_plain_values(void)
{
	static const char *const good[] = {"1",
					   "+1",
					   "-0.5",
					   "1_000",
					   "0xdead",
					   "0o7",
					   "1e3",
					   "inf",
					   "-nan",
					   "true",
					   "false",
					   "07:32:00",
					   "1979-05-27",
					   "1979-05-27 07:32:00.5+01:00",
					   "1979-05-27T07:32:00Z"};
	static const char *const bad[] = {"",	"yes", "+",   "-", ".5",
					  "1.", "1_",  "tru", "@", "True"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		_cleanup_buf_ struct icr_buf text = ICR_BUF(4096);
		icr_buf_printf(&text, "a = %s # x\nb = [%s, %s]\n", good[i], good[i], good[i]);
		check(text.data, "1:a 2:b ");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_error_ struct icr_error err = {0};
		_cleanup_buf_ struct icr_buf text = ICR_BUF(4096);
		struct seen seen = {.text = "", .out = ICR_BUF(4096)};
		icr_buf_printf(&text, "\na = %s\n", bad[i]);
		CU_ASSERT_EQUAL(toml_scan(text.data, text.len, "f", tell, &seen, &err),
				-ICR_E_SYNTAX);
		CU_ASSERT_STRING_EQUAL(err.where, "f:2:5");
		icr_buf_free(&seen.out);
	}
}

static void test_end_of_a_header(void)
{
	_cleanup_error_ struct icr_error err = {0};
	struct seen seen = {.text = "", .out = ICR_BUF(4096), .stop = 2};

	int r = toml_scan("[a]\n[b]\n[c]\n", 12, "f", tell, &seen, &err);
	CU_ASSERT_EQUAL(r, 7);
	CU_ASSERT_STRING_EQUAL(seen.out.data, "1:[a] 2:[b] ");
	icr_buf_free(&seen.out);
}

static void join(const char *string, void *data)
{
	icr_buf_printf(data, "<%s>", string);
}

static int take_strings(const struct toml_item *item, void *data)
{
	struct seen *seen = data;

	toml_strings(seen->text, item, join, &seen->out);
	return 0;
}

static void test_strings_of_an_array(void)
{
	_cleanup_error_ struct icr_error err = {0};
	const char *text = "a = [ 'x', # 'no'\n \"y\\\"#\", '''z''' ]\nb = 'no'\n";
	struct seen seen = {.text = text, .out = ICR_BUF(4096)};

	CU_ASSERT_EQUAL(toml_scan(text, strlen(text), "f", take_strings, &seen, &err), 0);
	CU_ASSERT_STRING_EQUAL(seen.out.data, "<x><y\"#><z>");
	icr_buf_free(&seen.out);
}

static const struct test tests[] = {
	{"items", test_items},
	{"strings", test_strings},
	{"plain values", test_plain_values},
	{"end of a header", test_end_of_a_header},
	{"strings of an array", test_strings_of_an_array},
};

int main(void)
{
	return suite_run("toml", tests, sizeof(tests) / sizeof(tests[0]));
}
