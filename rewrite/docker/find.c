/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/find.h"

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

static void process_free(struct docker_process *process)
{
	words_clear(&process->command);
	words_clear(&process->environment);
	free(process->program);
	free(process->folder);
	*process = (struct docker_process){0};
}

static int process_take(pid_t pid, struct docker_process *ret_process, struct icr_error *err)
{
	icr_cleanup(process_free) struct docker_process process = {.pid = pid};
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

/* Looks at the process file first; goes through all processes only when SEARCH is set. Fails for
 * lack of memory only. */
static int process_find(bool search, struct docker_process *ret_process, struct icr_error *err)
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

static const char *const programs[] = {
	"/usr/bin/dockerd",	   "/usr/sbin/dockerd", "/usr/local/bin/dockerd",
	"/usr/local/sbin/dockerd", "/bin/dockerd",	"/sbin/dockerd",
};

const char *docker_flag(const struct words *command, const char *name)
{
	const char *value = NULL;
	size_t len = strlen(name);

	for (size_t i = 1; i < command->count; i++) {
		const char *item = command->items[i];
		if (strncmp(item, "--", 2) != 0 || strncmp(item + 2, name, len) != 0)
			continue;
		if (item[2 + len] == '=')
			value = item + 2 + len + 1;
		else if (item[2 + len] == '\0')
			value = i + 1 < command->count ? command->items[i + 1] : "";
	}
	return value;
}

int docker_flag_giver(const struct docker *docker, const char *name, char **ret_giver,
		      struct icr_error *err)
{
	char *giver = NULL;
	int r = 0;

	if (docker->unit.path && docker_flag(&docker->unit.command, name))
		r = asprintf(&giver, "the unit %s (%s)", DOCKER_UNIT, docker->unit.path);
	else if (docker_flag(&docker->process.command, name))
		r = asprintf(&giver, "the command line of dockerd (process %d)",
			     (int)docker->process.pid);
	if (r < 0)
		return icr_fail_memory(err);
	*ret_giver = giver;
	return 0;
}

bool docker_by_unit(const struct docker *docker)
{
	return docker->process.pid > 0 ? docker->process.by_unit : docker->unit.path != NULL;
}

/* A relative path is relative to where the daemon runs, "/" for a unit. */
static char *absolute(const char *path, const char *folder)
{
	return path[0] == '/' ? strdup(path) : icr_path_join(folder ? folder : "/", path);
}

static int find_config(const struct docker *docker, char **ret_config, struct icr_error *err)
{
	const char *path = docker_flag(&docker->process.command, "config-file");
	const char *folder = docker->process.folder;

	if (!path && docker_by_unit(docker)) {
		path = docker_flag(&docker->unit.command, "config-file");
		folder = NULL;
	}
	*ret_config = absolute(path && path[0] ? path : DOCKER_CONFIG_FILE, folder);
	return *ret_config ? 0 : icr_fail_memory(err);
}

static bool is_program(const struct host *host, const char *path)
{
	static const char name[] = "/dockerd";
	size_t len = strlen(path);
	return path[0] == '/' && len >= sizeof(name) - 1 &&
	       strcmp(path + len - (sizeof(name) - 1), name) == 0 && host_has(host, path);
}

static int find_program(const struct host *host, const struct docker *docker, char **ret_program,
			struct icr_error *err)
{
	const char *found = NULL;

	if (docker->process.program && is_program(host, docker->process.program))
		found = docker->process.program;
	if (!found && docker->unit.command.count > 0 &&
	    is_program(host, docker->unit.command.items[0]))
		found = docker->unit.command.items[0];
	for (size_t i = 0; !found && i < ICR_LENGTH(programs); i++)
		if (is_program(host, programs[i]))
			found = programs[i];
	if (!found)
		return 0;
	*ret_program = strdup(found);
	return *ret_program ? 0 : icr_fail_memory(err);
}

int docker_find(const struct host *host, struct docker *ret_docker, struct icr_error *err)
{
	_cleanup_docker_ struct docker docker = {0};

	int r = systemd_unit_read(host, DOCKER_UNIT, DOCKER_DROPIN, &docker.unit, err);
	if (r >= 0 && host->root[0] == '\0')
		r = process_find(host->live, &docker.process, err);
	if (r >= 0)
		r = find_config(&docker, &docker.config, err);
	if (r >= 0)
		r = find_program(host, &docker, &docker.program, err);
	if (r < 0)
		return r;
	docker.found = docker.process.pid > 0 || docker.unit.path || docker.program ||
		       host_has(host, docker.config);
	*ret_docker = docker;
	docker = (struct docker){0};
	return 0;
}

void docker_free(struct docker *docker)
{
	free(docker->config);
	free(docker->program);
	systemd_unit_free(&docker->unit);
	process_free(&docker->process);
	*docker = (struct docker){0};
}
