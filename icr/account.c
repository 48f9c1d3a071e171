/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/account.h"

#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/http.h"
#include "icr/memory.h"

#define ACCOUNTS_URL "https://accounts.cloud.ibm.com"
#define PAGES_MAX    50
#define HEADER_MAX   (ICR_SECRET_MAX + 64)
#define TEXT_MAX     ((size_t)4096)

static void clean_reply(struct icr_http_reply *reply)
{
	icr_http_reply_free(reply);
}

/* The object at URL. HEADERS may be NULL. */
static int get(const char *url, const struct icr_secret *access, const char *const *headers,
	       int timeout_ms, cJSON **ret, struct icr_error *err)
{
	const struct icr_http_request request = {
		.method = "GET",
		.url = url,
		.use_proxy = strncmp(url, "https://private.", strlen("https://private.")) != 0,
		.bearer = access,
		.accept = "application/json",
		.headers = headers,
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms,
		.again = true,
	};
	icr_cleanup(clean_reply) struct icr_http_reply reply = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);

	int r = icr_http_perform(&request, 1, &reply, err);
	if (r < 0)
		return r;
	if (reply.outcome != ICR_HTTP_DONE)
		return icr_fail_at(err, ICR_E_UNAVAILABLE, url, "%s",
				   reply.message ? reply.message
						 : icr_http_outcome_text(reply.outcome));
	if (reply.status != 200) {
		icr_message_error_text(reply.body.data, reply.body.len, &text);
		return icr_fail_at(err, ICR_E_PROTOCOL, url, "answers with status %d%s%s",
				   reply.status, text.len > 0 ? ": " : "", text.data);
	}
	r = icr_message_parse(reply.body.data, reply.body.len, false, ret, err);
	return r < 0 ? icr_error_wrap(err, "%s", url) : 0;
}

/* A copy of the string member NAME, or NULL. */
static char *copy(const cJSON *object, const char *name)
{
	const char *text = icr_message_string(object, name);

	return text && *text ? icr_strdup(text) : NULL;
}

int icr_key_details(const char *url, const struct icr_secret *key, const struct icr_secret *access,
		    int timeout_ms, struct icr_key_details *ret_details, struct icr_error *err)
{
	_cleanup_free_ char *address = icr_printf("%s/v1/apikeys/details", url);
	_cleanup_buf_ struct icr_buf header = ICR_BUF(HEADER_MAX);
	_cleanup_message_ cJSON *reply = NULL;

	icr_buf_text(&header, "IAM-ApiKey: ");
	icr_buf_append(&header, key->data, key->len);
	const char *const headers[] = {header.data, NULL};
	int r = get(address, access, headers, timeout_ms, &reply, err);
	if (r < 0)
		return r;
	*ret_details = (struct icr_key_details){
		.name = copy(reply, "name"),
		.iam_id = copy(reply, "iam_id"),
		.account = copy(reply, "account_id"),
		.expires = copy(reply, "expires_at"),
		.when_leaked = copy(reply, "action_when_leaked"),
		.locked = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "locked")),
	};
	return 0;
}

void icr_key_details_free(struct icr_key_details *details)
{
	free(details->name);
	free(details->iam_id);
	free(details->account);
	free(details->expires);
	free(details->when_leaked);
	*details = (struct icr_key_details){0};
}

static void add_page(const cJSON *page, struct icr_accounts *accounts)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page, "resources"))
	{
		const cJSON *entity = cJSON_GetObjectItemCaseSensitive(item, "entity");
		char *id = copy(cJSON_GetObjectItemCaseSensitive(item, "metadata"), "guid");
		if (!id)
			continue;
		struct icr_account *account = ICR_APPEND(accounts);
		account->id = id;
		account->name = copy(entity, "name");
	}
}

/* NEXT, a path or a whole URL, is followed on the same host only: the access token goes there. */
static char *next_page(const char *next)
{
	if (!next || !*next)
		return NULL;
	if (next[0] == '/' && next[1] != '/')
		return icr_printf(ACCOUNTS_URL "%s", next);
	return strncmp(next, ACCOUNTS_URL "/", strlen(ACCOUNTS_URL "/")) == 0 ? icr_strdup(next)
									      : NULL;
}

int icr_accounts_read(const struct icr_secret *access, int timeout_ms,
		      struct icr_accounts *ret_accounts, struct icr_error *err)
{
	_cleanup_free_ char *url = icr_strdup(ACCOUNTS_URL "/v1/accounts");
	int64_t end = icr_clock_ms() + timeout_ms;
	struct icr_accounts accounts = {0};

	for (int page = 0; url && page < PAGES_MAX; page++) {
		_cleanup_message_ cJSON *reply = NULL;
		int64_t left = end - icr_clock_ms();
		int r = get(url, access, NULL, left > 1 ? (int)left : 1, &reply, err);
		if (r < 0) {
			icr_accounts_free(&accounts);
			return r;
		}
		add_page(reply, &accounts);
		free(url);
		url = next_page(icr_message_string(reply, "next_url"));
	}
	*ret_accounts = accounts;
	return 0;
}

void icr_accounts_free(struct icr_accounts *accounts)
{
	for (size_t i = 0; i < accounts->count; i++) {
		free(accounts->items[i].id);
		free(accounts->items[i].name);
	}
	free(accounts->items);
	*accounts = (struct icr_accounts){0};
}

int icr_passcode_url(const char *url, int timeout_ms, char **ret_address, struct icr_error *err)
{
	_cleanup_free_ char *address =
		icr_printf("%s/identity/.well-known/openid-configuration", url);
	_cleanup_message_ cJSON *reply = NULL;

	int r = get(address, NULL, NULL, timeout_ms, &reply, err);
	if (r < 0)
		return r;
	const char *passcode = icr_message_string(reply, "passcode_endpoint");
	/* it is shown, and opened in a browser by somebody who trusts us */
	if (!passcode || strncmp(passcode, "https://", strlen("https://")) != 0)
		return icr_fail_at(err, ICR_E_PROTOCOL, address, "names no passcode_endpoint");
	*ret_address = icr_strdup(passcode);
	return 0;
}
