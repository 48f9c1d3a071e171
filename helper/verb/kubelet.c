/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/host.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"

/*
 * Kubelet's image credential provider protocol, version 1: the request on standard input, the
 * response on standard output. Source: kubernetes/kubelet v1.34, pkg/apis/credentialprovider/v1.
 */
#define API_VERSION "credentialprovider.kubelet.k8s.io/v1"
#define REQUEST	    "CredentialProviderRequest"
#define RESPONSE    "CredentialProviderResponse"
#define KEY_TYPE    "Registry" /* one login serves every image of a host */

#define LASTING_S ((int64_t)3600) /* how long kubelet may keep what does not expire */
#define TEXT_MAX  ((size_t)64 * 1024)
#define MARGIN_S  ((int64_t)60) /* of a token, for the pull that begins last */

static int fail_request(struct icr_error *err, const char *what)
{
	icr_fail(err, ICR_E_PROTOCOL, "standard input is no " REQUEST " of " API_VERSION ": %s",
		 what);
	return icr_error_hint(err, KUBELET_NAME " is started by kubelet, as its "
						"CredentialProviderConfig says: see " KUBELET_NAME
						"(8)");
}

/* What kubelet asks for. */
struct request {
	char *kind, *version, *image;
	struct icr_secret token; /* of the pod's service account; unset when it sends none */
};

static void request_free(struct request *request)
{
	free(request->kind);
	free(request->version);
	free(request->image);
	icr_secret_free(&request->token);
}

static int read_request(struct request *ret_request, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(PROTOCOL_INPUT_MAX + 1),
				     token = ICR_BUF(ICR_SECRET_MAX);
	_cleanup_json_ struct icr_json json = {0};

	int r = protocol_read_all(PROTOCOL_INPUT_MAX, &text, err);
	if (r >= 0)
		r = icr_json_parse(text.data, text.len, NULL, ICR_JSON_NO_NUL, &json, err);
	if (r >= 0 && !icr_json_is(&json, 0, ICR_JSON_OBJECT))
		r = icr_fail(err, ICR_E_PROTOCOL, "it is no JSON object");
	if (r < 0)
		return icr_error_wrap(err, "the request on standard input");
	ret_request->kind = icr_json_text(&json, 0, "kind");
	ret_request->version = icr_json_text(&json, 0, "apiVersion");
	ret_request->image = icr_json_text(&json, 0, "image");
	if (!ret_request->kind || strcmp(ret_request->kind, REQUEST) != 0)
		return fail_request(err, "its kind is another");
	if (!ret_request->version || strcmp(ret_request->version, API_VERSION) != 0)
		return fail_request(err, "its apiVersion is another");
	if (!ret_request->image || !*ret_request->image)
		return fail_request(err, "it names no image");
	uint32_t member = icr_json_member(&json, 0, "serviceAccountToken");
	if (icr_json_is(&json, member, ICR_JSON_STRING))
		icr_json_string(&json, member, &token);
	r = icr_buf_check(&token, "its serviceAccountToken", err);
	if (r < 0)
		return r;
	return token.len > 0 ? icr_secret_set(&ret_request->token, token.data, token.len, err) : 0;
}

/* How long kubelet may hand CREDENTIAL out without asking again. */
static int64_t duration(const struct credential *credential)
{
	int64_t expiry, left = credential->left;

	if (strcmp(credential->username, TOKEN_USERNAME) != 0)
		return LASTING_S;
	/* by the time of day only where nothing else is known of it: the clock may be wrong */
	if (left == 0 && jwt_expiry(credential->secret.data, credential->secret.len, &expiry))
		left = expiry - icr_clock_wall_s();
	left -= MARGIN_S;
	return left < 0 ? 0 : left < LASTING_S ? left : LASTING_S;
}

