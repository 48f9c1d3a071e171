/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/sha256.h"

#define JOURNAL_MAX  ((size_t)1024 * 1024)
#define JOURNAL_MODE 0600
#define VERSION	     "1"
#define ROLLED_BACK  1
#define COMPLETED    2

enum journal_kind {
	JOURNAL_WRITE,
	JOURNAL_REMOVE,
	JOURNAL_SYMLINK,
};

/*
 * A state is what stands at a path: NULL for nothing, "file:SHA256" or "link:SHA256" (of what the
 * link says).
 */
struct journal_entry {
	enum journal_kind kind;
	char *path;	 /* links followed, those of the last component only for WRITE */
	char *temporary; /* beside it; NULL for REMOVE */
	char *old_state; /* before */
	char *new_state; /* after; NULL for REMOVE */
	char *data;	 /* content or link target; not in the journal */
	size_t len;	 /* of data */
	mode_t new_mode; /* not in the journal */
};

struct journal {
	bool committed;
	struct journal_entry *entries;
	size_t count;
};

/* The state that DATA will be; NULL when memory ran out. */
static char *state_of(enum journal_kind kind, const char *data, size_t len)
{
	char hex[ICR_SHA256_HEX];
	char *state = NULL;

	icr_sha256_hex(data, len, hex);
	if (asprintf(&state, "%s:%s", kind == JOURNAL_SYMLINK ? "link" : "file", hex) < 0)
		return NULL;
	return state;
}

/* The state of PATH now, malloc'ed. Refuses folders, devices and files over ICR_FILE_MAX. */
static int state_read(const char *path, char **ret_state, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf content = {0};
	_cleanup_free_ char *target = NULL;
	struct stat st;
	char *state = NULL;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return icr_fail_errno(err, errno, path, "cannot look at the file");
		*ret_state = NULL;
		return 0;
	}
	icr_buf_init(&content, ICR_FILE_MAX);
	if (S_ISLNK(st.st_mode)) {
		int r = icr_path_link_target(path, &target, err);
		if (r < 0)
			return r;
		state = state_of(JOURNAL_SYMLINK, target, strlen(target));
	} else {
		int r = icr_file_read(path, &content, err);
		if (r == 0) /* removed just now */
			*ret_state = NULL;
		if (r <= 0)
			return r;
		state = state_of(JOURNAL_WRITE, content.data, content.len);
	}
	if (!state)
		return icr_fail_memory(err);
	*ret_state = state;
	return 0;
}

static bool state_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *const kind_names[] = {
	[JOURNAL_WRITE] = "write",
	[JOURNAL_REMOVE] = "remove",
	[JOURNAL_SYMLINK] = "symlink",
};

/* Adds a zeroed entry; NULL when memory ran out. */
static struct journal_entry *journal_add(struct journal *journal)
{
	struct journal_entry *entries =
		reallocarray(journal->entries, journal->count + 1, sizeof(*entries));

	if (!entries)
		return NULL;
	journal->entries = entries;
	entries[journal->count] = (struct journal_entry){0};
	return &entries[journal->count++];
}

static void free_entry(struct journal_entry *entry)
{
	if (entry->data)
		explicit_bzero(entry->data, entry->len);
	free(entry->data);
	free(entry->path);
	free(entry->temporary);
	free(entry->old_state);
	free(entry->new_state);
}

static void journal_drop(struct journal *journal, size_t index)
{
	struct journal_entry *entry = &journal->entries[index];

	free_entry(entry);
	memmove(entry, entry + 1, (--journal->count - index) * sizeof(*entry));
}

static void journal_free(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		free_entry(&journal->entries[i]);
	free(journal->entries);
	*journal = (struct journal){0};
}

#define _cleanup_journal_ __attribute__((cleanup(journal_free)))

static void print_member(struct icr_buf *out, const char *name, const char *value)
{
	icr_buf_printf(out, ", \"%s\": ", name);
	if (value)
		icr_json_quote(out, value, strlen(value));
	else
		icr_buf_text(out, "null");
}

