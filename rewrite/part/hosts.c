/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/part/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/memory.h"
#include "icr/progress.h"
#include "icr/resolve.h"
#include "icr/text.h"
#include "icr/value.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/processes.h"
#include "rewrite/state.h"

#define BEGIN_LINE                                                                                 \
	BLOCK_BEGIN ": private addresses of IBM Cloud Container Registry, kept by icr-rewrite;"    \
		    " \"icr-rewrite undo\" takes them out"

/* The longest line that can be ours: an address and the names of some regions. */
#define OUR_LINE_MAX ((size_t)4096)

/* How long programs in Go keep what they read from the hosts file (cacheMaxAge in net/hosts.go). */
#define HOSTS_CACHE_MS 5000

/* The state's word for: this line end before the block is ours. Version 0.1.0 did not say which. */
#define RECORD_LF   "{\"newline\":\"\\n\"}"
#define RECORD_CRLF "{\"newline\":\"\\r\\n\"}"
#define RECORD_ANY  "{\"newline\":true}"

/* --- the grammar of hosts(5) */

/* The next word of a line's entry part (before any '#'); false at its end. */
static bool next_word(const struct block_line *line, size_t *at, struct block_line *ret_word)
{
	size_t i = *at;
	while (i < line->len && icr_is_space(line->text[i]))
		i++;
	size_t start = i;
	while (i < line->len && !icr_is_space(line->text[i]) && line->text[i] != '#')
		i++;
	*at = i;
	*ret_word = (struct block_line){line->text + start, i - start};
	return i > start;
}

/* An address as the kernel has it, so that one spelled differently is the same. */
struct hosts_address {
	int family;
	unsigned char bytes[16];
};

static bool parse_address(const struct block_line *word, struct hosts_address *ret_address)
{
	char text[ICR_ADDRESS_MAX];
	if (word->len >= sizeof(text))
		return false;
	memcpy(text, word->text, word->len);
	text[word->len] = '\0';
	*ret_address = (struct hosts_address){.family = AF_INET};
	if (inet_pton(AF_INET, text, ret_address->bytes) == 1)
		return true;
	ret_address->family = AF_INET6;
	return inet_pton(AF_INET6, text, ret_address->bytes) == 1;
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hosts_address));
}

static bool has_address(const struct hosts_record *record, const struct hosts_address *address)
{
	return record->count > 0 &&
	       bsearch(address, record->items, record->count, sizeof(*address), compare_addresses);
}

static void record_address(struct hosts_record *record, const char *text)
{
	struct hosts_address address;
	if (parse_address(&(struct block_line){text, strlen(text)}, &address))
		*ICR_APPEND(record) = address;
}

/* WITH_LINES: only of what the block has lines for. */
static void claimed_names(const struct routes *routes, bool with_lines,
			  struct hosts_claim *ret_names)
{
	ret_names->count = 0;
	for (size_t i = 0; i < routes->count && i < ICR_REGIONS_MAX; i++) {
		const struct region_route *route = &routes->items[i];
		const char *lines[ROUTE_LINES_MAX];
		if (route->status != REGION_PRIVATE && (!with_lines || route_lines(route, lines)))
			ret_names->count += route_names(route, ret_names->items + ret_names->count);
	}
}

void hosts_record_of(const struct routes *routes, struct hosts_record *ret_record)
{
	struct hosts_record record = {0};
	for (size_t i = 0; i < routes->count; i++)
		for (size_t j = 0; j < routes->items[i].count; j++)
			record_address(&record, routes->items[i].addresses[j]);
	if (routes->count > 0) {
		record_address(&record, ROUTE_CLOSED4);
		record_address(&record, ROUTE_CLOSED6);
		qsort(record.items, record.count, sizeof(*record.items), compare_addresses);
	}
	claimed_names(routes, false, &record.claim);
	*ret_record = record;
}

void hosts_record_free(struct hosts_record *record)
{
	free(record->items);
	*record = (struct hosts_record){0};
}

/* A name of ICR; as resolvers have it a final dot means nothing. */
static bool parse_name(const struct block_line *word, struct icr_host *ret_host)
{
	bool dot = word->len > 1 && word->text[word->len - 1] == '.';
	return icr_host_parse(word->text, word->len - dot, ret_host);
}

