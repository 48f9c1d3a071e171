/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_ENTRY_H
#define REWRITE_DOCKER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/host.h"
#include "icr/json.h"

/*
 * One entry of registry-mirrors ("https://us.icr.io/path") or insecure-registries ("us.icr.io:443",
 * or a network "10.0.0.0/8").
 */
struct docker_entry {
	struct icr_host host; /* an ICR host of the region table */
	size_t start, end;    /* the host name's bytes in the entry */
	bool userinfo;	      /* "user@" stands before it: not an entry that Docker accepts */
};

/* False when TEXT does not name an ICR host of the region table. */
bool docker_entry_parse(const char *text, struct docker_entry *ret_entry);

/* Appends what is the same for two spellings of one entry: lower case up to the path, and no slash
 * at the end (Docker adds one to every mirror: ValidateMirror, daemon/pkg/registry/config.go). */
void docker_entry_key(const char *text, struct icr_buf *out);

/*
 * Appends the raw JSON string NODE with the decoded bytes START..END replaced by NAME (which needs
 * no escaping). What stands around them keeps its spelling, escapes included.
 */
void docker_entry_splice(const struct icr_json *json, uint32_t node, size_t start, size_t end,
			 const char *name, struct icr_buf *out);

#endif