static void print(const struct journal *journal, struct icr_buf *out)
{
	icr_buf_printf(out, "{\"version\": " VERSION ", \"state\": \"%s\", \"entries\": [",
		       journal->committed ? "committed" : "prepared");
	for (size_t i = 0; i < journal->count; i++) {
		const struct journal_entry *entry = &journal->entries[i];
		icr_buf_printf(out, "%s\n\t{\"kind\": \"%s\"", i > 0 ? "," : "",
			       kind_names[entry->kind]);
		print_member(out, "path", entry->path);
		print_member(out, "temporary", entry->temporary);
		print_member(out, "old", entry->old_state);
		print_member(out, "new", entry->new_state);
		icr_buf_char(out, '}');
	}
	icr_buf_text(out, "\n]}\n");
}

/* A string, or NULL for null; false for anything else. */
static bool read_text(const struct icr_json *json, uint32_t entry, const char *name,
		      char **ret_text)
{
	uint32_t node = icr_json_member(json, entry, name);

	if (icr_json_is(json, node, ICR_JSON_NULL))
		return true;
	*ret_text = icr_json_string_dup(json, node);
	return *ret_text != NULL;
}

static bool read_kind(const struct icr_json *json, uint32_t entry, enum journal_kind *ret_kind)
{
	uint32_t node = icr_json_member(json, entry, "kind");

	for (size_t i = 0; i < ICR_LENGTH(kind_names); i++) {
		if (icr_json_is(json, node, ICR_JSON_STRING) &&
		    icr_json_string_is(json, node, kind_names[i])) {
			*ret_kind = (enum journal_kind)i;
			return true;
		}
	}
	return false;
}

/* A temporary may only be one of ours beside its path: recovery renames and removes it. */
static bool is_plausible(const struct journal_entry *entry)
{
	if (!entry->path || entry->path[0] != '/')
		return false;
	if (entry->kind == JOURNAL_REMOVE)
		return !entry->temporary && !entry->new_state;
	if (!entry->temporary || !entry->new_state)
		return false;
	size_t folder = (size_t)(icr_path_base(entry->path) - entry->path);
	const char *base = icr_path_base(entry->temporary);
	return strncmp(entry->path, entry->temporary, folder) == 0 &&
	       base == entry->temporary + folder && base[0] == '.' && strstr(base, ".icr-new-");
}

static bool read_entry(const struct icr_json *json, uint32_t node, struct journal_entry *entry)
{
	return read_kind(json, node, &entry->kind) && read_text(json, node, "path", &entry->path) &&
	       read_text(json, node, "temporary", &entry->temporary) &&
	       read_text(json, node, "old", &entry->old_state) &&
	       read_text(json, node, "new", &entry->new_state) && is_plausible(entry);
}

static bool read_members(const struct icr_json *json, struct journal *journal)
{
	uint32_t version = icr_json_member(json, 0, "version");
	uint32_t state = icr_json_member(json, 0, "state");
	uint32_t entries = icr_json_member(json, 0, "entries");

	if (!icr_json_is(json, version, ICR_JSON_NUMBER) ||
	    json->nodes[version].end - json->nodes[version].start != 1 ||
	    json->text[json->nodes[version].start] != VERSION[0] ||
	    !icr_json_is(json, state, ICR_JSON_STRING) ||
	    !icr_json_is(json, entries, ICR_JSON_ARRAY))
		return false;
	journal->committed = icr_json_string_is(json, state, "committed");
	if (!journal->committed && !icr_json_string_is(json, state, "prepared"))
		return false;
	for (uint32_t node = json->nodes[entries].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next) {
		struct journal_entry *entry = journal_add(journal);
		if (!entry || !read_entry(json, node, entry))
			return false;
	}
	return true;
}

