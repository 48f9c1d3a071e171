/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Docker's config.json: adding our entries twice is as once, taking them out leaves none, and
 * emptied logins hold no secret any more; every edit passes its own check. */
#include "helper/docker-config.c"
#include "tests/fuzz/fuzz.h"

static size_t edit(const struct icr_buf *before, bool remove, struct icr_buf *after)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_strings_ struct icr_strings names = {0}, changed = {0};
	struct docker_config_change change = {.remove = remove, .all = true};

	CHECK(docker_config_parse("file", before, &config, NULL) >= 0);
	icr_strings_add(&names, "us.icr.io");
	icr_strings_add(&names, "cp.icr.io");
	change.names = names;
	CHECK(docker_config_edit(&config, &change, &changed, after, NULL) >= 0);
	return changed.count;
}

static void empty(const struct icr_buf *before)
{
	_cleanup_docker_config_ struct docker_config config = {0}, after = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	_cleanup_free_ uint32_t *logins = NULL;
	uint32_t login = ICR_JSON_NONE;
	struct icr_host host;
	size_t count = 0;

	CHECK(docker_config_parse("file", before, &config, NULL) >= 0);
	logins = icr_calloc(config.json.count, sizeof(*logins));
	while ((login = docker_config_login(&config, login, &host)) != ICR_JSON_NONE) {
		_cleanup_credential_ struct credential credential = {0};
		(void)docker_config_credential(&config, login, &host, &credential, NULL);
		logins[count++] = login;
	}
	CHECK(docker_config_empty_logins(&config, logins, count, &text, NULL) >= 0);
	CHECK(docker_config_parse("file", &text, &after, NULL) >= 0);
	CHECK(docker_config_login(&after, ICR_JSON_NONE, &host) == ICR_JSON_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX), added = ICR_BUF(ICR_BUF_MAX),
				     again = ICR_BUF(ICR_BUF_MAX), removed = ICR_BUF(ICR_BUF_MAX),
				     rest = ICR_BUF(ICR_BUF_MAX);

	icr_buf_append(&text, data, size);
	if (docker_config_parse("file", &text, &config, NULL) < 0)
		return 0;
	(void)edit(&text, false, &added);
	CHECK(edit(&added, false, &again) == 0);
	CHECK(again.len == added.len && memcmp(again.data, added.data, added.len) == 0);
	(void)edit(&added, true, &removed);
	CHECK(edit(&removed, true, &rest) == 0);
	empty(&text);
	return 0;
}
