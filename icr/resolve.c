/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "icr/cleanup.h"

/* An address as bytes, IPv4 before IPv6 in comparison. */
struct address {
	int six;
	unsigned char bytes[16];
};

/* One name's work. It belongs to its thread until done is set, then to whoever holds the lock. */
struct lookup {
	struct lookups *all;
	char *name;
	bool done;
	int failure;
	size_t count;
	char addresses[ICR_ADDRESSES_MAX][ICR_ADDRESS_MAX];
};

/* Shared by the caller and its threads; the last one frees it, since getaddrinfo cannot be stopped
 * and may come back long after the caller has left. */
struct lookups {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t users;
	size_t waiting;
	size_t count;
	struct lookup items[];
};

static void lookups_free(struct lookups *all)
{
	for (size_t i = 0; i < all->count; i++)
		free(all->items[i].name);
	(void)pthread_cond_destroy(&all->changed);
	(void)pthread_mutex_destroy(&all->lock);
	free(all);
}

static void lookups_leave(struct lookups **all)
{
	if (!*all)
		return;
	(void)pthread_mutex_lock(&(*all)->lock);
	bool last = --(*all)->users == 0;
	(void)pthread_mutex_unlock(&(*all)->lock);
	if (last)
		lookups_free(*all);
}

static int compare(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return x->six != y->six ? x->six - y->six : memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static bool read_address(const struct addrinfo *info, struct address *ret_address)
{
	struct address address = {.six = info->ai_family == AF_INET6};

	if (info->ai_family == AF_INET)
		memcpy(address.bytes,
		       &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr, 4);
	else if (info->ai_family == AF_INET6)
		memcpy(address.bytes,
		       &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr, 16);
	else
		return false;
	*ret_address = address;
	return true;
}

/* Sorted before it is cut, so that the same answer in another order gives the same addresses. */
static int keep_addresses(const struct addrinfo *answer, struct lookup *lookup)
{
	size_t count = 0, n = 0;

	for (const struct addrinfo *info = answer; info; info = info->ai_next)
		count++;
	_cleanup_free_ struct address *list = calloc(count ? count : 1, sizeof(*list));
	if (!list)
		return EAI_MEMORY;
	for (const struct addrinfo *info = answer; info; info = info->ai_next)
		if (read_address(info, &list[n]))
			n++;
	qsort(list, n, sizeof(*list), compare);
	for (size_t i = 0; i < n && lookup->count < ICR_ADDRESSES_MAX; i++) {
		if (i > 0 && compare(&list[i - 1], &list[i]) == 0)
			continue;
		if (inet_ntop(list[i].six ? AF_INET6 : AF_INET, list[i].bytes,
			      lookup->addresses[lookup->count], ICR_ADDRESS_MAX))
			lookup->count++;
	}
	return lookup->count > 0 ? 0 : EAI_NONAME;
}

/* AI_ADDRCONFIG stays off: where only loopback is configured it would hide the answers. */
static int look_up(struct lookup *lookup)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *answer = NULL;

	int failure = getaddrinfo(lookup->name, NULL, &hints, &answer);
	if (failure)
		return failure;
	failure = keep_addresses(answer, lookup);
	freeaddrinfo(answer);
	return failure;
}

static void *run(void *data)
{
	struct lookup *lookup = data;
	struct lookups *all = lookup->all;

	int failure = look_up(lookup);
	(void)pthread_mutex_lock(&all->lock);
	lookup->failure = failure;
	lookup->done = true;
	all->waiting--;
	(void)pthread_cond_signal(&all->changed);
	(void)pthread_mutex_unlock(&all->lock);
	lookups_leave(&all);
	return NULL;
}

static struct lookups *lookups_new(const struct icr_resolution *names, size_t count)
{
	struct lookups *all = calloc(1, sizeof(*all) + count * sizeof(all->items[0]));
	pthread_condattr_t clock;

