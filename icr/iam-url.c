/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */

/* What of icr/iam.h asks nobody: who needs no more is spared HTTP. */
#include "icr/iam.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "icr/memory.h"

int icr_iam_url(const char *text, char **ret_url, struct icr_error *err)
{
	static const char scheme[] = "https://";

	if (!text || strcmp(text, "public") == 0) {
		*ret_url = icr_strdup(ICR_IAM_PUBLIC);
		return 0;
	}
	if (strcmp(text, "private") == 0) {
		*ret_url = icr_strdup(ICR_IAM_PRIVATE);
		return 0;
	}
	size_t len = strlen(text), path = strlen(ICR_IAM_TOKEN_PATH);
	if (strncasecmp(text, scheme, strlen(scheme)) != 0)
		return icr_fail(err, EINVAL,
				"must begin with https://, or be the word \"private\"");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || strchr("@?#\\\"", text[i]))
			return icr_fail(
				err, EINVAL,
				"must be a plain https URL: no user, query, fragment or blank");
	while (len > strlen(scheme) && text[len - 1] == '/')
		len--;
	if (len > path && strncmp(text + len - path, ICR_IAM_TOKEN_PATH, path) == 0)
		len -= path;
	if (len <= strlen(scheme) || text[strlen(scheme)] == '/')
		return icr_fail(err, EINVAL, "names no host");
	*ret_url = icr_memdup(text, len);
	return 0;
}

void icr_iam_token_free(struct icr_iam_token *token)
{
	if (!token)
		return;
	icr_secret_free(&token->access);
	icr_secret_free(&token->refresh);
	*token = (struct icr_iam_token){0};
}
