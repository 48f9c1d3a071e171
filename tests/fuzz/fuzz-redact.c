/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What is shown: no user and password stand behind "://" any more, what is shown again is the same,
 * a text without '@' is as it was, and it takes time in proportion to the text. */
#include "icr/redact.c"

#include "icr/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void check_hidden(const struct icr_buf *shown)
{
	for (size_t i = 0; i < shown->len; i++) {
		size_t start = i + slashes(shown->data + i, shown->len - i), at = 0;
		if (start == i)
			continue;
		for (size_t k = start; k < shown->len && !ends_word(shown->data[k]); k++)
			if (shown->data[k] == '@')
				at = k;
		CHECK(at == 0 || (at >= 3 && memcmp(shown->data + at - 3, "***", 3) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_buf_ struct icr_buf shown = ICR_BUF(ICR_BUF_MAX), again = ICR_BUF(ICR_BUF_MAX),
				     large = ICR_BUF(ICR_BUF_MAX), out = ICR_BUF(ICR_BUF_MAX);

	icr_redact_urls(text, size, &shown);
	check_hidden(&shown);
	icr_redact_urls(shown.data, shown.len, &again);
	CHECK_SAME(&again, shown.data, shown.len);
	if (!memchr(text, '@', size))
		CHECK_SAME(&shown, text, size);
	if (!fuzz_is_chosen(data, size))
		return 0;
	fuzz_repeat(data, size, &large);
	double began = fuzz_seconds();
	icr_redact_urls(large.data, large.len, &out);
	CHECK(fuzz_seconds() - began < FUZZ_SLOW);
	return 0;
}
