/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper/apikey.h"
#include "helper/docker-config.h"
#include "helper/exchange.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/account.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"

struct values {
	bool json, online;
};

const struct icr_option explain_options[] = {
	ICR_FLAG(struct values, json, "json", "print one JSON object"),
	ICR_FLAG(struct values, online, "online",
		 "ask IAM about the key as well: whose it is, when it expires, whether it is "
		 "locked, "
		 "what happens when it leaks"),
	{0},
};

static const char *const outcomes[] = {
	[LOOKUP_HIT] = "hit",
	[LOOKUP_MISS] = "miss",
	[LOOKUP_SKIPPED] = "skipped",
	[LOOKUP_ERROR] = "error",
};

/* What was found out; printed as JSON or as lines. */
struct explanation {
	const char *asked;
	bool is_icr;
	struct lookup lookup;
	struct credential credential; /* what would answer, when answered */
	bool answered;
	/* of --online: */
	bool exchanged, details_known; /* IAM gave a token for the key; told about the key */
	struct icr_key_details details;
};

static bool is_key(const struct credential *credential)
{
	return strcmp(credential->username, APIKEY_USERNAME) == 0 ||
	       strncmp(credential->username, PROFILE_PREFIX, strlen(PROFILE_PREFIX)) == 0;
}

/* The user name that get would give: it turns keys into tokens where it is told to. */
static const char *username(const struct explanation *found)
{
	return token_username(found->lookup.context, found->credential.host,
			      found->credential.username);
}

static bool is_asked(const struct config *config, const struct source *source)
{
	for (size_t i = 0; i < config->sources_count; i++)
		if (config->sources[i] == source)
			return true;
	return false;
}

/* Asks as get does, and then notes of those that were not asked why not. */
static int ask(struct explanation *found, struct icr_error *err)
{
	struct lookup *lookup = &found->lookup;
	const struct config *config = &lookup->context->config;
	int r = 0;

	for (size_t i = 0; i < config->sources_count; i++) {
		if (r == 0) {
			r = lookup_ask(lookup, config->sources[i], &found->credential, err);
			continue;
		}
		lookup->source = config->sources[i];
		lookup_note(lookup, LOOKUP_SKIPPED, NULL, "an earlier source %s",
			    r > 0 ? "answers" : "failed");
	}
	for (size_t i = 0; i < sources_count; i++) {
		if (is_asked(config, sources[i]))
			continue;
		lookup->source = sources[i];
		lookup_note(lookup, LOOKUP_SKIPPED, NULL,
			    "not in \"sources\" of the configuration");
	}
	found->answered = r > 0;
	return r == 0 ? lookup_give_up(lookup, err) : r;
}

/* Whole days from now until a moment as IAM tells it, "2030-01-31T12:00+0000"; false when it tells
 * none. */
static bool days_until(const char *text, int64_t *ret_days)
{
	struct tm moment = {0};

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M", &moment))
		return false;
	*ret_days = ((int64_t)timegm(&moment) - icr_clock_wall_s()) / (24 * 60 * 60);
	return true;
}

static void put_days(const char *expires, struct icr_buf *out)
{
	int64_t days;

	if (!days_until(expires, &days)) {
		icr_json_put(out, "expires_in_days", "null");
		return;
	}
	_cleanup_free_ char *text = icr_printf("%" PRId64, days);
	icr_json_put(out, "expires_in_days", text);
}

static void put_details(const struct icr_key_details *details, struct icr_buf *out)
{
	icr_json_begin(out, "key", '{');
	icr_json_put_text(out, "name", details->name);
	icr_json_put_text(out, "owner", details->iam_id);
	icr_json_put_text(out, "account", details->account);
	icr_json_put_text(out, "expires", details->expires);
	put_days(details->expires, out);
	icr_json_put_flag(out, "locked", details->locked);
	icr_json_put_text(out, "when_leaked", details->when_leaked);
	icr_buf_char(out, '}');
}

static void print_details(const struct icr_key_details *details, struct icr_buf *out)
{
	int64_t days;
	_cleanup_free_ char *expires =
		!details->expires ? icr_strdup("never")
		: days_until(details->expires, &days)
			? icr_printf("in %" PRId64 " days, %s", days, details->expires)
			: icr_strdup(details->expires);
	const char *const lines[][2] = {
		{"key", details->name},
		{"owner", details->iam_id},
		{"account", details->account},
		{"expires", expires},
		{"locked", details->locked ? "yes" : "no"},
		{"when leaked", details->when_leaked ? details->when_leaked : "not told"},
	};

	for (size_t i = 0; i < ICR_LENGTH(lines); i++) {
		const char *text = lines[i][1] ? lines[i][1] : "not told";
		icr_buf_printf(out, "  %-15s  ", lines[i][0]);
		icr_text_safe(text, strlen(text), "", out);
		icr_buf_char(out, '\n');
	}
}

