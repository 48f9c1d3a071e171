/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/probe-ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/registry.h"

#define CONNECT_TIMEOUT_MS 4000
#define BODY_MAX	   ((size_t)64 * 1024)

/* One request and what it is about. */
struct ask {
	char *url;
	struct probe_address *address; /* NULL: the gateway's */
	struct probe_gateway *gateway;
	int name; /* PROBE_NAMES: management */
};

struct asks {
	struct ask *items;
	struct icr_http_request *requests;
	struct icr_http_reply *replies;
	size_t count, size;
};

static void asks_free(struct asks *asks)
{
	for (size_t i = 0; i < asks->count; i++) {
		free(asks->items[i].url);
		icr_http_reply_free(&asks->replies[i]);
	}
	free(asks->items);
	free(asks->requests);
	free(asks->replies);
}

static int asks_init(struct asks *asks, const struct probe *probe, struct icr_error *err)
{
	for (size_t i = 0; i < probe->count; i++)
		asks->size += probe->regions[i].count * (PROBE_NAMES + 1) + ICR_ADDRESSES_MAX;
	asks->items = calloc(asks->size, sizeof(*asks->items));
	asks->requests = calloc(asks->size, sizeof(*asks->requests));
	asks->replies = calloc(asks->size, sizeof(*asks->replies));
	return asks->items && asks->requests && asks->replies ? 0 : icr_fail_memory(err);
}

static int add(struct asks *asks, const struct ask *ask, const char *name, const char *path,
	       const char *address, int timeout_ms, struct icr_error *err)
{
	struct ask *item = &asks->items[asks->count];

	*item = *ask;
	if (asprintf(&item->url, "https://%s%s", name, path) < 0) {
		item->url = NULL;
		return icr_fail_memory(err);
	}
	asks->requests[asks->count++] = (struct icr_http_request){
		.method = "GET",
		.url = item->url,
		.address = address,
		.accept = "application/json",
		.connect_timeout_ms =
			timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS,
		.timeout_ms = timeout_ms,
		.body_max = BODY_MAX,
	};
	return 0;
}

static const char *name_of(const struct icr_region *region, int name)
{
	switch (name) {
	case PROBE_PRIVATE:
		return region->private_name;
	case PROBE_PUBLIC:
		return region->public_name;
	case PROBE_ALIAS:
		return region->alias;
	case PROBE_ENTITLED:
		/* the only other name of the global registry's addresses (IBM Cloud Docs,
		 * containers, firewall) */
		return region->label[0] ? NULL : "cp.icr.io";
	default:
		return NULL;
	}
}

static int add_address(struct asks *asks, const struct icr_region *region,
		       struct probe_address *address, int timeout_ms, struct icr_error *err)
{
	for (int name = 0; name < PROBE_NAMES; name++) {
		const char *text = name_of(region, name);
		if (!text)
			continue;
		(void)snprintf(address->answers[name].name, ICR_HOST_MAX, "%s", text);
		int r = add(asks, &(struct ask){.address = address, .name = name}, text, "/v2/",
			    address->address, timeout_ms, err);
		if (r < 0)
			return r;
	}
	return add(asks, &(struct ask){.address = address, .name = PROBE_NAMES},
		   region->public_name, "/api/v1/", address->address, timeout_ms, err);
}

/* Loopback is no evidence: a forwarder there may lead anywhere. */
static bool is_gateway(const char *address)
{
	return icr_address_is_private(address) && strncmp(address, "127.", 4) != 0 &&
	       strcmp(address, "::1") != 0;
}

static int add_gateway(struct asks *asks, const struct probe_region *region,
		       struct probe_gateway *gateway, int timeout_ms, struct icr_error *err)
{
	const struct icr_resolution *name = &region->public_name;

	if (name->failure)
		return 0;
	for (size_t i = 0; i < name->count; i++)
		if (!is_gateway(name->addresses[i]))
			return 0;
	for (size_t i = 0; i < name->count; i++) {
		int r = add(asks, &(struct ask){.gateway = gateway}, name->name, "/v2/",
			    name->addresses[i], timeout_ms, err);
		if (r < 0)
			return r;
		gateway->asked++;
	}
	return 0;
}

static int add_all(struct asks *asks, struct probe *probe, const struct icr_region_set *managed,
		   int timeout_ms, struct probe_gateway *gateways, struct icr_error *err)
{
	int r = asks_init(asks, probe, err);

	for (size_t i = 0; r >= 0 && i < probe->count; i++) {
		struct probe_region *region = &probe->regions[i];
		for (size_t j = 0; r >= 0 && j < region->count; j++)
			r = add_address(asks, region->region, &region->addresses[j], timeout_ms,
					err);
		if (r >= 0 && !icr_region_set_has(managed, region->region))
			r = add_gateway(asks, region, &gateways[i], timeout_ms, err);
	}
	return r;
}

