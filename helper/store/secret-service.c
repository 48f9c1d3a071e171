/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/secret-service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "helper/cache.h"
#include "helper/helper.h"
#include "helper/keyring.h"
#include "helper/store/dbus.h"
#include "helper/store/libsecret.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/sha256.h"
#include "icr/text.h"
#include "icr/utf8.h"

/*
 * The desktop's keyring: whatever provides the Secret Service on the user's bus. Items are those
 * of docker-credential-secretservice, which keeps them by libsecret, so that each program finds
 * what the other stored. Source: docker/docker-credential-helpers v0.9,
 * secretservice/secretservice.c; specifications.freedesktop.org, Secret Service API 0.2.
 *
 * What stores is libsecret itself (libsecret.c). All else is asked from here: loading that library
 * takes more time than all the calls of a get, and its searches say "not found" of what is locked.
 *
 * What is read crosses the bus as it is (algorithm "plain"): whoever may look into this user's bus
 * may ask the keyring just as well.
 */

#define WHERE	   "libsecret"
#define SERVICE	   "org.freedesktop.secrets"
#define ROOT	   "/org/freedesktop/secrets"
#define INTERFACE  "org.freedesktop.Secret."
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define DBUS_ERROR "org.freedesktop.DBus.Error."
#define NO_PROMPT  "/"

#define BODY_MAX  ((size_t)1024 * 1024)
#define ITEMS_MAX ((size_t)100000)

/* A keyring that does not answer is given up after this. */
#define TIMEOUT_MS 2200
/* What all that a process asks it may take together, so that the whole verb stays within 3 s. */
#define VERB_MS 2700
/* One that answers, but slowly, since many ask it at once, gets so long. */
#define BUSY_MS 9000
/* With more work waiting for each processor, silence tells nothing. */
#define BUSY_LOAD 3

/* That it gave no answer, or was too slow, is remembered for a minute: so long, the next ones only
 * see whether it is back. A client that asks for 28 hosts in turn then waits once. */
#define SILENT_NAME    "keyring-silent"
#define SILENT_SECONDS 60
#define SILENT_MS      10
#define SILENT_STEP_MS 50 /* for each further answer */

/* That among these items none is of our hosts in an unusual spelling: the next ones need not look
 * at each for a host that has none in a usual one. */
#define USUAL_NAME    "keyring-usual"
#define USUAL_SECONDS 3600

#define MEMORY_MAX ((size_t)4096)

extern const struct store store_secret_service;

/* The spellings in which clients store a host. Others are found by looking at all items. */
static const char *const schemes[] = {"", "https://"};

struct service {
	struct dbus bus;
	const struct icr_environment *environment;
	char *address, *session;
	char *collection; /* the default one's path; NULL: not asked, or there is none */
	int64_t begin;
	int crowd; /* descriptor of a folder that all of this user who ask it have locked together
		    */
	bool was_silent;
	bool crowded;	/* others ask a keyring at the same time */
	bool connected; /* the bus has answered */
	bool answered;	/* the service has */
};

struct item {
	char host[ICR_HOST_MAX]; /* "": not one that was asked for, or not known */
	char *path, *username;
	struct credential credential; /* once it is read; its host is NULL before */
	int64_t created, modified;    /* seconds since 1970 */
	bool locked;
	bool gone;
};

struct items {
	struct item *items;
	size_t count;
	bool unknown; /* some are locked and do not tell their host */
	bool unusual; /* some are of our hosts, in spellings that are not searched for */
	bool shown;   /* the default collection shows its items though they are locked */
};

static void item_free(struct item *item)
{
	free(item->path);
	free(item->username);
	credential_free(&item->credential);
}

static void items_free(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		item_free(&items->items[i]);
	free(items->items);
}

static void calls_free(struct dbus_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dbus_call_free(&calls[i]);
	free(calls);
}

static void service_close(struct service *service)
{
	dbus_close(&service->bus);
	free(service->address);
	free(service->session);
	free(service->collection);
	if (service->crowd >= 0)
		(void)close(service->crowd);
}

/* When the budget of this process ends; 0: no keyring was asked yet. */
static int64_t verb_end;

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool is_crowded(const struct service *service)
{
	bool others = flock(service->crowd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (flock(service->crowd, LOCK_SH | LOCK_NB) < 0)
		others |= errno == EWOULDBLOCK;
	return others;
}

/* The time for the next answer. A service that is slow by itself has the verb's budget. */
static int64_t next_deadline(struct service *service, int64_t patience)
{
	service->crowded = service->crowded || is_crowded(service);
	return least(icr_clock_ms() + patience,
		     service->crowded ? service->begin + BUSY_MS : verb_end);
}

static int fail_locked(struct icr_error *err)
{
	icr_fail_at(err, ICR_E_LOCKED, WHERE, "the keyring is locked");
	return icr_error_hint(err, "unlock it on the desktop, then try again");
}

static int fail_reply(struct icr_error *err)
{
	return icr_fail_at(err, EREMOTEIO, WHERE, "the keyring's answer makes no sense");
}

/* What the service says in place of an answer. */
static int fail_call(const struct dbus_call *call, struct icr_error *err)
{
	static const char *const absent[] = {
		DBUS_ERROR "ServiceUnknown",
		DBUS_ERROR "NameHasNoOwner",
		DBUS_ERROR "Spawn.ServiceNotFound",
	};

	for (size_t i = 0; i < ICR_LENGTH(absent); i++)
		if (strcmp(call->error, absent[i]) == 0)
			return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE,
					   "no keyring on the session bus");
	if (strcmp(call->error, INTERFACE "Error.IsLocked") == 0)
		return fail_locked(err);
	return icr_fail_at(err, EREMOTEIO, WHERE, "the keyring failed: %s", call->said);
}

