/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
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

	CU_ASSERT_EQUAL_FATAL(icr_message_parse(TEXT(text), &message, NULL), 0);
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
	int code;
	const char *what;
} refused[] = {
	{TEXT(""), ICR_E_SYNTAX, "the text ends"},
	{TEXT(" "), ICR_E_SYNTAX, "the text ends"},
	{TEXT("not json"), ICR_E_SYNTAX, "line 1, column 2"},
	{TEXT("[]"), ICR_E_PROTOCOL, "an array"},
	{TEXT("null"), ICR_E_PROTOCOL, "null"},
	{TEXT("\"{}\""), ICR_E_PROTOCOL, "a string"},
	{TEXT("{} x"), ICR_E_SYNTAX, "text after"},
	{TEXT("{}\0"), ICR_E_SYNTAX, "text after"},
	{TEXT("{\"Secret\":\"\\u0000x\"}"), ICR_E_SYNTAX, "\\u0000"},
	{TEXT("{\"Secret\":\"a\0b\"}"), ICR_E_SYNTAX, "U+0000"},
	{TEXT("{\"Secret\":\"a\nb\"}"), ICR_E_SYNTAX, "end of the line"},
	{TEXT("{\"Secret\":\"\xff\"}"), ICR_E_SYNTAX, "invalid UTF-8"},
	{TEXT("{\"Secret\":\"\\ud800\"}"), ICR_E_SYNTAX, "lone surrogate"},
	{TEXT("{\"n\":01}"), ICR_E_SYNTAX, "needless 0"},
	{TEXT("\xef\xbb\xbf{}"), ICR_E_SYNTAX, "byte order mark"},
};

static void test_refused(void)
{
	for (size_t i = 0; i < ICR_LENGTH(refused); i++) {
		_cleanup_error_ struct icr_error err = {0};
		cJSON *message = NULL;
		CU_ASSERT_EQUAL(icr_message_parse(refused[i].text, refused[i].len, &message, &err),
				-refused[i].code);
		CU_ASSERT_PTR_NULL(message);
		CU_ASSERT_PTR_NOT_NULL_FATAL(err.what);
		if (!strstr(err.what, refused[i].what))
			printf("\n%s", err.what);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, refused[i].what));
		CU_ASSERT_PTR_NULL(err.where);
	}
}

static void test_repeated(void)
{
	static const char text[] = "{\"a\":\"1\",\"a\":\"2\",\"A\":\"3\"}";
	_cleanup_message_ cJSON *message = NULL;

	CU_ASSERT_EQUAL_FATAL(icr_message_parse(TEXT(text), &message, NULL), 0);
	CU_ASSERT_STRING_EQUAL(icr_message_string(message, "a"), "2");
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
	CU_ASSERT_EQUAL_FATAL(icr_message_parse(text.data, text.len, &message, NULL), 0);
	const char *inside = icr_message_string(message, "Secret");
	off_t at = (off_t)(uintptr_t)inside;
	CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), at), sizeof(left));
	CU_ASSERT_EQUAL(memcmp(left, secret, sizeof(secret)), 0);
	cJSON_Delete(message);
	CU_ASSERT_EQUAL_FATAL(pread(memory, left, sizeof(left), at), sizeof(left));
	CU_ASSERT_EQUAL(memcmp(left, empty, sizeof(left)), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"members", test_parse},
		{"what is refused", test_refused},
		{"repeated members", test_repeated},
		{"texts of errors", test_error_text},
		{"freed memory is wiped", test_wiped},
	};

	return suite_run("cjson", tests, ICR_LENGTH(tests));
}
