/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/docker-config.h"

#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"

#define NAME_MAX_LEN ((size_t)4096) /* of a member's name that we compare or print */

#define MEND "nothing was changed; mend the file by hand, then run this again"

/* What a blank file is edited as, so that adding and removing need no case of their own. */
static const char EMPTY_OBJECT[] = "{\n}\n";
static const char BOM[] = "\xef\xbb\xbf";

static int fail_type(const struct docker_config *config, uint32_t node, const char *what,
		     const char *wanted, struct icr_error *err)
{
	_cleanup_free_ char *place =
		icr_json_place(&config->json, config->path, config->json.nodes[node].start);

	icr_fail_at(err, ICR_E_CONFIG, place ? place : config->path, "%s is %s, not %s", what,
		    icr_json_type_name(config->json.nodes[node].type), wanted);
	return icr_error_hint(err, MEND);
}

static int check_types(const struct docker_config *config, struct icr_error *err)
{
	const struct icr_json *json = &config->json;
	uint32_t object = ICR_JSON_NONE;

	if (!icr_json_is(json, 0, ICR_JSON_OBJECT))
		return fail_type(config, 0, "the whole file", "an object", err);
	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE) {
		if (!icr_json_is(json, object, ICR_JSON_OBJECT))
			return fail_type(config, object, "credHelpers", "an object", err);
		for (uint32_t i = json->nodes[object].child; i != ICR_JSON_NONE;
		     i = json->nodes[i].next)
			if (!icr_json_is(json, i, ICR_JSON_STRING))
				return fail_type(config, i, "an entry of credHelpers",
						 "the name of a helper", err);
	}
	return 0;
}

static int scan(struct docker_config *config, const struct icr_buf *text, struct icr_error *err)
{
	int r = icr_json_parse(text->data, text->len, config->path, ICR_JSON_BOM | ICR_JSON_EMPTY,
			       &config->json, err);

	if (r < 0)
		(void)icr_error_hint(err, MEND);
	return r;
}

static int scan_file(struct docker_config *config, struct icr_error *err)
{
	int r = scan(config, &config->file, err);

	if (r < 0)
		return r;
	if (config->json.count == 0) {
		icr_json_free(&config->json);
		if (config->file.len >= strlen(BOM) &&
		    memcmp(config->file.data, BOM, strlen(BOM)) == 0)
			icr_buf_text(&config->instead, BOM);
		icr_buf_text(&config->instead, EMPTY_OBJECT);
		r = scan(config, &config->instead, err);
		if (r < 0)
			return r;
	}
	return check_types(config, err);
}

static void init(struct docker_config *config, const char *path)
{
	*config = (struct docker_config){.path = path};
	icr_buf_init(&config->file, ICR_FILE_MAX);
	icr_buf_init(&config->instead, sizeof(BOM) + sizeof(EMPTY_OBJECT));
}

int docker_config_read(const char *path, struct docker_config *ret_config, struct icr_error *err)
{
	init(ret_config, path);
	/* before reading: a change in between then shows when it is compared again */
	if (stat(path, &ret_config->seen) < 0)
		ret_config->seen = (struct stat){.st_nlink = 0};
	int r = icr_file_read(path, &ret_config->file, err);
	if (r < 0)
		return r;
	ret_config->exists = r > 0;
	return scan_file(ret_config, err);
}

int docker_config_parse(const char *path, const struct icr_buf *text,
			struct docker_config *ret_config, struct icr_error *err)
{
	init(ret_config, path);
	ret_config->exists = true;
	icr_buf_append(&ret_config->file, text->data, text->len);
	int r = icr_buf_check(&ret_config->file, path, err);
	return r < 0 ? r : scan_file(ret_config, err);
}

void docker_config_free(struct docker_config *config)
{
	icr_json_free(&config->json);
	icr_buf_free(&config->instead);
	icr_buf_free(&config->file);
}

static bool name_is(const struct icr_json *json, uint32_t member, const char *name)
{
	size_t len = json->nodes[member].key_end - json->nodes[member].key_start;

	if (len < strlen(name) || len > strlen(name) * strlen("\\u0041") + strlen("\"\""))
		return false;
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, NAME_MAX_LEN);
	icr_json_name(json, member, &text);
	return text.len == strlen(name) && strcasecmp(text.data, name) == 0;
}

uint32_t docker_config_next(const struct docker_config *config, const char *name, uint32_t after)
{
	const struct icr_json_node *nodes = config->json.nodes;
	uint32_t i = after == ICR_JSON_NONE ? nodes[0].child : nodes[after].next;

	while (i != ICR_JSON_NONE && !name_is(&config->json, i, name))
		i = nodes[i].next;
	return i;
}

uint32_t docker_config_helper(const struct docker_config *config, const char *name)
{
	uint32_t found = ICR_JSON_NONE, object = ICR_JSON_NONE;

	while ((object = docker_config_next(config, "credHelpers", object)) != ICR_JSON_NONE) {
		uint32_t member = icr_json_member(&config->json, object, name);
		if (member != ICR_JSON_NONE)
			found = member;
	}
	return found;
}

bool docker_config_host(const struct docker_config *config, uint32_t member,
			struct icr_host *ret_host)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, NAME_MAX_LEN);
	icr_json_name(&config->json, member, &text);
	return icr_host_parse(text.data, text.len, ret_host);
}