/* An address and ICR names only? We write no private ones, but an editor may join lines. */
static bool is_entry(const struct block_line *line)
{
	size_t at = 0, names = 0;
	struct block_line word;
	struct hosts_address address;
	struct icr_host host;
	if (line->len > OUR_LINE_MAX || !next_word(line, &at, &word) ||
	    !parse_address(&word, &address))
		return false;
	while (next_word(line, &at, &word)) {
		if (!parse_name(&word, &host))
			return false;
		names += host.kind != ICR_HOST_PRIVATE;
	}
	return names > 0;
}

/* Has the line an address of the record, and a name of ICR that is no private one? */
static bool is_recorded(const struct block_line *line, const void *record)
{
	size_t at = 0;
	struct block_line word;
	struct hosts_address address;
	struct icr_host host;
	if (!next_word(line, &at, &word) || !parse_address(&word, &address) ||
	    !has_address(record, &address))
		return false;
	while (next_word(line, &at, &word))
		if (parse_name(&word, &host) && host.kind != ICR_HOST_PRIVATE)
			return true;
	return false;
}

static bool words_equal(const struct block_line *a, const struct block_line *b)
{
	return a->len == b->len && strncasecmp(a->text, b->text, a->len) == 0;
}

static bool is_name(const struct block_line *word, const char *name)
{
	size_t len = word->len;
	if (len > 1 && word->text[len - 1] == '.')
		len--;
	return strlen(name) == len && strncasecmp(word->text, name, len) == 0;
}

static const char *find_name(const struct block_line *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_name(word, names[i]))
			return names[i];
	return NULL;
}

/* Is it one of NAMES or, where those are NULL, any of ICR's? */
static bool is_among(const struct block_line *word, const struct hosts_claim *names)
{
	struct icr_host host;
	return names ? find_name(word, names->items, names->count) != NULL
		     : parse_name(word, &host);
}

static const struct hosts_claim *claim_of(const struct hosts_record *record)
{
	return record && record->claim.count > 0 ? &record->claim : NULL;
}

/* LINE has the words of HIDDEN but for some that are ours: one at least, and not all words. */
static bool is_rest(const struct block_line *line, const struct block_line *hidden,
		    const void *record)
{
	size_t at = 0, hidden_at = 0, words = 0, gone = 0;
	struct block_line word, of_hidden;
	const struct hosts_claim *ours = claim_of(record);
	bool more = next_word(line, &at, &word);
	while (next_word(hidden, &hidden_at, &of_hidden)) {
		if (more && words_equal(&word, &of_hidden)) {
			words++;
			more = next_word(line, &at, &word);
		} else if (words > 0 && is_among(&of_hidden, ours)) {
			gone++;
		} else {
			return false;
		}
	}
	return !more && words > 1 && gone > 0;
}

/* Appends LINE with those of its names only that are among NAMES, or that are not: returns how
 * many. All else in it stays. */
static size_t keep_names(const struct block_line *line, const struct hosts_claim *names, bool among,
			 struct icr_buf *out)
{
	size_t at = 0, copied = 0, kept = 0;
	struct block_line word;
	(void)next_word(line, &at, &word);
	for (size_t before = at; next_word(line, &at, &word); before = at) {
		if (is_among(&word, names) == among) {
			kept++;
			continue;
		}
		icr_buf_append(out, line->text + copied, before - copied);
		copied = at;
	}
	icr_buf_append(out, line->text + copied, line->len - copied);
	return kept;
}

/* A line with none of the record's names was hidden by another record. */
static bool taken_out(const struct block_line *hidden, const void *record, struct icr_buf *out)
{
	const struct hosts_claim *ours = claim_of(record);
	if (ours && !hosts_names(hidden, ours->items, ours->count))
		ours = NULL;
	if (keep_names(hidden, ours, true, out))
		return true;
	icr_buf_truncate(out, 0);
	return false;
}

static bool is_text(const char *at, const char *text, size_t len)
{
	return strncasecmp(at, text, len) == 0;
}

