/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/pull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "icr/cjson.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/message.h"
#include "icr/process.h"
#include "icr/registry.h"
#include "icr/text.h"
#include "rewrite/credentials.h"

static int left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - icr_clock_ms();

	return left > 0 ? (int)left : 1;
}

#define MANIFEST_MAX ((size_t)4 * 1024 * 1024)
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
	int64_t deadline_ms;
	struct icr_secret password, token;
};

#define _cleanup_reply_ icr_cleanup(icr_http_reply_free)

static void clean_session(struct session *session)
{
	icr_secret_free(&session->password);
	icr_secret_free(&session->token);
}

static int get(const struct session *session, const char *kind, const char *what, size_t body_max,
	       struct icr_http_reply *reply, struct icr_error *err)
{
	const struct icr_reference *reference = session->reference;
	_cleanup_free_ char *url = icr_printf("https://%s/v2/%s/%s/%s", reference->host.name,
					      reference->repository, kind, what);
	int timeout_ms = left_ms(session->deadline_ms);
	const struct icr_http_request request = {
		.method = "GET",
		.url = url,
		.address = session->pull->address,
		.bearer = session->token.data ? &session->token : NULL,
		.accept = strcmp(kind, "manifests") == 0 ? ACCEPT : NULL,
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms,
		.body_max = body_max,
		.again = true,
	};
	int r = icr_http_perform(&request, 1, reply, err);
	if (r < 0 || reply->outcome == ICR_HTTP_DONE || reply->outcome == ICR_HTTP_TOO_LARGE)
		return r;
	return icr_fail_at(err, ICR_E_UNPROVEN, url, "%s", reply->message);
}

static int refused(const struct session *session, const char *what,
		   const struct icr_http_reply *reply, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf words = ICR_BUF(MANIFEST_MAX);

	icr_message_error_text(reply->body.data, reply->body.len, &words);
	return icr_fail_at(err, reply->status == 404 ? ENOENT : EACCES,
			   session->reference->host.name, "%s of %s: the registry answers %d%s%s",
			   what, session->reference->repository, reply->status,
			   words.len ? ": " : "", words.data);
}

static int log_in(struct session *session, const char *header, struct icr_error *err)
{
	icr_cleanup(icr_challenge_free) struct icr_challenge challenge = {0};
	_cleanup_free_ char *scope =
		icr_printf("repository:%s:pull", session->reference->repository);

	int r = icr_challenge_parse(header, &challenge, err);
	if (r < 0)
		return r;
	r = icr_registry_token(&challenge, scope, &session->reference->host, session->pull->address,
			       session->pull->username, &session->password,
			       left_ms(session->deadline_ms), &session->token, err);
	/* as a manifest that nobody answers */
	if (r == -ICR_E_UNAVAILABLE)
		r = -(err->code = ICR_E_UNPROVEN);
	return r;
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

	cJSON_ArrayForEach(image, images) {
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
	r = icr_message_parse(reply.body.data, reply.body.len, &manifest, err);
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
	*(blob ? ret_blob : ret_image) = icr_strdup(blob ? blob : image);
	return 0;
}

/* Where the reply sends the blob's request on to, unless that is the registry itself. */
static int take_redirect(struct session *session, const struct icr_http_reply *reply,
			 struct icr_error *err)
{
	icr_cleanup(icr_url_free) struct icr_url url = {0};
	const char *registry = session->reference->host.name;
	struct pull *pull = session->pull;

	if (!reply->location)
		return icr_fail_at(err, ICR_E_PROTOCOL, registry,
				   "a blob is answered by %d, without saying where it is",
				   reply->status);
	/* clients differ in what they make of a backslash */
	if (!reply->redirect || strpbrk(reply->location, " \\") ||
	    icr_url_split(reply->redirect, &url, err) < 0) {
		icr_error_clear(err);
		return icr_fail_at(err, ICR_E_PROTOCOL, registry,
				   "a blob is redirected to '%s', which is no URL",
				   reply->location);
	}
	bool plain = strcasecmp(url.scheme, "https") == 0 && strcmp(url.port, "443") == 0;
	if (plain && strcasecmp(url.host, registry) == 0)
		return 0;
	if (!plain)
		pull->redirect_url = icr_printf("%s://%s:%s", url.scheme, url.host, url.port);
	size_t len = strlen(url.host);
	pull->redirect = url.host[0] == '[' && len > 2 ? icr_strndup(url.host + 1, len - 2)
						       : icr_strdup(url.host);
	pull->redirect_name.name = pull->redirect;
	return icr_resolve(&pull->redirect_name, 1, left_ms(session->deadline_ms), err);
}

static int see_blob(struct session *session, struct icr_error *err)
{
	_cleanup_reply_ struct icr_http_reply reply = {0};

	session->deadline_ms += PULL_BLOB_MS;
	int r = get(session, "blobs", session->pull->blob, BLOB_MAX, &reply, err);
	if (r < 0)
		return r;
	if (reply.status >= 300 && reply.status <= 399)
		return take_redirect(session, &reply, err);
	return reply.status == 200 ? 0 : refused(session, "a blob", &reply, err);
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
	     int64_t deadline_ms, struct pull *pull, struct icr_error *err)
{
	icr_cleanup(clean_session) struct session session = {
		.reference = reference, .pull = pull, .deadline_ms = deadline_ms};
	const char *address = probed->already ? NULL : proven_address(probed);

	if (address)
		pull->address = icr_strdup(address);
	int r = credentials_get(reference->host.name, left_ms(deadline_ms), &pull->username,
				&session.password, err);
	if (r >= 0)
		r = walk(&session, err);
	pull->done = r >= 0;
	return r < 0 ? r : 0;
}

void pull_free(struct pull *pull)
{
	free(pull->address);
	free(pull->username);
	free(pull->manifest);
	free(pull->blob);
	free(pull->redirect);
	free(pull->redirect_url);
	*pull = (struct pull){0};
}
