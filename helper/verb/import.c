/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/data-folder.h"
#include "helper/docker-config.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
#include "helper/store/secret-service.h"
#include "helper/store/store.h"
#include "helper/verb/verb.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/process.h"
#include "icr/text.h"

#define PASS		"docker-credential-pass"
#define PASS_TIMEOUT_MS 120000 /* somebody may have to type the passphrase of a GnuPG key */
#define REPLY_MAX	((size_t)16 * 1024 * 1024)
#define TRIES		5
#define LOCK_NAME	"import.lock"
#define LOCK_TIMEOUT_MS 10000

struct values {
	const char *config;
	bool remove;
};

const struct icr_option import_options[] = {
	ICR_STRING(struct values, config, "config", "FILE",
		   "take logins out of FILE, not of config.json in $DOCKER_CONFIG or ~/.docker; "
		   "containers' auth.json has the same form"),
	ICR_FLAG(struct values, remove, "remove",
		 "also take what was moved out of the other helpers' stores"),
	{0},
};

struct import {
	const struct values *values;
	struct helper_context context;
	struct icr_buf said;	  /* for standard output */
	struct icr_strings kept;  /* hosts whose login is in the store by now */
	struct icr_strings moved; /* those that were said to be */
	size_t in_keyring;	  /* logins of the desktop's keyring that need no move */
	int lock;		  /* against other imports of this user; -1: nothing was kept yet */
	bool left;		  /* something that should have moved has not */
};

/* Does the store answer exactly this? Only then may another copy go. */
static bool reads_back(const struct import *import, const struct credential *credential)
{
	_cleanup_credential_ struct credential stored = {0};

	return stores_read(&import->context, credential->host, &stored, NULL) > 0 &&
	       credential_is_same(&stored, credential);
}

static void say_moved(struct import *import, const char *host, const char *from, bool removed)
{
	icr_buf_printf(&import->said, "%s: %s from ", credential_host_name(host),
		       removed ? "moved" : "copied");
	icr_text_safe(from, strlen(from), "", &import->said);
	icr_buf_char(&import->said, '\n');
	icr_strings_add_once(&import->moved, host);
}

/*
 * Two imports with different logins of one host would each find none, and the later one would take
 * the place of the other. Where there is no folder for the lock that nobody else can have made,
 * and so have locked, there is no store of files either.
 */
static int lock_others_out(struct import *import, struct icr_error *err)
{
	_cleanup_error_ struct icr_error failure = {0};
	_cleanup_data_folder_ struct data_folder data = {.fd = -1};
	_cleanup_free_ char *path = NULL;

	if (import->lock >= 0 || data_folder_make(&import->context.environment, &data, NULL) < 0)
		return 0;
	path = icr_path_join(data.path, LOCK_NAME);
	import->lock = icr_lock_at(data.fd, path, LOCK_TIMEOUT_MS, &failure);
	if (import->lock != -ETIMEDOUT)
		return 0;
	if (err)
		icr_error_move(err, &failure);
	return icr_error_wrap(err, "another import is running");
}

/* Keeps CREDENTIAL and makes sure that it is kept; 0 when another one of its host stays instead. */
static int keep(struct import *import, const struct credential *credential, const char *from,
		struct icr_error *err)
{
	_cleanup_credential_ struct credential stored = {0};
	const char *host = credential->host;

