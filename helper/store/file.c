/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/data-folder.h"
#include "helper/helper.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/text.h"

#define FILE_NAME "credentials.json"
#define LOCK_NAME "credentials.lock"
/* Long enough for a hundred others that write at the same time, each with its fsync. */
#define LOCK_TIMEOUT_MS 10000

static const char empty_text[] = "{\"version\": 1}";

static int fail_at_node(const struct document *document, uint32_t node, struct icr_error *err,
			const char *what)
{
	_cleanup_free_ char *place =
		icr_json_place(&document->json, document->path, document->json.nodes[node].start);

	int r = icr_fail_at(err, ICR_E_CONFIG, place, "%s", what);
	(void)icr_error_hint(err, "mend %s, or remove it and log in again", document->path);
	return r;
}

static int check_version(const struct document *document, struct icr_error *err)
{
	uint32_t node = icr_json_member(&document->json, 0, "version");
	int64_t version = 0;

	if (!icr_json_is(&document->json, node, ICR_JSON_NUMBER))
		return fail_at_node(document, node == ICR_JSON_NONE ? 0 : node, err,
				    "a file of credentials must have a \"version\"");
	const struct icr_json_node *number = &document->json.nodes[node];
	_cleanup_free_ char *text =
		icr_strndup(document->json.text + number->start, number->end - number->start);
	int r = icr_number_parse(text, 1, INT64_MAX, &version, NULL);
	if (r >= 0 && version == DOCUMENT_VERSION)
		return 0;
	r = fail_at_node(document, node, err, "this version cannot use files of another version");
	(void)icr_error_hint(err,
			     "%s is of version %s, this is a program for version %d: install "
			     "a newer one",
			     document->path, text, DOCUMENT_VERSION);
	return r;
}

static int check_shape(struct document *document, struct icr_error *err)
{
	const struct icr_json *json = &document->json;

	if (!icr_json_is(json, 0, ICR_JSON_OBJECT))
		return fail_at_node(document, 0, err, "a file of credentials must be an object");
	int r = check_version(document, err);
	if (r < 0)
		return r;
	document->credentials = icr_json_member(json, 0, "credentials");
	if (document->credentials != ICR_JSON_NONE &&
	    !icr_json_is(json, document->credentials, ICR_JSON_OBJECT))
		return fail_at_node(document, document->credentials, err,
				    "\"credentials\" must be an object");
	return 0;
}

int document_parse(const char *path, const struct icr_buf *text, struct document *ret_document,
		   struct icr_error *err)
{
	_cleanup_document_ struct document document = {.path = path, .credentials = ICR_JSON_NONE};

	int r = icr_json_parse(text->data, text->len, path, ICR_JSON_NO_NUL, &document.json, err);
	if (r < 0) {
		(void)icr_error_hint(err, "mend %s, or remove it and log in again", path);
		return r;
	}
	r = check_shape(&document, err);
	if (r < 0)
		return r;
	*ret_document = document;
	document.json = (struct icr_json){0};
	return 0;
}

void document_free(struct document *document)
{
	icr_json_free(&document->json);
}

static bool host_of(const struct document *document, uint32_t entry, char ret_host[ICR_HOST_MAX])
{
	_cleanup_free_ char *name = icr_json_name_dup(&document->json, entry);

	return credential_host_parse(name, ret_host);
}

int document_read(const struct document *document, const char *const *hosts, size_t count,
		  struct credentials *ret, struct icr_error *err)
{
	const struct icr_json *json = &document->json;

