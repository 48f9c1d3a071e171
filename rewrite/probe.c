/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/probe.h"

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/message.h"
#include "icr/progress.h"
#include "icr/region-set.h"
#include "icr/registry.h"
#include "icr/value.h"
#include "rewrite/docker/api.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/host.h"

#define BODY_MAX ((size_t)64 * 1024)
#define TEXT_MAX ((size_t)16 * 1024)

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
		return region->label[0] ? NULL : ICR_ENTITLED_NAME;
	default:
		return NULL;
	}
}

struct icr_http_request probe_request(const char *name, const char *address, int timeout_ms,
				      char url[PROBE_URL_MAX])
{
	(void)snprintf(url, PROBE_URL_MAX, "https://%s/v2/", name);
	return (struct icr_http_request){
		.method = "GET",
		.url = url,
		.address = address,
		.accept = "application/json",
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms,
		.body_max = BODY_MAX,
		.again = true,
	};
}

static char *format_refusal(const struct icr_http_reply *reply)
{
	_cleanup_buf_ struct icr_buf words = ICR_BUF(BODY_MAX);

	icr_message_error_text(reply->body.data, reply->body.len, &words);
	return icr_printf("the registry answers %d%s%s", reply->status, words.len ? ": " : "",
			  words.data);
}

/* Why a challenge does not do; NULL when it does. */
static char *judge_challenge(const struct icr_http_reply *reply, struct icr_strings *realms)
{
	_cleanup_error_ struct icr_error err = {0};
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};
	struct icr_host host;

	if (!reply->challenge)
		return icr_strdup("the registry answers 401 without saying where to log in");
	if (icr_challenge_parse(reply->challenge, &challenge, &err) < 0)
		return icr_strdup(err.what);
	icr_strings_add(realms, challenge.realm);
	for (size_t i = 0; i < challenge.others.count; i++)
		icr_strings_add(realms, challenge.others.items[i]);
	for (size_t i = 0; i < realms->count; i++)
		if (!icr_host_parse(realms->items[i], strlen(realms->items[i]), &host))
			return icr_printf("the login realm %s is not at a host of ICR",
					  realms->items[i]);
	return NULL;
}

/* Without a login /v2/ is an empty JSON object, or nothing (OCI distribution specification,
 * end-1). */
static bool is_registry(const struct icr_http_reply *reply)
{
	_cleanup_value_ struct icr_value *message = NULL;

	if (reply->body.len == 0)
		return true;
	return icr_value_parse(reply->body.data, reply->body.len, false, &message, NULL) >= 0 &&
	       message->count == 0;
}

void probe_judge(const struct icr_http_reply *reply, struct probe_answer *answer)
{
	/* the challenge is all of a 401 that counts */
	bool done = reply->outcome == ICR_HTTP_DONE ||
		    (reply->outcome == ICR_HTTP_TOO_LARGE && reply->status == 401);

	answer->asked = true;
	answer->outcome = done ? ICR_HTTP_DONE : reply->outcome;
	answer->status = reply->status;
	if (!done)
		answer->message = icr_strdup(
			reply->message ? reply->message : icr_http_outcome_text(reply->outcome));
	else if (reply->status == 401)
		answer->message = judge_challenge(reply, &answer->realms);
	else if (reply->status != 200)
		answer->message = format_refusal(reply);
	else if (!is_registry(reply))
		answer->message = icr_strdup("answers 200 with something that is not a registry's "
					     "/v2/");
	answer->passed = !answer->message;
	if (answer->realms.count)
		answer->realm = icr_strdup(answer->realms.items[0]);
}

void probe_answer_free(struct probe_answer *answer)
{
	free(answer->realm);
	icr_strings_free(&answer->realms);
	free(answer->message);
}

/* One request under way. */
struct question {
	struct question *next;
	struct probe_region *region;
	struct probe_address *address; /* NULL: the gateway's */
	int name;		       /* PROBE_NAMES: management */
	char url[PROBE_URL_MAX];
	int64_t begin_ms;
	struct icr_http_request request;
	struct icr_http_reply reply;
};

/* One probe under way. */
struct session {
	struct probe *probe;
	const struct probe_scope *scope;
	int64_t deadline_ms;
	struct icr_http *http;
	struct question *questions;
	struct icr_lookups *lookups;
	struct icr_resolution *names; /* in the order of targets */
	struct icr_resolution **targets;
	size_t name_count;
	bool *begun, *gateway_begun; /* by region */
	char *fault;		     /* of this host: it could not ask everything; or NULL */
};

