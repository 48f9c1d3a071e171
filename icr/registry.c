/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/registry.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/message.h"

#define HEADER_MAX ((size_t)8192)
#define REALM_MAX  ((size_t)2048)
#define URL_MAX	   ((size_t)8192)

/* A part of the header. */
struct span {
	const char *start;
	size_t len;
};

/*
 * Reads "SCHEME NAME=VALUE, NAME=VALUE, SCHEME ..." (RFC 9110 section 11.6.1): a word that is
 * followed by '=' names a value, any other begins a challenge.
 */
struct reader {
	const char *at;
	bool bearer; /* inside of a Bearer challenge */
	size_t found;
};

static bool is_token(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static struct span read_word(struct reader *reader)
{
	struct span token = {.start = reader->at};

	while (is_token(*reader->at))
		reader->at++;
	token.len = (size_t)(reader->at - token.start);
	return token;
}

static void skip(struct reader *reader, const char *set)
{
	reader->at += strspn(reader->at, set);
}

static bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && strncasecmp(span.start, text, span.len) == 0;
}

static int read_quoted(struct reader *reader, struct icr_buf *value, struct icr_error *err)
{
	for (reader->at++; *reader->at != '"'; reader->at++) {
		if (*reader->at == '\\')
			reader->at++;
		if (*reader->at == '\0')
			return icr_fail(err, ICR_E_PROTOCOL,
					"the registry's challenge has an unclosed quote");
		icr_buf_char(value, *reader->at);
	}
	reader->at++;
	return 0;
}

/* Unquoted values go to the next comma or space: URLs and scopes come so, though they are no
 * tokens. */
static int read_value(struct reader *reader, struct icr_buf *value, struct icr_error *err)
{
	if (*reader->at == '"')
		return read_quoted(reader, value, err);
	size_t len = strcspn(reader->at, ", \t\"");
	icr_buf_append(value, reader->at, len);
	reader->at += len;
	if (*reader->at == '"')
		return icr_fail(err, ICR_E_PROTOCOL,
				"the registry's challenge has a quote within a value");
	return 0;
}

static char **member(struct icr_challenge *challenge, struct span name)
{
	if (span_is(name, "realm"))
		return &challenge->realm;
	if (span_is(name, "service"))
		return &challenge->service;
	return span_is(name, "scope") ? &challenge->scope : NULL;
}

static int check_value(struct span name, const struct icr_buf *value, struct icr_error *err)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->data[i] < ' ' || value->data[i] > '~')
			return icr_fail(err, ICR_E_PROTOCOL,
					"the registry's challenge has an invalid character in %.*s",
					(int)name.len, name.start);
	return 0;
}

static int keep(struct icr_challenge *challenge, struct span name, struct icr_buf *value,
		struct icr_error *err)
{
	char **target = member(challenge, name);

	if (!target)
		return 0;
	if (*target)
		return icr_fail(err, ICR_E_PROTOCOL, "the registry's challenge repeats %.*s",
				(int)name.len, name.start);
	int r = check_value(name, value, err);
	if (r == 0)
		*target = icr_strndup(value->data, value->len);
	return r;
}

/* Of a further challenge. */
static int keep_other(struct icr_challenge *challenge, struct span name, struct icr_buf *value,
		      struct icr_error *err)
{
	if (!span_is(name, "realm"))
		return 0;
	int r = check_value(name, value, err);
	if (r == 0)
		icr_strings_add_span(&challenge->others, value->data, value->len);
	return r;
}

/* One NAME=VALUE, or the beginning of a challenge. */
static int read_item(struct reader *reader, struct icr_challenge *challenge, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf value = ICR_BUF(HEADER_MAX);

	struct span name = read_word(reader);
	if (name.len == 0)
		return icr_fail(err, ICR_E_PROTOCOL, "the registry's challenge does not parse");
	size_t space = strspn(reader->at, " \t");
	if (reader->at[space] != '=') {
		reader->bearer = span_is(name, "Bearer");
		reader->found += reader->bearer;
		return 0;
	}
	reader->at += space + 1;
	skip(reader, " \t");
	int r = read_value(reader, &value, err);
	if (r < 0)
		return r;
	if (!reader->bearer)
		return 0;
	return reader->found > 1 ? keep_other(challenge, name, &value, err)
				 : keep(challenge, name, &value, err);
}

