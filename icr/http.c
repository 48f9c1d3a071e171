/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/http-transfer.h"

#define HEADERS_MAX ((size_t)64 * 1024)
/* libcurl shortens it to its own next timeout */
#define POLL_MS 1000

/* Everything that one call works with, so that one destructor ends it. */
struct batch {
	const struct icr_curl *curl;
	CURLM *multi;
	struct icr_transfer *transfers;
	size_t count;
	sigset_t mask; /* as it was */
	bool masked;
};

static size_t on_body(const char *bytes, size_t one, size_t len, void *data)
{
	struct icr_transfer *transfer = data;
	struct icr_buf *body = &transfer->reply->body;

	(void)one;
	icr_buf_append(body, bytes, len);
	if (!body->failed)
		return len;
	if (body->failed == EFBIG)
		icr_transfer_fail(transfer, ICR_HTTP_TOO_LARGE,
				  "the answer is larger than %zu bytes", body->max);
	else
		transfer->no_memory = true;
	return 0;
}

/* Sets TARGET to the value, as plain ASCII, or appends it after a comma (RFC 9110 section 5.3). */
static bool keep_value(char **target, const char *value, size_t len, bool append)
{
	char *text = NULL;

	if (*target && !append)
		return true;
	if (asprintf(&text, "%s%s%.*s", *target ? *target : "", *target ? ", " : "", (int)len,
		     value) < 0)
		return false;
	for (char *c = text; *c; c++)
		if ((*c < ' ' && *c != '\t') || *c > '~')
			*c = '?';
	free(*target);
	*target = text;
	return true;
}

static bool name_is(const char *line, size_t name_len, const char *name)
{
	return name_len == strlen(name) && strncasecmp(line, name, name_len) == 0;
}

static bool keep_header(struct icr_http_reply *reply, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	if (!colon)
		return true;
	size_t name_len = (size_t)(colon - line);
	const char *value = colon + 1, *end = line + len;

	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	size_t value_len = (size_t)(end - value);
	if (name_is(line, name_len, "WWW-Authenticate"))
		return keep_value(&reply->challenge, value, value_len, true);
	if (name_is(line, name_len, "Location"))
		return keep_value(&reply->location, value, value_len, false);
	if (name_is(line, name_len, "Content-Type"))
		return keep_value(&reply->content_type, value, value_len, false);
	return true;
}

static void forget_headers(struct icr_http_reply *reply)
{
	free(icr_steal(&reply->challenge));
	free(icr_steal(&reply->location));
	free(icr_steal(&reply->content_type));
}

static size_t on_header(const char *line, size_t one, size_t len, void *data)
{
	struct icr_transfer *transfer = data;

	(void)one;
	transfer->header_len += len;
	if (transfer->header_len > HEADERS_MAX) {
		icr_transfer_fail(transfer, ICR_HTTP_TOO_LARGE,
				  "the answer's header is larger than %zu bytes", HEADERS_MAX);
		return 0;
	}
	/* a status line: what came before belonged to an interim answer */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		forget_headers(transfer->reply);
	else if (!keep_header(transfer->reply, line, len))
		transfer->no_memory = true;
	return transfer->no_memory ? 0 : len;
}

static void keep_address(struct icr_transfer *transfer, const struct sockaddr_storage *peer)
{
	const void *bytes = NULL;
	char text[INET6_ADDRSTRLEN];

	if (peer->ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	else if (peer->ss_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	if (!bytes || !inet_ntop(peer->ss_family, bytes, text, sizeof(text)))
		return;
	free(transfer->reply->address);
	transfer->reply->address = strdup(text);
	if (!transfer->reply->address)
		transfer->no_memory = true;
}

/*
 * The one moment when every version of libcurl tells how far a connection came: 7.88.1 knows no
 * time of connect and no peer until the TLS handshake has succeeded.
 */
static int on_close(void *data, curl_socket_t fd)
{
	struct icr_transfer *transfer = data;
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
		transfer->connected = true;
		keep_address(transfer, &peer);
	}
	return close(fd);
}

static int add(struct batch *batch, struct icr_transfer *transfer, struct icr_error *err)
{
	const struct icr_curl *curl = batch->curl;

	int r = icr_transfer_prepare(transfer, err);
	if (r < 0)
		return r;
	if (!transfer->easy)
		return 0;
	CURL *easy = transfer->easy;
	if (curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
	    curl->easy_setopt(easy, CURLOPT_WRITEDATA, transfer) != CURLE_OK ||
	    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
	    curl->easy_setopt(easy, CURLOPT_HEADERDATA, transfer) != CURLE_OK ||
	    curl->easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) != CURLE_OK ||
	    curl->easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer) != CURLE_OK ||
	    curl->multi_add_handle(batch->multi, easy) != CURLM_OK)
		return icr_fail_memory(err);
	return 0;
}

