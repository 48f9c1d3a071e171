/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_HTTP_H
#define ICR_HTTP_H

#include <pthread.h>
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
	bool handshake; /* TCP and TLS alone: done when the certificate is good, nothing is sent */
	bool plain;	/* http:// instead, to link-local addresses alone: metadata services */
	bool use_proxy; /* honour https_proxy and no_proxy; off: always direct */
	const char *username; /* Basic, with password; or NULL */
	const struct icr_secret *password;
	const struct icr_secret *bearer; /* Authorization: Bearer; or NULL */
	const char *accept;		 /* Accept header; or NULL */
	const char *const *headers;	 /* more of them, "Name: value", NULL at the end */
	const char *content_type;	 /* of body */
	const char *body;		 /* the caller's, kept until the call returns */
	size_t body_len;
	int connect_timeout_ms; /* TCP and TLS */
	int timeout_ms;		/* everything */
	size_t body_max;	/* of the reply; 0 = ICR_HTTP_BODY_MAX */
	bool again; /* once more, while time is left, when the server says that it failed, or breaks
		       the connection off */
	void *data; /* the caller's */
};

/* How far a request came; everything but ICR_HTTP_DONE means that no whole reply was read. */
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
	ICR_HTTP_TOO_LARGE,	  /* the reply exceeds body_max; status is valid if not 0 */
	ICR_HTTP_LOCAL,		  /* this host could not even ask: no descriptor, no CA file */
	ICR_HTTP_FAILED,	  /* anything else: see message */
};

struct icr_http_reply {
	enum icr_http_outcome outcome;
	int status;
	char *address;	 /* numeric, of the peer; NULL when not connected */
	char *challenge; /* WWW-Authenticate; or NULL */
	char *location;	 /* Location, as it came; or NULL */
	char *redirect;	 /* where that leads from the request's URL (RFC 9110 section 10.2.2); NULL
			    when nowhere */
	char *content_type; /* or NULL */
	int retry_after;    /* seconds, also where a date was given; -1 when not told */
	char *message;	    /* of the failure, for people; NULL when done */
	struct icr_buf body;
};

/*
 * Loads libcurl and its thirty libraries in a thread of its own, for a verb that has other things
 * to do before it asks. Whoever asks waits for it, and meets a failure as if this had not been
 * tried. To be waited for before the process ends: exit() would clean up under it.
 */
struct icr_http_loading {
	pthread_t thread;
	bool begun;
};

struct icr_http_loading icr_http_load(void);
void icr_http_load_end(struct icr_http_loading *loading);

/* Requests under way, all driven by one thread. */
struct icr_http;

/* -ICR_E_UNAVAILABLE when libcurl cannot be used. */
int icr_http_open(struct icr_http **ret_http, struct icr_error *err);
void icr_http_close(struct icr_http **http);

/* Begins a request. Both are the caller's and must stay where they are until it has ended; the
 * reply is filled in every case and to be freed. */
void icr_http_start(struct icr_http *http, const struct icr_http_request *request,
		    struct icr_http_reply *reply);

/*
 * Waits until a request has ended and puts it into RET_ENDED; or NULL: all have been handed out,
 * or FD (-1: none) is readable, or TIMEOUT_MS has passed.
 */
int icr_http_next(struct icr_http *http, int fd, int timeout_ms,
		  const struct icr_http_request **ret_ended, struct icr_error *err);

/* How many have been started and not been handed out. */
size_t icr_http_under_way(const struct icr_http *http);

/*
 * Performs COUNT requests at once and returns when each has ended; replies[i] belongs to
 * requests[i] and is filled in every case. Fails as icr_http_open(); free the replies in every
 * case.
 */
int icr_http_perform(const struct icr_http_request *requests, size_t count,
		     struct icr_http_reply *ret_replies, struct icr_error *err);

void icr_http_reply_free(struct icr_http_reply *reply);

/* The parts of an absolute URL; the port is never NULL. */
struct icr_url {
	char *scheme, *host, *port;
};

/* -ICR_E_PROTOCOL when TEXT is none. */
int icr_url_split(const char *text, struct icr_url *ret_url, struct icr_error *err);
void icr_url_free(struct icr_url *url);

/* "connect timed out", "certificate does not cover the name", ... */
const char *icr_http_outcome_text(enum icr_http_outcome outcome);

#endif
