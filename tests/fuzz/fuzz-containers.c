/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Somebody's registries.conf: a list that is read and printed as ours reads back the same. */
#include "helper/containers-config.c"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_strings_ struct icr_strings first = {0}, again = {0};
	_cleanup_buf_ struct icr_buf printed = ICR_BUF(ICR_BUF_MAX);

	if (containers_helpers_parse("file", text, size, &first, &err) <= 0)
		return 0;
	icr_buf_text(&printed, KEY " = [");
	for (size_t i = 0; i < first.count; i++)
		for (const char *c = first.items[i]; *c; c++)
			if ((unsigned char)*c < ' ' || (unsigned char)*c > '~' ||
			    strchr("\"\\/", *c))
				return 0; /* escapes are kept as they are: no name of a helper */
	for (size_t i = 0; i < first.count; i++)
		icr_buf_printf(&printed, "%s\"%s\"", i > 0 ? ", " : "", first.items[i]);
	icr_buf_text(&printed, "]\n");
	CHECK(containers_helpers_parse("file", printed.data, printed.len, &again, &err) == 1);
	CHECK(again.count == first.count);
	for (size_t i = 0; i < first.count; i++)
		CHECK(strcmp(again.items[i], first.items[i]) == 0);
	return 0;
}
