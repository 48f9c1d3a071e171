/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/run-parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/transaction.h"

/* Longer than a probe with everything dead, so that two at once both get their turn. */
#define LOCK_TIMEOUT_MS 60000
#define LOCK_ATTEMPTS	8

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
		run_folders_forget(run);
		r = run_folders_make(run, STATE_FOLDER, err);
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
	work->settings = run->state.settings;
	work->settings.engines = NULL;
	r = work_set_engines(&work->settings, run->state.settings.engines, err);
	for (size_t i = 0; r >= 0 && i < run->state.folder_count; i++)
		r = run_folders_remember(run, run->state.folders[i], err);
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

int run_word_state(struct run *run, struct icr_error *err)
{
	char **folders = calloc(run->folder_count + 1, sizeof(*folders));
	size_t count = 0;
	if (!folders)
		return icr_fail_memory(err);
	for (size_t i = 0; i < run->folder_count; i++)
		if (!run_folder_holds_link(run, run->folders[i]))
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
		if (!parts[i]->plan || !work_has_engine(work, parts[i]))
			continue;
		int r = parts[i]->plan(work, &run->changes, err);
		if (r < 0)
			return r;
	}
	return run_word_state(run, err);
}

bool run_state_differs(const struct run *run)
{
	const struct icr_buf *old = &run->state.text;
	return old->len != run->text.len || memcmp(old->data, run->text.data, old->len) != 0;
}

bool run_differs(const struct run *run)
{
	return changes_differ(&run->changes) || run_state_differs(run);
}

void run_free(struct run *run)
{
	if (run->lock >= 0) {
		run_folders_tidy(run);
		(void)close(run->lock);
	}
	run_folders_forget(run);
	free(run->folders);
	icr_buf_free(&run->text);
	changes_free(&run->changes);
	state_free(&run->state);
	work_free(&run->work);
	*run = (struct run){.lock = -1, .work = {.host = {.root = ""}}};
}
