/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The scanner against json-c, and every string read, quoted and read again. */
#include <json-c/json.h>
#include <stdbool.h>

#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

/* json-c 0.16 takes some pairs of surrogates for lone ones, accepts invalid UTF-8 in places and
 * knows other limits: its word counts where none of that is at hand. */
static bool comparable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] >= 0x80 || text[i] == '\0' || text[i] == '\\')
			return false;
	return size < 4096;
}

static bool json_c_accepts(const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(ICR_JSON_DEPTH_MAX + 2);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct json_object *object = json_tokener_parse_ex(tokener, text, (int)size + 1);
	bool accepted = json_tokener_get_error(tokener) == json_tokener_success &&
			json_tokener_get_parse_end(tokener) <= size;
	json_object_put(object);
	json_tokener_free(tokener);
	return accepted;
}

static void check_string(const struct icr_json *json, uint32_t node)
{
	_cleanup_buf_ struct icr_buf value = ICR_BUF(ICR_BUF_MAX), quoted = ICR_BUF(ICR_BUF_MAX),
				     again = ICR_BUF(ICR_BUF_MAX);
	_cleanup_json_ struct icr_json second = {0};

	icr_json_string(json, node, &value);
	icr_json_quote(&quoted, value.data, value.len);
	CHECK(icr_json_parse(quoted.data, quoted.len, NULL, 0, &second, NULL) == 0);
	icr_json_string(&second, 0, &again);
	CHECK(again.len == value.len && memcmp(again.data, value.data, value.len) == 0);
	for (size_t at = 0, n; at < value.len; at += n)
		CHECK((n = icr_utf8_length(value.data + at, value.len - at)) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_json_ struct icr_json json = {0};

	int r = icr_json_parse(text, size, "file", 0, &json, &err);
	CHECK((r < 0) == (err.what != NULL));
	if (comparable(text, size) && r == 0)
		CHECK(json_c_accepts(text, size));
	for (uint32_t i = 0; r == 0 && i < json.count; i++) {
		const struct icr_json_node *node = &json.nodes[i];
		CHECK(node->start < node->end && node->end <= size);
		CHECK(i == 0 || (node->parent < i && json.nodes[node->parent].start < node->start &&
				 json.nodes[node->parent].end > node->end));
		if (node->type == ICR_JSON_STRING)
			check_string(&json, i);
	}
	_cleanup_json_ struct icr_json prefix = {0};
	if (r == 0)
		CHECK(icr_json_parse(text, size, NULL, ICR_JSON_PREFIX | ICR_JSON_BOM, &prefix,
				     NULL) == 0);
	return 0;
}