	int r = lock_others_out(import, err);
	if (r >= 0)
		r = stores_read(&import->context, host, &stored, err);
	if (r < 0)
		return r;
	if (r > 0 && credential_is_same(&stored, credential)) {
		icr_strings_add_once(&import->kept, host);
		return 1;
	}
	if (r > 0) {
		icr_say(ICR_WARNING,
			"%s has another login in this helper's store, which stays; the one in %s "
			"was left there",
			credential_host_name(host), from);
		/* not to lose one that was kept just now */
		if (!icr_strings_has(&import->kept, host))
			helper_note("to have that one instead: echo '%s' | " HELPER_NAME
				    " erase, then import again",
				    host);
		import->left = true;
		return 0;
	}
	struct credential new = *credential; /* the caller's still */
	new.only_new = true;
	r = stores_put(&import->context, &new, err);
	if (r == -EEXIST && stores_read(&import->context, host, &stored, NULL) > 0) {
		/* by another program just now: that one is newer */
		icr_error_clear(err);
		return keep(import, credential, from, err);
	}
	if (r < 0)
		return r;
	if (!reads_back(import, credential))
		return icr_fail(err, EIO,
				"the login of %s was stored, but does not read back; the one in "
				"%s was left there",
				credential_host_name(host), from);
	icr_strings_add_once(&import->kept, host);
	return 1;
}

/* A login of config.json. */
struct login {
	uint32_t node;
	struct icr_host host;
	bool exact; /* under the name by which Docker looks */
	bool kept;
};

struct logins {
	struct login *items;
	size_t count;
};

static void logins_free(struct logins *logins)
{
	free(logins->items);
}

#define _cleanup_logins_ icr_cleanup(logins_free)

static void find_logins(const struct docker_config *config, struct logins *ret)
{
	uint32_t node = ICR_JSON_NONE;
	struct icr_host host;

	while ((node = docker_config_login(config, node, &host)) != ICR_JSON_NONE) {
		_cleanup_free_ char *name = icr_json_name_dup(&config->json, node);
		*ICR_APPEND(ret) = (struct login){node, host, strcmp(name, host.name) == 0, false};
	}
}

static int keep_login(struct import *import, const struct docker_config *config,
		      struct login *login, struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_error_ struct icr_error failure = {0};

	if (docker_config_credential(config, login->node, &login->host, &credential, &failure) <
	    0) {
		helper_note_error(&failure, NULL);
		import->left = true;
		return 0;
	}
	int r = keep(import, &credential, config->path, err);
	login->kept = r > 0;
	return r;
}

/* Of several of one host, first the one that Docker uses: the last of its very name. */
static int keep_logins(struct import *import, const struct docker_config *config,
		       struct logins *logins, struct icr_error *err)
{
	int r = 0;

	for (size_t i = logins->count; r >= 0 && i-- > 0;)
		if (logins->items[i].exact)
			r = keep_login(import, config, &logins->items[i], err);
	for (size_t i = 0; r >= 0 && i < logins->count; i++)
		if (!logins->items[i].exact)
			r = keep_login(import, config, &logins->items[i], err);
	return r;
}

/* Empties the logins that the store has, in the file as it stands now. */
static int empty_logins(const struct import *import, const char *path, struct icr_strings *emptied,
			struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_logins_ struct logins logins = {0};
	_cleanup_free_ uint32_t *going = NULL;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	size_t count = 0;

	int r = docker_config_read(path, &config, err);
	if (r < 0)
		return r;
	find_logins(&config, &logins);
	going = icr_calloc(logins.count + 1, sizeof(*going));
	for (size_t i = 0; i < logins.count; i++) {
		const struct login *login = &logins.items[i];
		_cleanup_credential_ struct credential credential = {0};
		if (docker_config_credential(&config, login->node, &login->host, &credential,
					     NULL) < 0 ||
		    !reads_back(import, &credential))
			continue;
		going[count++] = login->node;
		icr_strings_add_once(emptied, login->host.name);
	}
	if (count == 0)
		return 0;
	r = docker_config_empty_logins(&config, going, count, &text, err);
	return r < 0 ? r : docker_config_write(&config, &text, err);
}

/* What was moved is gone for Docker until it asks this helper. */
static void say_unasked(const struct import *import)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_free_ char *path = NULL;

	if (icr_environment_docker_config(&import->context.environment, &path, NULL) < 0 ||
	    docker_config_read(path, &config, NULL) < 0)
		return;
	for (size_t i = 0; i < import->moved.count; i++) {
		const char *host = import->moved.items[i];
		if (strcmp(host, CREDENTIAL_DEFAULT) == 0)
			continue;
		uint32_t entry = docker_config_helper(&config, host);
		if (entry == ICR_JSON_NONE ||
		    !icr_json_string_is(&config.json, entry, DOCKER_CONFIG_OURS))
			helper_note("Docker does not ask this helper for %s yet: " HELPER_NAME
				    " configure --regions %s",
				    host, host);
	}
}

