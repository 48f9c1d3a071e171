/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/cjson.h"
#include "rewrite/check.h"
#include "rewrite/writer.h"

/* enum icr_http_outcome, for programs */
static const char *outcome_word(enum icr_http_outcome outcome)
{
	static const char *const words[] = {
		[ICR_HTTP_DONE] = "answered",
		[ICR_HTTP_NO_NAME] = "no-name",
		[ICR_HTTP_CONNECT_TIMEOUT] = "connect-timeout",
		[ICR_HTTP_REFUSED] = "refused",
		[ICR_HTTP_UNREACHABLE] = "unreachable",
		[ICR_HTTP_RESET] = "reset",
		[ICR_HTTP_TLS_NAME] = "certificate-name",
		[ICR_HTTP_TLS_UNTRUSTED] = "certificate-untrusted",
		[ICR_HTTP_TLS] = "tls",
		[ICR_HTTP_TIMEOUT] = "timeout",
		[ICR_HTTP_TOO_LARGE] = "too-large",
		[ICR_HTTP_FAILED] = "failed",
	};

	return words[outcome];
}

static cJSON *answer_json(struct writer *writer, const struct probe_answer *answer)
{
	cJSON *item = cJSON_CreateObject();

	writer_text(writer, item, "name", answer->name);
	writer_put(writer, item, "passed", cJSON_CreateBool(answer->passed));
	writer_text(writer, item, "outcome", outcome_word(answer->outcome));
	writer_put(writer, item, "status",
		   answer->status ? cJSON_CreateNumber(answer->status) : cJSON_CreateNull());
	writer_text(writer, item, "realm", answer->realm);
	writer_text(writer, item, "message", answer->message);
	return item;
}

static cJSON *address_json(struct writer *writer, const struct probe_address *address)
{
	cJSON *item = cJSON_CreateObject(), *answers = cJSON_CreateArray();

	writer_text(writer, item, "address", address->address);
	writer_put(writer, item, "proven", cJSON_CreateBool(address->proven));
	writer_put(writer, item, "management", cJSON_CreateBool(address->management));
	for (int name = 0; name < PROBE_NAMES; name++)
		if (address->answers[name].name[0])
			writer_push(writer, answers, answer_json(writer, &address->answers[name]));
	writer_put(writer, item, "answers", answers);
	return item;
}

static cJSON *region_json(struct writer *writer, const struct probe_region *region)
{
	cJSON *item = cJSON_CreateObject(), *addresses = cJSON_CreateArray();

	writer_text(writer, item, "region", region->region->id);
	writer_text(writer, item, "public", region->region->public_name);
	writer_text(writer, item, "private", region->region->private_name);
	writer_put(writer, item, "proven", cJSON_CreateBool(region->proven));
	writer_text(writer, item, "already", region->already);
	writer_text(writer, item, "reason", region->failure);
	writer_text(writer, item, "hint", region->hint);
	writer_put(writer, item, "management", cJSON_CreateBool(region->management));
	for (size_t i = 0; i < region->count; i++)
		writer_push(writer, addresses, address_json(writer, &region->addresses[i]));
	writer_put(writer, item, "addresses", addresses);
	return item;
}

static cJSON *iam_json(struct writer *writer, const struct check_iam *iam)
{
	cJSON *item = cJSON_CreateObject();

	writer_text(writer, item, "name", iam->name);
	writer_put(writer, item, "reachable", cJSON_CreateBool(iam->outcome == ICR_HTTP_DONE));
	writer_text(writer, item, "outcome", outcome_word(iam->outcome));
	writer_text(writer, item, "address", iam->address);
	writer_text(writer, item, "message", iam->message);
	return item;
}

static cJSON *pull_json(struct writer *writer, const struct check *check)
{
	const struct check_pull *pull = &check->pull;
	cJSON *item = cJSON_CreateObject(), *addresses = cJSON_CreateArray();

	writer_text(writer, item, "reference", check->pull_text);
	writer_put(writer, item, "pulled", cJSON_CreateBool(pull->done));
	writer_text(writer, item, "address", pull->address);
	writer_text(writer, item, "username", pull->username);
	writer_text(writer, item, "manifest", pull->manifest);
	writer_text(writer, item, "blob", pull->blob);
	writer_text(writer, item, "redirect", pull->redirect);
	for (size_t i = 0; i < pull->redirect_name.count; i++)
		writer_push(writer, addresses,
			    cJSON_CreateString(pull->redirect_name.addresses[i]));
	writer_put(writer, item, "redirect_addresses", addresses);
	return item;
}

int check_print_json(const struct check *check, const struct icr_error *failure,
		     struct icr_buf *out, struct icr_error *err)
{
	_cleanup_message_ cJSON *object = icr_message_new();
	cJSON *regions = cJSON_CreateArray(), *iams = cJSON_CreateArray();
	struct writer writer = {0};

	writer_put(&writer, object, "version", cJSON_CreateNumber(1));
	writer_text(&writer, object, "verb", "check");
	writer_put(&writer, object, "private",
		   cJSON_CreateBool(check->probed && failure->code != ICR_E_UNPROVEN));
	for (size_t i = 0; i < check->probe.count; i++)
		writer_push(&writer, regions, region_json(&writer, &check->probe.regions[i]));
	writer_put(&writer, object, "regions", regions);
	for (size_t i = 0; check->probed && i < CHECK_IAMS; i++)
		writer_push(&writer, iams, iam_json(&writer, &check->iams[i]));
	writer_put(&writer, object, "iam", iams);
	writer_put(&writer, object, "pull",
		   check->pull_text ? pull_json(&writer, check) : cJSON_CreateNull());
	writer_put(&writer, object, "notes", writer_notes(&writer, &check->notes));
	if (failure->code)
		writer_error(&writer, object, failure);
	return writer.failed ? icr_fail_memory(err) : icr_message_print(object, out, err);
}
