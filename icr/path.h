/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_PATH_H
#define ICR_PATH_H

#include "icr/error.h"

/* Paths as the modules of files and transactions need them; icr/file.h has what all others use. */

/* The folder part ("." and "/" where there is none), malloc'ed; NULL when memory ran out. */
char *icr_path_folder(const char *path);

/* The part behind the last slash, inside PATH. */
const char *icr_path_base(const char *path);

/* What the symbolic link PATH says, malloc'ed. */
int icr_path_link_target(const char *path, char **ret_target, struct icr_error *err);

/* Fails with -ENOENT that names the symbolic link PATH and its missing target. */
int icr_path_dangling(const char *path, struct icr_error *err);

/* PATH with the links of its folder followed, but not those of its last component; malloc'ed. */
int icr_path_resolve_folder(const char *path, char **ret_path, struct icr_error *err);

#endif
