/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Whatever is taken for one of our hosts is the host that libcurl would connect to, on port 443,
 * and no user name of another. */
#include <curl/curl.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/host.h"
#include "tests/fuzz/fuzz.h"

static void check_url(const char *url, const struct icr_host *host)
{
	CURLU *parsed = curl_url();
	char *name = NULL, *user = NULL, *port = NULL;

	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
		CHECK(curl_url_get(parsed, CURLUPART_USER, &user, 0) != CURLUE_OK);
		if (curl_url_get(parsed, CURLUPART_HOST, &name, 0) == CURLUE_OK)
			CHECK(strcasecmp(name, host->name) == 0);
		if (curl_url_get(parsed, CURLUPART_PORT, &port, 0) == CURLUE_OK)
			CHECK(strcmp(port, "443") == 0);
	}
	curl_free(name);
	curl_free(user);
	curl_free(port);
	curl_url_cleanup(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	struct icr_host host, again;
	char name[ICR_HOST_MAX], names[ICR_HOST_RELATIVES][ICR_HOST_MAX];

	if (!icr_host_parse(text, size, &host))
		return 0;
	size_t len = strlen(host.name);
	CHECK(len < ICR_HOST_MAX && memchr(text, '\0', size) == NULL);
	CHECK((len >= 6 && strcmp(host.name + len - 6, "icr.io") == 0) ||
	      host.kind == ICR_HOST_ALIAS);
	CHECK(icr_host_parse(host.name, len, &again) && strcmp(again.name, host.name) == 0);
	icr_host_public(&host, name);
	CHECK(icr_host_parse(name, strlen(name), &again));
	if (icr_host_private(&host, name))
		CHECK(icr_host_parse(name, strlen(name), &again) && again.kind == ICR_HOST_PRIVATE);
	for (size_t i = icr_host_relatives(&host, names); i > 0; i--)
		CHECK(icr_host_parse(names[i - 1], strlen(names[i - 1]), &again));
	if (strstr(text, "://")) {
		check_url(text, &host);
	} else if (!strchr(text, '@')) {
		_cleanup_free_ char *url = malloc(size + sizeof("https://"));
		CHECK(url);
		(void)sprintf(url, "https://%s", text);
		check_url(url, &host);
	}
	return 0;
}
