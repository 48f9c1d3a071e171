/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "helper/data-folder.h"
#include "helper/helper.h"
#include "helper/keyring.h"
#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"

#define FOLDER "docker-credential-icr"
/* not below /run/docker-credential-icr, which comes and goes with the service of the system key */
#define ROOT_FOLDER FOLDER "-cache"
#define ENTRY_MAX   ((size_t)128 * 1024)
#define BOOT_FILE   "/proc/sys/kernel/random/boot_id"
#define BOOT_LEN    36
#define PREFIX	    "token-"
#define NAME_LEN    32 /* of the hash: enough to keep identities apart */

/* A token is not handed out in its last seconds (go-sdk-core: expiration - 10 s). */
#define LAST_SECONDS 10
/* Renewed somewhere between these parts of its life, so that hosts that started together part. */
#define RENEW_FROM 50
#define RENEW_TO   80
/* After a failed renewal of a token that still serves (go-sdk-core: at most one in 60 s). */
#define RENEW_AGAIN 60
/* How long a renewal may hold up those who could have it without. */
#define RENEW_MS 3000
/* How long a failure is everybody's. */
#define REJECTED_SECONDS 30
#define FAILED_SECONDS	 3

/* What nobody has renewed for so long nobody wants: no token lives longer (see icr/iam.c). Tokens
 * of Kubernetes' service accounts, each with an entry of its own, come anew every hour. */
#define OLD_SECONDS (24 * 60 * 60)
#define LOCK	    ".lock"

#define LOCK_FIRST_MS 1
#define LOCK_MOST_MS  20

/* Where entries are, as found at the beginning: a folder, or else the kernel's keyring. */
struct place {
	int folder; /* descriptor; -1: the keyring */
	int locks;  /* the same of the folder for locks of the keyring's entries; -1: none */
	char name[sizeof(PREFIX) + NAME_LEN];
};

/* What is kept of one origin. Times are seconds since the boot. */
struct entry {
	char boot[BOOT_LEN + 1];
	int64_t obtained, expires_in, renew; /* renew: an age */
	struct icr_secret token;	     /* or, unset: */
	struct icr_error failure;
};

static void entry_free(struct entry *entry)
{
	icr_secret_free(&entry->token);
	icr_error_clear(&entry->failure);
	*entry = (struct entry){0};
}

#define _cleanup_entry_ icr_cleanup(entry_free)

static void place_free(struct place *place)
{
	if (place->folder >= 0)
		(void)close(place->folder);
	if (place->locks >= 0)
		(void)close(place->locks);
}

void cache_id_part(struct icr_buf *text, const char *part)
{
	icr_buf_printf(text, "%zu:", part ? strlen(part) : 0);
	icr_buf_text(text, part ? part : "");
}

void cache_id_finish(struct icr_buf *text, struct cache_origin *origin)
{
	icr_sha256_hex(text->data, text->len, origin->id);
	icr_buf_free(text);
}

static int64_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* This boot's name; false where the kernel does not tell: then nothing is kept. */
static bool read_boot(char ret_boot[BOOT_LEN + 1])
{
	_cleanup_fd_ int fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret_boot, BOOT_LEN) != BOOT_LEN)
		return false;
	ret_boot[BOOT_LEN] = '\0';
	return strspn(ret_boot, "0123456789abcdef-") == BOOT_LEN;
}

/* Is the open FOLDER this user's, giving others none of the rights FORBIDDEN? Root's data may be in
 * the home of another, who could put there what he likes. */
static bool is_own(int folder, mode_t forbidden)
{
	struct stat st;

	return fstat(folder, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & forbidden);
}

/* Our folder NAME below PARENT, which must be nobody else's; -1 when it cannot be had. */
static int open_below(const char *parent, const char *name)
{
	_cleanup_fd_ int outer = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (outer < 0 || !is_own(outer, 022))
		return -1;
	(void)mkdirat(outer, name, 0700);
	_cleanup_fd_ int fd = openat(outer, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !is_own(fd, 077))
		return -1;
	return icr_steal_fd(&fd);
}

/*
 * For services and cron jobs of root, which have no session. Root's keyring would not do: one
 * user's is one for the whole kernel, so that root in a container of another's making reads it as
 * well, unless that has a user namespace or is kept from keyctl(2).
 */
