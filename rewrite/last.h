/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_LAST_H
#define REWRITE_LAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/error.h"
#include "icr/text.h"
#include "rewrite/run.h"

/*
 * When each region was last proven on this host, and how the last refresh ended: what changes with
 * every run of the timer, and so is no part of the state file. It lives in LAST_FILE (0644), which
 * a reboot takes away: what was proven before it says nothing about the network of now.
 */
#define LAST_FOLDER "/run/icr-rewrite"
#define LAST_FILE   LAST_FOLDER "/last.json"

/* Two periods of packaging/systemd/icr-rewrite.timer.in, jitter and all. What was not proven for
 * longer is no longer known to be private. */
#define LAST_PERIOD_S ((15 + 2 + 1) * 60)
#define LAST_STALE_S  (2 * LAST_PERIOD_S)

/* A moment: for people and other programs, and as an age that no change of the clock alters. */
struct last_time {
	int64_t at;    /* seconds since 1970; 0: never */
	int64_t age_s; /* until now */
};

struct last_region {
	char *name; /* public */
	struct last_time proven;
	char *stray;  /* where the registry sent logins then, that was not steered; or NULL */
	char *reason; /* why the last run did not prove it; or NULL */
};

/* A public address of a region's names: name servers said so, or it proved to be. */
struct last_front {
	char *name; /* of the region, public */
	char *address;
	struct last_time seen;
};

struct last_fronts {
	struct last_front *items;
	size_t count;
};

struct last {
	struct last_region *items;
	size_t count;
	struct last_fronts fronts;
	struct last_time run; /* of the last refresh, or of an apply since that went well */
	char *verb, *reason;  /* of that run; no reason: all went well */
};

/* Never fails: a file that is not there or cannot be read tells nothing. */
void last_load(struct last *ret_last);

/* What the last run has left known of the hosts file, malloc'ed, where that still holds; or NULL.
 */
struct known *last_known(void);

/* When the region with this public name was proven. */
struct last_time last_proven(const struct last *last, const char *name);
const char *last_stray(const struct last *last, const char *name);
const char *last_reason(const struct last *last, const char *name);

/* Adds the public addresses that the region with this public name had in the last day. Name servers
 * may give others by now, and connections to these go on. */
void last_fronts(const struct last *last, const char *name, struct icr_strings *addresses);

/*
 * Notes how a live run of apply or refresh ended: RESULT and, when it is negative, ERR. VERIFIED:
 * what run->work.routes calls proven was verified through the system's resolver too. An apply that
 * failed has changed nothing, and is not noted. What cannot be written is a note.
 */
void last_note(struct run *run, const char *verb, bool verified, int result,
	       const struct icr_error *err);

/* After an undo. */
void last_forget(const struct run *run);

void last_free(struct last *last);

#define _cleanup_last_ __attribute__((cleanup(last_free)))

#endif
