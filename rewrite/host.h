/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_HOST_H
#define REWRITE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "icr/buf.h"
#include "icr/environment.h"
#include "icr/error.h"
#include "icr/text.h"

struct systemd_units;
struct host_programs;

/* The host whose configuration is rewritten: this one, or a tree below --root. */
struct host {
	const char *root; /* "" for this host, else what messages put before its paths */
	bool live;	  /* may probe, prove and reload: neither --root nor --offline */
	struct icr_environment environment;
	struct systemd_units *units; /* see rewrite/systemd.h */
	struct host_programs *programs;
	char *storage; /* of root */
};

/*
 * ROOT as --root gave it, or NULL. Below a root the process sees that tree from now on as the host
 * will that boots from it: chroot(), for others than root in a user namespace of their own. So no
 * link of the tree leads out of it, whoever moves things in there meanwhile; and nothing that loads
 * code or asks databases (programs, libraries, getpwuid, getaddrinfo) may be called any more,
 * because it would be the tree's. -ENOENT, -ENOTDIR for a root that is no folder. Free with
 * host_free.
 */
int host_open(const char *root, bool offline, struct host *ret_host, struct icr_error *err);
void host_free(struct host *host);

/* Below a root: lets go for good of every privilege but those over files, so that what the kernel
 * shows of other processes (/proc/1/root) is no way out either. */
void host_confine(const struct host *host);

/* Puts the root before the place that ERR names, and before that path in its hint. Returns -code.
 */
int host_error(const struct host *host, struct icr_error *err);

/* Can the file at PATH, no link, be replaced by rename, as every write is? */
int host_check_replaceable(const struct host *host, const char *path, struct icr_error *err);

/* What we know of a host is kept in this folder, below it or here. */
#define STATE_FOLDER  "/var/lib/icr-rewrite"
#define STATE_FILE    STATE_FOLDER "/state.json"
#define STATE_KEPT    ".left" /* ends the names of texts that we left in files */
#define STATE_JOURNAL STATE_FOLDER "/journal"
#define STATE_LOCK    STATE_FOLDER "/lock"

/* The state that was there before, while what a run wrote is not proven yet; empty for none. */
#define STATE_UNPROVEN STATE_FOLDER "/unproven"

/* Is PATH one of the files in that folder? */
bool host_is_state(const char *path);

/* A file as it was before it was read. */
struct host_sight {
	struct stat info;
	int64_t at_s; /* when; 0: nothing to see */
};

struct host_sight host_look(const char *path);

/* Does it look just like that now? Times tell of a write only as exactly as the kernel keeps them.
 */
bool host_is_unchanged(const char *path, const struct host_sight *sight);

/* Does anything stand at PATH? As below: a path of the host, whose root the process has entered. */
bool host_has(const char *path);

/* Where one of these NULL-terminated programs stands, malloc'ed; NULL for none. Which of the
 * folders that systems keep them in are there is looked at once. */
char *host_find_program(const struct host *host, const char *const *names);
bool host_has_program(const struct host *host, const char *const *names);

/* Adds those of the folders PATHS that are there, each once: /lib is mostly a link to /usr/lib. And
 * those that are not. */
void host_folders(const char *const *paths, size_t count, struct icr_strings *there,
		  struct icr_strings *missing);

/* Appends the file PATH to BUF; false when there is none that can be read. */
bool host_read(const char *path, struct icr_buf *buf);

#endif
