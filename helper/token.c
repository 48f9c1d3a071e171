/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/token.h"

#include <string.h>

#include "helper/apikey.h"
#include "helper/helper.h"

static int fail_missing(struct icr_error *err)
{
	return icr_fail(err, ICR_E_UNAVAILABLE, "this build cannot talk to IAM");
}

int token_for(const struct helper_context *context, struct credential *credential,
	      struct icr_error *err)
{
	bool is_key = strcmp(credential->username, APIKEY_USERNAME) == 0 &&
		      config_is(&context->config, "token", "bearer");

	return is_key || strcmp(credential->username, CREDENTIAL_SSO) == 0 ? fail_missing(err) : 0;
}

int token_check(const struct helper_context *context, const struct credential *credential,
		struct icr_error *err)
{
	(void)context;
	(void)credential;
	return fail_missing(err);
}

int token_of_service_account(const struct helper_context *context, const char *token, size_t len,
			     struct credential *ret_credential, struct icr_error *err)
{
	(void)context;
	(void)token;
	(void)len;
	(void)ret_credential;
	return fail_missing(err);
}
