/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_RESOLVE_H
#define ICR_RESOLVE_H

#include <stddef.h>

#include "icr/error.h"

#define ICR_ADDRESS_MAX	  46 /* INET6_ADDRSTRLEN */
#define ICR_ADDRESSES_MAX 16 /* kept per name; more are dropped */

/* One name and what the system's own resolver (nsswitch: files, dns, ...) says about it. */
struct icr_resolution {
	const char *name; /* in; the caller's */
	int failure;	  /* out: 0, or EAI_* of getaddrinfo; EAI_AGAIN also when time ran out */
	size_t count;
	char addresses[ICR_ADDRESSES_MAX]
		      [ICR_ADDRESS_MAX]; /* numeric, IPv4 first, sorted, unique */
};

/*
 * Resolves COUNT names at once, each in a thread of its own, and returns when all have answered or
 * TIMEOUT_MS has passed. Threads that are still waiting are left behind with memory of their own.
 * Fails only for lack of memory or threads; a name's failure is in its resolution.
 */
int icr_resolve(struct icr_resolution *names, size_t count, int timeout_ms, struct icr_error *err);

/* Is the numeric address one that the public internet does not route: RFC 1918, RFC 6598, link
 * local, loopback, unique local IPv6, or IBM Cloud's service network 161.26.0.0/16, 166.8.0.0/14
 * (IBM Cloud Docs, containers, vpc-security-group-reference)? */
int icr_address_is_private(const char *address);

#endif
