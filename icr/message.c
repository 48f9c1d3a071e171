/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/json.h"
#include "icr/memory.h"
#include "icr/utf8.h"

#define MESSAGE_CHARACTERS 300
#define CODE_CHARACTERS	   64

/* What a terminal would obey: C0 and C1 controls, line and paragraph separators, overrides of the
 * direction of text. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void put_text(const char *text, size_t max, struct icr_buf *out)
{
	size_t left = strlen(text), count = 0, n;

	for (; left > 0; text += n, left -= n) {
		n = icr_utf8_length(text, left);
		if (n == 0 || count++ == max) {
			icr_buf_text(out, "...");
			return;
		}
		if (is_control(icr_utf8_decode(text, n)))
			icr_buf_char(out, ' ');
		else
			icr_buf_append(out, text, n);
	}
}

static bool is_said(const char *text)
{
	return text && *text;
}

/* A code is a word or a number. */
static bool put_code(const struct icr_json *json, uint32_t object, const char *name,
		     struct icr_buf *out)
{
	uint32_t member = icr_json_member(json, object, name);
	_cleanup_free_ char *text = icr_json_string_dup(json, member);

	if (icr_json_is(json, member, ICR_JSON_NUMBER))
		text = icr_memdup(json->text + json->nodes[member].start,
				  json->nodes[member].end - json->nodes[member].start);
	if (!is_said(text))
		return false;
	put_text(text, CODE_CHARACTERS, out);
	return true;
}

void icr_message_error_text(const char *body, size_t len, struct icr_buf *out)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf code = ICR_BUF((size_t)CODE_CHARACTERS * 4 + sizeof("..."));

	if (icr_json_parse(body, len, NULL, ICR_JSON_NO_NUL, &json, NULL) < 0)
		return;
	uint32_t errors = icr_json_member(&json, 0, "errors");
	/* also of an object, as some gateways write it */
	uint32_t first = errors == ICR_JSON_NONE ? ICR_JSON_NONE : json.nodes[errors].child;
	const struct {
		uint32_t object;
		const char *name;
	} places[] = {{first, "message"}, {0, "error"}, {0, "message"}, {0, "errorMessage"}};
	bool said = false;
	for (size_t i = 0; i < ICR_LENGTH(places) && !said; i++) {
		_cleanup_free_ char *text = icr_json_text(&json, places[i].object, places[i].name);
		said = is_said(text);
		if (said)
			put_text(text, MESSAGE_CHARACTERS, out);
	}
	if (!put_code(&json, first, "code", &code) && !put_code(&json, 0, "code", &code))
		(void)put_code(&json, 0, "errorCode", &code);
	if (code.len > 0)
		icr_buf_printf(out, said ? " (%s)" : "%s", code.data);
}
