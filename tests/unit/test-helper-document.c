/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/file.h"

#include <string.h>

#include "icr/cleanup.h"
#include "tests/unit/suite.h"

#define NAME "c.json"

static void set_text(struct icr_buf *buf, const char *text)
{
	*buf = (struct icr_buf)ICR_BUF(DOCUMENT_MAX);
	icr_buf_text(buf, text);
}

/* TEXT after storing SECRET for HOST. */
static void check_put(const char *text, const char *host, const char *secret, const char *expected)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf before, after;

	set_text(&before, text);
	set_text(&after, "");
	CU_ASSERT_EQUAL_FATAL(credential_set(&credential, host, "u", secret, strlen(secret), &err),
			      0);
	CU_ASSERT_EQUAL_FATAL(document_parse(NAME, &before, &document, &err), 0);
	CU_ASSERT_EQUAL(document_put(&document, &credential, &after, &err), 0);
	CU_ASSERT_STRING_EQUAL(after.data, expected);
}

static void check_erase(const char *text, const char *host, const char *expected)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_buf_ struct icr_buf before, after;

	set_text(&before, text);
	set_text(&after, "");
	CU_ASSERT_EQUAL_FATAL(document_parse(NAME, &before, &document, &err), 0);
	CU_ASSERT_EQUAL(document_erase(&document, host, &after, &err), expected ? 1 : 0);
	CU_ASSERT_STRING_EQUAL(after.data, expected ? expected : "");
}

#define BEGIN "{\n\t\"version\": 1,\n\t\"credentials\": {"
#define END   "\n\t}\n}\n"
#define NEW   "\n\t\t\"us.icr.io\": {\"username\": \"u\", \"secret\": \"k\"}"

static void test_put(void)
{
	check_put("{\"version\":1}", "us.icr.io", "k", BEGIN NEW END);
	check_put("{\"version\":1,\"credentials\":{}}", "us.icr.io", "k", BEGIN NEW END);
	check_put("{\"version\":1,\"x\":1e400,\"credentials\":{\"US.icr.io\":0,\"us.icr.io\":1, "
		  "\"z\" :2}}",
		  "us.icr.io", "k", BEGIN "\n\t\t\"z\" :2," NEW END);
	/* what was printed is printed the same again */
	check_put(BEGIN "\n\t\t\"de.icr.io\": 1," NEW END, "us.icr.io", "k",
		  BEGIN "\n\t\t\"de.icr.io\": 1," NEW END);
}

static void test_erase(void)
{
	static const char other[] = BEGIN "\n\t\t\"de.icr.io\":1" END;

	check_erase(other, "us.icr.io", NULL);
	check_erase("{\"version\":1}", "us.icr.io", NULL);
	check_erase("{\"version\":1,\"credentials\":{\"de.icr.io\":1,\"us.icr.io\":2}}",
		    "us.icr.io", other);
	check_erase("{\"version\":1,\"credentials\":{\"us.icr.io/v2/\":1,\"de.icr.io\":1,"
		    "\"HTTPS://us.icr.io\":2}}",
		    "us.icr.io", other);
	check_erase("{\"version\":1,\"credentials\":{\"*.icr.io\":1,\"de.icr.io\":1}}",
		    CREDENTIAL_DEFAULT, other);
}

static void test_read(void)
{
	static const char *const hosts[] = {"us.icr.io", CREDENTIAL_DEFAULT};
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_credentials_ struct credentials some = {0}, all = {0};
	_cleanup_buf_ struct icr_buf text;

	set_text(&text, "{\"version\":1,\"credentials\":{"
			"\"us.icr.io\":{\"username\":\"a\",\"secret\":\"1\"},"
			"\"US.ICR.IO:443\":{\"username\":\"b\",\"secret\":\"2\"},"
			"\"evil.com\":{\"username\":\"e\",\"secret\":\"e\"},"
			"\"cp.icr.io\":{\"username\":\"c\",\"secret\":\"\"}}}");
	CU_ASSERT_EQUAL_FATAL(document_parse(NAME, &text, &document, &err), 0);
	CU_ASSERT_EQUAL(document_read(&document, hosts, 2, &some, &err), 0);
	CU_ASSERT_EQUAL_FATAL(some.count, 1);
	CU_ASSERT_STRING_EQUAL(some.items[0].host, "us.icr.io");
	CU_ASSERT_STRING_EQUAL(some.items[0].username, "b");
	CU_ASSERT_STRING_EQUAL(some.items[0].secret.data, "2");
	CU_ASSERT_EQUAL(document_read(&document, NULL, 0, &all, &err), 0);
	CU_ASSERT_EQUAL_FATAL(all.count, 2);
	/* by host */
	CU_ASSERT_STRING_EQUAL(all.items[0].host, "cp.icr.io");
	CU_ASSERT_EQUAL(all.items[0].secret.len, 0);
	CU_ASSERT_STRING_EQUAL(all.items[1].username, "b");
}

static void test_larger_than_allowed(void)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf before, after;

	set_text(&before, "{\"version\":1,\"credentials\":{\"x\":\"");
	while (before.len < DOCUMENT_MAX - 10)
		icr_buf_char(&before, 'x');
	icr_buf_text(&before, "\"}}");
	set_text(&after, "");
	CU_ASSERT_EQUAL_FATAL(credential_set(&credential, "us.icr.io", "u", "k", 1, &err), 0);
	CU_ASSERT_EQUAL_FATAL(document_parse(NAME, &before, &document, &err), 0);
	CU_ASSERT_TRUE(document_put(&document, &credential, &after, &err) < 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"put", test_put},
		{"erase", test_erase},
		{"read", test_read},
		{"larger than allowed", test_larger_than_allowed},
	};

	return suite_run("document", tests, ICR_LENGTH(tests));
}
