/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/jwt.h"

#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/text.h"

#define PAYLOAD_MAX ((size_t)64 * 1024)

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static bool base64url_decode(const char *text, size_t len, struct icr_buf *out)
{
	unsigned bits = 0, value = 0;

	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = base64url_value(text[i]);
		if (digit < 0)
			return false;
		value = (value << 6 | (unsigned)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			icr_buf_char(out, (char)(value >> bits & 0xff));
		}
	}
	return !out->failed;
}

/* NumericDate may have a fraction; its whole part is enough. */
static bool read_date(const struct icr_json *json, uint32_t node, int64_t *ret_date)
{
	if (!icr_json_is(json, node, ICR_JSON_NUMBER))
		return false;
	const struct icr_json_node *number = &json->nodes[node];
	_cleanup_free_ char *text =
		strndup(json->text + number->start, number->end - number->start);
	if (!text || strpbrk(text, "eE"))
		return false;
	text[strcspn(text, ".")] = '\0';
	return icr_number_parse(text, INT64_MIN, INT64_MAX, ret_date, NULL) >= 0;
}

bool jwt_expiry(const char *token, size_t len, int64_t *ret_expiry)
{
	_cleanup_buf_ struct icr_buf payload;
	_cleanup_json_ struct icr_json json = {0};

	icr_buf_init(&payload, PAYLOAD_MAX);
	const char *first = memchr(token, '.', len);
	if (!first)
		return false;
	size_t rest = len - (size_t)(first + 1 - token);
	const char *second = memchr(first + 1, '.', rest);
	if (!second || !base64url_decode(first + 1, (size_t)(second - first - 1), &payload))
		return false;
	if (icr_json_parse(payload.data, payload.len, NULL, 0, &json, NULL) < 0)
		return false;
	return read_date(&json, icr_json_member(&json, 0, "exp"), ret_expiry);
}
