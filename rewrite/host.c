/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "rewrite/systemd.h"

static int write_text(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = (ssize_t)strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)len) == len ? 0 : -errno;
}

/* A user namespace in which we are who we were, and may chroot(). Returns 0 or -errno. */
static int own_namespace(void)
{
	_cleanup_free_ char *user = icr_printf("%u %u 1\n", geteuid(), geteuid());
	_cleanup_free_ char *group = icr_printf("%u %u 1\n", getegid(), getegid());

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	/* The files below belong to root while the process is not dumpable. No secret has been read
	 * yet. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int r = write_text("/proc/self/setgroups", "deny");
	if (r == 0 || r == -ENOENT)
		r = write_text("/proc/self/gid_map", group);
	if (r == 0)
		r = write_text("/proc/self/uid_map", user);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r;
}

static int enter(const char *root, struct icr_error *err)
{
	_cleanup_fd_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return icr_fail_errno(err, errno, root, "cannot use this folder as --root");
	int r = fchdir(fd) < 0 || chroot(".") < 0 ? -errno : 0;
	if (r == -EPERM) {
		r = own_namespace();
		if (r == 0)
			r = chroot(".") < 0 ? -errno : 0;
		if (r < 0) {
			icr_fail_errno(err, -r, root,
				       "cannot be entered: --root needs root, or user namespaces, "
				       "which are not allowed here");
			return icr_error_hint(err, "try it with sudo");
		}
	}
	return r < 0 ? icr_fail_errno(err, -r, root, "cannot use this folder as --root") : 0;
}

static int root_open(const char *root, char **ret_root, struct icr_error *err)
{
	if (!*root)
		return icr_fail(err, ICR_E_USAGE, "--root needs a folder");
	_cleanup_free_ char *real = realpath(root, NULL);
	if (!real)
		return icr_fail_errno(err, errno, root, "cannot use this folder as --root");
	int r = strcmp(real, "/") == 0 ? 0 : enter(real, err);
	if (r < 0)
		return r;
	/* An image that is not mounted would get files of ours, and nobody would notice. */
	if (access("/etc", F_OK) < 0) {
		icr_fail_at(err, ENOENT, root, "has no folder etc, so it is no root of a host");
		return icr_error_hint(err, "is the image mounted there?");
	}
	if (strcmp(real, "/") == 0)
		real[0] = '\0';
	*ret_root = icr_steal(&real);
	return 0;
}

/* Where systems keep programs, the first that counts first. */
static const char *const program_folders[] = {"/usr/bin",	 "/usr/sbin", "/usr/local/bin",
					      "/usr/local/sbin", "/bin",      "/sbin"};

/* What was found of them so far. */
struct host_programs {
	size_t looked;
	bool used[ICR_LENGTH(program_folders)]; /* there, and none of those before */
	struct stat info[ICR_LENGTH(program_folders)];
};

static bool uses_folder(struct host_programs *programs, size_t i)
{
	for (; programs->looked <= i; programs->looked++) {
		size_t at = programs->looked, same = 0;
		struct stat *info = &programs->info[at];
		bool there = stat(program_folders[at], info) == 0;
		while (same < at &&
		       !(programs->used[same] && programs->info[same].st_dev == info->st_dev &&
			 programs->info[same].st_ino == info->st_ino))
			same++;
		programs->used[at] = there && same == at;
	}
	return programs->used[i];
}

char *host_find_program(const struct host *host, const char *const *names)
{
	for (size_t i = 0; i < ICR_LENGTH(program_folders); i++)
		for (size_t k = 0; names[k] && uses_folder(host->programs, i); k++) {
			_cleanup_free_ char *path = icr_path_join(program_folders[i], names[k]);
			if (host_has(path))
				return icr_steal(&path);
		}
	return NULL;
}

bool host_has_program(const struct host *host, const char *const *names)
{
	_cleanup_free_ char *path = host_find_program(host, names);

	return path;
}

