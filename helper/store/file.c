/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/helper.h"
#include "helper/store/store.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"

#define FILE_NAME "credentials.json"
#define LOCK_NAME "credentials.lock"
/* Long enough for a hundred others that write at the same time, each with its fsync. */
#define LOCK_TIMEOUT_MS 10000

static const char empty_text[] = "{\n\t\"version\": 1,\n\t\"credentials\": {}\n}\n";

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
static int edit(const struct place *place, const struct credential *credential, const char *host,
		struct icr_buf *ret, struct icr_error *err)
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
	int r = edit(place, credential, host, &result, err);
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
		r = edit(&place, NULL, host, &unused, err);
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