static void session_free(struct session *session)
{
	icr_http_close(&session->http);
	icr_lookups_leave(&session->lookups);
	while (session->questions) {
		struct question *question = session->questions;
		session->questions = question->next;
		icr_http_reply_free(&question->reply);
		free(question);
	}
	free(session->names);
	free(session->targets);
	free(session->begun);
	free(session->gateway_begun);
	free(session->fault);
}

static void ask(struct session *session, struct probe_region *region, struct probe_address *address,
		int name, const char *host, const char *at)
{
	struct question *question = icr_calloc(1, sizeof(*question));
	question->begin_ms = icr_clock_ms();
	int64_t left = session->deadline_ms - question->begin_ms;
	question->next = session->questions;
	session->questions = question;
	question->region = region;
	question->address = address;
	question->name = name;
	question->request = probe_request(
		host, at, left < PROBE_ANSWER_MS ? (int)left : PROBE_ANSWER_MS, question->url);
	if (name == PROBE_NAMES)
		(void)snprintf(question->url, sizeof(question->url), "https://%s/api/v1/messages",
			       host);
	question->request.data = question;
	icr_http_start(session->http, &question->request, &question->reply);
}

static void ask_address(struct session *session, struct probe_region *region,
			struct probe_address *address)
{
	const char *refusal = icr_address_refusal(address->address);
	const struct icr_region_set *set = session->scope->management;
	bool asks_management = set && icr_region_set_has(set, region->region);

	for (int name = 0; name < PROBE_NAMES; name++) {
		struct probe_answer *answer = &address->answers[name];
		const char *host = name_of(region->region, name);
		if (!host)
			continue;
		(void)snprintf(answer->name, sizeof(answer->name), "%s", host);
		answer->outcome = ICR_HTTP_FAILED;
		if (refusal)
			answer->message = icr_printf("%s, so not the private network's: never "
						     "asked",
						     refusal);
		else
			ask(session, region, address, name, host, address->address);
	}
	address->management = !asks_management;
	if (!refusal && asks_management)
		ask(session, region, address, PROBE_NAMES, region->region->public_name,
		    address->address);
}

static void begin_region(struct session *session, struct probe_region *region)
{
	const struct icr_resolution *name = &region->private_name;

	region->count = name->count;
	region->addresses = icr_calloc(name->count + 1, sizeof(*region->addresses));
	for (size_t i = 0; i < name->count; i++) {
		memcpy(region->addresses[i].address, name->addresses[i], ICR_ADDRESS_MAX);
		ask_address(session, region, &region->addresses[i]);
	}
}

/* Loopback is no evidence: a forwarder there may lead anywhere. */
static bool is_gateway(const char *address)
{
	return strncmp(address, "169.254.", 8) == 0 || !icr_address_refusal(address);
}

static void begin_gateway(struct session *session, struct probe_region *region)
{
	const struct icr_resolution *name = &region->public_name;

	for (size_t i = 0; i < name->count; i++)
		if (!is_gateway(name->addresses[i]) || name->has_public)
			return;
	for (size_t i = 0; i < name->count; i++)
		ask(session, region, NULL, PROBE_PUBLIC, name->name, name->addresses[i]);
	region->gateway.asked = name->count;
}

static void judge_gateway(const struct icr_http_reply *reply, struct probe_gateway *gateway)
{
	struct probe_answer answer = {0};

	probe_judge(reply, &answer);
	if (answer.passed) {
		gateway->passed++;
	} else {
		free(gateway->message);
		gateway->message = icr_steal(&answer.message);
		gateway->outcome = answer.outcome;
	}
	probe_answer_free(&answer);
}

/* Needs no login; without news it has no content (IBM Cloud API, Container Registry, "messages").
 */
static bool is_management(const struct icr_http_reply *reply)
{
	return reply->outcome == ICR_HTTP_DONE && (reply->status == 200 || reply->status == 204);
}

static void judge(struct session *session, const struct question *question)
{
	int64_t took = icr_clock_ms() - question->begin_ms;

	if (question->reply.outcome == ICR_HTTP_DONE && took > session->probe->answer_ms)
		session->probe->answer_ms = took;
	if (question->reply.outcome == ICR_HTTP_LOCAL && !session->fault)
		session->fault = icr_strdup(question->reply.message);
	if (!question->address)
		judge_gateway(&question->reply, &question->region->gateway);
	else if (question->name == PROBE_NAMES)
		question->address->management = is_management(&question->reply);
	else
		probe_judge(&question->reply, &question->address->answers[question->name]);
}

