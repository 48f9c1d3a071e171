/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PROCESSES_H
#define REWRITE_PROCESSES_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"

/* A process's name as the kernel has it (proc_pid_comm(5); those of its own threads are longer). */
#define PROCESS_NAME_MAX 64

/* The number of the next process in DIR, which is of /proc; NULL behind the last, or without DIR.
 * It is valid until the next call. */
const char *processes_next(DIR *dir);

/* "" when it is gone. */
void process_name(const char *pid, char ret_name[PROCESS_NAME_MAX]);
bool process_is(const char *pid, const char *name);

/* Which of the engines that are written in Go it is; NULL: none. */
const char *process_engine_called(const char *name);

/* Processes by one walk through /proc: those engines, and those with one of the NULL-terminated
 * NAMES. */
struct processes {
	struct process {
		char *pid;
		char name[PROCESS_NAME_MAX];
	} * items;
	size_t count;
};
void processes_find(const char *const *names, struct processes *ret_processes);
void processes_free(struct processes *processes);

/* Is it written in Go, and looks up the names of what it pulls: an engine, or a client that fetches
 * images itself? */
bool process_looks_up(const char *pid);

/* Does it fetch images: an engine, a client that does so itself, or the program that holds the
 * connections of a rootless engine? */
bool process_pulls(const char *pid);

/* PATH as the process sees it, whose links lead nowhere out of its root folder: a descriptor to
 * look at (O_PATH), or -errno. */
int process_open(const char *pid, const char *path);

/* Appends that file to BUF; false when there is none that can be read. */
bool process_read_file(const char *pid, const char *path, struct icr_buf *buf);

/* Is it one of this host's, and not of a container with processes of its own? */
bool process_is_here(const char *pid);

/* Was it started by root, and has it nobody else's rights? A program that takes root's when a user
 * starts it, as su(1), is called as that user likes. */
bool process_is_root(const char *pid);

#endif
