/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/host.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"

static int root_open(const char *root, char **ret_root, struct icr_error *err)
{
	if (!*root)
		return icr_fail(err, ICR_E_USAGE, "--root needs a folder");
	_cleanup_free_ char *real = realpath(root, NULL);
	if (!real)
		return icr_fail_errno(err, errno, root, "cannot use this folder as --root");
	struct stat info;
	if (stat(real, &info) < 0)
		return icr_fail_errno(err, errno, root, "cannot use this folder as --root");
	if (!S_ISDIR(info.st_mode))
		return icr_fail_errno(err, ENOTDIR, root, "cannot use this as --root");
	if (strcmp(real, "/") == 0)
		real[0] = '\0';
	*ret_root = icr_steal(&real);
	return 0;
}

int host_open(const char *root, bool offline, struct host *ret_host, struct icr_error *err)
{
	char *storage = NULL;
	int r = root ? root_open(root, &storage, err) : 0;
	if (r < 0)
		return r;
	*ret_host = (struct host){
		.root = storage ? storage : "",
		.live = !root && !offline,
		.storage = storage,
	};
	icr_environment_read(&ret_host->environment);
	return 0;
}

void host_free(struct host *host)
{
	free(host->storage);
	*host = (struct host){.root = ""};
}

char *host_path(const struct host *host, const char *path)
{
	return host->root[0] ? icr_path_join(host->root, path) : strdup(path);
}

static bool below(const char *root, const char *path)
{
	size_t len = strlen(root);
	return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int fail_link(const struct host *host, const char *path, struct icr_error *err)
{
	icr_fail_at(err, ICR_E_REFUSED, path, "cannot be followed below --root %s", host->root);
	return icr_error_hint(err,
			      "make the symbolic link a relative one, to a file that is there");
}

/* Only what exists can be a symbolic link, so the longest existing part of PATH decides. */
static int check_below(const struct host *host, const char *path, struct icr_error *err)
{
	_cleanup_free_ char *part = strdup(path);
	if (!part)
		return icr_fail_memory(err);
	_cleanup_free_ char *real = NULL;
	struct stat info;
	while (!(real = realpath(part, NULL))) {
		char *slash = strrchr(part, '/');
		bool dangling = lstat(part, &info) == 0;
		if (dangling || (errno != ENOENT && errno != ENOTDIR) || !slash || slash == part)
			return fail_link(host, part, err);
		*slash = '\0';
	}
	if (below(host->root, real))
		return 0;
	icr_fail_at(err, ICR_E_REFUSED, path, "leads to %s, out of --root %s", real, host->root);
	return icr_error_hint(err, "make the symbolic link a relative one");
}

int host_locate(const struct host *host, const char *path, bool follow, char **ret_path,
		struct icr_error *err)
{
	_cleanup_free_ char *full = host_path(host, path);
	_cleanup_free_ char *checked = full ? strdup(full) : NULL;
	if (!checked)
		return icr_fail_memory(err);
	if (!follow)
		*strrchr(checked, '/') = '\0';
	int r = host->root[0] ? check_below(host, checked, err) : 0;
	if (r < 0)
		return r;
	*ret_path = icr_steal(&full);
	return 0;
}

bool host_has(const struct host *host, const char *path)
{
	_cleanup_free_ char *full = host_path(host, path);
	struct stat info;
	return full && lstat(full, &info) == 0;
}

bool host_read(const struct host *host, const char *path, struct icr_buf *buf)
{
	_cleanup_free_ char *full = NULL;
	return host_has(host, path) && host_locate(host, path, true, &full, NULL) >= 0 &&
	       icr_file_read(full, buf, NULL) > 0;
}
