/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/iam.h"
#include "tests/unit/suite.h"

static int read_token(const struct icr_buf *text, struct icr_iam_token *ret_token)
{
	return icr_iam_read_token(text->data, text->len, ret_token, NULL);
}

static void test_token(void)
{
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	icr_buf_text(&text, "{\"access_token\":\"a\\u0062\",\"refresh_token\":\"not_supported\","
			    "\"expires_in\":3600}");
	CU_ASSERT_EQUAL_FATAL(read_token(&text, &token), 0);
	CU_ASSERT_STRING_EQUAL(token.access.data, "ab");
	CU_ASSERT_PTR_NULL(token.refresh.data);
	CU_ASSERT_EQUAL(token.expires_in, 3600);
}

/* What has no room is refused, not taken in part: escapes make one string come in many pieces. */
static void test_too_large(void)
{
	static const char *const names[] = {"access_token", "refresh_token"};

	for (size_t i = 0; i < ICR_LENGTH(names); i++) {
		_cleanup_iam_token_ struct icr_iam_token token = {0};
		_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

		icr_buf_printf(&text, "{\"expires_in\":3600,%s\"%s\":\"",
			       i > 0 ? "\"access_token\":\"a\"," : "", names[i]);
		for (size_t k = 0; k <= ICR_SECRET_MAX / 2; k++)
			icr_buf_text(&text, "\\u0061b");
		icr_buf_text(&text, "\"}");
		CU_ASSERT_EQUAL(read_token(&text, &token), -ICR_E_PROTOCOL);
		CU_ASSERT_PTR_NULL(token.access.data);
	}
}

static const struct test tests[] = {
	{"token", test_token},
	{"too large", test_too_large},
};

int main(void)
{
	return suite_run("iam-replies", tests, sizeof(tests) / sizeof(tests[0]));
}
