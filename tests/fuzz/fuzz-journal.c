/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A journal that is taken is printed and read again as the same one. */
#include "icr/transaction.c"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX), printed = ICR_BUF(ICR_FILE_MAX);
	struct journal journal = {0}, again = {0};

	icr_buf_append(&text, data, size);
	if (parse("journal", &text, &journal, NULL) > 0) {
		print(&journal, &printed);
		CHECK(parse("journal", &printed, &again, NULL) > 0);
		CHECK(is_same(&journal, &again));
	}
	journal_free(&journal);
	journal_free(&again);
	return 0;
}
