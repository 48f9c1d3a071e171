/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What the Docker daemon says of itself: its lists are those that json-c reads there. */
#include "rewrite/docker/api.c"

#include <json-c/json.h>

#include "tests/fuzz/fuzz.h"

static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *found = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &found) || !json_object_is_type(found, type))
		return NULL;
	return found;
}

static void check_text(const char *text, struct json_object *object, const char *name)
{
	struct json_object *found = member(object, name, json_type_string);

	CHECK((text != NULL) == (found != NULL));
	CHECK(!text || strcmp(text, json_object_get_string(found)) == 0);
}

static size_t count_strings(struct json_object *list)
{
	size_t count = 0;

	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		count += json_object_is_type(json_object_array_get_idx(list, i), json_type_string);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_docker_info_ struct docker_info info = {0};

	if (icr_json_parse(text, size, NULL, 0, &json, NULL) < 0)
		return 0;
	read_info(&json, &info);
	CHECK(info.no_proxy);
	for (size_t i = 0; i < info.mirrors.count; i++)
		CHECK(info.mirrors.items[i]);
	/* json-c 0.16 has doubts about surrogates and limits of its own */
	if (strchr(text, '\\') || json.count > 1000)
		return 0;
	struct json_object *object = json_tokener_parse(text);
	if (!object)
		return 0;
	struct json_object *registries = member(object, "RegistryConfig", json_type_object);
	struct json_object *mirrors = member(registries, "Mirrors", json_type_array);
	check_text(info.version, object, "ServerVersion");
	CHECK(info.mirrors.count == count_strings(mirrors));
	for (size_t i = 0, k = 0; i < info.mirrors.count; k++) {
		struct json_object *item = json_object_array_get_idx(mirrors, k);
		if (json_object_is_type(item, json_type_string))
			CHECK(strcmp(json_object_get_string(item), info.mirrors.items[i++]) == 0);
	}
	CHECK(info.insecure.count >=
	      count_strings(member(registries, "InsecureRegistryCIDRs", json_type_array)));
	json_object_put(object);
	return 0;
}
