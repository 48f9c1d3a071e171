/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/value.h"
#include "tests/unit/suite.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static struct icr_value *parse(const char *text)
{
	struct icr_value *value = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_value_parse(text, strlen(text), false, &value, NULL), 0);
	return value;
}

static void check_print(const struct icr_value *value, const char *text)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);

	CU_ASSERT_EQUAL(icr_value_print(value, &out, NULL), 0);
	if (strcmp(out.data, text) != 0)
		printf("\n%s\n%s", out.data, text);
	CU_ASSERT_STRING_EQUAL(out.data, text);
}

static void test_read(void)
{
	_cleanup_value_ struct icr_value *value =
		parse(" {\"ServerURL\":\"us.icr.io\",\"n\":1,\"on\":true,\"off\":false,\"no\":null,"
		      "\"list\":[1,\"a\",{}],\"S\\u0065cret\":\"a\\u00e9\\n\\ud83d\\ude00\"} ");
	const struct icr_value *list = icr_value_get(value, "list");
	size_t count = 0;

	CU_ASSERT_EQUAL(value->count, 7);
	CU_ASSERT_STRING_EQUAL(icr_value_text(value, "ServerURL"), "us.icr.io");
	CU_ASSERT_STRING_EQUAL(icr_value_text(value, "Secret"), "a\xc3\xa9\n\xf0\x9f\x98\x80");
	static const char *const others[] = {"n", "on", "no", "list", "serverurl", "none", ""};
	for (size_t i = 0; i < ICR_LENGTH(others); i++)
		CU_ASSERT_PTR_NULL(icr_value_text(value, others[i]));
	CU_ASSERT(icr_value_flag(value, "on"));
	CU_ASSERT(!icr_value_flag(value, "off"));
	CU_ASSERT(!icr_value_flag(value, "ServerURL"));
	CU_ASSERT(icr_value_is(icr_value_get(value, "off"), ICR_JSON_FALSE));
	CU_ASSERT(icr_value_is(icr_value_get(value, "no"), ICR_JSON_NULL));
	CU_ASSERT(!icr_value_is(icr_value_get(value, "none"), ICR_JSON_NULL));
	CU_ASSERT(icr_value_is(list, ICR_JSON_ARRAY) && list->count == 3);
	icr_value_each(item, list)
		CU_ASSERT_EQUAL(icr_value_string(item) != NULL, count++ == 1);
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_PTR_NULL(icr_value_get(list, "a"));
	CU_ASSERT_PTR_NULL(icr_value_string(NULL));
	CU_ASSERT_PTR_NULL(icr_value_text(NULL, "none"));
	CU_ASSERT(!icr_value_flag(NULL, "none"));
	icr_value_each(item, NULL)
		CU_FAIL("nothing has an item");
}

static const struct {
	const char *text;
	size_t len;
	bool prefix;
	int code;
	const char *what;
} refused[] = {
	{TEXT(""), false, ICR_E_SYNTAX, "the text ends"},
	{TEXT(" "), true, ICR_E_SYNTAX, "the text ends"},
	{TEXT("not json"), false, ICR_E_SYNTAX, "line 1, column 2"},
	{TEXT("[]"), false, ICR_E_PROTOCOL, "an object is expected, not an array"},
	{TEXT("null"), false, ICR_E_PROTOCOL, "null"},
	{TEXT("\"{}\""), true, ICR_E_PROTOCOL, "a string"},
	{TEXT("{} x"), false, ICR_E_SYNTAX, "text after"},
	{TEXT("{}\0"), false, ICR_E_SYNTAX, "text after"},
	{TEXT("{\"Secret\":\"\\u0000x\"}"), false, ICR_E_SYNTAX, "\\u0000"},
	{TEXT("{\"\\u0000\":1}"), false, ICR_E_SYNTAX, "\\u0000"},
	{TEXT("{\"Secret\":\"a\0b\"}"), true, ICR_E_SYNTAX, "U+0000"},
	{TEXT("{\"Secret\":\"a\nb\"}"), false, ICR_E_SYNTAX, "end of the line"},
	{TEXT("{\"Secret\":\"\xff\"}"), false, ICR_E_SYNTAX, "invalid UTF-8"},
	{TEXT("{\"Secret\":\"\\ud800\"}"), false, ICR_E_SYNTAX, "lone surrogate"},
	{TEXT("{\"n\":01}"), false, ICR_E_SYNTAX, "needless 0"},
	{TEXT("\xef\xbb\xbf{}"), false, ICR_E_SYNTAX, "byte order mark"},
};

