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

void redact_urls(const char *text, size_t len, struct icr_buf *out)
{
	size_t done = 0; /* copied */

	for (size_t i = 0; i < len; i++) {
		size_t skip = text[i] == ':' ? slashes(text + i, len - i) : 0;
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
