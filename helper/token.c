/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "helper/apikey.h"
#include "helper/cache.h"
#include "helper/exchange.h"
#include "helper/helper.h"
#include "helper/session.h"
#include "helper/source/source.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"

int token_endpoint(const struct helper_context *context, char **ret_url, struct icr_error *err)
{
	const char *text = config_text(&context->config, "iam_url");

	int r = icr_iam_url(text, ret_url, err);
	return r < 0 && err ? config_fail(&context->config, "iam_url", err, "%s", err->what) : r;
}

static void set_token(struct credential *credential, struct icr_secret *access, int64_t left)
{
	free(credential->username);
	credential->username = icr_strdup(TOKEN_USERNAME);
	icr_secret_free(&credential->secret);
	credential->secret = *access;
	*access = (struct icr_secret){0};
	credential->left = left;
}

static void identify(struct cache_origin *origin, const struct exchange *exchange)
{
	static const char *const kinds[] = {
		[EXCHANGE_APIKEY] = "apikey",
		[EXCHANGE_RESOURCE] = "cr-token",
		[EXCHANGE_INSTANCE] = "instance",
		[EXCHANGE_SESSION] = "session",
	};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(4 * ICR_SECRET_MAX);

	cache_id_part(&text, kinds[exchange->kind]);
	cache_id_part(&text, exchange->url);
	cache_id_part(&text, exchange->profile_id);
	cache_id_part(&text, exchange->profile_name);
	cache_id_part(&text, exchange->profile_crn);
	cache_id_part(&text, exchange->secret ? exchange->secret->data : NULL);
	/* its refresh token rotates, and the next login may be somebody else's */
	cache_id_part(&text, exchange->account);
	cache_id_part(&text, exchange->session);
	cache_id_finish(&text, origin);
}

static bool is_profile(const char *username)
{
	return strncmp(username, PROFILE_PREFIX, strlen(PROFILE_PREFIX)) == 0;
}

const char *token_profile(const char *username)
{
	return is_profile(username) ? username : NULL;
}

/* Is the secret that goes with this name a key that is to be exchanged? */
static bool is_exchanged(const struct helper_context *context, const char *host,
			 const char *username)
{
	struct icr_host parsed;

	if (!config_is(&context->config, "token", "bearer") ||
	    (strcmp(username, APIKEY_USERNAME) != 0 && !is_profile(username)))
		return false;
	/* who has credentials of its own, has them of another IAM (staging) or of none */
	return !icr_host_parse(host, strlen(host), &parsed) || source_takes_any_key(&parsed);
}

const char *token_username(const struct helper_context *context, const char *host,
			   const char *username)
{
	return strcmp(username, CREDENTIAL_SSO) == 0 || is_exchanged(context, host, username)
		       ? TOKEN_USERNAME
		       : username;
}

/* The origin that EXCHANGE is; RET_URL, malloc'ed, must live as long. */
static int find_origin(struct exchange *exchange, struct cache_origin *ret_origin, char **ret_url,
		       struct icr_error *err)
{
	int r = token_endpoint(exchange->context, ret_url, err);
	if (r < 0)
		return r;
	exchange->url = *ret_url;
	*ret_origin = (struct cache_origin){
		.obtain = exchange_obtain,
		.hands_over = exchange_hands_over,
		.data = exchange,
	};
	identify(ret_origin, exchange);
	return 0;
}

/* With the cached token in place of the secret; without a CREDENTIAL that token is forgotten. */
static int replace(struct exchange *exchange, struct credential *credential, struct icr_error *err)
{
	_cleanup_secret_ struct icr_secret access = {0};
	_cleanup_free_ char *url = NULL;
	struct cache_origin origin;
	int64_t left = 0;

	int r = find_origin(exchange, &origin, &url, err);
	if (r < 0)
		return r;
	if (!credential) {
		cache_forget(exchange->context, &origin);
		return 0;
	}
	r = cache_token(exchange->context, &origin, TOKEN_TIMEOUT_MS, &access, &left, err);
	if (r >= 0)
		set_token(credential, &access, left);
	return r;
}

int token_of_resource(const struct helper_context *context, const struct icr_secret *token,
		      struct credential *ret_credential, struct icr_error *err)
{
	struct exchange exchange = {
		.context = context,
		.kind = EXCHANGE_RESOURCE,
		.secret = token,
		.profile_id = config_text(&context->config, "trusted_profile.id"),
		.profile_name = config_text(&context->config, "trusted_profile.name"),
		.profile_crn = config_text(&context->config, "trusted_profile.crn"),
	};

	return replace(&exchange, ret_credential, err);
}

int token_of_instance(const struct helper_context *context, struct credential *ret_credential,
		      struct icr_error *err)
{
	struct exchange exchange = {
		.context = context,
		.kind = EXCHANGE_INSTANCE,
		.profile_id = config_text(&context->config, "trusted_profile.id"),
		.profile_crn = config_text(&context->config, "trusted_profile.crn"),
	};

	return replace(&exchange, ret_credential, err);
}

/* What STORED is exchanged for, as replace() does it. */
static int replace_session(const struct helper_context *context, const struct credential *stored,
			   struct credential *credential, struct icr_error *err)
{
	_cleanup_session_ struct session session = {0};

	int r = session_parse(stored, &session, err);
	if (r < 0)
		return r;
	struct exchange exchange = {
		.context = context,
		.kind = EXCHANGE_SESSION,
		.account = session.account,
		.session = session.id,
	};
	return replace(&exchange, credential, err);
}

static struct exchange exchange_of_key(const struct helper_context *context,
				       const struct credential *key)
{
	return (struct exchange){
		.context = context,
		.kind = EXCHANGE_APIKEY,
		.secret = &key->secret,
		.profile_id = token_profile(key->username),
	};
}

static int replace_key(const struct helper_context *context, const struct credential *stored,
		       struct credential *credential, struct icr_error *err)
{
	struct exchange exchange = exchange_of_key(context, stored);

	return replace(&exchange, credential, err);
}

int64_t token_left(const struct helper_context *context, const struct credential *credential)
{
	struct exchange exchange = exchange_of_key(context, credential);
	_cleanup_free_ char *url = NULL;
	struct cache_origin origin;

	if (!is_exchanged(context, credential->host, credential->username) ||
	    find_origin(&exchange, &origin, &url, NULL) < 0)
		return 0;
	return cache_left(context, &origin);
}

int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err)
{
	bool session = strcmp(credential->username, CREDENTIAL_SSO) == 0;

	if (!session && !is_exchanged(context, credential->host, credential->username))
		return 0;
	/* apart, since CREDENTIAL's own are replaced */
	_cleanup_credential_ struct credential stored = *credential;
	*credential = (struct credential){.host = icr_strdup(stored.host)};
	int r = session ? replace_session(context, &stored, credential, err)
			: replace_key(context, &stored, credential, err);
	if (r < 0)
		credential_move(credential, &stored);
	return r;
}

void token_forget(const struct helper_context *context, const char *host)
{
	_cleanup_credential_ struct credential stored = {0};
	bool bearer = config_is(&context->config, "token", "bearer");

	/* a session is the default's */
	if (!bearer && strcmp(host, CREDENTIAL_DEFAULT) != 0)
		return;
	if (stores_read(context, host, &stored, NULL) <= 0)
		return;
	if (strcmp(stored.username, CREDENTIAL_SSO) == 0)
		(void)replace_session(context, &stored, NULL, NULL);
	else if (is_exchanged(context, host, stored.username))
		(void)replace_key(context, &stored, NULL, NULL);
}
