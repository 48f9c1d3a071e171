/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/keyring.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "helper/helper.h"
#include "helper/store/store.h"
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/text.h"

/*
 * The kernel's keyring, for hosts without a desktop: a key for each host, which no disk ever sees
 * and which is gone at a reboot, or after the time that the configuration sets.
 */

#define WHERE	   "keyring"
#define PREFIX	   "docker-credential-icr:credential:"
#define KEY_MAX	   ((size_t)64 * 1024)
#define EXPIRY_KEY "keyring_expiry"
#define EXPIRY_MIN 60
#define EXPIRY_MAX ((int64_t)366 * 24 * 60 * 60)

static const struct config_key keys[] = {
	{.name = EXPIRY_KEY,
	 .type = CONFIG_NUMBER,
	 .wanted = "seconds, from 60 to a year",
	 .min = EXPIRY_MIN,
	 .max = EXPIRY_MAX},
	{0},
};

/* That the kernel does not take a key is for the next store to mend; that one cannot be read is
 * not. */
static int pass_on(int r, bool putting, struct icr_error *err)
{
	if (r < 0 && r != -ICR_E_UNAVAILABLE && err && !err->where)
		err->where = icr_strdup(WHERE);
	if (r == -EDQUOT || r == -EFBIG || (putting && r == -EACCES)) {
		if (err)
			err->code = EREMOTEIO;
		return -EREMOTEIO;
	}
	return r;
}

/* Returns 1, or 0 when there is none. */
static int read_one(const char *host, struct credentials *ret, struct icr_error *err)
{
	_cleanup_free_ char *name = icr_printf(PREFIX "%s", host);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(KEY_MAX);
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_credential_ struct credential credential = {0};

	int r = keyring_read(name, &text, err);
	if (r <= 0)
		return r;
	if (icr_json_parse(text.data, text.len, NULL, ICR_JSON_NO_NUL, &json, NULL) < 0 ||
	    credential_from_json(&credential, host, &json, 0, NULL) < 0) {
		icr_fail_at(err, ICR_E_CONFIG, WHERE, "the key %s is none of this program", name);
		return icr_error_hint(err, "take it away: keyctl purge user %s", name);
	}
	credentials_add(ret, &credential);
	return 1;
}

static void add_name(const char *name, void *data)
{
	char host[ICR_HOST_MAX];

	if (credential_host_parse(name + strlen(PREFIX), host))
		icr_strings_add(data, host);
}

static int store_keyring_read(const struct helper_context *context, const char *const *hosts,
			      size_t count, struct credentials *ret, struct icr_error *err)
{
	_cleanup_strings_ struct icr_strings names = {0};
	int r = 0;

	(void)context;
	for (size_t i = 0; hosts && i < count && r >= 0; i++)
		r = read_one(hosts[i], ret, err);
	if (!hosts)
		r = keyring_list(PREFIX, add_name, &names, err);
	for (size_t i = 0; i < names.count && r >= 0; i++)
		r = read_one(names.items[i], ret, err);
	return r < 0 ? pass_on(r, false, err) : 0;
}

static int store_keyring_put(const struct helper_context *context,
			     const struct credential *credential, struct icr_error *err)
{
	_cleanup_free_ char *name = icr_printf(PREFIX "%s", credential->host);
	_cleanup_buf_ struct icr_buf text = ICR_BUF(8 * ICR_SECRET_MAX);

	credential_to_json(credential, &text);
	int64_t life = config_number(&context->config, EXPIRY_KEY, 0);
	return pass_on(keyring_write(name, text.data, text.len, life, err), true, err);
}

static int store_keyring_erase(const struct helper_context *context, const char *host,
			       struct icr_error *err)
{
	_cleanup_free_ char *name = icr_printf(PREFIX "%s", host);

	(void)context;
	return pass_on(keyring_erase(name, err), false, err);
}

static void store_keyring_where(const struct helper_context *context, struct icr_buf *out)
{
	(void)context;
	icr_buf_text(out, "the kernel's keyring");
}

static void store_keyring_caution(const struct helper_context *context, struct icr_buf *out)
{
	int64_t life = config_number(&context->config, EXPIRY_KEY, 0);

	icr_buf_text(out, "in the kernel's memory, gone at the next reboot");
	if (life > 0)
		icr_buf_printf(out, " or after %" PRId64 " s (" EXPIRY_KEY ")", life);
}

const struct store store_keyring = {
	.name = "keyring",
	.keys = keys,
	.asked_for = true,
	.keeps_since = true,
	.read = store_keyring_read,
	.put = store_keyring_put,
	.erase = store_keyring_erase,
	.where = store_keyring_where,
	.caution = store_keyring_caution,
};
