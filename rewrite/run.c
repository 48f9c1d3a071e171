/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/progress.h"
#include "icr/transaction.h"
#include "rewrite/complete.h"
#include "rewrite/last.h"
#include "rewrite/part/part.h"
#include "rewrite/probe.h"
#include "rewrite/verify.h"

/* Longer than several writes that are all proven and taken back: the probes are not behind it. */
#define LOCK_TIMEOUT_MS 60000
#define LOCK_SILENT_MS	1000
#define LOCK_SLICE_MS	250

/* How often a run is planned again because somebody else changed a file, and probed again because
 * another run changed which regions there are. */
#define PLANS_MAX  20
#define PROBES_MAX 3

/* How often the state's folder is made again because other runs end and take it away. */
#define FOLDERS_MAX 100

/* ---- folders ---- */

/* Makes the folder PATH and its parents, remembering which of them were not there. */
static int make_folders(struct run *run, const char *path, struct icr_error *err)
{
	_cleanup_free_ char *part = icr_strdup(path);

	for (size_t i = 1, len = strlen(path); i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		part[i] = '\0';
		if (!host_has(part)) {
			int r = icr_folder_make(part, 0755, err);
			if (r < 0)
				return r;
			if (strcmp(part, STATE_FOLDER) == 0)
				run->owns_folder = true;
			else
				icr_strings_add(&run->made, part);
		}
		part[i] = path[i];
	}
	return 0;
}

/* The folder of a symbolic link of ours goes by a rule (drop_link_folders), not by record: a run
 * that is killed between making it and writing the record must not change what follows. */
static bool holds_link(const struct run *run, const char *folder)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		_cleanup_free_ char *parent = icr_path_folder(change->path);
		if (change->symbolic && strcmp(parent, folder) == 0)
			return true;
	}
	return false;
}

static void remove_folders(const struct run *run, bool made, bool recorded)
{
	for (size_t i = run->made.count; made && i > 0; i--)
		(void)rmdir(run->made.items[i - 1]);
	for (size_t i = run->state.folder_count; recorded && i > 0; i--)
		(void)rmdir(run->state.folders[i - 1]);
}

/* The texts that the state was kept with are of no use without it. */
static void remove_kept(void)
{
	_cleanup_strings_ struct icr_strings paths = {0};

	icr_folder_list(STATE_FOLDER, STATE_KEPT, &paths);
	for (size_t i = 0; i < paths.count; i++)
		(void)unlink(paths.items[i]);
}

/*
 * Removes the lock, which others wait for under the name, and the folders that are not needed after
 * all: those of a run that wrote nothing, or all when there is no state any more. One that somebody
 * else uses by now is not empty, and stays. From where the lock is gone only its own folders are
 * touched.
 */
static void tidy(const struct run *run)
{
	bool state = host_has(STATE_FILE) || host_has(STATE_JOURNAL);

	remove_folders(run, !state || !run->written, !state);
	if (!state)
		remove_kept();
	(void)unlink(STATE_LOCK);
	if (state || !run->owns_folder || rmdir(STATE_FOLDER) < 0)
		return;
	remove_folders(run, true, true);
}

/* As `systemctl disable` does: folders of our symbolic links go when nothing else is in them. */
static void drop_link_folders(const struct run *run)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		_cleanup_free_ char *folder = icr_path_folder(change->path);
		if (change->symbolic && !change->wanted.exists)
			(void)rmdir(folder);
	}
}

/* ---- the lock, and what only root may have written ---- */

/* May root go by what this says? INFO is its stat. */
static int check_trust(const struct run *run, const char *path, const struct stat *info,
		       struct icr_error *err)
{
	struct stat top;
	bool tree = run->work.host.root[0];
	/* a tree may be somebody's own, who builds an image as a user */
	bool owner = info->st_uid == 0 ||
		     (tree && (info->st_uid == geteuid() ||
			       (stat("/", &top) == 0 && top.st_uid == info->st_uid)));

	if (!owner)
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "belongs to user id %u, and is not gone by: it says what root shall "
			    "write",
			    (unsigned)info->st_uid);
	else if (info->st_mode & (S_IWGRP | S_IWOTH))
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "may be written to by others (mode %04o), and is not gone by: it says "
			    "what root shall write",
			    (unsigned)info->st_mode & 07777);
	else
		return 0;
	return icr_error_hint(err, "find out who changed it; then: chown root %s; chmod go-w %s",
			      path, path);
}

