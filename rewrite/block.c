/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/block.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/resolve.h"

#define BEGIN_LINE                                                                                 \
	HOSTS_BEGIN ": private addresses of IBM Cloud Container Registry, kept by icr-rewrite;"    \
		    " \"icr-rewrite undo\" takes them out"

/* The longest line that can be ours: an address and three names of ICR_HOST_MAX. */
#define OUR_LINE_MAX ((size_t)512)

struct span {
	const char *text;
	size_t len;
};

enum kind {
	KIND_OTHER,
	KIND_BEGIN,
	KIND_END,
	KIND_ICR,    /* an address and ICR names only */
	KIND_HIDDEN, /* commented out by --force */
};

/* The line at OFFSET with its line end, which only the file's last line can lack. */
static struct span line_at(const char *text, size_t len, size_t offset)
{
	const char *end = memchr(text + offset, '\n', len - offset);
	size_t next = end ? (size_t)(end - text) + 1 : len;
	return (struct span){text + offset, next - offset};
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a line's entry part (before any '#'); false at its end. */
static bool next_word(const struct span *line, size_t *at, struct span *ret_word)
{
	size_t i = *at;
	while (i < line->len && is_space(line->text[i]))
		i++;
	size_t start = i;
	while (i < line->len && !is_space(line->text[i]) && line->text[i] != '#')
		i++;
	*at = i;
	*ret_word = (struct span){line->text + start, i - start};
	return i > start;
}

static bool is_address(const struct span *word)
{
	char text[ICR_ADDRESS_MAX];
	struct in6_addr address;
	if (word->len >= sizeof(text))
		return false;
	memcpy(text, word->text, word->len);
	text[word->len] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_icr_entry(const struct span *line)
{
	size_t at = 0, names = 0;
	struct span word;
	struct icr_host host;
	if (line->len > OUR_LINE_MAX || !next_word(line, &at, &word) || !is_address(&word))
		return false;
	for (; next_word(line, &at, &word); names++)
		if (!icr_host_parse(word.text, word.len, &host))
			return false;
	return names > 0;
}

/* A marker is followed by the end of the line, white space or a colon. */
static bool is_marker(const struct span *line, const char *marker)
{
	size_t len = strlen(marker);
	if (line->len < len || memcmp(line->text, marker, len) != 0)
		return false;
	return line->len == len || line->text[len] == ':' || is_space(line->text[len]);
}

static enum kind kind_of(const struct span *line)
{
	size_t hidden = strlen(HOSTS_HIDDEN);
	if (is_marker(line, HOSTS_BEGIN))
		return KIND_BEGIN;
	if (is_marker(line, HOSTS_END))
		return KIND_END;
	if (line->len >= hidden && memcmp(line->text, HOSTS_HIDDEN, hidden) == 0)
		return KIND_HIDDEN;
	return is_icr_entry(line) ? KIND_ICR : KIND_OTHER;
}

/* What the first marker behind OFFSET is; KIND_OTHER when there is none. PLAIN: before any line of
 * another kind than KIND_ICR. */
static enum kind marker_behind(const char *text, size_t len, size_t offset, bool plain)
{
	while (offset < len) {
		struct span line = line_at(text, len, offset);
		enum kind kind = kind_of(&line);
		if (kind == KIND_BEGIN || kind == KIND_END)
			return kind;
		if (plain && kind != KIND_ICR)
			return KIND_OTHER;
		offset += line.len;
	}
	return KIND_OTHER;
}

enum where {
	OUTSIDE,
	INSIDE,	  /* between BEGIN and its END */
	UNCLOSED, /* directly behind a BEGIN without END */
	UNOPENED, /* directly before an END without BEGIN */
};

struct stripper {
	const char *text;
	size_t len;
	enum where where;
	bool looked; /* OUTSIDE, and the lines at hand are known not to lead to an END */
};

/* Is the line ours to remove? Keeps track of where it stands. */
static bool goes(struct stripper *stripper, enum kind kind, size_t offset, size_t next)
{
	switch (kind) {
	case KIND_BEGIN:
		stripper->where =
			marker_behind(stripper->text, stripper->len, next, false) == KIND_END
				? INSIDE
				: UNCLOSED;
		return true;
	case KIND_END:
		stripper->where = OUTSIDE;
		stripper->looked = false;
		return true;
	case KIND_ICR:
		if (stripper->where == OUTSIDE && !stripper->looked) {
			stripper->looked = true;
			if (marker_behind(stripper->text, stripper->len, offset, true) == KIND_END)
				stripper->where = UNOPENED;
		}
		return stripper->where != OUTSIDE;
	case KIND_HIDDEN:
	case KIND_OTHER:
		break;
	}
	if (stripper->where != INSIDE)
		stripper->where = OUTSIDE;
	stripper->looked = false;
	return false;
}

static void drop_line_end(struct icr_buf *out, size_t start)
{
	size_t len = out->len;
	if (len > start && out->data[len - 1] == '\n')
		len--;
	if (len > start && len < out->len && out->data[len - 1] == '\r')
		len--;
	icr_buf_truncate(out, len);
}

bool hosts_block_strip(const char *text, size_t len, bool newline, struct icr_buf *out,
		       size_t *ret_position)
{
	struct stripper stripper = {.text = text, .len = len};
	size_t start = out->len, position = HOSTS_NOWHERE;
	bool any = false, last = false;
	for (size_t offset = 0; offset < len;) {
		struct span line = line_at(text, len, offset);
		enum kind kind = kind_of(&line);
		last = goes(&stripper, kind, offset, offset + line.len);
		size_t skip = last ? line.len : kind == KIND_HIDDEN ? strlen(HOSTS_HIDDEN) : 0;
		if (last && position == HOSTS_NOWHERE)
			position = out->len - start;
		any |= skip > 0;
		icr_buf_append(out, line.text + skip, line.len - skip);
		offset += line.len;
	}
	if (last && newline)
		drop_line_end(out, start);
	if (position != HOSTS_NOWHERE && position > out->len - start)
		position = out->len - start;
	*ret_position = position;
	return any;
}

static void add_regions(const struct span *line, struct icr_region_set *set)
{
	size_t at = 0;
	struct span word;
	struct icr_host host;
	(void)next_word(line, &at, &word);
	while (next_word(line, &at, &word))
		if (icr_host_parse(word.text, word.len, &host) && host.region)
			icr_region_set_add(set, host.region);
}

void hosts_block_regions(const char *text, size_t len, struct icr_region_set *set)
{
	struct stripper stripper = {.text = text, .len = len};
	for (size_t offset = 0; offset < len;) {
		struct span line = line_at(text, len, offset);
		enum kind kind = kind_of(&line);
		if (goes(&stripper, kind, offset, offset + line.len) && kind == KIND_ICR)
			add_regions(&line, set);
		offset += line.len;
	}
}

bool hosts_crlf(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	return end && end > text && end[-1] == '\r';
}

void hosts_block_print(const struct routes *routes, bool crlf, struct icr_buf *out)
{
	const char *end = crlf ? "\r\n" : "\n";
	if (!routes_active(routes))
		return;
	icr_buf_printf(out, "%s%s", BEGIN_LINE, end);
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		const char *names[ROUTE_NAMES_MAX];
		size_t count = route_names(route, names);
		if (route->status != REGION_ACTIVE)
			continue;
		for (size_t j = 0; j < route->count; j++) {
			icr_buf_text(out, route->addresses[j]);
			for (size_t k = 0; k < count; k++)
				icr_buf_printf(out, "%c%s", k ? ' ' : '\t', names[k]);
			icr_buf_text(out, end);
		}
	}
	icr_buf_printf(out, "%s%s", HOSTS_END, end);
}

/* As resolvers compare: without case, a final dot means nothing. */
static bool names_equal(const struct span *word, const char *name)
{
	size_t len = word->len;
	if (len > 1 && word->text[len - 1] == '.')
		len--;
	return strlen(name) == len && strncasecmp(word->text, name, len) == 0;
}

static const char *named_by(const struct span *line, const char *const *names, size_t count,
			    struct span *ret_address)
{
	size_t at = 0;
	struct span word;
	if (!next_word(line, &at, ret_address))
		return NULL;
	while (next_word(line, &at, &word))
		for (size_t i = 0; i < count; i++)
			if (names_equal(&word, names[i]))
				return names[i];
	return NULL;
}

bool hosts_conflict_next(const char *text, size_t len, const char *const *names, size_t count,
			 size_t *offset, size_t *line, struct hosts_conflict *ret_conflict)
{
	while (*offset < len) {
		struct span entry = line_at(text, len, *offset);
		struct span address;
		const char *name = named_by(&entry, names, count, &address);
		size_t at = *offset;
		*offset += entry.len;
		++*line;
		if (!name)
			continue;
		*ret_conflict = (struct hosts_conflict){at, *line - 1, name, ""};
		if (is_address(&address))
			memcpy(ret_conflict->address, address.text, address.len);
		return true;
	}
	return false;
}
