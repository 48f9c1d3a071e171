/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/redact.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/edit.h"
#include "icr/file.h"
#include "icr/memory.h"

#define HIDDEN "\"<hidden>\""

/* Length of "://" or its JSON spelling at TEXT; 0 when neither is there. */
static size_t slashes(const char *text, size_t len)
{
	static const char *const spellings[] = {"://", ":\\/\\/", ":\\//", ":/\\/"};

	for (size_t i = 0; i < ICR_LENGTH(spellings); i++) {
		size_t wanted = strlen(spellings[i]);
		if (len >= wanted && memcmp(text, spellings[i], wanted) == 0)
			return wanted;
	}
	return 0;
}

/* A text and what is known of it around the place that is looked at: each byte is passed once. */
struct scan {
	const char *text;
	size_t len;
	size_t word_end, last_at;	/* of the word that ends there: its last "@", or LEN */
	size_t next_colon, next_equals; /* at or behind where they were looked for */
};

static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\r\n\"'<>", c);
}

/* Where user and password end that begin at PLACE: at the last "@" of the word. LEN when there are
 * none. */
static size_t user_end(struct scan *scan, size_t place)
{
	if (place > scan->word_end) {
		scan->word_end = place;
		scan->last_at = scan->len;
		for (; scan->word_end < scan->len && !ends_word(scan->text[scan->word_end]);
		     scan->word_end++)
			if (scan->text[scan->word_end] == '@')
				scan->last_at = scan->word_end;
	}
	return scan->last_at >= place ? scan->last_at : scan->len;
}

static size_t next(const struct scan *scan, char c, size_t place, size_t *cached)
{
	if (*cached < place) {
		const char *found = memchr(scan->text + place, c, scan->len - place);
		*cached = found ? (size_t)(found - scan->text) : scan->len;
	}
	return *cached;
}

/* How many bytes of what stands at PLACE come before a user and password; 0 when there are none at
 * this place. A proxy may be given without its scheme: Go's httpproxy then takes http. */
static size_t user_start(struct scan *scan, size_t place)
{
	char c = scan->text[place];

	if (c == ':')
		return slashes(scan->text + place, scan->len - place);
	if (c != '"' && c != '=')
		return 0;
	size_t at = user_end(scan, place + 1);
	size_t colon = next(scan, ':', place + 1, &scan->next_colon);
	if (at == scan->len || colon > at || slashes(scan->text + colon, scan->len - colon))
		return 0;
	/* the name of a variable comes first: "HTTPS_PROXY=user:password@proxy" */
	return next(scan, '=', place + 1, &scan->next_equals) < colon ? 0 : 1;
}

void icr_redact_urls(const char *text, size_t len, struct icr_buf *out)
{
	struct scan scan = {.text = text, .len = len};
	size_t done = 0; /* copied */

	for (size_t i = 0; i < len; i++) {
		size_t skip = user_start(&scan, i);
		size_t at = skip ? user_end(&scan, i + skip) : len;
		if (at == len)
			continue;
		icr_buf_append(out, text + done, i + skip - done);
		icr_buf_text(out, "***");
		done = i = at;
	}
	icr_buf_append(out, text + done, len - done);
}

/* Whole names, and parts of names, whose values nobody needs to see. Source of the first four:
 * docker/cli cli/config/types/authconfig.go; plugins keep what they like in "plugins". */
static const char *const secret_names[] = {"auth", "HttpHeaders"};
static const char *const secret_parts[] = {"password", "passwd",  "token",     "secret",
					   "apikey",   "api_key", "credential"};

static bool is_secret_name(const char *name)
{
	if (strcasecmp(name, "credHelpers") == 0)
		return false;
	for (size_t i = 0; i < ICR_LENGTH(secret_names); i++)
		if (strcasecmp(name, secret_names[i]) == 0)
			return true;
	for (size_t i = 0; i < ICR_LENGTH(secret_parts); i++)
		if (strcasestr(name, secret_parts[i]))
			return true;
	return false;
}

enum mark { MARK_SHOWN, MARK_HIDDEN, MARK_HELPERS };

/* What NODE's name, or else its parent, says about it. */
static enum mark mark_node(const struct icr_json *json, uint32_t node, enum mark parent,
			   struct icr_buf *name)
{
	if (parent != MARK_SHOWN || json->nodes[node].key_end == 0)
		return parent;
	icr_buf_truncate(name, 0);
	icr_json_name(json, node, name);
	if (json->nodes[node].parent == 0 && strcasecmp(name->data, "credHelpers") == 0)
		return MARK_HELPERS;
	return is_secret_name(name->data) ? MARK_HIDDEN : MARK_SHOWN;
}

static bool has_user(const struct icr_buf *text)
{
	return memchr(text->data, '@', text->len) != NULL;
}

static void hide(const struct icr_json *json, uint32_t node, enum mark mark, bool users,
		 struct icr_edit *edit, struct icr_buf *text)
{
	const struct icr_json_node *n = &json->nodes[node];

	/* URLs with a password in them: of proxies, and as names in auths */
	icr_buf_truncate(text, 0);
	icr_json_name(json, node, text);
	if (users && has_user(text))
		icr_edit_splice(edit, n->key_start, n->key_end, HIDDEN, strlen(HIDDEN));
	if (n->type != ICR_JSON_STRING && n->type != ICR_JSON_NUMBER)
		return;
	if (n->end - n->start <= strlen("\"\""))
		return;
	icr_buf_truncate(text, 0);
	icr_json_string(json, node, text);
	if (mark == MARK_HIDDEN || (users && has_user(text)))
		icr_edit_splice(edit, n->start, n->end, HIDDEN, strlen(HIDDEN));
}

int icr_redact_json(const struct icr_json *json, bool users, struct icr_buf *out,
		    struct icr_error *err)
{
	_cleanup_free_ enum mark *marks = icr_calloc(json->count, sizeof(*marks));
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	for (uint32_t i = 0; i < json->count; i++) {
		uint32_t parent = json->nodes[i].parent;
		marks[i] = mark_node(json, i, parent == ICR_JSON_NONE ? MARK_SHOWN : marks[parent],
				     &text);
		hide(json, i, marks[i], users, &edit, &text);
	}
	return icr_edit_apply(&edit, json->text, json->len, out, err);
}
