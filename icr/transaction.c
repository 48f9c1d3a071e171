/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/sha256.h"
#include "icr/text.h"

#define JOURNAL_MAX  ((size_t)1024 * 1024)
#define JOURNAL_MODE 0600
#define VERSION	     "1"
/* for somebody who writes into a file as it stands to be done */
#define WRITER_WAIT_MS 3000
#define WRITER_LOOK_MS 20
#define ROLLED_BACK    1
#define COMPLETED      2

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
	char *name;	 /* as the caller has it */
	char *path;	 /* links followed, those of the last component only for WRITE */
	char *temporary; /* beside it: what is to stand there, then what stood there */
	char *old_state; /* before */
	char *new_state; /* after; NULL for REMOVE */

	/* not in the journal, and the caller's */
	const struct icr_standing *planned;
	struct icr_buf attributes; /* of what stood there when the new one got them */
	const char *data;	   /* content or link target */
	size_t len;		   /* of data */
	const char *hash;	   /* of data, or NULL */
	mode_t new_mode;
};

struct journal {
	bool committed;
	struct journal_entry *items;
	size_t count;
};

static char *state_named(bool link, const char *hash)
{
	return icr_printf("%s:%s", link ? "link" : "file", hash);
}

static char *state_of(bool link, const void *data, size_t len)
{
	char hex[ICR_SHA256_HEX];

	icr_sha256_hex(data, len, hex);
	return state_named(link, hex);
}

/* The state of PATH now, malloc'ed. Refuses folders, devices and files over ICR_BUF_MAX. */
static int state_read(const char *path, char **ret_state, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf content = ICR_BUF(ICR_BUF_MAX);
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return icr_fail_errno(err, errno, path, "cannot look at the file");
		*ret_state = NULL;
		return 0;
	}
	if (S_ISLNK(st.st_mode)) {
		_cleanup_free_ char *target = NULL;
		int r = icr_path_link_target(path, &target, err);
		if (r == 0)
			*ret_state = state_of(true, target, strlen(target));
		return r;
	}
	int r = icr_file_read(path, &content, err);
	if (r < 0)
		return r;
	/* 0: removed just now */
	*ret_state = r > 0 ? state_of(false, content.data, content.len) : NULL;
	return 0;
}

static char *state_of_planned(const struct icr_standing *planned)
{
	if (!planned->exists)
		return NULL;
	return planned->hash ? state_named(planned->link, planned->hash)
			     : state_of(planned->link, planned->data, planned->len);
}

/* Is what stands at PATH just that? 1 or 0; negative as state_read. A comparison takes a tenth of
 * the time of a hash. RET_WRITTEN, which may be NULL, as icr_file_equals_seen(). */
static int stands(const char *path, const struct icr_standing *planned, bool *ret_written,
		  struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT
			       ? !planned->exists
			       : icr_fail_errno(err, errno, path, "cannot look at the file");
	if (!S_ISLNK(st.st_mode)) {
		bool file = planned->exists && !planned->link;
		int r = icr_file_equals_seen(path, planned->data, file ? planned->len : 0,
					     ret_written, err);
		return r < 0 ? r : file && r;
	}
	int r = icr_path_link_target(path, &target, err);
	if (r < 0)
		return r;
	return planned->exists && planned->link && strlen(target) == planned->len &&
	       memcmp(target, planned->data, planned->len) == 0;
}

static bool state_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void free_entry(struct journal_entry *entry)
{
	free(entry->name);
	free(entry->path);
	free(entry->temporary);
	free(entry->old_state);
	free(entry->new_state);
	icr_buf_free(&entry->attributes);
}

static void journal_free(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		free_entry(&journal->items[i]);
	free(journal->items);
	*journal = (struct journal){0};
}

#define _cleanup_journal_ __attribute__((cleanup(journal_free)))

/* ---- the journal as a file ---- */

static const char *const kind_names[] = {
	[JOURNAL_WRITE] = "write",
	[JOURNAL_REMOVE] = "remove",
	[JOURNAL_SYMLINK] = "symlink",
};

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
		const struct journal_entry *entry = &journal->items[i];
		icr_buf_printf(out, "%s\n\t{\"kind\": \"%s\"", i > 0 ? "," : "",
			       kind_names[entry->kind]);
		print_member(out, "name", entry->name);
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

