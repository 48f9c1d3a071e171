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
#include "icr/memory.h"
#include "icr/text.h"
#include "rewrite/processes.h"
#include "rewrite/work.h"

/* dockerd's own default. Source: dockerd --help, --pidfile */
#define PROCESS_FILE  "/var/run/docker.pid"
#define FILE_SIZE_MAX ((size_t)4 * 1024 * 1024)

static bool process_read(pid_t pid, const char *name, struct icr_buf *buf)
{
	_cleanup_free_ char *path = icr_printf("/proc/%d/%s", (int)pid, name);

	return icr_file_try(path, buf);
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
	_cleanup_free_ char *text = icr_printf("%d", (int)pid);

	return process_is_root(text);
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

	if (!icr_file_try(PROCESS_FILE, &text))
		return 0;
	while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1]))
		icr_buf_truncate(&text, text.len - 1);
	pid_t pid = parse_pid(text.data);
	return pid > 0 && docker_process_is_dockerd(pid) ? pid : 0;
}

static pid_t from_search(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");

	for (const char *process; (process = processes_next(dir));) {
		pid_t pid = parse_pid(process);
		if (pid > 0 && docker_process_is_dockerd(pid))
			return pid;
	}
	return 0;
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

#define SNAP_DATA    "/var/snap/docker/"
#define SNAP_PROGRAM "/snap/docker/current/bin/dockerd"

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

/* ---- what a unit's command does before it starts the daemon */

/* Shell scripts that start another are followed so far. */
#define SHELLS_MAX 4

static bool is_shell(const char *word)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh"};

	for (size_t i = 0; i < ICR_LENGTH(shells); i++)
		if (is_called(word, shells[i]))
			return true;
	return false;
}

static void give(struct docker *docker, const char *assignment, size_t len)
{
	icr_strings_add_span(&docker->given, assignment, len);
	icr_strings_add_span(&docker->unit.environment, assignment, len);
}

/* The assignments of a shell's file, exported or not: what they refer to is not filled in. */
static void read_shell_file(const char *path, struct docker *docker)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX), plain = ICR_BUF(ICR_FILE_MAX);
	_cleanup_strings_ struct icr_strings found = {0};

	if (path[0] != '/' || !host_read(path, &text))
		return;
	for (const char *at = text.data, *end = at + text.len; at < end;) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		next = next ? next + 1 : end;
		while (at < next && (*at == ' ' || *at == '\t'))
			at++;
		if ((size_t)(next - at) > 7 && memcmp(at, "export ", 7) == 0)
			at += 7;
		icr_buf_append(&plain, at, (size_t)(next - at));
		at = next;
	}
	systemd_environment_parse(&found, plain.data, plain.len);
	for (size_t i = 0; i < found.count; i++)
		give(docker, found.items[i], strlen(found.items[i]));
}

static int is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".sh") == 0;
}

/* What a login shell reads. */
static void read_profile(struct docker *docker)
{
	static const char folder[] = "/etc/profile.d";
	struct dirent **entries = NULL;

	read_shell_file("/etc/profile", docker);
	int count = scandir(folder, &entries, is_script, alphasort);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = icr_path_join(folder, entries[i]->d_name);
		read_shell_file(path, docker);
		free(entries[i]);
	}
	free(entries);
}

static void forget_variable(struct icr_strings *environment, const char *name)
{
	struct icr_strings rest = {0};
	size_t len = strlen(name);

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], name, len) != 0 ||
		    environment->items[i][len] != '=')
			icr_strings_add(&rest, environment->items[i]);
	icr_strings_free(environment);
	*environment = rest;
}

/* An option of env(1). */
static void follow_option(const char *option, const char *next, struct docker *docker)
{
	static const char unset[] = "--unset=";

	if (strcmp(option, "-i") == 0 || strcmp(option, "-") == 0 ||
	    strcmp(option, "--ignore-environment") == 0) {
		docker->emptied = true;
		icr_strings_free(&docker->given);
		icr_strings_free(&docker->unit.environment);
	} else if (strncmp(option, unset, strlen(unset)) == 0) {
		forget_variable(&docker->unit.environment, option + strlen(unset));
	} else if (strcmp(option, "-u") == 0 && next) {
		forget_variable(&docker->unit.environment, next);
	}
}

