/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/edit.h"

#include <string.h>

#include "icr/cleanup.h"
#include "icr/json-edit.h"
#include "icr/memory.h"

int docker_edit_finish(struct docker_edit *edit, struct change *change, struct icr_error *err)
{
	if (edit->edit.count == 0 && !edit->edit.broken)
		return 0;
	int r = change_edit(change, &edit->edit, NULL, err);
	const struct icr_buf *text = &change->wanted.text;
	return r < 0 ? r
		     : icr_json_edit_check(&change->edit, edit->json, text->data, text->len,
					   edit->path, err);
}

void docker_edit_free(struct docker_edit *edit)
{
	icr_edit_free(&edit->edit);
}

int docker_edit_type(const struct docker_edit *edit, uint32_t node, const char *key,
		     const char *wanted, struct icr_error *err)
{
	const struct icr_json_node *found = &edit->json->nodes[node];
	_cleanup_free_ char *place = icr_json_place(edit->json, edit->path, found->start);

	icr_fail_at(err, ICR_E_CONFIG, place ? place : edit->path, "%s must be %s, not %s", key,
		    wanted, icr_json_type_name(found->type));
	return icr_error_hint(err, "dockerd would refuse this file too; mend it, then try again");
}

uint32_t docker_member(const struct icr_json *json, uint32_t object, const char *name,
		       uint32_t after)
{
	if (object == ICR_JSON_NONE || object >= json->count ||
	    !icr_json_is(json, object, ICR_JSON_OBJECT))
		return ICR_JSON_NONE;
	uint32_t node =
		after == ICR_JSON_NONE ? json->nodes[object].child : json->nodes[after].next;
	while (node != ICR_JSON_NONE && !icr_json_name_is(json, node, name))
		node = json->nodes[node].next;
	return node;
}

char *docker_quote(const char *text)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);

	icr_json_quote(&out, text, strlen(text));
	return icr_buf_take(&out);
}

char *docker_raw(const struct icr_json *json, uint32_t node)
{
	return icr_strndup(json->text + json->nodes[node].start,
			   json->nodes[node].end - json->nodes[node].start);
}
