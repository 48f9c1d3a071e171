/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The secret of a stored session: what is read of any text, written and read again, is the same;
 * and so are any refresh token and account, the input cut at its first 0xff. */
#include "helper/exchange.c"

#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool is_utf8(const char *text)
{
	size_t len = strlen(text), n = 1;

	for (size_t at = 0; at < len && n > 0; at += n)
		n = icr_utf8_length(text + at, len - at);
	return n > 0;
}

static void check(const char *refresh, const char *account)
{
	_cleanup_credential_ struct credential session = {0};
	_cleanup_secret_ struct icr_secret secret = {0}, again = {0};
	_cleanup_free_ char *back = NULL;

	CHECK(icr_secret_set(&secret, refresh, strlen(refresh), NULL) >= 0);
	CHECK(exchange_session(&session, &secret, account, NULL) >= 0);
	CHECK(strcmp(session.username, CREDENTIAL_SSO) == 0);
	CHECK(read_session(&session, &again, &back, NULL) >= 0);
	CHECK(again.len == secret.len && memcmp(again.data, secret.data, secret.len) == 0);
	CHECK((back != NULL) == (account != NULL) && (!back || strcmp(back, account) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_credential_ struct credential any = {0};
	_cleanup_secret_ struct icr_secret refresh = {0};
	_cleanup_free_ char *account = NULL;

	CHECK(credential_set(&any, CREDENTIAL_DEFAULT, CREDENTIAL_SSO, (const char *)data, size,
			     NULL) >= 0);
	if (read_session(&any, &refresh, &account, NULL) >= 0)
		check(refresh.data, account);
	_cleanup_free_ char *first = fuzz_cut(&data, &size);
	_cleanup_free_ char *second = fuzz_cut(&data, &size);
	if (first[0] && is_utf8(first) && is_utf8(second))
		check(first, size > 0 ? NULL : second);
	return 0;
}
