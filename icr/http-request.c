/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/http-transfer.h"

#define USER_AGENT "docker-credential-icr/" ICR_VERSION
#define URL_MAX	   ((size_t)8192)

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

/* Why a part of the URL stands against sending the request; NULL when nothing does. */
static const char *url_part_fault(const struct icr_transfer *transfer, CURLU *url)
{
	const struct icr_curl *curl = transfer->curl;
	bool local = transfer->request->unix_socket != NULL;
	char *scheme = NULL, *host = NULL, *user = NULL;
	const char *fault = NULL;

	if (curl->url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    strcasecmp(scheme, local ? "http" : "https") != 0)
		fault = local ? "is not http" : "is not https";
	else if (curl->url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || *host == '\0')
		fault = "has no host";
	else if (local && strcmp(host, "localhost") != 0)
		fault = "is not http://localhost/";
	else if (curl->url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		fault = "holds a user name";
	curl->free(scheme);
	curl->free(host);
	curl->free(user);
	return fault;
}

static const char *url_fault(const struct icr_transfer *transfer)
{
	const struct icr_curl *curl = transfer->curl;
	const char *text = transfer->request->url;

	if (strlen(text) > URL_MAX)
		return "is too long";
	if (!is_clean(text, false))
		return "holds a space, a control character or one beyond ASCII";
	/* libcurl takes https:///path for a host called "path" */
	const char *host = strstr(text, "://");
	if (!host || strchr("/?#", host[3]))
		return "has no host";
	CURLU *url = curl->url();
	if (!url)
		return "cannot be read for lack of memory";
	CURLUcode code = curl->url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	const char *fault = code == CURLUE_OK ? url_part_fault(transfer, url) : "is malformed";
	curl->url_cleanup(url);
	return fault;
}

static bool is_numeric(const char *address)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

/* Everything that is checked before libcurl sees it; NULL when the request may be sent. */
static const char *request_fault(const struct icr_http_request *request)
{
	if (!is_method(request->method))
		return "a method that is not one";
	if (request->address && !is_numeric(request->address))
		return "an address that is not numeric";
	if (request->accept && !is_clean(request->accept, true))
		return "an Accept header with a control character";
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
static bool set_security(const struct icr_transfer *transfer)
{
	const char *protocol = transfer->request->unix_socket ? "http" : "https";

	return SET(PROTOCOLS_STR, protocol) && SET(REDIR_PROTOCOLS_STR, protocol) &&
	       SET(FOLLOWLOCATION, 0L) && SET(MAXREDIRS, 0L) && SET(UNRESTRICTED_AUTH, 0L) &&
	       SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
	       SET(SSL_VERIFYHOST, 2L) && SET(PROXY_SSL_VERIFYPEER, 1L) &&
	       SET(PROXY_SSL_VERIFYHOST, 2L) && SET(NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(HTTP09_ALLOWED, 0L) && SET(SSL_SESSIONID_CACHE, 0L) && SET(FRESH_CONNECT, 1L) &&
	       SET(FORBID_REUSE, 1L) && SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(NOSIGNAL, 1L);
}

static bool set_route(struct icr_transfer *transfer)
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
	if (asprintf(&connect_to, six ? "::[%s]:" : "::%s:", request->address) < 0) {
		connect_to = NULL;
		return false;
	}
	transfer->connect_to = transfer->curl->slist_append(NULL, connect_to);
	return transfer->connect_to && SET(CONNECT_TO, transfer->connect_to);
}

/* libcurl takes 0 for "no limit". */
static long limit_ms(int timeout_ms)
{
	return timeout_ms > 0 ? timeout_ms : 1;
}

/* Otherwise the end of a transfer waits for a name server that does not answer. */
static void set_quick_exit(const struct icr_transfer *transfer)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	(void)transfer->curl->easy_setopt(transfer->easy, CURLOPT_QUICK_EXIT, 1L);
#else
	(void)transfer;
#endif
}

/*
 * libcurl keeps a parsed CA file for all handles of a multi handle, but not where a CA folder is
 * compiled in as well (7.88.1, as in Debian 12): then 20 ms for each connection. The file holds the
 * same certificates there, so the folder is left out where the file is.
 */
static bool set_ca(const struct icr_transfer *transfer)
{
	const curl_version_info_data *info = transfer->curl->version_info(CURLVERSION_NOW);

	if (info->age < CURLVERSION_SEVENTH || !info->cainfo || !info->capath ||
	    access(info->cainfo, R_OK) < 0)
		return true;
	return SET(CAPATH, NULL);
}

static bool set_authorization(const struct icr_transfer *transfer)
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

static bool add_header(struct icr_transfer *transfer, const char *name, const char *value)
{
	_cleanup_free_ char *line = NULL;

	/* libcurl: a name without a value leaves its own header of that name out */
	if (asprintf(&line, value ? "%s: %s" : "%s:", name, value) < 0) {
		line = NULL;
		return false;
	}
	struct curl_slist *headers = transfer->curl->slist_append(transfer->headers, line);
	if (headers)
		transfer->headers = headers;
	return headers != NULL;
}

static bool set_content(struct icr_transfer *transfer)
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
	if (strcmp(request->method, "HEAD") == 0 ? !SET(NOBODY, 1L)
						 : !SET(CUSTOMREQUEST, request->method))
		return false;
	return !transfer->headers || SET(HTTPHEADER, transfer->headers);
}

static bool set_rest(struct icr_transfer *transfer)
{
	const struct icr_http_request *request = transfer->request;

	set_quick_exit(transfer);
	return SET(URL, request->url) && SET(USERAGENT, USER_AGENT) &&
	       SET(ERRORBUFFER, transfer->text) && SET(PRIVATE, transfer) &&
	       SET(CONNECTTIMEOUT_MS, limit_ms(request->connect_timeout_ms)) &&
	       SET(TIMEOUT_MS, limit_ms(request->timeout_ms));
}

int icr_transfer_prepare(struct icr_transfer *transfer, struct icr_error *err)
{
	const char *fault = request_fault(transfer->request);

	if (fault) {
		icr_transfer_fail(transfer, ICR_HTTP_FAILED, "refused to send %s", fault);
		return 0;
	}
	fault = url_fault(transfer);
	if (fault) {
		icr_transfer_fail(transfer, ICR_HTTP_FAILED, "refused to send: the URL %s", fault);
		return 0;
	}
	transfer->easy = transfer->curl->easy_init();
	if (!transfer->easy)
		return icr_fail_memory(err);
	if (set_security(transfer) && set_route(transfer) && set_ca(transfer) &&
	    set_authorization(transfer) && set_content(transfer) && set_rest(transfer))
		return 0;
	icr_fail(err, ICR_E_UNAVAILABLE, "libcurl refuses an option of ours");
	return icr_error_hint(err, "install libcurl 7.85 or newer");
}

void icr_transfer_free(struct icr_transfer *transfer)
{
	if (transfer->easy)
		transfer->curl->easy_cleanup(transfer->easy);
	if (transfer->curl) {
		transfer->curl->slist_free_all(transfer->headers);
		transfer->curl->slist_free_all(transfer->connect_to);
	}
	explicit_bzero(transfer->text, sizeof(transfer->text));
}
