/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/libsecret-child.h"

#include <errno.h>
#include <fcntl.h>
#include <libsecret/secret.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/library.h"

/*
 * What runs in the child. It ends by _exit(), so GLib's objects are not freed one by one; secrets
 * stay in libsecret's own memory, which cannot be paged out.
 *
 * Items are those of docker-credential-secretservice, so that each program finds what the other
 * stored. Source: docker/docker-credential-helpers v0.9, secretservice/secretservice.c.
 */

ICR_LIBRARY_NOTE(
	libsecret_note,
	"[{\"feature\":\"libsecret\",\"description\":\"Credentials in the desktop's keyring\","
	"\"priority\":\"recommended\",\"soname\":[\"libsecret-1.so.0\"]}]");

#define LABEL "Docker Credentials"

static const SecretSchema schema = {
	"io.docker.Credentials",
	SECRET_SCHEMA_NONE,
	{
		{"label", SECRET_SCHEMA_ATTRIBUTE_STRING},
		{"server", SECRET_SCHEMA_ATTRIBUTE_STRING},
		{"username", SECRET_SCHEMA_ATTRIBUTE_STRING},
		{"docker_cli", SECRET_SCHEMA_ATTRIBUTE_STRING},
		{NULL, 0},
	},
	0,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
};

/* The functions of libsecret and of the GLib beneath it that are called here, each under its own
 * name. */
#define FUNCTIONS(X)                                                                               \
	X(secret_service_get_sync)                                                                 \
	X(secret_service_search_sync)                                                              \
	X(secret_service_store_sync)                                                               \
	X(secret_collection_for_alias_sync)                                                        \
	X(secret_collection_get_locked)                                                            \
	X(secret_item_get_locked)                                                                  \
	X(secret_item_get_attributes)                                                              \
	X(secret_item_get_modified)                                                                \
	X(secret_item_get_secret)                                                                  \
	X(secret_item_load_secrets_sync)                                                           \
	X(secret_item_delete_sync)                                                                 \
	X(secret_value_new)                                                                        \
	X(secret_value_get)                                                                        \
	X(secret_value_unref)                                                                      \
	X(g_hash_table_new)                                                                        \
	X(g_hash_table_insert)                                                                     \
	X(g_hash_table_lookup)                                                                     \
	X(g_list_prepend)                                                                          \
	X(g_str_hash)                                                                              \
	X(g_str_equal)

#define MEMBER(name) __typeof__(name) *name;
#define SYMBOL(name) {#name, (void **)&api->name},

struct libsecret_api {
	FUNCTIONS(MEMBER)
};

struct session {
	struct libsecret_api api;
	SecretService *service;
	const struct libsecret_request *request;
};

/* An item of a host that was asked for. */
struct match {
	char host[ICR_HOST_MAX];
	SecretItem *item;
};

struct matches {
	struct match *items;
	size_t count;
	bool locked;  /* others are locked */
	bool unknown; /* others are locked and do not tell their host */
};

static int load_api(struct libsecret_api *api, struct icr_error *err)
{
	static const char *const names[] = {"libsecret-1.so.0", NULL};
	const struct icr_library_symbol symbols[] = {FUNCTIONS(SYMBOL)};

	return icr_library_load(names, "libsecret", symbols, ICR_LENGTH(symbols), err);
}

static void append_record(struct icr_buf *reply, char kind, int result, const char *const *texts,
			  const size_t *lengths)
{
	struct libsecret_record record = {.kind = kind, .result = result};

	for (size_t i = 0; i < ICR_LENGTH(record.lengths); i++)
		record.lengths[i] = (uint32_t)lengths[i];
	icr_buf_append(reply, &record, sizeof(record));
	for (size_t i = 0; i < ICR_LENGTH(record.lengths); i++)
		icr_buf_append(reply, texts[i], lengths[i]);
}

static void reply_credential(struct icr_buf *reply, const char *host, const char *username,
			     const char *secret, size_t secret_len)
{
	append_record(reply, 'C', 0, (const char *[]){host, username, secret},
		      (size_t[]){strlen(host), strlen(username), secret_len});
}

static void reply_result(struct icr_buf *reply, int result, const struct icr_error *failure)
{
	const char *what = failure->what ? failure->what : "";
	const char *hint = failure->hint ? failure->hint : "";

	append_record(reply, 'R', result, (const char *[]){what, hint, ""},
		      (size_t[]){strlen(what), strlen(hint), 0});
}

static int fail_libsecret(const GError *error, struct icr_error *err)
{
	return icr_fail(err, ICR_E_UNAVAILABLE, "%s", error ? error->message : "no reason given");
}

static int fail_locked(struct icr_error *err)
{
	icr_fail(err, ICR_E_LOCKED, "the keyring is locked");
	(void)icr_error_hint(err, "unlock it on the desktop, then try again");
	return -ICR_E_LOCKED;
}

/* Storing into a locked or missing collection would prompt, and some keyrings show no items while
 * they are locked. */
