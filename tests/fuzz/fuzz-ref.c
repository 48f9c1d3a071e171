/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The filter of ref: once is as twice, to the public names and back is as at once, only references
 * change, and no line or mark between words is lost. */
#include <stdio.h>

static FILE *fuzz_stdout;

#undef stdout
#define stdout fuzz_stdout
#include "rewrite/verb/ref.c"

#include <strings.h>

#include "tests/fuzz/fuzz.h"

static void pass(const char *text, size_t len, enum icr_host_kind to, struct icr_buf *out)
{
	struct mapping mapping = {.to = to, .line = 1, .left = ICR_BUF(ICR_BUF_MAX)};
	_cleanup_free_ char *printed = NULL;
	size_t printed_len = 0;

	if (len == 0)
		return;
	FILE *in = fmemopen((void *)(uintptr_t)text, len, "r");
	fuzz_stdout = open_memstream(&printed, &printed_len);
	CHECK(in && fuzz_stdout && filter(in, &mapping, NULL) == 0);
	(void)fclose(in);
	(void)fclose(fuzz_stdout);
	icr_buf_append(out, printed, printed_len);
	icr_buf_free(&mapping.left);
}

/* What stands between the words. */
static void marks(const char *text, size_t len, struct icr_buf *out)
{
	for (size_t i = 0; i < len; i++)
		if (!is_word((unsigned char)text[i]))
			icr_buf_char(out, text[i]);
}

static bool names_us(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((len - i >= 6 && strncasecmp(text + i, "icr.io", 6) == 0) ||
		    (len - i >= 11 && strncasecmp(text + i, "bluemix.net", 11) == 0))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_buf_ struct icr_buf private = ICR_BUF(ICR_BUF_MAX), again = ICR_BUF(ICR_BUF_MAX),
				     public = ICR_BUF(ICR_BUF_MAX), back = ICR_BUF(ICR_BUF_MAX),
				     before = ICR_BUF(ICR_BUF_MAX), after = ICR_BUF(ICR_BUF_MAX);

	/* a longer word may be too long for a reference by one of its names alone */
	if (size > WORD_MAX / 2)
		return 0;
	pass(text, size, ICR_HOST_PRIVATE, &private);
	pass(private.data, private.len, ICR_HOST_PRIVATE, &again);
	CHECK_SAME(&again, private.data, private.len);
	pass(text, size, ICR_HOST_PUBLIC, &public);
	pass(private.data, private.len, ICR_HOST_PUBLIC, &back);
	CHECK_SAME(&back, public.data, public.len);
	marks(text, size, &before);
	marks(private.data, private.len, &after);
	CHECK_SAME(&after, before.data, before.len);
	if (!names_us(text, size))
		CHECK_SAME(&private, text, size);
	return 0;
}