enum { SAW_FOLDER, SAW_FILE, SAW_JOURNAL, SAW_LOCK, SAW_UNPROVEN, SAW_LAST_FOLDER, SAW_LAST };

/* Our own files, each behind the folder that it is in. */
static const struct {
	const char *path;
	bool inside;
} state_files[] = {
	[SAW_FOLDER] = {STATE_FOLDER, false},	 [SAW_FILE] = {STATE_FILE, true},
	[SAW_JOURNAL] = {STATE_JOURNAL, true},	 [SAW_LOCK] = {STATE_LOCK, true},
	[SAW_UNPROVEN] = {STATE_UNPROVEN, true}, [SAW_LAST_FOLDER] = {LAST_FOLDER, false},
	[SAW_LAST] = {LAST_FILE, true},
};

/* One look at all of them. */
struct sights {
	bool there[ICR_LENGTH(state_files)];	   /* as host_has() says */
	struct stat info[ICR_LENGTH(state_files)]; /* of those that are there */
};

static struct sights look_at_state(void)
{
	struct sights sights = {0};
	bool folder = false;

	for (size_t i = 0; i < ICR_LENGTH(state_files); i++) {
		bool there = (folder || !state_files[i].inside) &&
			     lstat(state_files[i].path, &sights.info[i]) == 0;
		sights.there[i] = there;
		folder = state_files[i].inside ? folder : there;
	}
	return sights;
}

static int check_sights(const struct run *run, struct sights *sights, struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ICR_LENGTH(state_files); i++) {
		struct stat *info = &sights->info[i];
		const char *path = state_files[i].path;
		if (sights->there[i] && (!S_ISLNK(info->st_mode) || stat(path, info) == 0))
			r = check_trust(run, path, info, err);
	}
	return r;
}

/* Ctrl-C and systemctl stop wait until what is written is proven or taken out again. All of that
 * has deadlines. */
static void hold_signals(sigset_t *ret_held, sigset_t *ret_before)
{
	sigemptyset(ret_held);
	sigaddset(ret_held, SIGINT);
	sigaddset(ret_held, SIGTERM);
	sigaddset(ret_held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, ret_held, ret_before);
}

/* The lock is a file that only root can open: a folder or a readable file could be held by anybody,
 * for ever. Returns the descriptor. */
static int wait_for_lock(struct run *run, const sigset_t *held, struct icr_error *err)
{
	int64_t start = icr_clock_us();
	int wait = LOCK_SILENT_MS, gone = 0;

	icr_progress("waiting for another icr-rewrite");
	for (;;) {
		icr_error_clear(err);
		int r = make_folders(run, STATE_FOLDER, err);
		struct sights sights = look_at_state();
		if (r >= 0)
			r = check_sights(run, &sights, err);
		/* left there by a run that was killed, or held by one that made the folder */
		bool there = sights.there[SAW_LOCK];
		run->owns_folder |= there;
		run->alone &= !there;
		if (r >= 0)
			r = icr_lock(STATE_LOCK, wait, err);
		/* a run that ended meanwhile has taken the folder away */
		run->alone &= r >= 0;
		if (r == -ENOENT && gone++ < FOLDERS_MAX)
			continue;
		/* as on a file system that cannot lock: then nobody else has locked it either */
		if (r < 0 && r != -ETIMEDOUT && !there)
			tidy(run);
		if (r != -ETIMEDOUT)
			return r;
		if (icr_clock_us() - start > (int64_t)LOCK_TIMEOUT_MS * 1000)
			return icr_error_wrap(err, "another icr-rewrite is at work");
		icr_progress_tick();
		wait = LOCK_SLICE_MS;
		/* nothing is written yet: a signal need not wait */
		(void)sigprocmask(SIG_UNBLOCK, held, NULL);
		(void)sigprocmask(SIG_BLOCK, held, NULL);
	}
}

static void drop_known(struct run *run)
{
	free(run->work.known);
	run->work.known = NULL;
}

static int take_lock(struct run *run, struct icr_error *err)
{
	sigset_t held;

	if (!run->work.host.root[0])
		complete_take_over();
	/* whoever writes has read it all */
	drop_known(run);
	run->alone = true;
	hold_signals(&held, &run->signals);
	int r = wait_for_lock(run, &held, err);
	if (r < 0) {
		(void)sigprocmask(SIG_SETMASK, &run->signals, NULL);
		return r;
	}
	run->lock = r;
	return 0;
}

