/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What is left without our share has none of it, and is made of the text's own bytes in their
 * order; a block that is put in at a line's beginning comes out again. */
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/native.h"
#include "tests/fuzz/fuzz.h"

#define BLOCK BLOCK_BEGIN ": x\n[a]" NATIVE_MARK "\n" BLOCK_END "\n"

static void strip(const char *text, size_t len, struct icr_buf *out)
{
	_cleanup_block_ struct block block = {0};

	block_scan(text, len, &native_grammar, &block);
	block_strip(&block, NULL, out);
	CHECK(out->len <= len && block_found(&block) == (out->len < len));
	CHECK(block_is_base(&block, out->data, out->len));
	size_t place = block_place(&block);
	CHECK(place == BLOCK_NOWHERE || place <= out->len);
}

static bool is_part_of(const struct icr_buf *part, const char *text, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len && at < part->len; i++)
		at += text[i] == part->data[at];
	return at == part->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = icr_malloc(size + 1);
	_cleanup_buf_ struct icr_buf base = ICR_BUF(ICR_BUF_MAX), with = ICR_BUF(ICR_BUF_MAX),
				     again = ICR_BUF(ICR_BUF_MAX);

	memcpy(text, data, size);
	text[size] = '\0';
	strip(text, size, &base);
	CHECK(is_part_of(&base, text, size));
	/* only what has nothing of ours, nor anything like it, can be told from a block of ours */
	if (memmem(text, size, "icr-rewrite", strlen("icr-rewrite")))
		return 0;
	CHECK(base.len == size);
	const char *line = size ? memrchr(text, '\n', size) : NULL;
	size_t at = line ? (size_t)(line + 1 - text) : 0;
	icr_buf_append(&with, text, at);
	icr_buf_text(&with, BLOCK);
	icr_buf_append(&with, text + at, size - at);
	strip(with.data, with.len, &again);
	CHECK(again.len == size && memcmp(again.data, text, size) == 0);
	return 0;
}
