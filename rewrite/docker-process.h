/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_PROCESS_H
#define REWRITE_DOCKER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "icr/error.h"
#include "rewrite/docker-words.h"

/* A running dockerd of this host: root's, and in our own process namespace and root folder, so
 * that engines inside containers do not count. */
struct docker_process {
	pid_t pid;		  /* 0: none is running */
	struct words command;	  /* as it was started */
	struct words environment; /* as it was started; may hold passwords in proxy URLs */
	char *program;		  /* the file that it runs */
	char *folder;		  /* that it runs in; NULL when unknown */
	bool by_unit;		  /* in the control group of docker.service */
};

/* Looks at the process file first; goes through all processes only when SEARCH is set. Fails for
 * lack of memory only. */
int docker_process_find(bool search, struct docker_process *ret_process, struct icr_error *err);

/* Is it still the same dockerd? */
bool docker_process_is_dockerd(pid_t pid);

void docker_process_free(struct docker_process *process);

#endif
