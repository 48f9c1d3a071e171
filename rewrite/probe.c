/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/probe.h"

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/host.h"
#include "icr/region-set.h"
#include "icr/registry.h"

#define CONNECT_TIMEOUT_MS 4000
#define BODY_MAX	   ((size_t)64 * 1024)
#define TEXT_MAX	   ((size_t)16 * 1024)

/* The part of the time that names may take; what they leave is for the addresses. */
#define RESOLVE_SHARE(timeout_ms) ((timeout_ms) / 9 * 4)

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

/*
 * Asks every address of every region of PROBE under every name, all at once, and fills in the
 * answers; GATEWAYS[i] belongs to regions[i]. Regions that MANAGED has are not asked under the
 * addresses of their public name.
 */
static int ask_all(struct probe *probe, const struct icr_region_set *managed, int timeout_ms,
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

/*
 * Which prerequisite an outcome points at. Sources: IBM Cloud Docs, account, "vrf-service-endpoint"
 * and "service-endpoints"; containers, "ts-sbd-vsi-vpe"; Registry, "ts_connect".
 */
#define HINT_NO_ROUTE                                                                              \
	"classic infrastructure: the account must be billable, with VRF and service endpoints "    \
	"enabled (ibmcloud account show; ibmcloud account update --service-endpoint-enable "       \
	"true); over a VPN or Direct Link: it must carry 166.8.0.0/14; in a VPC: a VPE gateway "   \
	"for the registry, or security groups and network ACLs that let TCP 443 out to "           \
	"166.8.0.0/14"
#define HINT_FIREWALL                                                                              \
	"a firewall or proxy on the way stops it: allow TCP 443 from this host to 166.8.0.0/14 "   \
	"(in a VPC, to the VPE gateway: its security group)"
#define HINT_SILENT                                                                                \
	"a firewall that inspects TLS, or a VPN whose packet size (MTU) is smaller than this "     \
	"host believes, often looks like that"
#define HINT_NAME                                                                                  \
	"clients of this host would refuse that certificate under this name, so the route by "     \
	"/etc/hosts cannot serve it"
#define HINT_UNTRUSTED                                                                             \
	"check this host's clock and its CA certificates (package ca-certificates); a firewall "   \
	"that inspects TLS needs its CA installed here"
#define HINT_REFUSAL                                                                               \
	"the private network is reached, and the registry itself refuses: see its words; "         \
	"policies "                                                                                \
	"of the account (context-based restrictions, allowed addresses) see this host's private "  \
	"address"
#define HINT_STRANGER "what answers at these addresses is not the registry: see DNS and proxies"
#define HINT_DNS                                                                                   \
	"the private names are in public DNS and resolve everywhere: see the name servers in "     \
	"/etc/resolv.conf (in a VPC 161.26.0.7 and 161.26.0.8) and what they filter"
#define HINT_GATEWAY                                                                               \
	"%s leads to %s, a VPE gateway or pin that does not answer (%s): the gateway's security "  \
	"group must admit this host on TCP 443"

/* How far an outcome came: the further, the more it says. */
static int rank(const struct probe_answer *answer)
{
	static const int ranks[] = {
		[ICR_HTTP_DONE] = 12,	    [ICR_HTTP_TOO_LARGE] = 11,
		[ICR_HTTP_TLS_NAME] = 10,   [ICR_HTTP_TLS_UNTRUSTED] = 9,
		[ICR_HTTP_TLS] = 8,	    [ICR_HTTP_TIMEOUT] = 7,
		[ICR_HTTP_RESET] = 6,	    [ICR_HTTP_REFUSED] = 5,
		[ICR_HTTP_UNREACHABLE] = 4, [ICR_HTTP_CONNECT_TIMEOUT] = 3,
		[ICR_HTTP_FAILED] = 2,	    [ICR_HTTP_NO_NAME] = 1,
	};

	return ranks[answer->outcome];
}

/* What keeps the address from being proven. */
static const struct probe_answer *obstacle(const struct probe_address *address)
{
	const struct probe_answer *answer = &address->answers[PROBE_PRIVATE];

	return answer->passed ? &address->answers[PROBE_PUBLIC] : answer;
}

static const struct probe_answer *choose(const struct probe_region *region)
{
	const struct probe_answer *chosen = obstacle(&region->addresses[0]);

	for (size_t i = 1; i < region->count; i++) {
		const struct probe_answer *other = obstacle(&region->addresses[i]);
		if (rank(other) > rank(chosen))
			chosen = other;
	}
	return chosen;
}

static const char *message_of(const struct probe_answer *answer)
{
	return answer->message ? answer->message : icr_http_outcome_text(answer->outcome);
}

static bool same(const struct probe_answer *a, const struct probe_answer *b)
{
	return a->outcome == b->outcome && strcmp(a->name, b->name) == 0 &&
	       strcmp(message_of(a), message_of(b)) == 0;
}

/* "198.51.100.11, 198.51.100.12: connect timed out"; what others say follows. */
static void print_failure(const struct probe_region *region, const struct probe_answer *chosen,
			  struct icr_buf *out)
{
	const char *separator = "";

	for (size_t i = 0; i < region->count; i++) {
		if (!same(obstacle(&region->addresses[i]), chosen))
			continue;
		icr_buf_printf(out, "%s%s", separator, region->addresses[i].address);
		separator = ", ";
	}
	if (chosen->outcome == ICR_HTTP_TLS_NAME)
		icr_buf_printf(out, ": the certificate there does not cover %s", chosen->name);
	else
		icr_buf_printf(out, ": asked as %s: %s", chosen->name, message_of(chosen));
	for (size_t i = 0; i < region->count; i++) {
		const struct probe_answer *other = obstacle(&region->addresses[i]);
		if (!same(other, chosen))
			icr_buf_printf(out, "; %s: %s", region->addresses[i].address,
				       message_of(other));
	}
}

static const char *hint_of(const struct probe_answer *answer)
{
	switch (answer->outcome) {
	case ICR_HTTP_NO_NAME:
		return HINT_DNS;
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_UNREACHABLE:
		return HINT_NO_ROUTE;
	case ICR_HTTP_REFUSED:
	case ICR_HTTP_RESET:
		return HINT_FIREWALL;
	case ICR_HTTP_TIMEOUT:
		return HINT_SILENT;
	case ICR_HTTP_TLS_NAME:
		return HINT_NAME;
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TLS:
		return HINT_UNTRUSTED;
	case ICR_HTTP_DONE:
		if (answer->status >= 500)
			return "the registry has a fault of its own: try again later";
		return answer->status == 401 || answer->status == 200 ? HINT_STRANGER
								      : HINT_REFUSAL;
	case ICR_HTTP_TOO_LARGE:
		return HINT_STRANGER;
	case ICR_HTTP_FAILED:
	default:
		return NULL;
	}
}

static void print_no_name(const struct icr_resolution *name, struct icr_buf *out)
{
	if (name->failure == EAI_AGAIN)
		icr_buf_text(out, "the name does not resolve: the name server does not answer, or "
				  "fails");
	else
		icr_buf_printf(out, "the name does not resolve: %s",
			       name->failure ? gai_strerror(name->failure) : "no address");
}

static int take(struct icr_buf *text, char **ret_text, struct icr_error *err)
{
	*ret_text = icr_buf_take(text);
	return *ret_text ? 0 : icr_fail_memory(err);
}

static int explain_hint(struct probe_region *region, const struct probe_gateway *gateway,
			const char *hint, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, TEXT_MAX);
	if (gateway->asked)
		icr_buf_printf(&text, HINT_GATEWAY, region->public_name.name,
			       region->public_name.addresses[0],
			       gateway->message ? gateway->message
						: icr_http_outcome_text(gateway->outcome));
	else if (hint)
		icr_buf_text(&text, hint);
	else
		return 0;
	return take(&text, &region->hint, err);
}