static void drop_lock(struct run *run)
{
	if (run->lock < 0)
		return;
	tidy(run);
	(void)close(run->lock);
	run->lock = -1;
	(void)sigprocmask(SIG_SETMASK, &run->signals, NULL);
}

/* The paths that a run may ever have been about. */
static bool may_write(const char *path)
{
	if (host_is_state(path))
		return true;
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i]->writes && parts[i]->writes(path))
			return true;
	return false;
}

static int recover(struct run *run, struct icr_error *err)
{
	int r = icr_transaction_recover(STATE_JOURNAL, may_write, err);

	run->recovered |= r != 0;
	if (r == -ICR_E_CONFLICT) {
		(void)host_error(&run->work.host, err);
		note(&run->work.notes, "an earlier run was interrupted; not completed: %s: %s",
		     err->where ? err->where : STATE_JOURNAL, err->what);
		icr_error_clear(err);
		return 0;
	}
	if (r == 1)
		note(&run->work.notes,
		     "an earlier run was interrupted: its changes were rolled back");
	if (r == 2)
		note(&run->work.notes,
		     "an earlier run was interrupted: its changes were completed%s",
		     run->work.host.root[0] ? ""
					    : "; if Docker runs, systemctl reload docker makes it "
					      "read its configuration again");
	return r < 0 ? r : 0;
}

static int lock_and_recover(struct run *run, struct icr_error *err)
{
	int r = take_lock(run, err);

	return r < 0 ? r : recover(run, err);
}

/* ---- reading ---- */

static int check_state_paths(const struct state *state, struct icr_error *err)
{
	for (size_t i = 0; i < state->count; i++) {
		const struct part *part = part_find(state->files[i].part);
		const char *path = state->files[i].path;
		if (!part || (part->writes && part->writes(path)))
			continue;
		icr_fail_at(err, ICR_E_REFUSED, STATE_FILE,
			    "tells of a change of %s, which icr-rewrite never changes", path);
		return icr_error_hint(err, "somebody else wrote this: find out who, then move the "
					   "file away");
	}
	return 0;
}

static int read_all(struct run *run, struct sights *sights, struct icr_error *err)
{
	struct work *work = &run->work;

	int r = check_sights(run, sights, err);
	if (r >= 0)
		r = state_read(STATE_FILE, &run->state, err);
	if (r >= 0)
		r = check_state_paths(&run->state, err);
	if (r < 0)
		return r;
	work->recorded = &run->state.routes;
	run->owns_folder |= run->state.found;
	run->unproven = sights->there[SAW_UNPROVEN];
	work->settings = run->state.settings;
	work->settings.engines = NULL;
	r = settings_set_engines(&work->settings, run->state.settings.engines, err);
	if (r >= 0)
		r = state_changes(&run->state, work, &run->changes, err);
	for (size_t i = 0; r >= 0 && i < parts_count; i++)
		if (parts[i]->find)
			r = parts[i]->find(work, &run->changes, err);
	return r;
}

/* Forgets what was read and planned, but for the notes. */
static void forget(struct run *run)
{
	icr_buf_free(&run->text);
	changes_free(&run->changes);
	state_free(&run->state);
	routes_free(&run->work.routes);
	settings_free(&run->work.settings);
}

static int read_again(struct run *run, struct icr_error *err)
{
	struct sights sights = look_at_state();

	forget(run);
	return read_all(run, &sights, err);
}

static int check_root(const struct run *run, struct icr_error *err)
{
	if (run->work.host.root[0] || geteuid() == 0)
		return 0;
	icr_fail(err, EPERM, "this needs root, because it changes files of the system");
	return icr_error_hint(err, "try it with sudo");
}

static int open_run(struct run *run, enum run_mode mode, struct icr_error *err)
{
	struct work *work = &run->work;

	if (mode == RUN_AGAIN)
		work->known = last_known();
	struct sights sights = look_at_state();
	if (mode == RUN_KNOWN || mode == RUN_AGAIN)
		mode = sights.there[SAW_FOLDER] ? RUN_WRITE : RUN_READ;
	if (mode == RUN_READ && (sights.there[SAW_JOURNAL] || sights.there[SAW_UNPROVEN]))
		note(&work->notes, "another run is at work or was interrupted; the next apply, "
				   "refresh or undo finishes it");
	int r = mode == RUN_WRITE ? check_root(run, err) : 0;
	if (r >= 0 && mode == RUN_WRITE && sights.there[SAW_JOURNAL]) {
		r = lock_and_recover(run, err);
		drop_lock(run);
		sights = look_at_state();
	}
	return r < 0 ? r : read_all(run, &sights, err);
}

