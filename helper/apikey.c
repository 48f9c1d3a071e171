/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/apikey.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Is it NAME=KEY or NAME: KEY, perhaps behind "export"? A key may end with = itself. */
static bool is_assignment(const char *text, size_t len)
{
	static const char word[] = "export ";
	size_t name = 0, skip = strlen(word);

	if (len > skip && memcmp(text, word, skip) == 0) {
		text += skip;
		len -= skip;
	}
	while (name < len && is_name_char(text[name]))
		name++;
	size_t sign = name;
	while (sign < len && text[sign] == ' ')
		sign++;
	if (name == 0 || sign + 1 >= len)
		return false;
	if (text[sign] == '=')
		return text[sign + 1] != '=';
	return text[sign] == ':' && text[sign + 1] == ' ';
}

/* What is wrapped around the key, or NULL. */
static const char *wrapping(const char *text, size_t len)
{
	char first = text[0], last = text[len - 1];

	if (len > 1 && first == last && (first == '"' || first == '\'' || first == '`'))
		return "holds a key in quotes: take them off";
	if (first == '[')
		return "holds a JSON list, not an API key";
	if (first == '{')
		return "holds a JSON object, not an API key";
	if (first == '<')
		return "holds a web page, not an API key";
	if (first == '@')
		return "holds the name of a file behind an @, not an API key";
	/* ${NAME} of shells and CI systems, $(NAME) of Kubernetes */
	if (len > 2 && first == '$' &&
	    ((text[1] == '{' && last == '}') || (text[1] == '(' && last == ')')))
		return "holds a variable that nothing has filled in, not an API key";
	if (is_assignment(text, len))
		return "holds NAME=KEY: keep the key alone";
	return NULL;
}

int apikey_set(struct credential *ret_credential, const char *host, const char *key, size_t len,
	       const char *where, struct icr_error *err)
{
	icr_trim(&key, &len);
	if (len == 0)
		return icr_fail_at(err, ICR_E_CONFIG, where, "holds no API key");
	const char *wrapped = wrapping(key, len);
	if (wrapped)
		return icr_fail_at(err, ICR_E_CONFIG, where, "%s", wrapped);
	if (len > ICR_SECRET_MAX)
		return icr_fail_at(err, ICR_E_CONFIG, where, "holds more than an API key can have");
	for (size_t i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return icr_fail_at(err, ICR_E_CONFIG, where,
					   "holds something else than one API key");
	return credential_set(ret_credential, host, APIKEY_USERNAME, key, len, err);
}

static int set_from_json(struct credential *ret_credential, const char *host, const char *text,
			 size_t len, const char *path, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf key = ICR_BUF(APIKEY_FILE_MAX);

	int r = icr_json_parse(text, len, path, ICR_JSON_NO_NUL, &json, err);
	if (r < 0)
		return r;
	uint32_t member = icr_json_member(&json, 0, "apikey");
	if (member == ICR_JSON_NONE)
		member = icr_json_member(&json, 0, "apiKey");
	if (!icr_json_is(&json, member, ICR_JSON_STRING))
		return icr_fail_at(err, ICR_E_CONFIG, path, "has no \"apikey\"");
	icr_json_string(&json, member, &key);
	r = icr_buf_check(&key, path, err);
	if (r < 0)
		return r;
	return apikey_set(ret_credential, host, key.data, key.len, path, err);
}

int apikey_set_from_file(struct credential *ret_credential, const char *host, const char *text,
			 size_t len, const char *path, struct icr_error *err)
{
	icr_trim(&text, &len);
	int r = len > 0 && text[0] == '{'
			? set_from_json(ret_credential, host, text, len, path, err)
			: apikey_set(ret_credential, host, text, len, path, err);
	if (r < 0)
		(void)icr_error_hint(err,
				     "%s must hold an API key, or the JSON that \"ibmcloud iam "
				     "api-key-create --file\" writes",
				     path);
	return r;
}

static int fail_read(const char *path, int code, struct icr_error *err)
{
	icr_fail_errno(err, code, path, "cannot read the API key");
	if (code == EACCES)
		(void)icr_error_hint(err,
				     "it is not for this user: log in with \"docker login\", or "
				     "name a key file of your own as \"apikey_file\" in "
				     "~/.config/" HELPER_NAME "/config.json");
	else
		(void)icr_error_hint(err, "put the key there, or take the file's name out of the "
					  "configuration or environment");
	return -code;
}

static bool is_in_group(gid_t gid)
{
	if (gid == getegid())
		return true;
	int count = getgroups(0, NULL);
	if (count <= 0)
		return false;
	_cleanup_free_ gid_t *groups = icr_calloc((size_t)count, sizeof(*groups));
	count = getgroups(count, groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static int check_private(int fd, const char *path, const struct stat *st, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);
	struct statvfs system;
	mode_t mode = st->st_mode & 07777;

	if (fstatvfs(fd, &system) == 0 && (system.f_flag & ST_RDONLY))
		return 0;
	if (st->st_uid == geteuid() && !(mode & 077))
		return 0;
	if (st->st_uid == 0 && (!(mode & 077) || (!(mode & 037) && is_in_group(st->st_gid))))
		return 0;
	icr_text_shell(path, &quoted);
	if (st->st_uid != geteuid() && st->st_uid != 0) {
		icr_fail_at(err, ICR_E_REFUSED, path,
			    "belongs to user id %u; it is used only when it belongs to user id %u",
			    (unsigned)st->st_uid, (unsigned)geteuid());
		(void)icr_error_hint(err, "if you trust what it says: chown %u %s",
				     (unsigned)geteuid(), quoted.data);
		return -ICR_E_REFUSED;
	}
	icr_fail_at(err, ICR_E_REFUSED, path, "is open to others (mode %04o)", (unsigned)mode);
	(void)icr_error_hint(err, "close it: chmod %04o %s", (unsigned)(mode & ~(mode_t)077),
			     quoted.data);
	return -ICR_E_REFUSED;
}

static int read_whole(int fd, const char *path, struct icr_buf *ret, struct icr_error *err)
{
	for (;;) {
		char *room = icr_buf_room(ret, 4096);
		if (!room)
			return icr_buf_check(ret, path, err);
		ssize_t got = read(fd, room, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_read(path, errno, err);
		if (got == 0)
			return 0;
		icr_buf_added(ret, (size_t)got);
	}
}

int apikey_read_file(struct credential *ret_credential, const char *host, const char *path,
		     struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(APIKEY_FILE_MAX + 4096);
	_cleanup_credential_ struct credential credential = {0};
	_cleanup_free_ char *target = NULL;
	struct stat st;

	/* a link that leads nowhere is icr_file_resolve's to tell */
	if (stat(path, &st) < 0 && (errno != ENOENT || lstat(path, &st) < 0))
		return fail_read(path, errno, err);
	int r = icr_file_resolve(path, &target, err);
	if (r < 0)
		return r;
	/* O_NONBLOCK: a FIFO must not keep us waiting for its writer */
	_cleanup_fd_ int fd =
		open(target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_read(path, errno, err);
	if (!S_ISREG(st.st_mode))
		return icr_fail_at(err, ICR_E_REFUSED, path, "is not a regular file");
	r = read_whole(fd, path, &text, err);
	/* what is no key is said first: nobody should close or give away some other file for us */
	if (r >= 0)
		r = apikey_set_from_file(&credential, host, text.data, text.len, path, err);
	if (r >= 0)
		r = check_private(fd, target, &st, err);
	if (r < 0)
		return r;
	credential_move(ret_credential, &credential);
	return 0;
}
