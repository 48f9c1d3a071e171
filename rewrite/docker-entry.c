/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker-entry.h"

#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/host.h"

/* Length of "http://" or "https://" at the start; 0 without a scheme. */
static size_t scheme_length(const char *text)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < ICR_LENGTH(schemes); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strlen(schemes[i]);
	return 0;
}

bool docker_entry_parse(const char *text, struct docker_entry *ret_entry)
{
	struct docker_entry entry = {.start = scheme_length(text)};
	size_t end = entry.start + strcspn(text + entry.start, "/?#");
	const char *at = memrchr(text + entry.start, '@', end - entry.start);

	if (at) {
		entry.userinfo = true;
		entry.start = (size_t)(at - text) + 1;
	}
	entry.end = entry.start + strcspn(text + entry.start, ":/?#");
	if (!icr_host_parse(text + entry.start, end - entry.start, &entry.host) ||
	    !entry.host.region)
		return false;
	*ret_entry = entry;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void docker_entry_key(const char *text, struct icr_buf *out)
{
	size_t scheme = scheme_length(text);
	size_t path = scheme + strcspn(text + scheme, "/?#");
	size_t len = strlen(text);

	if (len > scheme && text[len - 1] == '/')
		len--;
	for (size_t i = 0; i < len; i++)
		icr_buf_char(out, i < path ? lower(text[i]) : text[i]);
}

static unsigned hexadecimal(const char *digits)
{
	unsigned value = 0;

	for (size_t i = 0; i < 4; i++) {
		char c = lower(digits[i]);
		value = value * 16 + (unsigned)(c >= 'a' ? c - 'a' + 10 : c - '0');
	}
	return value;
}

/* The raw bytes and the decoded bytes of the character at RAW, which has been parsed before. */
static size_t unit_length(const char *raw, size_t *ret_decoded)
{
	*ret_decoded = 1;
	if (raw[0] != '\\')
		return 1;
	if (raw[1] != 'u')
		return 2;
	unsigned value = hexadecimal(raw + 2);
	bool pair = value >= 0xd800 && value < 0xdc00;
	*ret_decoded = pair ? 4 : value < 0x80 ? 1 : value < 0x800 ? 2 : 3;
	return pair ? 12 : 6;
}

void docker_entry_splice(const struct icr_json *json, uint32_t node, size_t start, size_t end,
			 const char *name, struct icr_buf *out)
{
	const char *raw = json->text + json->nodes[node].start;
	size_t len = json->nodes[node].end - json->nodes[node].start, decoded = 0, step;

	icr_buf_char(out, '"');
	for (size_t i = 1; i < len - 1; decoded += step) {
		size_t unit = unit_length(raw + i, &step);
		if (decoded == start)
			icr_buf_text(out, name);
		if (decoded < start || decoded >= end)
			icr_buf_append(out, raw + i, unit);
		i += unit;
	}
	icr_buf_char(out, '"');
}