/* Something else took it away meanwhile. */
static bool is_gone(const struct dbus_call *call)
{
	return call->error && (strcmp(call->error, INTERFACE "Error.NoSuchObject") == 0 ||
			       strcmp(call->error, DBUS_ERROR "UnknownObject") == 0);
}

static int ask_all(struct service *service, struct dbus_call *calls, size_t count,
		   struct icr_error *err)
{
	int r = dbus_call(&service->bus, SERVICE, calls, count, err);

	service->answered |= r >= 0;
	service->bus.deadline =
		next_deadline(service, service->was_silent ? SILENT_STEP_MS : TIMEOUT_MS);
	return r;
}

/* One call, which must go well and answer with SIGNATURE. */
static int ask(struct service *service, struct dbus_call *call, const char *signature,
	       struct icr_error *err)
{
	int r = ask_all(service, call, 1, err);

	if (r < 0)
		return r;
	if (call->error)
		return fail_call(call, err);
	return strcmp(call->reply_signature, signature) == 0 ? 0 : fail_reply(err);
}

static struct dbus_reader read_reply(const struct dbus_call *call)
{
	return (struct dbus_reader){.data = call->reply.data, .len = call->reply.len};
}

static int64_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* What is remembered under NAME for all processes of this user: in the folder for that, or where
 * the host has none, in the kernel's keyring. */
static void memory_load(const struct service *service, const char *name, struct icr_buf *ret)
{
	_cleanup_free_ char *key = icr_printf(HELPER_NAME ":%s", name);
	_cleanup_fd_ int folder = cache_folder(service->environment);

	if (folder < 0) {
		(void)keyring_read(key, ret, NULL);
		return;
	}
	_cleanup_fd_ int fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char *room = fd < 0 ? NULL : icr_buf_room(ret, MEMORY_MAX);
	ssize_t len = room ? read(fd, room, MEMORY_MAX) : -1;
	if (len > 0)
		icr_buf_added(ret, (size_t)len);
}

static void memory_keep(const struct service *service, const char *name, const char *text,
			int64_t seconds)
{
	_cleanup_free_ char *key = icr_printf(HELPER_NAME ":%s", name);
	_cleanup_fd_ int folder = cache_folder(service->environment);

	if (folder < 0) {
		(void)keyring_write(key, text, strlen(text), seconds, NULL);
		return;
	}
	_cleanup_fd_ int fd =
		openat(folder, name,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		(void)unlinkat(folder, name, 0);
}

/* "SECONDS ADDRESS" of a bus that was silent at that time. */
static bool read_silent(const struct service *service)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(BODY_MAX);
	int64_t since;

	memory_load(service, SILENT_NAME, &text);
	size_t digits = strcspn(text.data, " ");
	if (text.data[digits] != ' ' || strcmp(text.data + digits + 1, service->address) != 0)
		return false;
	_cleanup_free_ char *seconds = icr_strndup(text.data, digits);
	if (icr_number_parse(seconds, 0, INT64_MAX, &since, NULL) < 0)
		return false;
	int64_t age = now_s() - since;
	return age >= 0 && age < SILENT_SECONDS;
}

static void keep_silent(const struct service *service)
{
	_cleanup_free_ char *text = icr_printf("%" PRId64 " %s", now_s(), service->address);

	memory_keep(service, SILENT_NAME, text, SILENT_SECONDS);
}

static void forget_silent(const struct service *service)
{
	_cleanup_fd_ int folder = cache_folder(service->environment);

	if (folder >= 0)
		(void)unlinkat(folder, SILENT_NAME, 0);
	else
		(void)keyring_erase(HELPER_NAME ":" SILENT_NAME, NULL);
}

/* The address for a socket at PATH, in which all but the plainest bytes are spelled out. */
static char *address_of(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_/.";
	struct icr_buf address = ICR_BUF(BODY_MAX);

	icr_buf_text(&address, "unix:path=");
	for (; *path; path++)
		if (strchr(plain, *path))
			icr_buf_char(&address, *path);
		else
			icr_buf_printf(&address, "%%%02x", (unsigned)(unsigned char)*path);
	return icr_buf_take(&address);
}

