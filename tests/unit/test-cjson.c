/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/message.h"
#include "tests/unit/suite.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static void test_parse(void)
{
	static const char text[] =
		"{\"ServerURL\":\"us.icr.io\",\"n\":1,\"Secret\":\"a\\u00e9\\n\"}";
	_cleanup_message_ cJSON *message = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_message_parse(TEXT(text), false, &message, NULL), 0);
	CU_ASSERT_STRING_EQUAL(icr_message_string(message, "ServerURL"), "us.icr.io");
	CU_ASSERT_STRING_EQUAL(icr_message_string(message, "Secret"), "a\xc3\xa9\n");
	CU_ASSERT_PTR_NULL(icr_message_string(message, "n"));
	CU_ASSERT_PTR_NULL(icr_message_string(message, "serverurl"));
	CU_ASSERT_PTR_NULL(icr_message_string(message, "none"));
	CU_ASSERT_PTR_NULL(icr_message_string(NULL, "none"));
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
	{TEXT("[]"), false, ICR_E_PROTOCOL, "an array"},
	{TEXT("null"), false, ICR_E_PROTOCOL, "null"},
	{TEXT("\"{}\""), true, ICR_E_PROTOCOL, "a string"},
	{TEXT("{} x"), false, ICR_E_SYNTAX, "text after"},
	{TEXT("{}\0"), false, ICR_E_SYNTAX, "text after"},
	{TEXT("{\"Secret\":\"\\u0000x\"}"), false, ICR_E_SYNTAX, "\\u0000"},
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
		cJSON *message = NULL;
		CU_ASSERT_EQUAL(icr_message_parse(refused[i].text, refused[i].len,
						  refused[i].prefix, &message, &err),
				-refused[i].code);
		CU_ASSERT_PTR_NULL(message);
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
	_cleanup_message_ cJSON *message = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_message_parse(TEXT(text), true, &message, NULL), 0);
	CU_ASSERT_STRING_EQUAL(icr_message_string(message, "Secret"), "s1");
}

static void test_repeated(void)
{
	static const char text[] = "{\"a\":\"1\",\"a\":\"2\",\"A\":\"3\"}";
	_cleanup_message_ cJSON *message = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_message_parse(TEXT(text), false, &message, NULL), 0);
	CU_ASSERT_STRING_EQUAL(icr_message_string(message, "a"), "2");
}

static void test_print(void)
{
	_cleanup_message_ cJSON *message = icr_message_new(), *again = NULL;
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf out, small;

	icr_buf_init(&out, 1000);
	icr_buf_init(&small, 3);
	CU_ASSERT_EQUAL(icr_message_print(message, &out, &err), 0);
	CU_ASSERT_STRING_EQUAL(out.data, "{}");
	icr_buf_truncate(&out, 0);
	CU_ASSERT_PTR_NOT_NULL(cJSON_AddStringToObject(message, "Username", "<token>"));
	CU_ASSERT_PTR_NOT_NULL(cJSON_AddStringToObject(message, "S", "\"\\/\n\x01\x7f\xc3\xa9"));
	CU_ASSERT_EQUAL(icr_message_print(message, &out, &err), 0);
	CU_ASSERT_STRING_EQUAL(
		out.data, "{\"Username\":\"<token>\",\"S\":\"\\\"\\\\/\\n\\u0001\x7f\xc3\xa9\"}");
	CU_ASSERT_EQUAL_FATAL(icr_message_parse(out.data, out.len, false, &again, &err), 0);
	CU_ASSERT_STRING_EQUAL(icr_message_string(again, "S"), "\"\\/\n\x01\x7f\xc3\xa9");
	CU_ASSERT_EQUAL(icr_message_print(message, &small, &err), -EFBIG);
	icr_buf_truncate(&out, 0);
	CU_ASSERT_PTR_NOT_NULL(cJSON_AddStringToObject(message, "bad", "a\xff"));
	CU_ASSERT_EQUAL(icr_message_print(message, &out, &err), -EINVAL);
	CU_ASSERT_EQUAL(out.len, 0);
}

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A300 A50 A50 A50 A50 A50 A50
#define A64  A50 "aaaaaaaaaaaaaa"