/* What versions before 0.2 wrote has no name: it is the path. */
static bool read_name(const struct icr_json *json, uint32_t node, struct journal_entry *entry)
{
	if (icr_json_member(json, node, "name") != ICR_JSON_NONE)
		return read_text(json, node, "name", &entry->name) && entry->name;
	entry->name = entry->path ? icr_strdup(entry->path) : NULL;
	return entry->name != NULL;
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
	if (!entry->path || entry->path[0] != '/' || entry->name[0] != '/')
		return false;
	if (entry->kind == JOURNAL_REMOVE ? entry->new_state != NULL : !entry->new_state)
		return false;
	if (!entry->temporary)
		return entry->kind == JOURNAL_REMOVE;
	size_t folder = (size_t)(icr_path_base(entry->path) - entry->path);
	const char *base = icr_path_base(entry->temporary);
	return strncmp(entry->path, entry->temporary, folder) == 0 &&
	       base == entry->temporary + folder && base[0] == '.' && strstr(base, ".icr-new-");
}

static bool read_entry(const struct icr_json *json, uint32_t node, struct journal_entry *entry)
{
	return read_kind(json, node, &entry->kind) && read_text(json, node, "path", &entry->path) &&
	       read_name(json, node, entry) &&
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
	     node = json->nodes[node].next)
		if (!read_entry(json, node, ICR_APPEND(journal)))
			return false;
	return true;
}

static int parse(const char *path, const struct icr_buf *text, struct journal *ret_journal,
		 struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_journal_ struct journal journal = {0};

	int r = icr_json_parse(text->data, text->len, path, ICR_JSON_NO_NUL, &json, err);
	if (r < 0)
		return icr_error_hint(err,
				      "it is no journal of changes; look at it, then remove it");
	if (!read_members(&json, &journal)) {
		icr_fail_at(err, ICR_E_SYNTAX, path,
			    "is not a journal of changes that this version wrote");
		return icr_error_hint(err, "look at the files that it names, then remove it");
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
		const struct journal_entry *x = &a->items[i], *y = &b->items[i];
		if (strcmp(x->name, y->name) != 0 || strcmp(x->path, y->path) != 0 ||
		    !state_equal(x->temporary, y->temporary))
			return false;
	}
	return true;
}

/* Writes the journal to PATH as a whole. A journal that would not read back the same (a path that
 * is not UTF-8) is refused before. */