static void test_refused(void)
{
	for (size_t i = 0; i < ICR_LENGTH(refused); i++) {
		_cleanup_error_ struct icr_error err = {0};
		struct icr_value *value = NULL;
		CU_ASSERT_EQUAL(icr_value_parse(refused[i].text, refused[i].len, refused[i].prefix,
						&value, &err),
				-refused[i].code);
		CU_ASSERT_PTR_NULL(value);
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		if (!strstr(err.what, refused[i].what))
			printf("\n%s", err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, refused[i].what));
		CU_ASSERT_PTR_NULL(err.where);
	}
}

static void test_prefix(void)
{
	static const char text[] = " {\"Secret\":\"s1\",\"secret\":\"s2\"} trailing \xff";
	_cleanup_value_ struct icr_value *value = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_value_parse(TEXT(text), true, &value, NULL), 0);
	CU_ASSERT_STRING_EQUAL(icr_value_text(value, "Secret"), "s1");
}

static void test_repeated(void)
{
	static const char text[] = "{\"a\":\"1\",\"b\":true,\"a\":\"2\",\"A\":\"3\",\"b\":null}";
	_cleanup_value_ struct icr_value *value = parse(text);

	CU_ASSERT_STRING_EQUAL(icr_value_text(value, "a"), "2");
	CU_ASSERT(!icr_value_flag(value, "b"));
	check_print(value, text);
}

/* Without spaces and needless escapes, what was read is printed as it was. */
static void test_round_trips(void)
{
	static const char *const texts[] = {
		"{}",
		"{\"\":\"\"}",
		"{\"b\":1,\"a\":[],\"c\":{},\"B\":[null,true,false,[[]],{\"x\":{}}]}",
		"{\"n\":[0,-0,1.50,-1.5E+10,1e400,9007199254740993,-9223372036854775808]}",
		"{\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\":\"<&>\x7f\xc3\xa9\xe2\x80\xa8\"}",
	};

	for (size_t i = 0; i < ICR_LENGTH(texts); i++) {
		_cleanup_value_ struct icr_value *value = parse(texts[i]);
		check_print(value, texts[i]);
	}
	_cleanup_value_ struct icr_value *value =
		parse("{ \"\\u0061\\/\" : [ 1 ,\t2 ] , \"b\":\n\"\\ud83d\\ude00\\u007f\" }");
	check_print(value, "{\"a/\":[1,2],\"b\":\"\xf0\x9f\x98\x80\x7f\"}");
	check_print(value->child, "[1,2]");
	check_print(value->child->last, "2");
	check_print(value->last, "\"\xf0\x9f\x98\x80\x7f\"");
}

static void check_number(const struct icr_value *value, const char *name, bool fine, int64_t wanted)
{
	int64_t number = 5;

	CU_ASSERT_EQUAL(icr_value_number(value, name, -1, (int64_t)1 << 53, &number), fine);
	CU_ASSERT_EQUAL(number, fine ? wanted : 5);
}

static void test_numbers(void)
{
	_cleanup_value_ struct icr_value *value =
		parse("{\"a\":0,\"b\":-1,\"c\":9007199254740992,\"d\":9007199254740993,\"e\":-2,"
		      "\"f\":1.0,\"g\":1e3,\"h\":\"1\",\"i\":99999999999999999999,\"j\":null}");
	_cleanup_value_ struct icr_value *ours = icr_value_new();

	check_number(value, "a", true, 0);
	check_number(value, "b", true, -1);
	check_number(value, "c", true, (int64_t)1 << 53);
	for (const char *name = "d\0e\0f\0g\0h\0i\0j\0k\0"; *name; name += 2)
		check_number(value, name, false, 0);
	check_number(NULL, "a", false, 0);
	icr_value_put_number(ours, "min", INT64_MIN);
	icr_value_put_number(ours, "max", INT64_MAX);
	icr_value_put_number(ours, "exact", (int64_t)1 << 53);
	icr_value_put_number(ours, "none", 0);
	check_number(ours, "exact", true, (int64_t)1 << 53);
	check_print(ours, "{\"min\":-9223372036854775808,\"max\":9223372036854775807,"
			  "\"exact\":9007199254740992,\"none\":0}");
}

static void test_build(void)
{
	_cleanup_value_ struct icr_value *object = icr_value_new();

	check_print(object, "{}");
	icr_value_put_number(object, "version", 1);
	icr_value_put_text(object, "verb", "check");
	icr_value_put_text(object, "reason", NULL);
	icr_value_put_flag(object, "fine", true);
	struct icr_value *list = icr_value_put_list(object, "notes");
	icr_value_push_text(list, "a\"b");
	icr_value_put_flag(icr_value_push_object(list), "x", false);
	icr_value_push_text(list, NULL);
	icr_value_put_number(icr_value_put_object(object, "last"), "at", 1795660800);
	CU_ASSERT_PTR_NOT_NULL(icr_value_put(object, "tcp", ICR_JSON_NULL));
	check_print(object, "{\"version\":1,\"verb\":\"check\",\"reason\":null,\"fine\":true,"
			    "\"notes\":[\"a\\\"b\",{\"x\":false},null],\"last\":{\"at\":1795660800}"
			    ",\"tcp\":null}");
	CU_ASSERT_PTR_EQUAL(icr_value_get(object, "notes"), list);
	CU_ASSERT_EQUAL(list->count, 3);
	CU_ASSERT_EQUAL(object->count, 7);
}