/* Every name of ICR ends in "icr.io" or "bluemix.net", and our marks begin with "icr-". */
static const char *next_name(const char *text, const char *end)
{
	for (const char *at = text; at < end; at++) {
		char c = (char)(*at | 0x20);
		if (c != 'c' && c != 'x')
			continue;
		if (c == 'c' && at - text >= 1 && end - at >= 2 && is_text(at - 1, "icr", 3))
			return at;
		if (c == 'x' && at - text >= 6 && is_text(at - 6, "bluemix", 7))
			return at;
	}
	return NULL;
}

struct block_grammar hosts_grammar(const struct hosts_record *record)
{
	return (struct block_grammar){
		.next = next_name,
		.is_entry = is_entry,
		.is_ours = record ? is_recorded : NULL,
		.is_rest = is_rest,
		.taken_out = taken_out,
		.data = record,
	};
}

const char *hosts_names(const struct block_line *line, const char *const *names, size_t count)
{
	size_t at = 0;
	struct block_line word;
	const char *name = NULL;
	(void)next_word(line, &at, &word);
	while (!name && next_word(line, &at, &word))
		name = find_name(&word, names, count);
	return name;
}

void hosts_line_without(const struct block_line *line, const struct hosts_claim *names,
			const char *newline, struct icr_buf *out)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);
	if (!keep_names(line, names, false, &text))
		return;
	icr_buf_append(out, text.data, text.len);
	if (text.len == 0 || text.data[text.len - 1] != '\n')
		icr_buf_text(out, newline);
}

void hosts_block_print(const struct routes *routes, const char *newline, struct icr_buf *out)
{
	if (!routes_have_lines(routes))
		return;
	icr_buf_printf(out, "%s%s", BEGIN_LINE, newline);
	for (size_t i = 0; i < routes->count; i++) {
		const char *names[ROUTE_NAMES_MAX], *addresses[ROUTE_LINES_MAX];
		size_t count = route_names(&routes->items[i], names);
		size_t lines = route_lines(&routes->items[i], addresses);
		for (size_t j = 0; j < lines; j++) {
			icr_buf_text(out, addresses[j]);
			for (size_t k = 0; k < count; k++)
				icr_buf_printf(out, "%c%s", k ? ' ' : '\t', names[k]);
			icr_buf_text(out, newline);
		}
	}
	icr_buf_printf(out, "%s%s", BLOCK_END, newline);
}

/* --- our share of the file */

/* By what the work's record says. */
static void scan(const struct work *work, const struct icr_buf *text, struct block *ret_block)
{
	struct hosts_record record = {0};
	if (work->recorded)
		hosts_record_of(work->recorded, &record);
	struct block_grammar grammar = hosts_grammar(&record);
	block_scan(text->data, text->len, &grammar, ret_block);
	hosts_record_free(&record);
}

static bool is_our_entry(const struct block_item *item)
{
	return item->kind == BLOCK_LINE_ENTRY && item->cut > 0;
}

/* Adds the regions of the line's public names. */
static void add_regions(const struct block_line *line, struct icr_region_set *set)
{
	size_t at = 0;
	struct block_line word;
	struct icr_host host;
	if (!next_word(line, &at, &word))
		return;
	while (next_word(line, &at, &word)) {
		if (parse_name(&word, &host) && host.region && host.kind == ICR_HOST_PUBLIC)
			icr_region_set_add(set, host.region);
	}
}

static bool is_link_local(const struct block_line *line)
{
	size_t at = 0;
	struct block_line word;
	struct hosts_address address;
	return next_word(line, &at, &word) && parse_address(&word, &address) &&
	       address.family == AF_INET && address.bytes[0] == 169 && address.bytes[1] == 254;
}

static bool names_private(const struct block_line *line)
{
	size_t at = 0;
	struct block_line word;
	struct icr_host host;
	(void)next_word(line, &at, &word);
	while (next_word(line, &at, &word))
		if (parse_name(&word, &host) && host.kind == ICR_HOST_PRIVATE)
			return true;
	return false;
}

bool hosts_pinned_in(const struct work *work, const struct icr_buf *text,
		     struct icr_region_set *ret_set)
{
	_cleanup_block_ struct block block = {0};
	bool private = false;
	*ret_set = (struct icr_region_set){0};
	scan(work, text, &block);
	for (size_t i = 0; i < block.count; i++) {
		const struct block_item *item = &block.items[i];
		if (item->kind == BLOCK_LINE_HIDDEN)
			continue;
		private |= names_private(&item->line);
		if (!is_link_local(&item->line))
			add_regions(&item->line, ret_set);
	}
	return !private;
}