static int empty_kept(const struct import *import, const char *path, struct icr_strings *emptied,
		      struct icr_error *err)
{
	_cleanup_fd_ int lock = docker_config_lock(path, err);

	int r = lock < 0 ? lock : -EAGAIN;
	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		icr_error_clear(err);
		icr_strings_free(emptied);
		r = empty_logins(import, path, emptied, err);
	}
	return r;
}

static int import_docker(struct import *import, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_logins_ struct logins logins = {0};
	_cleanup_strings_ struct icr_strings kept = {0}, emptied = {0};
	_cleanup_error_ struct icr_error failure = {0};
	const char *given = import->values->config;
	_cleanup_free_ char *path = given ? icr_strdup(given) : NULL;
	int r;

	if (!path &&
	    (r = icr_environment_docker_config(&import->context.environment, &path, err)) < 0)
		return r;
	r = docker_config_read(path, &config, err);
	if (r < 0)
		return r;
	if (given && !config.exists)
		return icr_fail_errno(err, ENOENT, path, "cannot open the file");
	find_logins(&config, &logins);
	r = keep_logins(import, &config, &logins, err);
	for (size_t i = 0; i < logins.count; i++)
		if (logins.items[i].kept)
			icr_strings_add_once(&kept, logins.items[i].host.name);
	bool written =
		r >= 0 && kept.count > 0 && empty_kept(import, path, &emptied, &failure) >= 0;
	/* other helpers' logins are not held up by a file that cannot be written to */
	if (failure.code)
		helper_note_error(&failure, NULL);
	for (size_t i = 0; i < kept.count; i++) {
		bool removed = written && icr_strings_has(&emptied, kept.items[i]);
		say_moved(import, kept.items[i], path, removed);
		import->left |= !removed;
	}
	return r;
}

static bool is_configured(const struct import *import, const struct store *store)
{
	const struct config *config = &import->context.config;

	for (size_t i = 0; i < config->stores_count; i++)
		if (config->stores[i] == store)
			return true;
	return false;
}

static int import_item(struct import *import, const struct secret_service_login *login,
		       struct icr_error *err)
{
	const struct credential *credential = &login->credential;
	const char *host = credential->host;
	_cleanup_free_ char *place =
		icr_printf("the desktop's keyring (user %s)", credential->username);
	bool removed = false, again = icr_strings_has(&import->moved, host);

	if (credential->secret.len == 0)
		return 0;
	int r = keep(import, credential, place, err);
	if (r <= 0)
		return r;
	if (import->values->remove) {
		_cleanup_error_ struct icr_error failure = {0};
		_cleanup_free_ char *stays = icr_printf("the login of %s stays in %s",
							credential_host_name(host), place);
		r = secret_service_forget(&import->context, login, &failure);
		removed = r > 0;
		import->left |= !removed;
		/* those that are still to be copied are not held up by it */
		if (r < 0)
			helper_note_error(&failure, stays);
	}
	if (r == 0)
		icr_say(ICR_WARNING, "the login of %s in %s has just changed, and was left there",
			credential_host_name(host), place);
	/* once for a login that is there in several spellings */
	if (!again)
		say_moved(import, host, "the desktop's keyring", removed);
	return 0;
}

/* Items of docker-credential-secretservice are where the store libsecret looks, whatever their
 * label: they need a move only when that store is not among the configured ones. Each is moved by
 * itself, since a host may have several that differ. */