	if (document->credentials == ICR_JSON_NONE)
		return 0;
	for (uint32_t entry = json->nodes[document->credentials].child; entry != ICR_JSON_NONE;
	     entry = json->nodes[entry].next) {
		_cleanup_credential_ struct credential credential = {0};
		char host[ICR_HOST_MAX];
		if (!host_of(document, entry, host) || !credential_host_wanted(host, hosts, count))
			continue;
		int r = credential_from_json(&credential, host, json, entry, err);
		if (r == -ICR_E_SYNTAX)
			return fail_at_node(document, entry, err,
					    "a credential must be an object with the strings "
					    "\"username\" and \"secret\"");
		if (r < 0)
			return r;
		credentials_add(ret, &credential);
	}
	/* of a host in two spellings the last one counts, as for repeated names */
	credentials_settle(ret);
	return 0;
}

/* Appends the whole text anew: all entries but those of HOST, in whatever spelling, and CREDENTIAL
 * unless that is NULL. Returns how many were left out. */
static int print(const struct document *document, const char *host,
		 const struct credential *credential, struct icr_buf *out)
{
	const struct icr_json *json = &document->json;
	uint32_t object = document->credentials;
	uint32_t entry = object == ICR_JSON_NONE ? ICR_JSON_NONE : json->nodes[object].child;
	const char *before = "\n\t\t";
	int without = 0;

	icr_buf_text(out, "{\n\t\"version\": 1,\n\t\"credentials\": {");
	for (; entry != ICR_JSON_NONE; entry = json->nodes[entry].next) {
		const struct icr_json_node *node = &json->nodes[entry];
		char name[ICR_HOST_MAX];
		if (host_of(document, entry, name) && strcmp(name, host) == 0) {
			without++;
			continue;
		}
		icr_buf_text(out, before);
		icr_buf_append(out, json->text + node->key_start, node->end - node->key_start);
		before = ",\n\t\t";
	}
	if (credential) {
		icr_buf_text(out, before);
		icr_json_quote(out, host, strlen(host));
		icr_buf_text(out, ": ");
		credential_to_json(credential, out);
	}
	icr_buf_text(out, "\n\t}\n}\n");
	return without;
}

int document_put(const struct document *document, const struct credential *credential,
		 struct icr_buf *out, struct icr_error *err)
{
	(void)print(document, credential->host, credential, out);
	int r = icr_buf_check(out, document->path, err);
	if (r < 0)
		(void)icr_error_hint(err, "forget what is no longer needed: docker logout HOST");
	return r;
}

int document_erase(const struct document *document, const char *host, struct icr_buf *out,
		   struct icr_error *err)
{
	if (print(document, host, NULL, out) == 0) {
		icr_buf_truncate(out, 0);
		return 0;
	}
	int r = icr_buf_check(out, document->path, err);
	return r < 0 ? r : 1;
}

/* Where the store is on this host. */
struct place {
	struct data_folder folder;
	char *file, *lock;
};

static void place_free(struct place *place)
{
	data_folder_free(&place->folder);
	free(place->file);
	free(place->lock);
}

#define _cleanup_place_ icr_cleanup(place_free)

/* Returns 1, or 0 when the folder does not exist, which it always does where it is MADE. */
static int find_place(const struct helper_context *context, bool made, struct place *place,
		      struct icr_error *err)
{
	*place = (struct place){0};
	int r = (made ? data_folder_make : data_folder_open)(&context->environment, &place->folder,
							     err);
	if (r > 0) {
		place->file = icr_path_join(place->folder.path, FILE_NAME);
		place->lock = icr_path_join(place->folder.path, LOCK_NAME);
	}
	return r;
}

/* Returns 1, or 0 when the file does not exist. */
static int read_text(const struct place *place, struct icr_buf *ret, struct icr_error *err)
{
	const struct icr_file_policy policy = {place->folder.owner, 0077};

	return icr_file_read_private_at(place->folder.fd, place->file, &policy, ret, err);
}

/* Readers take no lock: the file is replaced as a whole. */
static int store_file_read(const struct helper_context *context, const char *const *hosts,
			   size_t count, struct credentials *ret, struct icr_error *err)
{
	_cleanup_place_ struct place place;
	_cleanup_document_ struct document document = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(DOCUMENT_MAX);

	int r = find_place(context, false, &place, err);
	if (r > 0)
		r = read_text(&place, &text, err);
	if (r <= 0)
		return r;
	r = document_parse(place.file, &text, &document, err);
	if (r < 0)
		return r;
	return document_read(&document, hosts, count, ret, err);
}