static void test_move(void)
{
	_cleanup_value_ struct icr_value *to = icr_value_new(), *from = icr_value_new();

	icr_value_move(to, from);
	check_print(to, "{}");
	icr_value_put_flag(from, "b", true);
	icr_value_put_list(from, "c");
	icr_value_move(to, from);
	check_print(from, "{}");
	check_print(to, "{\"b\":true,\"c\":[]}");
	icr_value_put_text(to, "d", "1");
	icr_value_put_text(from, "e", "2");
	icr_value_move(to, from);
	icr_value_move(to, from);
	icr_value_put_text(to, "f", "3");
	check_print(to, "{\"b\":true,\"c\":[],\"d\":\"1\",\"e\":\"2\",\"f\":\"3\"}");
	CU_ASSERT_EQUAL(to->count, 5);
	CU_ASSERT_EQUAL(from->count, 0);
}

static void test_print_fails(void)
{
	_cleanup_value_ struct icr_value *value = icr_value_new();
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf out = ICR_BUF(1000), small = ICR_BUF(3);

	icr_value_put_text(value, "a", "b");
	CU_ASSERT_EQUAL(icr_value_print(value, &small, &err), -EFBIG);
	icr_json_begin(&out, NULL, '[');
	CU_ASSERT_EQUAL(icr_value_print(value, &out, NULL), 0);
	CU_ASSERT_EQUAL(icr_value_print(value, &out, NULL), 0);
	CU_ASSERT_STRING_EQUAL(out.data, "[{\"a\":\"b\"},{\"a\":\"b\"}");
	icr_buf_truncate(&out, 0);
	icr_error_clear(&err);
	icr_value_push_text(icr_value_put_list(value, "list"), "a\xff");
	CU_ASSERT_EQUAL(icr_value_print(value, &out, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.what, "a text that is not UTF-8 cannot be put into JSON");
	CU_ASSERT_EQUAL(out.len, 0);
	_cleanup_value_ struct icr_value *named = icr_value_new();
	icr_value_put_flag(named, "\xed\xa0\x80", true);
	CU_ASSERT_EQUAL(icr_value_print(named, &out, NULL), -EINVAL);
	CU_ASSERT_EQUAL(out.len, 0);
}

static void nest(struct icr_buf *text, size_t levels)
{
	icr_buf_truncate(text, 0);
	icr_buf_text(text, "{\"a\":");
	for (size_t i = 1; i < levels; i++)
		icr_buf_char(text, '[');
	for (size_t i = 1; i < levels; i++)
		icr_buf_char(text, ']');
	icr_buf_char(text, '}');
}

static void test_depth(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	struct icr_value *deeper = NULL;

	nest(&text, ICR_JSON_DEPTH_MAX);
	_cleanup_value_ struct icr_value *value = parse(text.data);
	check_print(value, text.data);
	nest(&text, ICR_JSON_DEPTH_MAX + 1);
	CU_ASSERT_EQUAL(icr_value_parse(text.data, text.len, false, &deeper, NULL), -ICR_E_SYNTAX);
	CU_ASSERT_PTR_NULL(deeper);
}

/* What is added walks over nothing that is there: else this took minutes. */
static void test_many(void)
{
	const size_t count = 100000;
	_cleanup_value_ struct icr_value *value = icr_value_new(), *again = NULL;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	struct icr_value *list = icr_value_put_list(value, "list");
	size_t seen = 0;

	clock_t before = clock();
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *name = icr_printf("%zu", i);
		icr_value_put_flag(value, name, true);
		icr_value_push_text(list, name);
	}
	CU_ASSERT_EQUAL(icr_value_print(value, &text, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(icr_value_parse(text.data, text.len, false, &again, NULL), 0);
	CU_ASSERT(clock() - before < 10 * CLOCKS_PER_SEC);
	CU_ASSERT_EQUAL(again->count, count + 1);
	icr_value_each(item, icr_value_get(again, "list")) {
		_cleanup_free_ char *name = icr_printf("%zu", seen++);
		CU_ASSERT_STRING_EQUAL(item->text, name);
	}
	CU_ASSERT_EQUAL(seen, count);
}

/* What was freed is looked at through /proc/self/mem: nobody may read it otherwise. */
static void test_wiped(void)
{
	static const char secret[] = "a-secret-that-must-not-stay-in-memory-once-it-is-freed!";
	static const char empty[sizeof(secret)];
	_cleanup_buf_ struct icr_buf text = ICR_BUF(1000);
	_cleanup_fd_ int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char left[sizeof(secret)];

	icr_buf_printf(&text, "{\"list\":[{\"Secret\":\"%s\",\"%s\":1}]}", secret, secret);
	struct icr_value *value = parse(text.data);
	const struct icr_value *object = icr_value_get(value, "list")->child;
	const off_t places[] = {(off_t)(uintptr_t)icr_value_text(object, "Secret"),
				(off_t)(uintptr_t)object->last->name};
	for (size_t i = 0; i < ICR_LENGTH(places); i++) {
		CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), places[i]), sizeof(left));
		CU_ASSERT_EQUAL(memcmp(left, secret, sizeof(secret)), 0);
	}
	icr_value_free(value);
	for (size_t i = 0; i < ICR_LENGTH(places); i++) {
		CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), places[i]), sizeof(left));
		CU_ASSERT_EQUAL(memcmp(left, empty, sizeof(left)), 0);
	}
	icr_value_free(NULL);
}

