/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/transaction.h"
#include "rewrite/part/part.h"
#include "rewrite/verify.h"

/* Longer than a probe with everything dead, so that two at once both get their turn. */
#define LOCK_TIMEOUT_MS 60000
#define LOCK_ATTEMPTS	8

static int remember_folder(struct run *run, const char *path, struct icr_error *err)
{
	char **folders = reallocarray(run->folders, run->folder_count + 1, sizeof(*folders));
	if (!folders)
		return icr_fail_memory(err);
	run->folders = folders;
	folders[run->folder_count] = strdup(path);
	if (!folders[run->folder_count])
		return icr_fail_memory(err);
	run->folder_count++;
	return 0;
}

static void forget_folders(struct run *run)
{
	while (run->folder_count > 0)
		free(run->folders[--run->folder_count]);
}

static int make_folder(struct run *run, const char *path, struct icr_error *err)
{
	_cleanup_free_ char *full = NULL;
	int r = host_locate(&run->work.host, path, true, &full, err);
	if (r < 0)
		return r;
	r = icr_folder_make(full, 0755, err);
	if (r < 0 || strcmp(path, STATE_FOLDER) == 0)
		return r;
	return remember_folder(run, path, err);
}

/* Makes the folder PATH (as the host sees it) and its parents, remembering in run->folders which of
 * them were not there. */
static int make_folders(struct run *run, const char *path, struct icr_error *err)
{
	_cleanup_free_ char *part = strdup(path);
	if (!part)
		return icr_fail_memory(err);
	for (size_t i = 1, len = strlen(path); i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		part[i] = '\0';
		int r = host_has(&run->work.host, part) ? 0 : make_folder(run, part, err);
		if (r < 0)
			return r;
		part[i] = path[i];
	}
	return 0;
}

/* The folder of a symbolic link of ours goes by a rule (run_drop_link_folders), not by record: a
 * run that is killed between making it and writing the record must not change what follows. */
static bool holds_link(const struct run *run, const char *folder)
{
	size_t len = strlen(folder);
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		const char *slash = strrchr(change->path, '/');
		if (change->symbolic && (size_t)(slash - change->path) == len &&
		    strncmp(change->path, folder, len) == 0)
			return true;
	}
	return false;
}

static void remove_folder(const struct host *host, const char *path)
{
	_cleanup_free_ char *full = NULL;
	/* One that somebody else uses by now is not empty, and stays. */
	if (host_locate(host, path, false, &full, NULL) >= 0)
		(void)rmdir(full);
}

/* Removes, where nobody else uses them, the folders that are not needed after all: those of a run
 * that wrote nothing, or all when there is no state any more. Needs the lock. */
static void tidy_folders(struct run *run)
{
	const struct host *host = &run->work.host;
	bool state = host_has(host, STATE_FILE) || host_has(host, STATE_JOURNAL);
	size_t keep = state ? (run->written ? run->folder_count : run->state.folder_count) : 0;
	if (!state)
		remove_folder(host, STATE_FOLDER);
	while (run->folder_count > keep) {
		char *folder = run->folders[--run->folder_count];
		remove_folder(host, folder);
		free(folder);
	}
}

static int take_lock(struct run *run, struct icr_error *err)
{
	_cleanup_free_ char *folder = NULL;
	/* With "/." it can only be a folder: icr_lock() makes a missing file. */
	int r = host_locate(&run->work.host, STATE_FOLDER "/.", true, &folder, err);
	if (r < 0)
		return r;
	/* An undo that ends while we wait takes the folder away. */
	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		icr_error_clear(err);
		forget_folders(run);
		r = make_folders(run, STATE_FOLDER, err);
		if (r >= 0)
			r = icr_lock(folder, LOCK_TIMEOUT_MS, err);
		if (r != -ENOENT)
			break;
	}
	if (r == -ETIMEDOUT)
		return icr_error_wrap(err, "another icr-rewrite is at work");
	if (r < 0)
		return r;
	run->lock = r;
	return 0;
}

static int recover(struct run *run, struct icr_error *err)
{
	_cleanup_free_ char *journal = NULL;
	int r = host_locate(&run->work.host, STATE_JOURNAL, true, &journal, err);
	if (r < 0)
		return r;
	r = icr_transaction_recover(journal, err);
	if (r == -ICR_E_CONFLICT) {
		note(&run->work.notes, "an earlier run was interrupted; not completed: %s: %s",
		     err->where ? err->where : journal, err->what);
		icr_error_clear(err);
		return 0;
	}
	if (r == 1)
		note(&run->work.notes,
		     "an earlier run was interrupted: its changes were rolled back");
	if (r == 2)
		note(&run->work.notes,
		     "an earlier run was interrupted: its changes were completed; if Docker runs, "
		     "systemctl reload docker makes it read its configuration again");
	return r < 0 ? r : 0;
}