int host_open(const char *root, bool offline, struct host *ret_host, struct icr_error *err)
{
	struct host host = {.live = !root && !offline};

	/* the user database is the one out here */
	icr_environment_read(&host.environment);
	int r = root ? root_open(root, &host.storage, err) : 0;
	if (r < 0)
		return r;
	host.root = host.storage ? host.storage : "";
	host.units = systemd_look();
	host.programs = icr_calloc(1, sizeof(*host.programs));
	*ret_host = host;
	return 0;
}

void host_free(struct host *host)
{
	systemd_units_free(host->units);
	free(host->programs);
	free(host->storage);
	*host = (struct host){.root = ""};
}

void host_confine(const struct host *host)
{
	const uint32_t files = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE |
			       1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER | 1u << CAP_FSETID |
			       1u << CAP_SETFCAP | 1u << CAP_LEASE;
	const uint32_t labels = CAP_TO_MASK(CAP_MAC_OVERRIDE) | CAP_TO_MASK(CAP_MAC_ADMIN);
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (!host->root[0] || syscall(SYS_capget, &header, data) < 0)
		return;
	/* in a namespace of our own they would be more than the user had */
	bool user = geteuid() != 0;
	data[0].permitted &= user ? 0 : files;
	data[1].permitted &= user ? 0 : labels;
	for (size_t i = 0; i < ICR_LENGTH(data); i++)
		data[i] = (struct __user_cap_data_struct){data[i].permitted, data[i].permitted, 0};
	(void)syscall(SYS_capset, &header, data);
}

int host_error(const struct host *host, struct icr_error *err)
{
	size_t root = strlen(host->root);

	if (!root || !err->where || err->where[0] != '/' ||
	    strncmp(err->where, host->root, root) == 0)
		return -err->code;
	_cleanup_free_ char *path = icr_strndup(err->where, strcspn(err->where, ":"));
	char *where = icr_printf("%s%s", host->root, err->where);
	free(err->where);
	err->where = where;
	size_t at = 0;
	for (char *found; err->hint && (found = strstr(err->hint + at, path));) {
		int before = (int)(found - err->hint);
		char *hint = icr_printf("%.*s%s%s", before, err->hint, host->root, found);
		at = (size_t)before + root + strlen(path);
		free(err->hint);
		err->hint = hint;
	}
	return -err->code;
}

int host_check_replaceable(const struct host *host, const char *path, struct icr_error *err)
{
	int r = icr_attributes_check(path, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *folder = icr_path_folder(path);
	/* who plans without being root plans what root would do */
	bool plans = !host->root[0] && geteuid() != 0;
	if (plans || faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	r = icr_fail_errno(err, errno, path, "cannot be replaced");
	return r == -EROFS ? icr_error_hint(err, "make the file system writable (mount -o "
						 "remount,rw), or change the file where it is "
						 "made, and do without this")
			   : r;
}

bool host_is_state(const char *path)
{
	static const char folder[] = STATE_FOLDER "/";
	const char *name = path + sizeof(folder) - 1;
	return strncmp(path, folder, sizeof(folder) - 1) == 0 && *name && name[0] != '.' &&
	       !strchr(name, '/');
}

struct host_sight host_look(const char *path)
{
	struct host_sight sight = {.at_s = time(NULL)};

	if (stat(path, &sight.info) < 0)
		sight.at_s = 0;
	return sight;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool host_is_unchanged(const char *path, const struct host_sight *sight)
{
	const struct host_sight now = host_look(path);
	const struct stat *a = &now.info, *b = &sight->info;

	if (!now.at_s || !sight->at_s)
		return !now.at_s && !sight->at_s;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

bool host_has(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

bool host_read(const char *path, struct icr_buf *buf)
{
	return icr_file_try(path, buf);
}

void host_folders(const char *const *paths, size_t count, struct icr_strings *there,
		  struct icr_strings *missing)
{
	_cleanup_free_ struct stat *known = icr_calloc(count, sizeof(*known));
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct stat *info = &known[found];
		size_t same = 0;
		if (stat(paths[i], info) < 0) {
			icr_strings_add(missing, paths[i]);
			continue;
		}
		while (known[same].st_dev != info->st_dev || known[same].st_ino != info->st_ino)
			same++;
		if (same == found)
			icr_strings_add(there, paths[i]);
		found += same == found;
	}
}