static void look_up(struct session *session, struct icr_resolution *target, const char *name,
		    bool past_files)
{
	if (!name)
		return;
	*target = (struct icr_resolution){.name = name, .past_files = past_files};
	session->targets[session->name_count++] = target;
}

static int start(struct session *session, struct icr_error *err)
{
	const struct probe_scope *scope = session->scope;
	struct probe *probe = session->probe;
	size_t rows;
	const struct icr_region *table = icr_regions(&rows);

	probe->regions = icr_calloc(rows, sizeof(*probe->regions));
	session->begun = icr_calloc(rows, sizeof(*session->begun));
	session->gateway_begun = icr_calloc(rows, sizeof(*session->gateway_begun));
	session->targets = icr_calloc(rows * (PROBE_NAMES + 1), sizeof(struct icr_resolution *));
	for (size_t i = 0; i < rows; i++) {
		if (!icr_region_set_has(scope->regions, &table[i]))
			continue;
		struct probe_region *region = &probe->regions[probe->count];
		region->region = &table[i];
		look_up(session, &region->private_name, table[i].private_name, scope->past_files);
		region->public_name.name = table[i].public_name;
		if (icr_region_set_has(scope->managed, &table[i]))
			session->gateway_begun[probe->count] = true;
		else
			look_up(session, &region->public_name, table[i].public_name, false);
		for (int name = PROBE_PUBLIC; name < PROBE_NAMES; name++)
			look_up(session, &region->outside[name], name_of(&table[i], name), true);
		probe->count++;
	}
	session->names = icr_calloc(session->name_count + 1, sizeof(*session->names));
	for (size_t i = 0; i < session->name_count; i++)
		session->names[i] = *session->targets[i];
	int r = icr_lookups_start(session->names, session->name_count, &session->lookups, err);
	return r < 0 ? r : icr_http_open(&session->http, err);
}

/* Takes the names that are known by now and asks their addresses; true when no name is missing. */
static bool take_names(struct session *session, bool last)
{
	bool all = icr_lookups_collect(session->lookups, session->names);

	for (size_t i = 0; i < session->name_count; i++) {
		int failure = session->names[i].failure;
		*session->targets[i] = session->names[i];
		if ((failure == EAI_SYSTEM || failure == EAI_MEMORY) && !session->fault)
			session->fault =
				icr_printf("%s: cannot be resolved for lack of descriptors or "
					   "memory",
					   session->names[i].name);
	}
	for (size_t i = 0; i < session->probe->count; i++) {
		struct probe_region *region = &session->probe->regions[i];
		if (!session->begun[i] && (region->private_name.done || last)) {
			session->begun[i] = true;
			begin_region(session, region);
		}
		if (!session->gateway_begun[i] && (region->public_name.done || last)) {
			session->gateway_begun[i] = true;
			begin_gateway(session, region);
		}
	}
	return all || last;
}