static int open_for_writing(struct run *run, struct icr_error *err)
{
	if (!run->work.host.root[0] && geteuid() != 0) {
		icr_fail(err, EPERM, "this needs root, because it changes files of the system");
		return icr_error_hint(err, "try it with sudo");
	}
	int r = take_lock(run, err);
	return r < 0 ? r : recover(run, err);
}

static int take_state(struct run *run, struct icr_error *err)
{
	struct work *work = &run->work;
	int r = state_load(&work->host, &run->state, err);
	if (r < 0)
		return r;
	work->recorded = &run->state.routes;
	work->settings = run->state.settings;
	work->settings.engines = NULL;
	r = settings_set_engines(&work->settings, run->state.settings.engines, err);
	for (size_t i = 0; r >= 0 && i < run->state.folder_count; i++)
		r = remember_folder(run, run->state.folders[i], err);
	if (r >= 0)
		r = state_changes(&run->state, work, &run->changes, err);
	for (size_t i = 0; r >= 0 && i < parts_count; i++)
		if (parts[i]->find)
			r = parts[i]->find(work, &run->changes, err);
	return r;
}

int run_open(struct run *ret_run, const char *root, bool offline, enum run_mode mode,
	     struct icr_error *err)
{
	*ret_run = (struct run){.lock = -1, .work = {.host = {.root = ""}}};
	icr_buf_init(&ret_run->text, ICR_FILE_MAX);
	icr_buf_init(&ret_run->state.text, ICR_FILE_MAX);
	int r = host_open(root, offline, &ret_run->work.host, err);
	if (r >= 0 && mode == RUN_WRITE)
		r = open_for_writing(ret_run, err);
	else if (r >= 0 && host_has(&ret_run->work.host, STATE_JOURNAL))
		note(&ret_run->work.notes, "another run is at work or was interrupted; the next "
					   "apply, refresh or undo finishes it");
	return r < 0 ? r : take_state(ret_run, err);
}

/* Puts the state of run->changes into run->text. */
static int word_state(struct run *run, struct icr_error *err)
{
	char **folders = calloc(run->folder_count + 1, sizeof(*folders));
	size_t count = 0;
	if (!folders)
		return icr_fail_memory(err);
	for (size_t i = 0; i < run->folder_count; i++)
		if (!holds_link(run, run->folders[i]))
			folders[count++] = run->folders[i];
	icr_buf_truncate(&run->text, 0);
	int r = state_print(&run->work, &run->changes, folders, count, &run->text, err);
	free(folders);
	return r;
}

int run_plan(struct run *run, struct icr_error *err)
{
	struct work *work = &run->work;
	for (size_t i = 0; i < parts_count; i++) {
		if (!parts[i]->plan || !settings_have_part(&work->settings, parts[i]))
			continue;
		int r = parts[i]->plan(work, &run->changes, err);
		if (r < 0)
			return r;
	}
	return word_state(run, err);
}

static bool state_differs(const struct run *run)
{
	const struct icr_buf *old = &run->state.text;
	return old->len != run->text.len || memcmp(old->data, run->text.data, old->len) != 0;
}

bool run_differs(const struct run *run)
{
	return changes_differ(&run->changes) || state_differs(run);
}

static int write_change(struct icr_transaction *transaction, const struct host *host,
			const struct change *change, struct icr_error *err)
{
	const struct content *wanted = &change->wanted;
	_cleanup_free_ char *path = NULL;
	int r = host_locate(host, change->path, !change->symbolic, &path, err);
	if (r < 0)
		return r;
	if (!wanted->exists)
		return icr_transaction_remove(transaction, path, err);
	if (wanted->link)
		return icr_transaction_symlink(transaction, path, wanted->text.data, err);
	return icr_transaction_write(transaction, path, wanted->text.data, wanted->text.len,
				     change->new_mode, err);
}

static int write_state(struct icr_transaction *transaction, const struct host *host,
		       const struct icr_buf *text, struct icr_error *err)
{
	_cleanup_free_ char *path = NULL;
	int r = host_locate(host, STATE_FILE, true, &path, err);
	if (r < 0)
		return r;
	if (!text->len)
		return icr_transaction_remove(transaction, path, err);
	return icr_transaction_write(transaction, path, text->data, text->len, 0644, err);
}

