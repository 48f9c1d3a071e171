/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* k3s and rke2: one registries.yaml each, of the same form. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/memory.h"
#include "icr/swar.h"
#include "icr/utf8.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/native.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"

#define K3S_CONFIG  "/etc/rancher/k3s/registries.yaml"
#define RKE2_CONFIG "/etc/rancher/rke2/registries.yaml"

static void print(const struct native_names *names, bool mirrors, const char *indent,
		  struct icr_buf *out)
{
	if (mirrors)
		icr_buf_text(out, "mirrors:" NATIVE_MARK "\n");
	for (size_t i = 0; i < names->count; i++)
		icr_buf_printf(out,
			       "%s\"%s\":" NATIVE_MARK "\n"
			       "%s  endpoint:" NATIVE_MARK "\n"
			       "%s    - \"https://%s\"" NATIVE_MARK "\n",
			       indent, names->items[i].name, indent, indent,
			       names->items[i].private_name);
}

/* ---- as much YAML as it takes */

struct line {
	const char *text; /* behind its indentation */
	size_t len;	  /* without the line end, a comment and blanks before it */
	size_t indent;
	size_t parent; /* column of the last key or list item that begins in it */
	bool open;     /* a bracket, a brace or a string is not closed where it ends */
	bool odd;      /* an anchor, an alias or a tag stands in it, outside of brackets */
	bool header;   /* of a text in several lines */
};

/* What a look through the file finds out. */
struct yaml {
	const struct native_names *names;
	size_t number;	/* of the line that is looked at */
	bool started;	/* by "---" */
	bool root;	/* has it any key? */
	bool list;	/* may items of one follow the root's last key, in line with it? */
	bool inside;	/* below "mirrors:" */
	size_t mirrors; /* the line of that key; 0: none */
	size_t behind;	/* offset behind it */
	size_t indent;	/* of its keys; 0: not known yet */
	size_t text;	/* the least indentation of the text in several lines that follows; or 0 */
	bool in_text;	/* is the line part of it? */
	const char *what; /* why no lines can be added */
};

static bool is_blank_at(const char *at, const char *end)
{
	return at == end || icr_is_space(*at);
}

/* AT is at the quote that a string begins with. Behind it, or NULL where it does not end. */
static const char *skip_quoted(const char *at, const char *end)
{
	char quote = *at++, escape = quote == '"' ? '\\' : quote;

	for (; at < end; at++) {
		while (at < end && *at != quote && *at != escape)
			at++;
		bool escaped = at < end && *at == escape &&
			       (escape != quote || (at + 1 < end && at[1] == quote));
		if (escaped)
			at++;
		else
			return at < end ? at + 1 : NULL;
	}
	return NULL;
}

/* What may mean something behind the first byte of a word. */
static const bool signs[UCHAR_MAX + 1] = {
	['#'] = true, [':'] = true, [','] = true, [']'] = true, ['}'] = true,
};

/* Looks along a line of LEN bytes for where its keys, values and comment begin. */
static void look_along(struct line *line, size_t len)
{
	enum { BEGIN, PLAIN, CLOSED } state = BEGIN; /* behind what ends by itself */
	const char *at = line->text, *end = at + len, *begin = at;
	size_t depth = 0;

	while (at < end) {
		bool first = state == BEGIN;
		while (!first && at < end && !signs[(unsigned char)*at])
			at++;
		if (at == end)
			break;
		char c = *at;
		bool blank = is_blank_at(at + 1, end);
		if (c == '#' && (at == line->text || icr_is_space(at[-1])))
			break;
		if (first && !icr_is_space(c))
			begin = at;
		if (icr_is_space(c)) {
			at++;
		} else if (first && (c == '"' || c == '\'')) {
			at = skip_quoted(at, end);
			line->open = !at;
			at = at ? at : end;
			state = CLOSED;
		} else if (first && (c == '{' || c == '[')) {
			depth++;
			at++;
		} else if (depth && (c == '}' || c == ']' || c == ',')) {
			depth -= c != ',';
			state = c == ',' ? BEGIN : CLOSED;
			at++;
		} else if (c == ':' &&
			   (blank || (depth && (state == CLOSED || strchr(",[]{}", at[1]))))) {
			if (!depth)
				line->parent = line->indent + (size_t)(begin - line->text);
			state = BEGIN;
			at++;
		} else if (first && !depth && (c == '-' || c == '?') && blank) {
			line->parent = line->indent + (size_t)(at - line->text);
			at++;
		} else {
			line->odd |= first && !depth && (c == '&' || c == '*' || c == '!');
			line->header |= first && !depth && (c == '|' || c == '>');
			state = state == BEGIN ? PLAIN : state;
			at++;
		}
	}
	line->open |= depth > 0;
	line->len = (size_t)(at - line->text);
	while (line->len > 0 && icr_is_space(line->text[line->len - 1]))
		line->len--;
}

