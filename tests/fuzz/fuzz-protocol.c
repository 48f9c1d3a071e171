/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What store is given: the reply of get made of it is read back the same by the scanner and by
 * json-c, and as the input of another store; a URL is one line, read again as it is. */
#include <json-c/json.h>

#include "helper/protocol.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "tests/fuzz/fuzz.h"

static void check_member(struct json_object *reply, const struct icr_json *json, const char *name,
			 const char *text, size_t len)
{
	_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_BUF_MAX);
	struct json_object *member = NULL;

	uint32_t node = icr_json_member(json, 0, name);
	CHECK(icr_json_is(json, node, ICR_JSON_STRING));
	icr_json_string(json, node, &value);
	CHECK_SAME(&value, text, len);
	CHECK(json_object_object_get_ex(reply, name, &member));
	CHECK((size_t)json_object_get_string_len(member) == len &&
	      memcmp(json_object_get_string(member), text, len) == 0);
}

static void check_credential(const char *text, size_t size)
{
	_cleanup_credential_ struct credential credential = {0}, again = {0};
	_cleanup_buf_ struct icr_buf reply = ICR_BUF(ICR_BUF_MAX);
	_cleanup_json_ struct icr_json json = {0};

	if (protocol_parse_credential(text, size, &credential, NULL) < 0)
		return;
	const struct icr_secret *secret = &credential.secret;
	protocol_format_reply(&reply, credential.host, &credential);
	CHECK(memchr(reply.data, '\n', reply.len) == reply.data + reply.len - 1);
	CHECK(icr_json_parse(reply.data, reply.len, NULL, 0, &json, NULL) == 0);
	struct json_object *object = json_tokener_parse(reply.data);
	CHECK(object);
	check_member(object, &json, "ServerURL", credential.host, strlen(credential.host));
	check_member(object, &json, "Username", credential.username, strlen(credential.username));
	check_member(object, &json, "Secret", secret->data, secret->len);
	json_object_put(object);
	CHECK(protocol_parse_credential(reply.data, reply.len, &again, NULL) == 0);
	CHECK(strcmp(again.host, credential.host) == 0);
	CHECK(strcmp(again.username, credential.username) == 0);
	CHECK(again.secret.len == secret->len &&
	      memcmp(again.secret.data, secret->data, secret->len) == 0);
}

static void check_url(const char *text, size_t size)
{
	_cleanup_url_ char *url = NULL, *again = NULL;

	if (protocol_parse_url(text, size, &url, NULL) < 0)
		return;
	size_t len = strlen(url);
	CHECK(len > 0 && len <= size && !strpbrk(url, "\r\n"));
	CHECK(!strchr(" \t\v\f", url[0]) && !strchr(" \t\v\f", url[len - 1]));
	CHECK(protocol_parse_url(url, len, &again, NULL) == 0 && strcmp(again, url) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);

	check_credential(text, size);
	check_url(text, size);
	return 0;
}
