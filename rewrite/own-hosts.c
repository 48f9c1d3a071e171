/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/own-hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "rewrite/part/hosts.h"
#include "rewrite/processes.h"
#include "rewrite/route.h"

/* More of them are a host of containers, whose names would say no more. */
#define SAID_MAX   4
#define LOOKED_MAX 16

/* openat2(2), which older headers do not have. Source: include/uapi/linux/openat2.h */
#define OPENAT2	       437
#define NO_MAGIC_LINKS UINT64_C(0x02)
#define IN_ROOT	       UINT64_C(0x10)

/* The hosts file that a process sees, with O_PATH; or -errno. What its links say is meant for its
 * root, which is of its own making. */
static int open_file(const char *pid)
{
	const struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = O_PATH | O_CLOEXEC, .resolve = NO_MAGIC_LINKS | IN_ROOT};
	_cleanup_free_ char *path = icr_printf("/proc/%s/root", pid);
	_cleanup_fd_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	int fd = (int)syscall(OPENAT2, root, HOSTS_FILE + 1, &how, sizeof(how));
	/* before Linux 5.6, or in a sandbox that does not know it */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, HOSTS_FILE + 1, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Which file that is, malloc'ed: with mounts or a root of its own another than this host's, or
 * none. NULL when it cannot be told. */
static char *file_of(const char *pid)
{
	_cleanup_fd_ int fd = open_file(pid);
	struct stat info;

	if (fd >= 0 && fstat(fd, &info) == 0)
		return icr_printf("%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
	return fd == -ENOENT ? icr_strdup("none") : NULL;
}

static int read_file(const char *pid, struct icr_buf *text)
{
	_cleanup_fd_ int fd = open_file(pid);
	struct stat info;

	/* opened, a device may do something */
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return -EINVAL;
	_cleanup_free_ char *path = icr_printf("/proc/self/fd/%d", fd);
	return icr_file_read(path, text, NULL);
}

/* The first name that a process sees elsewhere than this host does; NULL for none. */
static const char *stray_of(const struct work *work, const char *pid)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);
	const char *lines[ROUTE_LINES_MAX];

	/* what is no file gives no addresses; a process may be gone */
	if (read_file(pid, &text) < 0 && !process_is_here(pid))
		return NULL;
	for (size_t i = 0; i < work->routes.count; i++)
		if (route_lines(&work->routes.items[i], lines) > 0 &&
		    !hosts_leads(&text, &work->routes.items[i]))
			return work->routes.items[i].region->public_name;
	return NULL;
}

static void say(struct work *work, const char *engine, const char *pid, const char *name,
		struct icr_strings *past)
{
	bool root = process_is_root(pid);

	if (root && !process_is_here(pid)) {
		note(&work->notes,
		     "%s (process %s) has a hosts file of its own, as in a container, which does "
		     "not lead %s to the private network: what it pulls is not steered from here",
		     engine, pid, name);
		return;
	}
	_cleanup_free_ char *text =
		root ? icr_printf(
			       "%s (process %s) goes by a hosts file of its own, as with a root "
			       "folder "
			       "or a mount over /etc/hosts, which does not lead %s to the private "
			       "network: restart it, or take that out of its unit",
			       engine, pid, name)
		     : icr_printf("%s (process %s, rootless) goes by the copy of /etc/hosts that "
				  "it was started "
				  "with, which does not lead %s to the private network: restart it "
				  "(as that user: "
				  "systemctl --user restart docker)",
				  engine, pid, name);
	if (past)
		icr_strings_add(past, text);
	else
		note_warning(&work->notes, "%s", text);
}

void own_hosts_of(struct work *work, const struct processes *processes, struct icr_strings *past)
{
	if (!processes->count || settings_route(&work->settings) != ROUTE_HOSTS)
		return;
	_cleanup_strings_ struct icr_strings seen = {0};
	_cleanup_free_ char *own = file_of("self");
	size_t looked = 0;

	for (size_t at = 0; own && at < processes->count; at++) {
		const char *pid = processes->items[at].pid;
		const char *engine = process_engine_called(processes->items[at].name);
		_cleanup_free_ char *file = engine ? file_of(pid) : NULL;
		if (!file || strcmp(file, own) == 0)
			continue;
		/* anybody may start any number of them, with files of any size */
		bool trusted = process_is_here(pid) && process_is_root(pid);
		if (!trusted && (seen.count >= SAID_MAX || looked++ >= LOOKED_MAX))
			continue;
		bool again = false;
		for (size_t i = 0; i < seen.count; i++)
			again |= strcmp(seen.items[i], file) == 0;
		const char *name = again ? NULL : stray_of(work, pid);
		if (!name)
			continue;
		icr_strings_add(&seen, file);
		say(work, engine, pid, name, past);
	}
}
