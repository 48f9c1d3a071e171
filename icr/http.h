/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_HTTP_H
#define ICR_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/secret.h"

/*
 * HTTPS over libcurl, which is loaded by the first call. Verification is always on; nothing is
 * followed (redirects are reported), nothing read or written on disk but the CA store; netrc and
 * SSLKEYLOGFILE are ignored; TLS 1.2 or newer.
 */

#define ICR_HTTP_BODY_MAX ((size_t)1024 * 1024)

struct icr_http_request {
	const char *method; /* "GET", "HEAD", "POST", ... */
	const char *url;    /* https:// only, or http://localhost/ with unix_socket */
	const char
		*address; /* connect to this numeric address under the URL's name; NULL = resolve */
	const char *unix_socket; /* connect here instead (the Docker API) */
	bool use_proxy;		 /* honour https_proxy and no_proxy; off: always direct */
	const char *username;	 /* Basic, with password; or NULL */
	const struct icr_secret *password;
	const struct icr_secret *bearer; /* Authorization: Bearer; or NULL */
	const char *accept;		 /* Accept header; or NULL */
	const char *content_type;	 /* of body */
	const char *body;		 /* the caller's, kept until the call returns */
	size_t body_len;
	int connect_timeout_ms; /* TCP and TLS */
	int timeout_ms;		/* everything */
	size_t body_max;	/* of the reply; 0 = ICR_HTTP_BODY_MAX */
};

/* How far a request came; everything but ICR_HTTP_DONE means that no reply was read. */
enum icr_http_outcome {
	ICR_HTTP_DONE,		  /* status is valid */
	ICR_HTTP_NO_NAME,	  /* the name does not resolve */
	ICR_HTTP_CONNECT_TIMEOUT, /* no answer to TCP connect */
	ICR_HTTP_REFUSED,	  /* TCP connect refused */
	ICR_HTTP_UNREACHABLE,	  /* no route, network or host unreachable */
	ICR_HTTP_RESET,		  /* closed or reset before an answer */
	ICR_HTTP_TLS_NAME,	  /* the certificate does not cover the name */
	ICR_HTTP_TLS_UNTRUSTED,	  /* not signed by a trusted CA, or expired */
	ICR_HTTP_TLS,		  /* the handshake failed otherwise */
	ICR_HTTP_TIMEOUT,	  /* connected, then no answer in time */
	ICR_HTTP_TOO_LARGE,	  /* the reply exceeds body_max */
	ICR_HTTP_FAILED,	  /* anything else: see message */
};

struct icr_http_reply {
	enum icr_http_outcome outcome;
	int status;
	char *address;	    /* numeric, of the peer; NULL when not connected */
	char *challenge;    /* WWW-Authenticate; or NULL */
	char *location;	    /* Location; or NULL */
	char *content_type; /* or NULL */
	char *message;	    /* of the failure, for people; NULL when done */
	struct icr_buf body;
};

/*
 * Performs COUNT requests at once and returns when each has ended; replies[i] belongs to
 * requests[i] and is filled in every case. Fails (negative) only when libcurl cannot be used at all
 * (-ICR_E_UNAVAILABLE) or memory ran out; free the replies in every case.
 */
int icr_http_perform(const struct icr_http_request *requests, size_t count,
		     struct icr_http_reply *ret_replies, struct icr_error *err);

void icr_http_reply_free(struct icr_http_reply *reply);

/* "connect timed out", "certificate does not cover the name", ... */
const char *icr_http_outcome_text(enum icr_http_outcome outcome);

#endif
