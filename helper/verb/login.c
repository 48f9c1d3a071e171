/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "helper/apikey.h"
#include "helper/exchange.h"
#include "helper/helper.h"
#include "helper/protocol.h"
#include "helper/session.h"
#include "helper/source/source.h"
#include "helper/store/store.h"
#include "helper/system-key.h"
#include "helper/terminal.h"
#include "helper/token.h"
#include "helper/verb/verb.h"
#include "icr/account.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/text.h"

#define LINE_MAX ((size_t)4096)

struct values {
	const char *username, *apikey_file, *group, *account;
	bool offline, system, sso;
};

const struct icr_option login_options[] = {
	ICR_STRING(struct values, username, "username", "NAME",
		   "iamapikey (the default); a trusted profile's ID (Profile-...), with the key of "
		   "a service ID that it trusts; or iambearer, with an access token"),
	ICR_STRING(struct values, apikey_file, "apikey-file", "FILE|-",
		   "read the key from FILE, which holds it alone or is what \"ibmcloud iam "
		   "api-key-create --file\" wrote; - is standard input. Without this a terminal is "
		   "asked, and else standard input is read"),
	ICR_FLAG(struct values, offline, "offline", "do not ask IAM whether it takes the key"),
	ICR_FLAG(struct values, system, "system",
		 "as root: seal the key for this host, to be there from boot on for a group of "
		 "users"),
	ICR_STRING(struct values, group, "group", "NAME",
		   "of --system: who may use the key (default: docker)"),
	ICR_FLAG(struct values, sso, "sso",
		 "on a terminal: log in with a one-time passcode from the browser, and keep the "
		 "session"),
	ICR_STRING(struct values, account, "account", "ID",
		   "of --sso: the account, instead of asking"),
	{0},
};

struct logout_values {
	bool system;
};

const struct icr_option logout_options[] = {
	ICR_FLAG(struct logout_values, system, "system", "as root: forget the key of this host"),
	{0},
};

static int read_standard_input(struct icr_buf *ret, struct icr_error *err)
{
	return protocol_read_all(APIKEY_FILE_MAX, ret, err);
}

/* The text that holds the key; WHERE is for messages. */
static int read_key(const struct values *values, bool standard_input, struct icr_buf *ret,
		    const char **ret_where, struct icr_error *err)
{
	*ret_where = "standard input";
	if (standard_input || (values->apikey_file && strcmp(values->apikey_file, "-") == 0))
		return read_standard_input(ret, err);
	if (values->apikey_file) {
		*ret_where = values->apikey_file;
		int r = icr_file_read(values->apikey_file, ret, err);
		return r == 0 ? icr_fail_errno(err, ENOENT, values->apikey_file,
					       "cannot read the API key")
			      : r;
	}
	if (!isatty(STDIN_FILENO))
		return read_standard_input(ret, err);
	*ret_where = "the terminal";
	return terminal_ask_secret("IBM Cloud API key (it is not shown): ", ret, err);
}

static int check_username(const char *username, struct icr_error *err)
{
	if (strcmp(username, APIKEY_USERNAME) == 0 || strcmp(username, TOKEN_USERNAME) == 0 ||
	    (strncmp(username, PROFILE_PREFIX, strlen(PROFILE_PREFIX)) == 0 &&
	     username[strlen(PROFILE_PREFIX)]))
		return 0;
	return icr_fail(err, ICR_E_USAGE,
			"--username must be " APIKEY_USERNAME ", a trusted profile's ID "
			"(" PROFILE_PREFIX "...) or " TOKEN_USERNAME ", not \"%s\"",
			username);
}

/* Does IAM take it? A token's only question is whether it has expired. */
static int check_with_iam(const struct helper_context *context, const struct credential *credential,
			  struct icr_error *err)
{
	if (strcmp(credential->username, TOKEN_USERNAME) != 0) {
		int r = exchange_check(context, credential, NULL, err);
		if (r < 0 && r != -EACCES)
			helper_note("nothing was stored; --offline stores the key without asking "
				    "IAM");
		return r;
	}
	if (!credential_expired(credential))
		return 0;
	icr_fail(err, ICR_E_CONFIG, "this access token has expired");
	return icr_error_hint(err, "a new one: ibmcloud iam oauth-tokens");
}

/* The hosts that have another login of their own, which goes before KEPT. */
static void find_own_logins(const struct helper_context *context, const struct credential *kept,
			    struct icr_strings *ret)
{
	const struct config *config = &context->config;

	for (size_t i = 0; i < config->stores_count; i++) {
		_cleanup_credentials_ struct credentials found = {0};
		(void)config->stores[i]->read(context, NULL, 0, &found, NULL);
		for (size_t j = 0; j < found.count; j++) {
			const struct credential *own = &found.items[j];
			struct icr_host host;
			if (icr_host_parse(own->host, strlen(own->host), &host) &&
			    source_takes_any_key(&host) && own->secret.len > 0 &&
			    !credential_expired(own) && !credential_is_same(own, kept))
				icr_strings_add_once(ret, own->host);
		}
	}
}

