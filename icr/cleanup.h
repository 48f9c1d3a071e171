/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_CLEANUP_H
#define ICR_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs FREE(&variable) when the variable leaves its scope. */
#define icr_cleanup(free) __attribute__((cleanup(free)))

#define _cleanup_free_ icr_cleanup(icr_cleanup_free)
#define _cleanup_fd_   icr_cleanup(icr_cleanup_fd)
#define _cleanup_file_ icr_cleanup(icr_cleanup_file)
#define _cleanup_dir_  icr_cleanup(icr_cleanup_dir)

/* Hands ownership out: yields the pointer and leaves NULL behind. */
#define icr_steal(pointer)                                                                         \
	__extension__({                                                                            \
		__typeof__(*(pointer)) stolen_ = *(pointer);                                       \
		*(pointer) = NULL;                                                                 \
		stolen_;                                                                           \
	})

/* The same for a descriptor, leaving -1 behind. */
static inline int icr_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define ICR_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static inline void icr_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void icr_cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void icr_cleanup_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static inline void icr_cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#endif