/* Another process may have kept one since the caller looked. */
static int check_new(const struct document *document, const char *host, struct icr_error *err)
{
	_cleanup_credentials_ struct credentials found = {0};

	int r = document_read(document, &host, 1, &found, err);
	if (r < 0)
		return r;
	const struct credential *other = credentials_find(&found, host);
	if (other && other->secret.len > 0)
		return icr_fail_at(err, EEXIST, document->path, "has a login of %s by now", host);
	return 0;
}

/* Puts CREDENTIAL into what the file says now, or erases HOST. Returns 1 with the new text, or 0
 * when nothing is to be done. */
static int edit_text(const struct place *place, const struct credential *credential,
		     const char *host, struct icr_buf *ret, struct icr_error *err)
{
	_cleanup_document_ struct document document = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(DOCUMENT_MAX);

	int r = read_text(place, &text, err);
	if (r == 0 && !credential)
		return 0;
	if (r == 0)
		icr_buf_text(&text, empty_text);
	if (r >= 0)
		r = document_parse(place->file, &text, &document, err);
	if (r < 0)
		return r;
	if (!credential)
		return document_erase(&document, host, ret, err);
	if (credential->only_new && (r = check_new(&document, host, err)) < 0)
		return r;
	r = document_put(&document, credential, ret, err);
	return r < 0 ? r : 1;
}

static int change(const struct place *place, const struct credential *credential, const char *host,
		  struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf result = ICR_BUF(DOCUMENT_MAX);

	_cleanup_fd_ int lock = icr_lock_at(place->folder.fd, place->lock, LOCK_TIMEOUT_MS, err);
	if (lock < 0)
		return lock;
	int r = edit_text(place, credential, host, &result, err);
	if (r <= 0)
		return r;
	r = icr_file_replace_private(place->folder.fd, place->file, result.data, result.len, err);
	return r < 0 ? r : 1;
}

static int store_file_put(const struct helper_context *context, const struct credential *credential,
			  struct icr_error *err)
{
	_cleanup_place_ struct place place;

	int r = find_place(context, true, &place, err);
	return r < 0 ? r : change(&place, credential, credential->host, err);
}

static int store_file_erase(const struct helper_context *context, const char *host,
			    struct icr_error *err)
{
	_cleanup_place_ struct place place;
	_cleanup_buf_ struct icr_buf unused = ICR_BUF(DOCUMENT_MAX);

	int r = find_place(context, false, &place, err);
	/* with nothing to erase, no lock: the folder may be read-only */
	if (r > 0)
		r = edit_text(&place, NULL, host, &unused, err);
	return r > 0 ? change(&place, NULL, host, err) : r;
}

static void store_file_where(const struct helper_context *context, struct icr_buf *out)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;

	if (icr_environment_data_folder(&context->environment, &folder, NULL) >= 0)
		path = icr_path_join(folder, FILE_NAME);
	if (path)
		icr_buf_text(out, path);
}

static void store_file_caution(const struct helper_context *context, struct icr_buf *out)
{
	_cleanup_place_ struct place place;

	icr_buf_text(out, "not encrypted: it is in ");
	store_file_where(context, out);
	icr_buf_text(out, " (mode 0600)");
	if (find_place(context, false, &place, NULL) > 0 && place.folder.group_writes)
		icr_buf_text(out, ", around which a group may write: chmod g-w the folder above");
}

const struct store store_file = {
	.name = "file",
	.keeps_since = true,
	.read = store_file_read,
	.put = store_file_put,
	.erase = store_file_erase,
	.where = store_file_where,
	.caution = store_file_caution,
};
