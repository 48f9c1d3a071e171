/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_NATIVE_H
#define REWRITE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/text.h"
#include "rewrite/block.h"
#include "rewrite/part/part.h"

struct change;
struct changes;

struct region_route;
struct work;

/* What the engines' parts of the route native share. */

/* A name that an engine shall fetch from a private one instead. */
struct native_name {
	const char *name, *private_name;
};

/* The public names and aliases of the regions that are steered. Free the items. */
struct native_names {
	struct native_name *items;
	size_t count;
};

/* None where another route serves, or the engine is neither asked for by name nor there. */
void native_names(const struct work *work, const struct part *part, struct native_names *ret_names);
void native_names_free(struct native_names *names);

/* Is there an engine that the route native would configure? */
bool native_serves(const struct work *work);

/* May pulls go public when the private network is dead? */
bool native_soft(const struct work *work);

/* Says it, unless it has been said. */
void native_note(struct work *work, const char *format, ...) ICR_PRINTF(2, 3);

/* The same of what leads pulls past the route. */
void native_note_past(struct work *work, const char *format, ...) ICR_PRINTF(2, 3);

/* How status words "found", "config" and "problem". */
extern const struct part_words native_words[];

/* Every line of a block in a file of somebody else's ends with this, so that it is known for ours
 * wherever it comes to stand. */
#define NATIVE_MARK " # icr-rewrite"

/* How our lines are told from others. */
extern const struct block_grammar native_grammar;

/*
 * Puts LINES (each with NATIVE_MARK and "\n") between markers into CHANGE's base at offset AT, each
 * behind INDENT and with the text's own line ends.
 */
int native_insert(struct change *change, size_t at, const char *indent, const struct icr_buf *lines,
		  const char *record, struct icr_error *err);

/* Takes our lines out of a file that somebody edited, and (a part's find) of one that no state
 * tells of. */
int native_strip(struct work *work, struct change *change, struct icr_error *err);
int native_find(struct work *work, struct changes *changes, const struct part *part,
		const char *path, struct icr_error *err);

/* Appends LINES without their marks: to show. */
void native_plain(const struct icr_buf *lines, struct icr_buf *out);

/* -ICR_E_CONFLICT at PATH:LINE with WHAT, and the lines that somebody has to add by hand. */
int native_refuse(const char *path, size_t line, const char *what, const struct icr_buf *lines,
		  struct icr_error *err);

#endif
