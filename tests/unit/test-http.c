/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/http.h"
#include "icr/memory.h"
#include "tests/unit/suite.h"

/* A listening socket and, when a thread serves it, what it answers to everybody. */
struct server {
	int fd;
	int port;
	bool reset;
	const char *answer;
	const char *then; /* instead, from the second client on; or NULL */
	int requests;
	struct icr_buf request; /* of the last client */
	pthread_t thread;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void listen_here(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(server->fd, 64), 0);
	(void)getsockname(server->fd, (struct sockaddr *)&address, &len);
	server->port = ntohs(address.sin_port);
}

static void listen_unix(struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(server->path, sizeof(server->path), "/tmp/icr-test-http.%d", (int)getpid());
	(void)unlink(server->path);
	memcpy(address.sun_path, server->path, sizeof(address.sun_path));
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(server->fd, 64), 0);
}

static void converse(struct server *server, int client)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (server->reset) {
		(void)setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		return;
	}
	icr_buf_free(&server->request);
	icr_buf_init(&server->request, 65536);
	while (!strstr(server->request.data, "\r\n\r\n")) {
		char *room = icr_buf_room(&server->request, 1024);
		ssize_t n = room ? read(client, room, 1024) : -1;
		if (n <= 0)
			return;
		icr_buf_added(&server->request, (size_t)n);
	}
	const char *answer = server->requests++ && server->then ? server->then : server->answer;
	for (size_t done = 0, len = strlen(answer); done < len;) {
		ssize_t n = send(client, answer + done, len - done, MSG_NOSIGNAL);
		if (n < 0)
			return;
		done += (size_t)n;
	}
}

static void *serve(void *data)
{
	struct server *server = data;

	for (;;) {
		int client = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			return NULL;
		converse(server, client);
		(void)close(client);
	}
}

static void server_start(struct server *server)
{
	icr_buf_init(&server->request, 65536);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->fd);
	if (*server->path)
		(void)unlink(server->path);
	icr_buf_free(&server->request);
}

static void clean_reply(struct icr_http_reply *reply)
{
	icr_http_reply_free(reply);
}

#define _cleanup_reply_ icr_cleanup(clean_reply)

static struct icr_http_request local(char *url, size_t size, int port)
{
	(void)snprintf(url, size, "https://us.icr.io:%d/v2/", port);
	return (struct icr_http_request){
		.method = "GET",
		.url = url,
		.address = "127.0.0.1",
		.connect_timeout_ms = 5000,
		.timeout_ms = 5000,
	};
}

