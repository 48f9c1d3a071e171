/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/edit.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json-edit.h"

void docker_edit_init(struct docker_edit *edit, const struct icr_json *json, const char *path)
{
	*edit = (struct docker_edit){.json = json, .path = path};
	icr_buf_init(&edit->record, 4 * ICR_FILE_MAX);
}

void docker_edit_record(struct docker_edit *edit, const char *key, const char *was, const char *now,
			bool created)
{
	icr_buf_printf(&edit->record, "{\"key\":\"%s\"", key);
	if (was)
		icr_buf_printf(&edit->record, ",\"was\":%s", was);
	if (now)
		icr_buf_printf(&edit->record, ",\"now\":%s", now);
	icr_buf_text(&edit->record, created ? ",\"created\":true}," : "},");
}

void docker_edit_record_dropped(struct docker_edit *edit, const char *key, const char *was,
				const char *repeats)
{
	icr_buf_printf(&edit->record, "{\"key\":\"%s\",\"was\":%s,\"repeats\":%s},", key, was,
		       repeats);
}

int docker_edit_finish(struct docker_edit *edit, struct change *change, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf record = {0};

	icr_buf_init(&record, 4 * ICR_FILE_MAX);
	if (edit->edit.count == 0 && !edit->edit.broken)
		return 0;
	icr_buf_text(&record, "{\"edits\":[");
	icr_buf_append(&record, edit->record.data, edit->record.len - (edit->record.len > 0));
	icr_buf_text(&record, "]}");
	int r = icr_buf_check(&edit->record, "the record of the edits", err);
	if (r >= 0)
		r = icr_buf_check(&record, "the record of the edits", err);
	if (r >= 0)
		r = change_edit(change, &edit->edit, record.data, err);
	const struct icr_buf *text = &change->wanted.text;
	return r < 0 ? r
		     : icr_json_edit_check(&change->edit, edit->json, text->data, text->len,
					   edit->path, err);
}

void docker_edit_free(struct docker_edit *edit)
{
	icr_edit_free(&edit->edit);
	icr_buf_free(&edit->record);
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
	_cleanup_buf_ struct icr_buf out;

	icr_buf_init(&out, 8 * ICR_FILE_MAX);
	icr_json_quote(&out, text, strlen(text));
	return out.failed ? NULL : icr_buf_take(&out);
}
