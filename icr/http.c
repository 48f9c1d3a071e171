/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/curl.h"
#include "icr/memory.h"
#include "icr/progress.h"
#include "icr/resolve.h"
#include "icr/text.h"
#include "icr/thread.h"

#define USER_AGENT  "docker-credential-icr/" ICR_VERSION
#define HEADERS_MAX ((size_t)64 * 1024)
/* libcurl shortens it to its own next timeout */
#define POLL_MS 1000
/* hexadecimal digits, of the subject (c_rehash(1)) */
#define HASH_LEN 8

/* One request under way. */
struct transfer {
	struct transfer *next;
	const struct icr_curl *curl;
	const struct icr_http_request *request;
	struct icr_http_reply *reply;
	int64_t deadline_ms;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	size_t header_len; /* of the reply, so far */
	bool connected;	   /* TCP, or to the socket file */
	int fd;		   /* its socket, or -1 */
	int socket_errno;  /* of socket(), which libcurl does not tell */
	bool repeated;
	bool by_folder; /* trust is looked up in the folder of CAs alone */
	bool ended;
	char text[CURL_ERROR_SIZE];
};

struct icr_http {
	const struct icr_curl *curl;
	CURLM *multi;
	struct transfer *transfers;
	size_t count;
	bool hashed, hashed_known; /* has the folder of CAs the names that OpenSSL looks for? */
};

const char *icr_http_outcome_text(enum icr_http_outcome outcome)
{
	static const char *const texts[] = {
		[ICR_HTTP_DONE] = "answered",
		[ICR_HTTP_NO_NAME] = "the name does not resolve",
		[ICR_HTTP_CONNECT_TIMEOUT] = "connect timed out",
		[ICR_HTTP_REFUSED] = "connection refused",
		[ICR_HTTP_UNREACHABLE] = "network unreachable",
		[ICR_HTTP_RESET] = "connection reset or closed",
		[ICR_HTTP_TLS_NAME] = "certificate does not cover the name",
		[ICR_HTTP_TLS_UNTRUSTED] = "certificate not trusted",
		[ICR_HTTP_TLS] = "TLS handshake failed",
		[ICR_HTTP_TIMEOUT] = "timed out waiting for an answer",
		[ICR_HTTP_TOO_LARGE] = "answer too large",
		[ICR_HTTP_LOCAL] = "this host cannot ask",
		[ICR_HTTP_FAILED] = "request failed",
	};

	return outcome < ICR_LENGTH(texts) && texts[outcome] ? texts[outcome] : "request failed";
}

/* Gives the reply an outcome and its message, formatted. */
ICR_PRINTF(3, 4)
static void transfer_fail(struct transfer *transfer, enum icr_http_outcome outcome,
			  const char *format, ...)
{
	struct icr_http_reply *reply = transfer->reply;
	va_list args;

	reply->outcome = outcome;
	free(reply->message);
	va_start(args, format);
	reply->message = icr_vprintf(format, args);
	va_end(args);
}

static enum icr_http_outcome timeout_outcome(const struct transfer *transfer)
{
	curl_off_t time_us = 0;

	if (transfer->connected)
		return ICR_HTTP_TIMEOUT;
	/* 0 until the name was resolved, at least 1 after */
	(void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &time_us);
	return time_us > 0 ? ICR_HTTP_CONNECT_TIMEOUT : ICR_HTTP_NO_NAME;
}

static int system_error(const struct transfer *transfer)
{
	long code = 0;

	if (transfer->socket_errno)
		return transfer->socket_errno;
	if (transfer->curl->easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &code) != CURLE_OK)
		return 0;
	return (int)code;
}

static enum icr_http_outcome connect_outcome(const struct transfer *transfer)
{
	switch (system_error(transfer)) {
	case ECONNREFUSED:
		return ICR_HTTP_REFUSED;
	case ETIMEDOUT:
		return ICR_HTTP_CONNECT_TIMEOUT;
	case ECONNRESET:
		return ICR_HTTP_RESET;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return ICR_HTTP_UNREACHABLE;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ICR_HTTP_LOCAL;
	case EACCES:
	case EPERM:
		/* for a socket file: its mode; for an address: a route or filter that prohibits */
		return transfer->request->unix_socket ? ICR_HTTP_FAILED : ICR_HTTP_UNREACHABLE;
	default:
		return ICR_HTTP_FAILED;
	}
}

