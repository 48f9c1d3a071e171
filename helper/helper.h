/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "helper/config.h"
#include "icr/environment.h"
#include "icr/error.h"
#include "icr/host.h"
#include "icr/secret.h"

#define HELPER_NAME "docker-credential-icr"

/* A desktop keyring that does not answer is given up after this, so that the whole verb stays
 * within the 3 s of contract 2.1. */
#define HELPER_KEYRING_TIMEOUT_MS 2500

/* What every verb but version works with. */
struct helper_context {
	struct icr_environment environment;
	struct config config;
};

/* Reads environment and configuration. Free with helper_context_free. -ICR_E_CONFIG, -ICR_E_SYNTAX
 * or -errno for a configuration that cannot be used. */
int helper_context_init(struct helper_context *ret_context, struct icr_error *err);
void helper_context_free(struct helper_context *context);

#define _cleanup_context_ __attribute__((cleanup(helper_context_free)))

/* A line for the user on standard error, "docker-credential-icr: ...", control characters made
 * harmless. Standard output belongs to the protocol. Never a secret. */
void helper_note(const char *format, ...) ICR_PRINTF(1, 2);

/* Is PATH behind a folder that this user may not enter, or that is none? A service without access
 * to a home folder has nothing stored there. */
bool helper_out_of_reach(const char *path);

/* Makes TEXT fit for one line of a terminal: control characters become spaces or question marks. */
void helper_one_line(char *text);

/* A note made of an error: "TEXT: WHERE: WHAT" (TEXT may be NULL), and its hint in a line of its
 * own. */
void helper_note_error(const struct icr_error *err, const char *text);

struct credential {
	char *host; /* normalised, or CREDENTIAL_DEFAULT */
	char *username;
	struct icr_secret secret;
};

/* The key under which a store keeps the credential that is good for every ICR host. */
#define CREDENTIAL_DEFAULT "*.icr.io"

/* The normalised host that a store's entry is for, in any spelling that a client may have used, or
 * CREDENTIAL_DEFAULT; false for what is none of ours. */
bool credential_host_parse(const char *server, char ret_host[ICR_HOST_MAX]);

/* Is HOST one of HOSTS? NULL stands for all. */
bool credential_host_wanted(const char *host, const char *const *hosts, size_t count);

/* Copies everything. */
int credential_set(struct credential *ret_credential, const char *host, const char *username,
		   const char *secret, size_t secret_len, struct icr_error *err);
int credential_set_host(struct credential *credential, const char *host, struct icr_error *err);
void credential_move(struct credential *to, struct credential *from);
void credential_free(struct credential *credential);

/* Is it an iambearer token (a JWT) whose exp has passed? What is no JWT does not expire. */
bool credential_expired(const struct credential *credential);

#define _cleanup_credential_ __attribute__((cleanup(credential_free)))

/* A growing list. Zero-initialise. */
struct credentials {
	struct credential *items;
	size_t count;
};

/* Moves CREDENTIAL to the end of the list. */
int credentials_add(struct credentials *credentials, struct credential *credential,
		    struct icr_error *err);
struct credential *credentials_find(const struct credentials *credentials, const char *host);
void credentials_free(struct credentials *credentials);

#define _cleanup_credentials_ __attribute__((cleanup(credentials_free)))

#endif