static const struct {
	const char *body, *text;
} bodies[] = {
	{"{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"no access\"}]}",
	 "no access (UNAUTHORIZED)"},
	{"{\"errors\":[{\"message\":\"m1\"},{\"message\":\"m2\"}],\"error\":\"e\",\"code\":\"c\"}",
	 "m1 (c)"},
	{"{\"error\":\"invalid\",\"message\":\"m\"}", "invalid"},
	{"{\"error\":{\"x\":1},\"message\":\"m\",\"errorMessage\":\"e\"}", "m"},
	{"{\"errorCode\":\"BXNIM0415E\",\"errorMessage\":\"Provided API key could not be found.\"}",
	 "Provided API key could not be found. (BXNIM0415E)"},
	{"{\"errors\":[],\"message\":\"\",\"errorMessage\":\"e\",\"code\":404}", "e (404)"},
	{"{\"errors\":\"x\",\"code\":\"only\"}", "only"},
	{"{\"errors\":[\"x\"],\"error\":\"e\"}", "e"},
	{"{\"errors\":{\"a\":{\"message\":\"no list\"}}}", "no list"},
	{"{\"message\":\"a\\u001b[2J\\r\\nb\\u009bc\\u202ed\\u2028e\\u007f\"}", "a [2J  b c d e "},
	{"{\"message\":\"caf\\u00e9 \\ud83d\\ude00\"}", "caf\xc3\xa9 \xf0\x9f\x98\x80"},
	{"{\"message\":\"" A300 "\"}", A300},
	{"{\"message\":\"" A300 "b\",\"code\":\"" A64 "b\"}", A300 "... (" A64 "...)"},
	{"{}", ""},
	{"{\"code\":null}", ""},
	{"[]", ""},
	{"", ""},
	{"<html>", ""},
	{"{\"message\":\"a\"} x", ""},
	{"{\"message\":\"a\\u0000b\"}", ""},
};

static void test_error_text(void)
{
	for (size_t i = 0; i < ICR_LENGTH(bodies); i++) {
		_cleanup_buf_ struct icr_buf out;
		icr_buf_init(&out, 2000);
		icr_message_error_text(bodies[i].body, strlen(bodies[i].body), &out);
		if (strcmp(out.data, bodies[i].text) != 0)
			printf("\n%s: %s", bodies[i].body, out.data);
		CU_ASSERT_STRING_EQUAL(out.data, bodies[i].text);
	}
}

/* What cJSON freed is looked at through /proc/self/mem: nobody may read it otherwise. */
static void test_wiped(void)
{
	static const char secret[] = "a-secret-that-must-not-stay-in-memory-once-it-is-freed!";
	static const char empty[sizeof(secret)];
	_cleanup_buf_ struct icr_buf text;
	_cleanup_fd_ int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	cJSON *message = NULL;
	char left[sizeof(secret)];

	icr_buf_init(&text, 1000);
	icr_buf_printf(&text, "{\"Secret\":\"%s\"}", secret);
	CU_ASSERT_EQUAL_FATAL(icr_message_parse(text.data, text.len, false, &message, NULL), 0);
	const char *inside = icr_message_string(message, "Secret");
	off_t at = (off_t)(uintptr_t)inside;
	CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), at), sizeof(left));
	CU_ASSERT_EQUAL(memcmp(left, secret, sizeof(secret)), 0);
	cJSON_Delete(message);
	CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), at), sizeof(left));
	CU_ASSERT_EQUAL(memcmp(left, empty, sizeof(left)), 0);
}

static void test_build(void)
{
	_cleanup_message_ cJSON *object = icr_message_new();
	_cleanup_buf_ struct icr_buf text = ICR_BUF(4096);

	icr_message_put_number(object, "version", 1);
	icr_message_put_text(object, "verb", "check");
	icr_message_put_text(object, "reason", NULL);
	icr_message_put_flag(object, "fine", true);
	cJSON *list = icr_message_put_list(object, "notes");
	icr_message_push_text(list, "a\"b");
	icr_message_put_flag(icr_message_push_object(list), "x", false);
	icr_message_put_number(icr_message_put_object(object, "last"), "at", 1795660800);
	CU_ASSERT_EQUAL(icr_message_print(object, &text, NULL), 0);
	CU_ASSERT_STRING_EQUAL(
		text.data, "{\"version\":1,\"verb\":\"check\",\"reason\":null,\"fine\":true,"
			   "\"notes\":[\"a\\\"b\",{\"x\":false}],\"last\":{\"at\":1795660800}}");
	CU_ASSERT(icr_message_flag(object, "fine"));
	CU_ASSERT(!icr_message_flag(object, "verb"));
	CU_ASSERT(!icr_message_flag(NULL, "fine"));
	CU_ASSERT_PTR_EQUAL(icr_message_get(object, "notes"), list);
	CU_ASSERT_PTR_NULL(icr_message_get(NULL, "notes"));
	icr_message_put_text(object, "bad", "\xff");
	CU_ASSERT_EQUAL(icr_message_print(object, &text, NULL), -EINVAL);
}

int main(void)
{
	static const struct test tests[] = {
		{"members", test_parse},
		{"what is refused", test_refused},
		{"text behind the object", test_prefix},
		{"repeated members", test_repeated},
		{"printing", test_print},
		{"texts of errors", test_error_text},
		{"freed memory is wiped", test_wiped},
		{"build", test_build},
	};

	return suite_run("cjson", tests, ICR_LENGTH(tests));
}
