/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/pull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/process.h"
#include "icr/registry.h"

#define HELPER		  "docker-credential-icr"
#define HELPER_TIMEOUT_MS 15000
#define OUTPUT_MAX	  ((size_t)256 * 1024)

static bool is_program(char **path)
{
	if (*path && access(*path, X_OK) == 0)
		return true;
	free(icr_steal(path));
	return false;
}

/* Beside this program, else where `make install` puts it, else in PATH. */
static char *find_helper(void)
{
	_cleanup_free_ char *self = NULL;
	_cleanup_free_ char *folder = NULL;
	static const char *const places[] = {"", "../bin/"};

	if (icr_path_link_target("/proc/self/exe", &self, NULL) >= 0)
		folder = icr_path_folder(self);
	for (size_t i = 0; folder && i < ICR_LENGTH(places); i++) {
		char *path = NULL;
		if (asprintf(&path, "%s/%s" HELPER, folder, places[i]) < 0)
			return NULL;
		if (is_program(&path))
			return path;
	}
	return strdup(HELPER);
}

static int none(const char *host, const struct icr_buf *output, struct icr_error *err)
{
	icr_fail(err, ENOENT, "the helper gives no credentials for %s: %.*s", host,
		 (int)strcspn(output->data, "\r\n"), output->data);
	return icr_error_hint(err,
			      "docker login %s first; logins belong to the user who made them, "
			      "and check needs no root",
			      host);
}

/* The credentials that the helper has for HOST. */
static int get_credentials(const char *host, char **ret_username, struct icr_secret *ret_secret,
			   struct icr_error *err)
{
	_cleanup_message_ cJSON *message = NULL;
	_cleanup_free_ char *helper = find_helper();
	_cleanup_buf_ struct icr_buf output;
	icr_buf_init(&output, OUTPUT_MAX);
	if (!helper)
		return icr_fail_memory(err);
	const char *const arguments[] = {helper, "get", NULL};
	const struct icr_process process = {
		.arguments = arguments,
		.input = host,
		.input_len = strlen(host),
		.timeout_ms = HELPER_TIMEOUT_MS,
		.output = &output,
		.pass_errors = true,
	};

	int status = icr_process_run(&process, err);
	if (status < 0)
		return status;
	if (status > 0)
		return none(host, &output, err);
	int r = icr_message_parse(output.data, output.len, true, &message, err);
	if (r < 0)
		return icr_error_wrap(err, "the reply of %s", helper);
	const char *username = icr_message_string(message, "Username");
	const char *secret = icr_message_string(message, "Secret");
	if (!username || !secret)
		return icr_fail(err, ICR_E_PROTOCOL, "the reply of %s has no user name or secret",
				helper);
	char *copy = strdup(username);
	if (!copy)
		return icr_fail_memory(err);
	*ret_username = copy;
	return icr_secret_set(ret_secret, secret, strlen(secret), err);
}

#define TIMEOUT_MS	   8000
#define RESOLVE_TIMEOUT_MS 3000
#define MANIFEST_MAX	   ((size_t)4 * 1024 * 1024)
/* enough to see that a blob comes, without fetching all of it */
#define BLOB_MAX   ((size_t)64 * 1024)
#define DIGEST_LEN (sizeof("sha256:") - 1 + 64)

#define ACCEPT                                                                                     \
	"application/vnd.oci.image.index.v1+json, "                                                \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.v2+json"

/* One pull under way. */
struct session {
	const struct icr_reference *reference;
	struct pull *pull;
	struct icr_secret password, token;
};

static void clean_reply(struct icr_http_reply *reply)
{
	icr_http_reply_free(reply);
}

#define _cleanup_reply_ icr_cleanup(clean_reply)

static void clean_session(struct session *session)
{
	icr_secret_free(&session->password);
	icr_secret_free(&session->token);
}

static int get(const struct session *session, const char *kind, const char *what, size_t body_max,
	       struct icr_http_reply *reply, struct icr_error *err)
{
	const struct icr_reference *reference = session->reference;
	_cleanup_free_ char *url = NULL;

