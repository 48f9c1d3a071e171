/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/nss.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stddef.h>
#include <unistd.h>

#include "icr/memory.h"

const char *icr_home_of_user(void)
{
	/* getpwuid()'s own storage changes with the next question */
	static char *home;

	if (!home) {
		const struct passwd *user = getpwuid(geteuid());
		if (user && user->pw_dir && *user->pw_dir)
			home = icr_strdup(user->pw_dir);
	}
	return home;
}

char *icr_home_of(const char *name, uid_t *ret_id)
{
	const struct passwd *user = getpwnam(name);

	if (!user || !user->pw_dir || user->pw_dir[0] != '/')
		return NULL;
	*ret_id = user->pw_uid;
	return icr_strdup(user->pw_dir);
}

void icr_addresses_begin(void)
{
}

static const void *bytes_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

int icr_addresses_of(const char *name, int family,
		     void (*add)(void *list, int family, const void *bytes), void *list)
{
	/* AI_ADDRCONFIG stays off: where only loopback is configured it would hide the answers. */
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *answer = NULL;

	int failure = getaddrinfo(name, NULL, &hints, &answer);
	if (failure)
		return failure;
	for (const struct addrinfo *info = answer; info; info = info->ai_next)
		if (info->ai_family == AF_INET || info->ai_family == AF_INET6)
			add(list, info->ai_family, bytes_of(info->ai_addr));
	freeaddrinfo(answer);
	return 0;
}
