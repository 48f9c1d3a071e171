/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PROGRAM_H
#define ICR_PROGRAM_H

/*
 * The first thing in main(). Descriptors 0 to 2 that the caller has closed lead to /dev/null, for
 * no file opened later to take their place (writing to such a standard output still fails); no core
 * files (icr_secret_harden_process); a closed pipe or a file size limit fails the write instead of
 * killing the process, so that it is told and cleaned up after. -errno when that cannot be had.
 */
int icr_program_start(void);

#endif