static int print_json(const struct explanation *found, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);
	const struct lookup *lookup = &found->lookup;
	/* what is no host of ours may be a URL with a password in it */
	bool hidden = !found->is_icr && strchr(found->asked, '@');

	icr_json_begin(&out, NULL, '{');
	icr_json_put(&out, "version", "1");
	icr_json_put_text(&out, "asked", hidden ? "<hidden>" : found->asked);
	icr_json_put_text(&out, "host", found->is_icr ? lookup->host.name : NULL);
	if (found->answered) {
		icr_json_begin(&out, "answer", '{');
		icr_json_put_text(&out, "source", lookup_hit(lookup)->name);
		icr_json_put_text(&out, "username", username(found));
		icr_buf_char(&out, '}');
	} else {
		icr_json_put_text(&out, "answer", NULL);
	}
	icr_json_begin(&out, "sources", '[');
	for (size_t i = 0; i < lookup->count; i++) {
		const struct lookup_step *step = &lookup->items[i];
		icr_json_begin(&out, NULL, '{');
		icr_json_put_text(&out, "name", step->name);
		icr_json_put_text(&out, "where", step->where);
		icr_json_put_text(&out, "outcome", outcomes[step->outcome]);
		icr_json_put_text(&out, "reason", step->reason);
		icr_buf_char(&out, '}');
	}
	icr_buf_char(&out, ']');
	if (found->details_known)
		put_details(&found->details, &out);
	icr_buf_text(&out, "}\n");
	return protocol_write(&out, err);
}

static void print_step(const struct lookup_step *step, struct icr_buf *out)
{
	const char *where = step->where ? step->where : "",
		   *reason = step->reason ? step->reason : "";

	icr_buf_printf(out, "  %-15s  %-7s  ", step->name, outcomes[step->outcome]);
	icr_text_safe(where, strlen(where), "", out);
	icr_buf_text(out, *where && *reason ? ": " : "");
	icr_text_safe(reason, strlen(reason), "", out);
	icr_buf_char(out, '\n');
}

static int print_text(const struct explanation *found, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	const struct lookup *lookup = &found->lookup;

	if (found->answered) {
		const struct lookup_step *hit = lookup_hit(lookup);
		const char *name = username(found);
		icr_buf_printf(&text, "%s: %s%s%s answers, with the user name ", lookup->host.name,
			       hit->name, hit->where ? ", " : "", hit->where ? hit->where : "");
		icr_text_safe(name, strlen(name), "", &text);
		icr_buf_char(&text, '\n');
	} else if (found->is_icr) {
		icr_buf_printf(&text, "%s: nothing answers\n", lookup->host.name);
	} else {
		icr_buf_text(&text, "not a host of IBM Cloud Container Registry (icr.io); this "
				    "helper answers for those only\n");
	}
	for (size_t i = 0; i < lookup->count; i++)
		print_step(&lookup->items[i], &text);
	if (found->details_known)
		print_details(&found->details, &text);
	return protocol_tell(&text, err);
}

/* What Docker reads before it asks any helper, or instead. */
static void say_shadows(const struct explanation *found, const struct icr_environment *environment)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_free_ char *path = NULL;
	const char *host = found->lookup.host.name;

	if (environment->docker_auth_config)
		helper_note("DOCKER_AUTH_CONFIG is set, and Docker 28.3 and newer prefer it to any "
			    "helper; unset it");
	if (!helper_is_in_path(environment))
		helper_note("Docker will not find this helper: no folder of PATH has a program "
			    "called " HELPER_NAME);
	if (found->answered && strcmp(found->credential.username, "iamrefresh") == 0)
		helper_note("this login is of \"ibmcloud cr login\" (iamrefresh), which ends when "
			    "it is not used for some hours; an API key lasts: " HELPER_NAME
			    " login");
	if (icr_environment_docker_config(environment, &path, NULL) < 0 ||
	    docker_config_read(path, &config, NULL) < 0)
		return;
	uint32_t entry = docker_config_helper(&config, host);
	if (entry == ICR_JSON_NONE)
		helper_note("%s does not name this helper for %s: " HELPER_NAME
			    " configure --regions %s",
			    path, host, host);
	else if (!icr_json_string_is(&config.json, entry, DOCKER_CONFIG_OURS))
		helper_note("%s names another helper for %s: " HELPER_NAME
			    " configure --regions %s --force",
			    path, host, host);
}

