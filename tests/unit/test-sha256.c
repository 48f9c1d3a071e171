/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/sha256.h"
#include "tests/unit/suite.h"

static void check(const void *data, size_t len, const char *expected)
{
	char hex[ICR_SHA256_HEX];

	icr_sha256_hex(data, len, hex);
	CU_ASSERT_STRING_EQUAL(hex, expected);
}

static void check_text(const char *text, const char *expected)
{
	check(text, strlen(text), expected);
}

/* FIPS 180-4 examples (NIST, "SHA-256 Example") and the empty message */
static void test_standard(void)
{
	check_text("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_text("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		   "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmno"
		   "pqklmnopqrlmnopqrsmnopqrstnopqrstu",
		   "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void test_million(void)
{
	_cleanup_free_ char *text = malloc(1000000);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', 1000000);
	check(text, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Two texts that begin alike: around the ends of blocks, and with nothing behind what they share.
 */
static void test_both(void)
{
	char a[300], b[300], sums[4][ICR_SHA256_HEX];

	memset(a, 'x', sizeof(a));
	for (size_t common = 0; common <= 200; common++) {
		memset(b, 'y', sizeof(b));
		memcpy(b, a, common);
		for (size_t a_len = common; a_len <= 200; a_len += 67) {
			icr_sha256_hex(a, a_len, sums[0]);
			icr_sha256_hex(b, common + 63, sums[1]);
			icr_sha256_hex_both(a, a_len, b, common + 63, common, sums[2], sums[3]);
			CU_ASSERT_STRING_EQUAL(sums[0], sums[2]);
			CU_ASSERT_STRING_EQUAL(sums[1], sums[3]);
		}
	}
}

/* Lengths around the one from which on a processor's own instructions are used: each text begins
 * with the sum of the one before; the last sum is by Python's hashlib. */
static void test_lengths(void)
{
	_cleanup_free_ char *text = calloc(1, 70 * 64);
	char hex[ICR_SHA256_HEX] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (size_t len = 60 * 64 - 1; len < 70 * 64; len++) {
		memcpy(text, hex, strlen(hex));
		icr_sha256_hex(text, len, hex);
	}
	CU_ASSERT_STRING_EQUAL(hex,
			       "6dd8b99776043dff5aa310f17cba902a749026fe47efc7eb24eb0aa92e5dd985");
}

/* where the padding just fits a block, and where it needs another; sums by sha256sum(1) */
static void test_padding(void)
{
	static const char a[65] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	check(a, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	check(a, 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	check(a, 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
	check(a, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

static const struct test tests[] = {
	{"standard examples", test_standard},
	{"a million letters", test_million},
	{"lengths", test_lengths},
	{"padding", test_padding},
	{"both", test_both},
};

int main(void)
{
	return suite_run("sha256", tests, sizeof(tests) / sizeof(tests[0]));
}
