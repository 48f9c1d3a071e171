/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/journal.h"

struct icr_transaction {
	char *path; /* of the journal */
	struct icr_journal journal;
};

int icr_transaction_new(const char *journal, struct icr_transaction **ret_transaction,
			struct icr_error *err)
{
	struct icr_transaction *transaction = calloc(1, sizeof(*transaction));
	char *path = strdup(journal);

	if (!transaction || !path) {
		free(transaction);
		free(path);
		return icr_fail_memory(err);
	}
	transaction->path = path;
	*ret_transaction = transaction;
	return 0;
}

void icr_transaction_free(struct icr_transaction *transaction)
{
	if (!transaction)
		return;
	icr_journal_free(&transaction->journal);
	free(transaction->path);
	free(transaction);
}

/* REAL is handed over. */
static int add(struct icr_transaction *transaction, enum icr_journal_kind kind, char *real,
	       const void *data, size_t len, mode_t new_mode, struct icr_error *err)
{
	_cleanup_free_ char *path = real;

	for (size_t i = 0; i < transaction->journal.count; i++)
		if (strcmp(transaction->journal.entries[i].path, path) == 0)
			return icr_fail_at(err, EINVAL, path,
					   "would be changed twice in one transaction");
	_cleanup_free_ char *copy = data ? malloc(len + 1) : NULL;
	if (data && !copy)
		return icr_fail_memory(err);
	struct icr_journal_entry *entry = icr_journal_add(&transaction->journal);
	if (!entry)
		return icr_fail_memory(err);
	entry->kind = kind;
	entry->path = icr_steal(&path);
	entry->new_mode = new_mode;
	if (data) {
		memcpy(copy, data, len);
		copy[len] = '\0';
		entry->data = icr_steal(&copy);
		entry->len = len;
	}
	return 0;
}

static int check_absolute(const char *path, struct icr_error *err)
{
	return path[0] == '/' ? 0
			      : icr_fail_at(err, EINVAL, path, "must be given as an absolute path");
}

int icr_transaction_write(struct icr_transaction *transaction, const char *path, const void *data,
			  size_t len, mode_t new_mode, struct icr_error *err)
{
	char *real = NULL;

	int r = check_absolute(path, err);
	if (r == 0)
		r = icr_file_resolve(path, &real, err);
	if (r < 0)
		return r;
	/* no content is content too */
	return add(transaction, ICR_JOURNAL_WRITE, real, data ? data : "", len, new_mode, err);
}

int icr_transaction_remove(struct icr_transaction *transaction, const char *path,
			   struct icr_error *err)
{
	struct stat st;
	char *real = NULL;

	int r = check_absolute(path, err);
	if (r < 0)
		return r;
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	r = icr_path_resolve_folder(path, &real, err);
	return r < 0 ? r : add(transaction, ICR_JOURNAL_REMOVE, real, NULL, 0, 0, err);
}

int icr_transaction_symlink(struct icr_transaction *transaction, const char *path,
			    const char *target, struct icr_error *err)
{
	char *real = NULL;

	int r = check_absolute(path, err);
	if (r == 0)
		r = icr_path_resolve_folder(path, &real, err);
	if (r < 0)
		return r;
	return add(transaction, ICR_JOURNAL_SYMLINK, real, target, strlen(target), 0, err);
}

/* Writes down what is there and what will be. */
static int prepare(struct icr_journal_entry *entry, struct icr_error *err)
{
	int r = icr_state_read(entry->path, &entry->old_state, err);
	if (r < 0)
		return r;
	if (entry->kind == ICR_JOURNAL_REMOVE)
		return 0;
	entry->new_state = icr_state_of(entry->kind, entry->data, entry->len);
	if (!entry->new_state)
		return icr_fail_memory(err);
	return icr_temporary_name(entry->path, "new-", &entry->temporary, err);
}