static bool is_assignment(const char *word)
{
	size_t name = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_");

	return name > 0 && word[name] == '=' && !(word[0] >= '0' && word[0] <= '9');
}

/* The first COUNT words of a command, before the daemon or a shell. */
static void follow_words(const struct icr_strings *command, size_t count, struct docker *docker)
{
	bool env = false;

	for (size_t i = 0; i < count; i++) {
		const char *word = command->items[i];
		const char *next = i + 1 < count ? command->items[i + 1] : NULL;
		size_t len = strlen(word);
		while (len > 0 && word[len - 1] == ';')
			len--;
		if (is_called(word, "env")) {
			env = true;
		} else if (env && word[0] == '-') {
			follow_option(word, next, docker);
		} else if ((strcmp(word, ".") == 0 || strcmp(word, "source") == 0) && next) {
			_cleanup_free_ char *path = icr_strndup(next, strcspn(next, ";"));
			read_shell_file(path, docker);
		} else if (is_assignment(word)) {
			give(docker, word, len);
		}
	}
}

/* Where in COMMAND the daemon, or a shell before it, is named; count: nowhere. */
static size_t find_program_word(const struct icr_strings *command)
{
	size_t i = 0;

	while (i < command->count && !is_called(command->items[i], "dockerd") &&
	       !is_shell(command->items[i]))
		i++;
	return i;
}

/* The words that the shell at AT gets behind -c take the place of all; false when it gets none. */
static bool enter_shell(struct icr_strings *command, size_t at, struct docker *docker)
{
	struct icr_strings words = {0};
	bool login = false;

	for (size_t i = at + 1; i + 1 < command->count; i++) {
		const char *item = command->items[i];
		if (item[0] != '-')
			return false;
		login |= strcmp(item, "--login") == 0 || (item[1] != '-' && strchr(item, 'l'));
		if (item[1] == '-' || item[strlen(item) - 1] != 'c')
			continue;
		if (login)
			read_profile(docker);
		(void)systemd_split(&words, command->items[i + 1], strlen(command->items[i + 1]));
		icr_strings_free(command);
		*command = words;
		return true;
	}
	return false;
}

/* Has unit.command begin with dockerd, and unit.environment be the daemon's, as far as they can be
 * followed. */
static void follow_command(struct docker *docker)
{
	struct icr_strings *command = &docker->unit.command, rest = {0};
	size_t at = 0;

	for (int shells = 0; command->count > 0; shells++) {
		at = find_program_word(command);
		follow_words(command, at, docker);
		if (at == command->count || !is_shell(command->items[at]) || shells == SHELLS_MAX ||
		    !enter_shell(command, at, docker))
			break;
	}
	docker->opaque = command->count > 0 &&
			 (at == command->count || !is_called(command->items[at], "dockerd"));
	if (docker->opaque)
		return;
	for (size_t i = at; i < command->count; i++)
		icr_strings_add(&rest, command->items[i]);
	icr_strings_free(command);
	*command = rest;
}

/* A snap's files are copied to another folder, named by the revision, at each update; "current"
 * leads to the one in use. */
static char *follow_snap(char *path)
{
	size_t len = strlen(SNAP_DATA);

	if (strncmp(path, SNAP_DATA, len) != 0 || !host_has(SNAP_DATA "current"))
		return path;
	char *current = icr_printf(SNAP_DATA "current%s", path + len + strcspn(path + len, "/"));
	free(path);
	return current;
}

