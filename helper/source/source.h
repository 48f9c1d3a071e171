/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_SOURCE_SOURCE_H
#define HELPER_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "helper/config.h"
#include "helper/credential.h"
#include "icr/error.h"
#include "icr/host.h"

struct helper_context;
struct icr_buf;
struct lookup;

/*
 * A place where get looks: one file NAME.c and a line in SOURCES (source.c).
 */
struct source {
	const char *name;
	const struct config_key *keys; /* of the configuration that are its own; may be NULL */
	bool any_host; /* answers every ICR host but cp.icr.io and stg.icr.io, with one key */
	bool unlisted; /* list does not count on it: what it would answer may not last */

	/*
	 * Returns 1 with the credential, or 0 when there is none here. Each place where it looked
	 * is told by lookup_note, as is what it answers with; lookup_run does it for a source
	 * that says nothing. A failure ends the search.
	 *
	 * When lookup->offline is set nothing may go to the network: a source that would have to
	 * ask there returns 1 with the user name and no secret, if it stands ready.
	 */
	int (*find)(struct lookup *lookup, struct credential *ret_credential,
		    struct icr_error *err);
};

extern const struct source source_stored;
extern const struct source *const sources[];
extern const size_t sources_count;

enum lookup_outcome {
	LOOKUP_HIT,
	LOOKUP_MISS,	/* looked, and there is nothing */
	LOOKUP_SKIPPED, /* not looked, or what is there does not count: the reason says why */
	LOOKUP_ERROR,
};

/* What came of one place. */
struct lookup_step {
	const char *name; /* of the source */
	char *where;	  /* a path, "$VARIABLE", a store; NULL: nowhere in particular */
	enum lookup_outcome outcome;
	char *reason; /* "not set"; NULL with most hits */
};

/* One search for the credential of a host. */
struct lookup {
	const struct helper_context *context;
	struct icr_host host;
	bool offline;
	const struct source *source; /* the one that is being asked */
	struct lookup_step *items;   /* in the order of asking */
	size_t count;

	/* Set when a store may hold what was asked for and could not tell: locked, no answer in
	 * time. When nothing else answers, that is a failure and not a miss. */
	struct icr_error unsure;
};

/* Asks the sources of the configuration in order. Returns 1 or 0 as they do; the code of
 * lookup->unsure when nothing answered and that is set. Free with lookup_free. */
void lookup_init(struct lookup *lookup, const struct helper_context *context,
		 const struct icr_host *host);
int lookup_run(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err);
void lookup_free(struct lookup *lookup);

/* Appends all that was tried, in one line: "libsecret (no session bus), /home/..., $IC_API_KEY".
 * That there is nothing at a place needs no words. */
void lookup_print_tried(const struct lookup *lookup, struct icr_buf *out);

/* Tells the user, once there is an answer, that a store which could not tell may have another. */
void lookup_say_unsure(const struct lookup *lookup);

/* What lookup_run returns when no source answered. */
int lookup_give_up(struct lookup *lookup, struct icr_error *err);

#define _cleanup_lookup_ __attribute__((cleanup(lookup_free)))

/* The same for one source, whether or not the configuration has it. */
int lookup_ask(struct lookup *lookup, const struct source *source,
	       struct credential *ret_credential, struct icr_error *err);

/* The step that answered; NULL when none did. */
const struct lookup_step *lookup_hit(const struct lookup *lookup);

/* Notes what came of WHERE (copied; may be NULL). REASON is a format, or NULL with LOOKUP_HIT. */
void lookup_note(struct lookup *lookup, enum lookup_outcome outcome, const char *where,
		 const char *reason, ...) ICR_PRINTF(4, 5);

/* The same with an error's place and text, as LOOKUP_ERROR. */
void lookup_note_error(struct lookup *lookup, const char *where, const struct icr_error *failure);

/* What came of reading TEXT, a file with a key in it, from WHERE: R is what icr_file_read()
 * returned. Returns as find() does, and notes it. */
int lookup_take_key(struct lookup *lookup, const char *where, int r, const struct icr_buf *text,
		    struct credential *ret_credential, struct icr_error *err);

/* Does get look into the stores at all? Where the configuration says no, nothing is to be kept. */
int source_check_stored(const struct helper_context *context, struct icr_error *err);

/* Says it when a source that the configuration puts before the stores answers for HOST, so that get
 * does not answer what was just kept. */
void source_say_before_stored(const struct helper_context *context, const char *host);

/* Is an API key, or the stored default, good for this host? cp.icr.io and stg.icr.io have
 * credentials of their own. */
bool source_takes_any_key(const struct icr_host *host);

#endif
