/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-process.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/text.h"

/* dockerd's own default. Source: dockerd --help, --pidfile */
#define PROCESS_FILE  "/var/run/docker.pid"
#define FILE_SIZE_MAX ((size_t)4 * 1024 * 1024)

static char *process_path(pid_t pid, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "/proc/%d/%s", (int)pid, name) < 0 ? NULL : path;
}

static bool process_read(pid_t pid, const char *name, struct icr_buf *buf)
{
	_cleanup_free_ char *path = process_path(pid, name);

	icr_buf_init(buf, FILE_SIZE_MAX);
	return path && icr_file_read(path, buf, NULL) > 0;
}

static char *process_link(pid_t pid, const char *name)
{
	_cleanup_free_ char *path = process_path(pid, name);
	char *target = path ? calloc(1, PATH_MAX) : NULL;

	if (target && readlink(path, target, PATH_MAX - 1) >= 0)
		return target;
	free(target);
	return NULL;
}

/* PATH may end in " (deleted)" after an upgrade of the package. */
static bool is_dockerd(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return strcmp(name, "dockerd") == 0 || strcmp(name, "dockerd (deleted)") == 0;
}

static bool same_link(pid_t pid, const char *name)
{
	_cleanup_free_ char *theirs = process_link(pid, name);
	_cleanup_free_ char *ours = process_link(getpid(), name);
	return theirs && ours && strcmp(theirs, ours) == 0;
}

static bool same_root(pid_t pid)
{
	_cleanup_free_ char *path = process_path(pid, "root");
	struct stat theirs, ours;
	return path && stat(path, &theirs) == 0 && stat("/", &ours) == 0 &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static bool owned_by_root(pid_t pid)
{
	_cleanup_free_ char *path = process_path(pid, "");
	struct stat info;
	return path && stat(path, &info) == 0 && info.st_uid == 0;
}

bool docker_process_is_dockerd(pid_t pid)
{
	_cleanup_buf_ struct icr_buf command;
	if (!process_read(pid, "cmdline", &command) || command.len == 0)
		return false;
	_cleanup_free_ char *program = process_link(pid, "exe");
	if (!is_dockerd(command.data) && !(program && is_dockerd(program)))
		return false;
	return owned_by_root(pid) && same_link(pid, "ns/pid") && same_root(pid);
}

/* Source: systemd.unit(5); a unit's processes are in a control group of its name. */
static bool in_unit(pid_t pid)
{
	static const char name[] = "/docker.service";
	_cleanup_buf_ struct icr_buf groups;
	if (!process_read(pid, "cgroup", &groups))
		return false;
	const char *found = strstr(groups.data, name);
	return found && strchr("\n/", found[sizeof(name) - 1]);
}

static int process_take(pid_t pid, struct docker_process *ret_process, struct icr_error *err)
{
	icr_cleanup(docker_process_free) struct docker_process process = {.pid = pid};
	_cleanup_buf_ struct icr_buf command, environment;

	(void)process_read(pid, "cmdline", &command);
	(void)process_read(pid, "environ", &environment);
	words_add_block(&process.command, command.data, command.len);
	words_add_block(&process.environment, environment.data, environment.len);
	process.program = process_link(pid, "exe");
	process.folder = process_link(pid, "cwd");
	process.by_unit = in_unit(pid);
	if (process.command.failed || process.environment.failed)
		return icr_fail_memory(err);
	*ret_process = process;
	process = (struct docker_process){0};
	return 1;
}

static pid_t parse_pid(const char *text)
{
	int64_t pid;
	return icr_number_parse(text, 1, INT_MAX, &pid, NULL) < 0 ? 0 : (pid_t)pid;
}

static pid_t from_file(void)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, 64);
	if (icr_file_read(PROCESS_FILE, &text, NULL) <= 0)
		return 0;
	while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1]))
		icr_buf_truncate(&text, text.len - 1);
	pid_t pid = parse_pid(text.data);
	return pid > 0 && docker_process_is_dockerd(pid) ? pid : 0;
}

static pid_t from_search(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char first = entry->d_name[0];
		pid_t pid = first >= '1' && first <= '9' ? parse_pid(entry->d_name) : 0;
		if (pid > 0 && docker_process_is_dockerd(pid))
			return pid;
	}
	return 0;
}

int docker_process_find(bool search, struct docker_process *ret_process, struct icr_error *err)
{
	pid_t pid = from_file();

	if (pid == 0 && search)
		pid = from_search();
	if (pid == 0) {
		*ret_process = (struct docker_process){0};
		return 0;
	}
	return process_take(pid, ret_process, err);
}

void docker_process_free(struct docker_process *process)
{
	words_clear(&process->command);
	words_clear(&process->environment);
	free(process->program);
	free(process->folder);
	*process = (struct docker_process){0};
}