/* A relative path is relative to where the daemon runs, or would. */
static char *find_config(const struct docker *docker)
{
	const char *path = docker_flag(&docker->process.command, "config-file");
	const char *folder = docker->process.folder;

	if (!path && docker_by_unit(docker)) {
		path = docker_flag(&docker->unit.command, "config-file");
		folder = docker->unit.folder;
	}
	bool snap = !path && docker->process.pid == 0 && !docker->unit.path &&
		    !host_has(DOCKER_CONFIG_FILE) && host_has(DOCKER_SNAP_CONFIG);
	if (!path || !path[0])
		path = snap ? DOCKER_SNAP_CONFIG : DOCKER_CONFIG_FILE;
	return follow_snap(path[0] == '/' ? icr_strdup(path)
					  : icr_path_join(folder ? folder : "/", path));
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Source: systemd.exec(5), "Paths", "Sandboxing" and "Credentials". */
static char *find_hiding(const struct docker *docker)
{
	const struct systemd_unit *unit = &docker->unit;

	if (is_below(docker->config, SYSTEMD_CREDENTIALS))
		return icr_printf("%s is a credential that systemd hands out", docker->config);
	if (!docker_by_unit(docker))
		return NULL;
	if (unit->root)
		return icr_printf("%s gives the daemon the root %s", unit->path, unit->root);
	for (size_t i = 0; i < unit->covered.count; i++)
		if (is_below(docker->config, unit->covered.items[i]))
			return icr_printf("%s puts other files over %s", unit->path,
					  unit->covered.items[i]);
	if (docker->process.pid == 0 && strchr(docker->config, '%'))
		return icr_printf("%s names %s, which only systemd can fill in", unit->path,
				  docker->config);
	return NULL;
}

static bool is_program(const char *path)
{
	static const char name[] = "/dockerd";
	size_t len = strlen(path);
	return path[0] == '/' && len >= sizeof(name) - 1 &&
	       strcmp(path + len - (sizeof(name) - 1), name) == 0 && host_has(path);
}

static char *find_program(const struct host *host, const struct docker *docker)
{
	static const char *const names[] = {"dockerd", NULL};
	const char *running = docker->process.program;

	if (running && is_program(running))
		return icr_strdup(running);
	if (docker->unit.command.count > 0 && is_program(docker->unit.command.items[0]))
		return icr_strdup(docker->unit.command.items[0]);
	char *found = host_find_program(host, names);
	return found || !is_program(SNAP_PROGRAM) ? found : icr_strdup(SNAP_PROGRAM);
}

struct docker docker_find(const struct host *host)
{
	struct docker docker = {.unit = systemd_unit_read(host, DOCKER_UNIT, DOCKER_DROPIN)};

	follow_command(&docker);
	if (host->root[0] == '\0')
		docker.process = process_find(host->live);
	docker.config = find_config(&docker);
	docker.hidden = find_hiding(&docker);
	docker.program = find_program(host, &docker);
	docker.found = docker.process.pid > 0 || docker.unit.path || docker.program ||
		       host_has(docker.config);
	return docker;
}

void docker_free(struct docker *docker)
{
	free(docker->config);
	free(docker->hidden);
	free(docker->program);
	icr_strings_free(&docker->given);
	systemd_unit_free(&docker->unit);
	process_free(&docker->process);
	*docker = (struct docker){0};
}

const struct docker *docker_of(struct work *work)
{
	if (!work->docker) {
		work->docker = icr_malloc(sizeof(*work->docker));
		*work->docker = docker_find(&work->host);
	}
	return work->docker;
}

void docker_forget(struct work *work)
{
	if (work->docker)
		docker_free(work->docker);
	free(icr_steal(&work->docker));
}

void docker_out_of_sight(struct icr_strings *processes)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");

	for (const char *process; (process = processes_next(dir));) {
		pid_t pid = parse_pid(process);
		if (pid <= 0 || !runs_dockerd(pid) || docker_process_is_dockerd(pid))
			continue;
		icr_strings_add_format(processes, "process %d, %s", (int)pid,
				       owned_by_root(pid) ? "in a container or a root of its own"
							  : "rootless");
	}
}

/* Source: dockerd's Daemon.configFile and rootless mode: $XDG_CONFIG_HOME/docker/daemon.json. */
static char *config_of_user(const struct icr_strings *environment)
{
	const char *folder = environment_value(environment, "XDG_CONFIG_HOME");
	const char *home = environment_value(environment, "HOME");

	if (folder)
		return icr_printf("%s/docker/daemon.json", folder);
	return icr_printf("%s/.config/docker/daemon.json", home ? home : "");
}

struct docker docker_other(const char *pid)
{
	struct docker docker = {.found = true, .process = process_take(parse_pid(pid))};
	const char *path = docker_flag(&docker.process.command, "config-file");
	const char *folder = docker.process.folder ? docker.process.folder : "/";

	/* it may be a user's docker.service */
	docker.process.by_unit = false;
	if (path && path[0])
		docker.config = path[0] == '/' ? icr_strdup(path) : icr_path_join(folder, path);
	else if (owned_by_root(docker.process.pid))
		docker.config = icr_strdup(DOCKER_CONFIG_FILE);
	else
		docker.config = config_of_user(&docker.process.environment);
	return docker;
}