static bool says(const struct transfer *transfer, const char *const *phrases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(transfer->text, phrases[i]))
			return true;
	return false;
}

/*
 * libcurl has one code for a wrong name and a wrong chain, and SSL_VERIFYRESULT tells nothing of
 * the first. The phrases: lib/vtls/openssl.c and gtls.c of libcurl 7.88.1 and 8.11.
 */
static enum icr_http_outcome certificate_outcome(const struct transfer *transfer)
{
	static const char *const phrases[] = {"subject name", "common name", "subjectAltName"};

	return says(transfer, phrases, ICR_LENGTH(phrases)) ? ICR_HTTP_TLS_NAME
							    : ICR_HTTP_TLS_UNTRUSTED;
}

/* A connection that breaks off within the handshake is not a fault of TLS. Phrases: libcurl 7.88.1
 * with OpenSSL 1.1 and 3, and with GnuTLS 3.7. */
static enum icr_http_outcome handshake_outcome(const struct transfer *transfer)
{
	static const char *const phrases[] = {
		"SSL_ERROR_SYSCALL", "reset by peer",		"unexpected eof",
		"Broken pipe",	     "pull function",		"push function",
		"SSL_ERROR_ZERO",    "non-properly terminated", "getpeername() failed",
	};

	return says(transfer, phrases, ICR_LENGTH(phrases)) ? ICR_HTTP_RESET : ICR_HTTP_TLS;
}

static enum icr_http_outcome outcome_of(const struct transfer *transfer, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return ICR_HTTP_DONE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return ICR_HTTP_NO_NAME;
	case CURLE_COULDNT_CONNECT:
		return connect_outcome(transfer);
	case CURLE_OPERATION_TIMEDOUT:
		return timeout_outcome(transfer);
	case CURLE_PEER_FAILED_VERIFICATION:
		return certificate_outcome(transfer);
	case CURLE_SSL_CONNECT_ERROR:
		return handshake_outcome(transfer);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ENGINE_INITFAILED:
		return ICR_HTTP_LOCAL;
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return ICR_HTTP_TLS;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return ICR_HTTP_RESET;
	default:
		return ICR_HTTP_FAILED;
	}
}

static void describe(struct transfer *transfer, enum icr_http_outcome outcome, CURLcode code)
{
	const char *text = icr_http_outcome_text(outcome);
	const char *detail = transfer->text;
	int system = system_error(transfer);

	if (*detail == '\0')
		detail = transfer->curl->easy_strerror(code);
	switch (outcome) {
	case ICR_HTTP_NO_NAME:
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_REFUSED:
		transfer_fail(transfer, outcome, "%s", text);
		return;
	case ICR_HTTP_UNREACHABLE:
		transfer_fail(transfer, outcome, "%s (%s)", text, strerror(system));
		return;
	case ICR_HTTP_LOCAL:
	case ICR_HTTP_FAILED:
		if (code == CURLE_COULDNT_CONNECT && system)
			transfer_fail(transfer, outcome, "cannot connect to %s: %s",
				      transfer->request->unix_socket
					      ? transfer->request->unix_socket
					      : transfer->request->url,
				      strerror(system));
		else
			transfer_fail(transfer, outcome, "%s: %s", text, detail);
		return;
	default:
		transfer_fail(transfer, outcome, "%s (%s)", text, detail);
		return;
	}
}

/* Fills in the reply of a transfer that has ended with CODE. */
static void transfer_end(struct transfer *transfer, CURLcode code)
{
	struct icr_http_reply *reply = transfer->reply;
	char *redirect = NULL;
	curl_off_t seconds = 0;
	long status = 0;

	(void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	transfer->ended = true;
	/* our own callbacks stop a transfer that is too large, and have said so then */
	if (reply->outcome != ICR_HTTP_TOO_LARGE) {
		reply->outcome = outcome_of(transfer, code);
		if (reply->outcome != ICR_HTTP_DONE)
			describe(transfer, reply->outcome, code);
	}
	if (reply->outcome != ICR_HTTP_DONE)
		icr_buf_truncate(&reply->body, 0);
	if (reply->outcome != ICR_HTTP_DONE && reply->outcome != ICR_HTTP_TOO_LARGE)
		return;
	reply->status = (int)status;
	if (reply->retry_after == 0 &&
	    transfer->curl->easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds) ==
		    CURLE_OK)
		reply->retry_after = seconds < 0 ? 0 : seconds < INT_MAX ? (int)seconds : INT_MAX;
	if (transfer->curl->easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &redirect) ==
		    CURLE_OK &&
	    redirect)
		reply->redirect = icr_strdup(redirect);
}

