/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_NSS_H
#define ICR_NSS_H

#include <sys/types.h>

/*
 * All that asks the system's databases of users and hosts (nsswitch.conf(5)). The C library loads
 * plugins for it, which a statically linked program must not: such a program has functions of its
 * own in the place of these.
 */

/* The home folder of this process's user, for services started at boot, which have no HOME; NULL:
 * not known. Kept for the life of the process. */
const char *icr_home_of_user(void);

/* The home folder of the user called NAME, malloc'ed, and its id; NULL: not known, or no absolute
 * path. */
char *icr_home_of(const char *name, uid_t *ret_id);

/* Before the first thread is started that asks for addresses. */
void icr_addresses_begin(void);

/*
 * Hands every address of the host NAME, of one FAMILY or (AF_UNSPEC) of any, to ADD: BYTES are
 * those of a struct in_addr or in6_addr. Returns 0 or getaddrinfo()'s EAI_*, errno as that left it.
 */
int icr_addresses_of(const char *name, int family,
		     void (*add)(void *list, int family, const void *bytes), void *list);

#endif
