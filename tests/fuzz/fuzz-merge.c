/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The merge of three texts, BASE without us, OURS with an edit of us, THEIRS with another one on
 * top of it: taking ours out of our own text gives the base, taking nothing out changes nothing,
 * what is left is JSON that passes the check of its edit, and what they added stays. The first four
 * bytes pick both edits. */
#include "icr/cleanup.h"
#include "icr/json-edit.h"
#include "icr/merge.h"
#include "tests/fuzz/fuzz.h"

#define ADDED "\"added by somebody\""

/* One edit of TEXT, VALUE put in, as one of us or of them would do it. */
static void change(const struct icr_json *json, unsigned operation, unsigned pick,
		   const char *value, struct icr_edit *edit)
{
	uint32_t node = pick % json->count;
	enum icr_json_type type = json->nodes[node].type;

	if (operation % 4 == 0 && type == ICR_JSON_OBJECT)
		icr_json_edit_add_member(edit, json, node, "new", value);
	else if (operation % 4 <= 1 && type == ICR_JSON_ARRAY)
		icr_json_edit_add_item(edit, json, node, value);
	else if (operation % 4 == 2 && node > 0)
		icr_json_edit_remove(edit, json, &node, 1);
	else
		icr_json_edit_replace(edit, json, node, value);
}

/* What leads back from the edited text, as the state keeps it. */
static void turn(const struct icr_edit *edit, const char *text, struct icr_edit *back)
{
	size_t shift = 0, gone = 0;

	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->items[i];
		size_t at = splice->start + shift - gone;
		icr_edit_splice(back, at, at + splice->len, text + splice->start,
				splice->end - splice->start);
		shift += splice->len;
		gone += splice->end - splice->start;
	}
}

static void merge(const struct icr_json *ours, const struct icr_edit *back,
		  const struct icr_buf *theirs, struct icr_buf *out)
{
	_cleanup_json_ struct icr_json json = {0}, merged = {0};
	_cleanup_edit_ struct icr_edit edit = {0};

	CHECK(icr_json_parse(theirs->data, theirs->len, NULL, 0, &json, NULL) == 0);
	icr_merge_json(ours, back, &json, &edit);
	CHECK(icr_edit_apply(&edit, theirs->data, theirs->len, out, NULL) == 0);
	CHECK(icr_json_parse(out->data, out->len, NULL, 0, &merged, NULL) == 0);
	CHECK(icr_json_edit_check(&edit, &json, out->data, out->len, "file", NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 5)
		return 0;
	_cleanup_free_ char *text = fuzz_string(data + 4, size -= 4);
	_cleanup_json_ struct icr_json base = {0}, ours = {0};
	_cleanup_edit_ struct icr_edit edit = {0}, back = {0}, none = {0}, edited = {0};
	_cleanup_buf_ struct icr_buf left = ICR_BUF(ICR_BUF_MAX), theirs = ICR_BUF(ICR_BUF_MAX),
				     undone = ICR_BUF(ICR_BUF_MAX), merged = ICR_BUF(ICR_BUF_MAX),
				     same = ICR_BUF(ICR_BUF_MAX);
	if (strstr(text, ADDED) || icr_json_parse(text, size, NULL, 0, &base, NULL) < 0)
		return 0;
	change(&base, data[0], data[1], "\"https://private.us.icr.io\"", &edit);
	CHECK(icr_edit_apply(&edit, text, size, &left, NULL) == 0);
	CHECK(icr_json_parse(left.data, left.len, NULL, 0, &ours, NULL) == 0);
	turn(&edit, text, &back);
	merge(&ours, &back, &left, &undone);
	CHECK_SAME(&undone, text, size);
	change(&ours, data[2] & 1, data[3], ADDED, &edited);
	CHECK(icr_edit_apply(&edited, left.data, left.len, &theirs, NULL) == 0);
	merge(&ours, &none, &theirs, &same);
	CHECK_SAME(&same, theirs.data, theirs.len);
	merge(&ours, &back, &theirs, &merged);
	CHECK(strstr(merged.data, ADDED));
	return 0;
}