/* CREDENTIAL: NULL when there is none, which is asked again at the next pull. */
static int print_response(const char *host, const struct credential *credential,
			  struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX);
	_cleanup_free_ char *kept =
		icr_printf("%llds", credential ? (long long)duration(credential) : 0);

	icr_json_begin(&out, NULL, '{');
	icr_json_put_text(&out, "kind", RESPONSE);
	icr_json_put_text(&out, "apiVersion", API_VERSION);
	icr_json_put_text(&out, "cacheKeyType", KEY_TYPE);
	icr_json_put_text(&out, "cacheDuration", kept);
	icr_json_begin(&out, "auth", '{');
	if (credential) {
		icr_json_begin(&out, host, '{');
		icr_json_put_text(&out, "username", credential->username);
		icr_json_put_text(&out, "password", credential->secret.data);
		icr_buf_char(&out, '}');
	}
	icr_buf_text(&out, "}}\n");
	return protocol_write(&out, err);
}

/*
 * Why there is none. Kubelet shows what a provider says on standard error only when that fails
 * (kubernetes v1.34, pkg/credentialprovider/plugin/plugin.go), and an image that may be pulled
 * without a login is no failure: so the host's log has it too, without waiting for it.
 */
static void say_missing(const char *text)
{
	_cleanup_buf_ struct icr_buf line = ICR_BUF(ICR_BUF_MAX);
	const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	helper_note("%s", text);
	if (isatty(STDERR_FILENO))
		return;
	icr_buf_printf(&line, "<%d>" KUBELET_NAME "[%d]: ", LOG_DAEMON | LOG_INFO, (int)getpid());
	icr_text_safe(text, strlen(text), "", &line);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, line.data, line.len, MSG_NOSIGNAL, (const struct sockaddr *)&log,
			     sizeof(log));
}

static void explain_missing(const struct lookup *lookup)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(TEXT_MAX);
	const char *host = lookup->host.name;

	if (helper_is_quiet())
		return;
	icr_buf_printf(&text, "nothing for %s in ", host);
	lookup_print_tried(lookup, &text);
	say_missing(text.data);
	if (source_takes_any_key(&lookup->host))
		helper_note("to give this host a key, see SETUP in " KUBELET_NAME "(8)");
	else
		helper_note("%s takes none but its own key: docker login %s, as root", host, host);
}

/* Whose token IAM is to give for a service account's. */
static int check_profile(const struct config *config, struct icr_error *err)
{
	if (config_has(config, "trusted_profile.id") ||
	    config_has(config, "trusted_profile.name") || config_has(config, "trusted_profile.crn"))
		return 0;
	icr_fail(err, ICR_E_CONFIG,
		 "kubelet sends the token of a service account, and no \"trusted_profile\" is "
		 "configured to exchange it for");
	return icr_error_hint(err, "set its \"id\" in " CONFIG_SYSTEM_FILE
				   ", or take tokenAttributes out of the CredentialProviderConfig");
}

/* What answers for HOST: the pod's own service account where kubelet sends its token, else what get
 * would answer with. Returns 1, or 0 when there is nothing. */
static int find(const struct helper_context *context, const struct request *request,
		const struct icr_host *host, struct credential *ret_credential,
		struct icr_error *err)
{
	_cleanup_lookup_ struct lookup lookup = {0};

	lookup_init(&lookup, context, host);
	if (request->token.data && source_takes_any_key(host)) {
		int r = check_profile(&context->config, err);
		if (r >= 0)
			r = token_of_resource(context, &request->token, ret_credential, err);
		return r < 0 ? r : 1;
	}
	int r = lookup_run(&lookup, ret_credential, err);
	if (r == 0)
		explain_missing(&lookup);
	if (r <= 0)
		return r;
	lookup_say_unsure(&lookup);
	r = token_for(context, ret_credential, err);
	return r < 0 ? r : 1;
}

static int answer(struct icr_error *err)
{
	icr_cleanup(request_free) struct request request = {0};
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};
	struct icr_host host;

	int r = read_request(&request, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(request.image, strlen(request.image), &host)) {
		if (!helper_is_quiet())
			helper_note(
				"the image is none of IBM Cloud Container Registry (icr.io), and "
				"matchImages of the CredentialProviderConfig need not name it");
		return print_response(NULL, NULL, err);
	}
	r = helper_context_init(&context, err);
	if (r >= 0)
		r = find(&context, &request, &host, &credential, err);
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
