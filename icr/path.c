/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/path.h"

char *icr_path_join(const char *directory, const char *name)
{
	size_t len = strlen(directory);
	char *path = NULL;

	if (len == 0)
		return strdup(name);
	while (len > 0 && directory[len - 1] == '/')
		len--;
	name += strspn(name, "/");
	if (!*name && len > 0)
		return strndup(directory, len);
	return asprintf(&path, "%.*s/%s", (int)len, directory, name) < 0 ? NULL : path;
}

char *icr_path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

const char *icr_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int icr_path_link_target(const char *path, char **ret_target, struct icr_error *err)
{
	/* Linux keeps no longer ones */
	_cleanup_free_ char *target = malloc(PATH_MAX);
	if (!target)
		return icr_fail_memory(err);
	ssize_t len = readlink(path, target, PATH_MAX);
	if (len < 0)
		return icr_fail_errno(err, errno, path, "cannot read the symbolic link");
	*ret_target = strndup(target, (size_t)len);
	return *ret_target ? 0 : icr_fail_memory(err);
}

int icr_path_dangling(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *target = NULL;

	int r = icr_path_link_target(path, &target, err);
	if (r < 0)
		return r;
	icr_fail_at(err, ENOENT, path, "is a symbolic link to %s, which does not exist", target);
	(void)icr_error_hint(err, "create the target, or remove the link");
	return -ENOENT;
}

int icr_path_resolve_folder(const char *path, char **ret_path, struct icr_error *err)
{
	const char *base = icr_path_base(path);

	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return icr_fail_at(err, EISDIR, path, "is a folder, not a file");
	_cleanup_free_ char *folder = icr_path_folder(path);
	if (!folder)
		return icr_fail_memory(err);
	_cleanup_free_ char *real = realpath(folder, NULL);
	if (!real)
		return icr_fail_errno(err, errno, folder, "cannot use this folder");
	*ret_path = icr_path_join(real, base);
	return *ret_path ? 0 : icr_fail_memory(err);
}

int icr_file_resolve(const char *path, char **ret_path, struct icr_error *err)
{
	struct stat st;
	char *real = realpath(path, NULL);

	if (real) {
		*ret_path = real;
		return 0;
	}
	if (errno == ELOOP)
		return icr_fail_errno(err, errno, path, "cannot follow the symbolic link");
	if (errno != ENOENT)
		return icr_fail_errno(err, errno, path, "cannot find this file");
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return icr_path_dangling(path, err);
	return icr_path_resolve_folder(path, ret_path, err);
}

int icr_file_sync_folder(const char *path, struct icr_error *err)
{
	_cleanup_free_ char *folder = icr_path_folder(path);
	if (!folder)
		return icr_fail_memory(err);
	_cleanup_fd_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return icr_fail_errno(err, errno, folder, "cannot open the folder");
	/* EINVAL: a file system that has no such thing */
	if (fsync(fd) < 0 && errno != EINVAL)
		return icr_fail_errno(err, errno, folder,
				      "cannot bring the change of the folder to the disk");
	return 0;
}

static int make_one(const char *path, mode_t mode, struct icr_error *err)
{
	struct stat st;

	/* The mode at once: a umask that takes our own bits away would keep us from opening the
	 * folder, and a run that is killed before fchmod() would leave one that others cannot
	 * enter. */
	mode_t before = umask(~mode & 0777);
	int made = mkdir(path, mode);
	int code = errno;
	(void)umask(before);
	if (made < 0) {
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		return icr_fail_errno(err, code, path,
				      code == EEXIST ? "is not a folder"
						     : "cannot make the folder");
	}
	/* the umask, or an access list of the parent, may have taken bits away */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    ((st.st_mode & 0777) != (mode & 0777) && fchmod(fd, mode) < 0))
		return icr_fail_errno(err, errno, path, "cannot set the mode of the new folder");
	return icr_file_sync_folder(path, err);
}

int icr_folder_make(const char *path, mode_t mode, struct icr_error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	_cleanup_free_ char *part = strdup(path);
	if (!part)
		return icr_fail_memory(err);
	for (char *p = part + strspn(part, "/"); *p; p += strspn(p, "/")) {
		p += strcspn(p, "/");
		char rest = *p;
		*p = '\0';
		int r = make_one(part, mode, err);
		if (r < 0)
			return r;
		*p = rest;
	}
	return 0;
}