static void say_done(const struct helper_context *context, const struct credential *kept)
{
	_cleanup_strings_ struct icr_strings own = {0};
	const char *user = context->environment.sudo_user;

	if (user && geteuid() == 0 && strcmp(user, "root") != 0)
		helper_note("the login is root's, since this runs under sudo; for %s's own run it "
			    "without sudo",
			    user);
	find_own_logins(context, kept, &own);
	for (size_t i = 0; i < own.count; i++)
		helper_note("%s has another login of its own, which goes before this one; to take "
			    "it out: docker logout %s",
			    own.items[i], own.items[i]);
	source_say_before_stored(context, "icr.io");
	helper_note(
		"logged in for every %sicr.io host; Docker must know of this helper: " HELPER_NAME
		" configure",
		own.count > 0 ? "other " : "");
}

/* The key that was given, which IAM takes unless it is not asked. */
static int take_key(const struct values *values, bool standard_input,
		    const struct helper_context *context, struct credential *ret_credential,
		    struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(APIKEY_FILE_MAX + 1);
	_cleanup_credential_ struct credential credential = {0};
	const char *where;

	int r = read_key(values, standard_input, &text, &where, err);
	if (r >= 0)
		r = apikey_set_from_file(&credential, CREDENTIAL_DEFAULT, text.data, text.len,
					 where, err);
	if (r < 0)
		return r;
	if (values->username) {
		free(credential.username);
		credential.username = icr_strdup(values->username);
	}
	if (!values->offline)
		r = check_with_iam(context, &credential, err);
	if (r >= 0)
		credential_move(ret_credential, &credential);
	return r;
}

static int login(const struct values *values, bool standard_input, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};

	int r = values->username ? check_username(values->username, err) : 0;
	if (r >= 0)
		r = helper_context_init(&context, err);
	if (r >= 0)
		r = source_check_stored(&context, err);
	if (r >= 0)
		r = take_key(values, standard_input, &context, &credential, err);
	if (r >= 0)
		r = stores_put(&context, &credential, err);
	if (r < 0)
		return r;
	say_done(&context, &credential);
	return 0;
}

static int login_system(const struct values *values, bool standard_input, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential credential = {0};

	if (values->username)
		return icr_fail(err, ICR_E_USAGE, "--system takes an API key, without --username");
	int r = system_key_check(values->group, err);
	if (r >= 0)
		r = helper_context_init(&context, err);
	if (r >= 0)
		r = take_key(values, standard_input, &context, &credential, err);
	if (r >= 0)
		r = system_key_seal(&credential.secret, values->group, err);
	if (r < 0)
		return r;
	helper_note("the key is sealed in " SYSTEM_KEY_SEALED
		    ", and the members of the group \"%s\" "
		    "may use it from now on; their engines must know of this helper: " HELPER_NAME
		    " configure",
		    values->group ? values->group : SYSTEM_KEY_GROUP);
	return 0;
}

static void clean_accounts(struct icr_accounts *accounts)
{
	icr_accounts_free(accounts);
}

/* The account that TEXT means: the number of its line, or an ID. */
static const char *pick_account(const struct icr_accounts *accounts, const char *text)
{
	int64_t number;

	for (size_t i = 0; i < accounts->count; i++)
		if (strcmp(accounts->items[i].id, text) == 0)
			return accounts->items[i].id;
	if (icr_number_parse(text, 1, (int64_t)accounts->count, &number, NULL) < 0)
		return NULL;
	return accounts->items[number - 1].id;
}

static void show_accounts(const struct icr_accounts *accounts)
{
	for (size_t i = 0; i < accounts->count; i++) {
		const struct icr_account *account = &accounts->items[i];
		helper_note("%3zu  %s  %s", i + 1, account->id, account->name ? account->name : "");
	}
}

static int choose_account(const struct values *values, const struct icr_secret *access,
			  char **ret_account, struct icr_error *err)
{
	icr_cleanup(clean_accounts) struct icr_accounts accounts = {0};
	_cleanup_buf_ struct icr_buf line = ICR_BUF(LINE_MAX);
	_cleanup_error_ struct icr_error failure = {0};

	int r = icr_accounts_read(access, TOKEN_TIMEOUT_MS, &accounts, &failure);
	if (r < 0 && values->account) {
		/* that service has no private address; IAM knows who is a member as well */
		helper_note_error(&failure,
				  "whether that is an account of this user is IAM's to say");
		*ret_account = icr_strdup(values->account);
		return 0;
	}
	if (r < 0) {
		if (err)
			icr_error_move(err, &failure);
		return icr_error_hint(err, "with --account ID it is not asked");
	}
	if (accounts.count == 0)
		return icr_fail(err, ICR_E_CONFIG, "this user is a member of no account");
	const char *wanted = values->account;
	if (!wanted && accounts.count == 1)
		wanted = accounts.items[0].id;
	if (!wanted) {
		show_accounts(&accounts);
		r = terminal_ask("Account (number of the line, or ID): ", &line, err);
		if (r < 0)
			return r;
		wanted = line.data;
	}
	const char *id = pick_account(&accounts, wanted);
	if (!id) {
		icr_fail(err, ICR_E_CONFIG, "\"%s\" is none of the %zu accounts of this user",
			 wanted, accounts.count);
		return icr_error_hint(err, "run this again without --account to see them");
	}
	*ret_account = icr_strdup(id);
	return 0;
}