static int open_of_root(void)
{
	struct statfs fs;

	if (geteuid() != 0 || statfs("/run", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return -1;
	return open_below("/run", ROOT_FOLDER);
}

int cache_folder(const struct icr_environment *environment)
{
	_cleanup_free_ char *usual = icr_printf("/run/user/%u", (unsigned)geteuid());
	const char *given = environment->xdg_runtime_dir;
	int fd = given && given[0] == '/' ? open_below(given, FOLDER) : -1;

	if (fd < 0)
		fd = open_below(usual, FOLDER);
	return fd < 0 ? open_of_root() : fd;
}

int cache_lock_folder(const struct icr_environment *environment)
{
	_cleanup_data_folder_ struct data_folder data = {.fd = -1};

	int fd = cache_folder(environment);
	if (fd < 0 && data_folder_open(environment, &data, NULL) > 0 && is_own(data.fd, 077))
		fd = icr_steal_fd(&data.fd);
	return fd;
}

static bool has_keyring(void)
{
	_cleanup_buf_ struct icr_buf none = ICR_BUF(ENTRY_MAX);

	return keyring_read(FOLDER ":", &none, NULL) >= 0;
}

static void place_open(const struct helper_context *context, const struct cache_origin *origin,
		       struct place *ret_place)
{
	const struct icr_environment *environment = &context->environment;
	_cleanup_data_folder_ struct data_folder data = {.fd = -1};

	*ret_place = (struct place){.folder = cache_folder(environment), .locks = -1};
	memcpy(ret_place->name, PREFIX, sizeof(PREFIX) - 1);
	memcpy(ret_place->name + sizeof(PREFIX) - 1, origin->id, NAME_LEN);
	if (ret_place->folder >= 0)
		return;
	if (data_folder_make(environment, &data, NULL) < 0)
		return;
	if (!has_keyring() && is_own(data.fd, 077))
		ret_place->folder = icr_steal_fd(&data.fd);
	else if (is_own(data.fd, 0))
		ret_place->locks = icr_steal_fd(&data.fd);
}

static int read_file(const struct place *place, struct icr_buf *ret)
{
	struct stat st;

	_cleanup_fd_ int fd = openat(place->folder, place->name,
				     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) || st.st_size <= 0 || (size_t)st.st_size > ENTRY_MAX)
		return 0;
	char *room = icr_buf_room(ret, (size_t)st.st_size);
	ssize_t len = read(fd, room, (size_t)st.st_size);
	/* replaced whole by rename, so one read sees all of it */
	if (len != st.st_size)
		return 0;
	icr_buf_added(ret, (size_t)len);
	return 1;
}

static bool write_file(const struct place *place, const struct icr_buf *text)
{
	_cleanup_free_ char *temporary = icr_printf(".%s.new", place->name);

	/* the lock is ours, so a file of this name is what a killed process left */
	(void)unlinkat(place->folder, temporary, 0);
	_cleanup_fd_ int fd = openat(place->folder, temporary,
				     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool fine = write(fd, text->data, text->len) == (ssize_t)text->len &&
		    fchmod(fd, 0600) == 0 &&
		    renameat(place->folder, temporary, place->folder, place->name) == 0;
	if (!fine)
		(void)unlinkat(place->folder, temporary, 0);
	return fine;
}

/* False also for what is not there, and for what is from the future. */
static bool is_old(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       icr_clock_wall_s() - st.st_mtime > OLD_SECONDS;
}

/* Takes away what is left of identities that are not asked for any more. The lock of one that is
 * was made long ago, and stays. */
static void sweep(int folder)
{
	_cleanup_free_ char *path = icr_printf("/proc/self/fd/%d", folder);
	_cleanup_strings_ struct icr_strings paths = {0};
	struct stat st;

	icr_folder_list(path, "", &paths);
	for (size_t i = 0; i < paths.count; i++) {
		const char *name = icr_path_base(paths.items[i]);
		size_t len = strlen(name), end = strlen(LOCK);
		if (strncmp(name + (name[0] == '.'), PREFIX, strlen(PREFIX)) != 0 ||
		    !is_old(folder, name))
			continue;
		bool is_lock = len > end && strcmp(name + len - end, LOCK) == 0;
		_cleanup_free_ char *entry = icr_strndup(name, is_lock ? len - end : len);
		if (!is_lock || fstatat(folder, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
			(void)unlinkat(folder, name, 0);
	}
}

static char *key_name(const struct place *place)
{
	return icr_printf(FOLDER ":%s", place->name);
}

static int64_t number_of(const struct icr_json *json, const char *name)
{
	int64_t number;

	return icr_json_integer(json, icr_json_member(json, 0, name), 0, INT64_MAX, &number)
		       ? number
		       : -1;
}

static char *text_of(const struct icr_json *json, const char *name)
{
	return icr_json_string_dup(json, icr_json_member(json, 0, name));
}

/* False for what is damaged or from another boot. */
static bool parse(const struct icr_buf *text, const char *boot, struct entry *ret_entry)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf token = ICR_BUF(ICR_SECRET_MAX);
	_cleanup_entry_ struct entry entry = {0};

	if (icr_json_parse(text->data, text->len, NULL, ICR_JSON_NO_NUL, &json, NULL) < 0 ||
	    !icr_json_string_is(&json, icr_json_member(&json, 0, "boot"), boot))
		return false;
	entry.obtained = number_of(&json, "obtained");
	entry.expires_in = number_of(&json, "expires_in");
	entry.renew = number_of(&json, "renew");
	int64_t code = number_of(&json, "code");
	if (entry.obtained < 0 || entry.obtained > now_s() || entry.expires_in < 0 ||
	    entry.renew < 0)
		return false;
	if (code > 0 && code <= INT32_MAX) {
		entry.failure.code = (int)code;
		entry.failure.where = text_of(&json, "where");
		entry.failure.what = text_of(&json, "what");
		entry.failure.hint = text_of(&json, "hint");
		if (!entry.failure.what)
			return false;
	} else {
		uint32_t node = icr_json_member(&json, 0, "token");
		if (!icr_json_is(&json, node, ICR_JSON_STRING))
			return false;
		icr_json_string(&json, node, &token);
		if (token.failed || token.len == 0 ||
		    icr_secret_set(&entry.token, token.data, token.len, NULL) < 0)
			return false;
	}
	*ret_entry = entry;
	entry = (struct entry){0};
	return true;
}

static bool load(const struct place *place, const char *boot, struct entry *ret_entry)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ENTRY_MAX);

	entry_free(ret_entry);
	if (place->folder >= 0)
		return read_file(place, &text) > 0 && parse(&text, boot, ret_entry);
	_cleanup_free_ char *name = key_name(place);
	return keyring_read(name, &text, NULL) > 0 && parse(&text, boot, ret_entry);
}

static void put(struct icr_buf *out, const char *name, const char *text)
{
	if (!text)
		return;
	icr_buf_printf(out, ",\"%s\":", name);
	icr_json_quote(out, text, strlen(text));
}

static void print(const struct entry *entry, struct icr_buf *out)
{
	icr_buf_printf(out,
		       "{\"version\":1,\"boot\":\"%s\",\"obtained\":%" PRId64
		       ",\"expires_in\":%" PRId64 ",\"renew\":%" PRId64,
		       entry->boot, entry->obtained, entry->expires_in, entry->renew);
	if (entry->failure.code) {
		icr_buf_printf(out, ",\"code\":%d", entry->failure.code);
		put(out, "where", entry->failure.where);
		put(out, "what", entry->failure.what);
		put(out, "hint", entry->failure.hint);
	} else {
		put(out, "token", entry->token.data);
	}
	icr_buf_text(out, "}\n");
}

/* What cannot be kept is asked for again: no failure. */
static void save(const struct place *place, const struct entry *entry)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ENTRY_MAX);

	print(entry, &text);
	if (text.failed)
		return;
	if (place->folder >= 0) {
		(void)write_file(place, &text);
		sweep(place->folder);
		return;
	}
	_cleanup_free_ char *name = key_name(place);
	(void)keyring_write(name, text.data, text.len, entry->expires_in, NULL);
}