int hosts_pinned(const struct work *work, struct icr_region_set *ret_set, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);
	if (work->known) {
		*ret_set = work->known->pinned;
		return 0;
	}
	int r = icr_file_read(HOSTS_FILE, &text, err);
	if (r >= 0)
		(void)hosts_pinned_in(work, &text, ret_set);
	return r < 0 ? r : 0;
}

/* The line end before the block that is ours by the record, or NULL. */
static const char *recorded_newline(const struct change *change)
{
	const char *record = change->record ? change->record : "";
	if (strcmp(record, RECORD_LF) == 0)
		return "\n";
	if (strcmp(record, RECORD_CRLF) == 0)
		return "\r\n";
	return strcmp(record, RECORD_ANY) == 0
		       ? block_newline(change->current.text.data, change->current.text.len)
		       : NULL;
}

static int strip(const struct block *block, struct change *change, struct icr_error *err)
{
	const struct content *current = &change->current;
	if (!block_found(block))
		return change_set_base(change, current->exists, current->text.data,
				       current->text.len, err);
	_cleanup_buf_ struct icr_buf base = ICR_BUF(HOSTS_MAX);
	block_strip(block, recorded_newline(change), &base);
	bool exists = current->exists && !(change->created && base.len == 0);
	return change_set_base(change, exists, base.data, base.len, err);
}

static int hosts_strip(struct work *work, struct change *change, struct icr_error *err)
{
	_cleanup_block_ struct block block = {0};
	scan(work, &change->current.text, &block);
	return strip(&block, change, err);
}

/* --- a block that no state tells of */

static struct region_route *recorded_route(struct routes *routes, const struct block_line *word)
{
	const struct icr_region *region = route_region(word->text, word->len);
	for (size_t i = 0; region && i < routes->count; i++)
		if (routes->items[i].region == region)
			return &routes->items[i];
	return region ? routes_add(routes, region) : NULL;
}

static void take_address(struct region_route *route, const struct block_line *word)
{
	char address[ICR_ADDRESS_MAX] = "";
	memcpy(address, word->text, word->len);
	if (strcmp(address, ROUTE_CLOSED4) == 0)
		route->close4 = true;
	else if (strcmp(address, ROUTE_CLOSED6) == 0)
		route->close6 = true;
	else
		route_take_address(route, address);
}

/* One line of the block becomes what the record says of its regions. */
static void take_line(const struct block_line *line, struct routes *routes)
{
	size_t at = 0;
	struct block_line address, word;
	struct hosts_address parsed;
	struct region_route *route = NULL;
	if (!next_word(line, &at, &address) || !parse_address(&address, &parsed))
		return;
	while (next_word(line, &at, &word)) {
		if (route && is_name(&word, ICR_ENTITLED_NAME))
			route->entitled = true;
		struct region_route *named = recorded_route(routes, &word);
		if (!named)
			continue;
		route = named;
		route->status = REGION_ACTIVE;
		if (route->region->alias && is_name(&word, route->region->alias))
			route->alias = true;
		take_address(route, &address);
	}
}

static bool is_noted(const struct notes *notes, const char *text)
{
	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->items[i].text, text) == 0)
			return true;
	return false;
}

/* What the run goes on with where the state is lost: the regions and addresses of the block. */
static void take_over(struct work *work, const struct block *block)
{
	struct routes *routes = work->recorded;
	const struct block_item *first = NULL;
	for (size_t i = 0; i < block->count; i++) {
		const struct block_item *item = &block->items[i];
		first = first || !item->placed ? first : item;
		if (is_our_entry(item))
			take_line(&item->line, routes);
	}
	if (!first)
		return;
	for (size_t i = 0; i < routes->count; i++) {
		struct region_route *route = &routes->items[i];
		if (route->count == 0) {
			route->status = REGION_CLOSED;
			route->close4 = route->close6 = false;
		}
		icr_region_set_add(&work->settings.regions, route->region);
	}
	size_t before = (size_t)(first->line.text - block->text);
	_cleanup_free_ char *text = icr_printf(
		"%s" HOSTS_FILE ":%zu: a block of ours, of which " STATE_FILE
		" knows nothing: what "
		"it steers is taken from there; icr-rewrite undo takes it out; the options of the "
		"apply that wrote it, and what it changed in other files, are not known any more",
		work->host.root, block_count_lines(block->text, before) + 1);
	if (!is_noted(&work->notes, text))
		note_warning(&work->notes, "%s", text);
}

