/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/configure-redact.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/edit.h"
#include "icr/file.h"
#include "icr/memory.h"

#define HIDDEN "\"<hidden>\""

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

static void hide(const struct icr_json *json, uint32_t node, enum mark mark, struct icr_edit *edit,
		 struct icr_buf *text)
{
	const struct icr_json_node *n = &json->nodes[node];

	/* URLs with a password in them: of proxies, and as names in auths */
	icr_buf_truncate(text, 0);
	icr_json_name(json, node, text);
	if (has_user(text))
		icr_edit_splice(edit, n->key_start, n->key_end, HIDDEN, strlen(HIDDEN));
	if (n->type != ICR_JSON_STRING && n->type != ICR_JSON_NUMBER)
		return;
	if (n->end - n->start <= strlen("\"\""))
		return;
	icr_buf_truncate(text, 0);
	icr_json_string(json, node, text);
	if (mark == MARK_HIDDEN || has_user(text))
		icr_edit_splice(edit, n->start, n->end, HIDDEN, strlen(HIDDEN));
}

int configure_redact(const struct docker_config *config, struct icr_buf *out, struct icr_error *err)
{
	const struct icr_json *json = &config->json;
	_cleanup_free_ enum mark *marks = icr_calloc(json->count, sizeof(*marks));
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_FILE_MAX);

	if (config->instead.len > 0) { /* blank: nothing to hide */
		icr_buf_append(out, config->file.data, config->file.len);
		return icr_buf_check(out, config->path, err);
	}
	for (uint32_t i = 0; i < json->count; i++) {
		uint32_t parent = json->nodes[i].parent;
		marks[i] = mark_node(json, i, parent == ICR_JSON_NONE ? MARK_SHOWN : marks[parent],
				     &text);
		hide(json, i, marks[i], &edit, &text);
	}
	int r = icr_buf_check(&text, config->path, err);
	if (r < 0)
		return r;
	return icr_edit_apply(&edit, json->text, json->len, out, err);
}
