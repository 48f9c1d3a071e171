/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "helper/docker-config.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/source/source.h"
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
	struct icr_strings moved; /* hosts */
	size_t in_keyring;	  /* logins of the desktop's keyring that need no move */
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
	icr_buf_printf(&import->said, "%s: %s from ", host, removed ? "moved" : "copied");
	icr_text_safe(from, strlen(from), "", &import->said);
	icr_buf_char(&import->said, '\n');
	icr_strings_add_once(&import->moved, host);
}

/* Keeps CREDENTIAL and makes sure that it is kept; 0 when another one of its host stays instead.
 * IN_USE: clients use it now, so that it goes before what the store has. */
static int keep(struct import *import, const struct credential *credential, const char *from,
		bool in_use, struct icr_error *err)
{
	_cleanup_credential_ struct credential stored = {0};

	int r = stores_read(&import->context, credential->host, &stored, err);
	if (r < 0)
		return r;
	if (r > 0 && credential_is_same(&stored, credential))
		return 1;
	if (r > 0 && (!in_use || icr_strings_has(&import->moved, credential->host))) {
		helper_note("%s has another login in this helper's store, which stays; the one in "
			    "%s was left there",
			    credential->host, from);
		import->left = true;
		return 0;
	}
	if (r > 0)
		helper_note("%s had another login in this helper's store; the one in %s, which was "
			    "in use, takes its place",
			    credential->host, from);
	r = stores_put(&import->context, credential, err);
	if (r < 0)
		return r;
	if (!reads_back(import, credential))
		return icr_fail(err, EIO,
				"the login of %s was stored, but does not read back; the one in "
				"%s was left there",
				credential->host, from);
	return 1;
}

static int keep_logins(struct import *import, const struct docker_config *config,
		       struct icr_error *err)
{
	uint32_t login = ICR_JSON_NONE;
	struct icr_host host;

	while ((login = docker_config_login(config, login, &host)) != ICR_JSON_NONE) {
		_cleanup_credential_ struct credential credential = {0};
		_cleanup_error_ struct icr_error failure = {0};
		uint32_t entry = docker_config_helper(config, host.name);
		bool ours = entry != ICR_JSON_NONE &&
			    icr_json_string_is(&config->json, entry, DOCKER_CONFIG_OURS);
		if (docker_config_credential(config, login, &host, &credential, &failure) < 0) {
			helper_note_error(&failure, NULL);
			import->left = true;
			continue;
		}
		int r = keep(import, &credential, config->path, !ours, err);
		if (r < 0)
			return r;
		if (r > 0)
			say_moved(import, host.name, config->path, true);
	}
	return 0;
}

/* Empties the logins that the store has, in the file as it stands now. */
static int empty_logins(const struct import *import, const char *path, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	_cleanup_free_ uint32_t *going = NULL;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);
	uint32_t login = ICR_JSON_NONE;
	struct icr_host host;
	size_t count = 0;

	int r = docker_config_read(path, &config, err);
	if (r < 0)
		return r;
	going = icr_calloc(config.json.count, sizeof(*going));
	while ((login = docker_config_login(&config, login, &host)) != ICR_JSON_NONE) {
		_cleanup_credential_ struct credential credential = {0};
		if (docker_config_credential(&config, login, &host, &credential, NULL) >= 0 &&
		    reads_back(import, &credential))
			going[count++] = login;
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
		uint32_t entry = docker_config_helper(&config, host);
		if (entry == ICR_JSON_NONE ||
		    !icr_json_string_is(&config.json, entry, DOCKER_CONFIG_OURS))
			helper_note("Docker does not ask this helper for %s yet: " HELPER_NAME
				    " configure --regions %s",
				    host, host);
	}
}

static int import_docker(struct import *import, struct icr_error *err)
{
	_cleanup_docker_config_ struct docker_config config = {0};
	const char *given = import->values->config;
	_cleanup_free_ char *path = given ? icr_strdup(given) : NULL;
	int r;

	if (!path &&
	    (r = icr_environment_docker_config(&import->context.environment, &path, err)) < 0)
		return r;
	r = docker_config_read(path, &config, err);
	if (r >= 0)
		r = keep_logins(import, &config, err);
	if (r < 0)
		return r;
	if (import->moved.count > 0) {
		_cleanup_fd_ int lock = docker_config_lock(path, err);
		r = lock < 0 ? lock : -EAGAIN;
		for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
			icr_error_clear(err);
			r = empty_logins(import, path, err);
		}
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

/* Items of docker-credential-secretservice are where the store libsecret looks, whatever their
 * label: they need a move only when that store is not among the configured ones. */
static int import_secretservice(struct import *import, struct icr_error *err)
{
	const struct store *libsecret = store_find("libsecret");
	_cleanup_credentials_ struct credentials found = {0};
	_cleanup_error_ struct icr_error failure = {0};
	int r = libsecret->read(&import->context, NULL, 0, &found, &failure);
	if (is_configured(import, libsecret)) {
		import->in_keyring = found.count;
		return 0;
	}
	if (r < 0 && r != -ICR_E_UNAVAILABLE)
		helper_note_error(&failure, "the desktop's keyring was not asked");
	for (size_t i = 0; i < found.count; i++) {
		const struct credential *credential = &found.items[i];
		if (credential->secret.len == 0)
			continue;
		r = keep(import, credential, "the desktop's keyring", false, err);
		if (r < 0)
			return r;
		bool kept = r > 0;
		if (kept && import->values->remove)
			r = libsecret->erase(&import->context, credential->host, err);
		if (r < 0)
			return r;
		if (kept)
			say_moved(import, credential->host, "the desktop's keyring",
				  import->values->remove);
	}
	return 0;
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

/* SERVER is as pass has it, which matches bytes. An empty user name is how docker-credential-pass
 * 0.6.4 says "not found". */
static int import_pass_entry(struct import *import, const char *server, const char *host,
			     struct icr_error *err)
{
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_buf_ struct icr_buf reply = ICR_BUF(REPLY_MAX), none = ICR_BUF(REPLY_MAX);

	int r = run_pass("get", server, &reply, err);
	if (r != 0 || protocol_parse_credential(reply.data, reply.len, &credential, NULL) < 0 ||
	    credential.secret.len == 0) {
		helper_note(PASS " lists %s and does not hand it out", host);
		import->left = true;
		return r < 0 ? r : 0;
	}
	credential_set_host(&credential, host);
	if (r >= 0)
		r = keep(import, &credential, PASS, false, err);
	if (r <= 0)
		return r;
	bool removed = import->values->remove && run_pass("erase", server, &none, NULL) == 0;
	if (import->values->remove && !removed) {
		helper_note(PASS " does not take %s out of its store", host);
		import->left = true;
	}
	say_moved(import, host, PASS, removed);
	return 0;
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
	for (uint32_t i = json.nodes[0].child; i != ICR_JSON_NONE; i = json.nodes[i].next) {
		_cleanup_free_ char *server = icr_json_name_dup(&json, i);
		struct icr_host host;
		if (!icr_host_parse(server, strlen(server), &host))
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
	struct import import = {.values = &values, .said = ICR_BUF(ICR_BUF_MAX)};

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
	icr_strings_free(&import.moved);
	helper_context_free(&import.context);
	if (r >= 0)
		r = written;
	return r < 0 ? r : import.left ? EXIT_FAILURE : EXIT_SUCCESS;
}