/* Also a block that no state tells of is ours: its markers say so. */
static int hosts_find(struct work *work, struct changes *changes, struct icr_error *err)
{
	struct change *change;
	int r = changes_file(changes, &work->host, &part_hosts, HOSTS_FILE, &change, err);
	if (r < 0 || change->recorded)
		return r;
	_cleanup_block_ struct block block = {0};
	scan(work, &change->current.text, &block);
	if (work->recorded && work->recorded->count == 0)
		take_over(work, &block);
	return strip(&block, change, err);
}

/* --- the plan */

static int conflict_error(size_t number, const struct block_line *line, const char *name,
			  struct icr_error *err)
{
	_cleanup_free_ char *where = icr_printf(HOSTS_FILE ":%zu", number);
	size_t at = 0;
	struct block_line word;
	struct hosts_address address;
	bool known = next_word(line, &at, &word) && parse_address(&word, &address);
	icr_fail_at(err, ICR_E_CONFLICT, where, "gives %s %s%.*s already", name,
		    known ? "the address " : "an address", known ? (int)word.len : 0, word.text);
	return icr_error_hint(err, "take the name out of that line, or let --force do it; undo "
				   "puts the line back as it was");
}

/* A line of somebody's becomes a comment, and what is left of it stands before that. */
static void hide(const struct block_line *line, size_t base, const struct hosts_claim *names,
		 const char *newline, struct icr_edit *edit)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX);
	hosts_line_without(line, names, newline, &text);
	icr_buf_text(&text, BLOCK_HIDDEN);
	icr_edit_splice(edit, base, base, text.data, text.len);
}

/*
 * Takes claimed names out of the lines of others with --force, else fails on the first that says
 * one. What an earlier --force took out stays out: consent to that was given.
 */
static int settle_conflicts(struct work *work, const struct block *block, struct icr_edit *edit,
			    struct icr_error *err)
{
	const char *newline = block_newline(block->text, block->len), *counted = block->text;
	struct hosts_claim claimed, steered;
	size_t number = 1;
	/* A line that has a pending name must be known now, or the first refresh would be the one
	 * to fail; but only what is steered is taken out. */
	claimed_names(&work->routes, false, &claimed);
	claimed_names(&work->routes, true, &steered);
	for (size_t i = 0; i < block->count; i++) {
		const struct block_item *item = &block->items[i];
		bool hidden = item->kind == BLOCK_LINE_HIDDEN;
		const struct hosts_claim *names =
			hidden || !work->settings.force ? &claimed : &steered;
		struct block_line line = {item->line.text + item->cut, item->line.len - item->cut};
		if (item->back.len)
			line = (struct block_line){item->back.data, item->back.len};
		const struct block_item *rest =
			hidden && i > 0 && item[-1].kind == BLOCK_LINE_REST ? item - 1 : NULL;
		/* Names that are in force, of those not to be. */
		const struct block_line *said = rest ? &rest->line : hidden ? NULL : &line;
		const char *name = said ? hosts_names(said, names->items, names->count) : NULL;
		if (!name && !(hidden && hosts_names(&line, names->items, names->count)))
			continue;
		if (name) {
			number += block_count_lines(counted, (size_t)(said->text - counted));
			counted = said->text;
		}
		if (name && !work->settings.force)
			return conflict_error(number, said, name, err);
		if (name)
			note(&work->notes,
			     "%s" HOSTS_FILE
			     ":%zu: names %s: commented out (--force), what else it names stays in "
			     "force; undo puts the line back",
			     work->host.root, number, name);
		hide(&line, item->base, names, newline, edit);
	}
	return 0;
}

/* How much of a hosts file programs written in Go see: they read no further than a line that does
 * not fit into their buffer. Source: net/parse.go, open(). */
