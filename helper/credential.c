/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/credential.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/memory.h"
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

const char *credential_host_name(const char *host)
{
	return strcmp(host, CREDENTIAL_DEFAULT) == 0 ? "all icr.io hosts" : host;
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

	credential.host = icr_strdup(host);
	credential.username = icr_strdup(username);
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
		icr_wipe(url, strlen(url));
	free(url);
}

void credential_set_host(struct credential *credential, const char *host)
{
	free_url(credential->host);
	credential->host = icr_strdup(host);
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

bool credential_is_same(const struct credential *a, const struct credential *b)
{
	return strcmp(a->username, b->username) == 0 && a->secret.len == b->secret.len &&
	       (a->secret.len == 0 || memcmp(a->secret.data, b->secret.data, a->secret.len) == 0);
}

/* NumericDate may have a fraction; its whole part is enough. */
static bool read_date(const struct icr_json *json, uint32_t node, int64_t *ret_date)
{
	if (!icr_json_is(json, node, ICR_JSON_NUMBER))
		return false;
	const struct icr_json_node *number = &json->nodes[node];
	_cleanup_free_ char *text =
		icr_strndup(json->text + number->start, number->end - number->start);
	char *fraction = strchr(text, '.');
	if (strchr(text, 'e') || strchr(text, 'E'))
		return false;
	if (fraction)
		*fraction = '\0';
	return icr_number_parse(text, INT64_MIN, INT64_MAX, ret_date, NULL) >= 0;
}

void credential_to_json(const struct credential *credential, struct icr_buf *out)
{
	icr_buf_text(out, "{\"username\": ");
	icr_json_quote(out, credential->username, strlen(credential->username));
	icr_buf_text(out, ", \"secret\": ");
	icr_json_quote(out, credential->secret.data, credential->secret.len);
	if (credential->since > 0)
		icr_buf_printf(out, ", \"since\": %" PRId64, credential->since);
	icr_buf_char(out, '}');
}

int credential_from_json(struct credential *ret_credential, const char *host,
			 const struct icr_json *json, uint32_t node, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf username = ICR_BUF(json->len), secret = ICR_BUF(json->len);
	uint32_t name = icr_json_member(json, node, "username");
	uint32_t value = icr_json_member(json, node, "secret");
	int64_t since = 0;

	if (!icr_json_is(json, name, ICR_JSON_STRING) || !icr_json_is(json, value, ICR_JSON_STRING))
		return icr_fail(err, ICR_E_SYNTAX, "not a credential");
	icr_json_string(json, name, &username);
	icr_json_string(json, value, &secret);
	int r = credential_set(ret_credential, host, username.data, secret.data, secret.len, err);
	if (r >= 0 && read_date(json, icr_json_member(json, node, "since"), &since))
		ret_credential->since = since;
	return r;
}

bool jwt_expiry(const char *token, size_t len, int64_t *ret_expiry)
{
	_cleanup_buf_ struct icr_buf payload = ICR_BUF(PAYLOAD_MAX);
	_cleanup_json_ struct icr_json json = {0};
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
	       expiry <= icr_clock_wall_s();
}

int64_t credential_when(int64_t time)
{
	return time > icr_clock_wall_s() ? time - INT64_MAX : time;
}

bool credential_supersedes(const struct credential *later, const struct credential *earlier)
{
	int64_t since = credential_when(later->since);

	return later->since > 0 && since >= credential_when(earlier->changed) &&
	       since >= credential_when(earlier->since);
}

void credentials_add(struct credentials *credentials, struct credential *credential)
{
	credential_move(ICR_APPEND(credentials), credential);
	credentials->settled = false;
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct credential *)a)->host, ((const struct credential *)b)->host);
}

/* Of pointers: what was added earlier stands before. */
static int by_host_and_place(const void *a, const void *b)
{
	const struct credential *const *first = a, *const *second = b;
	int order = by_host(*first, *second);

	return order != 0 ? order : (*first > *second) - (*first < *second);
}

void credentials_settle(struct credentials *credentials)
{
	size_t count = credentials->count;

	if (count < 2) {
		credentials->settled = true;
		return;
	}
	_cleanup_free_ struct credential **order =
		icr_calloc(count + 1, sizeof(struct credential *));
	struct credentials sorted = {0};

	for (size_t i = 0; i < count; i++)
		order[i] = &credentials->items[i];
	qsort(order, count, sizeof(struct credential *), by_host_and_place);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || by_host(order[i], order[i + 1]) != 0)
			credentials_add(&sorted, order[i]);
	credentials_free(credentials);
	*credentials = sorted;
	credentials->settled = true;
}

struct credential *credentials_find(const struct credentials *credentials, const char *host)
{
	const struct credential key = {.host = (char *)(uintptr_t)host};

	if (credentials->count == 0)
		return NULL;
	if (credentials->settled)
		return bsearch(&key, credentials->items, credentials->count, sizeof(key), by_host);
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
