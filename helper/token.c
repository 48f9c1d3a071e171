/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "helper/apikey.h"
#include "helper/cache.h"
#include "helper/helper.h"
#include "helper/metadata.h"
#include "helper/store/store.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/json.h"
#include "icr/memory.h"

/* What an exchange is made of; the rest is in the configuration. */
struct exchange {
	const struct helper_context *context;
	const char *url;
	const struct icr_secret *secret; /* API key or resource token */
	const char *profile_id, *profile_name, *profile_crn;
};

int token_endpoint(const struct helper_context *context, char **ret_url, struct icr_error *err)
{
	const char *text = config_text(&context->config, "iam_url");

	int r = icr_iam_url(text, ret_url, err);
	return r < 0 && err ? config_fail(&context->config, "iam_url", err, "%s", err->what) : r;
}

static int set_token(struct credential *credential, struct icr_secret *access)
{
	free(credential->username);
	credential->username = icr_strdup(TOKEN_USERNAME);
	icr_secret_free(&credential->secret);
	credential->secret = *access;
	*access = (struct icr_secret){0};
	return 0;
}

static int exchange_apikey(const struct exchange *exchange, int timeout_ms,
			   struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct icr_iam_grant apikey = {.kind = ICR_IAM_APIKEY, .secret = exchange->secret};
	_cleanup_iam_token_ struct icr_iam_token own = {0};
	int64_t deadline = icr_clock_ms() + timeout_ms;

	if (!exchange->profile_id)
		return icr_iam_exchange(exchange->url, &apikey, timeout_ms, ret_token, err);
	int r = icr_iam_exchange(exchange->url, &apikey, timeout_ms, &own, err);
	if (r < 0)
		return r;
	const struct icr_iam_grant assume = {
		.kind = ICR_IAM_ASSUME,
		.secret = &own.access,
		.profile_id = exchange->profile_id,
	};
	int64_t left = deadline - icr_clock_ms();
	r = icr_iam_exchange(exchange->url, &assume, left > 1 ? (int)left : 1, ret_token, err);
	return r < 0 ? icr_error_wrap(err, "trusted profile %s", exchange->profile_id) : r;
}

static int obtain_by_apikey(const struct cache_origin *origin, int timeout_ms,
			    struct icr_iam_token *ret_token, struct icr_error *err)
{
	return exchange_apikey(origin->data, timeout_ms, ret_token, err);
}

static int obtain_by_resource(const struct cache_origin *origin, int timeout_ms,
			      struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct exchange *exchange = origin->data;
	const struct icr_iam_grant grant = {
		.kind = ICR_IAM_CR_TOKEN,
		.secret = exchange->secret,
		.profile_id = exchange->profile_id,
		.profile_name = exchange->profile_name,
		.profile_crn = exchange->profile_crn,
	};

	return icr_iam_exchange(exchange->url, &grant, timeout_ms, ret_token, err);
}

static void identify(struct cache_origin *origin, const char *kind, const struct exchange *exchange)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(4 * ICR_SECRET_MAX);

	cache_id_part(&text, kind);
	cache_id_part(&text, exchange->url);
	cache_id_part(&text, exchange->profile_id);
	cache_id_part(&text, exchange->profile_name);
	cache_id_part(&text, exchange->profile_crn);
	cache_id_part(&text, exchange->secret ? exchange->secret->data : NULL);
	cache_id_finish(&text, origin);
}

static bool is_profile(const char *username)
{
	return strncmp(username, PROFILE_PREFIX, strlen(PROFILE_PREFIX)) == 0;
}

static const char *profile_of(const struct credential *credential)
{
	return is_profile(credential->username) ? credential->username : NULL;
}

/* Is the secret that goes with this name a key that is to be exchanged? */
static bool is_exchanged(const struct helper_context *context, const char *username)
{
	return config_is(&context->config, "token", "bearer") &&
	       (strcmp(username, APIKEY_USERNAME) == 0 || is_profile(username));
}

const char *token_username(const struct helper_context *context, const char *username)
{
	return strcmp(username, CREDENTIAL_SSO) == 0 || is_exchanged(context, username)
		       ? TOKEN_USERNAME
		       : username;
}

/* With the cached token in place of the secret. */
static int replace(struct exchange *exchange, const char *kind,
		   int (*obtain)(const struct cache_origin *, int, struct icr_iam_token *,
				 struct icr_error *),
		   struct credential *credential, struct icr_error *err)
{
	_cleanup_secret_ struct icr_secret access = {0};
	_cleanup_free_ char *url = NULL;
	struct cache_origin origin = {.obtain = obtain, .data = exchange};

	int r = token_endpoint(exchange->context, &url, err);
	if (r < 0)
		return r;
	exchange->url = url;
	identify(&origin, kind, exchange);
	r = cache_token(exchange->context, &origin, TOKEN_TIMEOUT_MS, &access, err);
	return r < 0 ? r : set_token(credential, &access);
}

int token_check(const struct helper_context *context, const struct credential *credential,
		struct icr_iam_token *ret_token, struct icr_error *err)
{
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	_cleanup_free_ char *url = NULL;

	int r = token_endpoint(context, &url, err);
	if (r < 0)
		return r;
	const struct exchange exchange = {
		.context = context,
		.url = url,
		.secret = &credential->secret,
		.profile_id = profile_of(credential),
	};
	return exchange_apikey(&exchange, TOKEN_TIMEOUT_MS, ret_token ? ret_token : &token, err);
}