int run_open(struct run *ret_run, const char *root, bool offline, enum run_mode mode,
	     struct icr_error *err)
{
	*ret_run = (struct run){
		.lock = -1,
		.work = {.host = {.root = ""}},
		.text = ICR_BUF(ICR_BUF_MAX),
		.state = {.text = ICR_BUF(ICR_FILE_MAX)},
	};
	int r = host_open(root, offline, &ret_run->work.host, err);
	if (r < 0)
		return r;
	host_confine(&ret_run->work.host);
	r = open_run(ret_run, mode, err);
	return r < 0 ? host_error(&ret_run->work.host, err) : r;
}

/* ---- planning ---- */

static bool state_differs(const struct run *run)
{
	const struct icr_buf *old = &run->state.text;

	return old->len != run->text.len || memcmp(old->data, run->text.data, old->len) != 0;
}

/* Puts the state of run->changes into run->text. */
static int word_state(struct run *run, struct icr_error *err)
{
	size_t recorded = run->state.folder_count, count = 0;
	_cleanup_free_ char **folders = icr_calloc(recorded + run->made.count, sizeof(*folders));

	for (size_t i = 0; i < recorded + run->made.count; i++) {
		char *folder = i < recorded ? run->state.folders[i] : run->made.items[i - recorded];
		bool known = false;
		for (size_t k = 0; k < count && !known; k++)
			known = strcmp(folders[k], folder) == 0;
		if (!known && !holds_link(run, folder))
			folders[count++] = folder;
	}
	icr_buf_truncate(&run->text, 0);
	int r = state_print(&run->work, &run->changes, folders, count, &run->text, err);
	/* one like what was read need not be read again */
	return r < 0 || !state_differs(run) ? r : state_check(&run->text, err);
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
	/* That takes the hash of every file: where they differ, it can wait for the write. */
	return changes_differ(&run->changes) ? 0 : word_state(run, err);
}

bool run_differs(const struct run *run)
{
	return changes_differ(&run->changes) || state_differs(run);
}

/* Of a missing folder that it needs to be made, the transaction tells. */
static int check_replaceable(const struct host *host, const struct change *change,
			     struct icr_error *err)
{
	_cleanup_free_ char *path = NULL;

	int r = change->symbolic ? icr_path_resolve_folder(change->path, &path, NULL)
				 : icr_file_resolve(change->path, &path, NULL);
	return r < 0 ? 0 : host_check_replaceable(host, path, err);
}

/* Others than root may plan, and see less. */
static bool is_blind(const struct work *work)
{
	return !work->host.root[0] && geteuid() != 0;
}

int run_check_replaceable(const struct run *run, struct icr_error *err)
{
	int r = 0;

	if (is_blind(&run->work))
		return 0;
	for (size_t i = 0; r >= 0 && i < run->changes.count; i++)
		if (change_differs(run->changes.items[i]))
			r = check_replaceable(&run->work.host, run->changes.items[i], err);
	return r;
}

/* The last look before anything is written. What an undo leaves is not ours to judge. */
static int validate(struct run *run, struct icr_error *err)
{
	struct work *work = &run->work;

	if (is_blind(work))
		return 0;
	int r = run_check_replaceable(run, err);
	for (size_t i = 0; r >= 0 && work->host.live && i < parts_count; i++)
		if (parts[i]->validate)
			r = parts[i]->validate(work, &run->changes, err);
	return r;
}

static bool probes(const struct run *run, const struct run_request *request)
{
	return run->work.host.live && request->mode != CHOOSE_RECORDED;
}

/* Chooses from what was read, settled and probed, and plans. Returns 1 for nothing to do. */
static int plan(struct run *run, const struct run_request *request, const struct probe *probe,
		struct icr_error *err)
{
	struct work *work = &run->work;
	const struct routes *recorded = &run->state.routes;

