/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_MERGE_H
#define ICR_MERGE_H

#include <stddef.h>

#include "icr/edit.h"
#include "icr/json.h"

/*
 * Takes edits of ours out of a JSON text that somebody else has edited since: a three-way merge.
 * OURS is the text that we left, BACK what leads from it to the one before us, THEIRS the text that
 * stands there now. RET_EDIT is of THEIRS: each splice of BACK whose surroundings still stand, at
 * the place where they stand. What somebody changed himself stays his, and white space between
 * values counts for nothing.
 *
 * The edit is empty where it would change anything that we did not write, or where the two texts
 * have too little in common.
 */
void icr_merge_json(const struct icr_json *ours, const struct icr_edit *back,
		    const struct icr_json *theirs, struct icr_edit *ret_edit);

#endif
