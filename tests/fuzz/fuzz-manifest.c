/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A manifest or an index: what is chosen of it stands in it, and can stand in a URL. */
#include "rewrite/pull.c"

#include "tests/fuzz/fuzz.h"

static void check(const char *digest, const char *text)
{
	if (!digest)
		return;
	CHECK(strlen(digest) == DIGEST_LEN && strncmp(digest, "sha256:", 7) == 0);
	CHECK(strspn(digest + 7, "0123456789abcdef") == 64);
	CHECK(strchr(text, '\\') || strstr(text, digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_message_ cJSON *manifest = NULL;

	if (icr_message_parse(text, size, &manifest, NULL) < 0)
		return 0;
	check(choose_image(cJSON_GetObjectItemCaseSensitive(manifest, "manifests")), text);
	check(digest_of(
		      cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(manifest, "layers"), 0)),
	      text);
	check(digest_of(cJSON_GetObjectItemCaseSensitive(manifest, "config")), text);
	return 0;
}
