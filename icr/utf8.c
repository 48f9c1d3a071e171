/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/utf8.h"

/* The second byte is what tells overlong forms, surrogates and too large values apart (RFC 3629,
 * section 4). */
static size_t expect(unsigned char first, unsigned char *ret_low, unsigned char *ret_high)
{
	*ret_low = 0x80;
	*ret_high = 0xbf;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef) {
		if (first == 0xe0)
			*ret_low = 0xa0;
		else if (first == 0xed)
			*ret_high = 0x9f;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		if (first == 0xf0)
			*ret_low = 0x90;
		else if (first == 0xf4)
			*ret_high = 0x8f;
		return 4;
	}
	return 0;
}

size_t icr_utf8_length(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned char low, high;

	if (len == 0)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	size_t n = expect(bytes[0], &low, &high);
	if (n == 0 || n > len || bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool icr_utf8_is_text(const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = icr_utf8_length(bytes, len);
		if (n == 0 || *bytes == '\0')
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

uint32_t icr_utf8_decode(const char *text, size_t n)
{
	const unsigned char *bytes = (const unsigned char *)text;
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = bytes[0] & masks[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (bytes[i] & 0x3fU);
	return code;
}

size_t icr_utf8_encode(uint32_t code, char ret_bytes[4])
{
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		ret_bytes[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	ret_bytes[0] = (char)(marks[n] | code);
	return n;
}
