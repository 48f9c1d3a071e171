/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "rewrite/run-parts.h"

int run_folders_remember(struct run *run, const char *path, struct icr_error *err)
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

void run_folders_forget(struct run *run)
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
	return run_folders_remember(run, path, err);
}

int run_folders_make(struct run *run, const char *path, struct icr_error *err)
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
bool run_folder_holds_link(const struct run *run, const char *folder)
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

void run_folders_tidy(struct run *run)
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
