/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_COPIES_H
#define REWRITE_COPIES_H

#include "rewrite/work.h"

/*
 * After an undo: says which running containers of podman keep a copy of the hosts file that they
 * started with, with lines of WORK's record in it. Nobody renews or removes those.
 */
void copies_note(struct work *work);

#endif
