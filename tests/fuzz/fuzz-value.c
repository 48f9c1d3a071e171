/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A tree of any text, printed, says the same as that text: members in their order, numbers as they
 * are spelled, each member where the scanner finds it. In time and memory of its length. */
#include <stdbool.h>

#include "icr/cleanup.h"
#include "icr/utf8.h"
#include "icr/value.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text)
{
	CHECK(!text || icr_utf8_is_text(text, strlen(text)));
}

/* VALUE is what NODE stands for. */
static void check_value(const struct icr_value *value, const struct icr_json *json, uint32_t node)
{
	const struct icr_json_node *from = &json->nodes[node];
	uint32_t i = from->child;

	CHECK(value->type == from->type && value->count == from->count);
	CHECK((value->name != NULL) == (from->key_end > 0));
	CHECK(!value->name || icr_json_name_is(json, node, value->name));
	CHECK(!icr_value_string(value) || icr_json_string_is(json, node, value->text));
	CHECK((value->text != NULL) ==
	      (value->type == ICR_JSON_STRING || value->type == ICR_JSON_NUMBER));
	check_text(value->name);
	check_text(value->text);
	icr_value_each(item, value) {
		CHECK(i != ICR_JSON_NONE && (item->next != NULL || item == value->last));
		check_value(item, json, i);
		i = json->nodes[i].next;
	}
	CHECK(i == ICR_JSON_NONE);
}

static void check_members(const struct icr_value *value, const struct icr_json *json)
{
	icr_value_each(item, value) {
		const struct icr_value *found = icr_value_get(value, item->name);
		uint32_t member = icr_json_member(json, 0, item->name);
		int64_t number = 0, same = 0;
		CHECK(found && member != ICR_JSON_NONE);
		check_value(found, json, member);
		CHECK(icr_value_flag(value, item->name) ==
		      icr_json_is(json, member, ICR_JSON_TRUE));
		CHECK(icr_value_number(value, item->name, INT64_MIN, INT64_MAX, &number) ==
		      icr_json_integer(json, member, INT64_MIN, INT64_MAX, &same));
		CHECK(number == same);
	}
}

/* Many of it in a list. */
static void check_large(const char *text, size_t size)
{
	_cleanup_buf_ struct icr_buf large = ICR_BUF(ICR_BUF_MAX), printed = ICR_BUF(ICR_BUF_MAX);
	_cleanup_value_ struct icr_value *value = NULL;
	double before = fuzz_seconds();

	icr_buf_text(&large, "{\"list\":[");
	do {
		icr_buf_append(&large, text, size);
		icr_buf_char(&large, ',');
	} while (large.len < FUZZ_LARGE);
	icr_buf_text(&large, "0]}");
	CHECK(icr_value_parse(large.data, large.len, false, &value, NULL) == 0);
	CHECK(icr_value_print(value, &printed, NULL) == 0);
	icr_value_free(icr_steal(&value));
	CHECK(fuzz_seconds() - before < FUZZ_SLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_value_ struct icr_value *value = NULL, *prefix = NULL;
	_cleanup_json_ struct icr_json json = {0}, again = {0};
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf printed = ICR_BUF(ICR_BUF_MAX);

	int r = icr_value_parse(text, size, false, &value, &err);
	CHECK((r < 0) == (err.what != NULL) && (r < 0) == (value == NULL));
	int scanned = icr_json_parse(text, size, NULL, ICR_JSON_NO_NUL, &json, NULL);
	CHECK((r == 0) == (scanned == 0 && json.nodes[0].type == ICR_JSON_OBJECT));
	if (r < 0)
		return 0;
	check_value(value, &json, 0);
	check_members(value, &json);
	CHECK(icr_value_print(value, &printed, NULL) == 0);
	CHECK(icr_json_parse(printed.data, printed.len, NULL, ICR_JSON_NO_NUL, &again, NULL) == 0);
	CHECK(icr_json_equal(&json, 0, &again, 0));
	CHECK(icr_value_parse(text, size, true, &prefix, NULL) == 0);
	icr_value_move(value, prefix);
	CHECK(value->count == 2 * (size_t)json.nodes[0].count && prefix->count == 0);
	if (fuzz_is_chosen(data, size))
		check_large(text, size);
	return 0;
}