/* The user's bus, as the D-Bus specification ("Well-known Message Bus Instances") and sd-bus find
 * it. Without one there is nothing to ask, and asking would start one. */
static char *find_bus(const struct icr_environment *environment)
{
	const char *given = environment->dbus_session_bus_address;
	struct stat status;

	if (given)
		return icr_strdup(given);
	if (!environment->xdg_runtime_dir)
		return NULL;
	_cleanup_free_ char *path = icr_path_join(environment->xdg_runtime_dir, "bus");
	return stat(path, &status) == 0 && S_ISSOCK(status.st_mode) ? address_of(path) : NULL;
}

bool store_asks_desktop(const struct helper_context *context)
{
	_cleanup_free_ char *address = find_bus(&context->environment);
	bool listed = false;

	for (size_t i = 0; i < context->config.stores_count; i++)
		listed |= context->config.stores[i] == &store_secret_service;
	return listed && address;
}

static int open_session(struct service *service, struct icr_error *err)
{
	_cleanup_call_ struct dbus_call call = {
		.path = ROOT,
		.interface = INTERFACE "Service",
		.member = "OpenSession",
		.signature = "sv",
		.body = ICR_BUF(BODY_MAX),
	};

	dbus_put_string(&call.body, "plain");
	dbus_put_signature(&call.body, "s");
	dbus_put_string(&call.body, "");
	int r = ask(service, &call, "vo", err);
	if (r < 0)
		return r;
	struct dbus_reader reader = read_reply(&call);
	const char *type = "v";
	dbus_skip(&reader, &type);
	service->session = icr_strdup(dbus_read_string(&reader));
	return reader.failed ? fail_reply(err) : 0;
}

static int service_open(const struct helper_context *context, struct service *service,
			struct icr_error *err)
{
	service->bus.fd = service->crowd = -1;
	service->environment = &context->environment;
	service->address = find_bus(&context->environment);
	if (!service->address)
		return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE, "no session bus");
	service->was_silent = read_silent(service);
	service->begin = icr_clock_ms();
	service->crowd = cache_lock_folder(service->environment);
	if (verb_end == 0)
		verb_end = service->begin + VERB_MS;
	int64_t patience = service->was_silent ? SILENT_MS : TIMEOUT_MS;
	int r = dbus_open(service->address, next_deadline(service, patience), &service->bus, err);
	if (r < 0)
		return r;
	service->connected = true;
	return open_session(service, err);
}

/* A bus that does not even say Hello hangs; a service may have much to do for others, or be on a
 * host that has. One that was left less time, since the verb has waited before, is not judged. */
static bool is_hung(const struct service *service)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	double load;

	if (icr_clock_ms() - service->begin < TIMEOUT_MS)
		return false;
	if (!service->connected || (service->answered && !service->crowded))
		return true;
	return !service->answered && getloadavg(&load, 1) == 1 &&
	       load < BUSY_LOAD * (double)processors;
}

/* Says what R, the end of all that was asked, means, and remembers whether there were answers. */
static int service_end(struct service *service, int r, struct icr_error *err)
{
	if (r == -ETIMEDOUT && service->was_silent) {
		icr_fail_at(err, ETIMEDOUT, WHERE,
			    "the keyring gave no answer, and did not within the last minute");
	} else if (r == -ETIMEDOUT) {
		if (is_hung(service))
			keep_silent(service);
		icr_fail_at(err, ETIMEDOUT, WHERE, "the keyring gave no answer in %d ms",
			    service->answered && !service->crowded ? VERB_MS : TIMEOUT_MS);
	}
	if (r == -ETIMEDOUT)
		return icr_error_hint(err, "see to the desktop's keyring, or leave it out by "
					   "\"stores\": [\"file\"] in the configuration");
	/* others may have taken a slow one for a silent one */
	if (service->answered &&
	    (service->was_silent || icr_clock_ms() - service->begin > TIMEOUT_MS / 2))
		forget_silent(service);
	if (r < 0 && err && !err->where)
		err->where = icr_strdup(WHERE);
	return r;
}

/* Is it one of the first COUNT? */
static bool has_path(const struct items *items, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(items->items[i].path, path) == 0)
			return true;
	return false;
}

/* The first KNOWN items may come again. */
static void read_paths(struct dbus_reader *reader, bool locked, const char *host, size_t known,
		       struct items *ret)
{
	size_t end = dbus_read_array(reader, 4);

	while (dbus_more(reader, end)) {
		const char *path = dbus_read_string(reader);
		if (reader->failed || ret->count >= ITEMS_MAX || has_path(ret, known, path))
			continue;
		struct item *item = ICR_APPEND(ret);
		memcpy(item->host, host, strlen(host) + 1);
		item->path = icr_strdup(path);
		item->locked = locked;
	}
}

static void put_attribute(struct icr_buf *attributes, const char *name, const char *value)
{
	dbus_put_align(attributes, 8);
	dbus_put_string(attributes, name);
	dbus_put_string(attributes, value);
}