static int converse(struct session *session, int64_t names_deadline_ms, struct icr_error *err)
{
	bool named = false;

	for (;;) {
		const struct icr_http_request *ended = NULL;
		int64_t left = names_deadline_ms - icr_clock_ms();
		if (!named)
			named = take_names(session, left <= 0);
		if (named && icr_http_under_way(session->http) == 0)
			return 0;
		int fd = named ? -1 : icr_lookups_fd(session->lookups);
		/* Every request has its own time limit. */
		int r = icr_http_next(session->http, fd, named ? PROBE_TIMEOUT_MS : (int)left,
				      &ended, err);
		if (r < 0)
			return r;
		if (ended)
			judge(session, ended->data);
	}
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
#define HINT_ADDRESS                                                                               \
	"IBM Cloud's private names lead to 166.8.0.0/14, or to a VPE gateway: see the name "       \
	"servers in /etc/resolv.conf, and the hosts file"
#define HINT_INSECURE                                                                              \
	"take that network out of Docker's insecure-registries, in daemon.json or its unit, or "   \
	"make it smaller; then restart Docker"
#define HINT_LOCAL "see the limits of this process (ulimit -n) and package ca-certificates"
#define HINT_GATEWAY                                                                               \
	"%s leads to %s, a VPE gateway or pin that does not answer (%s): the gateway's security "  \
	"group must admit this host on TCP 443"

/* How far an outcome came: the further, the more it says. */
static int rank(const struct probe_answer *answer)
{
	static const int ranks[] = {
		[ICR_HTTP_DONE] = 13,	    [ICR_HTTP_TOO_LARGE] = 12,
		[ICR_HTTP_TLS_NAME] = 11,   [ICR_HTTP_TLS_UNTRUSTED] = 10,
		[ICR_HTTP_TLS] = 9,	    [ICR_HTTP_TIMEOUT] = 8,
		[ICR_HTTP_RESET] = 7,	    [ICR_HTTP_REFUSED] = 6,
		[ICR_HTTP_UNREACHABLE] = 5, [ICR_HTTP_CONNECT_TIMEOUT] = 4,
		[ICR_HTTP_LOCAL] = 3,	    [ICR_HTTP_FAILED] = 2,
		[ICR_HTTP_NO_NAME] = 1,
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
	if (!chosen->asked || chosen->insecure)
		icr_buf_printf(out, ": %s", chosen->message);
	else if (chosen->outcome == ICR_HTTP_TLS_NAME)
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
	if (answer->insecure)
		return HINT_INSECURE;
	if (!answer->asked)
		return HINT_ADDRESS;
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
	case ICR_HTTP_LOCAL:
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

static void explain_failure(struct probe_region *region)
{
	const struct probe_gateway *gateway = &region->gateway;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	const char *hint;

	if (region->count == 0) {
		print_no_name(&region->private_name, &text);
		hint = HINT_DNS;
	} else {
		const struct probe_answer *chosen = choose(region);
		print_failure(region, chosen, &text);
		hint = hint_of(chosen);
	}
	region->failure = icr_buf_take(&text);
	if (gateway->asked)
		region->hint = icr_printf(
			HINT_GATEWAY, region->public_name.name, region->public_name.addresses[0],
			gateway->message ? gateway->message
					 : icr_http_outcome_text(gateway->outcome));
	else if (hint)
		region->hint = icr_strdup(hint);
}

static const char *kind_of(const char *address)
{
	if (strncmp(address, "169.254.", 8) == 0)
		return "where IKS and ROKS workers pin it";
	if (strncmp(address, "166.", 4) == 0 || strncmp(address, "161.26.", 7) == 0)
		return "an address of IBM Cloud's private network";
	return "which looks private, as a VPE gateway does (and a relay that leads out again)";
}

void probe_explain(struct probe_region *region)
{
	const struct icr_resolution *name = &region->public_name;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	if (!region->gateway.passed && !region->proven)
		explain_failure(region);
	if (!region->gateway.passed)
		return;
	icr_buf_printf(&text, "%s leads to ", name->name);
	for (size_t i = 0; i < name->count; i++)
		icr_buf_printf(&text, "%s%s", i ? ", " : "", name->addresses[i]);
	icr_buf_printf(&text, ", %s, and the registry answers there", kind_of(name->addresses[0]));
	region->already = icr_buf_take(&text);
}

static void settle(struct probe_region *region)
{
	region->proven = false;
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

/* Docker checks no certificate in these networks, so whoever can answer there for a moment gets the
 * key of each later login. */
static void refuse_network(struct probe_region *region, const char *network)
{
	for (size_t i = 0; i < region->count; i++) {
		struct probe_address *address = &region->addresses[i];
		struct probe_answer *answer = &address->answers[PROBE_PRIVATE];
		if (!address->proven || !icr_address_in(address->address, network))
			continue;
		answer->passed = false;
		answer->insecure = true;
		free(answer->message);
		answer->message = icr_printf("lies in %s, where Docker (insecure-registries) "
					     "checks no certificate",
					     network);
	}
	settle(region);
}

static void add_word(const char *word, void *data)
{
	icr_strings_add(data, word);
}

/* What the daemon will go by when it starts next: at boot we are there first. A file that cannot be
 * read or parsed starts no daemon. */
static void add_configured(const struct docker *docker, struct icr_strings *networks)
{
	static const char option[] = "--insecure-registry";
	const struct icr_strings *command = &docker->unit.command;
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	if (docker->config && !docker->hidden && host_read(docker->config, &text) &&
	    icr_json_parse(text.data, text.len, docker->config, DOCKER_JSON_FLAGS, &json, NULL) >=
		    0)
		docker_mirrors_each(&json, DOCKER_INSECURE, add_word, networks);
	for (size_t i = 1; i < command->count; i++) {
		const char *word = command->items[i], *value = word + strlen(option);
		if (strncmp(word, option, strlen(option)) != 0)
			continue;
		if (*value == '=')
			icr_strings_add(networks, value + 1);
		else if (*value == '\0' && i + 1 < command->count)
			icr_strings_add(networks, command->items[i + 1]);
	}
}

/* By the configuration, and of a daemon that runs by what it says itself. */
static int refuse_insecure(struct probe *probe, struct icr_error *err)
{
	icr_cleanup(host_free) struct host host = {.root = ""};
	_cleanup_docker_ struct docker docker = {0};
	_cleanup_docker_info_ struct docker_info info = {0};
	bool proven = false;

	for (size_t i = 0; i < probe->count; i++)
		proven |= probe->regions[i].proven;
	int r = proven ? host_open(NULL, false, &host, err) : 0;
	if (r < 0 || !proven)
		return r;
	docker = docker_find(&host);
	r = docker_info_get(&host, &docker, &info, err);
	if (r >= 0)
		add_configured(&docker, &info.insecure);
	for (size_t i = 0; r >= 0 && i < info.insecure.count; i++)
		for (size_t j = 0; j < probe->count; j++)
			refuse_network(&probe->regions[j], info.insecure.items[i]);
	return r;
}

static const struct probe_region *find_region(const struct probe *probe,
					      const struct icr_region *region)
{
	for (size_t i = 0; i < probe->count; i++)
		if (probe->regions[i].region == region)
			return &probe->regions[i];
	return NULL;
}

/* Will requests to HOST, a name of ICR, stay private with what PROBE found? */
static bool is_steered(const struct probe *probe, const struct icr_host *host)
{
	size_t count;
	bool entitled = host->kind == ICR_HOST_ENTITLED;
	const struct probe_region *region =
		find_region(probe, entitled ? icr_regions(&count) : host->region);

	if (!region || (!region->proven && !region->already))
		return false;
	if (entitled)
		return probe_covers(region, PROBE_ENTITLED);
	return host->kind != ICR_HOST_ALIAS || region->already || probe_covers(region, PROBE_ALIAS);
}

/* The first realm of the answer that would not stay private, in RET_HOST. */
static bool has_stray(const struct probe *probe, const struct probe_answer *answer,
		      struct icr_host *ret_host)
{
	const struct icr_strings *realms = &answer->realms;

	for (size_t i = 0; i < realms->count; i++)
		if (icr_host_parse(realms->items[i], strlen(realms->items[i]), ret_host) &&
		    !is_steered(probe, ret_host))
			return true;
	return false;
}

static void find_stray(const struct probe *probe, struct probe_region *region)
{
	struct icr_host host;

	for (size_t i = 0; i < region->count; i++) {
		const struct probe_address *address = &region->addresses[i];
		for (int name = PROBE_PUBLIC; address->proven && name < PROBE_NAMES; name++) {
			if (!probe_covers(region, name) ||
			    !has_stray(probe, &address->answers[name], &host))
				continue;
			region->stray = icr_strdup(host.name);
			return;
		}
	}
}

int probe_run(const struct probe_scope *scope, struct probe *ret_probe, struct icr_error *err)
{
	icr_progress("asking the private network");
	icr_cleanup(probe_free) struct probe probe = {0};
	int64_t begin = icr_clock_ms();
	icr_cleanup(session_free) struct session session = {
		.probe = &probe,
		.scope = scope,
		.deadline_ms = begin + scope->timeout_ms,
	};

	int r = start(&session, err);
	if (r >= 0)
		r = converse(&session, begin + PROBE_NAMES_MS, err);
	if (r >= 0 && session.fault) {
		(void)icr_fail(err, ICR_E_UNAVAILABLE, "%s", session.fault);
		r = icr_error_hint(err, HINT_LOCAL);
	}
	for (size_t i = 0; r >= 0 && i < probe.count; i++)
		settle(&probe.regions[i]);
	if (r >= 0)
		r = refuse_insecure(&probe, err);
	if (r < 0)
		return icr_error_wrap(err, "cannot probe the private network");
	for (size_t i = 0; i < probe.count; i++) {
		find_stray(&probe, &probe.regions[i]);
		probe_explain(&probe.regions[i]);
	}
	*ret_probe = probe;
	probe = (struct probe){0};
	return 0;
}

bool probe_covers(const struct probe_region *region, int name)
{
	for (size_t i = 0; i < region->count; i++)
		if (region->addresses[i].proven && !region->addresses[i].answers[name].passed)
			return false;
	return region->proven;
}

/* The I-th of the lookups that say where the region's names lead without a block of ours. */
static const struct icr_resolution *outside_at(const struct probe_region *region, int i)
{
	return i < PROBE_NAMES ? &region->outside[i] : &region->public_name;
}

static bool has_family(const struct probe_region *region, int family)
{
	for (size_t i = 0; i < region->count; i++)
		if (region->addresses[i].proven &&
		    icr_address_family(region->addresses[i].address) == family)
			return true;
	return false;
}

bool probe_lacks(const struct probe_region *region, int family)
{
	if (has_family(region, family))
		return false;
	for (int i = 0; i <= PROBE_NAMES; i++) {
		const struct icr_resolution *outside = outside_at(region, i);
		for (size_t j = 0; j < outside->count; j++)
			if (icr_address_family(outside->addresses[j]) == family)
				return true;
	}
	return false;
}

bool probe_may_lack(const struct probe_region *region, int family)
{
	bool unknown = false;

	for (int i = PROBE_PUBLIC; i < PROBE_NAMES; i++) {
		const struct icr_resolution *outside = &region->outside[i];
		unknown |= outside->name &&
			   (!outside->done || outside->failure == EAI_AGAIN || outside->partial);
	}
	return unknown && !has_family(region, family);
}

/* What is private, or closed, is not outside: a name server may read the hosts file too. */
void probe_outside(const struct probe_region *region, struct icr_strings *outside)
{
	for (int i = 0; i <= PROBE_NAMES; i++) {
		const struct icr_resolution *from = outside_at(region, i);
		for (size_t j = 0; j < from->count; j++)
			if (icr_address_is_public(from->addresses[j]))
				icr_strings_add_once(outside, from->addresses[j]);
	}
}

/* "166.9.250.214 is left out, asked as us.icr.io: connection refused"; NULL when none is. */
static char *left_out(const struct probe_region *region)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	for (size_t i = 0; i < region->count; i++) {
		const struct probe_answer *answer = obstacle(&region->addresses[i]);
		if (region->addresses[i].proven)
			continue;
		icr_buf_printf(&text, "%s%s is left out", text.len ? "; " : "",
			       region->addresses[i].address);
		if (answer->asked && !answer->insecure)
			icr_buf_printf(&text, ", asked as %s", answer->name);
		icr_buf_printf(&text, ": %s", message_of(answer));
	}
	return text.len ? icr_buf_take(&text) : NULL;
}

void probe_route(const struct probe_region *region, struct region_route *route)
{
	free(route->reason);
	route->reason = left_out(region);
	for (size_t i = 0; i < region->count; i++)
		if (region->addresses[i].proven)
			memcpy(route->addresses[route->count++], region->addresses[i].address,
			       ICR_ADDRESS_MAX);
	route->status = REGION_ACTIVE;
	route->proven = true;
	route->alias = region->region->alias && probe_covers(region, PROBE_ALIAS);
	route->entitled = !region->region->label[0] && probe_covers(region, PROBE_ENTITLED);
	route->close4 = probe_lacks(region, AF_INET);
	route->close6 = probe_lacks(region, AF_INET6);
}

int probe_check_realms(const struct probe *probe, struct icr_error *err)
{
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *region = &probe->regions[i];
		if (!region->proven || region->already || !region->stray)
			continue;
		(void)icr_fail_at(err, ICR_E_REFUSED, region->region->private_name,
				  "the registry sends logins to %s, which would not be steered: "
				  "engines would send their key there over the public network",
				  region->stray);
		return icr_error_hint(err, "name that registry's region in --regions too, or go on "
					   "all the same with --force");
	}
	return 0;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->count; i++) {
		struct probe_region *region = &probe->regions[i];
		for (size_t j = 0; j < region->count; j++)
			for (int name = 0; name < PROBE_NAMES; name++)
				probe_answer_free(&region->addresses[j].answers[name]);
		free(region->addresses);
		free(region->gateway.message);
		free(region->already);
		free(region->stray);
		free(region->failure);
		free(region->hint);
	}
	free(probe->regions);
	*probe = (struct probe){0};
}
