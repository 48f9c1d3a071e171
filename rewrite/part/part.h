/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PART_PART_H
#define REWRITE_PART_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"
#include "icr/region-set.h"

struct change;
struct changes;
struct host;
struct icr_value;
struct work;

/* "BEFORE value AFTER", or YES and NO for what is true or false. Without any of them the member is
 * for programs alone. */
struct part_words {
	const char *name, *before, *after, *yes, *no;
};

/*
 * A part of the host that apply puts right: the hosts file, one container engine, the timer. One
 * file each, its name below, and a line in the table of part/part.c. Any member but name may be
 * NULL.
 */
struct part {
	const char *name;
	bool engine;	 /* chosen by --engines */
	size_t file_max; /* bytes of its largest file; 0: ICR_FILE_MAX */

	/* May the part ever change PATH? It cannot plan a change of others, and what a journal or
	 * state names beyond them is refused. NULL: it changes nothing. */
	bool (*writes)(const char *path);

	/* Of an engine that the route native configures: is it on this host? NULL: it does not. */
	bool (*is_there)(const struct host *host);

	/* Adds the regions that the host is seen to use (mirrors, logins, local images) to SET.
	 * Never fails for an engine that is not there. */
	int (*regions)(struct work *work, struct icr_region_set *set, struct icr_error *err);

	/* Adds its changes for work->routes and work->settings. Says in notes what it cannot do. */
	int (*plan)(struct work *work, struct changes *changes, struct icr_error *err);

	/* Adds a change, with base and wanted lacking our share, for what is recognisably ours
	 * although no state tells of it. */
	int (*find)(struct work *work, struct changes *changes, struct icr_error *err);

	/* The file was edited by others since: computes change->base from change->current and
	 * change->record, taking out what is still ours and nothing else. */
	int (*strip)(struct work *work, struct change *change, struct icr_error *err);

	/* Could the file as it stands have something of ours in it? Asked where what we left is not
	 * known. NULL: no. */
	bool (*may_hold)(const struct change *change);

	/* Has the file as it stands all that we want in it, however it is spelled? NULL: only when
	 * it is that to the byte. */
	bool (*stands)(const struct change *change);

	/* Last look before anything is written (dockerd --validate). Live runs only. */
	int (*validate)(struct work *work, const struct changes *changes, struct icr_error *err);

	/* After the files have changed: makes the running system take them up; what needs a restart
	 * is noted. Live runs only. Also called by undo, and when nothing was to be written: an
	 * earlier run may have been offline, or killed before this. */
	int (*activate)(struct work *work, const struct changes *changes, struct icr_error *err);

	/* Adds what status tells about it to the JSON object STATUS ("engines" entry): "name",
	 * "found", "version", "image_store", ... and prints nothing. */
	int (*status)(struct work *work, struct icr_value *status, struct icr_error *err);

	/* How the text of status words these members; ends with an item without a name. */
	const struct part_words *words;
};

/* The parts there are, in the order in which they plan and activate. */
extern const struct part *const parts[];
extern const size_t parts_count;

extern const struct part part_hosts, part_docker, part_podman, part_crio, part_containerd,
	part_buildkit, part_k3s, part_rke2, part_timer;

/* The part called NAME, or NULL. */
const struct part *part_find(const char *name);

#endif
