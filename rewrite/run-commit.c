/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/transaction.h"
#include "rewrite/run-parts.h"
#include "rewrite/verify.h"

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
	if (r >= 0 && run_state_differs(run))
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
		int r = slash == folder ? 0 : run_folders_make(run, folder, err);
		if (r < 0)
			return r;
	}
	return run->folder_count == before || !run->text.len ? 0 : run_word_state(run, err);
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

static int write_and_prove(struct run *run, bool prove, struct icr_error *err)
{
	int r = write_all(run, &run->text, err);
	if (r < 0)
		return r;
	run->written = true;
	if (!run->work.host.live)
		return 0;
	r = activate(run, err);
	if (r >= 0 && prove)
		r = prove_routes(&run->work, err);
	return r < 0 && prove ? roll_back(run, err) : r;
}

/* Ctrl-C and systemctl stop wait for the proof: what is written has either passed it or is taken
 * back. All of that has deadlines. */
static void hold_signals(sigset_t *ret_old)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, ret_old);
}

int run_commit(struct run *run, bool prove, struct icr_error *err)
{
	bool live = run->work.host.live;
	int r = 0;
	if (!run_differs(run)) {
		if (live && prove)
			r = activate(run, err);
		return live && prove && r >= 0 ? prove_routes(&run->work, err) : r;
	}
	/* What an undo leaves is not ours to judge. */
	for (size_t i = 0; live && prove && r >= 0 && i < parts_count; i++)
		if (parts[i]->validate)
			r = parts[i]->validate(&run->work, &run->changes, err);
	if (r >= 0)
		r = prepare_folders(run, err);
	if (r < 0)
		return r;
	sigset_t signals;
	hold_signals(&signals);
	r = write_and_prove(run, prove, err);
	(void)sigprocmask(SIG_SETMASK, &signals, NULL);
	return r;
}
