/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdbool.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/journal.h"
#include "icr/transaction.h"

#define ROLLED_BACK 1
#define COMPLETED   2

static int fail_changed(const struct icr_journal_entry *entry, const char *what,
			struct icr_error *err)
{
	icr_fail_at(err, ICR_E_CONFLICT, entry->path, "%s", what);
	return icr_error_hint(err, "look at the file; the other files of that change are complete");
}

/* Renames the staged file, unless the target is neither as it was nor as it was to be. */
static int complete_staged(const struct icr_journal_entry *entry, const char *current,
			   struct icr_error *err)
{
	_cleanup_free_ char *staged = NULL;

	int r = icr_state_read(entry->temporary, &staged, err);
	if (r < 0)
		return r;
	bool is_new = icr_state_equal(current, entry->new_state);
	if (icr_state_equal(staged, entry->new_state) &&
	    (is_new || icr_state_equal(current, entry->old_state)))
		return icr_journal_apply(entry, err);
	if (is_new)
		return 0;
	if (icr_state_equal(current, entry->old_state))
		return fail_changed(entry,
				    "keeps its old content: the new one, prepared by an "
				    "interrupted change, was removed by somebody else",
				    err);
	return fail_changed(entry,
			    "was changed by somebody else since an interrupted change of ours, "
			    "and is left as it is",
			    err);
}

static int complete(const struct icr_journal_entry *entry, struct icr_error *err)
{
	_cleanup_free_ char *current = NULL;

	int r = icr_state_read(entry->path, &current, err);
	/* a folder, a device: not what we left there */
	if (r == -ICR_E_REFUSED || r == -EFBIG || r == -ENOTDIR)
		return fail_changed(entry, "is something else now, and is left as it is", err);
	if (r < 0)
		return r;
	if (entry->kind != ICR_JOURNAL_REMOVE)
		return complete_staged(entry, current, err);
	if (!current)
		return 0;
	if (!icr_state_equal(current, entry->old_state))
		return fail_changed(entry,
				    "was to be removed by an interrupted change of ours, but was "
				    "changed by somebody else since, and is left as it is",
				    err);
	return icr_journal_apply(entry, err);
}

/* All entries, whatever becomes of one. A conflict ends it too; any other failure is worth another
 * try by the next run, so it is the one that is told. */
static int complete_all(const struct icr_journal *journal, struct icr_error *err)
{
	int result = 0;

	for (size_t i = 0; i < journal->count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = complete(&journal->entries[i], &failure);
		if (r < 0 && (result == 0 || (result == -ICR_E_CONFLICT && r != result))) {
			result = r;
			icr_error_move(err, &failure);
		}
	}
	return result;
}

static int end(const char *path, const struct icr_journal *journal, struct icr_error *err)
{
	int r = icr_journal_discard(journal, err);
	if (r == 0)
		r = icr_journal_sync(journal, err);
	return r == 0 ? icr_journal_remove(path, err) : r;
}

static int recover(const char *path, const struct icr_journal *journal, struct icr_error *err)
{
	_cleanup_error_ struct icr_error failure = {0};

	int result = journal->committed ? complete_all(journal, err) : 0;
	if (result < 0 && result != -ICR_E_CONFLICT)
		return result;
	int r = end(path, journal, &failure);
	if (r < 0) {
		icr_error_move(err, &failure);
		return r;
	}
	if (result < 0)
		return result;
	return journal->committed ? COMPLETED : ROLLED_BACK;
}

int icr_transaction_recover(const char *journal, struct icr_error *err)
{
	_cleanup_journal_ struct icr_journal found = {0};
	_cleanup_error_ struct icr_error own = {0};

	icr_temporary_sweep(journal);
	int r = icr_journal_read(journal, &found, &own);
	if (r > 0)
		r = recover(journal, &found, &own);
	if (r < 0 && r != -ICR_E_CONFLICT && found.count > 0)
		(void)icr_error_wrap(&own, "an interrupted change cannot be %s yet",
				     found.committed ? "completed" : "rolled back");
	if (err)
		icr_error_move(err, &own);
	return r;
}
