/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_DATA_FOLDER_H
#define HELPER_DATA_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "icr/environment.h"
#include "icr/error.h"

/*
 * The folder of what this user's helper keeps (icr_environment_data_folder), open, so that what is
 * checked is what is used. It must be one that nobody else can have made or can write to: no
 * symbolic link, of OWNER, with a mode that lets nobody else write, in a folder where nobody else
 * can rename it.
 */
struct data_folder {
	char *path;
	int fd;		   /* -1: not open */
	uid_t owner;	   /* whose it must be: the user, or for root whose the folder around is */
	bool group_writes; /* the folder around may be written to by a group */
};

/* Returns 1, or 0 when it does not exist. -ICR_E_REFUSED with the command that mends it;
 * -ICR_E_UNAVAILABLE when there is no home folder, or none that this user may enter. RET_FOLDER is
 * to be freed however it ends. */
int data_folder_open(const struct icr_environment *environment, struct data_folder *ret_folder,
		     struct icr_error *err);

/* The same, and makes it where it does not exist. */
int data_folder_make(const struct icr_environment *environment, struct data_folder *ret_folder,
		     struct icr_error *err);

void data_folder_free(struct data_folder *folder);

#define _cleanup_data_folder_ __attribute__((cleanup(data_folder_free)))

#endif
