/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* IAM: a token that is taken is what json-c reads there, and one printable word; a refusal is told
 * in words that a terminal can take; an endpoint is what libcurl sees too, https without a user. */
#include "icr/iam.c"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <json-c/json.h>

#include "tests/fuzz/fuzz.h"

static void check_token(const char *text, size_t size)
{
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	struct json_object *access = NULL;

	if (icr_iam_read_token(text, size, &token, NULL) < 0)
		return;
	CHECK(token.expires_in >= EXPIRES_LEAST && token.expires_in <= EXPIRES_MOST);
	CHECK(token.access.len > 0 && strlen(token.access.data) == token.access.len);
	CHECK(!token.refresh.data || token.refresh.len > 0);
	for (size_t i = 0; i < token.access.len; i++)
		CHECK(token.access.data[i] > ' ' && token.access.data[i] <= '~');
	struct json_object *object = strchr(text, '\\') ? NULL : json_tokener_parse(text);
	if (object) {
		CHECK(json_object_object_get_ex(object, "access_token", &access));
		CHECK(strcmp(json_object_get_string(access), token.access.data) == 0);
	}
	json_object_put(object);
}

static void check_refusal(const char *text, size_t size, int status)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf safe = ICR_BUF(ICR_BUF_MAX), said = ICR_BUF(ICR_BUF_MAX);
	icr_cleanup(clean_reply) struct icr_http_reply reply = {
		.outcome = ICR_HTTP_DONE,
		.status = status,
		.body = ICR_BUF(ICR_BUF_MAX),
	};

	icr_buf_append(&reply.body, text, size);
	CHECK(judge("iam.cloud.ibm.com", &reply, &err) < 0 && err.what);
	icr_error_print(&err, &said);
	CHECK(said.len < 16384);
	icr_text_safe(said.data, said.len, "\n", &safe);
	CHECK_SAME(&safe, said.data, said.len);
}

static void check_url(const char *text)
{
	_cleanup_free_ char *url = NULL, *again = NULL, *endpoint = NULL;
	char *part = NULL;

	if (icr_iam_url(text, &url, NULL) < 0)
		return;
	CHECK(icr_iam_url(url, &again, NULL) == 0);
	CHECK(strcmp(again, url) == 0);
	endpoint = icr_printf("%s" TOKEN_PATH, url);
	CURLU *parsed = curl_url();
	if (curl_url_set(parsed, CURLUPART_URL, endpoint, 0) == CURLUE_OK) {
		CHECK(curl_url_get(parsed, CURLUPART_USER, &part, 0) != CURLUE_OK);
		CHECK(curl_url_get(parsed, CURLUPART_QUERY, &part, 0) != CURLUE_OK);
		CHECK(curl_url_get(parsed, CURLUPART_FRAGMENT, &part, 0) != CURLUE_OK);
		CHECK(curl_url_get(parsed, CURLUPART_SCHEME, &part, 0) == CURLUE_OK);
		CHECK(strcmp(part, "https") == 0);
		curl_free(part);
		CHECK(curl_url_get(parsed, CURLUPART_HOST, &part, 0) == CURLUE_OK);
		const char *host = url + strlen("https://");
		struct in_addr number;
		/* libcurl decodes what is escaped, and writes numbers as addresses */
		CHECK(strcasestr(host, part) == host || strchr(host, '%') ||
		      inet_aton(part, &number));
		curl_free(part);
	}
	curl_url_cleanup(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {400, 401, 403, 429, 500, 503};
	_cleanup_free_ char *text = fuzz_string(data, size);

	check_token(text, size);
	check_refusal(text, size, statuses[size % ICR_LENGTH(statuses)]);
	check_url(text);
	return 0;
}
