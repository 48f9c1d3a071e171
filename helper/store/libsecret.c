/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/libsecret.h"

#include <errno.h>
#include <fcntl.h>
#include <libsecret/secret.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/store/dbus.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/library.h"
#include "icr/memory.h"
#include "icr/text.h"

/*
 * In a process of its own, which is ended when it takes too long. What the library sees of the
 * environment is the bus that was found, so that it neither starts one nor asks elsewhere; what it
 * prints goes nowhere, since standard output is the client's; and what it leaves in memory ends
 * with it.
 *
 * Source: gnome.pages.gitlab.gnome.org/libsecret, libsecret 0.18 to 0.21.
 */
ICR_LIBRARY_NOTE(note,
		 "[{\"feature\":\"keyring\",\"description\":\"Storing in the desktop's "
		 "keyring\",\"priority\":\"recommended\",\"soname\":[\"libsecret-1.so.0\"]}]");

#define PACKAGE "libsecret-1-0 (libsecret on Fedora and Alpine)"

#define ANSWER_MAX ((size_t)64 * 1024)

/* Of the library and of what it stands on, by their full names. */
static struct {
	__typeof__(g_bus_get_sync) *g_bus_get_sync;
	__typeof__(g_dbus_connection_get_stream) *g_dbus_connection_get_stream;
	__typeof__(g_dbus_proxy_call_sync) *g_dbus_proxy_call_sync;
	__typeof__(g_dbus_proxy_get_object_path) *g_dbus_proxy_get_object_path;
	__typeof__(g_error_new_literal) *g_error_new_literal;
	__typeof__(g_object_unref) *g_object_unref;
	__typeof__(g_quark_from_static_string) *g_quark_from_static_string;
	__typeof__(g_socket_connection_get_socket) *g_socket_connection_get_socket;
	__typeof__(g_socket_get_fd) *g_socket_get_fd;
	__typeof__(g_task_new) *g_task_new;
	__typeof__(g_task_propagate_pointer) *g_task_propagate_pointer;
	__typeof__(g_task_return_error) *g_task_return_error;
	__typeof__(g_type_query) *g_type_query;
	__typeof__(g_type_register_static_simple) *g_type_register_static_simple;
	__typeof__(secret_attributes_build) *secret_attributes_build;
	__typeof__(secret_collection_for_alias_sync) *secret_collection_for_alias_sync;
	__typeof__(secret_collection_get_locked) *secret_collection_get_locked;
	__typeof__(secret_error_get_quark) *secret_error_get_quark;
	__typeof__(secret_item_create_sync) *secret_item_create_sync;
	__typeof__(secret_service_get_type) *secret_service_get_type;
	__typeof__(secret_service_open_sync) *secret_service_open_sync;
	__typeof__(secret_value_new) *secret_value_new;
} lib;

static int load(struct icr_error *err)
{
	static const char *const names[] = {"libsecret-1.so.0", NULL};
#define SYMBOL(name)                                                                               \
	{                                                                                          \
#name, (void **)&lib.name                                                          \
	}
	const struct icr_library_symbol symbols[] = {
		SYMBOL(g_bus_get_sync),
		SYMBOL(g_dbus_connection_get_stream),
		SYMBOL(g_dbus_proxy_call_sync),
		SYMBOL(g_dbus_proxy_get_object_path),
		SYMBOL(g_error_new_literal),
		SYMBOL(g_object_unref),
		SYMBOL(g_quark_from_static_string),
		SYMBOL(g_socket_connection_get_socket),
		SYMBOL(g_socket_get_fd),
		SYMBOL(g_task_new),
		SYMBOL(g_task_propagate_pointer),
		SYMBOL(g_task_return_error),
		SYMBOL(g_type_query),
		SYMBOL(g_type_register_static_simple),
		SYMBOL(secret_attributes_build),
		SYMBOL(secret_collection_for_alias_sync),
		SYMBOL(secret_collection_get_locked),
		SYMBOL(secret_error_get_quark),
		SYMBOL(secret_item_create_sync),
		SYMBOL(secret_service_get_type),
		SYMBOL(secret_service_open_sync),
		SYMBOL(secret_value_new),
	};
#undef SYMBOL

	return icr_library_load(names, PACKAGE, symbols, ICR_LENGTH(symbols), err);
}

