/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper/helper.h"
#include "helper/jwt.h"
#include "icr/cleanup.h"
#include "icr/host.h"

bool credential_host_parse(const char *server, char ret_host[ICR_HOST_MAX])
{
	struct icr_host host;

	if (strcmp(server, CREDENTIAL_DEFAULT) == 0) {
		memcpy(ret_host, CREDENTIAL_DEFAULT, sizeof(CREDENTIAL_DEFAULT));
		return true;
	}
	if (!icr_host_parse(server, strlen(server), &host))
		return false;
	memcpy(ret_host, host.name, sizeof(host.name));
	return true;
}

bool credential_host_wanted(const char *host, const char *const *hosts, size_t count)
{
	if (!hosts)
		return true;
	for (size_t i = 0; i < count; i++)
		if (strcmp(hosts[i], host) == 0)
			return true;
	return false;
}

int credential_set(struct credential *ret_credential, const char *host, const char *username,
		   const char *secret, size_t secret_len, struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};

	credential.host = strdup(host);
	credential.username = strdup(username);
	if (!credential.host || !credential.username)
		return icr_fail_memory(err);
	int r = icr_secret_set(&credential.secret, secret, secret_len, err);
	if (r < 0)
		return r;
	credential_move(ret_credential, &credential);
	return 0;
}

int credential_set_host(struct credential *credential, const char *host, struct icr_error *err)
{
	char *copy = strdup(host);

	if (!copy)
		return icr_fail_memory(err);
	free(credential->host);
	credential->host = copy;
	return 0;
}

void credential_move(struct credential *to, struct credential *from)
{
	credential_free(to);
	*to = *from;
	*from = (struct credential){0};
}

void credential_free(struct credential *credential)
{
	free(credential->host);
	free(credential->username);
	icr_secret_free(&credential->secret);
	*credential = (struct credential){0};
}

bool credential_expired(const struct credential *credential)
{
	int64_t expiry;

	return strcmp(credential->username, "iambearer") == 0 &&
	       jwt_expiry(credential->secret.data, credential->secret.len, &expiry) &&
	       expiry <= (int64_t)time(NULL);
}

int credentials_add(struct credentials *credentials, struct credential *credential,
		    struct icr_error *err)
{
	struct credential *items =
		reallocarray(credentials->items, credentials->count + 1, sizeof(*items));

	if (!items)
		return icr_fail_memory(err);
	credentials->items = items;
	items[credentials->count++] = *credential;
	*credential = (struct credential){0};
	return 0;
}

struct credential *credentials_find(const struct credentials *credentials, const char *host)
{
	for (size_t i = 0; i < credentials->count; i++)
		if (strcmp(credentials->items[i].host, host) == 0)
			return &credentials->items[i];
	return NULL;
}

void credentials_free(struct credentials *credentials)
{
	for (size_t i = 0; i < credentials->count; i++)
		credential_free(&credentials->items[i]);
	free(credentials->items);
	*credentials = (struct credentials){0};
}
