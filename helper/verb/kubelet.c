/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/memory.h"

/*
 * Kubelet's image credential provider protocol, version 1: the request on standard input, the
 * response on standard output. Source: kubernetes/kubelet v1.34, pkg/apis/credentialprovider/v1.
 */
#define API_VERSION "credentialprovider.kubelet.k8s.io/v1"
#define REQUEST	    "CredentialProviderRequest"
#define RESPONSE    "CredentialProviderResponse"
#define KEY_TYPE    "Registry" /* one login serves every image of a host */

#define LASTING_S ((int64_t)3600) /* how long kubelet may keep what does not expire */
#define MARGIN_S  ((int64_t)60)	  /* of a token, for the pull that begins last */

static int fail_request(struct icr_error *err, const char *what)
{
	icr_fail(err, ICR_E_PROTOCOL, "standard input is no " REQUEST " of " API_VERSION ": %s",
		 what);
	return icr_error_hint(err, KUBELET_NAME " is started by kubelet, as its "
						"CredentialProviderConfig says: see " KUBELET_NAME
						"(8)");
}

static int read_request(cJSON **ret_request, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(PROTOCOL_INPUT_MAX + 1);
	_cleanup_message_ cJSON *request = NULL;

	int r = protocol_read_all(PROTOCOL_INPUT_MAX, &text, err);
	if (r < 0)
		return r;
	r = icr_message_parse(text.data, text.len, false, &request, err);
	if (r < 0)
		return icr_error_wrap(err, "the request on standard input");
	const char *kind = icr_message_string(request, "kind"),
		   *version = icr_message_string(request, "apiVersion"),
		   *image = icr_message_string(request, "image");
	if (!kind || strcmp(kind, REQUEST) != 0)
		return fail_request(err, "its kind is another");
	if (!version || strcmp(version, API_VERSION) != 0)
		return fail_request(err, "its apiVersion is another");
	if (!image || !*image)
		return fail_request(err, "it names no image");
	*ret_request = icr_steal(&request);
	return 0;
}

/* How long kubelet may hand CREDENTIAL out without asking again. */
static int64_t duration(const struct credential *credential)
{
	int64_t expiry;

	if (strcmp(credential->username, "iambearer") != 0 ||
	    !jwt_expiry(credential->secret.data, credential->secret.len, &expiry))
		return LASTING_S;
	int64_t left = expiry - (int64_t)time(NULL) - MARGIN_S;
	return left < 0 ? 0 : left < LASTING_S ? left : LASTING_S;
}

/* CREDENTIAL: NULL when there is none, which is asked again at the next pull. */
static int print_response(const char *host, const struct credential *credential,
			  struct icr_error *err)
{
	_cleanup_message_ cJSON *response = icr_message_new();
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	cJSON_AddStringToObject(response, "kind", RESPONSE);
	cJSON_AddStringToObject(response, "apiVersion", API_VERSION);
	cJSON_AddStringToObject(response, "cacheKeyType", KEY_TYPE);
	_cleanup_free_ char *kept =
		icr_printf("%llds", credential ? (long long)duration(credential) : 0);
	cJSON_AddStringToObject(response, "cacheDuration", kept);
	cJSON *auth = cJSON_AddObjectToObject(response, "auth");
	if (credential) {
		cJSON *login = cJSON_AddObjectToObject(auth, host);
		cJSON_AddStringToObject(login, "username", credential->username);
		cJSON_AddStringToObject(login, "password", credential->secret.data);
	}
	int r = icr_message_print(response, &text, err);
	if (r < 0)
		return r;
	icr_buf_char(&text, '\n');
	return protocol_write(&text, err);
}

/* What answers for HOST: the pod's own service account where kubelet sends its token, else what get
 * would answer with. Returns 1, or 0 when there is nothing. */
static int find(const struct helper_context *context, const cJSON *request,
		const struct icr_host *host, struct credential *ret_credential,
		struct icr_error *err)
{
	const char *token = icr_message_string(request, "serviceAccountToken");
	_cleanup_lookup_ struct lookup lookup = {0};

	lookup_init(&lookup, context, host);
	if (token && *token && source_takes_any_key(host)) {
		_cleanup_secret_ struct icr_secret secret = {0};
		int r = icr_secret_set(&secret, token, strlen(token), err);
		if (r >= 0)
			r = token_of_resource(context, &secret, ret_credential, err);
		return r < 0 ? r : 1;
	}
	int r = lookup_run(&lookup, ret_credential, err);
	if (r <= 0)
		return r;
	r = token_for(context, ret_credential, err);
	return r < 0 ? r : 1;
}

static int answer(struct icr_error *err)
{
	_cleanup_message_ cJSON *request = NULL;
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};
	struct icr_host host;

	int r = read_request(&request, err);
	if (r < 0)
		return r;
	const char *image = icr_message_string(request, "image");
	if (!icr_host_parse(image, strlen(image), &host))
		return print_response(NULL, NULL, err);
	r = helper_context_init(&context, err);
	if (r >= 0)
		r = find(&context, request, &host, &credential, err);
	if (r < 0)
		return r;
	return print_response(host.name, r > 0 ? &credential : NULL, err);
}

int kubelet_answer(void)
{
	_cleanup_error_ struct icr_error err = {0};

	if (answer(&err) >= 0)
		return EXIT_SUCCESS;
	icr_say_error(&err);
	return EXIT_FAILURE;
}
