/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_PART_HOSTS_H
#define REWRITE_PART_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/region-set.h"
#include "rewrite/block.h"
#include "rewrite/route.h"
#include "rewrite/work.h"

struct changes;

/* The hosts file (hosts(5)) and our block in it: "166.9.250.214<TAB>us.icr.io
 * registry.ng.bluemix.net". */
#define HOSTS_FILE "/etc/hosts"
#define HOSTS_MAX  ((size_t)65 * 1024 * 1024) /* 64 MiB of others, and our block */

/* Names that may be in nobody's line but ours. */
struct hosts_claim {
	const char *items[ROUTE_NAMES_MAX * ICR_REGIONS_MAX];
	size_t count;
};

/* The addresses that we wrote, and the names that we gave them to, by the record. */
struct hosts_record {
	struct hosts_address *items;
	size_t count;
	struct hosts_claim claim;
};

/* Those of all the routes, and the closed addresses. Free with hosts_record_free. */
void hosts_record_of(const struct routes *routes, struct hosts_record *ret_record);
void hosts_record_free(struct hosts_record *record);

/*
 * Which lines of the hosts file are entries of ours: those with an address and ICR names only.
 * Outside the markers they are ours when RECORD (may be NULL) has the address and one of the names
 * at least is no private one: those are never in our lines, and people pin them by hand.
 */
struct block_grammar hosts_grammar(const struct hosts_record *record);

/* Appends the block of the routes that have lines, one line per address; nothing when none has.
 * NEWLINE ends its lines. */
void hosts_block_print(const struct routes *routes, const char *newline, struct icr_buf *out);

/* The first of NAMES that the line gives an address to, or NULL. As resolvers compare: without
 * case, a final dot means nothing. */
const char *hosts_names(const struct block_line *line, const char *const *names, size_t count);

/*
 * Appends a line of somebody's without NAMES, which leaves the address and its other names in
 * force; nothing when there are none. Its line end is NEWLINE where it has none.
 */
void hosts_line_without(const struct block_line *line, const struct hosts_claim *names,
			const char *newline, struct icr_buf *out);

/*
 * The regions whose public name any line of the hosts file gives an address, ours or not, so that
 * where it leads says nothing about the network; but for 169.254.0.0/16, where IKS and ROKS workers
 * pin it.
 */
int hosts_pinned(const struct work *work, struct icr_region_set *ret_set, struct icr_error *err);

/* The same of a file's TEXT; false when it gives an address to a private name, which people pin by
 * hand. */
bool hosts_pinned_in(const struct work *work, const struct icr_buf *text,
		     struct icr_region_set *ret_set);

/* After an undo: -ICR_E_CONFLICT with FILE:LINE when a line that is not ours to take out, because
 * it has other names too, still gives an address that we wrote to a name of ICR. */
int hosts_left_over(const struct work *work, const struct changes *changes, struct icr_error *err);

/* Has TEXT, a copy of a hosts file, a line that gives an address of the record to a name of ICR? */
bool hosts_gives_recorded(const struct work *work, const struct icr_buf *text);

/* The first name of the ROUTES that TEXT, a hosts file as programs in Go read it, gives none of its
 * route's addresses, or a public one beside; NULL for none. */
const char *hosts_stray(const struct icr_buf *text, const struct routes *routes);

/* Who makes the hosts file anew, at boot or whenever it likes, as its header or a setting of the
 * host says: a few words in OUT, nothing when nobody is known to. TEXT is the file. */
void hosts_maker(const char *text, size_t len, struct icr_buf *out);

/* Can the hosts file be replaced by rename, as every write is? */
int hosts_check(const struct work *work, struct icr_error *err);

#endif
