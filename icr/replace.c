/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/path.h"
#include "icr/temporary.h"

/* names are random: a second collision is somebody's doing */
#define NAMES_MAX 8

/* icr_attributes_check has better words for some of them. */
static int hint_for(struct icr_error *err, int r)
{
	if (err && err->hint)
		return r;
	if (r == -ENOSPC || r == -EDQUOT)
		(void)icr_error_hint(err, "make room on that file system");
	else if (r == -EROFS)
		(void)icr_error_hint(err, "the file system is mounted read-only");
	else if (r == -EACCES)
		(void)icr_error_hint(err, "run this as root or as the owner of that folder");
	else if (r == -EBUSY)
		(void)icr_error_hint(err, "it seems to be a mount point, as in a container: "
					  "change the file that is mounted there instead");
	return r;
}

static int write_all(int fd, const char *target, const char *bytes, size_t len,
		     struct icr_error *err)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return icr_fail_errno(err, errno, target, "cannot write the new content");
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int set_attributes(const char *target, int fd, mode_t new_mode, struct icr_error *err)
{
	struct stat st;

	if (stat(target, &st) < 0) {
		if (errno != ENOENT)
			return icr_fail_errno(err, errno, target, "cannot look at the file");
		if (fchmod(fd, new_mode) < 0)
			return icr_fail_errno(err, errno, target, "cannot set the mode %04o",
					      (unsigned)new_mode);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return icr_fail_at(err, ICR_E_REFUSED, target, "is not a regular file");
	int r = icr_attributes_check(target, err);
	return r < 0 ? r : icr_attributes_copy(target, &st, fd, err);
}

static int fill(int fd, const char *target, const void *data, size_t len, mode_t new_mode,
		struct icr_error *err)
{
	int r = write_all(fd, target, data, len, err);
	if (r < 0)
		return r;
	/* behind the content: writing takes set-id bits away, and nobody may look before */
	r = set_attributes(target, fd, new_mode, err);
	if (r < 0)
		return r;
	/* EINVAL: a file system that has no such thing */
	if (fsync(fd) < 0 && errno != EINVAL)
		return icr_fail_errno(err, errno, target,
				      "cannot bring the new content to the disk");
	return 0;
}

/* Returns the descriptor of the staged file, which holds its lock. */
static int stage(const char *target, const char *temporary, const void *data, size_t len,
		 mode_t new_mode, struct icr_error *err)
{
	_cleanup_fd_ int fd = icr_temporary_open(target, temporary, err);
	if (fd < 0)
		return hint_for(err, fd);
	int r = fill(fd, target, data, len, new_mode, err);
	if (r < 0) {
		(void)unlink(temporary);
		return hint_for(err, r);
	}
	int staged = fd;
	fd = -1;
	return staged;
}

int icr_file_stage(const char *target, const char *temporary, const void *data, size_t len,
		   mode_t new_mode, struct icr_error *err)
{
	_cleanup_fd_ int fd = stage(target, temporary, data, len, new_mode, err);

	return fd < 0 ? fd : 0;
}

static int stage_somewhere(const char *target, const void *data, size_t len, mode_t new_mode,
			   char **ret_temporary, struct icr_error *err)
{
	int r = -EEXIST;

	for (int i = 0; i < NAMES_MAX && r == -EEXIST; i++) {
		_cleanup_free_ char *temporary = NULL;
		r = icr_temporary_name(target, "", &temporary, err);
		if (r < 0)
			return r;
		r = stage(target, temporary, data, len, new_mode, err);
		if (r >= 0)
			*ret_temporary = icr_steal(&temporary);
	}
	return r;
}

int icr_file_replace(const char *path, const void *data, size_t len, mode_t new_mode,
		     struct icr_error *err)
{
	_cleanup_free_ char *target = NULL, *temporary = NULL;

	int r = icr_file_resolve(path, &target, err);
	if (r < 0)
		return r;
	icr_temporary_sweep(target);
	/* the descriptor keeps the lock until the temporary name is gone */
	_cleanup_fd_ int fd = stage_somewhere(target, data, len, new_mode, &temporary, err);
	if (fd < 0)
		return fd;
	if (rename(temporary, target) < 0) {
		int code = errno;
		(void)unlink(temporary);
		r = icr_fail_errno(err, code, target, "cannot put the new file in its place");
		return hint_for(err, r);
	}
	r = icr_file_sync_folder(target, err);
	if (r < 0)
		(void)icr_error_wrap(err, "the file was replaced, but a power cut may undo that");
	return r;
}