static int ask_passcode(const char *url, struct icr_secret *ret_passcode, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf line = ICR_BUF(LINE_MAX);
	_cleanup_free_ char *address = NULL;

	int r = icr_passcode_url(url, TOKEN_TIMEOUT_MS, &address, err);
	if (r < 0)
		return r;
	helper_note("get a one-time passcode with a browser at %s", address);
	r = terminal_ask_secret("One-time passcode (it is not shown): ", &line, err);
	if (r < 0)
		return r;
	const char *passcode = line.data;
	size_t len = line.len;
	icr_trim(&passcode, &len);
	if (len == 0)
		return icr_fail(err, ECANCELED, "cancelled");
	return icr_secret_set(ret_passcode, passcode, len, err);
}

/* Passcode, then account: the session that is kept is of that account. */
static int start_session(const struct values *values, const struct helper_context *context,
			 struct credential *ret_session, struct icr_error *err)
{
	_cleanup_free_ char *url = NULL, *account = NULL;
	_cleanup_secret_ struct icr_secret passcode = {0};
	_cleanup_iam_token_ struct icr_iam_token first = {0}, second = {0};
	_cleanup_session_ struct session session = {0};

	int r = token_endpoint(context, &url, err);
	if (r >= 0)
		r = ask_passcode(url, &passcode, err);
	if (r < 0)
		return r;
	const struct icr_iam_grant by_passcode = {.kind = ICR_IAM_PASSCODE, .secret = &passcode};
	r = icr_iam_exchange(url, &by_passcode, TOKEN_TIMEOUT_MS, &first, err);
	if (r >= 0)
		r = choose_account(values, &first.access, &account, err);
	if (r < 0)
		return r;
	const struct icr_iam_grant by_account = {
		.kind = ICR_IAM_REFRESH, .secret = &first.refresh, .account = account};
	if (first.refresh.len > 0)
		r = icr_iam_exchange(url, &by_account, TOKEN_TIMEOUT_MS, &second, err);
	if (r < 0)
		return r;
	if (second.refresh.len == 0)
		return icr_fail(err, ICR_E_PROTOCOL,
				"IAM gave no refresh token, without which a "
				"session cannot be kept");
	r = session_begin(&session, &second.refresh, account, err);
	return r < 0 ? r : session_format(&session, &second.refresh, ret_session, err);
}

static int login_sso(const struct values *values, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	_cleanup_credential_ struct credential session = {0};

	if (!isatty(STDIN_FILENO))
		return icr_fail(err, ICR_E_USAGE,
				"--sso needs a terminal: the passcode comes from "
				"a browser");
	int r = helper_context_init(&context, err);
	if (r >= 0)
		r = source_check_stored(&context, err);
	if (r >= 0)
		r = start_session(values, &context, &session, err);
	if (r >= 0)
		r = stores_put(&context, &session, err);
	if (r < 0)
		return r;
	say_done(&context, &session);
	return 0;
}

int cmd_login(int argc, char **argv, struct icr_error *err)
{
	struct values values = {0};

	int operands = icr_options_parse(login_options, argc, argv, 1, &values, err);
	if (operands < 0)
		return operands;
	bool standard_input = operands > 0;
	if (standard_input && strcmp(argv[1], "-") != 0)
		return icr_fail(err, ICR_E_USAGE,
				"the key is not given as an argument, where every user of this "
				"host could read it: --apikey-file FILE, or - for standard input");
	if (standard_input && values.apikey_file)
		return icr_fail(err, ICR_E_USAGE, "- and --apikey-file exclude each other");
	if (values.system && values.sso)
		return icr_fail(err, ICR_E_USAGE, "--system and --sso exclude each other");
	if (values.group && !values.system)
		return icr_fail(err, ICR_E_USAGE, "--group goes with --system");
	if (values.account && !values.sso)
		return icr_fail(err, ICR_E_USAGE, "--account goes with --sso");
	if (values.sso &&
	    (standard_input || values.apikey_file || values.username || values.offline))
		return icr_fail(err, ICR_E_USAGE,
				"of the other options --sso takes --account only");
	if (values.system)
		return login_system(&values, standard_input, err);
	return values.sso ? login_sso(&values, err) : login(&values, standard_input, err);
}

int cmd_logout(int argc, char **argv, struct icr_error *err)
{
	_cleanup_context_ struct helper_context context = {0};
	struct logout_values values = {0};

	int r = icr_options_parse(logout_options, argc, argv, 0, &values, err);
	if (r < 0)
		return r;
	if (values.system) {
		r = system_key_remove(err);
		if (r == 0)
			helper_note("this host had no key of that kind");
		return r < 0 ? r : 0;
	}
	r = helper_context_init(&context, err);
	if (r < 0)
		return r;
	token_forget(&context, CREDENTIAL_DEFAULT);
	return stores_erase(&context, CREDENTIAL_DEFAULT, err);
}
