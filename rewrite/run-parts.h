/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_RUN_PARTS_H
#define REWRITE_RUN_PARTS_H

#include "rewrite/run.h"

/* What the files run*.c share. */

/* Puts the state of run->changes into run->text. */
int run_word_state(struct run *run, struct icr_error *err);
bool run_state_differs(const struct run *run);

/* Makes the folder PATH (as the host sees it) and its parents, remembering in run->folders which of
 * them were not there. */
int run_folders_make(struct run *run, const char *path, struct icr_error *err);
int run_folders_remember(struct run *run, const char *path, struct icr_error *err);
void run_folders_forget(struct run *run);

/* Is FOLDER the one of a symbolic link of ours? */
bool run_folder_holds_link(const struct run *run, const char *folder);

/* Removes, where nobody else uses them, the folders that are not needed after all: those of a run
 * that wrote nothing, or all when there is no state any more. Needs the lock. */
void run_folders_tidy(struct run *run);

#endif
