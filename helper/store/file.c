/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/json-edit.h"
#include "icr/text.h"

#define FILE_NAME "credentials.json"
#define LOCK_NAME "credentials.lock"
/* Long enough for a hundred others that write at the same time, each with its fsync. */
#define LOCK_TIMEOUT_MS 10000

static const char empty_text[] = "{\n\t\"version\": 1,\n\t\"credentials\": {}\n}\n";

static int fail_at_node(const struct document *document, uint32_t node, struct icr_error *err,
			const char *what)
{
	_cleanup_free_ char *place =
		icr_json_place(&document->json, document->path, document->json.nodes[node].start);

	if (!place)
		return icr_fail_memory(err);
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
		strndup(document->json.text + number->start, number->end - number->start);
	if (!text)
		return icr_fail_memory(err);
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

	return name && credential_host_parse(name, ret_host);
}

static int read_entry(const struct document *document, uint32_t entry, const char *host,
		      struct credential *ret_credential, struct icr_error *err)
{
	const struct icr_json *json = &document->json;
	_cleanup_buf_ struct icr_buf username, secret;
	uint32_t name = icr_json_member(json, entry, "username");
	uint32_t value = icr_json_member(json, entry, "secret");

	icr_buf_init(&username, DOCUMENT_MAX);
	icr_buf_init(&secret, DOCUMENT_MAX);
	if (!icr_json_is(json, name, ICR_JSON_STRING) || !icr_json_is(json, value, ICR_JSON_STRING))
		return fail_at_node(document, entry, err,
				    "a credential must be an object with the strings \"username\" "
				    "and \"secret\"");
	icr_json_string(json, name, &username);
	icr_json_string(json, value, &secret);
	int r = icr_buf_check(&username, document->path, err);
	if (r < 0)
		return r;
	r = icr_buf_check(&secret, document->path, err);
	if (r < 0)
		return r;
	return credential_set(ret_credential, host, username.data, secret.data, secret.len, err);
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
		int r = read_entry(document, entry, host, &credential, err);
		if (r < 0)
			return r;
		/* of a host in two spellings the last one counts, as for repeated names */
		struct credential *earlier = credentials_find(ret, host);
		if (earlier)
			credential_move(earlier, &credential);
		else if ((r = credentials_add(ret, &credential, err)) < 0)
			return r;
	}
	return 0;
}

/* The entries of HOST in all spellings, malloc'ed. */
static int find_entries(const struct document *document, const char *host, uint32_t **ret_entries,
			size_t *ret_count, struct icr_error *err)
{
	const struct icr_json *json = &document->json;
	size_t count = 0;

	*ret_entries = NULL;
	*ret_count = 0;
	if (document->credentials == ICR_JSON_NONE)
		return 0;
	uint32_t *entries = calloc(json->nodes[document->credentials].count + 1, sizeof(*entries));
	if (!entries)
		return icr_fail_memory(err);
	for (uint32_t entry = json->nodes[document->credentials].child; entry != ICR_JSON_NONE;
	     entry = json->nodes[entry].next) {
		char name[ICR_HOST_MAX];
		if (host_of(document, entry, name) && strcmp(name, host) == 0)
			entries[count++] = entry;
	}
	*ret_entries = entries;
	*ret_count = count;
	return 0;
}

static void format_entry(const struct credential *credential, struct icr_buf *out)
{
	icr_buf_text(out, "{\"username\": ");
	icr_json_quote(out, credential->username, strlen(credential->username));
	icr_buf_text(out, ", \"secret\": ");
	icr_json_quote(out, credential->secret.data, credential->secret.len);
	icr_buf_char(out, '}');
}

/* Nothing that reads differently from what was meant reaches the disk. */
static int check_result(const struct document *document, const struct icr_buf *text,
			const struct credential *wanted, const char *host, struct icr_error *err)
{
	_cleanup_document_ struct document result = {0};
	_cleanup_credentials_ struct credentials found = {0};

	int r = icr_buf_check(text, document->path, err);
	if (r < 0)
		return r;
	r = document_parse(document->path, text, &result, err);
	if (r < 0)
		return r;
	r = document_read(&result, &host, 1, &found, err);
	if (r < 0)
		return r;
	const struct credential *got = credentials_find(&found, host);
	bool same = wanted ? got && strcmp(got->username, wanted->username) == 0 &&
				     got->secret.len == wanted->secret.len &&
				     memcmp(got->secret.data, wanted->secret.data,
					    wanted->secret.len) == 0
			   : !got;
	if (!same)
		return icr_fail_at(
			err, ICR_E_CONFLICT, document->path,
			"the edited text does not read as it should; nothing is written");
	return 0;
}