#define GO_BUFFER ((size_t)64 * 1024)

static size_t seen_by_go(const char *text, size_t len)
{
	const char *line = text, *end = text + len;

	while ((size_t)(end - line) >= GO_BUFFER) {
		const char *last = memrchr(line, '\n', GO_BUFFER);
		if (!last)
			break;
		line = last + 1;
	}
	return (size_t)(end - line) < GO_BUFFER ? len : (size_t)(line - text);
}

/* Where the block stands now, so that what others add behind it does not move it; else the end, or
 * as far as everybody reads. */
static void add_block(const struct work *work, const struct icr_buf *base, size_t place,
		      struct icr_edit *edit, const char **ret_newline)
{
	_cleanup_buf_ struct icr_buf block = ICR_BUF(HOSTS_MAX);
	const char *newline = block_newline(base->data, base->len);
	size_t position = seen_by_go(base->data, place < base->len ? place : base->len);
	bool inside = position > 0 && base->data[position - 1] != '\n';
	if (inside)
		icr_buf_text(&block, newline);
	hosts_block_print(&work->routes, newline, &block);
	icr_edit_splice(edit, position, position, block.data, block.len);
	*ret_newline = inside ? newline : NULL;
}

/* The lines of the file as it stands, where the base is that file without our share: their numbers
 * are what people see. Else those of the base. */
static void scan_for_plan(const struct work *work, const struct change *change,
			  struct block *ret_block)
{
	const struct icr_buf *base = &change->base.text;
	scan(work, &change->current.text, ret_block);
	if (block_is_base(ret_block, base->data, base->len))
		return;
	struct block_grammar grammar = hosts_grammar(NULL);
	block_free(ret_block);
	block_scan(base->data, base->len, &grammar, ret_block);
	for (size_t i = 0; i < ret_block->count; i++) {
		struct block_item *item = &ret_block->items[i];
		icr_buf_free(&item->back);
		*item = (struct block_item){.line = item->line, .kind = BLOCK_LINE_OTHER};
		item->base = (size_t)(item->line.text - base->data);
	}
}

static void note_maker(struct work *work, const struct change *change)
{
	_cleanup_buf_ struct icr_buf maker = ICR_BUF(HOSTS_MAX);
	hosts_maker(change->current.text.data, change->current.text.len, &maker);
	if (!maker.len)
		return;
	_cleanup_free_ char *text = icr_printf(
		HOSTS_FILE " is made anew by others (%s): our lines go with it until the next "
			   "refresh; let icr-rewrite-boot.service run one at each boot",
		maker.data);
	if (!is_noted(&work->notes, text))
		note_warning(&work->notes, "%s", text);
}

static bool claim_the_same(const struct routes *a, const struct routes *b)
{
	struct hosts_claim of_a, of_b;
	claimed_names(a, false, &of_a);
	claimed_names(b, false, &of_b);
	if (of_a.count != of_b.count)
		return false;
	for (size_t i = 0; i < of_a.count; i++)
		if (strcmp(of_a.items[i], of_b.items[i]) != 0)
			return false;
	return true;
}

/* Of a file that nobody has read all that can be told is that it stays as it is. */
static int plan_unread(const struct work *work, struct change *change, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf stands = ICR_BUF(HOSTS_MAX), wanted = ICR_BUF(HOSTS_MAX);
	hosts_block_print(work->recorded, "\n", &stands);
	hosts_block_print(&work->routes, "\n", &wanted);
	if (settings_route(&work->settings) != ROUTE_HOSTS ||
	    !claim_the_same(work->recorded, &work->routes) || stands.len != wanted.len ||
	    memcmp(stands.data, wanted.data, wanted.len) != 0)
		return icr_fail_at(err, EAGAIN, HOSTS_FILE, "has to be read");
	change_keep(change);
	return 0;
}

