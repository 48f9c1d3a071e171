/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/apikey.h"

#include <stdbool.h>

#include "icr/cleanup.h"
#include "icr/json.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[*len - 1]))
		(*len)--;
	while (*len > 0 && is_space(**text)) {
		(*text)++;
		(*len)--;
	}
}

int apikey_set(struct credential *ret_credential, const char *host, const char *key, size_t len,
	       const char *where, struct icr_error *err)
{
	trim(&key, &len);
	if (len == 0)
		return icr_fail_at(err, ICR_E_CONFIG, where, "holds no API key");
	for (size_t i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return icr_fail_at(err, ICR_E_CONFIG, where,
					   "holds something else than one API key");
	return credential_set(ret_credential, host, APIKEY_USERNAME, key, len, err);
}

static int set_from_json(struct credential *ret_credential, const char *host, const char *text,
			 size_t len, const char *path, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf key;

	icr_buf_init(&key, APIKEY_FILE_MAX);
	int r = icr_json_parse(text, len, path, ICR_JSON_NO_NUL, &json, err);
	if (r < 0)
		return r;
	uint32_t member = icr_json_member(&json, 0, "apikey");
	if (member == ICR_JSON_NONE)
		member = icr_json_member(&json, 0, "apiKey");
	if (!icr_json_is(&json, member, ICR_JSON_STRING))
		return icr_fail_at(err, ICR_E_CONFIG, path, "has no \"apikey\"");
	icr_json_string(&json, member, &key);
	r = icr_buf_check(&key, path, err);
	if (r < 0)
		return r;
	return apikey_set(ret_credential, host, key.data, key.len, path, err);
}

int apikey_set_from_file(struct credential *ret_credential, const char *host, const char *text,
			 size_t len, const char *path, struct icr_error *err)
{
	trim(&text, &len);
	int r = len > 0 && text[0] == '{'
			? set_from_json(ret_credential, host, text, len, path, err)
			: apikey_set(ret_credential, host, text, len, path, err);
	if (r < 0)
		(void)icr_error_hint(err,
				     "%s must hold an API key, or the JSON that \"ibmcloud iam "
				     "api-key-create --file\" writes",
				     path);
	return r;
}
