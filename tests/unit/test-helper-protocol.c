/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/protocol.h"

#include <errno.h>
#include <string.h>

#include "icr/cleanup.h"
#include "tests/unit/suite.h"

static void check_url(const char *text, size_t len, const char *expected)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_free_ char *url = NULL;

	CU_ASSERT_EQUAL(protocol_parse_url(text, len, &url, &err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	CU_ASSERT_STRING_EQUAL(url, expected);
}

static void check_no_url(const char *text, size_t len, const char *what)
{
	_cleanup_error_ struct icr_error err = {0};
	char *url = NULL;

	CU_ASSERT_EQUAL(protocol_parse_url(text, len, &url, &err), -ICR_E_PROTOCOL);
	CU_ASSERT_PTR_NULL(url);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, what));
}

static void test_url(void)
{
	check_url("us.icr.io", 9, "us.icr.io");
	check_url(" \t us.icr.io \r\n\n", 16, "us.icr.io");
	check_url("us\r\n.icr\n.io\r", 13, "us.icr.io");
	check_url("\n\r us.icr.io", 12, "us.icr.io");
	check_url("a b", 3, "a b");
	check_url("\xc3\xa4", 2, "\xc3\xa4");
	check_no_url("", 0, PROTOCOL_NO_SERVER);
	check_no_url(" \r\n\t", 4, PROTOCOL_NO_SERVER);
	check_no_url("a\0b", 3, "NUL");
	check_no_url("a\xff", 2, "byte 2");
	check_no_url("\xe2\x82", 2, "UTF-8");
}

static void check_credential(const char *text, const char *server, const char *username,
			     const char *secret)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_credential_ struct credential credential = {0};

	CU_ASSERT_EQUAL_FATAL(protocol_parse_credential(text, strlen(text), &credential, &err), 0);
	CU_ASSERT_STRING_EQUAL(credential.host, server);
	CU_ASSERT_STRING_EQUAL(credential.username, username);
	CU_ASSERT_EQUAL(credential.secret.len, strlen(secret));
	CU_ASSERT_STRING_EQUAL(credential.secret.data, secret);
}

static void check_no_credential(const char *text, const char *what)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_credential_ struct credential credential = {0};

	CU_ASSERT_TRUE(protocol_parse_credential(text, strlen(text), &credential, &err) < 0);
	CU_ASSERT_PTR_NULL(credential.host);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, what));
}

static void test_credential(void)
{
	check_credential("{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"s\"}", "h", "u",
			 "s");
	check_credential("{\"SERVERURL\":\"h\",\"username\":\"u\",\"sEcReT\":\"\"} {", "h", "u",
			 "");
	check_credential("{\"ServerURL\":\"a\",\"serverurl\":\"h\",\"Username\":\"u\"}", "h", "u",
			 "");
	check_credential("{\"Username\":\"u\",\"Username\":null,\"ServerURL\":\"h\"}", "h", "u",
			 "");
	check_no_credential("null", "object");
	check_no_credential("{}", PROTOCOL_NO_SERVER);
	check_no_credential("{\"ServerURL\":\" \",\"Username\":\"u\"}", PROTOCOL_NO_SERVER);
	check_no_credential("{\"ServerURL\":\"h\"}", PROTOCOL_NO_USERNAME);
	check_no_credential("{\"ServerURL\":\"h\",\"Username\":1}", "Username");
	/* of repeated names each must be a string, as Go's decoder has it */
	check_no_credential("{\"ServerURL\":[],\"ServerURL\":\"h\",\"Username\":\"u\"}",
			    "ServerURL");
}

static void test_reply(void)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, 1024);
	CU_ASSERT_EQUAL_FATAL(credential_set(&credential, "h", "u\"", "s\n", 2, &err), 0);
	protocol_format_reply(&out, "HTTPS://h/\\", &credential);
	CU_ASSERT_STRING_EQUAL(out.data, "{\"ServerURL\":\"HTTPS://h/\\\\\",\"Username\":\"u\\\"\","
					 "\"Secret\":\"s\\n\"}\n");
}

int main(void)
{
	static const struct test tests[] = {
		{"url", test_url},
		{"credential", test_credential},
		{"reply", test_reply},
	};

	return suite_run("protocol", tests, ICR_LENGTH(tests));
}
