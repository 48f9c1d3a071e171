/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/processes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

#define STATUS_MAX ((size_t)64 * 1024)

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