static int64_t age(const struct entry *entry)
{
	return now_s() - entry->obtained;
}

static bool is_good(const struct entry *entry)
{
	return entry->token.data && age(entry) < entry->expires_in - LAST_SECONDS;
}

static bool is_final(const struct entry *entry)
{
	if (entry->failure.code)
		return age(entry) < entry->expires_in;
	return is_good(entry) && age(entry) < entry->renew;
}

static int answer(struct entry *entry, struct icr_secret *ret_access, int64_t *ret_left,
		  struct icr_error *err)
{
	if (entry->failure.code) {
		int code = entry->failure.code;
		if (err)
			icr_error_move(err, &entry->failure);
		return -code;
	}
	*ret_left = entry->expires_in - age(entry);
	*ret_access = entry->token;
	entry->token = (struct icr_secret){0};
	return 0;
}

static int open_lock(const struct place *place)
{
	_cleanup_free_ char *name = icr_printf("%s" LOCK, place->name);
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int folder = place->folder >= 0 ? place->folder : place->locks;

	return folder < 0 ? -1 : openat(folder, name, flags, 0600);
}

/* Waits for the lock until DEADLINE; the kernel lets go of it when its holder dies. Returns the
 * descriptor; -ETIMEDOUT; -1 where no lock can be had, and everybody asks for himself. */