static int parse(const char *path, const struct icr_buf *text, struct journal *ret_journal,
		 struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_journal_ struct journal journal = {0};

	int r = icr_json_parse(text->data, text->len, path, ICR_JSON_NO_NUL, &json, err);
	if (r < 0)
		return r;
	if (!read_members(&json, &journal)) {
		icr_fail_at(err, ICR_E_SYNTAX, path,
			    "is not a journal of changes that this version wrote");
		(void)icr_error_hint(err, "look at the files that it names, then remove it");
		return -ICR_E_SYNTAX;
	}
	*ret_journal = journal;
	journal = (struct journal){0};
	return 1;
}

static bool is_same(const struct journal *a, const struct journal *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct journal_entry *x = &a->entries[i], *y = &b->entries[i];
		if (strcmp(x->path, y->path) != 0 || !state_equal(x->temporary, y->temporary))
			return false;
	}
	return true;
}

/* Writes the journal to PATH as a whole. A journal that would not read back the same (a path that
 * is not UTF-8) is refused before. */
static int journal_write(const struct journal *journal, const char *path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = {0};
	_cleanup_journal_ struct journal again = {0};

	icr_buf_init(&text, JOURNAL_MAX);
	print(journal, &text);
	int r = icr_buf_check(&text, "the journal of changes", err);
	if (r < 0)
		return r;
	r = parse(path, &text, &again, NULL);
	if (r < 0 || !is_same(journal, &again))
		return icr_fail_at(err, EILSEQ, path,
				   "cannot note these changes: a file name is not UTF-8");
	return icr_file_replace(path, text.data, text.len, JOURNAL_MODE, err);
}

/* 1, 0 when there is none, or negative. -ICR_E_SYNTAX when it is not one of ours. */
static int journal_read(const char *path, struct journal *ret_journal, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = {0};

	icr_buf_init(&text, JOURNAL_MAX);
	int r = icr_file_read(path, &text, err);
	return r <= 0 ? r : parse(path, &text, ret_journal, err);
}

/* Removes it, and sees to it that it stays removed. */
static int journal_remove(const char *path, struct icr_error *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return icr_fail_errno(err, errno, path, "cannot remove the journal of changes");
	return icr_file_sync_folder(path, err);
}

/* Puts the staged or removed entry in place; what is so already is no error. */
static int journal_apply(const struct journal_entry *entry, struct icr_error *err)
{
	if (entry->kind == JOURNAL_REMOVE) {
		if (unlink(entry->path) < 0 && errno != ENOENT)
			return icr_fail_errno(err, errno, entry->path, "cannot remove the file");
		return 0;
	}
	if (rename(entry->temporary, entry->path) < 0)
		return icr_fail_errno(err, errno, entry->path,
				      "cannot put the new file in its place");
	return 0;
}

static bool same_folder(const char *a, const char *b)
{
	size_t len = (size_t)(icr_path_base(a) - a);

	return len == (size_t)(icr_path_base(b) - b) && memcmp(a, b, len) == 0;
}

