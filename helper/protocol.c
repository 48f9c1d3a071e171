/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/text.h"
#include "icr/utf8.h"

#define ERROR_MAX ((size_t)64 * 1024)

/* Small, since what is given up is wiped; the buffer doubles anyway. */
#define CHUNK ((size_t)1024)

int protocol_read_all(size_t max, struct icr_buf *ret, struct icr_error *err)
{
	/* one byte more than allowed tells that there is more */
	while (ret->len <= max) {
		size_t left = max + 1 - ret->len;
		size_t want = left < CHUNK ? left : CHUNK;
		char *room = icr_buf_room(ret, want);
		if (!room)
			return icr_buf_check(ret, "the input", err);
		ssize_t got = read(STDIN_FILENO, room, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return icr_fail_errno(err, errno, NULL, "cannot read standard input");
		if (got == 0)
			return 0;
		icr_buf_added(ret, (size_t)got);
	}
	return icr_fail(err, EFBIG, "the input is larger than %zu bytes", max);
}

static int check_text(const char *text, size_t len, struct icr_error *err)
{
	if (memchr(text, '\0', len))
		return icr_fail(err, ICR_E_PROTOCOL, "the input holds a NUL byte");
	for (size_t i = 0; i < len;) {
		size_t used = icr_utf8_length(text + i, len - i);
		if (used == 0)
			return icr_fail(err, ICR_E_PROTOCOL,
					"the input is not UTF-8 text (byte %zu)", i + 1);
		i += used;
	}
	return 0;
}

int protocol_parse_url(const char *text, size_t len, char **ret_url, struct icr_error *err)
{
	int r = check_text(text, len, err);
	if (r < 0)
		return r;
	_cleanup_buf_ struct icr_buf url = ICR_BUF(PROTOCOL_INPUT_MAX);
	while (len > 0 && strchr(" \t\r\n\v\f", text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r' || text[i] == '\n')
			continue;
		if (url.len > 0 || !strchr(" \t\v\f", text[i]))
			icr_buf_char(&url, text[i]);
	}
	r = icr_buf_check(&url, "the input", err);
	if (r < 0)
		return r;
	if (url.len == 0)
		return icr_fail(err, ICR_E_PROTOCOL, PROTOCOL_NO_SERVER);
	*ret_url = icr_buf_take(&url);
	return 0;
}

void protocol_free_url(char **url)
{
	if (*url)
		icr_wipe(*url, strlen(*url));
	free(*url);
}

int protocol_read_server(char **ret_url, struct icr_host *ret_host, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(PROTOCOL_INPUT_MAX + 1);

	int r = protocol_read_all(PROTOCOL_INPUT_MAX, &text, err);
	if (r >= 0)
		r = protocol_parse_url(text.data, text.len, ret_url, err);
	return r < 0 ? r : icr_host_parse(*ret_url, strlen(*ret_url), ret_host);
}

/* The value that Go's decoder would keep for NAME: names in any case, of repeated ones the last,
 * null does not count. */
static int read_string(const struct icr_json *json, const char *name, struct icr_buf *ret,
		       struct icr_error *err)
{
	uint32_t found = ICR_JSON_NONE;

	for (uint32_t member = json->nodes[0].child; member != ICR_JSON_NONE;
	     member = json->nodes[member].next) {
		_cleanup_free_ char *key = icr_json_name_dup(json, member);
		if (strcasecmp(key, name) != 0 || icr_json_is(json, member, ICR_JSON_NULL))
			continue;
		if (!icr_json_is(json, member, ICR_JSON_STRING))
			return icr_fail(err, ICR_E_PROTOCOL, "%s in the input must be a string",
					name);
		found = member;
	}
	if (found != ICR_JSON_NONE)
		icr_json_string(json, found, ret);
	return icr_buf_check(ret, name, err);
}

static int parse_object(const char *text, size_t len, struct icr_json *ret_json,
			struct icr_error *err)
{
	int r = check_text(text, len, err);
	if (r < 0)
		return r;
	r = icr_json_parse(text, len, NULL, ICR_JSON_PREFIX | ICR_JSON_NO_NUL, ret_json, err);
	if (r < 0)
		return icr_error_wrap(err, "the input is not valid JSON");
	if (!icr_json_is(ret_json, 0, ICR_JSON_OBJECT))
		return icr_fail(err, ICR_E_PROTOCOL,
				"the input must be a JSON object with ServerURL, Username, Secret");
	return 0;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

int protocol_parse_credential(const char *text, size_t len, struct credential *ret_credential,
			      struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf server = ICR_BUF(PROTOCOL_INPUT_MAX),
				     username = ICR_BUF(PROTOCOL_INPUT_MAX),
				     secret = ICR_BUF(ICR_SECRET_MAX);

	int r = parse_object(text, len, &json, err);
	if (r < 0)
		return r;
	if ((r = read_string(&json, "ServerURL", &server, err)) < 0 ||
	    (r = read_string(&json, "Username", &username, err)) < 0 ||
	    (r = read_string(&json, "Secret", &secret, err)) < 0)
		return r;
	if (is_blank(server.data))
		return icr_fail(err, ICR_E_PROTOCOL, PROTOCOL_NO_SERVER);
	if (username.len == 0)
		return icr_fail(err, ICR_E_PROTOCOL, PROTOCOL_NO_USERNAME);
	return credential_set(ret_credential, server.data, username.data, secret.data, secret.len,
			      err);
}

int protocol_read_credential(struct credential *ret_credential, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(PROTOCOL_INPUT_MAX + 1);

	int r = protocol_read_all(PROTOCOL_INPUT_MAX, &text, err);
	if (r < 0)
		return r;
	return protocol_parse_credential(text.data, text.len, ret_credential, err);
}

void protocol_format_reply(struct icr_buf *out, const char *url,
			   const struct credential *credential)
{
	icr_buf_text(out, "{\"ServerURL\":");
	icr_json_quote(out, url, strlen(url));
	icr_buf_text(out, ",\"Username\":");
	icr_json_quote(out, credential->username, strlen(credential->username));
	icr_buf_text(out, ",\"Secret\":");
	icr_json_quote(out, credential->secret.data, credential->secret.len);
	icr_buf_text(out, "}\n");
}

int protocol_write(const struct icr_buf *out, struct icr_error *err)
{
	int r = icr_buf_check(out, "the reply", err);
	if (r < 0)
		return r;
	for (size_t done = 0; done < out->len;) {
		ssize_t written = write(STDOUT_FILENO, out->data + done, out->len - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return icr_fail_errno(err, errno, NULL, "cannot write to standard output");
		done += (size_t)written;
	}
	return 0;
}

int protocol_tell(const struct icr_buf *out, struct icr_error *err)
{
	return icr_quiet() ? 0 : protocol_write(out, err);
}

/* Faults are told on standard error too, because of some verbs Docker keeps standard output to
 * itself: docker 20.10 and 28.2 do so for get, which then pulls without a login, and for erase. */
int protocol_fail(const struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf plain = ICR_BUF(ERROR_MAX), text = ICR_BUF(4 * ERROR_MAX);
	_cleanup_error_ struct icr_error failure = {0};
	bool told = err->code != ICR_E_PROTOCOL && err->code != ICR_E_USAGE;

	icr_error_print(err, &plain);
	icr_text_safe(plain.data, plain.len, "", &text);
	icr_buf_char(&text, '\n');
	if (told)
		helper_note_error(err, NULL);
	else if (err->hint)
		helper_note("%s", err->hint);
	/* that standard output cannot be written may be the very error that was told */
	if (protocol_write(&text, &failure) < 0 && !(told && strcmp(err->what, failure.what) == 0))
		icr_say_error(&failure);
	return EXIT_FAILURE;
}