static struct dbus_call search_call(const char *scheme, const char *host)
{
	_cleanup_buf_ struct icr_buf attributes = ICR_BUF(BODY_MAX);
	struct dbus_call call = {
		.path = ROOT,
		.interface = INTERFACE "Service",
		.member = "SearchItems",
		.signature = "a{ss}",
		.body = ICR_BUF(BODY_MAX),
	};

	put_attribute(&attributes, "label", LIBSECRET_LABEL);
	if (host) {
		_cleanup_free_ char *server = icr_printf("%s%s", scheme, host);
		put_attribute(&attributes, "server", server);
	}
	dbus_put_array(&call.body, 8, &attributes);
	return call;
}

/* Adds the items of these hosts in their usual spellings; all there are when HOSTS is NULL. Never
 * unlocks: that would prompt. */
static int search(struct service *service, const char *const *hosts, size_t count,
		  struct items *ret, struct icr_error *err)
{
	size_t known = ret->count;
	size_t queries = hosts ? count * ICR_LENGTH(schemes) : 1;
	struct dbus_call *calls = icr_calloc(queries, sizeof(*calls));

	for (size_t i = 0; i < queries; i++)
		calls[i] = search_call(schemes[i % ICR_LENGTH(schemes)],
				       hosts ? hosts[i / ICR_LENGTH(schemes)] : NULL);
	int r = ask_all(service, calls, queries, err);
	for (size_t i = 0; r >= 0 && i < queries; i++) {
		struct dbus_reader reader = read_reply(&calls[i]);
		const char *host = hosts ? hosts[i / ICR_LENGTH(schemes)] : "";
		if (calls[i].error) {
			r = fail_call(&calls[i], err);
			break;
		}
		read_paths(&reader, false, host, known, ret);
		read_paths(&reader, true, host, known, ret);
		if (reader.failed || strcmp(calls[i].reply_signature, "aoao") != 0)
			r = fail_reply(err);
	}
	calls_free(calls, queries);
	return r;
}

static struct dbus_call properties_call(const char *path, const char *interface, const char *name)
{
	struct dbus_call call = {
		.path = path,
		.interface = PROPERTIES,
		.member = name ? "Get" : "GetAll",
		.signature = name ? "ss" : "s",
		.body = ICR_BUF(BODY_MAX),
	};

	dbus_put_string(&call.body, interface);
	if (name)
		dbus_put_string(&call.body, name);
	return call;
}

/* The attributes that matter. Returns the server, inside the reply; NULL when it is not told. */
static const char *read_attributes(struct dbus_reader *reader, struct item *item)
{
	const char *server = NULL;
	size_t end = dbus_read_array(reader, 8);

	while (dbus_more(reader, end)) {
		dbus_read_align(reader, 8);
		const char *name = dbus_read_string(reader);
		const char *value = dbus_read_string(reader);
		if (strcmp(name, "server") == 0)
			server = value;
		if (strcmp(name, "username") == 0 && !item->username)
			item->username = icr_strdup(value);
	}
	return server;
}

static int64_t read_time(struct dbus_reader *reader)
{
	uint64_t time = dbus_read_u64(reader);

	return time < INT64_MAX ? (int64_t)time : INT64_MAX;
}

static const char *read_properties(struct dbus_reader *reader, struct item *item)
{
	const char *server = NULL;
	size_t end = dbus_read_array(reader, 8);

	while (dbus_more(reader, end)) {
		dbus_read_align(reader, 8);
		const char *name = dbus_read_string(reader);
		const char *type = dbus_read_signature(reader);
		if (strcmp(name, "Attributes") == 0 && strcmp(type, "a{ss}") == 0)
			server = read_attributes(reader, item);
		else if (strcmp(name, "Created") == 0 && strcmp(type, "t") == 0)
			item->created = read_time(reader);
		else if (strcmp(name, "Modified") == 0 && strcmp(type, "t") == 0)
			item->modified = read_time(reader);
		else
			dbus_skip(reader, &type);
	}
	return server;
}

/* Is this spelling of HOST one of those that are searched for? */
static bool is_usual(const char *server, const char *host)
{
	for (size_t i = 0; i < ICR_LENGTH(schemes); i++) {
		size_t len = strlen(schemes[i]);
		if (strncmp(server, schemes[i], len) == 0 && strcmp(server + len, host) == 0)
			return true;
	}
	return false;
}

static bool is_of_collection(const struct service *service, const struct item *item)
{
	size_t len = service->collection ? strlen(service->collection) : 0;

	return len > 0 && strncmp(item->path, service->collection, len) == 0 &&
	       item->path[len] == '/';
}

static bool has_locked(const struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		if (items->items[i].locked)
			return true;
	return false;
}

/* Whose is it? A search compares no more than the beginning in some keyrings, and one that was not
 * opened since login shows hashes in place of attributes: those it can search for. */
