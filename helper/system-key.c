/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/system-key.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/helper.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/process.h"
#include "icr/text.h"

#define SEALED_FOLDER "/etc/credstore.encrypted"
/* where newer versions of systemd have that folder from, empty or not */
#define SEALED_BY_TMPFILES "/usr/lib/tmpfiles.d/credstore.conf"
#define DROP_IN_FOLDER	   "/etc/systemd/system/" SYSTEM_KEY_UNIT ".d"
#define DROP_IN		   DROP_IN_FOLDER "/group.conf"

#define OUTPUT_MAX ((size_t)256 * 1024)
/* a TPM takes its time */
#define CREDS_MS   60000
#define SYSTEMD_MS 60000

static int run(const char *const *arguments, const struct icr_secret *input, int timeout_ms,
	       struct icr_buf *output, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf errors = ICR_BUF(OUTPUT_MAX), safe = ICR_BUF(ICR_BUF_MAX);
	const struct icr_process process = {
		.arguments = arguments,
		.input = input ? input->data : NULL,
		.input_len = input ? input->len : 0,
		.timeout_ms = timeout_ms,
		.output = output,
		.errors = &errors,
	};

	int r = icr_process_run(&process, err);
	if (r <= 0)
		return r;
	const char *text = errors.data;
	size_t len = errors.len;
	icr_trim(&text, &len);
	/* its last line says why */
	const char *last = len > 0 ? memrchr(text, '\n', len) : NULL;
	if (last) {
		len -= (size_t)(last + 1 - text);
		text = last + 1;
	}
	icr_text_safe(text, len, "", &safe);
	return icr_fail(err, EIO, "%s %s ended with status %d%s%s", arguments[0], arguments[1], r,
			safe.len > 0 ? ": " : "", safe.data);
}

static int systemctl(const char *verb, const char *unit, struct icr_error *err)
{
	const char *const arguments[] = {"systemctl", verb, "--quiet", unit, NULL};

	return run(arguments, NULL, SYSTEMD_MS, NULL, err);
}

static int check_root(struct icr_error *err)
{
	if (geteuid() == 0)
		return 0;
	icr_fail(err, EPERM, "the key of this host is root's to keep");
	return icr_error_hint(err, "run it with sudo");
}

/* What to do where there is no systemd that could. */
static int hint_file(struct icr_error *err)
{
	return icr_error_hint(err, "keep the key in a file of mode 0600 and name it as "
				   "\"apikey_file\" in " CONFIG_SYSTEM_FILE);
}

static int check_systemd(struct icr_error *err)
{
	static const char *const version[] = {"systemd-creds", "--version", NULL};
	static const char *const unit[] = {"systemctl", "cat", SYSTEM_KEY_UNIT, NULL};
	_cleanup_error_ struct icr_error failure = {0};

	if (access("/run/systemd/system", F_OK) < 0) {
		icr_fail(err, ICR_E_UNAVAILABLE,
			 "this host does not run systemd, which would seal the key");
		return hint_file(err);
	}
	if (run(version, NULL, SYSTEMD_MS, NULL, &failure) < 0) {
		icr_fail(err, ICR_E_UNAVAILABLE,
			 "sealing needs systemd 250 or newer (systemd-creds): %s", failure.what);
		return hint_file(err);
	}
	if (run(unit, NULL, SYSTEMD_MS, NULL, NULL) < 0) {
		icr_fail(err, ICR_E_UNAVAILABLE,
			 "systemd does not know " SYSTEM_KEY_UNIT
			 ", which unseals the key at boot");
		return icr_error_hint(err, "it comes with the package and with \"make install\"");
	}
	return 0;
}