/* All files and the state at once. */
static int write_all(struct run *run, const struct icr_buf *text, struct icr_error *err)
{
	const struct host *host = &run->work.host;
	_cleanup_free_ char *journal = NULL;
	_cleanup_transaction_ struct icr_transaction *transaction = NULL;
	int r = host_locate(host, STATE_JOURNAL, true, &journal, err);
	if (r >= 0)
		r = icr_transaction_new(journal, &transaction, err);
	for (size_t i = 0; r >= 0 && i < run->changes.count; i++)
		if (change_differs(run->changes.items[i]))
			r = write_change(transaction, host, run->changes.items[i], err);
	if (r >= 0 && state_differs(run))
		r = write_state(transaction, host, text, err);
	return r < 0 ? r : icr_transaction_commit(transaction, err);
}

/* Folders that new files need. Made outside the transaction, so they are part of the state: an
 * undo takes them away if they are empty. */
static int prepare_folders(struct run *run, struct icr_error *err)
{
	size_t before = run->folder_count;
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		if (!change->wanted.exists || !change_differs(change))
			continue;
		_cleanup_free_ char *folder = strdup(change->path);
		if (!folder)
			return icr_fail_memory(err);
		char *slash = strrchr(folder, '/');
		*slash = '\0';
		int r = slash == folder ? 0 : make_folders(run, folder, err);
		if (r < 0)
			return r;
	}
	return run->folder_count == before || !run->text.len ? 0 : word_state(run, err);
}

static int activate(struct run *run, struct icr_error *err)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < parts_count; i++)
		if (parts[i]->activate)
			r = parts[i]->activate(&run->work, &run->changes, err);
	return r;
}

/* Puts everything back after FAILED; says so in it. */
static int roll_back(struct run *run, struct icr_error *failed)
{
	_cleanup_error_ struct icr_error err = {0};
	changes_invert(&run->changes);
	if (write_all(run, &run->state.text, &err) < 0) {
		note(&run->work.notes, "the files could not be put back: %s; run icr-rewrite undo",
		     err.what);
		return -failed->code;
	}
	run->written = false;
	if (activate(run, &err) < 0)
		note(&run->work.notes, "%s", err.what);
	note(&run->work.notes, "every file is as it was before");
	return -failed->code;
}

static int write_and_verify(struct run *run, bool verify, struct icr_error *err)
{
	int r = write_all(run, &run->text, err);
	if (r < 0)
		return r;
	run->written = true;
	if (!run->work.host.live)
		return 0;
	r = activate(run, err);
	if (r >= 0 && verify)
		r = verify_routes(&run->work, err);
	return r < 0 && verify ? roll_back(run, err) : r;
}

/* Ctrl-C and systemctl stop wait for the verification: what is written has either passed it or is
 * taken back. All of that has deadlines. */
static void hold_signals(sigset_t *ret_old)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, ret_old);
}

int run_commit(struct run *run, bool verify, struct icr_error *err)
{
	bool live = run->work.host.live;
	int r = 0;
	if (!run_differs(run)) {
		if (live && verify)
			r = activate(run, err);
		return live && verify && r >= 0 ? verify_routes(&run->work, err) : r;
	}
	/* What an undo leaves is not ours to judge. */
	for (size_t i = 0; live && verify && r >= 0 && i < parts_count; i++)
		if (parts[i]->validate)
			r = parts[i]->validate(&run->work, &run->changes, err);
	if (r >= 0)
		r = prepare_folders(run, err);
	if (r < 0)
		return r;
	sigset_t signals;
	hold_signals(&signals);
	r = write_and_verify(run, verify, err);
	(void)sigprocmask(SIG_SETMASK, &signals, NULL);
	return r;
}

void run_drop_link_folders(const struct run *run)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		if (!change->symbolic || change->wanted.exists)
			continue;
		_cleanup_free_ char *folder = strdup(change->path);
		char *slash = folder ? strrchr(folder, '/') : NULL;
		if (!slash || slash == folder)
			continue;
		*slash = '\0';
		remove_folder(&run->work.host, folder);
	}
}

void run_free(struct run *run)
{
	if (run->lock >= 0) {
		tidy_folders(run);
		(void)close(run->lock);
	}
	forget_folders(run);
	free(run->folders);
	icr_buf_free(&run->text);
	changes_free(&run->changes);
	state_free(&run->state);
	work_free(&run->work);
	*run = (struct run){.lock = -1, .work = {.host = {.root = ""}}};
}