	int r = 0;
	if (probes(run, request))
		r = choose_proven(work, recorded, probe, request->mode, err);
	else
		choose_recorded(work, recorded);
	if (r < 0)
		return r;
	bool untouched = !run->state.found && !changes_differ(&run->changes);
	if (request->mode < CHOOSE_REFRESH && work->host.live && untouched &&
	    !routes_have_lines(&work->routes))
		return 1;
	/* an undo came between: there is nothing to refresh any more */
	if (request->mode >= CHOOSE_REFRESH && untouched &&
	    !icr_region_set_count(&work->settings.regions))
		return 1;
	r = run_plan(run, err);
	return r < 0 ? r : validate(run, err);
}

static int settle(struct run *run, const struct run_request *request, struct icr_error *err)
{
	return request->settle ? request->settle(&run->work, request->options, err) : 0;
}

/* What was said while planning is said anew by the next plan. */
static void drop_notes(struct notes *notes, size_t count)
{
	while (notes->count > count)
		free(notes->items[--notes->count].text);
}

int run_check_clear(const struct run *run, struct icr_error *err)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		if (!run->changes.items[i]->unclear)
			continue;
		icr_fail_at(err, EACCES, run->changes.items[i]->path,
			    "was edited by others since, and what icr-rewrite left in it is kept "
			    "for root alone: what would change cannot be told");
		return icr_error_hint(err, "try it with sudo");
	}
	return 0;
}

int run_preview(struct run *run, const struct run_request *request, struct icr_error *err)
{
	icr_cleanup(probe_free) struct probe probe = {0};

	int r = settle(run, request, err);
	if (r >= 0 && run->work.host.live)
		r = choose_probe(&run->work, request->mode, &probe, err);
	if (r >= 0)
		r = run_check_clear(run, err);
	if (r >= 0)
		r = plan(run, request, &probe, err);
	return r < 0 ? host_error(&run->work.host, err) : r;
}

/* ---- writing ---- */

static int add_change(struct icr_transaction *transaction, const struct change *change,
		      struct icr_standing *planned, struct icr_error *err)
{
	const struct content *wanted = &change->wanted, *current = &change->current;

	*planned = (struct icr_standing){current->exists, current->link, current->text.data,
					 current->text.len, change_hash(change)};
	if (!wanted->exists)
		return icr_transaction_remove(transaction, change->path, planned, err);
	if (wanted->link)
		return icr_transaction_symlink(transaction, change->path, planned,
					       wanted->text.data, err);
	return icr_transaction_write(transaction, change->path, planned, wanted->text.data,
				     wanted->text.len, content_hash(wanted), change->new_mode, err);
}

static int add_text(struct icr_transaction *transaction, const char *path,
		    const struct icr_buf *text, mode_t mode, struct icr_error *err)
{
	return text ? icr_transaction_write(transaction, path, NULL, text->data, text->len, NULL,
					    mode, err)
		    : icr_transaction_remove(transaction, path, NULL, err);
}

/* Where the record goes, a file that it tells of must be as it was read, also one with nothing of
 * ours in it: somebody may be about to write what has. */
static bool is_told(const struct change *change)
{
	return change->recorded && !change->unread && !change->internal;
}

/*
 * All files, the state TEXT and the mark of what is not proven at once. MARK is the state to go
 * back to, NULL: the mark goes. -EAGAIN: a file is not what was planned for.
 */
static int write_all(const struct changes *changes, const struct icr_buf *text,
		     const struct icr_buf *mark, struct icr_error *err)
{
	_cleanup_transaction_ struct icr_transaction *transaction =
		icr_transaction_new(STATE_JOURNAL);
	_cleanup_free_ struct icr_standing *planned = icr_calloc(changes->count, sizeof(*planned));
	int r = 0;

	for (size_t i = 0; r >= 0 && i < changes->count; i++)
		if (change_differs(changes->items[i]) ||
		    (text->len == 0 && is_told(changes->items[i])))
			r = add_change(transaction, changes->items[i], &planned[i], err);
	if (r >= 0)
		r = add_text(transaction, STATE_UNPROVEN, mark, 0600, err);
	if (r >= 0)
		r = add_text(transaction, STATE_FILE, text->len > 0 ? text : NULL, 0644, err);
	return r < 0 ? r : icr_transaction_commit(transaction, err);
}

/* Makes folders that new files need, and words the state. They are made outside the transaction,
 * so they are part of it: an undo takes them away if they are empty. */
