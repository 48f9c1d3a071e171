/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_COMPLETE_H
#define ICR_COMPLETE_H

#include "icr/error.h"

/*
 * A program whose start has to be quick is two: the front, which people and programs start, linked
 * statically where that can be, and the complete one, libexec/NAME/NAME, with the libraries and
 * plugins that the front does without.
 */

/*
 * Runs the complete program NAME with the arguments ARGV in this one's place. Beside what was
 * started goes first: it is of the same build, also below another root or in the tree that it was
 * built in. Then where packages and make install put it, for a copy of this program alone. Returns
 * only when it cannot: -ICR_E_UNAVAILABLE.
 */
int icr_complete_run(const char *name, char **argv, struct icr_error *err);

#endif