	if (!all)
		return NULL;
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&all->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	all->users = 1;
	all->count = count;
	for (size_t i = 0; i < count; i++) {
		all->items[i].all = all;
		all->items[i].name = strdup(names[i].name);
		if (!all->items[i].name) {
			lookups_free(all);
			return NULL;
		}
	}
	return all;
}

/* Signals are for the caller's threads. */
static int start_one(struct lookup *lookup)
{
	pthread_attr_t attributes;
	sigset_t every, before;
	pthread_t thread;

	int code = pthread_attr_init(&attributes);
	if (code)
		return code;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&every);
	(void)pthread_sigmask(SIG_SETMASK, &every, &before);
	code = pthread_create(&thread, &attributes, run, lookup);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return code;
}

static int start(struct lookups *all, struct icr_error *err)
{
	for (size_t i = 0; i < all->count; i++) {
		(void)pthread_mutex_lock(&all->lock);
		all->users++;
		all->waiting++;
		(void)pthread_mutex_unlock(&all->lock);
		int code = start_one(&all->items[i]);
		if (!code)
			continue;
		(void)pthread_mutex_lock(&all->lock);
		all->users--;
		all->waiting--;
		(void)pthread_mutex_unlock(&all->lock);
		return icr_fail_errno(err, code, NULL, "cannot start a thread to resolve %s",
				      all->items[i].name);
	}
	return 0;
}

static struct timespec deadline_in(int timeout_ms)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += timeout_ms / 1000;
	time.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

static void collect(struct lookups *all, struct icr_resolution *names,
		    const struct timespec *deadline)
{
	(void)pthread_mutex_lock(&all->lock);
	while (all->waiting > 0 &&
	       pthread_cond_timedwait(&all->changed, &all->lock, deadline) != ETIMEDOUT)
		;
	for (size_t i = 0; i < all->count; i++) {
		const struct lookup *lookup = &all->items[i];
		names[i].failure = lookup->done ? lookup->failure : EAI_AGAIN;
		names[i].count = 0;
		if (!lookup->done || lookup->failure)
			continue;
		names[i].count = lookup->count;
		memcpy(names[i].addresses, lookup->addresses, sizeof(names[i].addresses));
	}
	(void)pthread_mutex_unlock(&all->lock);
}

int icr_resolve(struct icr_resolution *names, size_t count, int timeout_ms, struct icr_error *err)
{
	struct timespec deadline = deadline_in(timeout_ms > 0 ? timeout_ms : 0);

	icr_cleanup(lookups_leave) struct lookups *all = lookups_new(names, count);
	if (!all)
		return icr_fail_memory(err);
	int r = start(all, err);
	if (r < 0)
		return r;
	collect(all, names, &deadline);
	return 0;
}

static bool has_prefix(const unsigned char *bytes, const unsigned char *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(bytes, prefix, whole) != 0)
		return false;
	return rest == 0 || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static int is_private4(const unsigned char *bytes)
{
	static const struct {
		unsigned char prefix[4];
		unsigned bits;
	} nets[] = {
		{{10, 0, 0, 0}, 8},    {{172, 16, 0, 0}, 12},  {{192, 168, 0, 0}, 16},
		{{100, 64, 0, 0}, 10}, {{169, 254, 0, 0}, 16}, {{127, 0, 0, 0}, 8},
		{{161, 26, 0, 0}, 16}, {{166, 8, 0, 0}, 14},
	};

	for (size_t i = 0; i < ICR_LENGTH(nets); i++)
		if (has_prefix(bytes, nets[i].prefix, nets[i].bits))
			return 1;
	return 0;
}

int icr_address_is_private(const char *address)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1)
		return is_private4((const unsigned char *)&four);
	if (inet_pton(AF_INET6, address, &six) != 1)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return is_private4(six.s6_addr + 12);
	return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six) ||
	       (six.s6_addr[0] & 0xfe) == 0xfc;
}