static void place_item(const struct service *service, struct items *items, struct item *item,
		       const char *server, const char *const *hosts, size_t count)
{
	char host[ICR_HOST_MAX];

	if (item->locked && is_of_collection(service, item))
		items->shown = true;
	if (item->locked && !server) {
		items->unknown |= item->host[0] == '\0';
		return;
	}
	item->host[0] = '\0';
	if (!server || !credential_host_parse(server, host))
		return;
	items->unusual |= !is_usual(server, host);
	if (credential_host_wanted(host, hosts, count))
		memcpy(item->host, host, sizeof(host));
}

/* Asks each item from number BEGIN on what it is, in as few rounds as can be. */
static int look_at(struct service *service, struct items *items, size_t begin,
		   const char *const *hosts, size_t count, struct icr_error *err)
{
	size_t queries = items->count - begin;
	struct dbus_call *calls = icr_calloc(queries + 1, sizeof(*calls));

	for (size_t i = 0; i < queries; i++)
		calls[i] = properties_call(items->items[begin + i].path, INTERFACE "Item", NULL);
	int r = ask_all(service, calls, queries, err);
	for (size_t i = 0; r >= 0 && i < queries; i++) {
		struct item *item = &items->items[begin + i];
		struct dbus_reader reader = read_reply(&calls[i]);
		const char *server = NULL;
		item->gone = is_gone(&calls[i]);
		if (item->gone)
			continue;
		if (calls[i].error && !item->locked)
			r = fail_call(&calls[i], err);
		else if (!calls[i].error && strcmp(calls[i].reply_signature, "a{sv}") != 0)
			r = fail_reply(err);
		else if (!calls[i].error)
			server = read_properties(&reader, item);
		if (r >= 0 && reader.failed)
			r = fail_reply(err);
		if (r >= 0)
			place_item(service, items, item, server, hosts, count);
	}
	calls_free(calls, queries);
	return r;
}

/* Takes out what is not asked for. */
static void sift(struct items *items)
{
	size_t kept = 0;

	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->items[i];
		if (item->host[0] && !item->gone) {
			items->items[kept++] = *item;
			continue;
		}
		item_free(item);
	}
	items->count = kept;
}

static int find_collection(struct service *service, struct icr_error *err)
{
	_cleanup_call_ struct dbus_call call = {
		.path = ROOT,
		.interface = INTERFACE "Service",
		.member = "ReadAlias",
		.signature = "s",
		.body = ICR_BUF(BODY_MAX),
	};

	dbus_put_string(&call.body, "default");
	int r = ask(service, &call, "o", err);
	if (r < 0)
		return r;
	struct dbus_reader reader = read_reply(&call);
	const char *path = dbus_read_string(&reader);
	if (reader.failed)
		return fail_reply(err);
	if (strcmp(path, "/") != 0)
		service->collection = icr_strdup(path);
	return 0;
}

/* 1, or 0 also when there is no default collection. */
static int is_locked(struct service *service, struct icr_error *err)
{
	if (!service->collection)
		return 0;
	_cleanup_call_ struct dbus_call call =
		properties_call(service->collection, INTERFACE "Collection", "Locked");
	int r = ask(service, &call, "v", err);
	if (r < 0)
		return r;
	struct dbus_reader reader = read_reply(&call);
	bool fits = strcmp(dbus_read_signature(&reader), "b") == 0;
	uint32_t locked = dbus_read_u32(&reader);
	return fits && !reader.failed ? locked != 0 : fail_reply(err);
}

/* One text for these items of this bus, and no others. */
static void identify(const struct service *service, const struct items *items,
		     char ret_id[ICR_SHA256_HEX])
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ITEMS_MAX * 1024);

	icr_buf_text(&text, service->address);
	for (size_t i = 0; i < items->count; i++)
		icr_buf_printf(&text, "\n%s%s", items->items[i].path,
			       items->items[i].locked ? " locked" : "");
	icr_sha256_hex(text.data, text.len, ret_id);
}

/* Looks at ITEMS, which are all that there are, for those of unusual spelling; but not at the same
 * ones again when they had none. */
static int look_for_unusual(struct service *service, struct items *items, const char *const *hosts,
			    size_t count, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf known = ICR_BUF(MEMORY_MAX);
	char id[ICR_SHA256_HEX];

	identify(service, items, id);
	memory_load(service, USUAL_NAME, &known);
	if (known.len > 0 && strcmp(known.data, id) == 0)
		return 0; /* none has its host set */
	int r = look_at(service, items, 0, hosts, count, err);
	if (r >= 0 && !items->unusual && !has_locked(items))
		memory_keep(service, USUAL_NAME, id, USUAL_SECONDS);
	return r;
}

/* The items of these hosts (of all when NULL). Those in unusual spellings are looked for only when
 * there are none in the usual ones, or when EVERY one is wanted. */
static int find_items(struct service *service, const char *const *hosts, size_t count, bool every,
		      struct items *ret, struct icr_error *err)
{
	int r;

