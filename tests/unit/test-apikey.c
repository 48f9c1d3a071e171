/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "helper/apikey.h"
#include "icr/cleanup.h"
#include "tests/unit/suite.h"

/* No key: refused. */
static const struct {
	const char *text, *key, *what;
} cases[] = {
	{"k", "k", NULL},
	{" k\r\n", "k", NULL},
	{"k==", "k==", NULL},
	{"k=", "k=", NULL},
	{"a-b=c", "a-b=c", NULL},
	{"{\"apikey\":\"k\"}", "k", NULL},
	{"{\"apiKey\":\"k\",\"x\":[]}", "k", NULL},
	{"", NULL, "holds no API key"},
	{"\"\"", NULL, "quotes"},
	{"\"", "\"", NULL},
	{"'k'", NULL, "quotes"},
	{"KEY=k", NULL, "NAME=KEY"},
	{"KEY = k", NULL, "NAME=KEY"},
	{"export KEY=k", NULL, "NAME=KEY"},
	{"apikey: k", NULL, "NAME=KEY"},
	{"[\"k\"]", NULL, "JSON list"},
	{"<p>", NULL, "web page"},
	{"{\"apikey\":\"KEY=k\"}", NULL, "NAME=KEY"},
	{"{\"apikey\":\"[]\"}", NULL, "JSON list"},
	{"two words", NULL, "something else"},
	{"k\x7f", NULL, "something else"},
};

static void test_texts(void)
{
	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_credential_ struct credential credential = {0};
		_cleanup_error_ struct icr_error err = {0};
		int r = apikey_set_from_file(&credential, "us.icr.io", cases[i].text,
					     strlen(cases[i].text), "FILE", &err);
		if (cases[i].key) {
			CU_ASSERT_EQUAL_FATAL(r, 0);
			CU_ASSERT_STRING_EQUAL(credential.secret.data, cases[i].key);
			CU_ASSERT_STRING_EQUAL(credential.username, APIKEY_USERNAME);
		} else {
			CU_ASSERT_EQUAL_FATAL(r, -ICR_E_CONFIG);
			CU_ASSERT_PTR_NOT_NULL(strstr(err.what, cases[i].what));
			CU_ASSERT_STRING_EQUAL(err.where, "FILE");
		}
	}
}

int main(void)
{
	static const struct test tests[] = {{"texts", test_texts}};

	return suite_run("apikey", tests, ICR_LENGTH(tests));
}
