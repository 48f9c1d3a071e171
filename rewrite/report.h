/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_REPORT_H
#define REWRITE_REPORT_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "icr/error.h"
#include "rewrite/run.h"
#include "rewrite/writer.h"

/* The exit statuses. */
enum rewrite_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_DIFFERS = 3,  /* plan, --dry-run: would change; status: has drifted */
	STATUS_UNPROVEN = 4, /* the private network cannot be reached or proven */
};

/* How a verb tells what it did. */
struct report {
	const char *verb;
	bool json;
	bool diff;   /* nothing was written: show what would be */
	bool always; /* tell the results also of a run that failed */
};

/*
 * Prints the outcome of a run: results to standard output, notes to standard error; as JSON, one
 * object with both, and with the error when RESULT is negative. Returns RESULT (the exit status, or
 * ERR's), or a failure of its own.
 */
int report(const struct run *run, const struct report *how, int result, struct icr_error *err);

/* For a command line that does not parse: with --json in it, one object with ERR to standard
 * output. Returns ERR's negative code. */
int report_usage(const char *verb, int argc, char **argv, struct icr_error *err);

/* For reports of one's own: an array of the notes; "error" (message, where, hint) put into OBJECT.
 */
cJSON *report_notes(struct writer *writer, const struct notes *notes);
void report_error(struct writer *writer, cJSON *object, const struct icr_error *err);

#endif