	if (hosts) {
		r = search(service, hosts, count, ret, err);
		if (r >= 0)
			r = look_at(service, ret, 0, hosts, count, err);
		if (r < 0)
			return r;
		sift(ret);
		if (ret->count > 0 && !every)
			return 0;
	}
	size_t known = ret->count;
	r = service->collection ? 0 : find_collection(service, err);
	if (r >= 0)
		r = search(service, NULL, 0, ret, err);
	if (r >= 0 && hosts && !every)
		r = look_for_unusual(service, ret, hosts, count, err);
	else if (r >= 0)
		r = look_at(service, ret, known, hosts, count, err);
	if (r >= 0)
		sift(ret);
	return r;
}

/* Some keyrings show no items at all while they are locked. */
static int check_hidden(struct service *service, const struct items *items, struct icr_error *err)
{
	if (items->count > 0 || items->shown)
		return 0;
	int r = is_locked(service, err);
	return r > 0 ? fail_locked(err) : r;
}

/* Times have whole seconds only; numbers in paths grow. */
static bool is_newer(const struct item *a, const struct item *b)
{
	int64_t modified = credential_when(a->modified), created = credential_when(a->created);

	if (a->modified != b->modified)
		return modified > credential_when(b->modified);
	if (a->created != b->created)
		return created > credential_when(b->created);
	return strverscmp(a->path, b->path) > 0;
}

static bool is_newest(const struct items *items, const struct item *item)
{
	for (size_t i = 0; i < items->count; i++) {
		const struct item *other = &items->items[i];
		if (other != item && !other->locked && strcmp(other->host, item->host) == 0 &&
		    is_newer(other, item))
			return false;
	}
	return true;
}

static int fail_item(const struct item *item, const char *what, struct icr_error *err)
{
	const char *name = credential_host_name(item->host);

	icr_fail_at(err, EREMOTEIO, WHERE, "the item of %s %s", name, what);
	if (name != item->host)
		return icr_error_hint(err, "log in again: " HELPER_NAME " login");
	return icr_error_hint(err, "log in again: docker login %s", name);
}

static int take_secret(struct item *item, const char *secret, size_t len, struct icr_error *err)
{
	if (!item->username || !icr_utf8_is_text(item->username, strlen(item->username)))
		return fail_item(item, "has no user name", err);
	if (len > ICR_SECRET_MAX)
		return fail_item(item, "holds more than a password can have", err);
	if (!icr_utf8_is_text(secret, len))
		return fail_item(item, "holds bytes that no password has (a NUL, or not UTF-8)",
				 err);
	int r = credential_set(&item->credential, item->host, item->username, secret, len, err);
	item->credential.changed = item->modified;
	return r;
}

/* Marks the item as done with, by GONE. */
static int read_secret(struct dbus_reader *reader, struct items *items, struct icr_error *err)
{
	dbus_read_align(reader, 8);
	const char *path = dbus_read_string(reader);
	dbus_read_align(reader, 8);
	(void)dbus_read_string(reader); /* session */
	size_t end = dbus_read_array(reader, 1);
	reader->at = end; /* parameters */
	end = dbus_read_array(reader, 1);
	const char *secret = reader->data + reader->at;
	size_t len = end - reader->at;
	reader->at = end;
	(void)dbus_read_string(reader); /* content type */
	if (reader->failed)
		return fail_reply(err);
	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->items[i];
		if (item->gone || item->locked || strcmp(item->path, path) != 0)
			continue;
		item->gone = true;
		return take_secret(item, secret, len, err);
	}
	return 0;
}

/* The secrets of EVERY item, or of the newest of each host. What cannot be handed out is an error
 * once all others are read. */
static int read_secrets(struct service *service, struct items *items, bool every,
			struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf paths = ICR_BUF(ITEMS_MAX * 1024);
	_cleanup_call_ struct dbus_call call = {
		.path = ROOT,
		.interface = INTERFACE "Service",
		.member = "GetSecrets",
		.signature = "aoo",
		.body = ICR_BUF(ITEMS_MAX * 1024),
	};
	size_t asked = 0;
	int first = 0;

	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->items[i];
		if (item->locked || !(every || is_newest(items, item)))
			continue;
		dbus_put_string(&paths, item->path);
		asked++;
	}
	if (asked == 0)
		return 0;
	dbus_put_array(&call.body, 4, &paths);
	dbus_put_string(&call.body, service->session);
	int r = ask(service, &call, "a{o(oayays)}", err);
	if (r < 0)
		return r;
	struct dbus_reader reader = read_reply(&call);
	size_t end = dbus_read_array(&reader, 8);
	while (dbus_more(&reader, end)) {
		_cleanup_error_ struct icr_error failure = {0};
		r = read_secret(&reader, items, &failure);
		if (r < 0 && first == 0) {
			first = r;
			if (err)
				icr_error_move(err, &failure);
		}
	}
	if (reader.failed)
		return first < 0 ? first : fail_reply(err);
	for (size_t i = 0; first == 0 && i < items->count; i++) {
		const struct item *item = &items->items[i];
		if (!item->locked && !item->gone && (every || is_newest(items, item)))
			first = fail_item(item, "comes without its secret", err);
	}
	return first;
}

