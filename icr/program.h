/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PROGRAM_H
#define ICR_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

enum icr_option_kind {
	ICR_OPTION_FLAG,    /* value: bool */
	ICR_OPTION_STRING,  /* value: const char *; of repeated ones the last */
	ICR_OPTION_REGIONS, /* value: struct icr_region_set; comma-separated and repeatable */
	ICR_OPTION_LIST,    /* value: struct icr_strings; likewise; the caller frees */
};

/* An option of a verb. One list drives parsing, help, completions and the check of the man pages;
 * it ends with an item without a name. */
struct icr_option {
	const char *name; /* without the dashes */
	enum icr_option_kind kind;
	size_t offset;	      /* of the value in the structure that the verb parses into */
	const char *argument; /* "FILE", "never|public": words in lower case are meant literally */
	const char *help;     /* what it does; as long as need be */
	char letter;	      /* -LETTER does the same; or 0 */
};

#define ICR_OPTION_OF(type, member, word, kind_, argument_, help_)                                 \
	{                                                                                          \
		.name = (word), .kind = (kind_), .offset = offsetof(type, member),                 \
		.argument = (argument_), .help = (help_)                                           \
	}
#define ICR_FLAG(type, member, word, help)                                                         \
	ICR_OPTION_OF(type, member, word, ICR_OPTION_FLAG, NULL, help)
#define ICR_STRING(type, member, word, argument, help)                                             \
	ICR_OPTION_OF(type, member, word, ICR_OPTION_STRING, argument, help)
#define ICR_REGIONS(type, member, word, argument, help)                                            \
	ICR_OPTION_OF(type, member, word, ICR_OPTION_REGIONS, argument, help)

#define ICR_LIST(type, member, word, argument, help)                                               \
	ICR_OPTION_OF(type, member, word, ICR_OPTION_LIST, argument, help)

/* A program's verbs: one const table drives dispatch, usage and the check of the man pages. */
struct icr_verb {
	const char *name;
	/* argv[0] is the verb. Returns the exit status, or negative with ERR filled. */
	int (*run)(int argc, char **argv, struct icr_error *err);
	const char *help;		  /* one line */
	const struct icr_option *options; /* or NULL */
	const char *operands;		  /* "REF..."; or NULL */
	const char *more;		  /* at the end of the verb's own help; or NULL */
	bool protocol; /* for programs: nothing may stand behind the verb but --help */
};

/* Exit statuses beside EXIT_SUCCESS and EXIT_FAILURE. */
#define ICR_EXIT_USAGE	  2
#define ICR_EXIT_UNPROVEN 4 /* the private network is not proven */

struct icr_program {
	const char *name;
	const char *summary;
	const struct icr_verb *verbs;
	size_t count;
	/* For a program whose first users are programs. They return the exit status, and NULL is
	 * fine: no verb, or words behind one of the protocol; a word that is no verb; a verb of the
	 * protocol that failed. */
	int (*usage)(void);
	int (*unknown)(const char *word);
	int (*failed)(const struct icr_error *err);
};

/*
 * All of main(): the process made ready (icr_program_start), help (--help, -h, help [VERB], VERB
 * --help) and the version (--version, -V, -v, version) told, the verb run, and what failed said
 * once. Exit status of a failure: 2 for the command line, 4 for a private network that is not
 * proven, else 1.
 */
int icr_program_main(const struct icr_program *program, int argc, char **argv);

/*
 * The first thing in main(), of the program NAME. Descriptors 0 to 2 that the caller has closed
 * lead to /dev/null, for no file opened later to take their place (writing to such a standard
 * output still fails); no core files (icr_secret_harden_process); a closed pipe or a file size
 * limit fails the write instead of killing the process, so that it is told and cleaned up after.
 * -errno when that cannot be had.
 */
int icr_program_start(const char *name);

/* As syslog(3) numbers them: the journal files what begins with "<N>" under that priority. */
enum icr_priority {
	ICR_ERROR = 3,
	ICR_WARNING = 4,
	ICR_INFO = 6,
};

/*
 * "PROGRAM: TEXT" and a newline on standard error, in one write, with nothing in it that a terminal
 * would obey. PRIORITY is told only where standard error is the journal's.
 */
void icr_say(enum icr_priority priority, const char *format, ...) ICR_PRINTF(2, 3);

/* Was --quiet (-q) given? Every verb that speaks no protocol takes it: only what went wrong or has
 * to be known is said then, and icr_say() keeps what is mere information to itself. */
bool icr_quiet(void);

/* Says an error and its hint. */
void icr_say_error(const struct icr_error *err);

/* Appends "Usage: PROGRAM VERB ..." and a line per verb. */
void icr_program_usage(const struct icr_program *program, struct icr_buf *out);

/* Appends the usage of one verb, with all its options. */
void icr_verb_help(const char *program, const struct icr_verb *verb, struct icr_buf *out);

/*
 * Reads --NAME, --NAME=VALUE and --NAME VALUE anywhere before "--" into VALUES, a zeroed structure;
 * what is no option is an operand and moves to the front: operands are argv[1..n], n is returned.
 * -ICR_E_USAGE names the word: unknown option (and the one that may be meant), missing or unwanted
 * value, more than MAX_OPERANDS operands.
 */
int icr_options_parse(const struct icr_option *options, int argc, char **argv, int max_operands,
		      void *values, struct icr_error *err);

#endif
