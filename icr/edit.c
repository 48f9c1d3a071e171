/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/edit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct icr_edit *edit)
{
	/* full at every power of two, so that the size need not be kept */
	if ((edit->count & (edit->count - 1)) != 0)
		return true;
	size_t size = edit->count ? edit->count * 2 : 1;
	struct icr_splice *splices = realloc(edit->splices, size * sizeof(*splices));
	if (!splices)
		return false;
	edit->splices = splices;
	return true;
}

/* Where a splice goes: behind those that begin before it and, of those at the same place, behind
 * insertions; a replacement stays behind whatever is inserted before its first byte. */
static size_t find_place(const struct icr_edit *edit, size_t start, size_t end)
{
	size_t i = edit->count;

	for (; i > 0; i--) {
		const struct icr_splice *before = &edit->splices[i - 1];
		if (before->start < start)
			break;
		if (before->start == start && (before->end == start || end > start))
			break;
	}
	return i;
}

void icr_edit_splice(struct icr_edit *edit, size_t start, size_t end, const char *bytes, size_t len)
{
	if (edit->failed)
		return;
	char *copy = malloc(len + 1);
	if (!copy || !grow(edit)) {
		free(copy);
		edit->failed = -ENOMEM;
		return;
	}
	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	size_t place = find_place(edit, start, end);
	memmove(edit->splices + place + 1, edit->splices + place,
		(edit->count - place) * sizeof(*edit->splices));
	struct icr_splice *splice = &edit->splices[place];
	*splice = (struct icr_splice){.start = start, .end = end, .len = len};
	splice->bytes = copy;
	edit->count++;
}

int icr_edit_apply(const struct icr_edit *edit, const char *text, size_t len, struct icr_buf *out,
		   struct icr_error *err)
{
	size_t at = 0;

	if (edit->failed == -ENOMEM)
		return icr_fail_memory(err);
	if (edit->failed)
		return icr_fail(err, -edit->failed, "an edit that cannot be made");
	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->splices[i];
		if (splice->start < at || splice->end < splice->start || splice->end > len)
			return icr_fail(err, EINVAL, "edits of the same place");
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
		explicit_bzero(edit->splices[i].bytes, edit->splices[i].len);
		free(edit->splices[i].bytes);
	}
	free(edit->splices);
	*edit = (struct icr_edit){0};
}
