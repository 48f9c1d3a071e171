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
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"

/* dockerd's own default. Source: dockerd --help, --pidfile */
#define PROCESS_FILE  "/var/run/docker.pid"
#define FILE_SIZE_MAX ((size_t)4 * 1024 * 1024)
/* How long what was found out about all processes is good. */
#define SEARCH_GOOD_MS 200

static bool process_read(pid_t pid, const char *name, struct icr_buf *buf)
{
	_cleanup_free_ char *path = icr_printf("/proc/%d/%s", (int)pid, name);

	return icr_file_read(path, buf, NULL) > 0;
}

static char *process_link(pid_t pid, const char *name)
{
	_cleanup_free_ char *path = icr_printf("/proc/%d/%s", (int)pid, name);
	char *target = NULL;

	(void)icr_path_link_target(path, &target, NULL);
	return target;
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
	_cleanup_free_ char *path = icr_printf("/proc/%d/root", (int)pid);
	struct stat theirs, ours;

	return stat(path, &theirs) == 0 && stat("/", &ours) == 0 && theirs.st_dev == ours.st_dev &&
	       theirs.st_ino == ours.st_ino;
}

static bool owned_by_root(pid_t pid)
{
	_cleanup_free_ char *path = icr_printf("/proc/%d", (int)pid);
	struct stat info;

	return stat(path, &info) == 0 && info.st_uid == 0;
}

/* By the program that it runs; by its name only for those who may not see that. One call for each
 * of the host's processes, so that looking through all of them stays cheap. */
static bool runs_dockerd(pid_t pid)
{
	_cleanup_buf_ struct icr_buf command = ICR_BUF(FILE_SIZE_MAX);
	_cleanup_free_ char *path = icr_printf("/proc/%d/exe", (int)pid);
	char program[PATH_MAX + 1];
	ssize_t len = readlink(path, program, sizeof(program) - 1);

	if (len >= 0) {
		program[len] = '\0';
		return is_dockerd(program);
	}
	return errno == EACCES && process_read(pid, "cmdline", &command) &&
	       is_dockerd(command.data);
}

bool docker_process_is_dockerd(pid_t pid)
{
	return runs_dockerd(pid) && owned_by_root(pid) && same_link(pid, "ns/pid") &&
	       same_root(pid);
}

/* Source: systemd.unit(5); a unit's processes are in a control group of its name. */
static bool in_unit(pid_t pid)
{
	static const char name[] = "/docker.service";
	_cleanup_buf_ struct icr_buf groups = ICR_BUF(FILE_SIZE_MAX);
	if (!process_read(pid, "cgroup", &groups))
		return false;
	const char *found = strstr(groups.data, name);
	return found && strchr("\n/", found[sizeof(name) - 1]);
}

static void process_free(struct docker_process *process)
{
	icr_strings_free(&process->command);
	icr_strings_free(&process->environment);
	free(process->program);
	free(process->folder);
	*process = (struct docker_process){0};
}

/* Adds the strings of a block in which each ends with a NUL. */
static void add_block(struct icr_strings *strings, const struct icr_buf *block)
{
	for (size_t start = 0; start < block->len;) {
		size_t len = strnlen(block->data + start, block->len - start);
		icr_strings_add_span(strings, block->data + start, len);
		start += len + 1;
	}
}

static struct docker_process process_take(pid_t pid)
{
	struct docker_process process = {.pid = pid};
	_cleanup_buf_ struct icr_buf command = ICR_BUF(FILE_SIZE_MAX);
	_cleanup_buf_ struct icr_buf environment = ICR_BUF(FILE_SIZE_MAX);

	(void)process_read(pid, "cmdline", &command);
	(void)process_read(pid, "environ", &environment);
	add_block(&process.command, &command);
	add_block(&process.environment, &environment);
	process.program = process_link(pid, "exe");
	process.folder = process_link(pid, "cwd");
	process.by_unit = in_unit(pid);
	return process;
}

static pid_t parse_pid(const char *text)
{
	int64_t pid;
	return icr_number_parse(text, 1, INT_MAX, &pid, NULL) < 0 ? 0 : (pid_t)pid;
}

static pid_t from_file(void)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(64);

	if (icr_file_read(PROCESS_FILE, &text, NULL) <= 0)
		return 0;
	while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1]))
		icr_buf_truncate(&text, text.len - 1);
	pid_t pid = parse_pid(text.data);
	return pid > 0 && docker_process_is_dockerd(pid) ? pid : 0;
}

/* A host has hundreds of processes, and status asks for the daemon twice within a millisecond. */
static pid_t from_search(void)
{
	static int64_t looked_ms = INT64_MIN / 2;
	static pid_t found;

	if (icr_clock_ms() - looked_ms < SEARCH_GOOD_MS)
		return found && docker_process_is_dockerd(found) ? found : 0;
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	found = 0;
	while (!found && dir && (entry = readdir(dir))) {
		char first = entry->d_name[0];
		pid_t pid = first >= '1' && first <= '9' ? parse_pid(entry->d_name) : 0;
		if (pid > 0 && docker_process_is_dockerd(pid))
			found = pid;
	}
	looked_ms = icr_clock_ms();
	return found;
}

/* Looks at the process file first; goes through all processes only when SEARCH is set. */
static struct docker_process process_find(bool search)
{
	pid_t pid = from_file();

	if (pid == 0 && search)
		pid = from_search();
	if (pid == 0)
		return (struct docker_process){0};
	return process_take(pid);
}

#define SNAP_DATA "/var/snap/docker/"