static int prepare_folders(struct run *run, struct icr_error *err)
{
	for (size_t i = 0; i < run->changes.count; i++) {
		const struct change *change = run->changes.items[i];
		_cleanup_free_ char *folder = icr_path_folder(change->path);
		if (!change->wanted.exists || !change_differs(change))
			continue;
		int r = make_folders(run, folder, err);
		if (r < 0)
			return r;
	}
	return word_state(run, err);
}

static int activate(struct run *run, struct icr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < parts_count; i++)
		if (parts[i]->activate)
			r = parts[i]->activate(&run->work, &run->changes, err);
	return r;
}

/* What RECORDED tells, as if it had just been planned. */
static int plan_recorded(struct run *run, const struct state *recorded, struct icr_error *err)
{
	struct work *work = &run->work;

	if (!recorded->found) {
		changes_drop(&run->changes);
		icr_buf_truncate(&run->text, 0);
		return 0;
	}
	settings_free(&work->settings);
	work->settings = recorded->settings;
	work->settings.engines = NULL;
	int r = settings_set_engines(&work->settings, recorded->settings.engines, err);
	if (r >= 0)
		choose_recorded(work, &recorded->routes);
	if (r >= 0)
		r = run_plan(run, err);
	return r < 0 ? r : word_state(run, err);
}

/* Takes out what is not proven, from whatever stands in the files by now, and puts in what the run
 * before it had there. */
static int restore(struct run *run, struct icr_error *err)
{
	size_t notes = run->work.notes.count;
	icr_cleanup(state_free) struct state before = {.text = ICR_BUF(0)};
	struct stat info;

	int r = stat(STATE_UNPROVEN, &info) == 0 && info.st_size > 0
			? state_read(STATE_UNPROVEN, &before, err)
			: 0;
	for (int i = 0; r >= 0 && i < PLANS_MAX; i++) {
		icr_error_clear(err);
		r = read_again(run, err);
		if (r >= 0)
			r = plan_recorded(run, &before, err);
		drop_notes(&run->work.notes, notes);
		if (r >= 0)
			r = write_all(&run->changes, &run->text, NULL, err);
		if (r != -EAGAIN)
			break;
		r = i + 1 < PLANS_MAX ? 0 : r;
	}
	return r;
}

/* The way back after FAILED, which is told of it. EXACTLY: what was written is the difference to
 * before. */
static int roll_back(struct run *run, bool exactly, struct icr_error *failed)
{
	_cleanup_error_ struct icr_error err = {0};
	struct notes *notes = &run->work.notes;
	int r = -EAGAIN;

	if (exactly) {
		changes_invert(&run->changes);
		r = write_all(&run->changes, &run->state.text, NULL, &err);
	}
	bool edited = r == -EAGAIN;
	if (edited)
		r = restore(run, &err);
	if (r < 0) {
		note_warning(notes,
			     "what was written could not be taken out: %s; run icr-rewrite "
			     "undo",
			     err.what);
		return -failed->code;
	}
	run->written = false;
	if (activate(run, &err) < 0)
		note(notes, "%s", err.what);
	/* behind its cause */
	char *what = icr_printf("%s; %s", failed->what,
				edited ? "what was written is taken out again, what others changed "
					 "stays"
				       : "every file is as it was before");
	free(failed->what);
	failed->what = what;
	return -failed->code;
}

static bool all_proven(const struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		if (routes->items[i].status == REGION_ACTIVE && !routes->items[i].proven)
			return false;
	return true;
}

/* Nothing waits for a proof any more. */
static int drop_mark(struct icr_error *err)
{
	if (!host_has(STATE_UNPROVEN))
		return 0;
	if (unlink(STATE_UNPROVEN) < 0)
		return icr_fail_errno(err, errno, STATE_UNPROVEN, "cannot remove the file");
	return icr_file_sync_folder(STATE_UNPROVEN, err);
}

/* What stands there works, or goes. A mark of an earlier run stays where this one could not tell,
 * because the private network is dead now. */
static int verify(struct run *run, struct icr_error *err)
{
	int r = activate(run, err);

	if (r >= 0)
		r = verify_routes(&run->work, run->written || run->put_back.count || run->unproven,
				  err);
	if (r < 0)
		return run->written || run->unproven ? roll_back(run, !run->unproven, err) : r;
	return run->unproven && !all_proven(&run->work.routes) ? 0 : drop_mark(err);
}

