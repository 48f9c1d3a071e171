/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_NOTES_H
#define REWRITE_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"
#include "icr/text.h"

/* A sentence for the user. */
struct note {
	char *text;
	bool warning; /* of what an operator has to know: a change of side, a name that is public */
	bool past;    /* a warning of pulls past the route, which status counts as a problem */
};

/* Collected by the parts and told by the verb (stderr, or "notes" in JSON). */
struct notes {
	struct note *items;
	size_t count;
};

void note(struct notes *notes, const char *format, ...) ICR_PRINTF(2, 3);
void note_warning(struct notes *notes, const char *format, ...) ICR_PRINTF(2, 3);

/* TEXT, of pulls past the route, is added to PAST, where status counts it; NULL: it is a warning.
 */
void note_past(struct notes *notes, struct icr_strings *past, const char *text);

/* Has this been said? */
bool notes_have(const struct notes *notes, const char *text);

void notes_free(struct notes *notes);

#endif
