/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_FIND_H
#define REWRITE_DOCKER_FIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "icr/error.h"
#include "rewrite/host.h"
#include "rewrite/systemd.h"

struct work;

/* A running dockerd of this host: root's, and in our own process namespace and root folder, so
 * that engines inside containers do not count. */
struct docker_process {
	pid_t pid;			/* 0: none is running */
	struct icr_strings command;	/* as it was started */
	struct icr_strings environment; /* as it was started; may hold passwords in proxy URLs */
	char *program;			/* the file that it runs */
	char *folder;			/* that it runs in; NULL when unknown */
	bool by_unit;			/* in the control group of docker.service */
};

/* Is it still the same dockerd? */
bool docker_process_is_dockerd(pid_t pid);

#define DOCKER_UNIT "docker.service"

/* Our drop-in of the unit. It sorts behind all others, so that its NO_PROXY is the last one. */
#define DOCKER_DROPIN SYSTEMD_ETC "/" DOCKER_UNIT ".d/zz-icr-rewrite.conf"

#define DOCKER_CONFIG_FILE "/etc/docker/daemon.json"
#define DOCKER_SNAP_CONFIG "/var/snap/docker/current/config/daemon.json"

/* What there is of Docker on a host. */
struct docker {
	bool found;    /* a daemon, its unit, its program or its configuration */
	char *config;  /* path of daemon.json as the host sees it; it need not exist */
	char *hidden;  /* why the daemon sees another file there, in words; NULL: it does not */
	char *program; /* path of dockerd as the host sees it; NULL when not found */
	struct systemd_unit unit;
	bool opaque;		       /* the unit starts a script that starts the daemon */
	struct icr_strings given;      /* what the unit's command sets before it starts the daemon,
					  by env or a shell: wins over drop-ins; also part of
					  unit.environment */
	bool emptied;		       /* ... after env -i: nothing else counts */
	struct docker_process process; /* never below --root */
};

/*
 * Looks for it: of a live host at the running daemon first, then its unit; with --offline at the
 * daemon only where its process file names it; below --root at files alone.
 */
struct docker docker_find(const struct host *host);

/* The same, found when WORK was planned, or by the first who asks; it is WORK's. */
const struct docker *docker_of(struct work *work);
void docker_forget(struct work *work);

/* Adds a few words for each daemon that is not this host's own: of users, in containers. */
void docker_out_of_sight(struct icr_strings *processes);

/* A dockerd that is not this host's own, such as a user's or a second one of root's, as it was
 * started; config is what it sees there. Free with docker_free. */
struct docker docker_other(const char *pid);

/* The value of the last --NAME=VALUE or --NAME VALUE of a command line, NULL when not given. */
const char *docker_flag(const struct icr_strings *command, const char *name);

/* Who gives the daemon the flag --NAME, for messages: the unit's path, "the command line of dockerd
 * (process 123)", malloc'ed; NULL when nobody does. */
char *docker_flag_giver(const struct docker *docker, const char *name);

/* Is it docker.service that runs the daemon, or would? */
bool docker_by_unit(const struct docker *docker);

void docker_free(struct docker *docker);

#define _cleanup_docker_ __attribute__((cleanup(docker_free)))

#endif