/* Visible ASCII, and space where allowed: nothing that could end a line of the request. */
static bool is_clean(const char *text, bool space)
{
	for (; *text; text++)
		if (*text < (space ? ' ' : '!') || *text > '~')
			return false;
	return true;
}

static bool is_method(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return len > 0 && len <= 16 && text[len] == '\0';
}

/* A secret as a C string; NULL when it cannot be one. */
static const char *secret_text(const struct icr_secret *secret)
{
	if (!secret->data || strlen(secret->data) != secret->len)
		return NULL;
	return secret->data;
}

/* Everything that is checked before libcurl sees it; NULL when the request may be sent. */
static const char *request_fault(const struct icr_http_request *request)
{
	if (!is_method(request->method))
		return "a method that is not one";
	if (!is_clean(request->url, false))
		return "a URL with a space, a control character or one beyond ASCII";
	if (request->address && !icr_address_family(request->address))
		return "an address that is not numeric";
	if (request->accept && !is_clean(request->accept, true))
		return "an Accept header with a control character";
	for (size_t i = 0; request->headers && request->headers[i]; i++)
		if (!is_clean(request->headers[i], true) || !strchr(request->headers[i], ':'))
			return "a header that is none";
	if (request->content_type && !is_clean(request->content_type, true))
		return "a Content-Type header with a control character";
	/* RFC 7617 section 2: the first colon ends the user name */
	if (request->username && strchr(request->username, ':'))
		return "a user name with a colon";
	if (request->username && (!request->password || !secret_text(request->password)))
		return "a password that is missing or holds a NUL";
	if (request->bearer &&
	    (!secret_text(request->bearer) || !is_clean(request->bearer->data, false)))
		return "a token that is missing or holds what a header cannot";
	return NULL;
}

