/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_CONNECTIONS_H
#define REWRITE_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/resolve.h"
#include "icr/text.h"
#include "rewrite/notes.h"

/* Somebody out there to whom a program of this host keeps a connection. */
struct peer {
	char address[ICR_ADDRESS_MAX];
	char *holder; /* "dockerd (process 123)" */
};

struct peers {
	struct peer *items;
	size_t count;
	bool known_open; /* there are connections to known ones, too */
};

/*
 * The public addresses, none of KNOWN, to whose port 443 a program that fetches images has a
 * connection, or, with those of EARLIER, any: in this network namespace, as below. Free with
 * peers_free.
 */
void peers_list(const struct icr_strings *known, const struct icr_strings *earlier,
		struct peers *ret_peers);
void peers_free(struct peers *peers);

/*
 * Ends the TCP connections of this network namespace to port 443 of ADDRESSES. Engines keep them
 * for later requests, tokens and keys among these, whatever a name leads to by then. A process
 * whose connection the kernel does not end is named in a warning.
 */
void connections_end(const struct icr_strings *addresses, struct notes *notes);

#endif