static int perform_read(struct service *service, const char *const *hosts, size_t count,
			struct credentials *ret, struct icr_error *err)
{
	icr_cleanup(items_free) struct items items = {0};

	int r = find_items(service, hosts, count, false, &items, err);
	if (r >= 0)
		r = read_secrets(service, &items, false, err);
	for (size_t i = 0; i < items.count; i++)
		if (items.items[i].credential.host)
			credentials_add(ret, &items.items[i].credential);
	if (r < 0)
		return r;
	if (has_locked(&items) || items.unknown)
		return fail_locked(err);
	return check_hidden(service, &items, err);
}

static int fail_prompt(struct icr_error *err)
{
	icr_fail_at(err, EREMOTEIO, WHERE,
		    "the keyring wants to ask somebody first, and a credential helper cannot wait");
	return icr_error_hint(err, "let the desktop's keyring do this without a question, or leave "
				   "it out by \"stores\": [\"file\"] in the configuration");
}

/* 1 when the answer, of which the last path is read next, is no prompt. A prompt is taken away: it
 * would wait for somebody, and nobody may be there. */
static int check_prompt(struct service *service, struct dbus_reader *reader, struct icr_error *err)
{
	const char *path = dbus_read_string(reader);

	if (reader->failed)
		return fail_reply(err);
	if (strcmp(path, NO_PROMPT) == 0)
		return 1;
	_cleanup_call_ struct dbus_call call = {
		.path = path,
		.interface = INTERFACE "Prompt",
		.member = "Dismiss",
		.body = ICR_BUF(0),
	};
	(void)ask_all(service, &call, 1, NULL);
	return fail_prompt(err);
}

static int delete_item(struct service *service, const struct item *item, struct icr_error *err)
{
	_cleanup_call_ struct dbus_call call = {
		.path = item->path,
		.interface = INTERFACE "Item",
		.member = "Delete",
		.body = ICR_BUF(0),
	};

	int r = ask(service, &call, "o", err);
	if (r < 0 && is_gone(&call)) {
		icr_error_clear(err);
		return 0;
	}
	struct dbus_reader reader = read_reply(&call);
	return r < 0 ? r : check_prompt(service, &reader, err);
}

/* The user name is part of an item's identity: a login under another name leaves the old one. What
 * stays all the same is told by what is read afterwards. */
static void delete_others(struct service *service, const struct credential *credential,
			  const char *kept)
{
	icr_cleanup(items_free) struct items items = {0};
	const char *host = credential->host;

	if (find_items(service, &host, 1, true, &items, NULL) < 0)
		return;
	for (size_t i = 0; i < items.count; i++)
		if (!items.items[i].locked && strcmp(items.items[i].path, kept) != 0)
			(void)delete_item(service, &items.items[i], NULL);
}

/* Does the item at PATH have what it was given? Until then nothing older may go. */
static int check_put(struct service *service, const struct credential *credential, const char *path,
		     struct icr_error *err)
{
	icr_cleanup(items_free) struct items items = {0};

	/* some keyrings give nothing for an item with an empty secret */
	if (credential->secret.len == 0)
		return 0;
	struct item *item = ICR_APPEND(&items);
	item->path = icr_strdup(path);
	item->username = icr_strdup(credential->username);
	memcpy(item->host, credential->host, strlen(credential->host) + 1);
	int r = read_secrets(service, &items, true, err);
	if (r < 0)
		return r;
	if (credential_is_same(&item->credential, credential))
		return 0;
	return icr_fail_at(err, EREMOTEIO, WHERE, "took the credential of %s and does not have it",
			   credential_host_name(credential->host));
}

static int perform_put(struct service *service, const struct credential *credential,
		       struct icr_error *err)
{
	_cleanup_free_ char *path = NULL;

	int r = find_collection(service, err);
	if (r >= 0 && !service->collection)
		return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE,
				   "the keyring has no default collection yet");
	if (r >= 0)
		r = is_locked(service, err);
	if (r != 0)
		return r > 0 ? fail_locked(err) : r;
	/* it has answered all the while, also when it was silent before */
	r = libsecret_put(service->bus.address, next_deadline(service, TIMEOUT_MS), credential,
			  &path, err);
	service->bus.deadline = next_deadline(service, TIMEOUT_MS);
	if (r == -ICR_E_LOCKED)
		return fail_locked(err);
	if (r == -ECANCELED)
		return fail_prompt(err);
	if (r >= 0)
		r = check_put(service, credential, path, err);
	if (r < 0)
		return r;
	delete_others(service, credential, path);
	return 0;
}

/* There are services that say that they deleted an item, and still have it. */
static int check_erased(struct service *service, const struct items *items, struct icr_error *err)
{
	struct dbus_call *calls = icr_calloc(items->count + 1, sizeof(*calls));

	for (size_t i = 0; i < items->count; i++)
		calls[i] = properties_call(items->items[i].path, INTERFACE "Item", NULL);
	int r = ask_all(service, calls, items->count, err);
	for (size_t i = 0; r >= 0 && i < items->count; i++)
		if (!calls[i].error)
			r = icr_fail_at(err, EREMOTEIO, WHERE,
					"the keyring did not delete the item of %s",
					credential_host_name(items->items[i].host));
	calls_free(calls, items->count);
	return r;
}