static void expect(const struct icr_http_request *request, enum icr_http_outcome wanted)
{
	_cleanup_reply_ struct icr_http_reply reply = {0};

	CU_ASSERT_EQUAL_FATAL(icr_http_perform(request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.outcome, wanted);
	CU_ASSERT_PTR_NOT_NULL(reply.message);
	if (reply.outcome != wanted)
		fprintf(stderr, "%s: outcome %d, %s\n", request->url, reply.outcome,
			reply.message ? reply.message : "no message");
}

static long long now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_refused(void)
{
	struct server server = {0};
	char url[64];

	listen_here(&server);
	(void)close(server.fd);
	const struct icr_http_request request = local(url, sizeof(url), server.port);
	expect(&request, ICR_HTTP_REFUSED);
}

static void test_silent(void)
{
	struct server server = {0};
	char url[64];

	listen_here(&server);
	struct icr_http_request request = local(url, sizeof(url), server.port);
	request.timeout_ms = 300;
	request.connect_timeout_ms = 60000;
	long long begin = now_ms();
	expect(&request, ICR_HTTP_TIMEOUT);
	request.timeout_ms = 60000;
	request.connect_timeout_ms = 300;
	expect(&request, ICR_HTTP_TIMEOUT);
	CU_ASSERT(now_ms() - begin < 30000);
	(void)close(server.fd);
}

/* A full backlog drops what comes, as a filter does. */
static void test_connect_timeout(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct server server = {0};
	int fillers[4];
	char url[64];

	listen_here(&server);
	CU_ASSERT_EQUAL_FATAL(listen(server.fd, 0), 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)server.port);
	for (size_t i = 0; i < ICR_LENGTH(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
	struct icr_http_request request = local(url, sizeof(url), server.port);
	request.connect_timeout_ms = 400;
	expect(&request, ICR_HTTP_CONNECT_TIMEOUT);
	for (size_t i = 0; i < ICR_LENGTH(fillers); i++)
		(void)close(fillers[i]);
	(void)close(server.fd);
}

static void test_reset(void)
{
	struct server server = {.reset = true};
	char url[64];

	listen_here(&server);
	server_start(&server);
	const struct icr_http_request request = local(url, sizeof(url), server.port);
	for (int i = 0; i < 20; i++)
		expect(&request, ICR_HTTP_RESET);
	server_stop(&server);
}

static void test_no_tls(void)
{
	struct server server = {.answer = "HTTP/1.1 400 Bad Request\r\n\r\n"};
	struct pollfd ready;
	char url[64];

	listen_here(&server);
	server_start(&server);
	struct icr_http_request request = local(url, sizeof(url), server.port);
	request.timeout_ms = 500;
	/* the server waits for a line that TLS does not send: it is silent */
	expect(&request, ICR_HTTP_TIMEOUT);
	ready = (struct pollfd){.fd = server.fd};
	CU_ASSERT_EQUAL(poll(&ready, 1, 0), 0);
	server_stop(&server);
}

/* Slow and quick ones together: none waits for another, each reply is its own. */
static void test_parallel(void)
{
	struct server silent = {0}, closed = {0}, resets = {.reset = true};
	struct icr_http_request requests[30];
	struct icr_http_reply replies[30] = {0};
	char urls[3][64];

	listen_here(&silent);
	listen_here(&closed);
	(void)close(closed.fd);
	listen_here(&resets);
	server_start(&resets);
	for (size_t i = 0; i < ICR_LENGTH(requests); i++) {
		int port = i % 3 == 0 ? silent.port : i % 3 == 1 ? closed.port : resets.port;
		requests[i] = local(urls[i % 3], sizeof(urls[0]), port);
		requests[i].timeout_ms = 2000;
	}
	long long begin = now_ms();
	CU_ASSERT_EQUAL(icr_http_perform(requests, ICR_LENGTH(requests), replies, NULL), 0);
	CU_ASSERT(now_ms() - begin < 15000);
	for (size_t i = 0; i < ICR_LENGTH(requests); i++) {
		static const enum icr_http_outcome wanted[] = {ICR_HTTP_TIMEOUT, ICR_HTTP_REFUSED,
							       ICR_HTTP_RESET};
		CU_ASSERT_EQUAL(replies[i].outcome, wanted[i % 3]);
		icr_http_reply_free(&replies[i]);
	}
	server_stop(&resets);
	(void)close(silent.fd);
}

/* Whoever leaves does not wait for those who never answer. */
static void test_leave(void)
{
	struct server silent = {0};
	struct icr_http_request requests[8];
	struct icr_http_reply replies[8] = {0};
	const struct icr_http_request *ended = NULL;
	struct icr_http *http = NULL;
	char url[64];

	listen_here(&silent);
	CU_ASSERT_EQUAL_FATAL(icr_http_open(&http, NULL), 0);
	for (size_t i = 0; i < ICR_LENGTH(requests); i++) {
		requests[i] = local(url, sizeof(url), silent.port);
		requests[i].timeout_ms = 30000;
		icr_http_start(http, &requests[i], &replies[i]);
	}
	CU_ASSERT_EQUAL(icr_http_under_way(http), ICR_LENGTH(requests));
	CU_ASSERT_EQUAL(icr_http_next(http, -1, 50, &ended, NULL), 0);
	CU_ASSERT_PTR_NULL(ended);
	long long begin = now_ms();
	icr_http_close(&http);
	CU_ASSERT(now_ms() - begin < 5000);
	for (size_t i = 0; i < ICR_LENGTH(replies); i++)
		icr_http_reply_free(&replies[i]);
	(void)close(silent.fd);
}

static void test_load(void)
{
	struct icr_http_loading first = icr_http_load(), second = icr_http_load();

	CU_ASSERT_EQUAL(icr_http_perform(NULL, 0, NULL, NULL), 0);
	icr_http_load_end(&first);
	icr_http_load_end(&second);
	CU_ASSERT(!first.begun);
	icr_http_load_end(&first);
}

static void test_urls(void)
{
	static const char *const urls[] = {
		"http://127.0.0.1:9/",
		"HTTP://127.0.0.1:9/",
		"ftp://127.0.0.1:9/",
		"file:///etc/passwd",
		"127.0.0.1:9/",
		"//127.0.0.1:9/",
		"",
		"https://",
		"https://127.0.0.1:9/ a",
		"https://127.0.0.1:9/\r\nX: y",
		"https://127.0.0.1:9/\t",
		"https://127.0.0.1:99999/",
		"https://127.0.0.1:x/",
		"https://\xc3\xa4.icr.io:9/",
		"javascript:alert(1)",
	};
	for (size_t i = 0; i < ICR_LENGTH(urls); i++) {
		const struct icr_http_request request = {
			.method = "GET",
			.url = urls[i],
			.address = "127.0.0.1",
			.connect_timeout_ms = 1000,
			.timeout_ms = 1000,
		};
		expect(&request, ICR_HTTP_FAILED);
	}
}

static void test_headers(void)
{
	struct server server = {0};
	char url[64];

	listen_here(&server);
	for (int i = 0; i < 9; i++) {
		_cleanup_secret_ struct icr_secret secret = {0};
		struct icr_http_request request = local(url, sizeof(url), server.port);
		const char *words[] = {"a\r\nX: y", "a\nb", "a b", "a\0b", ""};
		size_t n = i < 5 ? (size_t)i : 0;
		size_t len = n == 3 ? 3 : strlen(words[n]);
		CU_ASSERT_EQUAL_FATAL(icr_secret_set(&secret, words[n], len, NULL), 0);
		if (i < 4)
			request.bearer = &secret;
		else if (i == 4)
			request.username = "no-password";
		else if (i == 5)
			request.accept = "a\r\nX: y";
		else if (i == 6)
			request.method = "GET /\r\n";
		else if (i == 7)
			request.address = "us.icr.io";
		else
			request.content_type = "a\nb";
		expect(&request, ICR_HTTP_FAILED);
	}
	(void)close(server.fd);
}

static struct icr_http_request by_socket(const struct server *server)
{
	return (struct icr_http_request){
		.method = "GET",
		.url = "http://localhost/v1/info",
		.unix_socket = server->path,
		.connect_timeout_ms = 5000,
		.timeout_ms = 5000,
		.body_max = 64,
	};
}

static void test_unix_socket(void)
{
	struct server server = {
		.answer =
			"HTTP/1.1 100 Continue\r\nLocation: interim\r\n\r\n"
			"HTTP/1.1 401 No\r\nContent-Type: text/plain \r\nlocation:\thttps://x/\r\n"
			"WWW-Authenticate: Basic realm=\"a\"\r\n"
			"www-authenticate: Bearer realm=\"https://b/\"\r\n"
			"Content-Length: 5\r\n\r\nhello"};
	_cleanup_reply_ struct icr_http_reply reply = {0};

	listen_unix(&server);
	server_start(&server);
	const struct icr_http_request request = by_socket(&server);
	CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.outcome, ICR_HTTP_DONE);
	CU_ASSERT_PTR_NULL(reply.message);
	CU_ASSERT_EQUAL(reply.status, 401);
	CU_ASSERT_STRING_EQUAL(reply.body.data, "hello");
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply.location);
	CU_ASSERT_STRING_EQUAL(reply.location, "https://x/");
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply.content_type);
	CU_ASSERT_STRING_EQUAL(reply.content_type, "text/plain");
	CU_ASSERT_PTR_NOT_NULL_FATAL(reply.challenge);
	CU_ASSERT_STRING_EQUAL(reply.challenge, "Basic realm=\"a\", Bearer realm=\"https://b/\"");
	server_stop(&server);
}