static int hosts_plan(struct work *work, struct changes *changes, struct icr_error *err)
{
	struct change *change;
	int r = changes_file(changes, &work->host, &part_hosts, HOSTS_FILE, &change, err);
	if (r >= 0 && change->unread)
		return plan_unread(work, change, err);
	if (r < 0 || settings_route(&work->settings) != ROUTE_HOSTS)
		return r;
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_block_ struct block block = {0};
	const char *newline = NULL;
	scan_for_plan(work, change, &block);
	/* The block first: of two insertions at one place, the mark must stay with its line. */
	if (routes_have_lines(&work->routes))
		add_block(work, &change->base.text, block_place(&block), &edit, &newline);
	r = settle_conflicts(work, &block, &edit, err);
	if (r < 0)
		return r;
	r = change_edit(change, &edit,
			!newline	     ? NULL
			: newline[0] == '\r' ? RECORD_CRLF
					     : RECORD_LF,
			err);
	if (r >= 0 && routes_have_lines(&work->routes) && change_differs(change))
		note_maker(work, change);
	return r;
}

/* Does a line of BLOCK that is in force give ADDRESS to NAME? */
static bool block_says(const struct block *block, const struct hosts_address *address,
		       const struct block_line *name)
{
	for (size_t i = 0; i < block->count; i++) {
		const struct block_line *line = &block->items[i].line;
		struct block_line word;
		struct hosts_address given;
		size_t at = 0;
		if (!next_word(line, &at, &word) || !parse_address(&word, &given) ||
		    compare_addresses(&given, address) != 0)
			continue;
		while (next_word(line, &at, &word))
			if (words_equal(&word, name))
				return true;
	}
	return false;
}

/* Has BLOCK all that an entry of ours says, in whatever lines? */
static bool entry_stands(const struct block *block, const struct block_line *entry)
{
	size_t at = 0;
	struct block_line word;
	struct hosts_address address;
	bool stands = next_word(entry, &at, &word) && parse_address(&word, &address);
	while (stands && next_word(entry, &at, &word))
		stands = block_says(block, &address, &word);
	return stands;
}

static bool hosts_stands(const struct change *change)
{
	struct block_grammar grammar = hosts_grammar(NULL);
	_cleanup_block_ struct block current = {0}, wanted = {0};
	const struct icr_buf *text = &change->current.text;
	block_scan(text->data, seen_by_go(text->data, text->len), &grammar, &current);
	block_scan(change->wanted.text.data, change->wanted.text.len, &grammar, &wanted);
	for (size_t i = 0; i < wanted.count; i++)
		if (wanted.items[i].placed && is_our_entry(&wanted.items[i]) &&
		    !entry_stands(&current, &wanted.items[i].line))
			return false;
	return change->current.exists;
}

int hosts_left_over(const struct work *work, const struct changes *changes, struct icr_error *err)
{
	const struct change *change = changes_find(changes, HOSTS_FILE);
	_cleanup_block_ struct block block = {0};
	struct hosts_record record = {0};
	const struct block_item *left = NULL;
	if (!change || !work->recorded)
		return 0;
	hosts_record_of(work->recorded, &record);
	scan(work, &change->current.text, &block);
	for (size_t i = 0; i < block.count && !left; i++)
		if (!block.items[i].cut && is_recorded(&block.items[i].line, &record))
			left = &block.items[i];
	hosts_record_free(&record);
	if (!left)
		return 0;
	size_t line = block_count_lines(change->wanted.text.data, left->base) + 1;
	_cleanup_free_ char *where = icr_printf(HOSTS_FILE ":%zu", line);
	icr_fail_at(err, ICR_E_CONFLICT, where,
		    "still gives an address that icr-rewrite wrote to a name of ICR, beside other "
		    "names: somebody has joined the lines");
	return icr_error_hint(err, "take the names of ICR out of that line; all else is undone");
}

bool hosts_gives_recorded(const struct work *work, const struct icr_buf *text)
{
	_cleanup_block_ struct block block = {0};
	struct hosts_record record = {0};
	bool gives = false;
	hosts_record_of(work->recorded, &record);
	scan(work, text, &block);
	for (size_t i = 0; i < block.count; i++)
		gives |= block.items[i].kind != BLOCK_LINE_HIDDEN &&
			 is_recorded(&block.items[i].line, &record);
	hosts_record_free(&record);
	return gives;
}

static bool is_address_of(const struct region_route *route, const struct hosts_address *address)
{
	const char *lines[ROUTE_LINES_MAX];
	size_t count = route_lines(route, lines);
	struct hosts_address ours;
	for (size_t i = 0; i < count; i++)
		if (parse_address(&(struct block_line){lines[i], strlen(lines[i])}, &ours) &&
		    compare_addresses(&ours, address) == 0)
			return true;
	return false;
}

