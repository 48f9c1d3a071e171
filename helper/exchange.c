/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/exchange.h"

#include <errno.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/metadata.h"
#include "helper/session.h"
#include "helper/store/store.h"
#include "helper/token.h"
#include "icr/cleanup.h"
#include "icr/clock.h"

static int obtain_by_apikey(const struct exchange *exchange, int timeout_ms,
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

static int obtain_by_resource(const struct exchange *exchange, int timeout_ms,
			      struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct icr_iam_grant grant = {
		.kind = ICR_IAM_CR_TOKEN,
		.secret = exchange->secret,
		.profile_id = exchange->profile_id,
		.profile_name = exchange->profile_name,
		.profile_crn = exchange->profile_crn,
	};

	return icr_iam_exchange(exchange->url, &grant, timeout_ms, ret_token, err);
}

static int fail_logged_out(struct icr_error *err)
{
	return icr_fail(err, EACCES, "the session was logged out");
}

/*
 * Keeps RENEWED in place of STORED in the store that has that, without a word: the user is not
 * storing anything now. Where he has logged out meanwhile, or in anew, that stays as it is.
 */
static int keep_session(const struct helper_context *context, const struct credential *stored,
			const struct credential *renewed, struct icr_error *err)
{
	const char *const host = CREDENTIAL_DEFAULT;
	bool unsure = false;

	for (size_t i = 0; i < context->config.stores_count; i++) {
		const struct store *store = context->config.stores[i];
		_cleanup_credentials_ struct credentials found = {0};
		int r = store->read(context, &host, 1, &found, NULL);
		unsure |= r < 0 && r != -ICR_E_UNAVAILABLE;
		if (r >= 0 && found.count > 0 && credential_is_same(&found.items[0], stored))
			return store->put(context, renewed, err);
	}
	return unsure ? stores_renew(context, renewed, err) : fail_logged_out(err);
}

/*
 * The refresh token rotates: it is read from the store only now, with the lock of the cache held,
 * since another process may have kept a newer one while this one waited; and the new one is kept
 * before anybody gets the access token that came with it.
 */
static int obtain_by_session(const struct exchange *exchange, int timeout_ms,
			     struct icr_iam_token *ret_token, struct icr_error *err)
{
	_cleanup_credential_ struct credential stored = {0}, renewed = {0};
	_cleanup_session_ struct session session = {0};
	_cleanup_iam_token_ struct icr_iam_token token = {0};

	int r = stores_read(exchange->context, CREDENTIAL_DEFAULT, &stored, err);
	if (r == 0 || (r > 0 && strcmp(stored.username, CREDENTIAL_SSO) != 0))
		return fail_logged_out(err);
	if (r > 0)
		r = session_parse(&stored, &session, err);
	if (r < 0)
		return r;
	const struct icr_iam_grant grant = {
		.kind = ICR_IAM_REFRESH,
		.secret = &session.refresh,
		.account = session.account,
	};
	r = icr_iam_exchange(exchange->url, &grant, timeout_ms, &token, err);
	if (r >= 0 && token.refresh.data && strcmp(token.refresh.data, session.refresh.data) != 0) {
		r = session_format(&session, &token.refresh, &renewed, err);
		renewed.since = stored.since;
		if (r >= 0)
			r = keep_session(exchange->context, &stored, &renewed, err);
		if (r < 0)
			return icr_error_wrap(err, "cannot keep the renewed session");
	}
	if (r < 0)
		return r;
	*ret_token = token;
	token = (struct icr_iam_token){0};
	return 0;
}

const bool exchange_hands_over = false;

int exchange_obtain(const struct cache_origin *origin, int timeout_ms,
		    struct icr_iam_token *ret_token, struct icr_error *err)
{
	const struct exchange *exchange = origin->data;

	switch (exchange->kind) {
	case EXCHANGE_RESOURCE:
		return obtain_by_resource(exchange, timeout_ms, ret_token, err);
	case EXCHANGE_INSTANCE:
		return metadata_token(exchange->profile_id, exchange->profile_crn, timeout_ms,
				      ret_token, err);
	case EXCHANGE_SESSION:
		return obtain_by_session(exchange, timeout_ms, ret_token, err);
	default:
		return obtain_by_apikey(exchange, timeout_ms, ret_token, err);
	}
}

int exchange_check(const struct helper_context *context, const struct credential *credential,
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
		.profile_id = token_profile(credential->username),
	};
	return obtain_by_apikey(&exchange, TOKEN_TIMEOUT_MS, ret_token ? ret_token : &token, err);
}
