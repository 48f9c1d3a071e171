/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/credential.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/text.h"

#define PAYLOAD_MAX ((size_t)64 * 1024)

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

/* As it came from a client, it may be a URL with a password in it. */
static void free_url(char *url)
{
	if (url)
		explicit_bzero(url, strlen(url));
	free(url);
}

int credential_set_host(struct credential *credential, const char *host, struct icr_error *err)
{
	char *copy = strdup(host);

	if (!copy)
		return icr_fail_memory(err);
	free_url(credential->host);
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
	free_url(credential->host);
	free(credential->username);
	icr_secret_free(&credential->secret);
	*credential = (struct credential){0};
}

/* NumericDate may have a fraction; its whole part is enough. */
static bool read_date(const struct icr_json *json, uint32_t node, int64_t *ret_date)
{
	if (!icr_json_is(json, node, ICR_JSON_NUMBER))
		return false;
	const struct icr_json_node *number = &json->nodes[node];
	_cleanup_free_ char *text =
		strndup(json->text + number->start, number->end - number->start);
	if (!text || strpbrk(text, "eE"))
		return false;
	text[strcspn(text, ".")] = '\0';
	return icr_number_parse(text, INT64_MIN, INT64_MAX, ret_date, NULL) >= 0;
}

bool jwt_expiry(const char *token, size_t len, int64_t *ret_expiry)
{
	_cleanup_buf_ struct icr_buf payload;
	_cleanup_json_ struct icr_json json = {0};

	icr_buf_init(&payload, PAYLOAD_MAX);
	const char *first = memchr(token, '.', len);
	if (!first)
		return false;
	size_t rest = len - (size_t)(first + 1 - token);
	const char *second = memchr(first + 1, '.', rest);
	if (!second || !icr_base64_decode(first + 1, (size_t)(second - first - 1), &payload))
		return false;
	if (icr_json_parse(payload.data, payload.len, NULL, 0, &json, NULL) < 0)
		return false;
	return read_date(&json, icr_json_member(&json, 0, "exp"), ret_expiry);
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