/* Does BLOCK give NAME one of the route's addresses, and no public one? What a copy of the file has
 * from before a change of addresses is neither. */
static bool leads(const struct block *block, const struct region_route *route, const char *name)
{
	bool ours = false;
	for (size_t i = 0; i < block->count; i++) {
		const struct block_line *line = &block->items[i].line;
		char address[ICR_ADDRESS_MAX] = "";
		struct hosts_address parsed;
		struct block_line word;
		size_t at = 0;
		if (!hosts_names(line, &name, 1) || !next_word(line, &at, &word) ||
		    !parse_address(&word, &parsed))
			continue;
		memcpy(address, word.text, word.len);
		if (is_address_of(route, &parsed))
			ours = true;
		else if (icr_address_is_public(address))
			return false;
	}
	return ours;
}

const char *hosts_stray(const struct icr_buf *text, const struct routes *routes)
{
	struct block_grammar grammar = hosts_grammar(NULL);
	_cleanup_block_ struct block block = {0};
	block_scan(text->data, seen_by_go(text->data, text->len), &grammar, &block);
	for (size_t i = 0; i < routes->count; i++) {
		const char *names[ROUTE_NAMES_MAX], *lines[ROUTE_LINES_MAX];
		size_t count = route_lines(&routes->items[i], lines)
				       ? route_names(&routes->items[i], names)
				       : 0;
		for (size_t k = 0; k < count; k++)
			if (!leads(&block, &routes->items[i], names[k]))
				return names[k];
	}
	return NULL;
}

/* --- the part */

int hosts_check(const struct work *work, struct icr_error *err)
{
	_cleanup_free_ char *path = NULL;
	int r = icr_file_resolve(HOSTS_FILE, &path, err);
	return r < 0 ? r : host_check_replaceable(&work->host, path, err);
}

/* The resolver of what is written in Go keeps the hosts file for a while. */
static bool is_kept(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");

	for (const char *pid; (pid = processes_next(dir));)
		if (process_looks_up(pid))
			return true;
	return false;
}

/* An engine or client that has just looked at the hosts file would send its next pull the old way,
 * in silence and with exit status 0. The way back is in no such hurry. */
static int hosts_activate(struct work *work, const struct changes *changes, struct icr_error *err)
{
	(void)work;
	(void)err;
	const struct change *change = changes_find(changes, HOSTS_FILE);
	if (!change || !change->wanted.exists || !change_differs(change))
		return 0;
	const struct icr_buf *text = &change->wanted.text;
	if (!text->len || !memmem(text->data, text->len, BLOCK_BEGIN, strlen(BLOCK_BEGIN)) ||
	    !is_kept())
		return 0;
	icr_progress("waiting until engines no longer use the hosts file as they read it");
	icr_progress_sleep(HOSTS_CACHE_MS);
	icr_progress(NULL);
	return 0;
}

static int hosts_status(struct work *work, struct icr_value *status, struct icr_error *err)
{
	(void)work;
	(void)err;
	_cleanup_buf_ struct icr_buf text = ICR_BUF(HOSTS_MAX), maker = ICR_BUF(HOSTS_MAX);
	icr_value_put_text(status, "file", HOSTS_FILE);
	if (host_read(HOSTS_FILE, &text))
		hosts_maker(text.data, text.len, &maker);
	icr_value_put_text(status, "made_anew_by", maker.len ? maker.data : NULL);
	return 0;
}

static bool hosts_writes(const char *path)
{
	return strcmp(path, HOSTS_FILE) == 0;
}

static const struct part_words hosts_words[] = {
	{.name = "made_anew_by", .before = "made anew by others: ", .after = ""},
	{.name = NULL},
};

const struct part part_hosts = {
	.name = "hosts",
	.file_max = HOSTS_MAX,
	.writes = hosts_writes,
	.find = hosts_find,
	.plan = hosts_plan,
	.strip = hosts_strip,
	.stands = hosts_stands,
	.activate = hosts_activate,
	.status = hosts_status,
	.words = hosts_words,
};