static int take_lock(const struct place *place, int64_t deadline)
{
	_cleanup_fd_ int fd = open_lock(place);
	int64_t wait = LOCK_FIRST_MS;
	struct stat st;

	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -1;
		if (icr_clock_ms() >= deadline)
			return -ETIMEDOUT;
		(void)nanosleep(&(struct timespec){0, wait * 1000000}, NULL);
		wait = wait * 2 < LOCK_MOST_MS ? wait * 2 : LOCK_MOST_MS;
	}
	/* swept away between opening and locking: the next one would make another */
	if (fstat(fd, &st) == 0 && st.st_nlink == 0)
		return take_lock(place, deadline);
	return icr_steal_fd(&fd);
}

/* At which age to renew a token that lives for LIFE seconds. */
static int64_t renewal(int64_t life)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = (uint32_t)getpid() * 2654435761U;
	return life * RENEW_FROM / 100 +
	       life * (RENEW_TO - RENEW_FROM) / 100 * (random >> 16) / 65536;
}

/* Asks the origin and keeps what comes, a failure too. */
static void obtain(const struct cache_origin *origin, int64_t deadline, struct entry *entry)
{
	_cleanup_iam_token_ struct icr_iam_token token = {0};
	_cleanup_error_ struct icr_error failure = {0};
	int64_t left = deadline - icr_clock_ms();

	if (is_good(entry) && left > RENEW_MS)
		left = RENEW_MS;
	int r = origin->obtain(origin, left > 1 ? (int)left : 1, &token, &failure);
	if (r < 0 && is_good(entry)) {
		entry->renew = age(entry) + RENEW_AGAIN;
		return;
	}
	icr_secret_free(&entry->token);
	icr_error_clear(&entry->failure);
	entry->obtained = now_s();
	if (r < 0) {
		icr_error_move(&entry->failure, &failure);
		entry->expires_in = r == -EACCES ? REJECTED_SECONDS : FAILED_SECONDS;
		entry->renew = entry->expires_in;
		return;
	}
	entry->token = token.access;
	token.access = (struct icr_secret){0};
	entry->expires_in = token.expires_in;
	entry->renew = renewal(token.expires_in);
}

int cache_token(const struct helper_context *context, const struct cache_origin *origin,
		int timeout_ms, struct icr_secret *ret_access, int64_t *ret_left,
		struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + timeout_ms;
	_cleanup_entry_ struct entry entry = {0};
	icr_cleanup(place_free) struct place place;
	char boot[BOOT_LEN + 1] = "";
	bool keeps = read_boot(boot);

	place_open(context, origin, &place);
	if (keeps && load(&place, boot, &entry) && is_final(&entry))
		return answer(&entry, ret_access, ret_left, err);
	/* with a good token in hand somebody else's renewal is not waited for */
	bool good = is_good(&entry);
	bool waits = !good && !origin->hands_over;
	_cleanup_fd_ int lock = keeps ? take_lock(&place, waits ? deadline : 0) : -1;
	if (lock == -ETIMEDOUT && good)
		return answer(&entry, ret_access, ret_left, err);
	if (lock == -ETIMEDOUT && waits) {
		(void)icr_fail(err, ETIMEDOUT,
			       "another " HELPER_NAME " is asking IAM for the same "
			       "token, and got no answer in time");
		return icr_error_hint(err, "try again; \"" HELPER_NAME " explain\" tells more");
	}
	if (keeps && load(&place, boot, &entry) && is_final(&entry))
		return answer(&entry, ret_access, ret_left, err);
	obtain(origin, deadline, &entry);
	memcpy(entry.boot, boot, sizeof(boot));
	/* what is missing on this host may be there the next time */
	if (keeps && entry.failure.code != ICR_E_UNAVAILABLE)
		save(&place, &entry);
	return answer(&entry, ret_access, ret_left, err);
}

int64_t cache_left(const struct helper_context *context, const struct cache_origin *origin)
{
	_cleanup_entry_ struct entry entry = {0};
	icr_cleanup(place_free) struct place place;
	char boot[BOOT_LEN + 1] = "";

	place_open(context, origin, &place);
	if (!read_boot(boot) || !load(&place, boot, &entry) || !is_good(&entry))
		return 0;
	return entry.expires_in - LAST_SECONDS - age(&entry);
}

void cache_forget(const struct helper_context *context, const struct cache_origin *origin)
{
	icr_cleanup(place_free) struct place place;

	place_open(context, origin, &place);
	if (place.folder >= 0) {
		(void)unlinkat(place.folder, place.name, 0);
		return;
	}
	_cleanup_free_ char *name = key_name(&place);
	(void)keyring_erase(name, NULL);
}
