/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/libsecret-child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/clock.h"

#define WHERE "libsecret"
#define CHUNK ((size_t)16 * 1024)

/*
 * The reply is a row of records between two copies of one program, so in native byte order:
 * 'C' and three lengths, then host, username, secret; last of all
 * 'R' with the result and two lengths, then an error's text and hint.
 */
struct record {
	char kind;
	int32_t result;
	uint32_t lengths[3];
};

static void append_record(struct icr_buf *reply, char kind, int result, const char *const *texts,
			  const size_t *lengths)
{
	struct record record = {.kind = kind, .result = result};

	for (size_t i = 0; i < ICR_LENGTH(record.lengths); i++)
		record.lengths[i] = (uint32_t)lengths[i];
	icr_buf_append(reply, &record, sizeof(record));
	for (size_t i = 0; i < ICR_LENGTH(record.lengths); i++)
		icr_buf_append(reply, texts[i], lengths[i]);
}

void keyring_reply_credential(struct icr_buf *reply, const char *host, const char *username,
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

static int fail_protocol(struct icr_error *err)
{
	return icr_fail_at(err, ICR_E_UNAVAILABLE, WHERE, "the keyring's client ended early");
}

static int read_result(const struct record *record, const char *const *texts, struct icr_error *err)
{
	if (record->result >= 0)
		return record->result;
	icr_fail_at(err, -record->result, WHERE, "%.*s", (int)record->lengths[0], texts[0]);
	if (record->lengths[1] > 0)
		(void)icr_error_hint(err, "%.*s", (int)record->lengths[1], texts[1]);
	return record->result;
}

static int read_credential(const struct record *record, const char *const *texts,
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

	while (reply->len - at >= sizeof(struct record)) {
		struct record record;
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

static _Noreturn void be_child(const struct keyring_request *request, int fd, pid_t parent)
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
	icr_buf_init(&reply, KEYRING_REPLY_MAX);
	int r = keyring_perform(request, &reply, &failure);
	reply_result(&reply, r, &failure);
	if (!reply.failed)
		write_all(fd, &reply);
	icr_buf_free(&reply);
	/* no exit handlers: the parent's buffers and GLib's threads are left alone */
	_exit(EXIT_SUCCESS);
}

/* Reads to the end of the pipe. -ETIMEDOUT when that does not come in time. */
static int collect(int fd, int timeout_ms, struct icr_buf *reply, struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + timeout_ms;

	for (;;) {
		int64_t left = deadline - icr_clock_ms();
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		int ready = left > 0 ? poll(&pollfd, 1, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			icr_fail_at(err, ETIMEDOUT, WHERE, "the keyring gave no answer in %d ms",
				    timeout_ms);
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

int keyring_run(const struct keyring_request *request, int timeout_ms, struct credentials *ret,
		struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf reply;
	int ends[2];

	icr_buf_init(&reply, 2 * KEYRING_REPLY_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return icr_fail_errno(err, errno, WHERE, "cannot make a pipe");
	_cleanup_fd_ int read_end = ends[0];
	pid_t parent = getpid();
	pid_t child = fork();
	if (child == 0)
		be_child(request, ends[1], parent);
	(void)close(ends[1]);
	if (child < 0)
		return icr_fail_errno(err, errno, WHERE, "cannot start the keyring's client");
	int r = collect(read_end, timeout_ms, &reply, err);
	if (r < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : read_reply(&reply, ret, err);
}
