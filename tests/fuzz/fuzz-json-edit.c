/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* One edit passes its own check; adding and taking out again gives the old bytes. The first byte of
 * the input picks the operation and the node. */
#include "icr/cleanup.h"
#include "icr/json-edit.h"
#include "tests/fuzz/fuzz.h"

static void apply(const struct icr_edit *edit, const char *text, size_t len, struct icr_buf *out)
{
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_json_ struct icr_json json = {0};

	CHECK(icr_json_parse(text, len, NULL, ICR_JSON_BOM, &json, NULL) == 0);
	CHECK(icr_edit_apply(edit, text, len, out, &err) == 0);
	CHECK(icr_json_edit_check(edit, &json, out->data, out->len, "file", &err) == 0);
}

static void take_out(const struct icr_buf *text, uint32_t container, struct icr_buf *out)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_edit_ struct icr_edit edit = {0};

	CHECK(icr_json_parse(text->data, text->len, NULL, ICR_JSON_BOM, &json, NULL) == 0);
	icr_json_edit_remove(&edit, &json, &json.nodes[container].last, 1);
	apply(&edit, text->data, text->len, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	unsigned operation = data[0] % 4, pick = data[0] / 4;
	_cleanup_free_ char *text = fuzz_string(data + 1, --size);
	_cleanup_json_ struct icr_json json = {0};
	if (icr_json_parse(text, size, NULL, ICR_JSON_BOM, &json, NULL) < 0)
		return 0;
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf after = ICR_BUF(ICR_BUF_MAX), before = ICR_BUF(ICR_BUF_MAX);
	uint32_t node = pick % json.count;
	enum icr_json_type type = json.nodes[node].type;
	if (operation == 0 && type == ICR_JSON_OBJECT)
		icr_json_edit_add_member(&edit, &json, node, "us.icr.io", "\"icr\"");
	else if (operation <= 1 && type == ICR_JSON_ARRAY)
		icr_json_edit_add_item(&edit, &json, node, "\"https://x\"");
	else if (operation == 2 && node > 0)
		icr_json_edit_remove(&edit, &json, &node, 1);
	else
		icr_json_edit_replace(&edit, &json, node, "{\"a\": [1, 2]}");
	apply(&edit, text, size, &after);
	if (operation <= 1 &&
	    (type == ICR_JSON_ARRAY || (operation == 0 && type == ICR_JSON_OBJECT))) {
		take_out(&after, node, &before);
		/* what the first item brings into an empty container may stay: its line breaks */
		if (json.nodes[node].count > 0)
			CHECK(before.len == size && memcmp(before.data, text, size) == 0);
	}
	return 0;
}