	if (asprintf(&url, "https://%s/v2/%s/%s/%s", reference->host.name, reference->repository,
		     kind, what) < 0) {
		url = NULL;
		return icr_fail_memory(err);
	}
	const struct icr_http_request request = {
		.method = "GET",
		.url = url,
		.address = session->pull->address,
		.bearer = session->token.data ? &session->token : NULL,
		.accept = strcmp(kind, "manifests") == 0 ? ACCEPT : NULL,
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
		.body_max = body_max,
	};
	int r = icr_http_perform(&request, 1, reply, err);
	if (r < 0 || reply->outcome == ICR_HTTP_DONE || reply->outcome == ICR_HTTP_TOO_LARGE)
		return r;
	return icr_fail_at(err, ICR_E_UNPROVEN, url, "%s", reply->message);
}

static int refused(const struct session *session, const char *what,
		   const struct icr_http_reply *reply, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf words;

	icr_buf_init(&words, MANIFEST_MAX);
	icr_message_error_text(reply->body.data, reply->body.len, &words);
	return icr_fail_at(err, reply->status == 404 ? ENOENT : EACCES,
			   session->reference->host.name, "%s of %s: the registry answers %d%s%s",
			   what, session->reference->repository, reply->status,
			   words.len ? ": " : "", words.data);
}

/* The key goes to hosts of ICR only, and where the realm is at the same registry, to the address
 * that was proven. */
static int log_in(struct session *session, const char *header, struct icr_error *err)
{
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};
	char asked[ICR_HOST_MAX], named[ICR_HOST_MAX];
	_cleanup_free_ char *scope = NULL;
	struct icr_host realm;

	int r = icr_challenge_parse(header, &challenge, err);
	if (r < 0)
		return r;
	if (!icr_host_parse(challenge.realm, strlen(challenge.realm), &realm))
		return icr_fail(err, ICR_E_PROTOCOL,
				"the login realm %s is not at a host of ICR: the key is not sent",
				challenge.realm);
	if (asprintf(&scope, "repository:%s:pull", session->reference->repository) < 0) {
		scope = NULL;
		return icr_fail_memory(err);
	}
	icr_host_public(&session->reference->host, asked);
	icr_host_public(&realm, named);
	return icr_registry_token(&challenge, scope, realm.name,
				  strcmp(asked, named) == 0 ? session->pull->address : NULL,
				  session->pull->username, &session->password, TIMEOUT_MS,
				  &session->token, err);
}

/* The manifest WHAT, with a login if the registry wants one. */
static int get_manifest(struct session *session, const char *what, struct icr_http_reply *ret_reply,
			struct icr_error *err)
{
	_cleanup_reply_ struct icr_http_reply reply = {0};

	int r = get(session, "manifests", what, MANIFEST_MAX, &reply, err);
	if (r >= 0 && reply.status == 401 && reply.challenge && !session->token.data) {
		r = log_in(session, reply.challenge, err);
		icr_http_reply_free(&reply);
		if (r >= 0)
			r = get(session, "manifests", what, MANIFEST_MAX, &reply, err);
	}
	if (r < 0)
		return r;
	if (reply.outcome != ICR_HTTP_DONE)
		return icr_fail(err, ICR_E_PROTOCOL, "the manifest is larger than any should be");
	if (reply.status != 200)
		return refused(session, "the manifest", &reply, err);
	*ret_reply = reply;
	reply = (struct icr_http_reply){0};
	return 0;
}

/* The digest of a manifest's entry; NULL when it is none that may stand in a URL. */
static const char *digest_of(const cJSON *entry)
{
	const char *digest = icr_message_string(entry, "digest");

	if (!digest || strlen(digest) != DIGEST_LEN || strncmp(digest, "sha256:", 7) != 0 ||
	    strspn(digest + 7, "0123456789abcdef") != DIGEST_LEN - 7)
		return NULL;
	return digest;
}

/* Of an index the first image for Linux, else the first. */
static const char *choose_image(const cJSON *images)
{
	const cJSON *image;

	cJSON_ArrayForEach(image, images)
	{
		const char *os = icr_message_string(
			cJSON_GetObjectItemCaseSensitive(image, "platform"), "os");
		if (os && strcmp(os, "linux") == 0)
			return digest_of(image);
	}
	return digest_of(cJSON_GetArrayItem(images, 0));
}

