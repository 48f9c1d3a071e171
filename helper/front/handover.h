/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_FRONT_HANDOVER_H
#define HELPER_FRONT_HANDOVER_H

#include "icr/error.h"

/* Runs the complete program with the arguments ARGV in this one's place. Returns only when it is
 * not there: the exit status, once that was told. */
int handover(char **argv);

/* Runs it where there is no HOME, before anything is read: 0 where there is one. Without a home
 * folder a credential in it would not be missed. */
int handover_for_home(char **argv, struct icr_error *err);

/* The verb store: by the complete program where the desktop's keyring may have to keep it, since
 * libsecret is loaded there; else, and when that is not there, by this one. */
int handover_store(int argc, char **argv, struct icr_error *err);

#endif