/* The error by which a prompt is known on its way up through the library. */
static GQuark prompt_quark(void)
{
	return lib.g_quark_from_static_string("docker-credential-icr-prompt");
}

/* A prompt would wait for somebody, and nobody may be there. */
static GError *dismiss(SecretPrompt *prompt)
{
	(void)lib.g_dbus_proxy_call_sync((GDBusProxy *)prompt, "Dismiss", NULL,
					 G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
	return lib.g_error_new_literal(prompt_quark(), 0, "a prompt was dismissed");
}

static GVariant *prompt_sync(SecretService *self, SecretPrompt *prompt, GCancellable *cancellable,
			     const GVariantType *type, GError **error)
{
	GError *failure = dismiss(prompt);

	(void)self;
	(void)cancellable;
	(void)type;
	if (error)
		*error = failure;
	return NULL;
}

static void prompt_async(SecretService *self, SecretPrompt *prompt, const GVariantType *type,
			 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
	GTask *task = lib.g_task_new(self, cancellable, callback, data);

	(void)type;
	lib.g_task_return_error(task, dismiss(prompt));
	lib.g_object_unref(task);
}

static GVariant *prompt_finish(SecretService *self, GAsyncResult *result, GError **error)
{
	(void)self;
	return lib.g_task_propagate_pointer((GTask *)result, error);
}

static void class_init(gpointer class, gpointer data)
{
	SecretServiceClass *service = class;

	(void)data;
	service->prompt_sync = prompt_sync;
	service->prompt_async = prompt_async;
	service->prompt_finish = prompt_finish;
}

/* A SecretService that dismisses all prompts: the library's own performs them. */
static GType service_type(void)
{
	GType parent = lib.secret_service_get_type();
	GTypeQuery query;

	lib.g_type_query(parent, &query);
	return lib.g_type_register_static_simple(parent, "IcrSecretService", query.class_size,
						 class_init, query.instance_size, NULL, 0);
}

static int fail(const GError *error, struct icr_error *err)
{
	if (error && error->domain == prompt_quark())
		return icr_fail(err, ECANCELED, "%s", error->message);
	if (error && error->domain == lib.secret_error_get_quark() &&
	    error->code == SECRET_ERROR_IS_LOCKED)
		return icr_fail(err, ICR_E_LOCKED, "the keyring is locked");
	return icr_fail(err, EREMOTEIO, "the keyring failed: %s",
			error ? error->message : "it gave no reason");
}

/* The library's connection: to the same bus as ours, also if something else stands there now. */
static int connect_bus(struct icr_error *err)
{
	GError *error = NULL;

	GDBusConnection *bus = lib.g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
	if (!bus)
		return fail(error, err);
	GIOStream *stream = lib.g_dbus_connection_get_stream(bus);
	GSocket *socket = lib.g_socket_connection_get_socket((GSocketConnection *)stream);
	return dbus_check_owner(lib.g_socket_get_fd(socket), err);
}

static int create(const struct credential *credential, const char **ret_path, struct icr_error *err)
{
	static const SecretSchema schema = {
		.name = "io.docker.Credentials",
		.flags = SECRET_SCHEMA_NONE,
		.attributes =
			{
				{"label", SECRET_SCHEMA_ATTRIBUTE_STRING},
				{"server", SECRET_SCHEMA_ATTRIBUTE_STRING},
				{"username", SECRET_SCHEMA_ATTRIBUTE_STRING},
				{"docker_cli", SECRET_SCHEMA_ATTRIBUTE_STRING},
			},
	};
	_cleanup_free_ char *title = icr_printf("Registry credentials for %s", credential->host);
	GError *error = NULL;

	SecretService *service = lib.secret_service_open_sync(
		service_type(), NULL, SECRET_SERVICE_OPEN_SESSION, NULL, &error);
	if (!service)
		return fail(error, err);
	SecretCollection *collection = lib.secret_collection_for_alias_sync(
		service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, &error);
	if (!collection)
		return fail(error, err);
	if (lib.secret_collection_get_locked(collection))
		return icr_fail(err, ICR_E_LOCKED, "the keyring is locked");
	GHashTable *attributes = lib.secret_attributes_build(
		&schema, "label", LIBSECRET_LABEL, "server", credential->host, "username",
		credential->username, "docker_cli", "1", NULL);
	SecretValue *value =
		lib.secret_value_new(credential->secret.len > 0 ? credential->secret.data : "",
				     (gssize)credential->secret.len, "text/plain");
	SecretItem *item =
		lib.secret_item_create_sync(collection, &schema, attributes, title, value,
					    SECRET_ITEM_CREATE_REPLACE, NULL, &error);
	if (!item)
		return fail(error, err);
	*ret_path = lib.g_dbus_proxy_get_object_path((GDBusProxy *)item);
	return 0;
}

/* To the parent: CODE, and the item's path or what failed and what to do, a NUL behind each. */
static void answer(int fd, const struct icr_error *err, const char *path)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ANSWER_MAX);

	icr_buf_printf(&out, "%d", err->code);
	icr_buf_append(&out, "", 1);
	icr_buf_text(&out, err->code ? err->what : path);
	icr_buf_append(&out, "", 1);
	icr_buf_text(&out, err->hint ? err->hint : "");
	icr_buf_append(&out, "", 1);
	ssize_t written = write(fd, out.data, out.len);
	(void)written;
	(void)close(fd);
}