int token_of_resource(const struct helper_context *context, const struct icr_secret *token,
		      struct credential *ret_credential, struct icr_error *err)
{
	struct exchange exchange = {
		.context = context,
		.secret = token,
		.profile_id = config_text(&context->config, "trusted_profile.id"),
		.profile_name = config_text(&context->config, "trusted_profile.name"),
		.profile_crn = config_text(&context->config, "trusted_profile.crn"),
	};

	return replace(&exchange, "cr-token", obtain_by_resource, ret_credential, err);
}

static int obtain_by_instance(const struct cache_origin *origin, int timeout_ms,
			      struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct exchange *exchange = origin->data;

	return metadata_token(exchange->profile_id, exchange->profile_crn, timeout_ms, ret_token,
			      err);
}

int token_of_instance(const struct helper_context *context, struct credential *ret_credential,
		      struct icr_error *err)
{
	struct exchange exchange = {
		.context = context,
		.profile_id = config_text(&context->config, "trusted_profile.id"),
		.profile_crn = config_text(&context->config, "trusted_profile.crn"),
	};

	return replace(&exchange, "instance", obtain_by_instance, ret_credential, err);
}

int token_session(struct credential *ret_credential, const struct icr_secret *refresh,
		  const char *account, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(2 * ICR_SECRET_MAX);

	icr_buf_text(&text, "{\"refresh_token\":");
	icr_json_quote(&text, refresh->data, refresh->len);
	if (account) {
		icr_buf_text(&text, ",\"account\":");
		icr_json_quote(&text, account, strlen(account));
	}
	icr_buf_char(&text, '}');
	return credential_set(ret_credential, CREDENTIAL_DEFAULT, CREDENTIAL_SSO, text.data,
			      text.len, err);
}

/* Its parts again. */
static int read_session(const struct credential *credential, struct icr_secret *ret_refresh,
			char **ret_account, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf refresh = ICR_BUF(ICR_SECRET_MAX);

	if (icr_json_parse(credential->secret.data, credential->secret.len, NULL, ICR_JSON_NO_NUL,
			   &json, NULL) >= 0) {
		uint32_t node = icr_json_member(&json, 0, "refresh_token");
		if (icr_json_is(&json, node, ICR_JSON_STRING))
			icr_json_string(&json, node, &refresh);
		*ret_account = icr_json_string_dup(&json, icr_json_member(&json, 0, "account"));
	}
	if (refresh.len > 0)
		return icr_secret_set(ret_refresh, refresh.data, refresh.len, err);
	icr_fail(err, ICR_E_SYNTAX, "the stored session is damaged");
	return icr_error_hint(err, "log in again: " HELPER_NAME " login --sso");
}

/* In the store that has it, without a word: the user is not storing anything now. */
static int keep_session(const struct helper_context *context, const struct credential *session,
			struct icr_error *err)
{
	const char *const host = CREDENTIAL_DEFAULT;

	for (size_t i = 0; i < context->config.stores_count; i++) {
		const struct store *store = context->config.stores[i];
		_cleanup_credentials_ struct credentials found = {0};
		if (store->read(context, &host, 1, &found, NULL) >= 0 && found.count > 0)
			return store->put(context, session, err);
	}
	return stores_put(context, session, err);
}

/*
 * The refresh token rotates: it is read from the store only now, with the lock of the cache held,
 * since another process may have kept a newer one while this one waited; and the new one is kept
 * before anybody gets the access token that came with it.
 */
static int obtain_by_session(const struct cache_origin *origin, int timeout_ms,
			     struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct exchange *exchange = origin->data;
	_cleanup_credential_ struct credential stored = {0}, renewed = {0};
	_cleanup_secret_ struct icr_secret refresh = {0};
	_cleanup_free_ char *account = NULL;
	_cleanup_iam_token_ struct icr_iam_token token = {0};

	int r = stores_read(exchange->context, CREDENTIAL_DEFAULT, &stored, err);
	if (r == 0 || (r > 0 && strcmp(stored.username, CREDENTIAL_SSO) != 0))
		return icr_fail(err, EACCES, "the session was logged out");
	if (r > 0)
		r = read_session(&stored, &refresh, &account, err);
	if (r < 0)
		return r;
	const struct icr_iam_grant grant = {
		.kind = ICR_IAM_REFRESH,
		.secret = &refresh,
		.account = account,
	};
	r = icr_iam_exchange(exchange->url, &grant, timeout_ms, &token, err);
	if (r >= 0 && token.refresh.data && strcmp(token.refresh.data, refresh.data) != 0) {
		r = token_session(&renewed, &token.refresh, account, err);
		if (r >= 0)
			r = keep_session(exchange->context, &renewed, err);
		if (r < 0)
			return icr_error_wrap(err, "cannot keep the renewed session");
	}
	if (r < 0)
		return r;
	*ret_token = token;
	token = (struct icr_iam_token){0};
	return 0;
}

int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err)
{
	struct exchange exchange = {
		.context = context,
		.profile_id = profile_of(credential),
	};

	if (strcmp(credential->username, CREDENTIAL_SSO) == 0)
		return replace(&exchange, "session", obtain_by_session, credential, err);
	if (!is_exchanged(context, credential->username))
		return 0;
	_cleanup_secret_ struct icr_secret key = credential->secret;
	credential->secret = (struct icr_secret){0};
	exchange.secret = &key;
	/* its own copy: the credential's user name is replaced */
	_cleanup_free_ char *profile = exchange.profile_id ? icr_strdup(exchange.profile_id) : NULL;
	exchange.profile_id = profile;
	return replace(&exchange, "apikey", obtain_by_apikey, credential, err);
}