/* Options whose failure would leave a request less safe than it must be. */
#define SET(option, value)                                                                         \
	(transfer->curl->easy_setopt(transfer->easy, CURLOPT_##option, value) == CURLE_OK)

/* Source: libcurl-security(3). Many are libcurl's defaults; they are said all the same. */
static bool set_security(const struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;
	const char *protocol = request->unix_socket || request->plain ? "http" : "https";

	return SET(PROTOCOLS_STR, protocol) && SET(REDIR_PROTOCOLS_STR, protocol) &&
	       SET(FOLLOWLOCATION, 0L) && SET(MAXREDIRS, 0L) && SET(UNRESTRICTED_AUTH, 0L) &&
	       SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
	       SET(SSL_VERIFYHOST, 2L) && SET(PROXY_SSL_VERIFYPEER, 1L) &&
	       SET(PROXY_SSL_VERIFYHOST, 2L) && SET(NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(HTTP09_ALLOWED, 0L) && SET(SSL_SESSIONID_CACHE, 0L) && SET(FRESH_CONNECT, 1L) &&
	       SET(FORBID_REUSE, 1L) && SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(NOSIGNAL, 1L);
}

static bool set_route(struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;
	_cleanup_free_ char *connect_to = NULL;

	if (request->unix_socket && !SET(UNIX_SOCKET_PATH, request->unix_socket))
		return false;
	if (!request->use_proxy && !SET(PROXY, ""))
		return false;
	if (!request->address)
		return true;
	/* any host, any port -> this address, the same port */
	bool six = strchr(request->address, ':') != NULL;
	connect_to = icr_printf(six ? "::[%s]:" : "::%s:", request->address);
	transfer->connect_to = transfer->curl->slist_append(NULL, connect_to);
	return transfer->connect_to && SET(CONNECT_TO, transfer->connect_to);
}

/* libcurl takes 0 for "no limit". */
static long limit_ms(int64_t timeout_ms)
{
	return timeout_ms > 0 ? (long)timeout_ms : 1;
}

/* Otherwise the end of a transfer waits for a name server that does not answer. */
static void set_quick_exit(const struct transfer *transfer)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	(void)transfer->curl->easy_setopt(transfer->easy, CURLOPT_QUICK_EXIT, 1L);
#else
	(void)transfer;
#endif
}

/* Is it a folder with a link for each CA that is named by its hash, as OpenSSL looks them up? */
static bool has_hashed_names(const char *folder)
{
	_cleanup_dir_ DIR *dir = opendir(folder);

	for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		const char *name = entry->d_name;
		if (strspn(name, "0123456789abcdef") == HASH_LEN &&
		    strcmp(name + HASH_LEN, ".0") == 0)
			return true;
	}
	return false;
}

/*
 * Reading all CAs takes 20 ms, and only what is needed is read from a folder of them. Where that is
 * not enough, since somebody added a CA to the file alone, the request is made again with the file.
 * libcurl keeps a parsed file for all handles of a multi handle, but not where a folder is compiled
 * in as well (7.88.1, as in Debian 12): so it gets one of the two, never both.
 */
static bool set_ca(struct icr_http *http, struct transfer *transfer)
{
	const curl_version_info_data *info = transfer->curl->version_info(CURLVERSION_NOW);

	if (info->age < CURLVERSION_SEVENTH || !info->cainfo || !info->capath ||
	    access(info->cainfo, R_OK) < 0)
		return true;
	if (!http->hashed_known) {
		http->hashed = strncmp(info->ssl_version, "OpenSSL/", strlen("OpenSSL/")) == 0 &&
			       has_hashed_names(info->capath);
		http->hashed_known = true;
	}
	transfer->by_folder = http->hashed && !transfer->by_folder;
	return transfer->by_folder ? SET(CAINFO, NULL) : SET(CAPATH, NULL);
}

static bool set_authorization(const struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;

	if (request->bearer)
		return SET(HTTPAUTH, (long)CURLAUTH_BEARER) &&
		       SET(XOAUTH2_BEARER, request->bearer->data);
	if (request->username)
		return SET(HTTPAUTH, (long)CURLAUTH_BASIC) && SET(USERNAME, request->username) &&
		       SET(PASSWORD, request->password->data);
	return true;
}

static bool append_header(struct transfer *transfer, const char *line)
{
	struct curl_slist *headers = transfer->curl->slist_append(transfer->headers, line);

	if (headers)
		transfer->headers = headers;
	return headers != NULL;
}

static bool add_header(struct transfer *transfer, const char *name, const char *value)
{
	/* libcurl: a name without a value leaves its own header of that name out */
	_cleanup_free_ char *line = icr_printf(value ? "%s: %s" : "%s:", name, value);

	return append_header(transfer, line);
}

static bool set_content(struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;

	if (request->body) {
		if (!SET(POST, 1L) || !SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) ||
		    !SET(POSTFIELDS, request->body) || !add_header(transfer, "Expect", NULL) ||
		    !add_header(transfer, "Content-Type", request->content_type))
			return false;
	}
	if (request->accept && !add_header(transfer, "Accept", request->accept))
		return false;
	for (size_t i = 0; request->headers && request->headers[i]; i++)
		if (!append_header(transfer, request->headers[i]))
			return false;
	if (strcmp(request->method, "HEAD") == 0 ? !SET(NOBODY, 1L)
						 : !SET(CUSTOMREQUEST, request->method))
		return false;
	return !transfer->headers || SET(HTTPHEADER, transfer->headers);
}

static bool set_rest(struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;

	set_quick_exit(transfer);
	int64_t left = transfer->deadline_ms - icr_clock_ms();
	return SET(URL, request->url) && SET(USERAGENT, USER_AGENT) &&
	       SET(ERRORBUFFER, transfer->text) && SET(PRIVATE, transfer) &&
	       (!request->handshake || SET(CONNECT_ONLY, 1L)) &&
	       SET(CONNECTTIMEOUT_MS, limit_ms(request->connect_timeout_ms)) &&
	       SET(TIMEOUT_MS, limit_ms(left));
}

static size_t on_body(const char *bytes, size_t one, size_t len, void *data)
{
	struct transfer *transfer = data;
	struct icr_buf *body = &transfer->reply->body;

	(void)one;
	icr_buf_append(body, bytes, len);
	if (!body->failed)
		return len;
	transfer_fail(transfer, ICR_HTTP_TOO_LARGE, "the answer is larger than %zu bytes",
		      body->max);
	return 0;
}

