/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Whatever a metadata service answers, what is said of it may be shown on a terminal, and a token
 * comes of a success alone. */
#include "helper/metadata.c"

#include "icr/text.h"
#include "tests/fuzz/fuzz.h"

static void clean_reply(struct icr_http_reply *reply)
{
	icr_http_reply_free(reply);
}

static void check_said(const char *text)
{
	_cleanup_buf_ struct icr_buf safe = ICR_BUF(ICR_BUF_MAX);

	if (!text)
		return;
	icr_text_safe(text, strlen(text), "", &safe);
	CHECK(strcmp(safe.data, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 201, 302, 400, 401, 403, 404, 429, 500};
	_cleanup_free_ char *text = fuzz_string(data, size);

	for (size_t i = 0; i < 2 * ICR_LENGTH(statuses); i++) {
		icr_cleanup(clean_reply) struct icr_http_reply reply = {
			.outcome = ICR_HTTP_DONE,
			.status = statuses[i / 2],
			.retry_after = -1,
			.body = ICR_BUF(ICR_BUF_MAX),
		};
		_cleanup_iam_token_ struct icr_iam_token token = {0};
		_cleanup_error_ struct icr_error err = {0};
		icr_buf_append(&reply.body, text, size);
		int r = judge(&bases[0], &reply, i % 2, &token, &err);
		CHECK((r == 0) == (token.access.data != NULL));
		CHECK(r == 0 || (err.what && err.code == -r));
		CHECK(r < 0 || reply.status < 300);
		check_said(err.what);
		check_said(err.hint);
	}
	return 0;
}