static int read_manifest(struct session *session, const char *what, char **ret_image,
			 char **ret_blob, struct icr_error *err)
{
	_cleanup_reply_ struct icr_http_reply reply = {0};
	_cleanup_message_ cJSON *manifest = NULL;

	int r = get_manifest(session, what, &reply, err);
	if (r < 0)
		return r;
	r = icr_message_parse(reply.body.data, reply.body.len, false, &manifest, err);
	if (r < 0)
		return icr_error_wrap(err, "the manifest");
	free(session->pull->manifest);
	session->pull->manifest = icr_steal(&reply.content_type);
	const char *image = choose_image(cJSON_GetObjectItemCaseSensitive(manifest, "manifests"));
	const char *blob = digest_of(
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(manifest, "layers"), 0));
	if (!blob)
		blob = digest_of(cJSON_GetObjectItemCaseSensitive(manifest, "config"));
	if (!image && !blob)
		return icr_fail(err, ICR_E_PROTOCOL, "the manifest names neither image nor layer");
	char **target = blob ? ret_blob : ret_image;
	*target = strdup(blob ? blob : image);
	return *target ? 0 : icr_fail_memory(err);
}

/* The host that LOCATION sends to, malloc'ed; NULL when it stays at the same host. */
static int redirect_host(const char *location, char **ret_host, struct icr_error *err)
{
	const char *host = location ? strstr(location, "://") : NULL;

	if (!host)
		return 0;
	host += 3;
	size_t len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	*ret_host = strndup(host, host[0] == '[' ? len : strcspn(host, ":/?#"));
	return *ret_host ? 0 : icr_fail_memory(err);
}

static int see_blob(struct session *session, struct icr_error *err)
{
	_cleanup_reply_ struct icr_http_reply reply = {0};
	struct pull *pull = session->pull;

	int r = get(session, "blobs", pull->blob, BLOB_MAX, &reply, err);
	if (r < 0)
		return r;
	/* more than the head of it has come: it is served */
	if (reply.outcome == ICR_HTTP_TOO_LARGE || reply.status == 200)
		return 0;
	if (reply.status < 300 || reply.status > 399)
		return refused(session, "a blob", &reply, err);
	r = redirect_host(reply.location, &pull->redirect, err);
	if (r < 0 || !pull->redirect)
		return r;
	if (strcmp(pull->redirect, session->reference->host.name) == 0) {
		free(icr_steal(&pull->redirect));
		return 0;
	}
	pull->redirect_name.name = pull->redirect;
	return icr_resolve(&pull->redirect_name, 1, RESOLVE_TIMEOUT_MS, err);
}

static int walk(struct session *session, struct icr_error *err)
{
	const struct icr_reference *reference = session->reference;
	const char *what = reference->digest ? reference->digest
			   : reference->tag  ? reference->tag
					     : "latest";
	_cleanup_free_ char *image = NULL;
	_cleanup_free_ char *nested = NULL;

	int r = read_manifest(session, what, &image, &session->pull->blob, err);
	if (r >= 0 && !session->pull->blob)
		r = read_manifest(session, image, &nested, &session->pull->blob, err);
	if (r < 0)
		return r;
	if (!session->pull->blob)
		return icr_fail(err, ICR_E_PROTOCOL, "the index names another index");
	return see_blob(session, err);
}

static const char *proven_address(const struct probe_region *probed)
{
	for (size_t i = 0; i < probed->count; i++)
		if (probed->addresses[i].proven)
			return probed->addresses[i].address;
	return NULL;
}

int pull_run(const struct icr_reference *reference, const struct probe_region *probed,
	     struct pull *pull, struct icr_error *err)
{
	icr_cleanup(clean_session) struct session session = {.reference = reference, .pull = pull};
	const char *address = probed->already ? NULL : proven_address(probed);

	if (address) {
		pull->address = strdup(address);
		if (!pull->address)
			return icr_fail_memory(err);
	}
	int r = get_credentials(reference->host.name, &pull->username, &session.password, err);
	if (r >= 0)
		r = walk(&session, err);
	if (r < 0)
		return r;
	pull->done = true;
	return 0;
}

void pull_free(struct pull *pull)
{
	free(pull->address);
	free(pull->username);
	free(pull->manifest);
	free(pull->blob);
	free(pull->redirect);
	*pull = (struct pull){0};
}
