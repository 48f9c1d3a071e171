/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/resolve.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/memory.h"
#include "icr/nss.h"
#include "icr/progress.h"
#include "icr/text.h"
#include "icr/thread.h"

/* A name server that is asked past the hosts file gets two seconds, then the next one: a dead first
 * server and two record types stay within what callers wait. */
#define SERVER_SECONDS 2

/* An address as bytes, IPv4 before IPv6 in comparison. */
struct address {
	int six;
	unsigned char bytes[16];
};

struct addresses {
	struct address *items;
	size_t count;
};

/* One name's work: its thread's until done is set, then of whoever holds the lock. */
struct lookup {
	struct icr_lookups *all;
	char *name;
	int family;
	bool past_files, done, partial, has_public;
	int failure;
	size_t count;
	char addresses[ICR_ADDRESSES_MAX][ICR_ADDRESS_MAX];
};

/* Shared by the caller and its threads; the last one frees it, since getaddrinfo cannot be stopped
 * and may come back long after the caller has left. */
struct icr_lookups {
	pthread_mutex_t lock;
	size_t users;
	int event;
	size_t count;
	struct lookup items[];
};

void icr_lookups_leave(struct icr_lookups **lookups)
{
	struct icr_lookups *all = icr_steal(lookups);

	if (!all)
		return;
	(void)pthread_mutex_lock(&all->lock);
	bool last = --all->users == 0;
	(void)pthread_mutex_unlock(&all->lock);
	if (!last)
		return;
	for (size_t i = 0; i < all->count; i++)
		free(all->items[i].name);
	(void)pthread_mutex_destroy(&all->lock);
	(void)close(all->event);
	free(all);
}

static int compare(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return x->six != y->six ? x->six - y->six : memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static void add_address(void *data, int family, const void *bytes)
{
	struct addresses *list = data;
	struct address *address = ICR_APPEND(list);
	address->six = family == AF_INET6;
	memcpy(address->bytes, bytes, address->six ? 16 : 4);
}

/* Sorted before it is cut, so that the same answer in another order gives the same addresses. */
static int keep_addresses(struct addresses *list, struct lookup *lookup)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->count; i++) {
		const struct address *address = &list->items[i];
		char text[ICR_ADDRESS_MAX];
		if ((i > 0 && compare(address - 1, address) == 0) ||
		    !inet_ntop(address->six ? AF_INET6 : AF_INET, address->bytes, text,
			       sizeof(text)))
			continue;
		lookup->has_public |= icr_address_is_public(text);
		if (lookup->count < ICR_ADDRESSES_MAX)
			memcpy(lookup->addresses[lookup->count++], text, sizeof(text));
	}
	free(list->items);
	return lookup->count > 0 ? 0 : EAI_NONAME;
}

static unsigned read_u16(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

/* The A or AAAA records of an answer (RFC 1035 section 4.1); what links an alias to them is passed
 * over. */
static void read_records(const unsigned char *message, size_t len, struct addresses *list)
{
	const unsigned char *at = message + HFIXEDSZ, *end = message + len;
	if (len < HFIXEDSZ)
		return;
	unsigned questions = read_u16(message + 4), answers = read_u16(message + 6);
	for (unsigned i = 0; i < questions + answers; i++) {
		int name = dn_skipname(at, end);
		size_t fixed = i < questions ? QFIXEDSZ : RRFIXEDSZ;
		if (name < 0 || (size_t)(end - at) < (size_t)name + fixed)
			return;
		at += name;
		unsigned type = read_u16(at);
		size_t size = i < questions ? 0 : read_u16(at + 8);
		at += fixed;
		if ((size_t)(end - at) < size)
			return;
		if (i >= questions && type == ns_t_a && size == 4)
			add_address(list, AF_INET, at);
		else if (i >= questions && type == ns_t_aaaa && size == 16)
			add_address(list, AF_INET6, at);
		at += size;
	}
}

static int ask_servers(struct lookup *lookup, struct addresses *list)
{
	static const int types[] = {ns_t_a, ns_t_aaaa};
	_cleanup_free_ unsigned char *answer = icr_malloc(NS_MAXMSG);
	int failure = 0;

	/* This thread's own. musl has nothing but these names, and its own idea of time-outs. */
	if (res_init() < 0)
		return EAI_SYSTEM;
	_res.retrans = SERVER_SECONDS;
	_res.retry = 1;
	for (size_t i = 0; i < ICR_LENGTH(types); i++) {
		if (lookup->family == (types[i] == ns_t_a ? AF_INET6 : AF_INET))
			continue;
		int len = res_query(lookup->name, ns_c_in, types[i], answer, NS_MAXMSG);
		if (len >= 0)
			read_records(answer, (size_t)(len < NS_MAXMSG ? len : NS_MAXMSG), list);
		else if (h_errno != HOST_NOT_FOUND && h_errno != NO_DATA)
			failure = EAI_AGAIN;
	}
	lookup->partial = failure && list->count;
	return list->count ? 0 : failure;
}

/* Without a free descriptor nobody can be asked, which resolvers tell as a name server's failure,
 * or as a name that does not exist. CODE: errno as they left it. */
static bool lacks_descriptors(int code)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	if (fd < 0)
		code = errno;
	else
		(void)close(fd);
	return code == EMFILE || code == ENFILE;
}

