/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/registry.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/message.h"

#define URL_MAX ((size_t)8192)

/* Percent-encodes all but the unreserved characters of RFC 3986. */
static void add_parameter(struct icr_buf *url, char before, const char *name, const char *value)
{
	icr_buf_printf(url, "%c%s=", before, name);
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr("-._~", *value))
			icr_buf_char(url, *value);
		else
			icr_buf_printf(url, "%%%02X", (unsigned char)*value);
	}
}

static void token_url(const struct icr_challenge *challenge, const char *scope, struct icr_buf *url)
{
	char before = strchr(challenge->realm, '?') ? '&' : '?';

	icr_buf_text(url, challenge->realm);
	if (challenge->service) {
		add_parameter(url, before, "service", challenge->service);
		before = '&';
	}
	if (scope)
		add_parameter(url, before, "scope", scope);
}

static bool realm_is_at(const char *realm, const char *host)
{
	const char *name = realm + strlen("https://");
	size_t len = strcspn(name, ":/?");

	return len == strlen(host) && strncasecmp(name, host, len) == 0;
}

static int refused(const struct icr_http_reply *reply, const char *realm, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf words;
	icr_buf_init(&words, ICR_HTTP_BODY_MAX);

	icr_message_error_text(reply->body.data, reply->body.len, &words);
	const char *text = words.len > 0 && !words.failed ? words.data : "no reason given";
	/* 400 is documented for a bad login (IBM Cloud Docs, Registry, registry_access) */
	if (reply->status == 400 || reply->status == 401 || reply->status == 403)
		return icr_fail_at(err, EACCES, realm, "the registry refuses the login (%d): %s",
				   reply->status, text);
	return icr_fail_at(err, ICR_E_PROTOCOL, realm,
			   "the registry gives no token, it answers %d: %s", reply->status, text);
}

static int read_token(const struct icr_http_reply *reply, const char *realm,
		      struct icr_secret *ret_token, struct icr_error *err)
{
	_cleanup_message_ cJSON *message = NULL;

	int r = icr_message_parse(reply->body.data, reply->body.len, false, &message, err);
	if (r < 0)
		return icr_error_wrap(err, "%s: the registry's token reply", realm);
	const char *token = icr_message_string(message, "token");
	if (!token || !*token)
		token = icr_message_string(message, "access_token");
	if (!token || !*token)
		return icr_fail_at(err, ICR_E_PROTOCOL, realm,
				   "the registry's reply holds no token");
	return icr_secret_set(ret_token, token, strlen(token), err);
}

static void clean_reply(struct icr_http_reply *reply)
{
	icr_http_reply_free(reply);
}

int icr_registry_token(const struct icr_challenge *challenge, const char *scope, const char *host,
		       const char *address, const char *username, const struct icr_secret *password,
		       int timeout_ms, struct icr_secret *ret_token, struct icr_error *err)
{
	icr_cleanup(clean_reply) struct icr_http_reply reply = {0};
	_cleanup_buf_ struct icr_buf url;
	icr_buf_init(&url, URL_MAX);

	token_url(challenge, scope, &url);
	int r = icr_buf_check(&url, "the URL of the registry's token", err);
	if (r < 0)
		return r;
	const struct icr_http_request request = {
		.method = "GET",
		.url = url.data,
		.address = realm_is_at(challenge->realm, host) ? address : NULL,
		.username = username,
		.password = password,
		.accept = "application/json",
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms,
	};
	r = icr_http_perform(&request, 1, &reply, err);
	if (r < 0)
		return r;
	if (reply.outcome != ICR_HTTP_DONE)
		return icr_fail_at(err, ICR_E_UNAVAILABLE, challenge->realm,
				   "the registry cannot be asked for a token: %s", reply.message);
	if (reply.status != 200)
		return refused(&reply, challenge->realm, err);
	return read_token(&reply, challenge->realm, ret_token, err);
}