int document_put(const struct document *document, const struct credential *credential,
		 struct icr_buf *out, struct icr_error *err)
{
	const struct icr_json *json = &document->json;
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf value, members;
	_cleanup_free_ uint32_t *entries = NULL;
	size_t count;

	icr_buf_init(&value, DOCUMENT_MAX);
	icr_buf_init(&members, DOCUMENT_MAX);
	int r = find_entries(document, credential->host, &entries, &count, err);
	if (r < 0)
		return r;
	format_entry(credential, &value);
	r = icr_buf_check(&value, document->path, err);
	if (r < 0)
		return r;
	if (count > 0) {
		icr_json_edit_replace(&edit, json, entries[count - 1], value.data);
		if (count > 1)
			icr_json_edit_remove(&edit, json, entries, count - 1);
	} else if (document->credentials != ICR_JSON_NONE) {
		icr_json_edit_add_member(&edit, json, document->credentials, credential->host,
					 value.data);
	} else {
		icr_buf_printf(&members, "{\"%s\": %s}", credential->host, value.data);
		icr_json_edit_add_member(&edit, json, 0, "credentials", members.data);
	}
	r = icr_edit_apply(&edit, json->text, json->len, out, err);
	if (r < 0) {
		(void)icr_error_hint(err, "forget what is no longer needed: docker logout HOST");
		return icr_error_wrap(err, "%s", document->path);
	}
	return check_result(document, out, credential, credential->host, err);
}

int document_erase(const struct document *document, const char *host, struct icr_buf *out,
		   struct icr_error *err)
{
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_free_ uint32_t *entries = NULL;
	size_t count;

	int r = find_entries(document, host, &entries, &count, err);
	if (r < 0 || count == 0)
		return r;
	icr_json_edit_remove(&edit, &document->json, entries, count);
	r = icr_edit_apply(&edit, document->json.text, document->json.len, out, err);
	if (r < 0)
		return r;
	r = check_result(document, out, NULL, host, err);
	return r < 0 ? r : 1;
}

/* Where the store is on this host. */
struct place {
	char *folder, *file, *lock;
};

static void place_free(struct place *place)
{
	free(place->folder);
	free(place->file);
	free(place->lock);
}

/* No home folder, or none that this user may enter: this store is not to be had, others may be. */
static int make_unavailable(struct icr_error *err)
{
	if (err)
		err->code = ICR_E_UNAVAILABLE;
	return -ICR_E_UNAVAILABLE;
}

static int check_folder(const struct place *place, struct icr_error *err)
{
	struct stat status;

	if (lstat(place->folder, &status) < 0) {
		int error = errno;
		if (error == ENOENT)
			return 0;
		int r = icr_fail_errno(err, error, place->folder, "cannot look into the folder");
		return error == EACCES || error == ENOTDIR ? make_unavailable(err) : r;
	}
	if (!S_ISDIR(status.st_mode)) {
		icr_fail_at(err, ICR_E_REFUSED, place->folder, "is not a folder%s",
			    S_ISLNK(status.st_mode) ? " but a symbolic link" : "");
		(void)icr_error_hint(err, "put a folder in its place; $XDG_DATA_HOME moves it");
		return -ICR_E_REFUSED;
	}
	if (status.st_uid != geteuid()) {
		icr_fail_at(err, ICR_E_REFUSED, place->folder, "belongs to user %u, not to %u",
			    (unsigned)status.st_uid, (unsigned)geteuid());
		(void)icr_error_hint(err, "if you trust what is in it, as root: chown -R %u '%s'",
				     (unsigned)geteuid(), place->folder);
		return -ICR_E_REFUSED;
	}
	if (status.st_mode & 0022) {
		icr_fail_at(err, ICR_E_REFUSED, place->folder, "may be written to by others");
		(void)icr_error_hint(err, "chmod 700 '%s'", place->folder);
		return -ICR_E_REFUSED;
	}
	return 1;
}