static void test_redirect_is_not_followed(void)
{
	struct server server = {.answer = "HTTP/1.1 307 Go\r\nLocation: http://localhost/other\r\n"
					  "Content-Length: 0\r\n\r\n"};
	_cleanup_reply_ struct icr_http_reply reply = {0};

	listen_unix(&server);
	server_start(&server);
	const struct icr_http_request request = by_socket(&server);
	CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.outcome, ICR_HTTP_DONE);
	CU_ASSERT_EQUAL(reply.status, 307);
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request.data, "GET /v1/info "));
	server_stop(&server);
}

static void test_request_text(void)
{
	struct server server = {.answer = "HTTP/1.1 204 Fine\r\n\r\n"};
	_cleanup_secret_ struct icr_secret password = {0};
	_cleanup_reply_ struct icr_http_reply reply = {0};

	listen_unix(&server);
	server_start(&server);
	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&password, "word", 4, NULL), 0);
	struct icr_http_request request = by_socket(&server);
	request.method = "PATCH";
	request.username = "iamapikey";
	request.password = &password;
	static const char *const headers[] = {"Metadata-Flavor: ibm", "X-Two: 2", NULL};
	request.headers = headers;
	request.accept = "application/json";
	request.content_type = "text/plain";
	request.body = "a\0b";
	request.body_len = 3;
	CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.status, 204);
	const char *text = server.request.data;
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "PATCH /v1/info HTTP/1.1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nAuthorization: Basic aWFtYXBpa2V5OndvcmQ=\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nAccept: application/json\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nMetadata-Flavor: ibm\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nX-Two: 2\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nContent-Type: text/plain\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nContent-Length: 3\r\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "Expect"));
	server_stop(&server);
}