static int import_secretservice(struct import *import, struct icr_error *err)
{
	const struct store *libsecret = store_find("libsecret");
	_cleanup_secret_service_logins_ struct secret_service_logins found = {0};
	_cleanup_error_ struct icr_error failure = {0};

	if (is_configured(import, libsecret)) {
		_cleanup_credentials_ struct credentials here = {0};
		(void)libsecret->read(&import->context, NULL, 0, &here, NULL);
		import->in_keyring = here.count;
		return 0;
	}
	int r = secret_service_logins(&import->context, &found, &failure);
	if (r < 0 && r != -ICR_E_UNAVAILABLE) {
		helper_note_error(&failure, found.count > 0
						    ? "not all of the desktop's keyring was asked"
						    : "the desktop's keyring was not asked");
		import->left |= found.count > 0;
	}
	r = 0;
	for (size_t i = 0; r >= 0 && i < found.count; i++)
		r = import_item(import, &found.items[i], err);
	return r;
}

static int run_pass(const char *verb, const char *input, struct icr_buf *ret, struct icr_error *err)
{
	const char *const arguments[] = {PASS, verb, NULL};
	const struct icr_process process = {.arguments = arguments,
					    .input = input,
					    .input_len = strlen(input),
					    .timeout_ms = PASS_TIMEOUT_MS,
					    .output = ret,
					    .pass_errors = true};

	return icr_process_run(&process, err);
}

/*
 * The one login that pass keeps for SERVER, as a path; -1 when there are others of other users,
 * which "get" does not show and "erase" takes along (measured with 0.6.4), or when that cannot be
 * told. Source: docker/docker-credential-helpers v0.9, pass/pass.go: a file USER.gpg in a folder
 * that is called by the server in base64.
 */
static int find_in_pass(const struct import *import, const char *server, char **ret_path)
{
	_cleanup_strings_ struct icr_strings servers = {0}, logins = {0};
	_cleanup_free_ char *store = NULL, *all = NULL;
	const char *given = icr_environment_get("PASSWORD_STORE_DIR"),
		   *home = import->context.environment.home;

	if (!given && !home)
		return -1;
	store = given ? icr_strdup(given) : icr_path_join(home, ".password-store");
	all = icr_path_join(store, "docker-credential-helpers");
	icr_folder_list(all, "", &servers);
	for (size_t i = 0; i < servers.count; i++) {
		_cleanup_buf_ struct icr_buf name = ICR_BUF(REPLY_MAX);
		const char *coded = icr_path_base(servers.items[i]);
		if (icr_base64_decode(coded, strlen(coded), &name) && name.len == strlen(server) &&
		    memcmp(name.data, server, name.len) == 0)
			icr_folder_list(servers.items[i], "", &logins);
	}
	size_t found = 0;
	for (size_t i = 0; i < logins.count; i++) {
		const char *name = icr_path_base(logins.items[i]);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		free(*ret_path);
		*ret_path = icr_strdup(logins.items[i]);
		found++;
	}
	return found == 1 ? 0 : -1;
}

static bool is_unchanged(const char *path, const struct stat *before)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_dev == before->st_dev &&
	       now.st_ino == before->st_ino && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* SERVER is as pass has it, which matches bytes. An empty user name is how docker-credential-pass
 * 0.6.4 says "not found". */
static int import_pass_entry(struct import *import, const char *server, const char *host,
			     struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf reply = ICR_BUF(REPLY_MAX), none = ICR_BUF(REPLY_MAX);
	_cleanup_free_ char *path = NULL, *other = NULL;
	bool remove = import->values->remove, removed = false;
	struct stat before;

	bool single = find_in_pass(import, server, &path) >= 0 && stat(path, &before) == 0;
	int r = run_pass("get", server, &reply, err);
	if (r != 0 || protocol_parse_credential(reply.data, reply.len, &credential, NULL) < 0 ||
	    credential.secret.len == 0) {
		helper_note(PASS " lists %s and does not hand it out", host);
		import->left = true;
		return r < 0 ? r : 0;
	}
	credential_set_host(&credential, host);
	if (r >= 0)
		r = keep(import, &credential, PASS, err);
	if (r <= 0)
		return r;
	if (remove && !(single && find_in_pass(import, server, &other) >= 0 &&
			strcmp(path, other) == 0 && is_unchanged(path, &before)))
		icr_say(ICR_WARNING,
			PASS " keeps, or may keep, other logins of %s, which would go with this "
			     "one: all of them were left there",
			server);
	else if (remove && !(removed = run_pass("erase", server, &none, NULL) == 0))
		icr_say(ICR_WARNING, PASS " does not take %s out of its store", host);
	import->left |= remove && !removed;
	say_moved(import, host, PASS, removed);
	return 0;
}

