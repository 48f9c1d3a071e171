/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "icr/memory.h"

/* Where a splice goes: behind those that begin before it and, of those at the same place, behind
 * insertions; a replacement stays behind whatever is inserted before its first byte. */
static size_t find_place(const struct icr_edit *edit, size_t start, size_t end)
{
	size_t i = edit->count;

	for (; i > 0; i--) {
		const struct icr_splice *before = &edit->items[i - 1];
		if (before->start < start)
			break;
		if (before->start == start && (before->end == start || end > start))
			break;
	}
	return i;
}

void icr_edit_splice(struct icr_edit *edit, size_t start, size_t end, const char *bytes, size_t len)
{
	size_t place = find_place(edit, start, end);

	(void)ICR_APPEND(edit);
	memmove(edit->items + place + 1, edit->items + place,
		(edit->count - 1 - place) * sizeof(*edit->items));
	edit->items[place] = (struct icr_splice){
		.start = start,
		.end = end,
		.bytes = icr_memdup(bytes, len),
		.len = len,
	};
}

int icr_edit_apply(const struct icr_edit *edit, const char *text, size_t len, struct icr_buf *out,
		   struct icr_error *err)
{
	size_t at = 0, size = len;

	if (edit->broken)
		return icr_fail(err, EINVAL, "an edit that cannot be made");
	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->items[i];
		if (splice->start < at || splice->end < splice->start || splice->end > len)
			return icr_fail(err, EINVAL, "edits of the same place");
		at = splice->end;
		size = size - (splice->end - splice->start) + splice->len;
	}
	/* the text may be large: it is copied once */
	(void)icr_buf_room(out, size);
	at = 0;
	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->items[i];
		icr_buf_append(out, text + at, splice->start - at);
		icr_buf_append(out, splice->bytes, splice->len);
		at = splice->end;
	}
	icr_buf_append(out, text + at, len - at);
	return icr_buf_check(out, "the edited text", err);
}

void icr_edit_free(struct icr_edit *edit)
{
	if (!edit)
		return;
	for (size_t i = 0; i < edit->count; i++) {
		/* a store's entries are edits too */
		icr_wipe(edit->items[i].bytes, edit->items[i].len);
		free(edit->items[i].bytes);
	}
	free(edit->items);
	*edit = (struct icr_edit){0};
}