static void test_bearer_text(void)
{
	struct server server = {.answer = "HTTP/1.1 204 Fine\r\n\r\n"};
	_cleanup_secret_ struct icr_secret token = {0};
	_cleanup_reply_ struct icr_http_reply reply = {0};

	listen_unix(&server);
	server_start(&server);
	CU_ASSERT_EQUAL_FATAL(icr_secret_set(&token, "a.b-c", 5, NULL), 0);
	struct icr_http_request request = by_socket(&server);
	request.method = "HEAD";
	request.bearer = &token;
	CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.status, 204);
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request.data, "HEAD /v1/info HTTP/1.1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request.data, "\r\nAuthorization: Bearer a.b-c\r\n"));
	server_stop(&server);
}

static void test_too_large(void)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n",
	};

	for (size_t i = 0; i < ICR_LENGTH(heads); i++) {
		_cleanup_buf_ struct icr_buf answer;
		icr_buf_init(&answer, 4096);
		icr_buf_text(&answer, heads[i]);
		for (int n = 0; n < 65; n++)
			icr_buf_char(&answer, 'x');
		icr_buf_text(&answer, "\r\n0\r\n\r\n");
		struct server server = {.answer = answer.data};
		listen_unix(&server);
		server_start(&server);
		const struct icr_http_request request = by_socket(&server);
		expect(&request, ICR_HTTP_TOO_LARGE);
		server_stop(&server);
	}
}

static void test_large_header(void)
{
	_cleanup_buf_ struct icr_buf answer;
	icr_buf_init(&answer, 1 << 20);
	icr_buf_text(&answer, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 5000; i++)
		icr_buf_printf(&answer, "X-Header-%d: value\r\n", i);
	icr_buf_text(&answer, "\r\n");
	struct server server = {.answer = answer.data};

	listen_unix(&server);
	server_start(&server);
	const struct icr_http_request request = by_socket(&server);
	expect(&request, ICR_HTTP_TOO_LARGE);
	server_stop(&server);
}

static void test_cut_off(void)
{
	struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};

	listen_unix(&server);
	server_start(&server);
	struct icr_http_request request = by_socket(&server);
	expect(&request, ICR_HTTP_RESET);
	server_stop(&server);
	/* and nobody is there any more */
	expect(&request, ICR_HTTP_FAILED);
	request.url = "http://127.0.0.1/";
	expect(&request, ICR_HTTP_FAILED);
	request.url = "https://localhost/";
	expect(&request, ICR_HTTP_FAILED);
}

/* Answers once by one text, then by another. */
static void expect_again(const char *first, const char *second, int wanted, int requests)
{
	struct server server = {.answer = first, .then = second};
	_cleanup_reply_ struct icr_http_reply reply = {0};

	listen_unix(&server);
	server_start(&server);
	struct icr_http_request request = by_socket(&server);
	request.again = requests > 1 || wanted < 500;
	CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
	CU_ASSERT_EQUAL(reply.status, wanted);
	CU_ASSERT_EQUAL(server.requests, requests);
	server_stop(&server);
}

#define ANSWER(status) "HTTP/1.1 " status " x\r\nContent-Length: 0\r\n\r\n"

static void test_again(void)
{
	expect_again(ANSWER("500"), ANSWER("200"), 200, 2);
	expect_again(ANSWER("503"), ANSWER("401"), 401, 2);
	expect_again("", ANSWER("200"), 200, 2);
	expect_again(ANSWER("500"), ANSWER("502"), 502, 2);
	expect_again(ANSWER("500"), ANSWER("200"), 500, 1);
	expect_again(ANSWER("429"), ANSWER("200"), 429, 1);
	expect_again(ANSWER("404"), ANSWER("200"), 404, 1);
}

static void test_redirects(void)
{
	static const struct {
		const char *location, *redirect;
	} cases[] = {
		{"https://other.example/x", "https://other.example/x"},
		{"//other.example/x", "http://other.example/x"},
		{"/x?u=https://foo.example/", "http://localhost/x?u=https://foo.example/"},
		{"x", "http://localhost/v1/x"},
	};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_free_ char *answer =
			icr_printf("HTTP/1.1 307 x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
				   cases[i].location);
		struct server server = {.answer = answer};
		_cleanup_reply_ struct icr_http_reply reply = {0};
		listen_unix(&server);
		server_start(&server);
		const struct icr_http_request request = by_socket(&server);
		CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(reply.redirect);
		CU_ASSERT_STRING_EQUAL(reply.redirect, cases[i].redirect);
		server_stop(&server);
	}
}

