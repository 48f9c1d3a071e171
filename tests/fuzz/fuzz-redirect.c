/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Where a blob is sent on to: what is told is the host of RFC 3986, taken apart by hand, whether
 * the Location is a whole URL or one on the same registry. */
#include "rewrite/pull.h"

#include "icr/resolve.h"

static int fuzz_resolve(struct icr_resolution *names, size_t count, int timeout_ms,
			struct icr_error *err)
{
	(void)names;
	(void)count;
	(void)timeout_ms;
	(void)err;
	return 0;
}

#define icr_resolve fuzz_resolve
#include "rewrite/pull.c"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>

#include "tests/fuzz/fuzz.h"

#define REGISTRY "us.icr.io"
#define BLOB	 "https://" REGISTRY "/v2/ns/image/blobs/sha256:0"

/* As libcurl does it for CURLINFO_REDIRECT_URL; NULL when it leads nowhere. */
static char *follow(const char *location)
{
	CURLU *url = curl_url();
	char *whole = NULL, *copy = NULL;

	CHECK(curl_url_set(url, CURLUPART_URL, BLOB, 0) == CURLUE_OK);
	if (curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
		copy = icr_strdup(whole);
	curl_free(whole);
	curl_url_cleanup(url);
	return copy;
}

/* The host that LOCATION names; false where it names none, or one that is more than letters,
 * digits,
 * '-' and '.', where opinions differ. */
static bool name_host(const char *location, char ret_host[256])
{
	size_t scheme = strspn(location, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789+-.");
	const char *at = location;

	if (scheme > 40) /* libcurl knows none so long and takes it for a path */
		return false;
	if (scheme > 0 && location[scheme] == ':')
		at = location + scheme + 1;
	if (strncmp(at, "//", 2) != 0)
		return false;
	at += 2;
	size_t len = strcspn(at, "/?#");
	const char *user = memrchr(at, '@', len);
	size_t skipped = user ? (size_t)(user + 1 - at) : 0;
	const char *colon = memchr(at + skipped, ':', len - skipped);
	size_t end = colon ? (size_t)(colon - at) : len;
	if (end == skipped || end - skipped > 253)
		return false;
	for (size_t i = skipped; i < end; i++)
		if (!isalnum((unsigned char)at[i]) && at[i] != '-' && at[i] != '.')
			return false;
	memcpy(ret_host, at + skipped, end - skipped);
	ret_host[end - skipped] = '\0';
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *location = fuzz_string(data, size);
	_cleanup_free_ char *redirect = NULL;
	_cleanup_reference_ struct icr_reference reference = {0};
	char host[256];
	struct pull pull = {0};

	/* no header has a line end in it, and libcurl drops white space at both ends */
	if (size == 0 || strpbrk(location, "\r\n") || icr_is_space(location[0]))
		return 0;
	redirect = follow(location);
	CHECK(icr_reference_parse(REGISTRY "/ns/image:1", &reference, NULL) == 0);
	struct session session = {.reference = &reference, .pull = &pull};
	struct icr_http_reply reply = {.status = 307, .location = location, .redirect = redirect};
	int r = take_redirect(&session, &reply, NULL);
	if (r >= 0 && name_host(location, host)) {
		const char *told = pull.redirect ? pull.redirect : REGISTRY;
		struct in_addr number;
		/* 0x7f.1 and the like: libcurl writes them as addresses */
		CHECK(strcasecmp(told, host) == 0 || inet_aton(host, &number) ||
		      inet_aton(told, &number));
	} else if (r >= 0 && location[0] == '/' && location[1] != '/') {
		CHECK(!pull.redirect && !pull.redirect_url);
	}
	if (r >= 0 && pull.redirect) {
		CHECK(pull.redirect[0] != '\0' && !strpbrk(pull.redirect, "/@ \\"));
	}
	free(pull.redirect);
	free(pull.redirect_url);
	return 0;
}
