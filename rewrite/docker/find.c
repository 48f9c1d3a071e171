/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/find.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/file.h"

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

	int r = docker_unit_read(host, &docker.unit, err);
	if (r >= 0 && host->root[0] == '\0')
		r = docker_process_find(host->live, &docker.process, err);
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
	docker_unit_free(&docker->unit);
	docker_process_free(&docker->process);
	*docker = (struct docker){0};
}
