/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "helper/helper.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/memory.h"

int session_begin(struct session *ret_session, const struct icr_secret *refresh,
		  const char *account, struct icr_error *err)
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return icr_fail_errno(err, errno, NULL, "cannot get random bytes");
	int r = icr_secret_set(&ret_session->refresh, refresh->data, refresh->len, err);
	if (r < 0)
		return r;
	ret_session->account = account ? icr_strdup(account) : NULL;
	ret_session->id = icr_printf("%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return 0;
}

int session_parse(const struct credential *credential, struct session *ret_session,
		  struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf refresh = ICR_BUF(ICR_SECRET_MAX);

	if (icr_json_parse(credential->secret.data, credential->secret.len, NULL, ICR_JSON_NO_NUL,
			   &json, NULL) >= 0) {
		uint32_t node = icr_json_member(&json, 0, "refresh_token");
		if (icr_json_is(&json, node, ICR_JSON_STRING))
			icr_json_string(&json, node, &refresh);
		ret_session->account =
			icr_json_string_dup(&json, icr_json_member(&json, 0, "account"));
		ret_session->id = icr_json_string_dup(&json, icr_json_member(&json, 0, "id"));
	}
	if (refresh.len > 0)
		return icr_secret_set(&ret_session->refresh, refresh.data, refresh.len, err);
	icr_fail(err, ICR_E_SYNTAX, "the stored session is damaged");
	return icr_error_hint(err, "log in again: " HELPER_NAME " login --sso");
}

static void put_member(struct icr_buf *text, const char *name, const char *value)
{
	if (!value)
		return;
	icr_buf_printf(text, ",\"%s\":", name);
	icr_json_quote(text, value, strlen(value));
}

int session_format(const struct session *session, const struct icr_secret *refresh,
		   struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(2 * ICR_SECRET_MAX);

	icr_buf_text(&text, "{\"refresh_token\":");
	icr_json_quote(&text, refresh->data, refresh->len);
	put_member(&text, "account", session->account);
	put_member(&text, "id", session->id);
	icr_buf_char(&text, '}');
	return credential_set(ret_credential, CREDENTIAL_DEFAULT, CREDENTIAL_SSO, text.data,
			      text.len, err);
}

void session_free(struct session *session)
{
	icr_secret_free(&session->refresh);
	free(session->account);
	free(session->id);
	*session = (struct session){0};
}