/* fsync of every folder that the entries touch. */
static int journal_sync(const struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const char *path = journal->entries[i].path;
		bool done = false;
		for (size_t k = 0; k < i && !done; k++)
			done = same_folder(path, journal->entries[k].path);
		int r = done ? 0 : icr_file_sync_folder(path, err);
		/* a folder that is gone has nothing to bring to the disk */
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* ENOTDIR: the whole folder is gone. A read-only file system says EROFS also of what is not there.
 */
static int remove_temporary(const char *path, struct icr_error *err)
{
	struct stat info;

	if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	int code = errno;
	if (code == EROFS && lstat(path, &info) < 0 && errno == ENOENT)
		return 0;
	return icr_fail_errno(err, code, path, "cannot remove the temporary file");
}

/* Removes every temporary. */
static int journal_discard(const struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const char *temporary = journal->entries[i].temporary;
		int r = temporary ? remove_temporary(temporary, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

struct icr_transaction {
	char *path; /* of the journal */
	struct journal journal;
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
	journal_free(&transaction->journal);
	free(transaction->path);
	free(transaction);
}

/* REAL is handed over. */
static int add(struct icr_transaction *transaction, enum journal_kind kind, char *real,
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
	struct journal_entry *entry = journal_add(&transaction->journal);
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
	return add(transaction, JOURNAL_WRITE, real, data ? data : "", len, new_mode, err);
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
	return r < 0 ? r : add(transaction, JOURNAL_REMOVE, real, NULL, 0, 0, err);
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
	return add(transaction, JOURNAL_SYMLINK, real, target, strlen(target), 0, err);
}

/* Writes down what is there and what will be. */
static int prepare(struct journal_entry *entry, struct icr_error *err)
{
	int r = state_read(entry->path, &entry->old_state, err);
	if (r < 0)
		return r;
	if (entry->kind == JOURNAL_REMOVE)
		return 0;
	entry->new_state = state_of(entry->kind, entry->data, entry->len);
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

static int stage_link(const struct journal_entry *entry, struct icr_error *err)
{
	int r = icr_attributes_check(entry->path, err);
	if (r < 0)
		return r;
	if (symlink(entry->data, entry->temporary) < 0)
		return icr_fail_errno(err, errno, entry->path, "cannot make the symbolic link");
	return 0;
}

static int stage(const struct journal_entry *entry, struct icr_error *err)
{
	switch (entry->kind) {
	case JOURNAL_WRITE:
		return icr_file_stage(entry->path, entry->temporary, entry->data, entry->len,
				      entry->new_mode, err);
	case JOURNAL_SYMLINK:
		return stage_link(entry, err);
	case JOURNAL_REMOVE:
		return check_removal(entry->path, err);
	}
	return -EINVAL;
}

static int stage_all(const struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		int r = stage(&journal->entries[i], err);
		if (r < 0)
			return r;
	}
	/* the names too must be on the disk before the journal relies on them */
	return journal_sync(journal, err);
}

/*
 * Undoes what was staged. Where that fails the journal stays, and the next run does it. What it
 * says is of no use beside the failure that led here.
 */
static void roll_back(const struct icr_transaction *transaction)
{
	if (journal_discard(&transaction->journal, NULL) == 0 &&
	    journal_sync(&transaction->journal, NULL) == 0)
		(void)journal_remove(transaction->path, NULL);
	icr_temporary_sweep(transaction->path);
}

/*
 * After a failure to commit the journal may say either: its rename can have happened before what
 * failed. What it says counts, since a run after a power cut would go by it as well.
 */
static int settle(const struct icr_transaction *transaction, struct icr_error *err)
{
	_cleanup_journal_ struct journal current = {0};

	int r = journal_read(transaction->path, &current, NULL);
	if (r == 0 || (r > 0 && !current.committed)) {
		roll_back(transaction);
		return -err->code;
	}
	(void)icr_error_wrap(err, "the change was prepared but not made");
	return icr_error_hint(err, "the next run completes or forgets it");
}

static int apply_all(const struct icr_transaction *transaction, struct icr_error *err)
{
	const struct journal *journal = &transaction->journal;
	int result = 0;

	/* as far as possible: the fewer are left for the next run, the better */
	for (size_t i = 0; i < journal->count; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = journal_apply(&journal->entries[i], &failure);
		if (r < 0 && result == 0) {
			result = r;
			icr_error_move(err, &failure);
		}
	}
	if (result == 0)
		result = journal_sync(journal, err);
	if (result == 0)
		result = journal_remove(transaction->path, err);
	if (result < 0) {
		(void)icr_error_wrap(err, "the change is committed but not completed");
		(void)icr_error_hint(err, "the next run completes it");
	}
	return result;
}

static int prepare_all(struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count;) {
		struct journal_entry *entry = &journal->entries[i];
		int r = prepare(entry, err);
		if (r < 0)
			return r;
		if (state_equal(entry->old_state, entry->new_state))
			journal_drop(journal, i);
		else
			i++;
	}
	return 0;
}

static int commit(struct icr_transaction *transaction, struct icr_error *err)
{
	struct journal *journal = &transaction->journal;
	struct stat st;

	if (lstat(transaction->path, &st) == 0) {
		icr_fail_at(err, ICR_E_CONFLICT, transaction->path,
			    "notes an earlier change that was interrupted");
		return icr_error_hint(err, "run the program again, which completes it first");
	}
	int r = prepare_all(journal, err);
	if (r < 0 || journal->count == 0)
		return r;
	r = journal_write(journal, transaction->path, err);
	if (r == 0)
		r = stage_all(journal, err);
	if (r < 0) {
		roll_back(transaction);
		return r;
	}
	journal->committed = true;
	r = journal_write(journal, transaction->path, err);
	return r < 0 ? settle(transaction, err) : apply_all(transaction, err);
}

int icr_transaction_commit(struct icr_transaction *transaction, struct icr_error *err)
{
	_cleanup_error_ struct icr_error own = {0};

	int r = commit(transaction, &own);
	if (err)
		icr_error_move(err, &own);
	/* done, or the journal's: it cannot be committed again */
	journal_free(&transaction->journal);
	return r;
}

static int fail_changed(const struct journal_entry *entry, const char *what, struct icr_error *err)
{
	icr_fail_at(err, ICR_E_CONFLICT, entry->path, "%s", what);
	return icr_error_hint(err, "look at the file; the other files of that change are complete");
}

/* Renames the staged file, unless the target is neither as it was nor as it was to be. */
static int complete_staged(const struct journal_entry *entry, const char *current,
			   struct icr_error *err)
{
	_cleanup_free_ char *staged = NULL;

	int r = state_read(entry->temporary, &staged, err);
	if (r < 0)
		return r;
	bool is_new = state_equal(current, entry->new_state);
	if (state_equal(staged, entry->new_state) &&
	    (is_new || state_equal(current, entry->old_state)))
		return journal_apply(entry, err);
	if (is_new)
		return 0;
	if (state_equal(current, entry->old_state))
		return fail_changed(entry,
				    "keeps its old content: the new one, prepared by an "
				    "interrupted change, was removed by somebody else",
				    err);
	return fail_changed(entry,
			    "was changed by somebody else since an interrupted change of ours, "
			    "and is left as it is",
			    err);
}

static int complete(const struct journal_entry *entry, struct icr_error *err)
{
	_cleanup_free_ char *current = NULL;

	int r = state_read(entry->path, &current, err);
	/* a folder, a device: not what we left there */
	if (r == -ICR_E_REFUSED || r == -EFBIG || r == -ENOTDIR)
		return fail_changed(entry, "is something else now, and is left as it is", err);
	if (r < 0)
		return r;
	if (entry->kind != JOURNAL_REMOVE)
		return complete_staged(entry, current, err);
	if (!current)
		return 0;
	if (!state_equal(current, entry->old_state))
		return fail_changed(entry,
				    "was to be removed by an interrupted change of ours, but was "
				    "changed by somebody else since, and is left as it is",
				    err);
	return journal_apply(entry, err);
}

/* All entries, whatever becomes of one. A conflict ends it too; any other failure is worth another
 * try by the next run, so it is the one that is told. */
static int complete_all(const struct journal *journal, struct icr_error *err)
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

static int end(const char *path, const struct journal *journal, struct icr_error *err)
{
	int r = journal_discard(journal, err);
	if (r == 0)
		r = journal_sync(journal, err);
	return r == 0 ? journal_remove(path, err) : r;
}

static int recover(const char *path, const struct journal *journal, struct icr_error *err)
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
	_cleanup_journal_ struct journal found = {0};
	_cleanup_error_ struct icr_error own = {0};

	icr_temporary_sweep(journal);
	int r = journal_read(journal, &found, &own);
	if (r > 0)
		r = recover(journal, &found, &own);
	if (r < 0 && r != -ICR_E_CONFLICT && found.count > 0)
		(void)icr_error_wrap(&own, "an interrupted change cannot be %s yet",
				     found.committed ? "completed" : "rolled back");
	if (err)
		icr_error_move(err, &own);
	return r;
}