static int explain_failure(struct probe_region *region, const struct probe_gateway *gateway,
			   struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text;
	const char *hint = HINT_DNS;

	icr_buf_init(&text, TEXT_MAX);
	if (region->count == 0) {
		print_no_name(&region->private_name, &text);
	} else {
		const struct probe_answer *chosen = choose(region);
		print_failure(region, chosen, &text);
		hint = hint_of(chosen);
	}
	int r = take(&text, &region->failure, err);
	return r < 0 ? r : explain_hint(region, gateway, hint, err);
}

static const char *kind_of(const char *address)
{
	if (strncmp(address, "169.254.", 8) == 0)
		return "where IKS and ROKS workers pin it";
	if (strncmp(address, "166.", 4) == 0 || strncmp(address, "161.26.", 7) == 0)
		return "an address of IBM Cloud's private network";
	return "an address of this private network, as of a VPE gateway";
}

static int explain_already(struct probe_region *region, struct icr_error *err)
{
	const struct icr_resolution *name = &region->public_name;
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, TEXT_MAX);
	icr_buf_printf(&text, "%s leads to ", name->name);
	for (size_t i = 0; i < name->count; i++)
		icr_buf_printf(&text, "%s%s", i ? ", " : "", name->addresses[i]);
	icr_buf_printf(&text, ", %s, and the registry answers there", kind_of(name->addresses[0]));
	return take(&text, &region->already, err);
}

int probe_explain(struct probe_region *region, const struct probe_gateway *gateway,
		  struct icr_error *err)
{
	if (gateway->passed)
		return explain_already(region, err);
	return region->proven ? 0 : explain_failure(region, gateway, err);
}

struct gateways {
	struct probe_gateway *items;
	size_t count;
};

static void gateways_free(struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		free(gateways->items[i].message);
	free(gateways->items);
}

static int make_regions(const struct icr_region_set *set, struct probe *probe,
			struct icr_error *err)
{
	size_t rows;
	const struct icr_region *table = icr_regions(&rows);

	probe->regions = calloc(rows, sizeof(*probe->regions));
	if (!probe->regions)
		return icr_fail_memory(err);
	for (size_t i = 0; i < rows; i++) {
		if (!icr_region_set_has(set, &table[i]))
			continue;
		struct probe_region *region = &probe->regions[probe->count++];
		region->region = &table[i];
		region->private_name.name = table[i].private_name;
		region->public_name.name = table[i].public_name;
	}
	return 0;
}