static char *format_refusal(const struct icr_http_reply *reply)
{
	_cleanup_buf_ struct icr_buf words;
	char *text = NULL;

	icr_buf_init(&words, BODY_MAX);
	icr_message_error_text(reply->body.data, reply->body.len, &words);
	if (asprintf(&text, "the registry answers %d%s%s", reply->status, words.len ? ": " : "",
		     words.data) < 0)
		return NULL;
	return text;
}

/* Why a challenge does not do, malloc'ed; NULL when it does. */
static char *judge_challenge(const struct icr_http_reply *reply, char **ret_realm)
{
	_cleanup_error_ struct icr_error err = {0};
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};
	struct icr_host host;
	char *text = NULL;

	if (!reply->challenge)
		return strdup("the registry answers 401 without saying where to log in");
	if (icr_challenge_parse(reply->challenge, &challenge, &err) < 0)
		return strdup(err.what ? err.what : "the registry's challenge does not parse");
	*ret_realm = icr_steal(&challenge.realm);
	if (icr_host_parse(*ret_realm, strlen(*ret_realm), &host))
		return NULL;
	if (asprintf(&text, "the login realm %s is not at a host of ICR", *ret_realm) < 0)
		return NULL;
	return text;
}

/* Without a login /v2/ is an empty JSON object, or nothing (OCI distribution specification,
 * end-1). */
static bool is_registry(const struct icr_http_reply *reply)
{
	_cleanup_message_ cJSON *message = NULL;

	return reply->body.len == 0 ||
	       icr_message_parse(reply->body.data, reply->body.len, false, &message, NULL) >= 0;
}

static void judge(const struct icr_http_reply *reply, struct probe_answer *answer)
{
	answer->outcome = reply->outcome;
	if (reply->outcome != ICR_HTTP_DONE) {
		answer->message = strdup(reply->message ? reply->message
							: icr_http_outcome_text(reply->outcome));
		return;
	}
	answer->status = reply->status;
	if (reply->status == 401) {
		struct icr_host host;
		answer->message = judge_challenge(reply, &answer->realm);
		answer->passed = !answer->message && answer->realm &&
				 icr_host_parse(answer->realm, strlen(answer->realm), &host);
	} else if (reply->status == 200) {
		answer->passed = is_registry(reply);
		if (!answer->passed)
			answer->message = strdup("answers 200 with something that is not a "
						 "registry's /v2/");
	} else {
		answer->message = format_refusal(reply);
	}
}

/* Its errors carry codes of their own ("CRG0009E"); without a login it answers 401 or 403. */
static bool is_management(const struct icr_http_reply *reply)
{
	_cleanup_message_ cJSON *message = NULL;

	if (reply->outcome != ICR_HTTP_DONE)
		return false;
	if (reply->status == 200 || reply->status == 401 || reply->status == 403)
		return true;
	if (icr_message_parse(reply->body.data, reply->body.len, false, &message, NULL) < 0)
		return false;
	const char *code = icr_message_string(message, "code");
	return code && strncmp(code, "CRG", 3) == 0;
}

static void judge_gateway(const struct icr_http_reply *reply, struct probe_gateway *gateway)
{
	struct probe_answer answer = {0};

	judge(reply, &answer);
	free(answer.realm);
	if (answer.passed) {
		gateway->passed++;
		free(answer.message);
		return;
	}
	free(gateway->message);
	gateway->message = answer.message;
	gateway->outcome = answer.outcome;
}

static void judge_all(const struct asks *asks)
{
	for (size_t i = 0; i < asks->count; i++) {
		const struct ask *ask = &asks->items[i];
		if (ask->gateway)
			judge_gateway(&asks->replies[i], ask->gateway);
		else if (ask->name == PROBE_NAMES)
			ask->address->management = is_management(&asks->replies[i]);
		else
			judge(&asks->replies[i], &ask->address->answers[ask->name]);
	}
}

int probe_ask(struct probe *probe, const struct icr_region_set *managed, int timeout_ms,
	      struct probe_gateway *gateways, struct icr_error *err)
{
	icr_cleanup(asks_free) struct asks asks = {0};

	int r = add_all(&asks, probe, managed, timeout_ms, gateways, err);
	if (r < 0 || asks.count == 0)
		return r;
	r = icr_http_perform(asks.requests, asks.count, asks.replies, err);
	if (r < 0)
		return r;
	judge_all(&asks);
	return 0;
}
