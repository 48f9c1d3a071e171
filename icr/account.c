/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/account.h"

#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/http.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/message.h"

#define ACCOUNTS_URL "https://accounts.cloud.ibm.com"
#define PAGES_MAX    50
#define HEADER_MAX   (ICR_SECRET_MAX + 64)
#define TEXT_MAX     ((size_t)4096)

/* An answer and its JSON. */
struct answer {
	struct icr_http_reply reply;
	struct icr_json json;
};

static void answer_free(struct answer *answer)
{
	icr_json_free(&answer->json);
	icr_http_reply_free(&answer->reply);
}

/* The object at URL; KEY: that it is about, or NULL. */
static int get(const char *url, const struct icr_secret *access, const struct icr_secret *key,
	       int timeout_ms, struct answer *ret, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf header = ICR_BUF(HEADER_MAX), text = ICR_BUF(TEXT_MAX);

	icr_buf_text(&header, "IAM-ApiKey: ");
	if (key)
		icr_buf_append(&header, key->data, key->len);
	const char *const headers[] = {key ? header.data : NULL, NULL};
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
	struct icr_http_reply *reply = &ret->reply;

	int r = icr_http_perform(&request, 1, reply, err);
	if (r < 0)
		return r;
	if (reply->outcome != ICR_HTTP_DONE)
		return icr_fail_at(err, ICR_E_UNAVAILABLE, url, "%s",
				   reply->message ? reply->message
						  : icr_http_outcome_text(reply->outcome));
	if (reply->status != 200) {
		if (key)
			icr_secret_hide(key, &reply->body);
		icr_message_error_text(reply->body.data, reply->body.len, &text);
		return icr_fail_at(err, ICR_E_PROTOCOL, url, "answers with status %d%s%s",
				   reply->status, text.len > 0 ? ": " : "", text.data);
	}
	r = icr_json_parse(reply->body.data, reply->body.len, NULL, ICR_JSON_NO_NUL, &ret->json,
			   err);
	if (r >= 0 && !icr_json_is(&ret->json, 0, ICR_JSON_OBJECT))
		r = icr_fail(err, ICR_E_PROTOCOL, "the answer is no JSON object");
	return r < 0 ? icr_error_wrap(err, "%s", url) : 0;
}

/* The string member NAME, or NULL; an empty one is none. */
static char *copy(const struct answer *answer, uint32_t object, const char *name)
{
	char *text = icr_json_text(&answer->json, object, name);

	if (text && !*text) {
		free(text);
		text = NULL;
	}
	return text;
}

int icr_key_details(const char *url, const struct icr_secret *key, const struct icr_secret *access,
		    int timeout_ms, struct icr_key_details *ret_details, struct icr_error *err)
{
	_cleanup_free_ char *address = icr_printf("%s/v1/apikeys/details", url);
	icr_cleanup(answer_free) struct answer reply = {0};

	int r = get(address, access, key, timeout_ms, &reply, err);
	if (r < 0)
		return r;
	*ret_details = (struct icr_key_details){
		.name = copy(&reply, 0, "name"),
		.iam_id = copy(&reply, 0, "iam_id"),
		.account = copy(&reply, 0, "account_id"),
		.expires = copy(&reply, 0, "expires_at"),
		.when_leaked = copy(&reply, 0, "action_when_leaked"),
		.locked = icr_json_is(&reply.json, icr_json_member(&reply.json, 0, "locked"),
				      ICR_JSON_TRUE),
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

static void add_page(const struct answer *page, struct icr_accounts *accounts)
{
	const struct icr_json *json = &page->json;
	uint32_t list = icr_json_member(json, 0, "resources");

	if (!icr_json_is(json, list, ICR_JSON_ARRAY))
		return;
	for (uint32_t item = json->nodes[list].child; item != ICR_JSON_NONE;
	     item = json->nodes[item].next) {
		char *id = copy(page, icr_json_member(json, item, "metadata"), "guid");
		if (!id)
			continue;
		struct icr_account *account = ICR_APPEND(accounts);
		account->id = id;
		account->name = copy(page, icr_json_member(json, item, "entity"), "name");
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
		icr_cleanup(answer_free) struct answer reply = {0};
		int64_t left = end - icr_clock_ms();
		int r = get(url, access, NULL, left > 1 ? (int)left : 1, &reply, err);
		if (r < 0) {
			icr_accounts_free(&accounts);
			return r;
		}
		add_page(&reply, &accounts);
		free(url);
		_cleanup_free_ char *next = icr_json_text(&reply.json, 0, "next_url");
		url = next_page(next);
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
	icr_cleanup(answer_free) struct answer reply = {0};

	int r = get(address, NULL, NULL, timeout_ms, &reply, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *passcode = icr_json_text(&reply.json, 0, "passcode_endpoint");
	/* it is shown, and opened in a browser by somebody who trusts us */
	if (!passcode || strncmp(passcode, "https://", strlen("https://")) != 0)
		return icr_fail_at(err, ICR_E_PROTOCOL, address, "names no passcode_endpoint");
	*ret_address = icr_steal(&passcode);
	return 0;
}
