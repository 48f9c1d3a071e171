/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Somebody's daemon.json: the second plan changes nothing, no entry of a steered region is public
 * after the first, and taking ours out of the file as we left it gives the old bytes. The first
 * byte picks whether mirrors are added, and the regions. */
#include "rewrite/docker/mirrors.h"

#include "icr/cleanup.h"
#include "rewrite/docker/restore.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	const struct icr_region_set *regions;
	size_t public;
};

static void see(const char *entry, void *data)
{
	struct seen *seen = data;
	struct docker_entry parsed;

	if (docker_entry_parse(entry, &parsed) && !parsed.userinfo &&
	    icr_region_set_has(seen->regions, parsed.host.region))
		seen->public += parsed.host.kind == ICR_HOST_PUBLIC;
}

/* Returns how many splices the plan of this text is; negative for what Docker would refuse. */
static int plan(const struct icr_buf *before, const struct icr_region_set *regions, bool add,
		struct icr_edit *ret_edit, struct icr_buf *after)
{
	_cleanup_json_ struct icr_json json = {0};
	struct notes notes = {0};

	CHECK(icr_json_parse(before->data, before->len, NULL, DOCKER_JSON_FLAGS, &json, NULL) == 0);
	struct docker_edit edit = {.json = &json, .path = "daemon.json"};
	int r = docker_mirrors_plan(&edit, regions, &notes, NULL);
	notes_free(&notes);
	if (r >= 0 && add)
		r = docker_mirrors_add(&edit, regions, NULL);
	if (r < 0) {
		docker_edit_free(&edit);
		return r;
	}
	CHECK(icr_edit_apply(&edit.edit, before->data, before->len, after, NULL) >= 0);
	*ret_edit = edit.edit;
	return (int)edit.edit.count;
}

static void check_undo(const struct icr_buf *before, const struct icr_edit *edit,
		       const struct icr_buf *after)
{
	_cleanup_edit_ struct icr_edit back = {0};
	size_t shift = 0, gone = 0;
	struct change change = {
		.path = (char *)(uintptr_t) "daemon.json",
		.current = {.exists = true, .text = *after},
		.base = {.text = ICR_BUF(ICR_BUF_MAX)},
		.wanted = {.text = ICR_BUF(ICR_BUF_MAX)},
	};

	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->items[i];
		size_t at = splice->start + shift - gone;
		icr_edit_splice(&back, at, at + splice->len, before->data + splice->start,
				splice->end - splice->start);
		shift += splice->len;
		gone += splice->end - splice->start;
	}
	const struct left left = {.text = after, .back = &back};
	change.left = &left;
	CHECK(docker_restore(&change, NULL) >= 0);
	CHECK_SAME(&change.base.text, before->data, before->len);
	icr_buf_free(&change.base.text);
	icr_buf_free(&change.wanted.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const lists[] = {"us", "us,de", "all", "global,uk"};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX), after = ICR_BUF(ICR_BUF_MAX),
				     again = ICR_BUF(ICR_BUF_MAX);
	_cleanup_edit_ struct icr_edit edit = {0}, second = {0};
	_cleanup_json_ struct icr_json json = {0}, planned = {0};
	struct icr_region_set regions = {0};

	if (size < 1)
		return 0;
	unsigned pick = *data++;
	icr_buf_append(&text, data, --size);
	CHECK(icr_region_set_parse(&regions, lists[pick / 2 % 4], NULL) == 0);
	if (icr_json_parse(text.data, text.len, NULL, DOCKER_JSON_FLAGS, &json, NULL) < 0 ||
	    (json.count > 0 && !icr_json_is(&json, 0, ICR_JSON_OBJECT)))
		return 0;
	if (plan(&text, &regions, pick & 1, &edit, &after) < 0)
		return 0;
	CHECK(icr_json_parse(after.data, after.len, NULL, DOCKER_JSON_FLAGS, &planned, NULL) == 0);
	CHECK(plan(&after, &regions, pick & 1, &second, &again) == 0);
	struct seen seen = {.regions = &regions};
	docker_mirrors_each(&planned, DOCKER_MIRRORS, see, &seen);
	docker_mirrors_each(&planned, DOCKER_INSECURE, see, &seen);
	CHECK(seen.public == 0);
	/* of a blank file the merge cannot tell its own white space; the splices of the state can
	 */
	if (edit.count > 0 && json.count > 0)
		check_undo(&text, &edit, &after);
	return 0;
}
