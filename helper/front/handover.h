/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_FRONT_HANDOVER_H
#define HELPER_FRONT_HANDOVER_H

/* Runs the complete program with the arguments ARGV in this one's place. Returns only when it is
 * not there: the exit status, once that was told. */
int handover(char **argv);

#endif