/* Asks IAM about the key that answers. */
static int go_online(struct explanation *found, struct icr_error *err)
{
	const struct helper_context *context = found->lookup.context;
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	_cleanup_credential_ struct credential key = {0};
	int64_t deadline = icr_clock_ms() + TOKEN_TIMEOUT_MS;
	_cleanup_free_ char *url = NULL;

	if (!is_key(&found->credential)) {
		helper_note("what answers is no API key, so that there is none to ask IAM about");
		return 0;
	}
	/* the key's own token, not its profile's, may ask about it */
	int r = credential_set(&key, found->credential.host, APIKEY_USERNAME,
			       found->credential.secret.data, found->credential.secret.len, err);
	if (r >= 0)
		r = token_endpoint(context, &url, err);
	if (r >= 0)
		r = exchange_check(context, &key, &token, err);
	found->exchanged = r >= 0;
	int64_t left = deadline - icr_clock_ms();
	if (r >= 0)
		r = icr_key_details(url, &key.secret, &token.access, left > 1 ? (int)left : 1,
				    &found->details, err);
	found->details_known = r >= 0;
	return r;
}

static void set_hit(struct lookup *lookup, enum lookup_outcome outcome, const char *reason)
{
	for (size_t i = 0; i < lookup->count; i++) {
		struct lookup_step *step = &lookup->items[i];
		if (step->outcome != LOOKUP_HIT)
			continue;
		step->outcome = outcome;
		free(step->reason);
		step->reason = icr_strdup(reason);
	}
}

/* The moment in LEFT seconds. */
static void print_moment(int64_t left, struct icr_buf *out)
{
	time_t moment = (time_t)(icr_clock_wall_s() + left);
	char text[sizeof("2000-01-01T00:00:00Z")] = "";
	struct tm parts = {0};

	(void)gmtime_r(&moment, &parts);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	icr_buf_text(out, text);
}

/*
 * IAM could not be asked about the key, or rejects it: does get answer all the same? Where it gives
 * tokens, by one that is in the cache, whatever IAM says by now; else with any key that is not
 * known to be none.
 */
static void settle(struct explanation *found, const struct icr_error *failure)
{
	_cleanup_buf_ struct icr_buf reason = ICR_BUF(ICR_BUF_MAX);
	int64_t left = 0;

	if (found->exchanged)
		return;
	if (strcmp(username(found), TOKEN_USERNAME) == 0)
		left = token_left(found->lookup.context, &found->credential);
	else if (failure->code != EACCES)
		return;
	found->answered = left > 0;
	if (found->answered) {
		icr_buf_text(&reason, "a cached token serves until ");
		print_moment(left, &reason);
		icr_buf_text(&reason, ", and no new one is to be had: ");
	}
	icr_error_print(failure, &reason);
	set_hit(&found->lookup, found->answered ? LOOKUP_HIT : LOOKUP_ERROR, reason.data);
}

static int explain(const struct values *values, struct explanation *found, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_error_ struct icr_error failure = {0};
	struct icr_host host;
	int r = helper_context_init(&context, err);

	if (r < 0)
		return r;
	found->is_icr = icr_host_parse(found->asked, strlen(found->asked), &host);
	if (found->is_icr) {
		lookup_init(&found->lookup, &context, &host);
		found->lookup.offline = true;
		r = ask(found, err);
	}
	if (found->answered && values->online && go_online(found, &failure) < 0) {
		settle(found, &failure);
		if (!found->answered) {
			r = -failure.code;
			if (err)
				icr_error_move(err, &failure);
		}
	}
	int printed = values->json ? print_json(found, err) : print_text(found, err);
	if (printed < 0)
		return printed;
	if (failure.code)
		helper_note_error(&failure, "IAM tells nothing about the key");
	if (found->is_icr)
		say_shadows(found, &context.environment);
	found->lookup.context = NULL;
	return r < 0 ? r : 0;
}

int cmd_explain(int argc, char **argv, struct icr_error *err)
{
	struct explanation found = {0};
	struct values values = {0};

	int count = icr_options_parse(explain_options, argc, argv, 1, &values, err);
	if (count < 0)
		return count;
	if (count == 0)
		return icr_fail(err, ICR_E_USAGE, "name a host, such as us.icr.io");
	found.asked = argv[1];
	int r = explain(&values, &found, err);
	bool answered = found.answered;
	credential_free(&found.credential);
	icr_key_details_free(&found.details);
	lookup_free(&found.lookup);
	return r < 0 ? r : answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
