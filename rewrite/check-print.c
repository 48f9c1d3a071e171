/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <string.h>

#include "rewrite/check.h"

bool check_is_private(const struct probe_region *region)
{
	return region->proven || region->already;
}

/* "-": never got there, so nobody knows */
static const char *tcp_word(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_NO_NAME:
	case ICR_HTTP_FAILED:
		return "-";
	case ICR_HTTP_CONNECT_TIMEOUT:
	case ICR_HTTP_REFUSED:
	case ICR_HTTP_UNREACHABLE:
		return "no";
	default:
		return "yes";
	}
}

static const char *tls_word(enum icr_http_outcome outcome)
{
	switch (outcome) {
	case ICR_HTTP_DONE:
	case ICR_HTTP_TOO_LARGE:
		return "yes";
	case ICR_HTTP_TLS_NAME:
	case ICR_HTTP_TLS_UNTRUSTED:
	case ICR_HTTP_TLS:
		return "no";
	default:
		return "-";
	}
}

#define ROW "  %-15s  %-28s  %-3s  %-3s  "

static void print_answer(const char *address, const struct probe_answer *answer,
			 struct icr_buf *out)
{
	if (!answer->name[0])
		return;
	icr_buf_printf(out, ROW, address, answer->name, tcp_word(answer->outcome),
		       tls_word(answer->outcome));
	if (answer->status)
		icr_buf_printf(out, "%d   ", answer->status);
	else
		icr_buf_text(out, "-     ");
	icr_buf_printf(out, "%s\n",
		       answer->message ? answer->message
		       : answer->realm ? answer->realm
				       : "no login needed");
}

static void print_state(const struct probe_region *region, struct icr_buf *out)
{
	icr_buf_printf(out, "%s (%s, %s): ", region->region->public_name, region->region->id,
		       region->region->place);
	if (region->already)
		icr_buf_printf(out, "private already: %s\n", region->already);
	else if (region->proven)
		icr_buf_printf(out, "proven by %s\n", region->region->private_name);
	else
		icr_buf_printf(out, "not proven: %s: %s\n", region->region->private_name,
			       region->failure ? region->failure : "nothing answers");
}

static void print_region(const struct probe_region *region, struct icr_buf *out)
{
	print_state(region, out);
	if (region->count)
		icr_buf_printf(out, ROW "%s\n", "ADDRESS", "NAME", "TCP", "TLS",
			       "/v2/  LOGIN REALM, OR WHY NOT");
	for (size_t i = 0; i < region->count; i++)
		for (int name = 0; name < PROBE_NAMES; name++)
			print_answer(region->addresses[i].address,
				     &region->addresses[i].answers[name], out);
	if (region->proven)
		icr_buf_printf(out, "  management (/api/v1/, for ibmcloud cr): %s\n",
			       region->management ? "answered there too" : "not answered there");
}

static bool same_hint(const struct probe_region *a, const struct probe_region *b)
{
	return a->hint && b->hint && strcmp(a->hint, b->hint) == 0;
}

/* Each hint once, with all the regions that it is for. */
static void print_hints(const struct probe *probe, struct icr_buf *out)
{
	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_region *region = &probe->regions[i];
		size_t first = 0;
		while (first < i && !same_hint(&probe->regions[first], region))
			first++;
		if (!region->hint || first < i)
			continue;
		icr_buf_text(out, region->region->public_name);
		for (size_t j = i + 1; j < probe->count; j++)
			if (same_hint(&probe->regions[j], region))
				icr_buf_printf(out, ", %s", probe->regions[j].region->public_name);
		icr_buf_printf(out, ": %s\n", region->hint);
	}
}

static void print_iams(const struct check_iam *iams, struct icr_buf *out)
{
	for (size_t i = 0; i < CHECK_IAMS; i++) {
		icr_buf_printf(out, "IAM: %s: ", iams[i].name);
		if (iams[i].outcome == ICR_HTTP_DONE)
			icr_buf_printf(out, "answers%s%s\n", iams[i].address ? " at " : "",
				       iams[i].address ? iams[i].address : "");
		else
			icr_buf_printf(out, "%s\n",
				       iams[i].message ? iams[i].message : "not asked");
	}
}

static void print_pull(const struct check *check, struct icr_buf *out)
{
	const struct check_pull *pull = &check->pull;
	const struct icr_resolution *name = &pull->redirect_name;

	icr_buf_printf(out, "pull of %s as %s: manifest and blob %s", check->pull_text,
		       pull->username, pull->redirect ? "answered" : "served");
	if (pull->address)
		icr_buf_printf(out, " by %s", pull->address);
	if (!pull->redirect) {
		icr_buf_char(out, '\n');
		return;
	}
	icr_buf_printf(out, "; the blob is redirected to %s", pull->redirect);
	for (size_t i = 0; i < name->count; i++)
		icr_buf_printf(out, "%s%s, %s", i ? "; " : " (", name->addresses[i],
			       icr_address_is_private(name->addresses[i])
				       ? "private"
				       : "not a private address");
	icr_buf_text(out, name->count ? ")\n" : ", which does not resolve\n");
}

void check_print(const struct check *check, bool hints, struct icr_buf *out)
{
	for (size_t i = 0; i < check->probe.count; i++)
		print_region(&check->probe.regions[i], out);
	if (hints)
		print_hints(&check->probe, out);
	print_iams(check->iams, out);
	if (check->pull.done)
		print_pull(check, out);
}