/* Sets TARGET to the value, as plain ASCII, or appends it after a comma (RFC 9110 section 5.3). */
static void keep_value(char **target, const char *value, size_t len, bool append)
{
	if (*target && !append)
		return;
	char *text = icr_printf("%s%s%.*s", *target ? *target : "", *target ? ", " : "", (int)len,
				value);
	for (char *c = text; *c; c++)
		if ((*c < ' ' && *c != '\t') || *c > '~')
			*c = '?';
	free(*target);
	*target = text;
}

static bool name_is(const char *line, size_t name_len, const char *name)
{
	return name_len == strlen(name) && strncasecmp(line, name, name_len) == 0;
}

static void keep_header(struct icr_http_reply *reply, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	if (!colon)
		return;
	size_t name_len = (size_t)(colon - line);
	const char *value = colon + 1;
	size_t value_len = len - name_len - 1;

	icr_trim(&value, &value_len);
	if (name_is(line, name_len, "WWW-Authenticate"))
		keep_value(&reply->challenge, value, value_len, true);
	else if (name_is(line, name_len, "Location"))
		keep_value(&reply->location, value, value_len, false);
	else if (name_is(line, name_len, "Content-Type"))
		keep_value(&reply->content_type, value, value_len, false);
	else if (name_is(line, name_len, "Retry-After"))
		reply->retry_after = 0;
}

static void forget_headers(struct icr_http_reply *reply)
{
	free(icr_steal(&reply->challenge));
	free(icr_steal(&reply->location));
	free(icr_steal(&reply->redirect));
	free(icr_steal(&reply->content_type));
	reply->retry_after = -1;
}

static size_t on_header(const char *line, size_t one, size_t len, void *data)
{
	struct transfer *transfer = data;

	(void)one;
	transfer->header_len += len;
	if (transfer->header_len > HEADERS_MAX) {
		transfer_fail(transfer, ICR_HTTP_TOO_LARGE,
			      "the answer's header is larger than %zu bytes", HEADERS_MAX);
		return 0;
	}
	/* a status line: what came before belonged to an interim answer */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		forget_headers(transfer->reply);
	else
		keep_header(transfer->reply, line, len);
	return len;
}

static void keep_address(struct transfer *transfer, const struct sockaddr_storage *peer)
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
	transfer->reply->address = icr_strdup(text);
}

/*
 * The one moment when every version of libcurl tells how far a connection came: 7.88.1 knows no
 * time of connect and no peer until the TLS handshake has succeeded.
 */
static int on_close(void *data, curl_socket_t fd)
{
	struct transfer *transfer = data;
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
		transfer->connected = true;
		keep_address(transfer, &peer);
	}
	if (transfer->fd == fd)
		transfer->fd = -1;
	return close(fd);
}

static bool is_link_local(const struct curl_sockaddr *address)
{
	const struct sockaddr_in *four = (const void *)&address->addr;
	const struct sockaddr_in6 *six = (const void *)&address->addr;

	if (address->family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 16 == 0xa9fe; /* 169.254 */
	return address->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
}

/* What is sent in the clear goes no further than this host's link. */
static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = data;

	(void)purpose;
	if (transfer->request->plain && !is_link_local(address)) {
		transfer->socket_errno = EPROTO;
		return CURL_SOCKET_BAD;
	}
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		transfer->socket_errno = errno;
	transfer->fd = fd;
	return fd;
}

static bool set_callbacks(struct transfer *transfer)
{
	return SET(OPENSOCKETFUNCTION, on_open) && SET(OPENSOCKETDATA, transfer) &&
	       SET(WRITEFUNCTION, on_body) && SET(WRITEDATA, transfer) &&
	       SET(HEADERFUNCTION, on_header) && SET(HEADERDATA, transfer) &&
	       SET(CLOSESOCKETFUNCTION, on_close) && SET(CLOSESOCKETDATA, transfer);
}