static int read_challenge(const char *header, struct icr_challenge *challenge,
			  struct icr_error *err)
{
	struct reader reader = {.at = header};

	skip(&reader, ", \t");
	while (*reader.at) {
		int r = read_item(&reader, challenge, err);
		if (r < 0)
			return r;
		skip(&reader, ", \t");
	}
	if (!reader.found)
		return icr_fail(err, ICR_E_PROTOCOL,
				"the registry asks for a login that is not of "
				"scheme Bearer");
	if (!challenge->realm)
		return icr_fail(err, ICR_E_PROTOCOL, "the registry's challenge has no realm");
	return 0;
}

/* https://HOST[:PORT][/...], with nothing that clients read in different ways: user information,
 * backslashes, percent signs or brackets in the host, a fragment. */
static bool is_realm(const char *realm)
{
	static const char scheme[] = "https://";

	if (strlen(realm) > REALM_MAX || strncasecmp(realm, scheme, strlen(scheme)) != 0)
		return false;
	const char *host = realm + strlen(scheme);
	size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789.-");
	if (len == 0)
		return false;
	const char *rest = host + len;
	if (*rest == ':') {
		size_t digits = strspn(rest + 1, "0123456789");
		if (digits == 0 || digits > 5)
			return false;
		rest += 1 + digits;
	}
	return (*rest == '\0' || *rest == '/' || *rest == '?') && !strpbrk(rest, " \"#<>\\^`{|}");
}

static int check_realm(const char *realm, struct icr_error *err)
{
	return is_realm(realm)
		       ? 0
		       : icr_fail(err, ICR_E_PROTOCOL,
				  "the registry's realm is not a plain https URL: %s", realm);
}

int icr_challenge_parse(const char *header, struct icr_challenge *ret_challenge,
			struct icr_error *err)
{
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};

	if (strlen(header) > HEADER_MAX)
		return icr_fail(err, ICR_E_PROTOCOL, "the registry's challenge is too long");
	int r = read_challenge(header, &challenge, err);
	if (r < 0)
		return r;
	r = check_realm(challenge.realm, err);
	for (size_t i = 0; r == 0 && i < challenge.others.count; i++)
		r = check_realm(challenge.others.items[i], err);
	if (r < 0)
		return r;
	*ret_challenge = challenge;
	challenge = (struct icr_challenge){0};
	return 0;
}

void icr_challenge_free(struct icr_challenge *challenge)
{
	if (!challenge)
		return;
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	icr_strings_free(&challenge->others);
	*challenge = (struct icr_challenge){0};
}

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

bool icr_realm_is_of(const char *realm, const struct icr_host *host)
{
	char asked[ICR_HOST_MAX], named[ICR_HOST_MAX];
	struct icr_host at;

	if (!is_realm(realm) || !icr_host_parse(realm, strlen(realm), &at))
		return false;
	icr_host_public(host, asked);
	icr_host_public(&at, named);
	return strcmp(asked, named) == 0;
}

static int refused(const struct icr_http_reply *reply, const char *realm, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf words = ICR_BUF(ICR_HTTP_BODY_MAX);

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

	int r = icr_message_parse(reply->body.data, reply->body.len, &message, err);
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

int icr_registry_token(const struct icr_challenge *challenge, const char *scope,
		       const struct icr_host *host, const char *address, const char *username,
		       const struct icr_secret *password, int timeout_ms,
		       struct icr_secret *ret_token, struct icr_error *err)
{
	icr_cleanup(icr_http_reply_free) struct icr_http_reply reply = {0};
	_cleanup_buf_ struct icr_buf url = ICR_BUF(URL_MAX);

	const char *stray = icr_realm_is_of(challenge->realm, host) ? NULL : challenge->realm;
	for (size_t i = 0; !stray && i < challenge->others.count; i++)
		if (!icr_realm_is_of(challenge->others.items[i], host))
			stray = challenge->others.items[i];
	if (stray) {
		(void)icr_fail_at(err, ICR_E_REFUSED, host->name,
				  "the login realm %s is not of this registry: the key is not sent",
				  stray);
		return icr_error_hint(err, "engines do send it there, over whichever network that "
					   "name leads to");
	}
	token_url(challenge, scope, &url);
	int r = icr_buf_check(&url, "the URL of the registry's token", err);
	if (r < 0)
		return r;
	const struct icr_http_request request = {
		.method = "GET",
		.url = url.data,
		.address = address,
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