/* Without signals libcurl leaves SIGPIPE to us: older ones let the TLS library write(). */
static void mask_pipe(struct batch *batch)
{
	sigset_t pipe;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	batch->masked = pthread_sigmask(SIG_BLOCK, &pipe, &batch->mask) == 0;
}

static void unmask_pipe(const struct batch *batch)
{
	static const struct timespec now = {0};
	sigset_t pipe;

	if (!batch->masked || sigismember(&batch->mask, SIGPIPE))
		return;
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &batch->mask, NULL);
}

static int drive(const struct batch *batch, struct icr_error *err)
{
	const struct icr_curl *curl = batch->curl;
	int running = 0;

	do {
		CURLMcode code = curl->multi_perform(batch->multi, &running);
		if (code == CURLM_OK && running)
			code = curl->multi_poll(batch->multi, NULL, 0, POLL_MS, NULL);
		if (code == CURLM_OUT_OF_MEMORY)
			return icr_fail_memory(err);
		if (code != CURLM_OK)
			return icr_fail(err, ICR_E_UNAVAILABLE, "libcurl fails: %s",
					curl->multi_strerror(code));
	} while (running);
	return 0;
}

static int collect(const struct batch *batch, struct icr_error *err)
{
	const struct icr_curl *curl = batch->curl;
	int left = 0;

	for (CURLMsg *message = curl->multi_info_read(batch->multi, &left); message;
	     message = curl->multi_info_read(batch->multi, &left)) {
		char *transfer = NULL;
		if (message->msg == CURLMSG_DONE &&
		    curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) ==
			    CURLE_OK)
			icr_transfer_end((struct icr_transfer *)(void *)transfer,
					 message->data.result);
	}
	for (size_t i = 0; i < batch->count; i++)
		if (batch->transfers[i].no_memory)
			return icr_fail_memory(err);
	return 0;
}

static void batch_end(struct batch *batch)
{
	for (size_t i = 0; i < batch->count && batch->transfers; i++) {
		struct icr_transfer *transfer = &batch->transfers[i];
		if (batch->multi && transfer->easy)
			(void)batch->curl->multi_remove_handle(batch->multi, transfer->easy);
		icr_transfer_free(transfer);
	}
	if (batch->multi)
		(void)batch->curl->multi_cleanup(batch->multi);
	free(batch->transfers);
	unmask_pipe(batch);
}

static void reply_init(const struct icr_http_request *request, struct icr_http_reply *reply)
{
	*reply = (struct icr_http_reply){.outcome = ICR_HTTP_FAILED};
	icr_buf_init(&reply->body, request->body_max ? request->body_max : ICR_HTTP_BODY_MAX);
}

int icr_http_perform(const struct icr_http_request *requests, size_t count,
		     struct icr_http_reply *ret_replies, struct icr_error *err)
{
	icr_cleanup(batch_end) struct batch batch = {.count = count};

	for (size_t i = 0; i < count; i++)
		reply_init(&requests[i], &ret_replies[i]);
	int r = icr_curl_load(&batch.curl, err);
	if (r < 0)
		return r;
	mask_pipe(&batch);
	batch.multi = batch.curl->multi_init();
	batch.transfers = calloc(count ? count : 1, sizeof(*batch.transfers));
	if (!batch.multi || !batch.transfers)
		return icr_fail_memory(err);
	for (size_t i = 0; i < count; i++) {
		batch.transfers[i].curl = batch.curl;
		batch.transfers[i].request = &requests[i];
		batch.transfers[i].reply = &ret_replies[i];
		r = add(&batch, &batch.transfers[i], err);
		if (r < 0)
			return r;
	}
	r = drive(&batch, err);
	return r < 0 ? r : collect(&batch, err);
}

void icr_http_reply_free(struct icr_http_reply *reply)
{
	if (!reply)
		return;
	forget_headers(reply);
	free(reply->address);
	free(reply->message);
	icr_buf_free(&reply->body);
	*reply = (struct icr_http_reply){0};
}
