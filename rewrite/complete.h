/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_COMPLETE_H
#define REWRITE_COMPLETE_H

/*
 * icr-rewrite is two programs of the same sources: see icr/complete.h. The front (rewrite/front/)
 * looks at this host and at trees below --root, and writes to trees. The complete program does what
 * asks the network, engines or the user database, and all that writes to a live host; the front
 * hands over to it, which begins anew. There these functions do nothing.
 */

/* The first thing in main(). */
void complete_start(int argc, char **argv);

/* Before the network is asked or a live host is written to, and before there are other threads or
 * signals are held. */
void complete_take_over(void);

#endif