static const char *const programs[] = {
	"/usr/bin/dockerd",
	"/usr/sbin/dockerd",
	"/usr/local/bin/dockerd",
	"/usr/local/sbin/dockerd",
	"/bin/dockerd",
	"/sbin/dockerd",
	"/snap/docker/current/bin/dockerd",
};

const char *docker_flag(const struct icr_strings *command, const char *name)
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

char *docker_flag_giver(const struct docker *docker, const char *name)
{
	if (docker->unit.path && docker_flag(&docker->unit.command, name))
		return icr_printf("the unit %s (%s)", DOCKER_UNIT, docker->unit.path);
	if (docker_flag(&docker->process.command, name))
		return icr_printf("the command line of dockerd (process %d)",
				  (int)docker->process.pid);
	return NULL;
}

bool docker_by_unit(const struct docker *docker)
{
	return docker->process.pid > 0 ? docker->process.by_unit : docker->unit.path != NULL;
}

static bool is_called(const char *path, const char *name)
{
	return strcmp(icr_path_base(path), name) == 0;
}

/* Drops the words before dockerd, as of "env" and "nice"; false when it is not there. */
static bool drop_before_dockerd(struct icr_strings *command)
{
	struct icr_strings rest = {0};

	for (size_t i = 0; i < command->count; i++)
		if (rest.count > 0 || is_called(command->items[i], "dockerd"))
			icr_strings_add(&rest, command->items[i]);
	if (rest.count == 0)
		return false;
	icr_strings_free(command);
	*command = rest;
	return true;
}

/* The words that a shell gets after -c take the place of its own. */
static void look_into_shell(struct icr_strings *command)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh"};
	struct icr_strings words = {0};
	bool shell = false;

	for (size_t i = 0; command->count > 0 && i < ICR_LENGTH(shells); i++)
		shell |= is_called(command->items[0], shells[i]);
	for (size_t i = 1; shell && i + 1 < command->count; i++) {
		const char *item = command->items[i];
		if (item[0] != '-' || item[1] == '-' || item[strlen(item) - 1] != 'c')
			continue;
		(void)systemd_split(&words, command->items[i + 1], strlen(command->items[i + 1]));
		icr_strings_free(command);
		*command = words;
		return;
	}
}

/* A snap's files are copied to another folder, named by the revision, at each update; "current"
 * leads to the one in use. */
static char *follow_snap(const struct host *host, char *path)
{
	size_t len = strlen(SNAP_DATA);

	if (strncmp(path, SNAP_DATA, len) != 0 || !host_has(host, SNAP_DATA "current"))
		return path;
	char *current = icr_printf(SNAP_DATA "current%s", path + len + strcspn(path + len, "/"));
	free(path);
	return current;
}

/* A relative path is relative to where the daemon runs, "/" for a unit. */
static char *find_config(const struct host *host, const struct docker *docker)
{
	const char *path = docker_flag(&docker->process.command, "config-file");
	const char *folder = docker->process.folder;

	if (!path && docker_by_unit(docker)) {
		path = docker_flag(&docker->unit.command, "config-file");
		folder = NULL;
	}
	bool snap = !path && docker->process.pid == 0 && !docker->unit.path &&
		    !host_has(host, DOCKER_CONFIG_FILE) && host_has(host, DOCKER_SNAP_CONFIG);
	if (!path || !path[0])
		path = snap ? DOCKER_SNAP_CONFIG : DOCKER_CONFIG_FILE;
	return follow_snap(host, path[0] == '/' ? icr_strdup(path)
						: icr_path_join(folder ? folder : "/", path));
}

static bool is_program(const struct host *host, const char *path)
{
	static const char name[] = "/dockerd";
	size_t len = strlen(path);
	return path[0] == '/' && len >= sizeof(name) - 1 &&
	       strcmp(path + len - (sizeof(name) - 1), name) == 0 && host_has(host, path);
}

static char *find_program(const struct host *host, const struct docker *docker)
{
	const char *running = docker->process.program;

	if (running && is_program(host, running))
		return icr_strdup(running);
	if (docker->unit.command.count > 0 && is_program(host, docker->unit.command.items[0]))
		return icr_strdup(docker->unit.command.items[0]);
	for (size_t i = 0; i < ICR_LENGTH(programs); i++)
		if (is_program(host, programs[i]))
			return icr_strdup(programs[i]);
	return NULL;
}

struct docker docker_find(const struct host *host)
{
	struct docker docker = {.unit = systemd_unit_read(host, DOCKER_UNIT, DOCKER_DROPIN)};

	look_into_shell(&docker.unit.command);
	docker.opaque = docker.unit.command.count > 0 && !drop_before_dockerd(&docker.unit.command);
	if (host->root[0] == '\0')
		docker.process = process_find(host->live);
	docker.config = find_config(host, &docker);
	docker.program = find_program(host, &docker);
	docker.found = docker.process.pid > 0 || docker.unit.path || docker.program ||
		       host_has(host, docker.config);
	return docker;
}

void docker_free(struct docker *docker)
{
	free(docker->config);
	free(docker->program);
	systemd_unit_free(&docker->unit);
	process_free(&docker->process);
	*docker = (struct docker){0};
}

void docker_out_of_sight(struct icr_strings *processes)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char first = entry->d_name[0];
		pid_t pid = first >= '1' && first <= '9' ? parse_pid(entry->d_name) : 0;
		if (pid <= 0 || !runs_dockerd(pid) || docker_process_is_dockerd(pid))
			continue;
		icr_strings_add_format(processes, "process %d, %s", (int)pid,
				       owned_by_root(pid) ? "in a container or a root of its own"
							  : "rootless");
	}
}