/* Is it this very helper, called by that name? Then its store is ours, and nothing is to move. */
static bool is_ourselves(void)
{
	_cleanup_buf_ struct icr_buf version = ICR_BUF(REPLY_MAX);

	return run_pass("version", "", &version, NULL) == 0 &&
	       strncmp(version.data, HELPER_NAME " ", sizeof(HELPER_NAME)) == 0;
}

static int import_pass(struct import *import, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf reply = ICR_BUF(REPLY_MAX);
	_cleanup_json_ struct icr_json json = {0};

	int r = run_pass("list", "unused", &reply, NULL);
	if (r == -ENOENT)
		return 0;
	if (r != 0 ||
	    icr_json_parse(reply.data, reply.len, NULL, ICR_JSON_PREFIX | ICR_JSON_NO_NUL, &json,
			   NULL) < 0 ||
	    !icr_json_is(&json, 0, ICR_JSON_OBJECT)) {
		helper_note(PASS " cannot list its logins; they were not looked at");
		return 0;
	}
	if (json.nodes[0].child == ICR_JSON_NONE || is_ourselves())
		return 0;
	/* of several spellings of a host first the one under which clients look */
	for (int exact = 1; exact >= 0; exact--)
		for (uint32_t i = json.nodes[0].child; i != ICR_JSON_NONE; i = json.nodes[i].next) {
			_cleanup_free_ char *server = icr_json_name_dup(&json, i);
			struct icr_host host;
			if (!icr_host_parse(server, strlen(server), &host) ||
			    (strcmp(server, host.name) == 0) != exact)
				continue;
			r = import_pass_entry(import, server, host.name, err);
			if (r < 0)
				return r;
		}
	return 0;
}

static int import_all(struct import *import, struct icr_error *err)
{
	int r = helper_context_init(&import->context, err);

	if (r >= 0)
		r = source_check_stored(&import->context, err);
	if (r >= 0)
		r = import_docker(import, err);
	/* with --config FILE that file is what is meant */
	if (r >= 0 && !import->values->config)
		r = import_secretservice(import, err);
	if (r >= 0 && !import->values->config)
		r = import_pass(import, err);
	if (r >= 0 && !import->values->config)
		say_unasked(import);
	return r;
}

int cmd_import(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};
	struct import import = {.values = &values, .said = ICR_BUF(ICR_BUF_MAX), .lock = -1};

	int r = icr_options_parse(import_options, argc, argv, 0, &values, err);
	if (r < 0)
		return r;
	r = import_all(&import, err);
	if (r >= 0 && import.said.len == 0 && import.in_keyring > 0)
		icr_buf_printf(&import.said,
			       "nothing to import: this helper finds the %zu logins in the "
			       "desktop's keyring where they are\n",
			       import.in_keyring);
	else if (r >= 0 && import.said.len == 0)
		icr_buf_text(&import.said, "nothing to import\n");
	int written = protocol_tell(&import.said, r < 0 ? NULL : err);
	icr_buf_free(&import.said);
	icr_strings_free(&import.kept);
	icr_strings_free(&import.moved);
	if (import.lock >= 0)
		(void)close(import.lock);
	helper_context_free(&import.context);
	if (r >= 0)
		r = written;
	return r < 0 ? r : import.left ? EXIT_FAILURE : EXIT_SUCCESS;
}
