/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_ENVIRONMENT_H
#define ICR_ENVIRONMENT_H

#include "icr/error.h"

/*
 * The environment, read in one place and passed on, so that tests can set it. All strings belong to
 * the environment itself; unset and empty are both NULL. secure_getenv throughout.
 */
struct icr_environment {
	const char *home; /* HOME when absolute, else from the user database; NULL: not known */
	const char *path;
	const char *docker_config;	/* DOCKER_CONFIG: a folder */
	const char *docker_host;	/* DOCKER_HOST */
	const char *docker_auth_config; /* DOCKER_AUTH_CONFIG: only whether it is set matters */
	const char *xdg_config_home;
	const char *xdg_data_home;
	const char *xdg_runtime_dir;
	const char *dbus_session_bus_address;
	const char *credentials_directory; /* systemd's CREDENTIALS_DIRECTORY */
	const char *sudo_user;
};

void icr_environment_read(struct icr_environment *ret_environment);

/* HOME when absolute, else NULL. */
const char *icr_environment_home(void);

/* One variable by name, for tables of names; NULL when unset or empty. */
const char *icr_environment_get(const char *name);

/* Paths, malloc'ed. -ENOENT when no home folder is known. */
/* $DOCKER_CONFIG/config.json, else ~/.docker/config.json */
int icr_environment_docker_config(const struct icr_environment *environment, char **ret_path,
				  struct icr_error *err);
/* $XDG_CONFIG_HOME/docker-credential-icr/config.json, else below ~/.config; relative XDG paths are
 * ignored, as the XDG Base Directory Specification 0.8 asks */
int icr_environment_config_file(const struct icr_environment *environment, char **ret_path,
				struct icr_error *err);
/* $XDG_DATA_HOME/docker-credential-icr, else below ~/.local/share */
int icr_environment_data_folder(const struct icr_environment *environment, char **ret_path,
				struct icr_error *err);

#endif