/* Nothing is staged for a removal, and behind the commit point is too late to find out. */
static int check_removal(const char *path, struct icr_error *err)
{
	int r = icr_attributes_check(path, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *folder = icr_path_folder(path);
	if (!folder)
		return icr_fail_memory(err);
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
		return icr_fail_errno(err, errno, path, "cannot remove the file");
	return 0;
}

static int stage_link(const struct icr_journal_entry *entry, struct icr_error *err)
{
	int r = icr_attributes_check(entry->path, err);
	if (r < 0)
		return r;
	if (symlink(entry->data, entry->temporary) < 0)
		return icr_fail_errno(err, errno, entry->path, "cannot make the symbolic link");
	return 0;
}

static int stage(const struct icr_journal_entry *entry, struct icr_error *err)
{
	switch (entry->kind) {
	case ICR_JOURNAL_WRITE:
		return icr_file_stage(entry->path, entry->temporary, entry->data, entry->len,
				      entry->new_mode, err);
	case ICR_JOURNAL_SYMLINK:
		return stage_link(entry, err);
	case ICR_JOURNAL_REMOVE:
		return check_removal(entry->path, err);
	}
	return -EINVAL;
}

static int stage_all(const struct icr_journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		int r = stage(&journal->entries[i], err);
		if (r < 0)
			return r;
	}
	/* the names too must be on the disk before the journal relies on them */
	return icr_journal_sync(journal, err);
}

/*
 * Undoes what was staged. Where that fails the journal stays, and the next run does it. What it
 * says is of no use beside the failure that led here.
 */
static void roll_back(const struct icr_transaction *transaction)
{
	if (icr_journal_discard(&transaction->journal, NULL) == 0 &&
	    icr_journal_sync(&transaction->journal, NULL) == 0)
		(void)icr_journal_remove(transaction->path, NULL);
	icr_temporary_sweep(transaction->path);
}

/*
 * After a failure to commit the journal may say either: its rename can have happened before what
 * failed. What it says counts, since a run after a power cut would go by it as well.
 */
static int settle(const struct icr_transaction *transaction, struct icr_error *err)
{
	_cleanup_journal_ struct icr_journal current = {0};

	int r = icr_journal_read(transaction->path, &current, NULL);
	if (r == 0 || (r > 0 && !current.committed)) {
		roll_back(transaction);
		return -err->code;
	}
	(void)icr_error_wrap(err, "the change was prepared but not made");
	return icr_error_hint(err, "the next run completes or forgets it");
}

static int apply_all(const struct icr_transaction *transaction, struct icr_error *err)
{
	const struct icr_journal *journal = &transaction->journal;
	int result = 0;

	/* as far as possible: the fewer are left for the next run, the better */
	for (size_t i = 0; i < journal->count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = icr_journal_apply(&journal->entries[i], &failure);
		if (r < 0 && result == 0) {
			result = r;
			icr_error_move(err, &failure);
		}
	}
	if (result == 0)
		result = icr_journal_sync(journal, err);
	if (result == 0)
		result = icr_journal_remove(transaction->path, err);
	if (result < 0) {
		(void)icr_error_wrap(err, "the change is committed but not completed");
		(void)icr_error_hint(err, "the next run completes it");
	}
	return result;
}

static int prepare_all(struct icr_journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count;) {
		struct icr_journal_entry *entry = &journal->entries[i];
		int r = prepare(entry, err);
		if (r < 0)
			return r;
		if (icr_state_equal(entry->old_state, entry->new_state))
			icr_journal_drop(journal, i);
		else
			i++;
	}
	return 0;
}

static int commit(struct icr_transaction *transaction, struct icr_error *err)
{
	struct icr_journal *journal = &transaction->journal;
	struct stat st;

	if (lstat(transaction->path, &st) == 0) {
		icr_fail_at(err, ICR_E_CONFLICT, transaction->path,
			    "notes an earlier change that was interrupted");
		return icr_error_hint(err, "run the program again, which completes it first");
	}
	int r = prepare_all(journal, err);
	if (r < 0 || journal->count == 0)
		return r;
	r = icr_journal_write(journal, transaction->path, err);
	if (r == 0)
		r = stage_all(journal, err);
	if (r < 0) {
		roll_back(transaction);
		return r;
	}
	journal->committed = true;
	r = icr_journal_write(journal, transaction->path, err);
	return r < 0 ? settle(transaction, err) : apply_all(transaction, err);
}

int icr_transaction_commit(struct icr_transaction *transaction, struct icr_error *err)
{
	_cleanup_error_ struct icr_error own = {0};

	int r = commit(transaction, &own);
	if (err)
		icr_error_move(err, &own);
	/* done, or the journal's: it cannot be committed again */
	icr_journal_free(&transaction->journal);
	return r;
}