/* GROUP as the unit names it: a name of plain characters, else the number. */
static int find_group(const char *group, char **ret_group, struct icr_error *err)
{
	errno = 0;
	const struct group *entry = getgrnam(group);
	if (!entry) {
		icr_fail(err, ENOENT, "there is no group \"%s\" on this host", group);
		return icr_error_hint(err, "name the group of those who may use the key: --group "
					   "NAME");
	}
	bool plain = strspn(group, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_.-") == strlen(group);
	*ret_group = plain ? icr_strdup(group) : icr_printf("%u", (unsigned)entry->gr_gid);
	return 0;
}

int system_key_check(const char *group, struct icr_error *err)
{
	_cleanup_free_ char *name = NULL;

	int r = check_root(err);
	if (r >= 0)
		r = find_group(group ? group : SYSTEM_KEY_GROUP, &name, err);
	return r < 0 ? r : check_systemd(err);
}

static int encrypt_key(const struct icr_secret *key, struct icr_buf *ret, struct icr_error *err)
{
	static const char *const arguments[] = {
		"systemd-creds", "encrypt", "--with-key=auto", "--name=icr-apikey", "-", "-", NULL};

	int r = run(arguments, key, CREDS_MS, ret, err);
	if (r >= 0 && ret->len == 0)
		r = icr_fail(err, EIO, "systemd-creds has sealed nothing");
	return r;
}

static int put(const char *folder, const char *path, const struct icr_buf *text, mode_t mode,
	       struct icr_error *err)
{
	int r = icr_folder_make(folder, mode == 0600 ? 0700 : 0755, err);

	return r < 0 ? r : icr_file_replace(path, text->data, text->len, mode, err);
}

static int activate(struct icr_error *err)
{
	int r = run((const char *const[]){"systemctl", "daemon-reload", NULL}, NULL, SYSTEMD_MS,
		    NULL, err);
	if (r >= 0)
		r = systemctl("enable", SYSTEM_KEY_UNIT, err);
	if (r >= 0)
		r = systemctl("restart", SYSTEM_KEY_UNIT, err);
	if (r < 0)
		(void)icr_error_hint(err, "look at: journalctl -u " SYSTEM_KEY_UNIT);
	return r;
}

static void remove_file(const char *folder, const char *path)
{
	(void)unlink(path);
	if (strcmp(folder, SEALED_FOLDER) != 0 || access(SEALED_BY_TMPFILES, F_OK) < 0)
		(void)rmdir(folder);
}

/* As it was, when the new key could not be put in force. */
static void put_back(const struct icr_buf *sealed, const struct icr_buf *drop_in)
{
	if (sealed->len == 0) {
		(void)system_key_remove(NULL);
		return;
	}
	(void)put(SEALED_FOLDER, SYSTEM_KEY_SEALED, sealed, 0600, NULL);
	if (drop_in->len > 0)
		(void)put(DROP_IN_FOLDER, DROP_IN, drop_in, 0644, NULL);
	else
		remove_file(DROP_IN_FOLDER, DROP_IN);
	(void)activate(NULL);
}

int system_key_seal(const struct icr_secret *key, const char *group, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf sealed = ICR_BUF(OUTPUT_MAX), drop_in = ICR_BUF(OUTPUT_MAX);
	_cleanup_buf_ struct icr_buf old_sealed = ICR_BUF(OUTPUT_MAX),
				     old_drop_in = ICR_BUF(OUTPUT_MAX);
	_cleanup_free_ char *name = NULL;

	int r = check_root(err);
	if (r >= 0)
		r = find_group(group ? group : SYSTEM_KEY_GROUP, &name, err);
	if (r >= 0)
		r = check_systemd(err);
	if (r >= 0)
		r = encrypt_key(key, &sealed, err);
	if (r < 0)
		return r;
	icr_buf_printf(&drop_in, "[Service]\nGroup=%s\n", name);
	(void)icr_file_read(SYSTEM_KEY_SEALED, &old_sealed, NULL);
	(void)icr_file_read(DROP_IN, &old_drop_in, NULL);
	r = put(DROP_IN_FOLDER, DROP_IN, &drop_in, 0644, err);
	if (r >= 0)
		r = put(SEALED_FOLDER, SYSTEM_KEY_SEALED, &sealed, 0600, err);
	if (r >= 0)
		r = activate(err);
	if (r < 0)
		put_back(&old_sealed, &old_drop_in);
	return r;
}

int system_key_remove(struct icr_error *err)
{
	struct stat st;

	int r = check_root(err);
	if (r < 0)
		return r;
	bool there = lstat(SYSTEM_KEY_SEALED, &st) == 0 || lstat(SYSTEM_KEY_FILE, &st) == 0 ||
		     lstat(DROP_IN, &st) == 0;
	if (!there)
		return 0;
	/* stopping takes the folder in /run away; where no systemd runs, it is taken away here */
	(void)systemctl("stop", SYSTEM_KEY_UNIT, NULL);
	(void)systemctl("disable", SYSTEM_KEY_UNIT, NULL);
	remove_file(SYSTEM_KEY_FOLDER, SYSTEM_KEY_FILE);
	remove_file(SEALED_FOLDER, SYSTEM_KEY_SEALED);
	remove_file(DROP_IN_FOLDER, DROP_IN);
	(void)run((const char *const[]){"systemctl", "daemon-reload", NULL}, NULL, SYSTEMD_MS, NULL,
		  NULL);
	if (lstat(SYSTEM_KEY_SEALED, &st) == 0 || lstat(SYSTEM_KEY_FILE, &st) == 0)
		return icr_fail_at(err, EIO,
				   lstat(SYSTEM_KEY_FILE, &st) == 0 ? SYSTEM_KEY_FILE
								    : SYSTEM_KEY_SEALED,
				   "cannot be removed");
	return 1;
}
