/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/connections.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/resolve.h"
#include "rewrite/processes.h"

#define HTTPS_PORT     443
#define ATTEMPTS       3
#define DIGITS_MAX     24
#define ANSWER_SECONDS 2
/* the kernel makes none larger (netlink_dump) */
#define PART_MAX ((size_t)32 * 1024)
/* over which a process can still send */
#define STATES (1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_CLOSE_WAIT)

/* The kernel's numbers: words in the byte order that they have on the wire, as it stores them. */
struct connection {
	int family;
	uint32_t local[4], peer[4];
	unsigned local_port, peer_port;
	char user[DIGITS_MAX], inode[DIGITS_MAX];
	char address[ICR_ADDRESS_MAX]; /* peer, for people */
	char *holder;		       /* "dockerd (process 123)", once looked for, or NULL */
};

struct connections {
	struct connection *items;
	size_t count;
};

static void connections_free(struct connections *connections)
{
	for (size_t i = 0; i < connections->count; i++)
		free(connections->items[i].holder);
	free(connections->items);
}

/* A peer that an IPv6 socket reaches by IPv4 is told as IPv4. */
static void name_peer(struct connection *connection)
{
	const struct in6_addr *six = (const void *)connection->peer;
	bool mapped = connection->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six);
	const void *bytes = mapped ? (const void *)&connection->peer[3] : connection->peer;

	(void)inet_ntop(mapped ? AF_INET : connection->family, bytes, connection->address,
			ICR_ADDRESS_MAX);
}

static int open_netlink(void)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Takes one that goes to ADDRESSES, or (NULL) anywhere. */
static void take(const struct connection *connection, const struct icr_strings *addresses,
		 struct connections *connections)
{
	if (connection->peer_port == HTTPS_PORT &&
	    (!addresses || icr_strings_has(addresses, connection->address)))
		*ICR_APPEND(connections) = *connection;
}

static void take_message(const struct inet_diag_msg *message, const struct icr_strings *addresses,
			 struct connections *connections)
{
	struct connection found = {
		.family = message->idiag_family,
		.local_port = ntohs(message->id.idiag_sport),
		.peer_port = ntohs(message->id.idiag_dport),
	};

	if (found.family != AF_INET && found.family != AF_INET6)
		return;
	memcpy(found.local, message->id.idiag_src, sizeof(found.local));
	memcpy(found.peer, message->id.idiag_dst, sizeof(found.peer));
	(void)snprintf(found.user, sizeof(found.user), "%u", message->idiag_uid);
	(void)snprintf(found.inode, sizeof(found.inode), "%u", message->idiag_inode);
	name_peer(&found);
	take(&found, addresses, connections);
}

/* Takes what is in a part of the dump: 1 at its end, negative when it failed. */
static int take_part(const void *part, size_t len, const struct icr_strings *addresses,
		     struct connections *connections)
{
	const struct nlmsghdr *header = part;
	size_t left = len;

	/* not by NLMSG_OK(), which compares what differs in sign */
	while (left >= sizeof(*header) && header->nlmsg_len >= sizeof(*header) &&
	       header->nlmsg_len <= left) {
		size_t step = NLMSG_ALIGN((size_t)header->nlmsg_len);
		int code = 0;
		if (header->nlmsg_type == NLMSG_ERROR)
			return -1;
		if (header->nlmsg_type == NLMSG_DONE) {
			if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
				memcpy(&code, NLMSG_DATA(header), sizeof(code));
			return code < 0 ? -1 : 1;
		}
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			take_message(NLMSG_DATA(header), addresses, connections);
		if (step >= left)
			break;
		header = (const void *)((const char *)header + step);
		left -= step;
	}
	return 0;
}

/*
 * All of both families in one dump, which goes over the kernel's table once: the older message,
 * since sock_diag's own is for one family. The filter (inet_diag_bc_op in linux/inet_diag.h): an
 * operation's "no" leads behind the end of it all. False where the kernel cannot tell.
 */
static bool list_by_netlink(const struct icr_strings *addresses, struct connections *connections)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req request;
		struct nlattr filter;
		struct inet_diag_bc_op operations[4];
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = TCPDIAG_GETSOCK,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.idiag_family = AF_INET, .idiag_states = STATES},
		.filter = {.nla_len = sizeof(message.filter) + sizeof(message.operations),
			   .nla_type = INET_DIAG_REQ_BYTECODE},
		.operations = {{INET_DIAG_BC_D_GE, 8, 20},
			       {.no = HTTPS_PORT},
			       {INET_DIAG_BC_D_LE, 8, 12},
			       {.no = HTTPS_PORT}},
	};
	_cleanup_fd_ int fd = open_netlink();
	_cleanup_free_ void *part = icr_malloc(PART_MAX);
	int r = fd < 0 || send(fd, &message, sizeof(message), 0) < 0 ? -1 : 0;

	while (r == 0) {
		ssize_t len = recv(fd, part, PART_MAX, MSG_TRUNC);
		r = len <= 0 || (size_t)len > PART_MAX
			    ? -1
			    : take_part(part, (size_t)len, addresses, connections);
	}
	return r > 0;
}

