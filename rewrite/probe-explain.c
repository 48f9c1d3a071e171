/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/probe-explain.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"

#define TEXT_MAX ((size_t)16 * 1024)

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
