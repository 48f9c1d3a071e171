/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/redact.h"

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

/* Where user and password end: at the last "@" of the word. NULL when there are none. */
static const char *user_end(const char *text, size_t len)
{
	size_t word = 0;

	while (word < len && !strchr(" \t\r\n\"'<>", text[word] ? text[word] : ' '))
		word++;
	return memrchr(text, '@', word);
}

/* How many bytes of what stands at TEXT come before a user and password; 0 when there are none at
 * this place. A proxy may be given without its scheme: Go's httpproxy then takes http. */
static size_t user_start(const char *text, size_t len)
{
	if (text[0] == ':')
		return slashes(text, len);
	if (text[0] != '"' && text[0] != '=')
		return 0;
	const char *at = user_end(text + 1, len - 1);
	const char *colon = at ? memchr(text + 1, ':', (size_t)(at - text - 1)) : NULL;
	if (!colon || slashes(colon, len - (size_t)(colon - text)))
		return 0;
	/* the name of a variable comes first: "HTTPS_PROXY=user:password@proxy" */
	return memchr(text + 1, '=', (size_t)(colon - text - 1)) ? 0 : 1;
}

void redact_urls(const char *text, size_t len, struct icr_buf *out)
{
	size_t done = 0; /* copied */

	for (size_t i = 0; i < len; i++) {
		size_t skip = user_start(text + i, len - i);
		const char *at = skip ? user_end(text + i + skip, len - i - skip) : NULL;
		if (!at)
			continue;
		icr_buf_append(out, text + done, i + skip - done);
		icr_buf_text(out, "***");
		done = (size_t)(at - text);
		i = done;
	}
	icr_buf_append(out, text + done, len - done);
}
