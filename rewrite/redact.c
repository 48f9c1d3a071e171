/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/redact.h"

#include <stdbool.h>
#include <string.h>

#include "icr/cleanup.h"

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

void redact_urls(const char *text, size_t len, struct icr_buf *out)
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
