/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_REPORT_H
#define REWRITE_REPORT_H

#include <stdbool.h>

#include "icr/error.h"
#include "icr/program.h"
#include "rewrite/notes.h"
#include "rewrite/run.h"

struct icr_value;

/* The exit statuses. */
enum rewrite_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = ICR_EXIT_USAGE,
	STATUS_DIFFERS = 3, /* plan, --dry-run: would change; status: not as it should be */
	STATUS_UNPROVEN = ICR_EXIT_UNPROVEN,
};

/*
 * What a verb found out or did is one object, {"version": 1, "verb": VERB, ...}: with --json it is
 * printed, else a text that is made of that very object, so that the two cannot differ.
 */
struct icr_value *report_new(const char *verb);

/* Appends the text of an object. What it takes from there is made fit for a terminal later. */
typedef void report_text(const struct icr_value *object, struct icr_buf *out);

/*
 * Prints OBJECT to standard output (TEXT may be NULL: nothing to say but in JSON), and NOTES to
 * standard error; in JSON they are members of it ("notes", "warnings"), as is ERR when RESULT is
 * negative ("error": message, where, hint). With --quiet the text and plain notes are left out.
 * Returns RESULT, or a failure of its own.
 */
int report_print(struct icr_value *object, bool json, report_text *text, const struct notes *notes,
		 int result, struct icr_error *err);

/* How a run is told. */
struct report {
	const char *verb;
	bool json;
	bool diff;   /* nothing was written: show what would be */
	bool always; /* tell the results also of a run that failed */
};

/* Prints the outcome of a run of apply, plan, refresh or undo. */
int report(const struct run *run, const struct report *how, int result, struct icr_error *err);

/* For a command line that does not parse: with --json in it, one object with ERR to standard
 * output. Returns ERR's negative code. */
int report_usage(const char *verb, int argc, char **argv, struct icr_error *err);

/* Adds a region to LIST, proven or not and why not, and yields it. */
struct icr_value *report_region(struct icr_value *list, const struct region_route *route,
				bool proven, const char *reason);

#endif