static int look_up(struct lookup *lookup)
{
	struct addresses list = {0};

	errno = 0;
	int failure = lookup->past_files
			      ? ask_servers(lookup, &list)
			      : icr_addresses_of(lookup->name, lookup->family, add_address, &list);
	int code = errno;
	int kept = keep_addresses(&list, lookup);
	if (!failure)
		failure = kept;
	return failure && lacks_descriptors(code) ? EAI_SYSTEM : failure;
}

static void *run(void *data)
{
	struct lookup *lookup = data;
	struct icr_lookups *all = lookup->all;

	int failure = look_up(lookup);
	(void)pthread_mutex_lock(&all->lock);
	lookup->failure = failure;
	lookup->done = true;
	(void)pthread_mutex_unlock(&all->lock);
	(void)eventfd_write(all->event, 1);
	icr_lookups_leave(&all);
	return NULL;
}

static int start_one(struct lookup *lookup)
{
	pthread_attr_t attributes;
	pthread_t thread;

	int code = pthread_attr_init(&attributes);
	if (code)
		return code;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	code = icr_thread_start(&attributes, run, lookup, &thread);
	(void)pthread_attr_destroy(&attributes);
	return code;
}

/* A resolver that cannot open its files tells the name as one that does not exist. So there have to
 * be descriptors for all lookups at once: a socket and a file each, and some more. */
static int reserve(int event, size_t count)
{
	size_t wanted = 2 * count + 8, got = 0;
	_cleanup_free_ int *fds = icr_calloc(wanted, sizeof(*fds));

	while (got < wanted && (fds[got] = fcntl(event, F_DUPFD_CLOEXEC, 0)) >= 0)
		got++;
	int code = got < wanted ? errno : 0;
	while (got > 0)
		(void)close(fds[--got]);
	return code;
}

int icr_lookups_start(const struct icr_resolution *names, size_t count,
		      struct icr_lookups **ret_lookups, struct icr_error *err)
{
	bool system = false;

	for (size_t i = 0; i < count; i++)
		system |= !names[i].past_files;
	if (system)
		icr_addresses_begin();
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return icr_fail_errno(err, errno, NULL, "cannot resolve names");
	icr_cleanup(icr_lookups_leave) struct icr_lookups *all =
		icr_calloc(1, sizeof(*all) + count * sizeof(all->items[0]));
	(void)pthread_mutex_init(&all->lock, NULL);
	all->event = event;
	all->users = 1;
	int code = reserve(event, count);
	if (code)
		return icr_fail_errno(err, code, NULL, "cannot resolve names");
	all->users += count;
	all->count = count;
	for (size_t i = 0; i < count; i++)
		all->items[i] = (struct lookup){.all = all,
						.name = icr_strdup(names[i].name),
						.family = names[i].family,
						.past_files = names[i].past_files};
	for (size_t i = 0; i < count; i++) {
		code = start_one(&all->items[i]);
		if (!code)
			continue;
		(void)pthread_mutex_lock(&all->lock);
		all->users -= count - i;
		(void)pthread_mutex_unlock(&all->lock);
		return icr_fail_errno(err, code, NULL, "cannot start a thread to resolve %s",
				      all->items[i].name);
	}
	*ret_lookups = icr_steal(&all);
	return 0;
}

int icr_lookups_fd(const struct icr_lookups *lookups)
{
	return lookups->event;
}

/* What is known so far. */
static void tell(const struct lookup *lookup, struct icr_resolution *name)
{
	name->done = lookup->done;
	name->failure = lookup->done ? lookup->failure : EAI_AGAIN;
	name->count = 0;
	if (!lookup->done || lookup->failure)
		return;
	name->count = lookup->count;
	name->partial = lookup->partial;
	name->has_public = lookup->has_public;
	memcpy(name->addresses, lookup->addresses, sizeof(name->addresses));
}

static bool read_address(const char *text, struct address *ret)
{
	*ret = (struct address){.six = icr_address_family(text) == AF_INET6};
	return inet_pton(ret->six ? AF_INET6 : AF_INET, text, ret->bytes) == 1;
}

void icr_resolution_add(struct icr_resolution *name, const char *text)
{
	struct address address, other;
	size_t at = 0;

	name->done = true;
	if (!read_address(text, &address))
		return;
	name->has_public |= icr_address_is_public(text);
	while (at < name->count && read_address(name->addresses[at], &other) &&
	       compare(&other, &address) < 0)
		at++;
	if (at == ICR_ADDRESSES_MAX || (at < name->count && compare(&other, &address) == 0))
		return;
	name->count += name->count < ICR_ADDRESSES_MAX;
	memmove(name->addresses[at + 1], name->addresses[at],
		(name->count - at - 1) * sizeof(name->addresses[0]));
	(void)inet_ntop(address.six ? AF_INET6 : AF_INET, address.bytes, name->addresses[at],
			sizeof(name->addresses[at]));
}

