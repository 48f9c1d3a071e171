/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The secret of a stored session: what is read of any text, written and read again, is the same;
 * and so are any refresh token and account, the input cut at its first 0xff. */
#include "helper/session.h"

#include <string.h>

#include "icr/cleanup.h"
#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool is_utf8(const char *text)
{
	size_t len = strlen(text), n = 1;

	for (size_t at = 0; at < len && n > 0; at += n)
		n = icr_utf8_length(text + at, len - at);
	return n > 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check(const struct session *session, const char *refresh)
{
	_cleanup_credential_ struct credential kept = {0};
	_cleanup_secret_ struct icr_secret secret = {0};
	_cleanup_session_ struct session again = {0};

	CHECK(icr_secret_set(&secret, refresh, strlen(refresh), NULL) >= 0);
	CHECK(session_format(session, &secret, &kept, NULL) >= 0);
	CHECK(strcmp(kept.username, CREDENTIAL_SSO) == 0);
	CHECK(session_parse(&kept, &again, NULL) >= 0);
	CHECK(again.refresh.len == secret.len &&
	      memcmp(again.refresh.data, secret.data, secret.len) == 0);
	CHECK(same_text(again.account, session->account));
	CHECK(same_text(again.id, session->id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_credential_ struct credential any = {0};
	_cleanup_session_ struct session read = {0}, begun = {0};
	_cleanup_secret_ struct icr_secret secret = {0};

	CHECK(credential_set(&any, CREDENTIAL_DEFAULT, CREDENTIAL_SSO, (const char *)data, size,
			     NULL) >= 0);
	if (session_parse(&any, &read, NULL) >= 0)
		check(&read, read.refresh.data);
	_cleanup_free_ char *first = fuzz_cut(&data, &size);
	_cleanup_free_ char *second = fuzz_cut(&data, &size);
	if (!first[0] || !is_utf8(first) || !is_utf8(second))
		return 0;
	CHECK(icr_secret_set(&secret, first, strlen(first), NULL) >= 0);
	CHECK(session_begin(&begun, &secret, size > 0 ? NULL : second, NULL) >= 0);
	CHECK(strlen(begun.id) == 32);
	check(&begun, first);
	return 0;
}
