/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A page of accounts: each that is taken has an id; the next page, to which the access token goes
 * along, is on the same host as libcurl sees it. */
#include "icr/account.c"

#include <curl/curl.h>
#include <strings.h>

#include "tests/fuzz/fuzz.h"

static void check_next(const char *next)
{
	_cleanup_free_ char *url = next_page(next);
	char *part = NULL;

	if (!url)
		return;
	CURLU *parsed = curl_url();
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
		CHECK(curl_url_get(parsed, CURLUPART_USER, &part, 0) != CURLUE_OK);
		CHECK(curl_url_get(parsed, CURLUPART_HOST, &part, 0) == CURLUE_OK);
		CHECK(strcmp(part, "accounts.cloud.ibm.com") == 0);
		curl_free(part);
		CHECK(curl_url_get(parsed, CURLUPART_SCHEME, &part, 0) == CURLUE_OK);
		CHECK(strcmp(part, "https") == 0);
		curl_free(part);
		CHECK(curl_url_get(parsed, CURLUPART_PORT, &part, 0) != CURLUE_OK);
	}
	curl_url_cleanup(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_free_ char *next = NULL;
	icr_cleanup(answer_free) struct answer page = {0};
	struct icr_accounts accounts = {0};

	check_next(text);
	if (icr_json_parse(text, size, NULL, ICR_JSON_NO_NUL, &page.json, NULL) < 0 ||
	    !icr_json_is(&page.json, 0, ICR_JSON_OBJECT))
		return 0;
	add_page(&page, &accounts);
	for (size_t i = 0; i < accounts.count; i++) {
		CHECK(accounts.items[i].id && accounts.items[i].id[0]);
		CHECK(!accounts.items[i].name || accounts.items[i].name[0]);
	}
	icr_accounts_free(&accounts);
	next = icr_json_text(&page.json, 0, "next_url");
	check_next(next);
	return 0;
}