bool icr_lookups_collect(struct icr_lookups *lookups, struct icr_resolution *names)
{
	eventfd_t value;
	bool all = true;

	(void)eventfd_read(lookups->event, &value);
	(void)pthread_mutex_lock(&lookups->lock);
	for (size_t i = 0; i < lookups->count; i++) {
		all &= lookups->items[i].done;
		tell(&lookups->items[i], &names[i]);
	}
	(void)pthread_mutex_unlock(&lookups->lock);
	return all;
}

bool icr_lookups_wait(const struct icr_lookups *lookups, int64_t deadline_ms)
{
	struct pollfd event = {.fd = lookups->event, .events = POLLIN};
	int64_t left = deadline_ms - icr_clock_ms();

	if (left <= 0)
		return false;
	(void)poll(&event, 1, icr_progress_slice((int)left));
	icr_progress_tick();
	return true;
}

int icr_resolve(struct icr_resolution *names, size_t count, int timeout_ms, struct icr_error *err)
{
	icr_cleanup(icr_lookups_leave) struct icr_lookups *lookups = NULL;
	int64_t deadline = icr_clock_ms() + timeout_ms;

	int r = icr_lookups_start(names, count, &lookups, err);
	if (r < 0)
		return r;
	while (!icr_lookups_collect(lookups, names) && icr_lookups_wait(lookups, deadline))
		;
	return 0;
}

/* What holds of an address, by the first network of the table that it lies in. */
struct network {
	unsigned char prefix[16];
	unsigned bits;
	bool private;	     /* not routed by the public internet */
	const char *refusal; /* or NULL */
};

#define LOOPBACK    "a loopback address"
#define LINK_LOCAL  "a link-local address"
#define UNSPECIFIED "an unspecified address"
#define MULTICAST   "a multicast address"
#define RESERVED    "a reserved address"
#define PUBLIC	    "a public address"
#define EMBEDDED    "an IPv4 address in the clothes of an IPv6 one"

/* Sources: the IANA registries of special-purpose addresses (RFC 6890), IBM Cloud Docs. */
static const struct network networks4[] = {
	{{10}, 8, true, NULL},
	{{172, 16}, 12, true, NULL},
	{{192, 168}, 16, true, NULL},
	{{100, 64}, 10, true, NULL},
	{{161, 26}, 16, true, NULL},
	{{166, 8}, 14, true, NULL},
	{{169, 254}, 16, true, LINK_LOCAL},
	{{127}, 8, true, LOOPBACK},
	{{0}, 8, false, UNSPECIFIED},
	{{224}, 4, false, MULTICAST},
	{{240}, 4, false, RESERVED},
	{{0}, 0, false, PUBLIC},
};

static const struct network networks6[] = {
	{{0xfc}, 7, true, NULL},
	{{0xfe, 0x80}, 10, true, LINK_LOCAL},
	{{[15] = 1}, 128, true, LOOPBACK},
	{{0}, 128, false, UNSPECIFIED},
	{{0xff}, 8, false, MULTICAST},
	/* ::/96, ::ffff:0:0/96, and NAT64 with its own range */
	{{0}, 80, false, EMBEDDED},
	{{0, 0x64, 0xff, 0x9b}, 47, false, EMBEDDED},
	{{0}, 0, false, PUBLIC},
};

static bool has_prefix(const unsigned char *bytes, const unsigned char *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(bytes, prefix, whole) != 0)
		return false;
	return rest == 0 || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static const struct network *find_network(const struct network *networks,
					  const unsigned char *bytes)
{
	while (!has_prefix(bytes, networks->prefix, networks->bits))
		networks++;
	return networks;
}

int icr_address_family(const char *address)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, address, bytes) == 1 ? AF_INET6 : 0;
}

static const struct network *network_of(const char *address)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1)
		return find_network(networks4, bytes);
	return inet_pton(AF_INET6, address, bytes) == 1 ? find_network(networks6, bytes) : NULL;
}

int icr_address_is_private(const char *address)
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_V4MAPPED(&six))
		return find_network(networks4, six.s6_addr + 12)->private;
	const struct network *network = network_of(address);
	return network && network->private;
}

const char *icr_address_refusal(const char *address)
{
	const struct network *network = network_of(address);

	return network ? network->refusal : "no address";
}

bool icr_address_is_public(const char *address)
{
	const struct network *network = network_of(address);

	return network && network->bits == 0;
}

bool icr_address_in(const char *address, const char *network)
{
	unsigned char bytes[16], prefix[16];
	char text[ICR_ADDRESS_MAX];
	int64_t bits;
	const char *slash = strchr(network, '/');
	size_t len = slash ? (size_t)(slash - network) : 0;
	int family = icr_address_family(address);

	if (!slash || len >= sizeof(text) ||
	    icr_number_parse(slash + 1, 0, family == AF_INET ? 32 : 128, &bits, NULL) < 0)
		return false;
	memcpy(text, network, len);
	text[len] = '\0';
	return family && inet_pton(family, address, bytes) == 1 &&
	       inet_pton(family, text, prefix) == 1 && has_prefix(bytes, prefix, (unsigned)bits);
}
