/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PROGRAM_H
#define ICR_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * The first thing in main(). Descriptors 0 to 2 that the caller has closed lead to /dev/null, for
 * no file opened later to take their place (writing to such a standard output still fails); no core
 * files (icr_secret_harden_process); a closed pipe or a file size limit fails the write instead of
 * killing the process, so that it is told and cleaned up after. -errno when that cannot be had.
 */
int icr_program_start(void);

/* A program's verbs: one const table drives dispatch, usage and the check of the man pages. */
struct icr_verb {
	const char *name;
	/* argv[0] is the verb. Returns the exit status, or negative with ERR filled. */
	int (*run)(int argc, char **argv, struct icr_error *err);
	const char *arguments; /* "[--regions LIST|all] [--dry-run]" or "" */
	const char *help;      /* one line */
};

/* The verb called NAME, or NULL. */
const struct icr_verb *icr_verb_find(const struct icr_verb *verbs, size_t count, const char *name);

/* Appends "Usage: PROGRAM VERB ..." and a line per verb. */
void icr_verb_usage(const char *program, const char *summary, const struct icr_verb *verbs,
		    size_t count, struct icr_buf *out);

/* Appends the usage of one verb. */
void icr_verb_help(const char *program, const struct icr_verb *verb, struct icr_buf *out);

enum icr_option_kind {
	ICR_OPTION_FLAG,    /* value: bool */
	ICR_OPTION_STRING,  /* value: const char *; of repeated ones the last */
	ICR_OPTION_REGIONS, /* value: struct icr_region_set; comma-separated and repeatable */
};

struct icr_option {
	const char *name; /* without the dashes */
	enum icr_option_kind kind;
	void *value;
};

/*
 * Reads --NAME, --NAME=VALUE and --NAME VALUE anywhere before "--"; what is no option is an operand
 * and moves to the front: operands are argv[1..n], n is returned. -ICR_E_USAGE names the word:
 * unknown option, missing or unwanted value, more than MAX_OPERANDS operands.
 */
int icr_options_parse(const struct icr_option *options, size_t count, int argc, char **argv,
		      int max_operands, struct icr_error *err);

#endif
