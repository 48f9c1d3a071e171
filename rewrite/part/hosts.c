/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/part/hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "icr/attributes.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/region-set.h"
#include "rewrite/block.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"

#define BEGIN_LINE                                                                                 \
	BLOCK_BEGIN ": private addresses of IBM Cloud Container Registry, kept by icr-rewrite;"    \
		    " \"icr-rewrite undo\" takes them out"

/* The longest line that can be ours: an address and three names of ICR_HOST_MAX. */
#define OUR_LINE_MAX ((size_t)512)

/* The state's word for: the line end before the block is ours. */
#define RECORD_NEWLINE "{\"newline\":true}"

/* The next word of a line's entry part (before any '#'); false at its end. */
static bool next_word(const struct block_line *line, size_t *at, struct block_line *ret_word)
{
	size_t i = *at;
	while (i < line->len && isspace((unsigned char)line->text[i]))
		i++;
	size_t start = i;
	while (i < line->len && !isspace((unsigned char)line->text[i]) && line->text[i] != '#')
		i++;
	*at = i;
	*ret_word = (struct block_line){line->text + start, i - start};
	return i > start;
}

static bool is_address(const struct block_line *word)
{
	char text[ICR_ADDRESS_MAX];
	struct in6_addr address;
	if (word->len >= sizeof(text))
		return false;
	memcpy(text, word->text, word->len);
	text[word->len] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

bool hosts_is_entry(const struct block_line *line)
{
	size_t at = 0, names = 0;
	struct block_line word;
	struct icr_host host;
	if (line->len > OUR_LINE_MAX || !next_word(line, &at, &word) || !is_address(&word))
		return false;
	for (; next_word(line, &at, &word); names++)
		if (!icr_host_parse(word.text, word.len, &host))
			return false;
	return names > 0;
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
	icr_buf_printf(out, "%s%s", BLOCK_END, end);
}

static void add_regions(const struct block_line *line, void *set)
{
	size_t at = 0;
	struct block_line word;
	struct icr_host host;
	(void)next_word(line, &at, &word);
	while (next_word(line, &at, &word))
		if (icr_host_parse(word.text, word.len, &host) && host.region)
			icr_region_set_add(set, host.region);
}

void hosts_block_regions(const char *text, size_t len, struct icr_region_set *set)
{
	block_entries(text, len, hosts_is_entry, add_regions, set);
}

/* As resolvers compare: without case, a final dot means nothing. */
static bool names_equal(const struct block_line *word, const char *name)
{
	size_t len = word->len;
	if (len > 1 && word->text[len - 1] == '.')
		len--;
	return strlen(name) == len && strncasecmp(word->text, name, len) == 0;
}

static const char *named_by(const struct block_line *line, const char *const *names, size_t count,
			    struct block_line *ret_address)
{
	size_t at = 0;
	struct block_line word;
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
		struct block_line entry = block_line_at(text, len, *offset);
		struct block_line address;
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

int hosts_steered(const struct host *host, struct icr_region_set *ret_set, struct icr_error *err)
{
	struct icr_region_set set = {0};
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, ICR_FILE_MAX);
	_cleanup_free_ char *path = NULL;
	int r = host_locate(host, HOSTS_FILE, true, &path, err);
	if (r >= 0)
		r = icr_file_read(path, &text, err);
	if (r < 0)
		return r;
	hosts_block_regions(text.data, text.len, &set);
	*ret_set = set;
	return 0;
}

static int hosts_strip(struct change *change, struct icr_error *err)
{
	const struct content *current = &change->current;
	_cleanup_buf_ struct icr_buf base;
	icr_buf_init(&base, ICR_FILE_MAX);
	bool newline = change->record && strcmp(change->record, RECORD_NEWLINE) == 0;
	size_t position;
	block_strip(current->text.data, current->text.len, hosts_is_entry, newline, &base,
		    &position);
	int r = icr_buf_check(&base, change->path, err);
	if (r < 0)
		return r;
	bool exists = current->exists && !(change->created && base.len == 0);
	return change_set_base(change, exists, base.data, base.len, err);
}

/* Also a block that no state tells of is ours: its markers say so. */
static int hosts_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	struct change *change;
	int r = changes_file(changes, &work->host, &part_hosts, HOSTS_FILE, &change, err);
	if (r < 0 || change->recorded)
		return r;
	return hosts_strip(change, err);
}

/* As many as a set of regions can hold. */
#define REGIONS_MAX (8 * sizeof(((struct icr_region_set *)0)->bits))

/* Names that may be in nobody's line but ours. */
struct names {
	const char *items[ROUTE_NAMES_MAX * REGIONS_MAX];
	size_t count;
};

static void steered_names(const struct work *work, struct names *ret_names)
{
	ret_names->count = 0;
	for (size_t i = 0; i < work->routes.count && i < REGIONS_MAX; i++) {
		const struct region_route *route = &work->routes.items[i];
		bool active = route->status == REGION_ACTIVE;
		/* A line that hides a pending name must be known now, or the first refresh would
		 * be the one to fail; but only what is steered is commented out. */
		if (route->status == REGION_PRIVATE || (!active && work->settings.force))
			continue;
		ret_names->count += route_names(route, ret_names->items + ret_names->count);
	}
}

