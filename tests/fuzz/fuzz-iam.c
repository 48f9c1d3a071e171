/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A token that is taken from IAM's reply can be sent and does end; a refusal is told in words that
 * a terminal may show. */
#include "icr/iam.c"

#include "tests/fuzz/fuzz.h"

static void check_said(const char *text)
{
	_cleanup_buf_ struct icr_buf safe = ICR_BUF(ICR_BUF_MAX);

	if (!text)
		return;
	CHECK(strlen(text) < 4096);
	icr_text_safe(text, strlen(text), "", &safe);
	CHECK(strcmp(safe.data, text) == 0);
}

static void refuse(const char *text, size_t size, int status)
{
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {
		.outcome = ICR_HTTP_DONE,
		.status = status,
		.retry_after = -1,
		.body = ICR_BUF(ICR_BUF_MAX),
	};
	_cleanup_error_ struct icr_error err = {0};

	icr_buf_append(&reply.body, text, size);
	CHECK(judge("iam.cloud.ibm.com", &reply, &err) < 0);
	check_said(err.what);
	check_said(err.hint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	_cleanup_error_ struct icr_error err = {0};

	if (icr_iam_read_token(text, size, &token, &err) < 0) {
		CHECK(err.what && !token.access.data && !token.refresh.data);
		check_said(err.what);
	} else {
		CHECK(token.access.len > 0 && is_usable(token.access.data));
		for (const char *c = token.access.data; *c; c++)
			CHECK(*c > ' ' && *c <= '~');
		CHECK(token.expires_in >= EXPIRES_LEAST && token.expires_in <= EXPIRES_MOST);
		CHECK(!token.refresh.data || is_usable(token.refresh.data));
	}
	refuse(text, size, 400);
	refuse(text, size, 503);
	return 0;
}
