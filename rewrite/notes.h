/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_NOTES_H
#define REWRITE_NOTES_H

#include <stddef.h>

#include "icr/error.h"

/* Sentences for the user, collected by the parts and told by the verb (stderr, or "notes" in JSON).
 */
struct notes {
	char **lines;
	size_t count;
};

void note(struct notes *notes, const char *format, ...) ICR_PRINTF(2, 3);

void notes_free(struct notes *notes);

#endif
