/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_RESOLVE_H
#define ICR_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/error.h"

#define ICR_ADDRESS_MAX	  46 /* INET6_ADDRSTRLEN */
#define ICR_ADDRESSES_MAX 16 /* kept per name; more are dropped */

/*
 * One name and what the system's own resolver (nsswitch: files, dns, ...) says about it. The
 * failure is EAI_AGAIN also when time ran out, and EAI_SYSTEM or EAI_MEMORY for what this host
 * lacks itself (descriptors, memory): then nobody was asked.
 */
struct icr_resolution {
	const char *name; /* in; the caller's */
	int family;	  /* in: AF_INET or AF_INET6 alone; 0 for both */
	bool past_files;  /* in: ask the name servers of /etc/resolv.conf themselves, whatever the
			     hosts file says */
	bool done;	  /* out: it was answered, or refused */
	int failure;	  /* out: 0, or EAI_* of getaddrinfo */
	bool partial;	  /* out: past_files alone: one family was not answered */
	bool has_public;  /* out: an address is public, be it one that was dropped */
	size_t count;
	char addresses[ICR_ADDRESSES_MAX]
		      [ICR_ADDRESS_MAX]; /* numeric, IPv4 first, sorted, unique */
};

/* Names that are being resolved, each in a thread of its own. */
struct icr_lookups;

int icr_lookups_start(const struct icr_resolution *names, size_t count,
		      struct icr_lookups **ret_lookups, struct icr_error *err);

/* Readable when another name has been answered since the last icr_lookups_collect(). */
int icr_lookups_fd(const struct icr_lookups *lookups);

/* Puts what there is into NAMES, in the order of the start; true when all have been answered. */
bool icr_lookups_collect(struct icr_lookups *lookups, struct icr_resolution *names);

/* Waits until there may be more to collect, or for the word on a terminal to be shown; false when
 * DEADLINE_MS of icr_clock_ms() has passed. */
bool icr_lookups_wait(const struct icr_lookups *lookups, int64_t deadline_ms);

/* Threads that still wait are left behind with memory of their own. */
void icr_lookups_leave(struct icr_lookups **lookups);

/*
 * Resolves COUNT names at once and returns when all have answered or TIMEOUT_MS has passed. Fails
 * only for lack of threads or descriptors; a name's failure is in its resolution.
 */
int icr_resolve(struct icr_resolution *names, size_t count, int timeout_ms, struct icr_error *err);

/* Adds a numeric address that answers for NAME by what is known without asking, such as the hosts
 * file: sorted, unique and cut as those that were asked for. */
void icr_resolution_add(struct icr_resolution *name, const char *address);

/* AF_INET or AF_INET6 of a numeric address; 0 for anything else. */
int icr_address_family(const char *address);

/* Is the numeric address one that the public internet does not route: RFC 1918, RFC 6598, link
 * local, loopback, unique local IPv6, or IBM Cloud's service network 161.26.0.0/16, 166.8.0.0/14
 * (IBM Cloud Docs, containers, vpc-security-group-reference)? */
int icr_address_is_private(const char *address);

/*
 * Why the numeric address cannot be that of a service in a private network ("a loopback address");
 * NULL when it can. Beside public addresses that is whatever leads to this host or link, to many
 * hosts or to none, in each spelling that IPv6 has for it.
 */
const char *icr_address_refusal(const char *address);

/* Is the numeric address one of the public internet? */
bool icr_address_is_public(const char *address);

/* Does the numeric address lie in NETWORK, "10.0.0.0/8"? */
bool icr_address_in(const char *address, const char *network);

#endif