/* Returns 1, or 0 when the folder does not exist. */
static int find_place(const struct helper_context *context, struct place *ret_place,
		      struct icr_error *err)
{
	int r = icr_environment_data_folder(&context->environment, &ret_place->folder, err);
	if (r == -ENOENT)
		return make_unavailable(err);
	if (r < 0)
		return r;
	ret_place->file = icr_path_join(ret_place->folder, FILE_NAME);
	ret_place->lock = icr_path_join(ret_place->folder, LOCK_NAME);
	if (!ret_place->file || !ret_place->lock)
		return icr_fail_memory(err);
	return check_folder(ret_place, err);
}

/* Returns 1, or 0 when the file does not exist. */
static int read_text(const struct place *place, struct icr_buf *ret, struct icr_error *err)
{
	const struct icr_file_policy policy = {geteuid(), 0077};

	return icr_file_read_private(place->file, &policy, ret, err);
}

/* Readers take no lock: the file is replaced as a whole. */
static int store_file_read(const struct helper_context *context, const char *const *hosts,
			   size_t count, struct credentials *ret, struct icr_error *err)
{
	icr_cleanup(place_free) struct place place = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, DOCUMENT_MAX);
	int r = find_place(context, &place, err);
	if (r > 0)
		r = read_text(&place, &text, err);
	if (r <= 0)
		return r;
	r = document_parse(place.file, &text, &document, err);
	if (r < 0)
		return r;
	return document_read(&document, hosts, count, ret, err);
}

/* Puts CREDENTIAL into what the file says now, or erases HOST. Returns 1 with the new text, or 0
 * when nothing is to be done. */
static int edit_text(const struct place *place, const struct credential *credential,
		     const char *host, struct icr_buf *ret, struct icr_error *err)
{
	_cleanup_document_ struct document document = {0};
	_cleanup_buf_ struct icr_buf text;

	icr_buf_init(&text, DOCUMENT_MAX);
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
	r = document_put(&document, credential, ret, err);
	return r < 0 ? r : 1;
}

static int change(const struct place *place, const struct credential *credential, const char *host,
		  struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf result;

	icr_buf_init(&result, DOCUMENT_MAX);
	_cleanup_fd_ int lock = icr_lock(place->lock, LOCK_TIMEOUT_MS, err);
	if (lock < 0)
		return lock;
	int r = edit_text(place, credential, host, &result, err);
	if (r <= 0)
		return r;
	r = icr_file_replace(place->file, result.data, result.len, 0600, err);
	return r < 0 ? r : 1;
}

static int store_file_put(const struct helper_context *context, const struct credential *credential,
			  struct icr_error *err)
{
	icr_cleanup(place_free) struct place place = {0};

	int r = find_place(context, &place, err);
	if (r == 0) {
		r = icr_folder_make(place.folder, 0700, err);
		if (r == -EACCES || r == -EROFS || r == -ENOTDIR || r == -EPERM)
			return make_unavailable(err);
		if (r >= 0)
			r = check_folder(&place, err);
	}
	if (r < 0)
		return r;
	return change(&place, credential, credential->host, err);
}

static int store_file_erase(const struct helper_context *context, const char *host,
			    struct icr_error *err)
{
	icr_cleanup(place_free) struct place place = {0};
	_cleanup_buf_ struct icr_buf unused;

	icr_buf_init(&unused, DOCUMENT_MAX);
	int r = find_place(context, &place, err);
	/* with nothing to erase, no lock: the folder may be read-only */
	if (r > 0)
		r = edit_text(&place, NULL, host, &unused, err);
	return r > 0 ? change(&place, NULL, host, err) : r;
}

static void store_file_where(const struct helper_context *context, struct icr_buf *out)
{
	_cleanup_free_ char *folder = NULL;

	if (icr_environment_data_folder(&context->environment, &folder, NULL) >= 0)
		icr_buf_printf(out, "%s/%s", folder, FILE_NAME);
}

const struct store store_file = {
	.name = "file",
	.read = store_file_read,
	.put = store_file_put,
	.erase = store_file_erase,
	.where = store_file_where,
};