static int check_collection(const struct session *session, struct icr_error *err)
{
	GError *error = NULL;
	SecretCollection *collection = session->api.secret_collection_for_alias_sync(
		session->service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, &error);

	if (error)
		return fail_libsecret(error, err);
	if (!collection)
		return icr_fail(err, ICR_E_UNAVAILABLE,
				"the keyring has no default collection yet");
	return session->api.secret_collection_get_locked(collection) ? fail_locked(err) : 0;
}

static GHashTable *new_attributes(const struct session *session)
{
	return session->api.g_hash_table_new(session->api.g_str_hash, session->api.g_str_equal);
}

static void add_attribute(const struct session *session, GHashTable *attributes, const char *name,
			  const char *value)
{
	(void)session->api.g_hash_table_insert(attributes, (char *)(uintptr_t)name,
					       (char *)(uintptr_t)value);
}

static const char *attribute(const struct session *session, SecretItem *item, const char *name)
{
	GHashTable *attributes = session->api.secret_item_get_attributes(item);

	return attributes ? session->api.g_hash_table_lookup(attributes, name) : NULL;
}

static int add_match(struct matches *matches, SecretItem *item, const char *host,
		     struct icr_error *err)
{
	struct match *items =
		reallocarray(matches->items, matches->count + 1, sizeof(*matches->items));

	if (!items)
		return icr_fail_memory(err);
	matches->items = items;
	memcpy(items[matches->count].host, host, strlen(host) + 1);
	items[matches->count++].item = item;
	return 0;
}