static bool state_stands(const struct state *state)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	return icr_file_read(STATE_FILE, &text, NULL) == state->found &&
	       text.len == state->text.len && memcmp(text.data, state->text.data, text.len) == 0;
}

/* Does what stands at its path look as it did when it was read? */
static bool is_unchanged(const struct change *change)
{
	_cleanup_free_ char *target = NULL;

	if (!change->current.link)
		return !change->unread && host_is_unchanged(change->path, &change->sight);
	return icr_path_link_target(change->path, &target, NULL) == 0 &&
	       strcmp(target, change->current.text.data) == 0;
}

/*
 * Behind the lock: is what was planned without it still the plan? It is where no other run was at
 * work and nobody has touched a file that was read. Times may be too coarse to tell; what is
 * written is compared once more, byte by byte, when it is put in place.
 */
static bool plan_stands(const struct run *run)
{
	if (!run->alone || host_has(STATE_JOURNAL) || host_has(STATE_UNPROVEN) != run->unproven ||
	    !state_stands(&run->state))
		return false;
	for (size_t i = 0; i < run->changes.count; i++)
		if (!is_unchanged(run->changes.items[i]))
			return false;
	return true;
}

static int write_planned(struct run *run, const struct run_request *request, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf earlier = ICR_BUF(ICR_FILE_MAX);
	const struct icr_buf *mark = NULL;

	int r = prepare_folders(run, err);
	/* what an earlier run did not prove is no state to go back to: the one before it is */
	if (r >= 0 && run->unproven)
		r = icr_file_read(STATE_UNPROVEN, &earlier, err);
	if (r < 0)
		return r;
	if (probes(run, request) || run->unproven)
		mark = run->unproven ? &earlier : &run->state.text;
	return write_all(&run->changes, &run->text, mark, err);
}

static bool covers(const struct probe *probe, const struct icr_region_set *regions)
{
	size_t found = 0;

	for (size_t i = 0; i < probe->count; i++)
		found += icr_region_set_has(regions, probe->regions[i].region);
	return found == icr_region_set_count(regions);
}

/* Reads, settles and plans anew; of the notes, so many stay. -ESTALE: another run has asked for
 * regions that were not probed. */
static int plan_again(struct run *run, const struct run_request *request, const struct probe *probe,
		      size_t notes, struct icr_error *err)
{
	drop_notes(&run->work.notes, notes);
	icr_error_clear(err);
	int r = read_again(run, err);
	if (r >= 0)
		r = settle(run, request, err);
	if (r >= 0 && probes(run, request) && !covers(probe, &run->work.settings.regions))
		return icr_fail(err, ESTALE, "other runs change the regions all the time");
	return r < 0 ? r : plan(run, request, probe, err);
}

/* Writes what is planned, or else plans first, and does so again while others change the files. */
static int plan_and_write(struct run *run, const struct run_request *request,
			  const struct probe *probe, bool planned, size_t notes,
			  struct icr_error *err)
{
	int r = 0;

	for (int i = 0; i < PLANS_MAX; i++) {
		if (i > 0 || !planned)
			r = plan_again(run, request, probe, notes, err);
		if (r != 0 || !run_differs(run))
			return r;
		r = write_planned(run, request, err);
		run->written = r >= 0;
		if (r != -EAGAIN)
			return r;
	}
	(void)icr_error_wrap(err, "nothing was changed, because others change the files all the "
				  "time");
	return r;
}

/*
 * A first look without the lock: a dead network, a conflict or nothing to change keep nobody
 * waiting and leave no trace. What fails may have met the middle of another run's write.
 */
static int look(struct run *run, const struct run_request *request, const struct probe *probe,
		struct icr_error *err)
{
	size_t notes = run->work.notes.count;

	int r = plan(run, request, probe, err);
	if (r >= 0 || r == -ICR_E_UNPROVEN)
		return r;
	drop_notes(&run->work.notes, notes);
	icr_error_clear(err);
	drop_known(run);
	r = read_again(run, err);
	if (r >= 0)
		r = settle(run, request, err);
	return r < 0 ? r : plan(run, request, probe, err);
}

