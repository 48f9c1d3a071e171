/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_HTTP_TRANSFER_H
#define ICR_HTTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/curl.h"
#include "icr/http.h"

/* One request under way. What the three files of icr/http.h share, for nobody else. */
struct icr_transfer {
	const struct icr_curl *curl;
	const struct icr_http_request *request;
	struct icr_http_reply *reply;
	CURL *easy; /* NULL: refused before it began, the reply says why */
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	size_t header_len; /* of the reply, so far */
	bool connected;	   /* TCP, or to the socket file */
	bool no_memory;
	char text[CURL_ERROR_SIZE];
};

/* Checks the request and makes a handle with all options. A request that may not be sent is no
 * failure: its reply says why, and easy stays NULL. */
int icr_transfer_prepare(struct icr_transfer *transfer, struct icr_error *err);

/* Fills in the reply of a transfer that has ended with CODE. */
void icr_transfer_end(struct icr_transfer *transfer, CURLcode code);

/* Gives the reply an outcome and its message, formatted. */
void icr_transfer_fail(struct icr_transfer *transfer, enum icr_http_outcome outcome,
		       const char *format, ...) ICR_PRINTF(3, 4);

void icr_transfer_free(struct icr_transfer *transfer);

#endif