static void test_url_parts(void)
{
	struct icr_url url = {0};

	CU_ASSERT_EQUAL_FATAL(icr_url_split("https://us.icr.io/v2/?a=http://b/", &url, NULL), 0);
	CU_ASSERT_STRING_EQUAL(url.scheme, "https");
	CU_ASSERT_STRING_EQUAL(url.host, "us.icr.io");
	CU_ASSERT_STRING_EQUAL(url.port, "443");
	icr_url_free(&url);
	CU_ASSERT_EQUAL_FATAL(icr_url_split("http://[2001:db8::1]:81/", &url, NULL), 0);
	CU_ASSERT_STRING_EQUAL(url.host, "[2001:db8::1]");
	CU_ASSERT_STRING_EQUAL(url.port, "81");
	icr_url_free(&url);
	CU_ASSERT_EQUAL(icr_url_split("us.icr.io", &url, NULL), -ICR_E_PROTOCOL);
	CU_ASSERT_EQUAL(icr_url_split("https:\\\\us.icr.io", &url, NULL), -ICR_E_PROTOCOL);
	CU_ASSERT_EQUAL(icr_url_split("", &url, NULL), -ICR_E_PROTOCOL);
}

static void test_retry_after(void)
{
	static const struct {
		const char *header;
		int seconds;
	} cases[] = {{"", -1},
		     {"Retry-After: 0\r\n", 0},
		     {"retry-after: 30\r\n", 30},
		     {"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 0}};

	for (size_t i = 0; i < ICR_LENGTH(cases); i++) {
		_cleanup_free_ char *answer = icr_printf(
			"HTTP/1.1 429 x\r\n%sContent-Length: 0\r\n\r\n", cases[i].header);
		struct server server = {.answer = answer};
		_cleanup_reply_ struct icr_http_reply reply = {0};
		listen_unix(&server);
		server_start(&server);
		const struct icr_http_request request = by_socket(&server);
		CU_ASSERT_EQUAL_FATAL(icr_http_perform(&request, 1, &reply, NULL), 0);
		CU_ASSERT_EQUAL(reply.retry_after, cases[i].seconds);
		server_stop(&server);
	}
}

/* In the clear to this link alone, whatever a name leads to. */
static void test_plain(void)
{
	struct server server = {.answer = ANSWER("200")};
	char url[64];

	listen_here(&server);
	server_start(&server);
	struct icr_http_request request = local(url, sizeof(url), server.port);
	(void)snprintf(url, sizeof(url), "http://localhost:%d/", server.port);
	request.plain = true;
	expect(&request, ICR_HTTP_FAILED);
	request.address = NULL;
	expect(&request, ICR_HTTP_FAILED);
	CU_ASSERT_EQUAL(server.requests, 0);
	(void)snprintf(url, sizeof(url), "https://localhost:%d/", server.port);
	expect(&request, ICR_HTTP_FAILED);
	server_stop(&server);
}

static void test_texts(void)
{
	for (int i = ICR_HTTP_DONE; i <= ICR_HTTP_FAILED; i++)
		CU_ASSERT_PTR_NOT_NULL(icr_http_outcome_text((enum icr_http_outcome)i));
	CU_ASSERT_EQUAL(icr_http_perform(NULL, 0, NULL, NULL), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{"refused", test_refused},
		{"silent after connect", test_silent},
		{"connect timeout", test_connect_timeout},
		{"reset", test_reset},
		{"no TLS there", test_no_tls},
		{"many at once", test_parallel},
		{"leaving them", test_leave},
		{"loading meanwhile", test_load},
		{"URLs that are not sent", test_urls},
		{"headers that are not sent", test_headers},
		{"socket file", test_unix_socket},
		{"redirect", test_redirect_is_not_followed},
		{"request text", test_request_text},
		{"bearer text", test_bearer_text},
		{"body too large", test_too_large},
		{"header too large", test_large_header},
		{"body cut off", test_cut_off},
		{"asked again", test_again},
		{"redirects", test_redirects},
		{"parts of URLs", test_url_parts},
		{"when to come again", test_retry_after},
		{"in the clear", test_plain},
		{"texts", test_texts},
	};
	(void)signal(SIGPIPE, SIG_IGN);
	/* loads libcurl, which takes long under valgrind and is no part of what is measured */
	(void)icr_http_perform(NULL, 0, NULL, NULL);
	return suite_run("http", tests, ICR_LENGTH(tests));
}
