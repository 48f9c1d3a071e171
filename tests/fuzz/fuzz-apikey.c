/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A file with a key: what is taken is one printable word, and the same in either form of the file.
 * A token: an expiry that is read is the one that json-c sees. */
#include <json-c/json.h>

#include "helper/apikey.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/text.h"
#include "tests/fuzz/fuzz.h"

static void check_key(const char *text, size_t size)
{
	_cleanup_credential_ struct credential key = {0}, bare = {0}, json = {0};
	_cleanup_buf_ struct icr_buf file = ICR_BUF(ICR_BUF_MAX);

	if (apikey_set_from_file(&key, "us.icr.io", text, size, "file", NULL) < 0)
		return;
	CHECK(key.secret.len > 0 && strcmp(key.username, APIKEY_USERNAME) == 0);
	for (size_t i = 0; i < key.secret.len; i++)
		CHECK(key.secret.data[i] > ' ' && key.secret.data[i] <= '~');
	icr_buf_printf(&file, "\r\n %s\t\n", key.secret.data);
	if (key.secret.data[0] != '{') {
		CHECK(apikey_set_from_file(&bare, "us.icr.io", file.data, file.len, "file", NULL) >=
		      0);
		CHECK(strcmp(bare.secret.data, key.secret.data) == 0);
	}
	icr_buf_truncate(&file, 0);
	icr_buf_text(&file, "{\"name\": \"x\", \"apikey\": ");
	icr_json_quote(&file, key.secret.data, key.secret.len);
	icr_buf_text(&file, "}\n");
	CHECK(apikey_set_from_file(&json, "us.icr.io", file.data, file.len, "file", NULL) >= 0);
	CHECK(strcmp(json.secret.data, key.secret.data) == 0);
}

/* PAYLOAD as a token's middle. */
static void put_token(const char *payload, size_t len, struct icr_buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	icr_buf_text(out, "e30.");
	for (size_t i = 0; i < len; i += 3) {
		size_t more = len - i < 3 ? len - i : 3;
		uint32_t bits = 0;
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < more ? (unsigned char)payload[i + k] : 0);
		for (size_t k = 0; k <= more; k++)
			icr_buf_char(out, digits[bits >> (18 - 6 * k) & 63]);
	}
	icr_buf_text(out, ".sig");
}

static void check_token(const char *payload, size_t size)
{
	_cleanup_buf_ struct icr_buf token = ICR_BUF(ICR_BUF_MAX);
	struct json_object *exp = NULL;
	int64_t expiry;

	put_token(payload, size, &token);
	if (!jwt_expiry(token.data, token.len, &expiry) || memchr(payload, '\\', size))
		return;
	struct json_object *object = json_tokener_parse(payload);
	CHECK(json_object_object_get_ex(object, "exp", &exp));
	if (json_object_is_type(exp, json_type_int))
		CHECK(json_object_get_int64(exp) == expiry);
	else
		CHECK(json_object_is_type(exp, json_type_double));
	json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	int64_t expiry;

	check_key(text, size);
	check_token(text, size);
	(void)jwt_expiry(text, size, &expiry);
	return 0;
}
