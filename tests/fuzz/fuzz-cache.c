/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* An entry of the token cache: what is taken is of this boot and not of the future, has a token or
 * a failure, and is the same when it is written and read again. */
#include "helper/cache.c"

#include "tests/fuzz/fuzz.h"

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ENTRY_MAX), printed = ICR_BUF(ENTRY_MAX);
	_cleanup_entry_ struct entry entry = {0}, again = {0}, other = {0};

	icr_buf_append(&text, data, size);
	if (!parse(&text, BOOT, &entry))
		return 0;
	CHECK(entry.obtained >= 0 && entry.obtained <= now_s());
	CHECK(entry.expires_in >= 0 && entry.renew >= 0);
	CHECK((entry.token.data != NULL) == (entry.failure.code == 0));
	(void)is_final(&entry);
	memcpy(entry.boot, BOOT, sizeof(entry.boot));
	print(&entry, &printed);
	CHECK(!printed.failed && parse(&printed, BOOT, &again));
	CHECK(again.obtained == entry.obtained && again.expires_in == entry.expires_in &&
	      again.renew == entry.renew && again.failure.code == entry.failure.code);
	CHECK(same_text(again.token.data, entry.token.data));
	CHECK(same_text(again.failure.where, entry.failure.where));
	CHECK(same_text(again.failure.what, entry.failure.what));
	CHECK(same_text(again.failure.hint, entry.failure.hint));
	CHECK(!parse(&printed, "11234567-89ab-cdef-0123-456789abcdef", &other));
	return 0;
}
