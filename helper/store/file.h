/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_FILE_H
#define HELPER_STORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/credential.h"
#include "icr/buf.h"
#include "icr/error.h"
#include "icr/json.h"

/*
 * The text of the file store, which is read and printed apart from the file:
 * {"version": 1, "credentials": {"us.icr.io": {"username": "iamapikey", "secret": "..."}}}
 * where a credential is as credential_to_json has it. Nobody else writes it, so a change prints it
 * whole.
 */
#define DOCUMENT_VERSION 1
#define DOCUMENT_MAX	 ((size_t)1024 * 1024)

struct document {
	const char *path; /* the caller's, for messages */
	struct icr_json json;
	uint32_t credentials; /* the object, or ICR_JSON_NONE */
};

/* TEXT must outlive the document. -ICR_E_SYNTAX, or -ICR_E_CONFIG at FILE:LINE:COLUMN for a text of
 * another shape or of a newer version. Free with document_free. */
int document_parse(const char *path, const struct icr_buf *text, struct document *ret_document,
		   struct icr_error *err);

/* As struct store's read. */
int document_read(const struct document *document, const char *const *hosts, size_t count,
		  struct credentials *ret, struct icr_error *err);

/* Appends the text with CREDENTIAL in place of any other of its host. */
int document_put(const struct document *document, const struct credential *credential,
		 struct icr_buf *out, struct icr_error *err);

/* Appends the text without HOST. Returns 1, or 0 (and nothing appended) when it is not there. */
int document_erase(const struct document *document, const char *host, struct icr_buf *out,
		   struct icr_error *err);

void document_free(struct document *document);

#define _cleanup_document_ __attribute__((cleanup(document_free)))

#endif
