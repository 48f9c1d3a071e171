/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DROPIN_H
#define REWRITE_DROPIN_H

#include "icr/buf.h"
#include "icr/error.h"

struct change;
struct changes;
struct part;
struct work;

/* Whole files of ours (see BLOCK_WHOLE). Has TEXT, behind the mark, stand at PATH. -ICR_E_CONFLICT
 * where a file of somebody else's is. */
int dropin_plan(struct work *work, struct changes *changes, const struct part *part,
		const char *path, const struct icr_buf *text, struct icr_error *err);

/* What a part's find() does for PATH, and its strip() for one that somebody edited: as long as the
 * first line says that it is ours, it goes. */
int dropin_find(struct work *work, struct changes *changes, const struct part *part,
		const char *path, struct icr_error *err);
int dropin_strip(struct work *work, struct change *change, struct icr_error *err);

#endif
