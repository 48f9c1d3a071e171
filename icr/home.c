/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "icr/environment.h"
#include "icr/memory.h"

/* Kept for the life of the process, because getpwuid()'s own storage changes with the next question
 * to the user database. */
const char *icr_home_of_user(void)
{
	static char *home;

	if (!home) {
		const struct passwd *user = getpwuid(geteuid());
		if (user && user->pw_dir && *user->pw_dir)
			home = icr_strdup(user->pw_dir);
	}
	return home;
}
