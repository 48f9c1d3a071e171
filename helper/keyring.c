/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/memory.h"

#define TYPE "user"

/* the most that a key of this type holds (keyrings(7)) */
#define PAYLOAD_MAX 32767
/* room for a key or token, and no pages of memory for nothing */
#define PAYLOAD_USUAL	2048
#define DESCRIPTION_MAX 4096
#define KEYS_MAX	4096

static long keyctl(int operation, long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_keyctl, operation, a, b, c, d);
}

static int fail(int code, const char *what, struct icr_error *err)
{
	switch (code) {
	case ENOSYS:
	case EPERM:
		return icr_fail(err, ICR_E_UNAVAILABLE,
				"the kernel keyring cannot be used here (%s)",
				code == EPERM ? "a container's seccomp filter forbids it"
					      : "this kernel has none");
	case EDQUOT:
		(void)icr_fail_errno(err, code, NULL, "the kernel keyring cannot %s", what);
		return icr_error_hint(err,
				      "this user's quota of keys is used up: see /proc/key-users "
				      "and kernel.keys.maxkeys, kernel.keys.maxbytes");
	default:
		return icr_fail_errno(err, code, NULL, "the kernel keyring cannot %s", what);
	}
}

/*
 * A process that does not possess @u may not read the keys in it, though they are its user's: so it
 * is in services, su and cron, whose session keyring is a new one. Linked into the keyring of this
 * process alone, @u is possessed, and nobody else's session changes (keyrings(7), "Possession").
 */
static int open_keyring(struct icr_error *err)
{
	if (keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1, 0, 0) < 0 ||
	    keyctl(KEYCTL_LINK, KEY_SPEC_USER_KEYRING, (unsigned long)KEY_SPEC_PROCESS_KEYRING, 0,
		   0) < 0)
		return fail(errno, "be opened", err);
	return 0;
}

/* The key's number, or 0 when there is none. */
static long find(const char *name, struct icr_error *err)
{
	int r = open_keyring(err);
	if (r < 0)
		return r;
	long key = keyctl(KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, (unsigned long)TYPE,
			  (unsigned long)name, 0);
	if (key >= 0)
		return key;
	if (errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED)
		return 0;
	return fail(errno, "be searched", err);
}

int keyring_read(const char *name, struct icr_buf *ret, struct icr_error *err)
{
	long key = find(name, err);
	if (key <= 0)
		return (int)key;
	long len = PAYLOAD_USUAL, size;
	do {
		size = len;
		char *room = icr_buf_room(ret, (size_t)size);
		if (!room)
			return icr_buf_check(ret, "the key in the kernel keyring", err);
		/* says how long it is, also when that does not fit */
		len = keyctl(KEYCTL_READ, key, (unsigned long)room, (unsigned long)size, 0);
		/* it may have expired since */
		if (len < 0 && (errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED))
			return 0;
		if (len < 0 || len > PAYLOAD_MAX)
			return fail(len < 0 ? errno : EFBIG, "be read", err);
	} while (len > size);
	icr_buf_added(ret, (size_t)len);
	return 1;
}

int keyring_write(const char *name, const void *bytes, size_t len, int64_t life,
		  struct icr_error *err)
{
	int r = open_keyring(err);
	if (r < 0)
		return r;
	if (len > PAYLOAD_MAX)
		return icr_fail(err, EFBIG,
				"the kernel keyring keeps no more than %d bytes in a key",
				PAYLOAD_MAX);
	long key = syscall(SYS_add_key, TYPE, name, bytes, len, KEY_SPEC_USER_KEYRING);
	if (key < 0)
		return fail(errno, "take the key", err);
	if (life > 0 && keyctl(KEYCTL_SET_TIMEOUT, key, (unsigned long)life, 0, 0) < 0)
		return fail(errno, "let the key expire", err);
	return 0;
}

int keyring_erase(const char *name, struct icr_error *err)
{
	long key = find(name, err);
	if (key <= 0)
		return (int)key;
	/* revoked, its payload is gone also for who has it in hand; the link goes where it can */
	if (keyctl(KEYCTL_REVOKE, key, 0, 0, 0) < 0 && errno != EKEYREVOKED)
		return fail(errno, "forget the key", err);
	(void)keyctl(KEYCTL_UNLINK, key, (unsigned long)KEY_SPEC_USER_KEYRING, 0, 0);
	return 1;
}

/* Calls EACH for the key if it is one of ours. Its description is "user;UID;GID;PERM;NAME". */
static void tell(long key, const char *prefix, void (*each)(const char *name, void *data),
		 void *data)
{
	char text[DESCRIPTION_MAX] = "";
	long len = keyctl(KEYCTL_DESCRIBE, key, (unsigned long)text, sizeof(text) - 1, 0);

	if (len < 0 || strncmp(text, TYPE ";", sizeof(TYPE)) != 0)
		return;
	const char *name = text;
	for (int i = 0; i < 4 && name; i++) {
		name = strchr(name, ';');
		name = name ? name + 1 : NULL;
	}
	if (name && strncmp(name, prefix, strlen(prefix)) == 0)
		each(name, data);
}

int keyring_list(const char *prefix, void (*each)(const char *name, void *data), void *data,
		 struct icr_error *err)
{
	int r = open_keyring(err);
	if (r < 0)
		return r;
	_cleanup_free_ int32_t *keys = icr_calloc(KEYS_MAX, sizeof(*keys));
	long len = keyctl(KEYCTL_READ, KEY_SPEC_USER_KEYRING, (unsigned long)keys,
			  KEYS_MAX * sizeof(*keys), 0);
	if (len < 0)
		return fail(errno, "be listed", err);
	for (size_t i = 0; i < KEYS_MAX && i < (size_t)len / sizeof(*keys); i++)
		tell(keys[i], prefix, each, data);
	return 0;
}