static struct line line_at(const char *text, size_t len)
{
	struct line line = {.text = text};

	while (len > 0 && icr_is_space(text[len - 1]))
		len--;
	while (line.indent < len && text[line.indent] == ' ')
		line.indent++;
	line.text = text + line.indent;
	line.parent = line.indent;
	look_along(&line, len - line.indent);
	return line;
}

/* A NUL stands in no text. */
static const bool begins_none[UCHAR_MAX + 1] = {
	['\0'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
	['&'] = true,  ['*'] = true, ['!'] = true, ['|'] = true, ['>'] = true,
	['%'] = true,  ['@'] = true, ['`'] = true, [','] = true,
};

/* Behind KEY: of a line, or NULL when it does not begin so. The key may stand in quotes. */
static const char *behind_key(const struct line *line, size_t *ret_len, const char **ret_key)
{
	const char *end = line->text + line->len, *at = line->text;
	bool quoted = at < end && (*at == '"' || *at == '\'');

	*ret_key = at + quoted;
	if (quoted) {
		at = skip_quoted(at, end);
		if (!at)
			return NULL;
		*ret_len = (size_t)(at - *ret_key - 1);
	} else {
		/* what begins a plain key with these is none, or stands for something else */
		bool sign =
			at < end &&
			(begins_none[(unsigned char)*at] ||
			 ((*at == '-' || *at == '?' || *at == ':') && is_blank_at(at + 1, end)));
		while (at < end && !(*at == ':' && is_blank_at(at + 1, end)))
			at++;
		*ret_len = sign ? 0 : (size_t)(at - *ret_key);
		while (*ret_len > 0 && icr_is_space((*ret_key)[*ret_len - 1]))
			--*ret_len;
		if (*ret_len == 0)
			return NULL;
	}
	while (at < end && icr_is_space(*at))
		at++;
	return at < end && *at == ':' && is_blank_at(at + 1, end) ? at + 1 : NULL;
}

static bool key_is(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(key, name, len) == 0;
}

/* A key that stands for others than it says. */
static const char *odd_key(const struct line *line, const char *key, size_t len)
{
	if (key_is(key, len, "<<"))
		return "has an anchor, alias or tag, which is not followed here";
	if (line->text[0] == '"' && memchr(key, '\\', len))
		return "has a name with an escape, which is not followed here";
	return NULL;
}

static void take_root(struct yaml *yaml, const struct line *line, size_t next)
{
	const char *key, *end = line->text + line->len;
	size_t len;

	if (yaml->list && line->text[0] == '-' && is_blank_at(line->text + 1, end))
		return;
	const char *value = behind_key(line, &len, &key);
	yaml->inside = false;
	if (!value) {
		yaml->what = "is no key with a value below it, so that no lines can be added";
		return;
	}
	yaml->root = true;
	while (value < end && icr_is_space(*value))
		value++;
	yaml->list = value == end;
	yaml->what = odd_key(line, key, len);
	if (!key_is(key, len, "mirrors"))
		return;
	if (yaml->mirrors)
		yaml->what = "has \"mirrors\" twice";
	else if (line->odd)
		return;
	else if (!yaml->list)
		yaml->what = "has its mirrors in braces or as one value, where no lines can be "
			     "added";
	yaml->mirrors = yaml->number;
	yaml->behind = next;
	yaml->inside = true;
	yaml->list = false;
}

static void take_mirror(struct yaml *yaml, const struct line *line)
{
	const char *key;
	size_t len;

	if (!yaml->indent)
		yaml->indent = line->indent;
	if (line->indent > yaml->indent)
		return;
	const char *value = behind_key(line, &len, &key);
	if (line->indent < yaml->indent || !value) {
		yaml->what = "is no key in line with the others, so that no lines can be added";
		return;
	}
	yaml->what = odd_key(line, key, len);
	for (size_t i = 0; i < yaml->names->count; i++)
		if (key_is(key, len, yaml->names->items[i].name))
			yaml->what = "configures this registry already";
}

static void take_line(struct yaml *yaml, const struct line *line, size_t next)
{
	yaml->in_text = yaml->text && (line->len == 0 || line->indent >= yaml->text);
	if (yaml->in_text)
		return;
	yaml->text = 0;
	if (line->len == 0)
		return;
	if (line->text[0] == '\t') {
		yaml->what = "is indented with a tab";
		return;
	}
	if (line->indent == 0 && line->len >= 3 && memcmp(line->text, "---", 3) == 0) {
		if (yaml->root || yaml->started || line->len > 3)
			yaml->what = "begins another document";
		yaml->started = true;
		return;
	}
	if (line->indent == 0)
		take_root(yaml, line, next);
	else if (!yaml->root)
		yaml->what = "is indented, although nothing stands above it";
	else if (yaml->inside)
		take_mirror(yaml, line);
	if (!yaml->what && line->odd)
		yaml->what = "has an anchor, alias or tag, which is not followed here";
	if (!yaml->what && line->open)
		yaml->what = "has a value that goes on over several lines, which is not followed "
			     "here";
	if (line->header)
		yaml->text = line->parent + 1;
}

/* Are these eight bytes letters, signs and blanks of ASCII? */
static bool is_ascii(uint64_t word)
{
	return !(icr_swar_less(word, ' ') | ((word | (word + ICR_SWAR_ONES)) & ICR_SWAR_TOPS));
}

/* Are all characters such as a text has, and none of them a line's end? Unicode has more of them
 * than LF, and parsers go by them. */
static bool is_text(const char *text, size_t len)
{
	size_t n;

	for (; len > 0; text += n, len -= n) {
		n = sizeof(uint64_t);
		if (len >= n && is_ascii(icr_swar_load(text)))
			continue;
		n = 1;
		if (*text == '\t' || (*text >= 0x20 && *text < 0x7f))
			continue;
		n = icr_utf8_length(text, len);
		uint32_t code = n ? icr_utf8_decode(text, n) : 0;
		if ((code < 0x20 && code != '\t') || (code >= 0x7f && code <= 0x9f) ||
		    code == 0x2028 || code == 0x2029)
			return false;
	}
	return true;
}

/* Looks through TEXT; yaml->number is the line of what is in the way. */
static void look_through(const struct icr_buf *text, struct yaml *yaml)
{
	for (size_t at = 0; at < text->len && !yaml->what;) {
		const char *start = text->data + at;
		const char *end = memchr(start, '\n', text->len - at);
		size_t len = end ? (size_t)(end - start) : text->len - at;
		at += len + (end != NULL);
		yaml->number++;
		if (yaml->number == 1 && len >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) {
			start += 3;
			len -= 3;
		}
		len -= len > 0 && start[len - 1] == '\r';
		struct line line = line_at(start, len);
		if (!is_text(start, len))
			yaml->what = "has a character that no text has";
		else if (len > 0 && *start == '%' && !yaml->text)
			yaml->what = "is a directive, which is not followed here";
		else
			take_line(yaml, &line, at);
	}
	if (!yaml->what && !yaml->mirrors && yaml->in_text && text->data[text->len - 1] != '\n')
		yaml->what = "ends in a text without a line end, which ours would become part of";
}

/* ---- the parts */

static int plan_file(struct work *work, struct changes *changes, const struct part *part,
		     const char *path, const struct native_names *names, struct change **ret_change,
		     struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf lines = ICR_BUF(ICR_BUF_MAX);
	struct yaml yaml = {.names = names};

	int r = changes_file(changes, &work->host, part, path, ret_change, err);
	if (r < 0)
		return r;
	const struct icr_buf *base = &(*ret_change)->base.text;
	look_through(base, &yaml);
	if (yaml.what) {
		print(names, true, "  ", &lines);
		return native_refuse(path, yaml.number, yaml.what, &lines, err);
	}
	_cleanup_free_ char *indent = icr_calloc(yaml.indent + 1, 1);
	memset(indent, ' ', yaml.indent);
	print(names, !yaml.mirrors, yaml.mirrors && yaml.indent ? "" : "  ", &lines);
	return native_insert(*ret_change, yaml.mirrors ? yaml.behind : base->len,
			     yaml.mirrors ? indent : "", &lines, NULL, err);
}

static int plan(struct work *work, struct changes *changes, const struct part *part,
		const char *path, struct icr_error *err)
{
	icr_cleanup(native_names_free) struct native_names names = {0};
	struct change *change;

	native_names(work, part, &names);
	if (!names.count)
		return 0;
	int r = plan_file(work, changes, part, path, &names, &change, err);
	if (r < 0)
		return r;
	if (!native_soft(work))
		native_note(work,
			    "%s: goes on to the public names when the private network is "
			    "dead, whatever --fallback says, unless it is started with "
			    "--disable-default-registry-endpoint, which is for all registries",
			    part->name);
	if (change_differs(change))
		native_note(work, "%s: takes up %s when it is restarted", part->name, path);
	native_note(work,
		    "%s: sends the pod's pull secret, or what the kubelet's credential "
		    "provider says, to the private names",
		    part->name);
	return 0;
}

static bool k3s_is_there(const struct host *host)
{
	static const char *const programs[] = {"k3s", NULL};

	return host_has_program(host, programs) || host_has("/etc/rancher/k3s");
}

static bool rke2_is_there(const struct host *host)
{
	static const char *const programs[] = {"rke2", NULL};

	return host_has_program(host, programs) || host_has("/etc/rancher/rke2");
}

static int k3s_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	return plan(work, changes, &part_k3s, K3S_CONFIG, err);
}

