/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/nss.h"

const char *icr_environment_get(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

const char *icr_environment_home(void)
{
	const char *home = icr_environment_get("HOME");

	return home && home[0] == '/' ? home : NULL;
}

void icr_environment_read(struct icr_environment *ret_environment)
{
	const char *home = icr_environment_home();

	*ret_environment = (struct icr_environment){
		.home = home ? home : icr_home_of_user(),
		.path = icr_environment_get("PATH"),
		.docker_config = icr_environment_get("DOCKER_CONFIG"),
		.docker_host = icr_environment_get("DOCKER_HOST"),
		.docker_auth_config = icr_environment_get("DOCKER_AUTH_CONFIG"),
		.xdg_config_home = icr_environment_get("XDG_CONFIG_HOME"),
		.xdg_data_home = icr_environment_get("XDG_DATA_HOME"),
		.xdg_runtime_dir = icr_environment_get("XDG_RUNTIME_DIR"),
		.dbus_session_bus_address = icr_environment_get("DBUS_SESSION_BUS_ADDRESS"),
		.credentials_directory = icr_environment_get("CREDENTIALS_DIRECTORY"),
		.sudo_user = icr_environment_get("SUDO_USER"),
	};
}

static int below_home(const struct icr_environment *environment, const char *name, char **ret_path,
		      struct icr_error *err)
{
	if (!environment->home) {
		icr_fail(err, ENOENT, "no home folder is known for user id %u",
			 (unsigned)geteuid());
		(void)icr_error_hint(err, "set HOME");
		return -ENOENT;
	}
	*ret_path = icr_path_join(environment->home, name);
	return 0;
}

int icr_environment_docker_config(const struct icr_environment *environment, char **ret_path,
				  struct icr_error *err)
{
	if (environment->docker_config) {
		*ret_path = icr_path_join(environment->docker_config, "config.json");
		return 0;
	}
	return below_home(environment, ".docker/config.json", ret_path, err);
}

int icr_environment_config_file(const struct icr_environment *environment, char **ret_path,
				struct icr_error *err)
{
	if (environment->xdg_config_home && environment->xdg_config_home[0] == '/') {
		*ret_path = icr_path_join(environment->xdg_config_home,
					  "docker-credential-icr/config.json");
		return 0;
	}
	return below_home(environment, ".config/docker-credential-icr/config.json", ret_path, err);
}

int icr_environment_data_folder(const struct icr_environment *environment, char **ret_path,
				struct icr_error *err)
{
	if (environment->xdg_data_home && environment->xdg_data_home[0] == '/') {
		*ret_path = icr_path_join(environment->xdg_data_home, "docker-credential-icr");
		return 0;
	}
	return below_home(environment, ".local/share/docker-credential-icr", ret_path, err);
}