static void transfer_clean(struct transfer *transfer)
{
	if (transfer->easy)
		transfer->curl->easy_cleanup(transfer->easy);
	/* one of them may carry a key */
	for (struct curl_slist *line = transfer->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	transfer->curl->slist_free_all(transfer->headers);
	transfer->curl->slist_free_all(transfer->connect_to);
	transfer->easy = NULL;
	transfer->headers = transfer->connect_to = NULL;
	explicit_bzero(transfer->text, sizeof(transfer->text));
}

static void reply_init(const struct icr_http_request *request, struct icr_http_reply *reply)
{
	*reply = (struct icr_http_reply){
		.outcome = ICR_HTTP_FAILED,
		.retry_after = -1,
		.body = ICR_BUF(request->body_max ? request->body_max : ICR_HTTP_BODY_MAX),
	};
}

/* A request that may not be sent is no failure of ours: its reply says why. */
static void transfer_begin(struct icr_http *http, struct transfer *transfer)
{
	const char *fault = request_fault(transfer->request);

	transfer->header_len = 0;
	transfer->connected = false;
	transfer->socket_errno = 0;
	transfer->fd = -1;
	reply_init(transfer->request, transfer->reply);
	transfer->ended = true;
	if (fault) {
		transfer_fail(transfer, ICR_HTTP_FAILED, "refused to send %s", fault);
		return;
	}
	transfer->easy = transfer->curl->easy_init();
	if (!transfer->easy || !set_security(transfer) || !set_route(transfer) ||
	    !set_ca(http, transfer) || !set_authorization(transfer) || !set_content(transfer) ||
	    !set_rest(transfer) || !set_callbacks(transfer) ||
	    http->curl->multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
		transfer_fail(transfer, ICR_HTTP_LOCAL,
			      "libcurl refuses an option of ours: 7.85 or newer is needed");
		return;
	}
	transfer->ended = false;
}

/* What may be over in a moment: the server's own fault, or a connection that broke off. */
static bool is_passing(const struct icr_http_reply *reply)
{
	if (reply->outcome == ICR_HTTP_DONE)
		return reply->status >= 500 && reply->status <= 504 && reply->status != 501;
	return reply->outcome == ICR_HTTP_RESET;
}

static void transfer_repeat(struct icr_http *http, struct transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;

	bool with_file = transfer->by_folder && transfer->reply->outcome == ICR_HTTP_TLS_UNTRUSTED;

	if (!with_file && (!request->again || transfer->repeated || !is_passing(transfer->reply)))
		return;
	if (icr_clock_ms() >= transfer->deadline_ms)
		return;
	transfer->repeated |= !with_file;
	(void)http->curl->multi_remove_handle(http->multi, transfer->easy);
	transfer_clean(transfer);
	icr_http_reply_free(transfer->reply);
	transfer_begin(http, transfer);
}

static void *load(void *unused)
{
	const struct icr_curl *curl;

	(void)unused;
	(void)icr_curl_load(&curl, NULL);
	return NULL;
}

struct icr_http_loading icr_http_load(void)
{
	struct icr_http_loading loading = {.begun = false};

	loading.begun = icr_thread_start(NULL, load, NULL, &loading.thread) == 0;
	return loading;
}

void icr_http_load_end(struct icr_http_loading *loading)
{
	if (loading->begun)
		(void)pthread_join(loading->thread, NULL);
	loading->begun = false;
}

int icr_http_open(struct icr_http **ret_http, struct icr_error *err)
{
	const struct icr_curl *curl;

	int r = icr_curl_load(&curl, err);
	if (r < 0)
		return r;
	CURLM *multi = curl->multi_init();
	if (!multi)
		return icr_fail(err, ICR_E_UNAVAILABLE, "libcurl cannot be started on this host");
	*ret_http = icr_calloc(1, sizeof(**ret_http));
	(*ret_http)->curl = curl;
	(*ret_http)->multi = multi;
	return 0;
}

/* Takes a transfer out of the list. */
static void transfer_drop(struct icr_http *http, struct transfer **place)
{
	struct transfer *transfer = *place;

	*place = transfer->next;
	http->count--;
	if (transfer->easy)
		(void)http->curl->multi_remove_handle(http->multi, transfer->easy);
	transfer_clean(transfer);
	free(transfer);
}

void icr_http_close(struct icr_http **place)
{
	struct icr_http *http = icr_steal(place);

	if (!http)
		return;
	while (http->transfers)
		transfer_drop(http, &http->transfers);
	(void)http->curl->multi_cleanup(http->multi);
	free(http);
}

void icr_http_start(struct icr_http *http, const struct icr_http_request *request,
		    struct icr_http_reply *reply)
{
	struct transfer *transfer = icr_calloc(1, sizeof(*transfer));

	*transfer = (struct transfer){
		.next = http->transfers,
		.curl = http->curl,
		.request = request,
		.reply = reply,
		.deadline_ms = icr_clock_ms() + request->timeout_ms,
	};
	http->transfers = transfer;
	http->count++;
	transfer_begin(http, transfer);
}

size_t icr_http_under_way(const struct icr_http *http)
{
	return http->count;
}

static void collect(struct icr_http *http)
{
	const struct icr_curl *curl = http->curl;
	int left = 0;

	for (CURLMsg *message = curl->multi_info_read(http->multi, &left); message;
	     message = curl->multi_info_read(http->multi, &left)) {
		char *data = NULL;
		if (message->msg != CURLMSG_DONE ||
		    curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &data) != CURLE_OK)
			continue;
		struct transfer *transfer = (struct transfer *)(void *)data;
		transfer_end(transfer, message->data.result);
		transfer_repeat(http, transfer);
	}
}