/* The items of the request's hosts. Never unlocks: that would prompt. */
static int search(const struct session *session, struct matches *matches, struct icr_error *err)
{
	const struct libsecret_api *api = &session->api;
	const struct libsecret_request *request = session->request;
	GHashTable *attributes = new_attributes(session);
	GError *error = NULL;

	add_attribute(session, attributes, "label", LABEL);
	const GList *items = api->secret_service_search_sync(session->service, NULL, attributes,
							     SECRET_SEARCH_ALL, NULL, &error);
	if (error)
		return fail_libsecret(error, err);
	for (; items; items = items->next) {
		SecretItem *item = items->data;
		bool locked = api->secret_item_get_locked(item);
		const char *server = attribute(session, item, "server");
		char host[ICR_HOST_MAX];
		/* a keyring not opened since login shows hashes in place of attributes */
		if (locked && !server)
			matches->unknown = true;
		if (!server || !credential_host_parse(server, host) ||
		    !credential_host_wanted(host, request->hosts, request->count))
			continue;
		if (locked)
			matches->locked = true;
		else if (add_match(matches, item, host, err) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Does a locked item that shows only hashes belong to HOST? Searching for the very attribute tells.
 */
static bool is_hidden(const struct session *session, const char *host)
{
	static const char *const schemes[] = {"", "https://"};

	for (size_t i = 0; i < ICR_LENGTH(schemes); i++) {
		GHashTable *attributes = new_attributes(session);
		_cleanup_buf_ struct icr_buf server;
		icr_buf_init(&server, ICR_HOST_MAX + 8);
		icr_buf_printf(&server, "%s%s", schemes[i], host);
		add_attribute(session, attributes, "label", LABEL);
		add_attribute(session, attributes, "server", server.data);
		if (session->api.secret_service_search_sync(session->service, NULL, attributes,
							    SECRET_SEARCH_ALL, NULL, NULL))
			return true;
	}
	return false;
}

static bool is_newest(const struct session *session, const struct matches *matches, size_t index)
{
	const struct match *match = &matches->items[index];
	guint64 modified = session->api.secret_item_get_modified(match->item);

	for (size_t i = 0; i < matches->count; i++) {
		guint64 other = session->api.secret_item_get_modified(matches->items[i].item);
		if (i != index && strcmp(matches->items[i].host, match->host) == 0 &&
		    (other > modified || (other == modified && i < index)))
			return false;
	}
	return true;
}

static void reply_match(const struct session *session, const struct match *match,
			struct icr_buf *reply)
{
	const struct libsecret_api *api = &session->api;
	const char *username = attribute(session, match->item, "username");
	SecretValue *value = api->secret_item_get_secret(match->item);
	gsize len = 0;

	if (!value || !username)
		return;
	const char *secret = api->secret_value_get(value, &len);
	if (secret && len <= ICR_SECRET_MAX)
		reply_credential(reply, match->host, username, secret, len);
	api->secret_value_unref(value);
}

static int perform_read(const struct session *session, struct icr_buf *reply, struct icr_error *err)
{
	struct matches matches = {0};
	GList *chosen = NULL;
	GError *error = NULL;

	int r = search(session, &matches, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < matches.count; i++)
		if (is_newest(session, &matches, i))
			chosen = session->api.g_list_prepend(chosen, matches.items[i].item);
	if (chosen && !session->api.secret_item_load_secrets_sync(chosen, NULL, &error))
		return fail_libsecret(error, err);
	for (size_t i = 0; i < matches.count; i++)
		if (is_newest(session, &matches, i))
			reply_match(session, &matches.items[i], reply);
	if (matches.locked || matches.unknown)
		return fail_locked(err);
	if (matches.count == 0 && check_collection(session, NULL) == -ICR_E_LOCKED)
		return fail_locked(err);
	return 0;
}

/* The user name is part of an item's identity: a login under another name leaves the old one. */
static void delete_others(const struct session *session, const struct credential *kept)
{
	struct matches matches = {0};

	if (search(session, &matches, NULL) < 0)
		return;
	for (size_t i = 0; i < matches.count; i++) {
		const char *server = attribute(session, matches.items[i].item, "server");
		const char *username = attribute(session, matches.items[i].item, "username");
		if (server && strcmp(server, kept->host) == 0 && username &&
		    strcmp(username, kept->username) == 0)
			continue;
		/* one that stays is older, and the newest is read */
		(void)session->api.secret_item_delete_sync(matches.items[i].item, NULL, NULL);
	}
}

static void warn_of_older(const struct session *session, struct icr_error *err)
{
	const char *host = session->request->credential->host;
	struct matches matches = {0};

	if (search(session, &matches, NULL) < 0)
		return;
	if (matches.count > 0 || matches.locked || (matches.unknown && is_hidden(session, host)))
		(void)icr_error_hint(err,
				     "the keyring holds an older credential of %s, which comes "
				     "first once it is unlocked: log in again then",
				     host);
}

static int perform_put(const struct session *session, struct icr_error *err)
{
	const struct libsecret_api *api = &session->api;
	const struct credential *credential = session->request->credential;
	GHashTable *attributes = new_attributes(session);
	_cleanup_buf_ struct icr_buf title;
	GError *error = NULL;

	icr_buf_init(&title, 256);
	int r = check_collection(session, err);
	if (r == -ICR_E_LOCKED)
		warn_of_older(session, err);
	if (r < 0)
		return r;
	icr_buf_printf(&title, "Registry credentials for %s", credential->host);
	add_attribute(session, attributes, "label", LABEL);
	add_attribute(session, attributes, "server", credential->host);
	add_attribute(session, attributes, "username", credential->username);
	add_attribute(session, attributes, "docker_cli", "1");
	SecretValue *value = api->secret_value_new(credential->secret.data,
						   (gssize)credential->secret.len, "text/plain");
	gboolean stored = api->secret_service_store_sync(session->service, &schema, attributes,
							 SECRET_COLLECTION_DEFAULT, title.data,
							 value, NULL, &error);
	api->secret_value_unref(value);
	if (!stored)
		return fail_libsecret(error, err);
	delete_others(session, credential);
	return 0;
}

static int perform_erase(const struct session *session, struct icr_error *err)
{
	struct matches matches = {0};

	int r = search(session, &matches, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < matches.count; i++) {
		GError *error = NULL;
		if (!session->api.secret_item_delete_sync(matches.items[i].item, NULL, &error))
			return fail_libsecret(error, err);
	}
	if (matches.locked || (matches.unknown && is_hidden(session, session->request->hosts[0])))
		return fail_locked(err);
	return matches.count > 0 ? 1 : 0;
}

static int perform(const struct libsecret_request *request, struct icr_buf *reply,
		   struct icr_error *err)
{
	struct session session = {.request = request};
	GError *error = NULL;

	int r = load_api(&session.api, err);
	if (r < 0)
		return r;
	session.service = session.api.secret_service_get_sync(SECRET_SERVICE_NONE, NULL, &error);
	if (!session.service)
		return fail_libsecret(error, err);
	switch (request->action) {
	case LIBSECRET_READ:
		return perform_read(&session, reply, err);
	case LIBSECRET_PUT:
		return perform_put(&session, err);
	case LIBSECRET_ERASE:
		return perform_erase(&session, err);
	}
	return icr_fail(err, EINVAL, "unknown action %d", request->action);
}

static void write_all(int fd, const struct icr_buf *reply)
{
	for (size_t done = 0; done < reply->len;) {
		ssize_t written = write(fd, reply->data + done, reply->len - done);
		if (written < 0 && errno != EINTR)
			return;
		if (written > 0)
			done += (size_t)written;
	}
}

_Noreturn void libsecret_child(const struct libsecret_request *request, int fd, pid_t parent)
{
	struct icr_error failure = {0};
	struct icr_buf reply;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	/* GLib's warnings belong to nobody; the reply says what failed */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int standard = 0; null >= 0 && standard <= 2; standard++)
		(void)dup2(null, standard);
	/* libsecret would look into a file of its own instead (libsecret, secret-backend.c);
	 * without a display GLib starts no bus */
	(void)unsetenv("SECRET_BACKEND");
	(void)unsetenv("DISPLAY");
	icr_buf_init(&reply, LIBSECRET_REPLY_MAX);
	int r = perform(request, &reply, &failure);
	reply_result(&reply, r, &failure);
	if (!reply.failed)
		write_all(fd, &reply);
	icr_buf_free(&reply);
	/* no exit handlers: the parent's buffers and GLib's threads are left alone */
	_exit(EXIT_SUCCESS);
}