static int conflict_error(const struct work *work, const struct hosts_conflict *conflict,
			  struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf where;
	icr_buf_init(&where, ICR_FILE_MAX);
	icr_buf_printf(&where, "%s" HOSTS_FILE ":%zu", work->host.root, conflict->line);
	icr_fail_at(err, ICR_E_CONFLICT, where.data, "gives %s %s%s already", conflict->name,
		    conflict->address[0] ? "the address " : "an address", conflict->address);
	return icr_error_hint(err, "take the line out, or let --force comment it out; undo puts it "
				   "back");
}

/* Comments foreign lines out with --force, else fails on the first. */
static int settle_conflicts(struct work *work, const struct change *change, struct icr_edit *edit,
			    struct icr_error *err)
{
	const struct icr_buf *text = &change->base.text;
	struct names names;
	steered_names(work, &names);
	struct hosts_conflict conflict;
	size_t offset = 0, line = 1;
	while (hosts_conflict_next(text->data, text->len, names.items, names.count, &offset, &line,
				   &conflict)) {
		if (!work->settings.force)
			return conflict_error(work, &conflict, err);
		note(&work->notes, "%s" HOSTS_FILE ":%zu: names %s: commented out (--force)",
		     work->host.root, conflict.line, conflict.name);
		icr_edit_splice(edit, conflict.offset, conflict.offset, BLOCK_HIDDEN,
				strlen(BLOCK_HIDDEN));
	}
	return 0;
}

/* Where the block stands now, so that what others add behind it does not move it; else the end. */
static size_t block_position(const struct change *change)
{
	const struct icr_buf *base = &change->base.text;
	_cleanup_buf_ struct icr_buf stripped;
	icr_buf_init(&stripped, ICR_FILE_MAX);
	size_t position;
	bool newline = base->len > 0 && base->data[base->len - 1] != '\n';
	block_strip(change->current.text.data, change->current.text.len, hosts_is_entry, newline,
		    &stripped, &position);
	bool same = stripped.len == base->len && memcmp(stripped.data, base->data, base->len) == 0;
	return same && position != BLOCK_NOWHERE ? position : base->len;
}

static int add_block(const struct work *work, const struct change *change, struct icr_edit *edit,
		     bool *ret_newline, struct icr_error *err)
{
	const struct icr_buf *base = &change->base.text;
	_cleanup_buf_ struct icr_buf block;
	icr_buf_init(&block, ICR_FILE_MAX);
	bool crlf = block_crlf(base->data, base->len);
	size_t position = block_position(change);
	bool newline = position > 0 && base->data[position - 1] != '\n';
	if (newline)
		icr_buf_text(&block, crlf ? "\r\n" : "\n");
	hosts_block_print(&work->routes, crlf, &block);
	int r = icr_buf_check(&block, "the block", err);
	if (r < 0)
		return r;
	icr_edit_splice(edit, position, position, block.data, block.len);
	*ret_newline = newline;
	return 0;
}

static int hosts_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	struct change *change;
	int r = changes_file(changes, &work->host, &part_hosts, HOSTS_FILE, &change, err);
	if (r < 0)
		return r;
	_cleanup_edit_ struct icr_edit edit = {0};
	bool newline = false;
	/* The block first: of two insertions at one place, the prefix must stay with its line. */
	if (routes_active(&work->routes))
		r = add_block(work, change, &edit, &newline, err);
	if (r >= 0)
		r = settle_conflicts(work, change, &edit, err);
	if (r < 0)
		return r;
	return change_edit(change, &edit, newline ? RECORD_NEWLINE : NULL, err);
}

/* Can the file be replaced by rename, as every write is? */
static int check_replaceable(const char *path, struct icr_error *err)
{
	int r = icr_attributes_check(path, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *folder = strdup(path);
	if (!folder)
		return icr_fail_memory(err);
	*strrchr(folder, '/') = '\0';
	if (access(folder, W_OK) < 0)
		return icr_fail_errno(err, errno, path, "cannot be replaced");
	return 0;
}

static int hosts_validate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	const struct change *change = changes_find(changes, HOSTS_FILE);
	if (!change || !change_differs(change))
		return 0;
	_cleanup_free_ char *full = NULL, *real = NULL;
	int r = host_locate(&work->host, HOSTS_FILE, true, &full, err);
	if (r >= 0)
		r = icr_file_resolve(full, &real, err);
	if (r >= 0)
		r = check_replaceable(real, err);
	return r < 0 ? icr_error_wrap(err, "the hosts route cannot serve here") : 0;
}

static bool hosts_writes(const char *path)
{
	return strcmp(path, HOSTS_FILE) == 0;
}

const struct part part_hosts = {
	.name = "hosts",
	.file_max = HOSTS_MAX,
	.writes = hosts_writes,
	.find = hosts_find,
	.plan = hosts_plan,
	.strip = hosts_strip,
	.validate = hosts_validate,
};
