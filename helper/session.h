/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_SESSION_H
#define HELPER_SESSION_H

#include "helper/credential.h"
#include "icr/error.h"
#include "icr/secret.h"

/*
 * A session of login --sso, as it is stored (CREDENTIAL_SSO): {"refresh_token": "...", "account":
 * "...", "id": "..."}. The refresh token rotates, the rest stays for as long as the session lasts.
 */
struct session {
	struct icr_secret refresh;
	char *account; /* that tokens are for; NULL: the user's own */
	char *id;      /* a random one of each login; NULL: kept by a version that gave none */
};

/* A new one; REFRESH is copied. */
int session_begin(struct session *ret_session, const struct icr_secret *refresh,
		  const char *account, struct icr_error *err);

int session_parse(const struct credential *credential, struct session *ret_session,
		  struct icr_error *err);

/* As a credential, with REFRESH in place of the session's own refresh token. */
int session_format(const struct session *session, const struct icr_secret *refresh,
		   struct credential *ret_credential, struct icr_error *err);

void session_free(struct session *session);

#define _cleanup_session_ __attribute__((cleanup(session_free)))

#endif