static uint64_t next_random(uint64_t limit)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005U + 1442695040888963407U;
	return (state >> 33) % limit;
}

static void random_text(char ret_text[32])
{
	static const char *const pieces[] = {"a",
					     "\"",
					     "\\",
					     "/",
					     "\n",
					     "\x01",
					     "\xc3\xa9",
					     "\xe2\x80\xa8",
					     "\x7f",
					     "\x1f",
					     "<",
					     "\t",
					     "\xf0\x9f\x98\x80"};

	ret_text[0] = '\0';
	for (uint64_t i = next_random(7); i > 0; i--)
		strcat(ret_text, pieces[next_random(ICR_LENGTH(pieces))]);
}

/* Puts the same into both. */
static void grow(struct icr_value *ours, cJSON *theirs, int depth)
{
	bool list = icr_value_is(ours, ICR_JSON_ARRAY);

	for (uint64_t i = next_random(6); i > 0; i--) {
		char name[32], text[32];
		/* in 15 digits, beyond which cJSON takes to exponents */
		int64_t number = (int64_t)next_random((uint64_t)1 << 31) * 400000 - 400000000000000;
		bool small = next_random(2) == 0, flag = next_random(2) == 0;
		cJSON *item = NULL;
		random_text(name);
		random_text(text);
		const char *called = list ? NULL : name;
		switch (next_random(depth > 0 ? 7 : 4)) {
		case 0:
			number = small ? number % 1000 : number;
			icr_value_put_number(ours, called, number);
			item = cJSON_CreateNumber((double)number);
			break;
		case 1:
			icr_value_put_flag(ours, called, flag);
			item = cJSON_CreateBool(flag);
			break;
		case 2:
			icr_value_put_text(ours, called, NULL);
			item = cJSON_CreateNull();
			break;
		case 3:
			icr_value_put_text(ours, called, text);
			item = cJSON_CreateString(text);
			break;
		case 4:
			item = cJSON_CreateArray();
			grow(icr_value_put_list(ours, called), item, depth - 1);
			break;
		default:
			item = cJSON_CreateObject();
			grow(icr_value_put_object(ours, called), item, depth - 1);
		}
		if (list)
			(void)cJSON_AddItemToArray(theirs, item);
		else
			(void)cJSON_AddItemToObject(theirs, name, item);
	}
}

/* The independent judge: to the byte what cJSON (1.7.15 of Debian 12) makes of the same. */
static void test_as_cjson(void)
{
	for (int i = 0; i < 3000; i++) {
		_cleanup_value_ struct icr_value *ours = icr_value_new();
		cJSON *theirs = cJSON_CreateObject();
		grow(ours, theirs, 4);
		char *text = cJSON_PrintUnformatted(theirs);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		check_print(ours, text);
		_cleanup_value_ struct icr_value *again = parse(text);
		check_print(again, text);
		cJSON_free(text);
		cJSON_Delete(theirs);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{"members", test_read},
		{"what is refused", test_refused},
		{"text behind the object", test_prefix},
		{"repeated members", test_repeated},
		{"round trips", test_round_trips},
		{"numbers", test_numbers},
		{"build", test_build},
		{"move", test_move},
		{"what cannot be printed", test_print_fails},
		{"depth", test_depth},
		{"many", test_many},
		{"freed memory is wiped", test_wiped},
		{"as cJSON prints it", test_as_cjson},
	};

	return suite_run("value", tests, ICR_LENGTH(tests));
}