static int take_addresses(struct probe_region *region, struct icr_error *err)
{
	const struct icr_resolution *name = &region->private_name;

	if (name->failure || name->count == 0)
		return 0;
	region->addresses = calloc(name->count, sizeof(*region->addresses));
	if (!region->addresses)
		return icr_fail_memory(err);
	region->count = name->count;
	for (size_t i = 0; i < name->count; i++)
		memcpy(region->addresses[i].address, name->addresses[i], ICR_ADDRESS_MAX);
	return 0;
}

static int resolve(struct probe *probe, int timeout_ms, struct icr_error *err)
{
	_cleanup_free_ struct icr_resolution *names = calloc(probe->count * 2 + 1, sizeof(*names));

	if (!names)
		return icr_fail_memory(err);
	for (size_t i = 0; i < probe->count; i++) {
		names[2 * i] = probe->regions[i].private_name;
		names[2 * i + 1] = probe->regions[i].public_name;
	}
	int r = icr_resolve(names, probe->count * 2, timeout_ms, err);
	for (size_t i = 0; r >= 0 && i < probe->count; i++) {
		probe->regions[i].private_name = names[2 * i];
		probe->regions[i].public_name = names[2 * i + 1];
		r = take_addresses(&probe->regions[i], err);
	}
	return r;
}

/* Where the public name leads in public DNS nothing is private, whatever certificate is shown
 * there: steering the name to it would only look as if. */
static bool is_public(const struct probe_region *region, const char *address)
{
	const struct icr_resolution *name = &region->public_name;

	for (size_t i = 0; !name->failure && i < name->count; i++)
		if (strcmp(name->addresses[i], address) == 0)
			return !icr_address_is_private(address);
	return false;
}

static int refuse_public(struct probe_region *region, struct icr_error *err)
{
	for (size_t i = 0; i < region->count; i++) {
		struct probe_answer *answer = &region->addresses[i].answers[PROBE_PRIVATE];
		if (!answer->passed || !is_public(region, region->addresses[i].address))
			continue;
		answer->passed = false;
		if (asprintf(&answer->message, "this is a public address, of %s",
			     region->region->public_name) < 0) {
			answer->message = NULL;
			return icr_fail_memory(err);
		}
	}
	return 0;
}

static void settle(struct probe_region *region)
{
	region->management = true;
	for (size_t i = 0; i < region->count; i++) {
		struct probe_address *address = &region->addresses[i];
		address->proven = address->answers[PROBE_PRIVATE].passed &&
				  address->answers[PROBE_PUBLIC].passed;
		region->proven |= address->proven;
		if (address->proven && !address->management)
			region->management = false;
	}
	region->management &= region->proven;
}

static int run(struct probe *probe, const struct icr_region_set *set,
	       const struct icr_region_set *managed, int timeout_ms, struct icr_error *err)
{
	icr_cleanup(gateways_free) struct gateways gateways = {0};
	int64_t deadline = icr_clock_ms() + timeout_ms;

	int r = make_regions(set, probe, err);
	if (r >= 0)
		r = resolve(probe, RESOLVE_SHARE(timeout_ms), err);
	if (r < 0)
		return r;
	gateways.items = calloc(probe->count + 1, sizeof(*gateways.items));
	if (!gateways.items)
		return icr_fail_memory(err);
	gateways.count = probe->count;
	r = ask_all(probe, managed, (int)(deadline - icr_clock_ms()), gateways.items, err);
	for (size_t i = 0; r >= 0 && i < probe->count; i++) {
		/* A name that we steer ourselves says nothing about the public network. */
		if (!icr_region_set_has(managed, probe->regions[i].region))
			r = refuse_public(&probe->regions[i], err);
		if (r < 0)
			break;
		settle(&probe->regions[i]);
		r = probe_explain(&probe->regions[i], &gateways.items[i], err);
	}
	return r;
}

int probe_run(const struct icr_region_set *set, const struct icr_region_set *managed,
	      int timeout_ms, struct probe *ret_probe, struct icr_error *err)
{
	struct probe probe = {0};

	int r = run(&probe, set, managed, timeout_ms, err);
	if (r < 0) {
		probe_free(&probe);
		return icr_error_wrap(err, "cannot probe the private network");
	}
	*ret_probe = probe;
	return 0;
}

bool probe_covers(const struct probe_region *region, int name)
{
	for (size_t i = 0; i < region->count; i++)
		if (region->addresses[i].proven && !region->addresses[i].answers[name].passed)
			return false;
	return region->proven;
}

static void region_free(struct probe_region *region)
{
	for (size_t i = 0; i < region->count; i++) {
		for (int name = 0; name < PROBE_NAMES; name++) {
			free(region->addresses[i].answers[name].realm);
			free(region->addresses[i].answers[name].message);
		}
	}
	free(region->addresses);
	free(region->already);
	free(region->failure);
	free(region->hint);
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->count; i++)
		region_free(&probe->regions[i]);
	free(probe->regions);
	*probe = (struct probe){0};
}
