/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/token.h"

#include <stdlib.h>
#include <string.h>

#include "helper/apikey.h"
#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/memory.h"

#define BEARER "iambearer"

static bool is_profile(const struct credential *credential)
{
	return strncmp(credential->username, TOKEN_PROFILE, strlen(TOKEN_PROFILE)) == 0;
}

int token_url(const struct helper_context *context, char **ret_url, struct icr_error *err)
{
	return icr_iam_url(config_text(&context->config, "iam_url"), ret_url, err);
}

int token_exchange(const struct helper_context *context, const struct credential *credential,
		   struct icr_iam_token *ret_token, struct icr_error *err)
{
	_cleanup_iam_token_ struct icr_iam_token first = {0};
	_cleanup_free_ char *url = NULL;
	const struct icr_iam_grant key = {.kind = ICR_IAM_APIKEY, .secret = &credential->secret};
	const struct icr_iam_grant profile = {.kind = ICR_IAM_ASSUME,
					      .secret = &first.access,
					      .profile_id = credential->username};

	int r = token_url(context, &url, err);
	if (r < 0 || !is_profile(credential))
		return r < 0 ? r : icr_iam_exchange(url, &key, TOKEN_BUDGET_MS, ret_token, err);
	r = icr_iam_exchange(url, &key, TOKEN_BUDGET_MS, &first, err);
	return r < 0 ? r : icr_iam_exchange(url, &profile, TOKEN_BUDGET_MS, ret_token, err);
}

int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err)
{
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	bool is_key = strcmp(credential->username, APIKEY_USERNAME) == 0 || is_profile(credential);

	if (strcmp(credential->username, CREDENTIAL_SSO) == 0)
		return icr_fail(err, ICR_E_UNAVAILABLE, "this build cannot renew a session");
	if (!is_key || !config_is(&context->config, "token", "bearer"))
		return 0;
	int r = token_exchange(context, credential, &token, err);
	if (r < 0)
		return r;
	return credential_set(credential, credential->host, BEARER, token.access.data,
			      token.access.len, err);
}

int token_of_service_account(const struct helper_context *context, const char *token, size_t len,
			     struct credential *ret_credential, struct icr_error *err)
{
	const struct config *config = &context->config;
	_cleanup_iam_token_ struct icr_iam_token reply = {0};
	_cleanup_secret_ struct icr_secret secret = {0};
	_cleanup_free_ char *url = NULL;
	const struct icr_iam_grant grant = {
		.kind = ICR_IAM_CR_TOKEN,
		.secret = &secret,
		.profile_id = config_text(config, "trusted_profile.id"),
		.profile_name = config_text(config, "trusted_profile.name"),
		.profile_crn = config_text(config, "trusted_profile.crn")};

	if (!grant.profile_id && !grant.profile_name && !grant.profile_crn)
		return icr_fail(err, ICR_E_CONFIG,
				"a service account's token came, but the configuration names no "
				"trusted_profile to change it for");
	int r = token_url(context, &url, err);
	if (r >= 0)
		r = icr_secret_set(&secret, token, len, err);
	if (r >= 0)
		r = icr_iam_exchange(url, &grant, TOKEN_BUDGET_MS, &reply, err);
	if (r < 0)
		return r;
	return credential_set(ret_credential, CREDENTIAL_DEFAULT, BEARER, reply.access.data,
			      reply.access.len, err);
}
