/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

#define STATUS_MAX ((size_t)64 * 1024)

/* openat2(2), which older headers do not have. Source: include/uapi/linux/openat2.h */
#define OPENAT2	       437
#define NO_MAGIC_LINKS UINT64_C(0x02)
#define IN_ROOT	       UINT64_C(0x10)

static const char *const engines[] = {"dockerd",    "containerd", "crio", "buildkitd",
				      "k3s-server", "k3s-agent",  "rke2", "kubelet"};

/* In Go as well; podman may be a service for hours, and skopeo sync at work for minutes. */
static const char *const clients[] = {"podman", "buildah", "skopeo", "nerdctl",
				      "ctr",	"crane",   "oras",   "regctl"};

/* slirp4netns(1) and passt(1): what a rootless engine sends leaves the host over their sockets */
static const char *const networks[] = {"slirp4netns", "pasta", "pasta.avx2"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

const char *processes_next(DIR *dir)
{
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			return entry->d_name;
	return NULL;
}

void process_name(const char *pid, char ret_name[PROCESS_NAME_MAX])
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/comm", pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* the kernel gives all of it at once */
	ssize_t len = fd < 0 ? 0 : read(fd, ret_name, PROCESS_NAME_MAX - 1);

	ret_name[len > 0 ? len : 0] = '\0';
	ret_name[strcspn(ret_name, "\n")] = '\0';
}

bool process_is(const char *pid, const char *name)
{
	char own[PROCESS_NAME_MAX];

	process_name(pid, own);
	return strcmp(own, name) == 0;
}

const char *process_engine_called(const char *name)
{
	for (size_t i = 0; i < ICR_LENGTH(engines); i++)
		if (strcmp(name, engines[i]) == 0)
			return engines[i];
	return NULL;
}

void processes_find(const char *const *names, struct processes *ret_processes)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");

	*ret_processes = (struct processes){0};
	for (const char *pid; (pid = processes_next(dir));) {
		struct process process;
		process_name(pid, process.name);
		bool wanted = process_engine_called(process.name);
		for (size_t i = 0; names[i] && !wanted; i++)
			wanted = strcmp(process.name, names[i]) == 0;
		if (!wanted)
			continue;
		process.pid = icr_strdup(pid);
		*ICR_APPEND(ret_processes) = process;
	}
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		free(processes->items[i].pid);
	free(processes->items);
	*processes = (struct processes){0};
}

bool process_looks_up(const char *pid)
{
	char name[PROCESS_NAME_MAX];

	process_name(pid, name);
	return process_engine_called(name) || is_among(name, clients, ICR_LENGTH(clients));
}

bool process_pulls(const char *pid)
{
	char name[PROCESS_NAME_MAX];

	process_name(pid, name);
	return process_engine_called(name) || is_among(name, clients, ICR_LENGTH(clients)) ||
	       is_among(name, networks, ICR_LENGTH(networks));
}

bool process_is_here(const char *pid)
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/ns/pid", pid);
	char own[64] = "", its[64] = "";

	return readlink("/proc/self/ns/pid", own, sizeof(own) - 1) > 0 &&
	       readlink(path, its, sizeof(its) - 1) > 0 && strcmp(own, its) == 0;
}

bool process_is_root(const char *pid)
{
	_cleanup_free_ char *path = icr_printf("/proc/%s/status", pid);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(STATUS_MAX);

	/* real, effective, saved and of the file system. Source: proc_pid_status(5) */
	return icr_file_try(path, &text) && strstr(text.data, "\nUid:\t0\t0\t0\t0\n");
}

int process_open(const char *pid, const char *path)
{
	const struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = O_PATH | O_CLOEXEC, .resolve = NO_MAGIC_LINKS | IN_ROOT};
	_cleanup_free_ char *place = icr_printf("/proc/%s/root", pid);
	_cleanup_fd_ int root = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	int fd = (int)syscall(OPENAT2, root, path + 1, &how, sizeof(how));
	/* before Linux 5.6, or in a sandbox that does not know it */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path + 1, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool process_read_file(const char *pid, const char *path, struct icr_buf *buf)
{
	_cleanup_fd_ int fd = process_open(pid, path);
	_cleanup_free_ char *opened = icr_printf("/proc/self/fd/%d", fd);
	struct stat info;

	/* opened, a device may do something */
	return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       icr_file_try(opened, buf);
}
