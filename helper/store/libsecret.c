/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/store/libsecret-child.h"
#include "helper/store/store.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"

/*
 * The desktop's keyring, over libsecret. Everything that touches libsecret and GLib runs in a child
 * of its own, which is killed when its time is up: a silent bus cannot hold up the verb, a crash of
 * the library is only a missing answer, and the rest of the program never maps GLib.
 */

#define WHERE "libsecret"
#define CHUNK ((size_t)16 * 1024)

/* A desktop keyring that does not answer is given up after this, so that the whole verb stays
 * within 3 s. */
#define TIMEOUT_MS 2500

static int fail_protocol(struct icr_error *err)
{
	return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE, "the keyring's client ended early");
}

static int read_result(const struct libsecret_record *record, const char *const *texts,
		       struct icr_error *err)
{
	if (record->result >= 0)
		return record->result;
	icr_fail_at(err, -record->result, WHERE, "%.*s", (int)record->lengths[0], texts[0]);
	if (record->lengths[1] > 0)
		(void)icr_error_hint(err, "%.*s", (int)record->lengths[1], texts[1]);
	return record->result;
}

static int read_credential(const struct libsecret_record *record, const char *const *texts,
			   struct credentials *ret, struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_free_ char *host = strndup(texts[0], record->lengths[0]);
	_cleanup_free_ char *username = strndup(texts[1], record->lengths[1]);

	if (!host || !username)
		return icr_fail_memory(err);
	int r = credential_set(&credential, host, username, texts[2], record->lengths[2], err);
	return r < 0 ? r : credentials_add(ret, &credential, err);
}

static int read_reply(const struct icr_buf *reply, struct credentials *ret, struct icr_error *err)
{
	size_t at = 0;

	while (reply->len - at >= sizeof(struct libsecret_record)) {
		struct libsecret_record record;
		const char *texts[ICR_LENGTH(record.lengths)];
		memcpy(&record, reply->data + at, sizeof(record));
		at += sizeof(record);
		for (size_t i = 0; i < ICR_LENGTH(texts); i++) {
			if (record.lengths[i] > reply->len - at)
				return fail_protocol(err);
			texts[i] = reply->data + at;
			at += record.lengths[i];
		}
		if (record.kind == 'R')
			return read_result(&record, texts, err);
		int r = ret ? read_credential(&record, texts, ret, err) : 0;
		if (r < 0)
			return r;
	}
	return fail_protocol(err);
}

/* Reads to the end of the pipe. -ETIMEDOUT when that does not come in time. */
static int collect(int fd, struct icr_buf *reply, struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + TIMEOUT_MS;

	for (;;) {
		int64_t left = deadline - icr_clock_ms();
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		int ready = left > 0 ? poll(&pollfd, 1, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			icr_fail_at(err, ETIMEDOUT, WHERE, "the keyring gave no answer in %d ms",
				    TIMEOUT_MS);
			(void)icr_error_hint(err,
					     "see to the desktop's keyring, or leave it out by "
					     "\"stores\": [\"file\"] in the configuration");
			return -ETIMEDOUT;
		}
		char *room = icr_buf_room(reply, CHUNK);
		if (!room)
			return icr_buf_check(reply, "the keyring's answer", err);
		ssize_t got = read(fd, room, CHUNK);
		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return icr_fail_errno(err, errno, WHERE, "cannot read the answer");
		if (got > 0)
			icr_buf_added(reply, (size_t)got);
	}
}

/* Runs REQUEST in a child; adds what it read to RET (may be NULL for the other actions). Failures
 * are those of struct store; returns the result of LIBSECRET_ERASE. */
static int run_child(const struct libsecret_request *request, struct credentials *ret,
		     struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf reply;
	int ends[2];

	icr_buf_init(&reply, 2 * LIBSECRET_REPLY_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return icr_fail_errno(err, errno, WHERE, "cannot make a pipe");
	_cleanup_fd_ int read_end = ends[0];
	pid_t parent = getpid();
	pid_t child = fork();
	if (child == 0)
		libsecret_child(request, ends[1], parent);
	(void)close(ends[1]);
	if (child < 0)
		return icr_fail_errno(err, errno, WHERE, "cannot start the keyring's client");
	int r = collect(read_end, &reply, err);
	if (r < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : read_reply(&reply, ret, err);
}

/* The user's bus, as the D-Bus specification ("Well-known Message Bus Instances") and sd-bus find
 * it. Without one there is nothing to ask, and asking would start one. */
static bool has_bus(const struct icr_environment *environment)
{
	const char *address = environment->dbus_session_bus_address;
	struct stat status;

	if (address)
		return strstr(address, "autolaunch:") == NULL;
	if (!environment->xdg_runtime_dir)
		return false;
	_cleanup_free_ char *path = icr_path_join(environment->xdg_runtime_dir, "bus");
	return path && stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int ask(const struct helper_context *context, const struct libsecret_request *request,
	       struct credentials *ret, struct icr_error *err)
{
	if (!has_bus(&context->environment))
		return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE, "no session bus");
	return run_child(request, ret, err);
}

static int store_libsecret_read(const struct helper_context *context, const char *const *hosts,
				size_t count, struct credentials *ret, struct icr_error *err)
{
	return ask(context,
		   &(struct libsecret_request){
			   .action = LIBSECRET_READ, .hosts = hosts, .count = count},
		   ret, err);
}

static int store_libsecret_put(const struct helper_context *context,
			       const struct credential *credential, struct icr_error *err)
{
	const char *host = credential->host;

	return ask(context,
		   &(struct libsecret_request){.action = LIBSECRET_PUT,
					       .hosts = &host,
					       .count = 1,
					       .credential = credential},
		   NULL, err);
}

static int store_libsecret_erase(const struct helper_context *context, const char *host,
				 struct icr_error *err)
{
	return ask(
		context,
		&(struct libsecret_request){.action = LIBSECRET_ERASE, .hosts = &host, .count = 1},
		NULL, err);
}

static void store_libsecret_where(const struct helper_context *context, struct icr_buf *out)
{
	(void)context;
	icr_buf_text(out, "the desktop's keyring");
}

const struct store store_libsecret = {
	.name = "libsecret",
	.read = store_libsecret_read,
	.put = store_libsecret_put,
	.erase = store_libsecret_erase,
	.where = store_libsecret_where,
};
