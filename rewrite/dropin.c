/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/dropin.h"

#include "rewrite/block.h"
#include "rewrite/change.h"
#include "rewrite/work.h"

int dropin_strip(struct work *work, struct change *change, struct icr_error *err)
{
	(void)work;
	const struct content *current = &change->current;
	bool ours = current->exists && block_is_whole(current->text.data, current->text.len);

	return ours ? change_set_base(change, false, "", 0, err)
		    : change_set_base(change, current->exists, current->text.data,
				      current->text.len, err);
}

int dropin_find(struct work *work, struct changes *changes, const struct part *part,
		const char *path, struct icr_error *err)
{
	struct change *change;

	if (changes_find(changes, path) || !host_has(path))
		return 0;
	int r = changes_file(changes, &work->host, part, path, &change, err);
	return r < 0 ? r : dropin_strip(work, change, err);
}

int dropin_plan(struct work *work, struct changes *changes, const struct part *part,
		const char *path, const struct icr_buf *text, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf whole = ICR_BUF(ICR_BUF_MAX);
	struct change *change;

	int r = changes_file(changes, &work->host, part, path, &change, err);
	if (r < 0)
		return r;
	if (change->base.exists) {
		icr_fail_at(err, ICR_E_CONFLICT, path, "stands there already and is not ours");
		return icr_error_hint(err, "move it away, or put this into it:\n%.*s",
				      (int)text->len - 1, text->data);
	}
	icr_buf_text(&whole, BLOCK_WHOLE);
	icr_buf_append(&whole, text->data, text->len);
	return change_write(change, whole.data, 0644, err);
}
