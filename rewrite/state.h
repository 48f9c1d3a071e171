/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_STATE_H
#define REWRITE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/edit.h"
#include "icr/error.h"
#include "icr/sha256.h"
#include "rewrite/change.h"
#include "rewrite/host.h"
#include "rewrite/work.h"

/*
 * What was applied, in STATE_FOLDER/state.json (0644 in a 0755 folder; it holds no secret): the
 * settings, the regions with the addresses that were proven, and per file the hashes before and
 * after and the splices that lead back. It changes only when what it describes does, hence no
 * times. Members that this version does not know are ignored, a higher "version" is an error.
 *
 * The whole text that we left in a JSON file of others, which may hold a proxy's password, is kept
 * beside it (0600, named by a hash of the file's path): where the file is edited since, undo merges
 * with it.
 */
#define STATE_VERSION 2

struct state {
	bool found;
	struct settings settings; /* regions: those of routes */
	struct routes routes;
	struct state_file *files;
	size_t count;
	char **folders; /* that we made, as the host sees them, parents first */
	size_t folder_count;
	struct icr_buf text; /* of state.json */
};

/* Reads STATE_FILE, or another file of that form; none is no error (ret_state->found). Free with
 * state_free in any case. */
int state_read(const char *path, struct state *ret_state, struct icr_error *err);

/*
 * Adds a change for every file of the state, its base being the file without our share: by the
 * splices when it is what we left, else as its part strips it. Every wanted is the base.
 */
int state_changes(const struct state *state, struct work *work, struct changes *changes,
		  struct icr_error *err);

/* Keeps what CHANGE, a file of others that is planned by now, shall be: a change of its own in
 * CHANGES. */
int state_keep(struct work *work, struct changes *changes, const struct change *change,
	       struct icr_error *err);

/* Appends the text of the state file that describes CHANGES, ROUTES and SETTINGS as applied. */
int state_print(const struct work *work, const struct changes *changes, char *const *folders,
		size_t folder_count, struct icr_buf *out, struct icr_error *err);

/* What could not be read back must not be written: undo lives on it. */
int state_check(const struct icr_buf *text, struct icr_error *err);

void state_free(struct state *state);

#endif