_Noreturn static void be_child(int fd, const char *address, const struct credential *credential)
{
	_cleanup_error_ struct icr_error err = {0};
	const char *path = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	(void)clearenv();
	(void)setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
	int r = load(&err);
	if (r >= 0)
		r = connect_bus(&err);
	if (r >= 0)
		(void)create(credential, &path, &err);
	answer(fd, &err, path);
	_exit(EXIT_SUCCESS);
}

/* All that the child says, until it closes its end. */
static int read_answer(int fd, int64_t deadline, struct icr_buf *ret, struct icr_error *err)
{
	for (;;) {
		struct pollfd end = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - icr_clock_ms();
		if (left <= 0)
			return icr_fail(err, ETIMEDOUT, "no answer in time");
		if (poll(&end, 1, (int)left) <= 0)
			continue;
		char *room = icr_buf_room(ret, ANSWER_MAX - ret->len);
		ssize_t got = room ? read(fd, room, ANSWER_MAX - ret->len) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		icr_buf_added(ret, (size_t)got);
	}
}

static int take_answer(const struct icr_buf *answer, char **ret_path, struct icr_error *err)
{
	const char *texts[3];
	const char *at = answer->data, *end = at + answer->len;
	int64_t code;

	for (size_t i = 0; i < ICR_LENGTH(texts); i++) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			return icr_fail(err, EREMOTEIO, "libsecret ended without an answer");
		texts[i] = at;
		at = nul + 1;
	}
	int r = icr_number_parse(texts[0], 0, INT32_MAX, &code, err);
	if (r < 0)
		return r;
	if (code == 0) {
		*ret_path = icr_strdup(texts[1]);
		return 0;
	}
	r = icr_fail(err, (int)code, "%s", texts[1]);
	return texts[2][0] ? icr_error_hint(err, "%s", texts[2]) : r;
}

int libsecret_put(const char *address, int64_t deadline, const struct credential *credential,
		  char **ret_path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf answer = ICR_BUF(ANSWER_MAX);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return icr_fail_errno(err, errno, NULL, "cannot make a pipe");
	pid_t child = fork();
	if (child == 0)
		be_child(ends[1], address, credential);
	int code = errno;
	(void)close(ends[1]);
	_cleanup_fd_ int fd = ends[0];
	if (child < 0)
		return icr_fail_errno(err, code, NULL, "cannot start a process");
	int r = read_answer(fd, deadline, &answer, err);
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : take_answer(&answer, ret_path, err);
}
