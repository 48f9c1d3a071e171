/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/data-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"

/* No home folder, or none that this user may enter: what is kept there is not to be had, what is
 * kept elsewhere may be. */
static int make_unavailable(struct icr_error *err)
{
	if (err)
		err->code = ICR_E_UNAVAILABLE;
	return -ICR_E_UNAVAILABLE;
}

static int refuse(const char *path, struct icr_error *err, const char *command, const char *what)
{
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);

	icr_text_shell(path, &quoted);
	icr_fail_at(err, ICR_E_REFUSED, path, "%s", what);
	return icr_error_hint(err, "%s %s", command, quoted.data);
}

/* Where others may rename our folder, they may put another one in its place. */
static int check_parent(struct data_folder *folder, const char *path, const struct stat *parent,
			struct icr_error *err)
{
	folder->owner = geteuid() == 0 ? parent->st_uid : geteuid();
	if (parent->st_mode & S_ISVTX)
		return 0;
	if (parent->st_mode & S_IWOTH)
		return refuse(path, err, "chmod o-w", "may be written to by everybody");
	folder->group_writes = (parent->st_mode & S_IWGRP) && parent->st_gid != getegid();
	return 0;
}

static int check(const struct data_folder *folder, const struct stat *st, struct icr_error *err)
{
	if (st->st_uid != folder->owner) {
		_cleanup_free_ char *command = icr_printf("if you trust what is in it, as root: "
							  "chown -R %u",
							  (unsigned)folder->owner);
		_cleanup_free_ char *what =
			icr_printf("belongs to user %u, not to %u", (unsigned)st->st_uid,
				   (unsigned)folder->owner);
		return refuse(folder->path, err, command, what);
	}
	if (st->st_mode & 0022)
		return refuse(folder->path, err, "chmod 700", "may be written to by others");
	return 1;
}

static int fail(const char *path, int code, struct icr_error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		icr_fail_at(err, ICR_E_REFUSED, path, "is not a folder%s",
			    S_ISLNK(st.st_mode) ? " but a symbolic link" : "");
		return icr_error_hint(err, "put a folder in its place; $XDG_DATA_HOME moves it");
	}
	int r = icr_fail_errno(err, code, path, "cannot look into the folder");
	return code == EACCES || code == ENOTDIR ? make_unavailable(err) : r;
}

/* Opens the folder of FOLDER's path, once. */
static int open_once(struct data_folder *folder, struct icr_error *err)
{
	_cleanup_free_ char *outer = icr_path_folder(folder->path);
	struct stat parent, st;

	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int code = folder->fd < 0 ? errno : 0;
	/* the folder's own, wherever links on the way to it may lead next */
	int r = folder->fd < 0 ? stat(outer, &parent)
			       : fstatat(folder->fd, "..", &parent, AT_SYMLINK_NOFOLLOW);
	if (r < 0 && code == ENOENT)
		return 0;
	if (r < 0) {
		code = code ? code : errno;
		r = icr_fail_errno(err, code, outer, "cannot look into the folder");
		return code == EACCES || code == ENOTDIR ? make_unavailable(err) : r;
	}
	r = check_parent(folder, outer, &parent, err);
	if (r < 0)
		return r;
	if (code == ENOENT)
		return 0;
	if (code || fstat(folder->fd, &st) < 0)
		return fail(folder->path, code ? code : errno, err);
	return check(folder, &st, err);
}

int data_folder_open(const struct icr_environment *environment, struct data_folder *ret_folder,
		     struct icr_error *err)
{
	*ret_folder = (struct data_folder){.fd = -1};
	int r = icr_environment_data_folder(environment, &ret_folder->path, err);
	if (r == -ENOENT)
		return make_unavailable(err);
	return r < 0 ? r : open_once(ret_folder, err);
}

int data_folder_make(const struct icr_environment *environment, struct data_folder *ret_folder,
		     struct icr_error *err)
{
	int r = data_folder_open(environment, ret_folder, err);
	if (r != 0)
		return r;
	r = icr_folder_make(ret_folder->path, 0700, err);
	if (r == -EACCES || r == -EROFS || r == -ENOTDIR || r == -EPERM)
		return make_unavailable(err);
	if (r >= 0)
		r = open_once(ret_folder, err);
	return r == 0 ? icr_fail_at(err, ENOENT, ret_folder->path, "was taken away again") : r;
}

void data_folder_free(struct data_folder *folder)
{
	free(folder->path);
	if (folder->fd >= 0)
		(void)close(folder->fd);
	*folder = (struct data_folder){.fd = -1};
}
