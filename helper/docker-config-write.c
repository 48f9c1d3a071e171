/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "helper/docker-config.h"
#include "icr/cleanup.h"
#include "icr/file.h"

#define LOCK_TIMEOUT_MS 10000
#define FILE_MODE	0600
#define FOLDER_MODE	0700

/* The file behind links, and the folder that holds it. */
static int resolve(const char *path, char **ret_target, char **ret_folder, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;
	int r = icr_file_resolve(path, &target, err);

	if (r < 0)
		return r;
	*ret_folder = icr_path_folder(target);
	if (!*ret_folder)
		return icr_fail_memory(err);
	*ret_target = icr_steal(&target);
	return 0;
}

/* The folder itself is locked: nothing of ours is left beside the files of others. */
static int lock_and_sweep(const char *path, int timeout_ms, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *folder = NULL;
	int r = resolve(path, &target, &folder, err);

	if (r < 0)
		return r;
	r = icr_lock(folder, timeout_ms, err);
	if (r >= 0)
		icr_temporary_sweep(target);
	return r;
}

int docker_config_lock(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);

	if (!folder)
		return icr_fail_memory(err);
	int r = icr_folder_make(folder, FOLDER_MODE, err);
	return r < 0 ? r : lock_and_sweep(path, LOCK_TIMEOUT_MS, err);
}

void docker_config_sweep(const char *path)
{
	_cleanup_fd_ int lock = lock_and_sweep(path, 0, NULL);

	(void)lock;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const struct docker_config *config)
{
	const struct stat *then = &config->seen;
	struct stat now;

	if (stat(config->path, &now) < 0)
		return errno == ENOENT && !config->exists;
	return config->exists && now.st_dev == then->st_dev && now.st_ino == then->st_ino &&
	       now.st_size == then->st_size && same_time(&now.st_mtim, &then->st_mtim) &&
	       same_time(&now.st_ctim, &then->st_ctim);
}

int docker_config_write(const struct docker_config *config, const struct icr_buf *text,
			struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *temporary = NULL;
	int r = icr_file_resolve(config->path, &target, err);

	if (r < 0)
		return r;
	r = icr_temporary_name(target, "", &temporary, err);
	if (r < 0)
		return r;
	/* Written and on the disk before the last look at the file: Docker has least time then. */
	r = icr_file_stage(target, temporary, text->data, text->len, FILE_MODE, err);
	if (r < 0)
		return r;
	if (!is_unchanged(config)) {
		(void)unlink(temporary);
		return icr_fail_at(err, EAGAIN, config->path,
				   "another program keeps changing the file; run this again");
	}
	if (rename(temporary, target) < 0) {
		r = icr_fail_errno(err, errno, target, "cannot put the new file in its place");
		(void)unlink(temporary);
		return r;
	}
	return icr_file_sync_folder(target, err);
}