static int perform_erase(struct service *service, const char *host, struct icr_error *err)
{
	icr_cleanup(items_free) struct items items = {0};

	int r = find_items(service, &host, 1, true, &items, err);
	if (r >= 0)
		r = check_hidden(service, &items, err);
	for (size_t i = 0; r >= 0 && i < items.count; i++)
		if (!items.items[i].locked)
			r = delete_item(service, &items.items[i], err);
	if (r >= 0 && has_locked(&items))
		r = fail_locked(err);
	if (r >= 0 && items.count > 0)
		r = check_erased(service, &items, err);
	return r < 0 ? r : items.count > 0;
}

static int store_secret_service_read(const struct helper_context *context, const char *const *hosts,
				     size_t count, struct credentials *ret, struct icr_error *err)
{
	icr_cleanup(service_close) struct service service = {0};

	int r = service_open(context, &service, err);
	if (r >= 0)
		r = perform_read(&service, hosts, count, ret, err);
	return service_end(&service, r, err);
}

static int store_secret_service_put(const struct helper_context *context,
				    const struct credential *credential, struct icr_error *err)
{
	icr_cleanup(service_close) struct service service = {0};

	int r = service_open(context, &service, err);
	if (r >= 0)
		r = perform_put(&service, credential, err);
	return service_end(&service, r, err);
}

static int store_secret_service_erase(const struct helper_context *context, const char *host,
				      struct icr_error *err)
{
	icr_cleanup(service_close) struct service service = {0};

	int r = service_open(context, &service, err);
	if (r >= 0)
		r = perform_erase(&service, host, err);
	return service_end(&service, r, err);
}

static int perform_logins(struct service *service, struct secret_service_logins *ret,
			  struct icr_error *err)
{
	icr_cleanup(items_free) struct items items = {0};

	int r = find_items(service, NULL, 0, true, &items, err);
	if (r >= 0)
		r = read_secrets(service, &items, true, err);
	for (size_t i = 0; i < 2 * items.count; i++) {
		struct item *item = &items.items[i % items.count];
		if (!item->credential.host || is_newest(&items, item) != (i < items.count))
			continue;
		struct secret_service_login *login = ICR_APPEND(ret);
		login->path = icr_strdup(item->path);
		credential_move(&login->credential, &item->credential);
	}
	if (r < 0)
		return r;
	if (has_locked(&items) || items.unknown)
		return fail_locked(err);
	return check_hidden(service, &items, err);
}

int secret_service_logins(const struct helper_context *context, struct secret_service_logins *ret,
			  struct icr_error *err)
{
	icr_cleanup(service_close) struct service service = {0};

	int r = service_open(context, &service, err);
	if (r >= 0)
		r = perform_logins(&service, ret, err);
	return service_end(&service, r, err);
}

void secret_service_logins_free(struct secret_service_logins *logins)
{
	for (size_t i = 0; i < logins->count; i++) {
		free(logins->items[i].path);
		credential_free(&logins->items[i].credential);
	}
	free(logins->items);
	*logins = (struct secret_service_logins){0};
}

/* Others of the host are never touched: ITEMS has the one only. */
static int perform_forget(struct service *service, const struct secret_service_login *login,
			  struct icr_error *err)
{
	icr_cleanup(items_free) struct items items = {0};
	const char *host = login->credential.host;

	struct item *item = ICR_APPEND(&items);
	item->path = icr_strdup(login->path);
	memcpy(item->host, host, strlen(host) + 1);
	int r = look_at(service, &items, 0, &host, 1, err);
	if (r < 0)
		return r;
	if (item->gone)
		return 1;
	sift(&items);
	r = read_secrets(service, &items, true, err);
	if (r < 0)
		return r;
	if (items.count == 0 || !credential_is_same(&item->credential, &login->credential))
		return 0;
	r = delete_item(service, item, err);
	if (r >= 0)
		r = check_erased(service, &items, err);
	return r < 0 ? r : 1;
}

int secret_service_forget(const struct helper_context *context,
			  const struct secret_service_login *login, struct icr_error *err)
{
	icr_cleanup(service_close) struct service service = {0};

	int r = service_open(context, &service, err);
	if (r >= 0)
		r = perform_forget(&service, login, err);
	return service_end(&service, r, err);
}

static void store_secret_service_where(const struct helper_context *context, struct icr_buf *out)
{
	(void)context;
	icr_buf_text(out, "the desktop's keyring");
}

/* Named after the library by which others use the same service. */
const struct store store_secret_service = {
	.name = "libsecret",
	.read = store_secret_service_read,
	.put = store_secret_service_put,
	.erase = store_secret_service_erase,
	.where = store_secret_service_where,
};
