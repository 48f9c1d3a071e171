/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Where the parser sees an ICR host in a realm, libcurl sees that host, https and no user. */
#include <curl/curl.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/registry.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	struct icr_challenge challenge = {0};
	struct icr_host host;
	char *part = NULL;

	if (icr_challenge_parse(text, &challenge, NULL) < 0)
		return 0;
	CHECK(challenge.realm && strncasecmp(challenge.realm, "https://", 8) == 0);
	CURLU *url = curl_url();
	if (icr_host_parse(challenge.realm, strlen(challenge.realm), &host) &&
	    curl_url_set(url, CURLUPART_URL, challenge.realm, 0) == CURLUE_OK) {
		CHECK(curl_url_get(url, CURLUPART_USER, &part, 0) != CURLUE_OK);
		CHECK(curl_url_get(url, CURLUPART_HOST, &part, 0) == CURLUE_OK);
		CHECK(strcasecmp(part, host.name) == 0);
		curl_free(part);
	}
	curl_url_cleanup(url);
	icr_challenge_free(&challenge);
	return 0;
}
