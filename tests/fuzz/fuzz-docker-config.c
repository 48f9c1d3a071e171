/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Docker's config.json: adding our entries twice is as once, taking them out leaves none and, where
 * none was there before, the old bytes; emptied logins hold no secret any more; what is shown of it
 * has no user or password, and shown again is the same; every edit passes its own check. */
#include "helper/docker-config.c"

#include "icr/redact.h"
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

/* Is there something that taking ours out would take too: an entry of ours, or a credHelpers that
 * is empty? */
static bool has_ours(const struct icr_json *json)
{
	for (uint32_t i = 0; i < json->count; i++)
		if (icr_json_string_is(json, i, DOCKER_CONFIG_OURS) ||
		    (json->nodes[i].count == 0 && (icr_json_is(json, i, ICR_JSON_OBJECT) ||
						   icr_json_is(json, i, ICR_JSON_NULL))))
			return true;
	return false;
}

static void show(const struct icr_buf *text, struct icr_buf *out)
{
	_cleanup_docker_config_ struct docker_config config = {0};

	CHECK(docker_config_parse("file", text, &config, NULL) >= 0);
	if (config.instead.len > 0) /* blank */
		icr_buf_append(out, text->data, text->len);
	else
		CHECK(icr_redact_json(&config.json, true, out, NULL) >= 0);
}

static void check_shown(const struct icr_buf *text)
{
	_cleanup_buf_ struct icr_buf shown = ICR_BUF(ICR_BUF_MAX), again = ICR_BUF(ICR_BUF_MAX),
				     value = ICR_BUF(ICR_BUF_MAX);
	_cleanup_json_ struct icr_json json = {0};

	show(text, &shown);
	show(&shown, &again);
	CHECK_SAME(&again, shown.data, shown.len);
	if (icr_json_parse(shown.data, shown.len, NULL, 0, &json, NULL) < 0)
		return; /* blank */
	for (uint32_t i = 0; i < json.count; i++) {
		icr_buf_truncate(&value, 0);
		icr_json_name(&json, i, &value);
		if (icr_json_is(&json, i, ICR_JSON_STRING))
			icr_json_string(&json, i, &value);
		CHECK(!memchr(value.data, '@', value.len));
	}
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
	if (!has_ours(&config.json))
		CHECK_SAME(&removed, text.data, text.len);
	check_shown(&text);
	empty(&text);
	return 0;
}