/* What an interrupted run wrote and did not prove is taken out by the next that cannot either. */
static void give_up(struct run *run, struct icr_error *failed)
{
	_cleanup_error_ struct icr_error err = {0};

	if (!run->unproven || lock_and_recover(run, &err) < 0)
		return;
	if (host_has(STATE_UNPROVEN))
		(void)roll_back(run, false, failed);
}

static int apply(struct run *run, const struct run_request *request, struct icr_error *err)
{
	size_t notes = run->work.notes.count;
	int r = -ESTALE;

	for (int i = 0; r == -ESTALE && i < PROBES_MAX; i++) {
		icr_cleanup(probe_free) struct probe probe = {0};
		drop_lock(run);
		drop_notes(&run->work.notes, notes);
		icr_error_clear(err);
		r = settle(run, request, err);
		if (r >= 0 && probes(run, request))
			r = choose_probe(&run->work, request->mode, &probe, err);
		if (r >= 0)
			r = look(run, request, &probe, err);
		if (r == -ICR_E_UNPROVEN)
			give_up(run, err);
		if (r != 0)
			return r;
		/* a lock: another run is at work, or was killed */
		if (!run_differs(run) && !run->unproven && !host_has(STATE_LOCK)) {
			r = probes(run, request) ? verify(run, err) : 0;
			if (r >= 0 || state_stands(&run->state) || read_again(run, NULL) < 0)
				return r;
			/* another run, such as an undo, has changed what was to be proven */
			r = -ESTALE;
			continue;
		}
		r = take_lock(run, err);
		bool planned = r >= 0 && plan_stands(run);
		if (!planned)
			drop_notes(&run->work.notes, notes);
		if (r >= 0)
			r = recover(run, err);
		if (r >= 0)
			r = plan_and_write(run, request, &probe, planned,
					   planned ? notes : run->work.notes.count, err);
		if (r == 0 && probes(run, request))
			r = verify(run, err);
	}
	return r;
}

int run_apply(struct run *run, const struct run_request *request, struct icr_error *err)
{
	int r = apply(run, request, err);

	return r < 0 ? host_error(&run->work.host, err) : r;
}

int run_put_back(struct run *run, struct icr_error *err)
{
	const struct run_request request = {.mode = CHOOSE_RECORDED};
	size_t notes = run->work.notes.count;
	_cleanup_error_ struct icr_error failed = {0}, why = {0};

	int r = apply(run, &request, &failed);
	/* the record alone is nothing that was lacking */
	bool written = run->written, lacked = changes_differ(&run->changes);
	for (size_t i = 0; written && i < run->changes.count; i++)
		if (change_differs(run->changes.items[i]) && !run->changes.items[i]->internal)
			icr_strings_add(&run->put_back, run->changes.items[i]->path);
	drop_notes(&run->work.notes, notes);
	/* what follows finds the files as they shall be */
	if (run->put_back.count && run->work.host.live && activate(run, &why) < 0)
		note(&run->work.notes, "%s", why.what);
	run->written = false;
	drop_lock(run);
	if (r >= 0 && !written) {
		changes_drop(&run->changes);
		return 0;
	}
	r = read_again(run, err);
	return r < 0 ? host_error(&run->work.host, err) : written && lacked;
}

static int undo(struct run *run, struct icr_error *err)
{
	int r = check_root(run, err);

	/* also an empty one, which a run left that was killed right behind making it */
	run->owns_folder = true;
	if (r >= 0)
		r = lock_and_recover(run, err);
	if (r < 0)
		return r;

	for (int i = 0; r >= 0 && i < PLANS_MAX; i++) {
		icr_error_clear(err);
		r = read_again(run, err);
		if (r < 0 || !(run_differs(run) || run->unproven))
			break;
		r = write_all(&run->changes, &run->text, NULL, err);
		run->written = r >= 0;
		if (r != -EAGAIN)
			break;
		r = i + 1 < PLANS_MAX ? 0 : r;
	}
	if (r >= 0 && run->written && run->work.host.live)
		r = activate(run, err);
	drop_link_folders(run);
	return r;
}

int run_undo(struct run *run, struct icr_error *err)
{
	int r = undo(run, err);

	return r < 0 ? host_error(&run->work.host, err) : r;
}

void run_free(struct run *run)
{
	drop_lock(run);
	icr_strings_free(&run->made);
	icr_strings_free(&run->put_back);
	forget(run);
	work_free(&run->work);
	*run = (struct run){.lock = -1, .work = {.host = {.root = ""}}};
}
