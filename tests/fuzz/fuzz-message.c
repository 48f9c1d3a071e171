/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What a server says went wrong comes out as bounded UTF-8 without controls. */
#include "icr/cleanup.h"
#include "icr/message.h"
#include "icr/text.h"
#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX), safe = ICR_BUF(ICR_BUF_MAX);

	icr_message_error_text(text, size, &out);
	CHECK(out.len < 4096);
	icr_text_safe(out.data, out.len, "", &safe);
	CHECK(safe.len == out.len && memcmp(safe.data, out.data, out.len) == 0);
	icr_buf_truncate(&safe, 0);
	icr_text_safe(text, size, "\n\t", &safe);
	for (size_t i = 0, n; i < safe.len; i += n) {
		CHECK((n = icr_utf8_length(safe.data + i, safe.len - i)) > 0);
		CHECK((unsigned char)safe.data[i] >= 0x20 || strchr("\n\t", safe.data[i]));
	}
	return 0;
}
