/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/http-transfer.h"

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
		[ICR_HTTP_FAILED] = "request failed",
	};

	return outcome < ICR_LENGTH(texts) && texts[outcome] ? texts[outcome] : "request failed";
}

void icr_transfer_fail(struct icr_transfer *transfer, enum icr_http_outcome outcome,
		       const char *format, ...)
{
	struct icr_http_reply *reply = transfer->reply;
	va_list args;

	reply->outcome = outcome;
	free(reply->message);
	va_start(args, format);
	if (vasprintf(&reply->message, format, args) < 0) {
		reply->message = NULL;
		transfer->no_memory = true;
	}
	va_end(args);
}

static enum icr_http_outcome timeout_outcome(const struct icr_transfer *transfer)
{
	curl_off_t time_us = 0;

	if (transfer->connected)
		return ICR_HTTP_TIMEOUT;
	/* 0 until the name was resolved, at least 1 after */
	(void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &time_us);
	return time_us > 0 ? ICR_HTTP_CONNECT_TIMEOUT : ICR_HTTP_NO_NAME;
}

static int system_error(const struct icr_transfer *transfer)
{
	long code = 0;

	if (transfer->curl->easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &code) != CURLE_OK)
		return 0;
	return (int)code;
}

static enum icr_http_outcome connect_outcome(const struct icr_transfer *transfer)
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
	case EACCES:
	case EPERM:
		/* for a socket file: its mode; for an address: a route or filter that prohibits */
		return transfer->request->unix_socket ? ICR_HTTP_FAILED : ICR_HTTP_UNREACHABLE;
	default:
		return ICR_HTTP_FAILED;
	}
}

static bool says(const struct icr_transfer *transfer, const char *const *phrases, size_t count)
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
static enum icr_http_outcome certificate_outcome(const struct icr_transfer *transfer)
{
	static const char *const phrases[] = {"subject name", "common name", "subjectAltName"};

	return says(transfer, phrases, ICR_LENGTH(phrases)) ? ICR_HTTP_TLS_NAME
							    : ICR_HTTP_TLS_UNTRUSTED;
}

/* A connection that breaks off within the handshake is not a fault of TLS. Phrases: libcurl 7.88.1
 * with OpenSSL 1.1 and 3, and with GnuTLS 3.7. */
static enum icr_http_outcome handshake_outcome(const struct icr_transfer *transfer)
{
	static const char *const phrases[] = {
		"SSL_ERROR_SYSCALL", "reset by peer", "unexpected eof", "Broken pipe",
		"pull function",     "push function", "SSL_ERROR_ZERO", "non-properly terminated",
	};

	return says(transfer, phrases, ICR_LENGTH(phrases)) ? ICR_HTTP_RESET : ICR_HTTP_TLS;
}

static enum icr_http_outcome outcome_of(const struct icr_transfer *transfer, CURLcode code)
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
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_ENGINE_INITFAILED:
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

static void describe(struct icr_transfer *transfer, enum icr_http_outcome outcome, CURLcode code)
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
		icr_transfer_fail(transfer, outcome, "%s", text);
		return;
	case ICR_HTTP_UNREACHABLE:
		icr_transfer_fail(transfer, outcome, "%s (%s)", text, strerror(system));
		return;
	case ICR_HTTP_FAILED:
		if (code == CURLE_COULDNT_CONNECT && system)
			icr_transfer_fail(transfer, outcome, "cannot connect to %s: %s",
					  transfer->request->unix_socket
						  ? transfer->request->unix_socket
						  : transfer->request->url,
					  strerror(system));
		else
			icr_transfer_fail(transfer, outcome, "%s: %s", text, detail);
		return;
	default:
		icr_transfer_fail(transfer, outcome, "%s (%s)", text, detail);
		return;
	}
}

void icr_transfer_end(struct icr_transfer *transfer, CURLcode code)
{
	struct icr_http_reply *reply = transfer->reply;
	long status = 0;

	/* our own callbacks stop a transfer that is too large, and have said so then */
	if (reply->outcome == ICR_HTTP_TOO_LARGE) {
		icr_buf_truncate(&reply->body, 0);
		return;
	}
	enum icr_http_outcome outcome = outcome_of(transfer, code);
	if (outcome != ICR_HTTP_DONE) {
		icr_buf_truncate(&reply->body, 0);
		describe(transfer, outcome, code);
		return;
	}
	(void)transfer->curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	reply->outcome = outcome;
	reply->status = (int)status;
}
