/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CONNECTIONS_H
#define REWRITE_CONNECTIONS_H

#include "icr/text.h"
#include "rewrite/notes.h"

/*
 * Ends the TCP connections of this network namespace to port 443 of ADDRESSES. Engines keep them
 * for later requests, tokens and keys among these, whatever a name leads to by then. A process
 * whose connection the kernel does not end is named in a warning.
 */
void connections_end(const struct icr_strings *addresses, struct notes *notes);

#endif