static int journal_write(const struct journal *journal, const char *path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(JOURNAL_MAX);
	_cleanup_journal_ struct journal again = {0};

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
	_cleanup_buf_ struct icr_buf text = ICR_BUF(JOURNAL_MAX);

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

static bool same_folder(const char *a, const char *b)
{
	size_t len = (size_t)(icr_path_base(a) - a);

	return len == (size_t)(icr_path_base(b) - b) && memcmp(a, b, len) == 0;
}

/* fsync of every folder that the entries touch. */
static int journal_sync(const struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const char *path = journal->items[i].path;
		bool done = false;
		for (size_t k = 0; k < i && !done; k++)
			done = same_folder(path, journal->items[k].path);
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
		const char *temporary = journal->items[i].temporary;
		int r = temporary ? remove_temporary(temporary, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Behind it the names are as they shall be, on the disk too, and nothing is left over. */
static int journal_end(const struct journal *journal, const char *path, struct icr_error *err)
{
	int r = journal_discard(journal, err);
	if (r == 0)
		r = journal_sync(journal, err);
	return r == 0 ? journal_remove(path, err) : r;
}

/* ---- one entry put in place ---- */

static int fail_moved(const struct journal_entry *entry, struct icr_error *err)
{
	return icr_fail_at(err, EAGAIN, entry->path, "was changed by somebody else at this moment");
}

static int fail_rename(const struct journal_entry *entry, int code, struct icr_error *err)
{
	return icr_fail_errno(err, code, entry->path,
			      entry->kind == JOURNAL_REMOVE
				      ? "cannot remove the file"
				      : "cannot put the new file in its place");
}

/* Is what stands at PATH what stood at the entry's path before? 1 or 0, or negative. */
static int is_old(const struct journal_entry *entry, const char *path, bool *ret_written,
		  struct icr_error *err)
{
	_cleanup_free_ char *current = NULL;

	if (entry->planned)
		return stands(path, entry->planned, ret_written, err);
	int r = state_read(path, &current, err);
	return r < 0 ? r : state_equal(current, entry->old_state);
}

/* For file systems that cannot exchange: between the look and the rename lies a moment. */
static int replace_plainly(const struct journal_entry *entry, struct icr_error *err)
{
	bool written = false;
	int r = is_old(entry, entry->path, &written, err);
	if (r < 0)
		return r;
	if (r == 0 || written)
		return fail_moved(entry, err);
	r = entry->kind == JOURNAL_REMOVE ? unlink(entry->path)
					  : rename(entry->temporary, entry->path);
	return r < 0 ? fail_rename(entry, errno, err) : 0;
}

static bool cannot_exchange(int code)
{
	return code == EINVAL || code == ENOSYS;
}

/* Swaps path and temporary: what was staged for what stands there, or moves where one of them is
 * nothing. INTO: into place, else out of it again. Returns 0 or a positive errno. */
static int swap(const struct journal_entry *entry, bool into)
{
	const char *from = into ? entry->temporary : entry->path;
	const char *to = into ? entry->path : entry->temporary;
	unsigned flags = entry->old_state ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	if (entry->kind == JOURNAL_REMOVE) {
		from = into ? entry->path : entry->temporary;
		to = into ? entry->temporary : entry->path;
		flags = RENAME_NOREPLACE;
	}
	/* musl has no function for it */
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags) < 0 ? errno : 0;
}

/*
 * Puts the entry in place. Only behind the exchange does it show what was taken out: when that is
 * not the old state, somebody else has written it just now, and it goes back. -EAGAIN then.
 */
static int put_in_place(const struct journal_entry *entry, struct icr_error *err)
{
	if (!entry->temporary)
		return replace_plainly(entry, err);
	int code = swap(entry, true);
	if (cannot_exchange(code))
		return replace_plainly(entry, err);
	/* made, or removed, by somebody else */
	if (code == EEXIST || (code == ENOENT && entry->old_state))
		return fail_moved(entry, err);
	if (code)
		return fail_rename(entry, code, err);
	int r = entry->old_state ? is_old(entry, entry->temporary, NULL, err) : 1;
	if (r == 1)
		return 0;
	code = swap(entry, false);
	return code ? fail_rename(entry, code, err) : fail_moved(entry, err);
}

/* Is what lies aside something that somebody else had just written when we took it out? */
static bool took_foreign(const struct journal_entry *entry, const char *aside)
{
	return aside && !state_equal(aside, entry->old_state) &&
	       !state_equal(aside, entry->new_state);
}

/* The way back of put_in_place; what somebody else has written since stays where it is. */
static void take_out(const struct journal_entry *entry)
{
	_cleanup_free_ char *taken = NULL;

	if (!entry->temporary || swap(entry, false) != 0 || entry->kind == JOURNAL_REMOVE)
		return;
	if (state_read(entry->temporary, &taken, NULL) == 0 &&
	    !state_equal(taken, entry->new_state))
		(void)swap(entry, true);
}

/* ---- a transaction ---- */

struct icr_transaction {
	char *path; /* of the journal */
	struct journal journal;
};

struct icr_transaction *icr_transaction_new(const char *journal)
{
	struct icr_transaction *transaction = icr_calloc(1, sizeof(*transaction));

	transaction->path = icr_strdup(journal);
	return transaction;
}

void icr_transaction_free(struct icr_transaction *transaction)
{
	if (!transaction)
		return;
	journal_free(&transaction->journal);
	free(transaction->path);
	free(transaction);
}

static int resolve(enum journal_kind kind, const char *name, char **ret_path, struct icr_error *err)
{
	return kind == JOURNAL_WRITE ? icr_file_resolve(name, ret_path, err)
				     : icr_path_resolve_folder(name, ret_path, err);
}

static int add(struct icr_transaction *transaction, enum journal_kind kind, const char *name,
	       const struct icr_standing *planned, struct journal_entry **ret_entry,
	       struct icr_error *err)
{
	struct journal *journal = &transaction->journal;
	_cleanup_free_ char *path = NULL;

	if (name[0] != '/')
		return icr_fail_at(err, EINVAL, name, "must be given as an absolute path");
	int r = resolve(kind, name, &path, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < journal->count; i++)
		if (strcmp(journal->items[i].path, path) == 0)
			return icr_fail_at(err, EINVAL, path,
					   "would be changed twice in one transaction");
	struct journal_entry *entry = ICR_APPEND(journal);
	*entry = (struct journal_entry){.kind = kind, .planned = planned};
	entry->name = icr_strdup(name);
	entry->path = icr_steal(&path);
	*ret_entry = entry;
	return 0;
}

int icr_transaction_write(struct icr_transaction *transaction, const char *path,
			  const struct icr_standing *planned, const void *data, size_t len,
			  const char *hash, mode_t new_mode, struct icr_error *err)
{
	struct journal_entry *entry = NULL;

	int r = add(transaction, JOURNAL_WRITE, path, planned, &entry, err);
	if (r < 0)
		return r;
	entry->data = data;
	entry->len = len;
	entry->hash = hash;
	entry->new_mode = new_mode;
	return 0;
}

int icr_transaction_remove(struct icr_transaction *transaction, const char *path,
			   const struct icr_standing *planned, struct icr_error *err)
{
	struct journal_entry *entry;
	struct stat st;

	if (path[0] == '/' && lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	return add(transaction, JOURNAL_REMOVE, path, planned, &entry, err);
}

int icr_transaction_symlink(struct icr_transaction *transaction, const char *path,
			    const struct icr_standing *planned, const char *target,
			    struct icr_error *err)
{
	struct journal_entry *entry = NULL;

	int r = add(transaction, JOURNAL_SYMLINK, path, planned, &entry, err);
	if (r < 0)
		return r;
	entry->data = target;
	entry->len = strlen(target);
	return 0;
}

/* As stands(), where nobody writes into the file any more: who does, as a shell's redirection,
 * would go on with one that is not in its place. */
static int settled(const struct journal_entry *entry, struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + WRITER_WAIT_MS;

	for (;;) {
		bool written = false;
		int r = stands(entry->path, entry->planned, &written, err);
		if (r < 0 || !written)
			return r;
		if (icr_clock_ms() >= deadline)
			break;
		(void)poll(NULL, 0, WRITER_LOOK_MS);
	}
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);
	icr_text_shell(entry->path, &quoted);
	icr_fail_at(err, EBUSY, entry->path,
		    "is open for writing by another program, whose text would be lost");
	return icr_error_hint(err, "try again when it is done; fuser -v %s names it", quoted.data);
}

/* Writes down what is there and what will be. */
static int prepare(struct journal_entry *entry, struct icr_error *err)
{
	const struct icr_standing *planned = entry->planned;

	int r = planned ? settled(entry, err) : state_read(entry->path, &entry->old_state, err);
	if (r < 0)
		return r;
	if (planned && r == 0)
		return fail_moved(entry, err);
	if (planned)
		entry->old_state = state_of_planned(planned);
	if (entry->kind != JOURNAL_REMOVE)
		entry->new_state = entry->hash ? state_named(false, entry->hash)
					       : state_of(entry->kind == JOURNAL_SYMLINK,
							  entry->data, entry->len);
	return icr_temporary_name(entry->path, "new-", &entry->temporary, err);
}

static int prepare_all(struct journal *journal, struct icr_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < journal->count; i++) {
		struct journal_entry *entry = &journal->items[i];
		int r = prepare(entry, err);
		if (r < 0)
			return r;
		if (!state_equal(entry->old_state, entry->new_state)) {
			struct journal_entry changed = *entry;
			*entry = (struct journal_entry){0};
			journal->items[kept++] = changed;
		} else {
			free_entry(entry);
			*entry = (struct journal_entry){0};
		}
	}
	journal->count = kept;
	return 0;
}

/* Nothing is staged for a removal, and behind the commit point is too late to find out. */
static int check_removal(const char *path, struct icr_error *err)
{
	int r = icr_attributes_check(path, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *folder = icr_path_folder(path);
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
		return icr_fail_errno(err, errno, path, "cannot remove the file");
	return 0;
}

static int stage(struct journal_entry *entry, struct icr_error *err)
{
	entry->attributes = (struct icr_buf)ICR_BUF(ICR_BUF_MAX);
	if (entry->kind == JOURNAL_WRITE && entry->planned)
		icr_attributes_print(entry->path, &entry->attributes);
	if (entry->kind == JOURNAL_REMOVE)
		return check_removal(entry->path, err);
	if (entry->kind == JOURNAL_WRITE)
		return icr_file_stage(entry->path, entry->temporary, entry->data, entry->len,
				      entry->new_mode, err);
	int r = icr_attributes_check(entry->path, err);
	if (r == 0 && symlink(entry->data, entry->temporary) < 0)
		r = icr_fail_errno(err, errno, entry->path, "cannot make the symbolic link");
	return r;
}

static int stage_all(struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		int r = stage(&journal->items[i], err);
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
	(void)journal_end(&transaction->journal, transaction->path, NULL);
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

/* Somebody may have closed a file to others, or given it away, behind the look at it. */
static bool has_other_attributes(const struct journal_entry *entry)
{
	_cleanup_buf_ struct icr_buf now = ICR_BUF(ICR_BUF_MAX);

	if (!entry->attributes.len)
		return false;
	icr_attributes_print(entry->temporary, &now);
	return now.len && (now.len != entry->attributes.len ||
			   memcmp(now.data, entry->attributes.data, now.len) != 0);
}

/* Somebody who had opened a file before it was taken out may have written to it behind that, or may
 * be going to. */
static int check_taken(const struct journal *journal, struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const struct journal_entry *entry = &journal->items[i];
		_cleanup_free_ char *taken = NULL;
		bool written = false;
		bool old = is_old(entry, entry->temporary, &written, NULL) == 1;
		if (written || has_other_attributes(entry) ||
		    (!old && state_read(entry->temporary, &taken, NULL) == 0 &&
		     took_foreign(entry, taken)))
			return fail_moved(entry, err);
	}
	return 0;
}

static int apply_all(const struct icr_transaction *transaction, struct icr_error *err)
{
	const struct journal *journal = &transaction->journal;
	size_t placed = 0;
	int result = 0;

	/* as far as possible: the fewer are left for the next run, the better */
	for (size_t i = 0; i < journal->count && result != -EAGAIN; i++) {
		_cleanup_error_ struct icr_error failure = {0};
		int r = put_in_place(&journal->items[i], &failure);
		placed = r == -EAGAIN ? i : i + 1;
		if (r < 0 && (result == 0 || r == -EAGAIN)) {
			result = r;
			icr_error_move(err, &failure);
		}
	}
	if (result == 0)
		result = check_taken(journal, err);
	if (result == -EAGAIN) {
		/* Not at all, then. Until the journal is gone a kill leads to completion of what
		 * can be completed. */
		while (placed-- > 0)
			take_out(&journal->items[placed]);
		roll_back(transaction);
		return result;
	}
	if (result == 0)
		result = journal_end(journal, transaction->path, err);
	if (result < 0) {
		(void)icr_error_wrap(err, "the change is committed but not completed");
		(void)icr_error_hint(err, "the next run completes it");
	}
	return result;
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

/* ---- recovery ---- */

static int fail_changed(const struct journal_entry *entry, const char *what, struct icr_error *err)
{
	icr_fail_at(err, ICR_E_CONFLICT, entry->path, "%s", what);
	return icr_error_hint(err, "look at the file; the other files of that change are complete");
}

/* The staged file takes its place, unless the target is neither as it was nor as it was to be. */
static int complete_staged(const struct journal_entry *entry, const char *current,
			   const char *aside, struct icr_error *err)
{
	if (state_equal(current, entry->new_state)) {
		if (!took_foreign(entry, aside))
			return 0;
		int code = swap(entry, false);
		if (code)
			return fail_rename(entry, code, err);
	} else if (state_equal(current, entry->old_state)) {
		if (state_equal(aside, entry->new_state))
			return put_in_place(entry, err);
		return fail_changed(entry,
				    "keeps its old content: the new one, prepared by an "
				    "interrupted change, was removed by somebody else",
				    err);
	}
	return fail_changed(entry,
			    "was changed by somebody else since an interrupted change of ours, "
			    "and is left as it is",
			    err);
}

static int complete_removal(const struct journal_entry *entry, const char *current,
			    const char *aside, struct icr_error *err)
{
	if (state_equal(current, entry->old_state))
		return put_in_place(entry, err);
	if (!current && !took_foreign(entry, aside))
		return 0;
	int code = current ? 0 : swap(entry, false);
	if (code)
		return fail_rename(entry, code, err);
	return fail_changed(entry,
			    "was to be removed by an interrupted change of ours, but was changed "
			    "by somebody else since, and is left as it is",
			    err);
}

/* Does the name still lead to the path that was changed? */
static bool is_in_place(const struct journal_entry *entry)
{
	_cleanup_free_ char *path = NULL;

	return resolve(entry->kind, entry->name, &path, NULL) >= 0 &&
	       strcmp(path, entry->path) == 0;
}

static int complete(const struct journal_entry *entry, struct icr_error *err)
{
	_cleanup_free_ char *current = NULL, *aside = NULL;

	int r = is_in_place(entry) ? 0 : -ENOTDIR;
	if (r == 0)
		r = state_read(entry->path, &current, err);
	/* a folder, a device, a link to elsewhere: not what we left there */
	if (r == -ICR_E_REFUSED || r == -EFBIG || r == -ENOTDIR)
		return fail_changed(entry, "is something else now, and is left as it is", err);
	if (r == 0 && entry->temporary)
		r = state_read(entry->temporary, &aside, err);
	if (r < 0)
		return r;
	r = entry->kind == JOURNAL_REMOVE ? complete_removal(entry, current, aside, err)
					  : complete_staged(entry, current, aside, err);
	return r == -EAGAIN ? fail_changed(entry, "is being changed by somebody else", err) : r;
}

/*
 * All entries, whatever becomes of one. A conflict ends it too; any other failure is worth another
 * try by the next run, so it is the one that is told. RECORDS: those beside the journal PATH, which
 * are the caller's own and tell what stands in the others: where one of them is left as it is, what
 * was to be removed is still needed.
 */
static int complete_some(const struct journal *journal, const char *path, bool records, int result,
			 struct icr_error *err)
{
	for (size_t i = 0; i < journal->count; i++) {
		const struct journal_entry *entry = &journal->items[i];
		_cleanup_error_ struct icr_error failure = {0};
		if (same_folder(entry->name, path) != records)
			continue;
		if (result == -ICR_E_CONFLICT && records && entry->kind == JOURNAL_REMOVE) {
			if (is_in_place(entry))
				(void)swap(entry, false);
			continue;
		}
		int r = complete(entry, &failure);
		if (r < 0 && (result == 0 || (result == -ICR_E_CONFLICT && r != result))) {
			result = r;
			icr_error_move(err, &failure);
		}
	}
	return result;
}

/* Temporaries where their names do not lead any more are not ours to remove. */
static void forget_strays(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++) {
		struct journal_entry *entry = &journal->items[i];
		if (is_in_place(entry))
			continue;
		free(entry->temporary);
		entry->temporary = NULL;
	}
}

static int recover(const char *path, struct journal *journal, struct icr_error *err)
{
	_cleanup_error_ struct icr_error failure = {0};

	int result = journal->committed ? complete_some(journal, path, false, 0, err) : 0;
	if (journal->committed)
		result = complete_some(journal, path, true, result, err);
	if (result < 0 && result != -ICR_E_CONFLICT)
		return result;
	forget_strays(journal);
	int r = journal_end(journal, path, &failure);
	if (r < 0) {
		icr_error_move(err, &failure);
		return r;
	}
	if (result < 0)
		return result;
	return journal->committed ? COMPLETED : ROLLED_BACK;
}

static int check_guard(const char *path, const struct journal *journal,
		       icr_transaction_guard *guard, struct icr_error *err)
{
	for (size_t i = 0; guard && i < journal->count; i++) {
		const char *name = journal->items[i].name;
		if (guard(name))
			continue;
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "notes a change of %s, which this program never changes", name);
		return icr_error_hint(err, "somebody else wrote this file: find out who, then "
					   "remove it");
	}
	return 0;
}

int icr_transaction_recover(const char *journal, icr_transaction_guard *guard,
			    struct icr_error *err)
{
	_cleanup_journal_ struct journal found = {0};
	_cleanup_error_ struct icr_error own = {0};

	icr_temporary_sweep(journal);
	int r = journal_read(journal, &found, &own);
	bool ours = r > 0;
	if (ours)
		r = check_guard(journal, &found, guard, &own);
	ours = ours && r == 0;
	if (ours)
		r = recover(journal, &found, &own);
	if (ours && r < 0 && r != -ICR_E_CONFLICT)
		(void)icr_error_wrap(&own, "an interrupted change cannot be %s yet",
				     found.committed ? "completed" : "rolled back");
	if (err)
		icr_error_move(err, &own);
	return r;
}
