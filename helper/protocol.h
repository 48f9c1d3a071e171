/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_PROTOCOL_H
#define HELPER_PROTOCOL_H

#include <stddef.h>

#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"
#include "icr/host.h"

/*
 * The protocol of docker-credential-helpers. Source: docker/docker-credential-helpers v0.9,
 * credentials/credentials.go and credentials/error.go; clients compare these sentences with the
 * whole of standard output.
 */
#define PROTOCOL_NOT_FOUND   "credentials not found in native keychain"
#define PROTOCOL_NO_SERVER   "no credentials server URL"
#define PROTOCOL_NO_USERNAME "no credentials username"

#define PROTOCOL_INPUT_MAX ((size_t)1024 * 1024)

/* Appends all of standard input, at most MAX bytes; RET has room for one more. */
int protocol_read_all(size_t max, struct icr_buf *ret, struct icr_error *err);

/* Reads standard input as get and erase have it: lines joined, trimmed. RET_URL is malloc'ed; to be
 * freed by _cleanup_url_, since a URL may hold a password. Returns 1 with the host of the registry
 * that it means, or 0 when it is another registry's. */
int protocol_read_server(char **ret_url, struct icr_host *ret_host, struct icr_error *err);

/* Reads the object that store is given. ret_credential->host is the server URL as it came. */
int protocol_read_credential(struct credential *ret_credential, struct icr_error *err);

void protocol_free_url(char **url);

#define _cleanup_url_ __attribute__((cleanup(protocol_free_url)))

/* The same from memory, for tests. */
int protocol_parse_url(const char *text, size_t len, char **ret_url, struct icr_error *err);
int protocol_parse_credential(const char *text, size_t len, struct credential *ret_credential,
			      struct icr_error *err);

/* Appends the reply of get; URL is echoed as it was asked. */
void protocol_format_reply(struct icr_buf *out, const char *url,
			   const struct credential *credential);

/* Writes all of OUT to standard output; a short or failed write is an error. */
int protocol_write(const struct icr_buf *out, struct icr_error *err);

/* The same for people, who may have said --quiet. */
int protocol_tell(const struct icr_buf *out, struct icr_error *err);

/* Tells programs of a failure: the error alone on standard output, what to do about it on standard
 * error. Returns the exit status. */
int protocol_fail(const struct icr_error *err);

#endif