static int rke2_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	return plan(work, changes, &part_rke2, RKE2_CONFIG, err);
}

static int k3s_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	return native_find(work, changes, &part_k3s, K3S_CONFIG, err);
}

static int rke2_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	return native_find(work, changes, &part_rke2, RKE2_CONFIG, err);
}

static bool k3s_writes(const char *path)
{
	return strcmp(path, K3S_CONFIG) == 0;
}

static bool rke2_writes(const char *path)
{
	return strcmp(path, RKE2_CONFIG) == 0;
}

static int status_of(const char *name, bool found, const char *path, struct icr_value *status)
{
	icr_value_put_text(status, "name", name);
	icr_value_put_flag(status, "found", found);
	if (host_has(path))
		icr_value_put_text(status, "config", path);
	return 0;
}

static int k3s_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	return status_of(part_k3s.name, k3s_is_there(&work->host), K3S_CONFIG, status);
}

static int rke2_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	return status_of(part_rke2.name, rke2_is_there(&work->host), RKE2_CONFIG, status);
}

const struct part part_k3s = {
	.name = "k3s",
	.engine = true,
	.is_there = k3s_is_there,
	.writes = k3s_writes,
	.find = k3s_find,
	.plan = k3s_plan,
	.strip = native_strip,
	.status = k3s_status,
	.words = native_words,
};

const struct part part_rke2 = {
	.name = "rke2",
	.engine = true,
	.is_there = rke2_is_there,
	.writes = rke2_writes,
	.find = rke2_find,
	.plan = rke2_plan,
	.strip = native_strip,
	.status = rke2_status,
	.words = native_words,
};
