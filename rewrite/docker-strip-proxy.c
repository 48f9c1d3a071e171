/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/docker-names.h"
#include "rewrite/docker-strip-work.h"
#include "rewrite/docker/edit.h"

/* The old spelling of a no-proxy list that is as we left it, NULL otherwise. */
static char *old_list(const struct strip *strip, uint32_t list)
{
	const struct icr_json *record = strip->record;

	for (uint32_t node = record->nodes[strip->edits].child; node != ICR_JSON_NONE;
	     node = record->nodes[node].next) {
		uint32_t name = icr_json_member(record, node, "key");
		uint32_t was = icr_json_member(record, node, "was");
		uint32_t now = icr_json_member(record, node, "now");
		if (name != ICR_JSON_NONE && was != ICR_JSON_NONE && now != ICR_JSON_NONE &&
		    icr_json_string_is(record, name, "no-proxy") &&
		    docker_strip_same(strip->json, list, record, now))
			return docker_strip_raw(record, was);
	}
	return NULL;
}

static int strip_no_proxy(struct strip *strip, uint32_t list, struct icr_error *err)
{
	uint32_t was = ICR_JSON_NONE;
	bool ours = docker_strip_created(strip, "no-proxy", &was);
	_cleanup_free_ char *old = old_list(strip, list);
	_cleanup_free_ char *text = icr_json_string_dup(strip->json, list);
	_cleanup_buf_ struct icr_buf rest;

	icr_buf_init(&rest, ICR_FILE_MAX);
	if (!text)
		return icr_fail_memory(err);
	docker_names_without(text, &strip->names, &rest);
	if (rest.failed)
		return icr_fail_memory(err);
	if (!old && rest.len == strlen(text))
		return 0;
	if (ours && (rest.len == 0 || icr_json_string_is(strip->record, was, rest.data))) {
		strip->marks[list] = MARK_GONE;
		return 0;
	}
	_cleanup_free_ char *value = old ? NULL : docker_quote(rest.data);
	if (!old && !value)
		return icr_fail_memory(err);
	icr_json_edit_replace(&strip->edit, strip->json, list, old ? old : value);
	return 0;
}

int docker_strip_proxies(struct strip *strip, struct icr_error *err)
{
	uint32_t proxies = ICR_JSON_NONE;

	while ((proxies = docker_member(strip->json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		uint32_t list = ICR_JSON_NONE;
		int r = 0;
		while (r >= 0 && (list = docker_member(strip->json, proxies, "no-proxy", list)) !=
					 ICR_JSON_NONE)
			if (icr_json_is(strip->json, list, ICR_JSON_STRING))
				r = strip_no_proxy(strip, list, err);
		if (r >= 0)
			r = docker_strip_items(strip, proxies, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}