/* The hexadecimal number at TEXT, which ends at the first other character. */
static uint32_t read_hex(const char *text, size_t digits)
{
	uint32_t number = 0;

	for (size_t i = 0; i < digits && icr_hex_digit(text[i]) >= 0; i++)
		number = number << 4 | (uint32_t)icr_hex_digit(text[i]);
	return number;
}

/* "0A00000A:01BB", or four such words. */
static bool read_words(const char *text, uint32_t *words, size_t count, unsigned *ret_port)
{
	if (strlen(text) != count * 8 + 5 || text[count * 8] != ':')
		return false;
	for (size_t i = 0; i < count; i++)
		words[i] = read_hex(text + i * 8, 8);
	*ret_port = read_hex(text + count * 8 + 1, 4);
	return true;
}

/* One line of /proc/net/tcp (proc(5)): false for one that no process can send over any more. */
static bool read_line(char *line, int family, struct connection *ret_connection)
{
	struct connection connection = {.family = family};
	size_t words = family == AF_INET ? 1 : 4;
	char *fields[10], *rest = NULL;
	size_t count = 0;

	for (char *word = strtok_r(line, " \n", &rest); word && count < ICR_LENGTH(fields);
	     word = strtok_r(NULL, " \n", &rest))
		fields[count++] = word;
	if (count < ICR_LENGTH(fields) ||
	    !read_words(fields[1], connection.local, words, &connection.local_port) ||
	    !read_words(fields[2], connection.peer, words, &connection.peer_port))
		return false;
	uint32_t state = read_hex(fields[3], 2);
	(void)snprintf(connection.user, sizeof(connection.user), "%s", fields[7]);
	(void)snprintf(connection.inode, sizeof(connection.inode), "%s", fields[9]);
	name_peer(&connection);
	*ret_connection = connection;
	return state < 32 && (STATES & 1U << state);
}

/* The kernel goes over its whole table two or three times for each of the files. */
static void list_by_files(const struct icr_strings *addresses, struct connections *connections)
{
	static const struct {
		const char *path;
		int family;
	} files[] = {{"/proc/net/tcp", AF_INET}, {"/proc/net/tcp6", AF_INET6}};

	for (size_t i = 0; i < ICR_LENGTH(files); i++) {
		_cleanup_file_ FILE *file = fopen(files[i].path, "re");
		_cleanup_free_ char *line = NULL;
		struct connection found;
		size_t size = 0;
		while (file && getline(&line, &size, file) > 0)
			if (read_line(line, files[i].family, &found))
				take(&found, addresses, connections);
	}
}

/* To ADDRESSES, or (NULL) anywhere. The module of sock_diag may be missing where the files are
 * there. */
static void list(const struct icr_strings *addresses, struct connections *connections)
{
	if (list_by_netlink(addresses, connections))
		return;
	connections->count = 0;
	list_by_files(addresses, connections);
}

/* 0 or an errno value: EPERM, EOPNOTSUPP (CONFIG_INET_DIAG_DESTROY), ENOENT (no module, or gone).
 */