/* The request of one that has ended, which leaves the list; or NULL. */
static const struct icr_http_request *take_ended(struct icr_http *http)
{
	for (struct transfer **place = &http->transfers; *place; place = &(*place)->next) {
		const struct icr_http_request *request = (*place)->request;
		if (!(*place)->ended)
			continue;
		transfer_drop(http, place);
		return request;
	}
	return NULL;
}

/* A server that writes its TLS tickets, header and body one by one sends each only when the one
 * before is acknowledged (RFC 896), which the kernel puts off for 40 ms (tcp(7)). */
static void acknowledge(const struct icr_http *http)
{
	const int on = 1;

	for (const struct transfer *one = http->transfers; one; one = one->next)
		if (one->fd >= 0)
			(void)setsockopt(one->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

int icr_http_next(struct icr_http *http, int fd, int timeout_ms,
		  const struct icr_http_request **ret_ended, struct icr_error *err)
{
	struct curl_waitfd event = {.fd = fd, .events = CURL_WAIT_POLLIN};
	int64_t deadline = icr_clock_ms() + timeout_ms;
	const struct icr_curl *curl = http->curl;

	for (;;) {
		int running = 0;
		CURLMcode code = curl->multi_perform(http->multi, &running);
		collect(http);
		*ret_ended = take_ended(http);
		int64_t left = deadline - icr_clock_ms();
		bool over =
			*ret_ended || event.revents || left <= 0 || (fd < 0 && http->count == 0);
		if (code == CURLM_OK && over)
			return 0;
		acknowledge(http);
		if (code == CURLM_OK)
			code = curl->multi_poll(
				http->multi, &event, fd < 0 ? 0 : 1,
				icr_progress_slice(left < POLL_MS ? (int)left : POLL_MS), NULL);
		icr_progress_tick();
		if (code != CURLM_OK)
			return icr_fail(err, ICR_E_UNAVAILABLE, "libcurl fails: %s",
					curl->multi_strerror(code));
	}
}

int icr_http_perform(const struct icr_http_request *requests, size_t count,
		     struct icr_http_reply *ret_replies, struct icr_error *err)
{
	icr_cleanup(icr_http_close) struct icr_http *http = NULL;
	const struct icr_http_request *ended = NULL;

	for (size_t i = 0; i < count; i++)
		reply_init(&requests[i], &ret_replies[i]);
	int r = icr_http_open(&http, err);
	for (size_t i = 0; r >= 0 && i < count; i++)
		icr_http_start(http, &requests[i], &ret_replies[i]);
	while (r >= 0 && http->count > 0)
		r = icr_http_next(http, -1, INT_MAX, &ended, err);
	return r;
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

int icr_url_split(const char *text, struct icr_url *ret_url, struct icr_error *err)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	const struct icr_curl *curl;
	char *found[ICR_LENGTH(parts)] = {0};

	int r = icr_curl_load(&curl, err);
	if (r < 0)
		return r;
	CURLU *url = curl->url();
	bool fine = url && !strpbrk(text, " \\") &&
		    curl->url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
	for (size_t i = 0; i < ICR_LENGTH(parts); i++) {
		char *part = NULL;
		fine = fine && curl->url_get(url, parts[i], &part, CURLU_DEFAULT_PORT) == CURLUE_OK;
		if (fine)
			found[i] = icr_strdup(part);
		curl->free(part);
	}
	curl->url_cleanup(url);
	struct icr_url split = {found[0], found[1], found[2]};
	if (!fine) {
		icr_url_free(&split);
		return icr_fail(err, ICR_E_PROTOCOL, "%s is no URL", text);
	}
	*ret_url = split;
	return 0;
}

void icr_url_free(struct icr_url *url)
{
	free(url->scheme);
	free(url->host);
	free(url->port);
	*url = (struct icr_url){0};
}