static int destroy(int fd, const struct connection *connection)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = SOCK_DESTROY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.request = {.sdiag_family = (uint8_t)connection->family,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_states = UINT32_MAX,
			    .id = {.idiag_sport = htons((uint16_t)connection->local_port),
				   .idiag_dport = htons((uint16_t)connection->peer_port),
				   .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	memcpy(message.request.id.idiag_src, connection->local, sizeof(connection->local));
	memcpy(message.request.id.idiag_dst, connection->peer, sizeof(connection->peer));
	if (send(fd, &message, sizeof(message), 0) < 0)
		return errno;
	ssize_t len = recv(fd, &answer, sizeof(answer), 0);
	if (len < 0)
		return errno;
	if ((size_t)len < sizeof(answer.header) + sizeof(answer.error) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -answer.error.error;
}

/* Why the kernel did not end one, as errno; 0 when it ended them all. */
static int destroy_all(const struct connections *connections)
{
	_cleanup_fd_ int fd = open_netlink();
	int failure = 0;

	if (fd < 0)
		return errno;
	for (size_t i = 0; i < connections->count; i++) {
		int code = destroy(fd, &connections->items[i]);
		failure = code ? code : failure;
	}
	return failure;
}

static char *describe(const char *pid)
{
	char name[PROCESS_NAME_MAX];

	process_name(pid, name);
	return icr_printf("%s (process %s)", name, pid);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct connection *one = a, *other = b;

	return strcmp(one->inode, other->inode);
}

/* The process becomes the holder of those that it has open and nobody else has. CONNECTIONS are in
 * order of their inodes. */
static void find_held(const char *pid, struct connections *connections)
{
	_cleanup_free_ char *folder = icr_printf("/proc/%s/fd", pid), *who = NULL;
	_cleanup_dir_ DIR *dir = opendir(folder);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		static const char kind[] = "socket:[";
		struct connection key;
		char link[64];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (strncmp(link, kind, strlen(kind)) != 0)
			continue;
		const char *inode = link + strlen(kind);
		(void)snprintf(key.inode, sizeof(key.inode), "%.*s",
			       (int)strspn(inode, "0123456789"), inode);
		struct connection *held = bsearch(&key, connections->items, connections->count,
						  sizeof(key), compare_inodes);
		if (!held || held->holder)
			continue;
		if (!who)
			who = describe(pid);
		held->holder = icr_strdup(who);
	}
}

/* There may be thousands of connections, and as many descriptors: each process is looked at once.
 * PULLING: only those that fetch images. */
static void find_holders(struct connections *connections, bool pulling)
{
	_cleanup_dir_ DIR *dir = connections->count ? opendir("/proc") : NULL;

	if (!dir)
		return;
	qsort(connections->items, connections->count, sizeof(*connections->items), compare_inodes);
	for (const char *pid; (pid = processes_next(dir));)
		if (!pulling || process_pulls(pid))
			find_held(pid, connections);
}

/* The holder, or what there is to say. */
static char *name_holder(const struct connection *connection)
{
	return connection->holder ? icr_strdup(connection->holder)
				  : icr_printf("a process of user %s", connection->user);
}

static void tell(struct connections *left, int failure, struct notes *notes)
{
	_cleanup_strings_ struct icr_strings said = {0};

	find_holders(left, false);
	for (size_t i = 0; i < left->count; i++) {
		_cleanup_free_ char *who = name_holder(&left->items[i]);
		_cleanup_free_ char *what = icr_printf(
			"%s keeps a connection to the public address %s, and may send logins over "
			"it until it is restarted, or the connection was idle for two minutes (the "
			"kernel does not end it: %s)",
			who, left->items[i].address,
			failure ? strerror(failure) : "it is there again");
		if (icr_strings_has(&said, what))
			continue;
		icr_strings_add(&said, what);
		note_warning(notes, "%s", what);
	}
}

void connections_end(const struct icr_strings *addresses, struct notes *notes)
{
	int failure = 0;

	if (!addresses->count)
		return;
	for (int i = 0;; i++) {
		icr_cleanup(connections_free) struct connections open = {0};
		list(addresses, &open);
		if (open.count == 0)
			return;
		if (i == ATTEMPTS || failure) {
			tell(&open, failure, notes);
			return;
		}
		failure = destroy_all(&open);
		/* one that ended by itself meanwhile */
		failure = failure == ENOENT && open.count > 0 && i + 1 < ATTEMPTS ? 0 : failure;
	}
}

/* Those of public addresses that are not KNOWN stay. */
static void drop_known(struct connections *connections, const struct icr_strings *known)
{
	size_t kept = 0;

	for (size_t i = 0; i < connections->count; i++) {
		const struct connection *one = &connections->items[i];
		if (icr_address_is_public(one->address) && !icr_strings_has(known, one->address))
			connections->items[kept++] = *one;
	}
	connections->count = kept;
}

static bool has_peer(const struct peers *peers, const char *address)
{
	for (size_t i = 0; i < peers->count; i++)
		if (strcmp(peers->items[i].address, address) == 0)
			return true;
	return false;
}

static void add_peer(struct peers *peers, const struct connection *connection)
{
	if (has_peer(peers, connection->address))
		return;
	struct peer *peer = ICR_APPEND(peers);

	memcpy(peer->address, connection->address, sizeof(peer->address));
	peer->holder = name_holder(connection);
}

static bool has_known(const struct connections *connections, const struct icr_strings *known)
{
	for (size_t i = 0; i < connections->count; i++)
		if (icr_strings_has(known, connections->items[i].address))
			return true;
	return false;
}

void peers_list(const struct icr_strings *known, const struct icr_strings *earlier,
		struct peers *ret_peers)
{
	icr_cleanup(connections_free) struct connections open = {0}, met = {0};

	*ret_peers = (struct peers){0};
	list(NULL, &open);
	ret_peers->known_open = has_known(&open, known);
	drop_known(&open, known);
	for (size_t i = 0; i < open.count; i++)
		if (icr_strings_has(earlier, open.items[i].address))
			*ICR_APPEND(&met) = open.items[i];
	find_holders(&met, false);
	for (size_t i = 0; i < met.count; i++)
		add_peer(ret_peers, &met.items[i]);
	if (met.count == open.count)
		return;
	find_holders(&open, true);
	for (size_t i = 0; i < open.count; i++)
		if (open.items[i].holder)
			add_peer(ret_peers, &open.items[i]);
}

void peers_free(struct peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		free(peers->items[i].holder);
	free(peers->items);
	*peers = (struct peers){0};
}
