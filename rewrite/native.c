/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/native.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/edit.h"
#include "icr/file.h"
#include "icr/memory.h"
#include "icr/region.h"
#include "rewrite/change.h"
#include "rewrite/part/part.h"
#include "rewrite/work.h"

#define BEGIN_LINE BLOCK_BEGIN ": \"icr-rewrite undo\" takes these lines out"

/* The state's word for: the line end before the block is ours. */
#define RECORD_LF   "{\"newline\":\"\\n\"}"
#define RECORD_CRLF "{\"newline\":\"\\r\\n\"}"

/* What is asked for by its own name need not be there yet. */
static bool is_served(const struct work *work, const struct part *part)
{
	return part->is_there && settings_have_part(&work->settings, part) &&
	       (work->settings.engines || part->is_there(&work->host));
}

bool native_serves(const struct work *work)
{
	for (size_t i = 0; i < parts_count; i++)
		if (is_served(work, parts[i]))
			return true;
	return false;
}

bool native_soft(const struct work *work)
{
	return work->settings.fallback == FALLBACK_PUBLIC;
}

/* A name that was never proven is closed by its private one just as well. */
static bool is_steered(const struct region_route *route)
{
	return route->status == REGION_ACTIVE || route->status == REGION_CLOSED;
}

void native_names(const struct work *work, const struct part *part, struct native_names *ret_names)
{
	*ret_names = (struct native_names){0};
	if (settings_route(&work->settings) != ROUTE_NATIVE || !is_served(work, part))
		return;
	for (size_t i = 0; i < work->routes.count; i++) {
		const struct region_route *route = &work->routes.items[i];
		const struct icr_region *region = route->region;
		if (!is_steered(route))
			continue;
		*ICR_APPEND(ret_names) =
			(struct native_name){region->public_name, region->private_name};
		if (region->alias)
			*ICR_APPEND(ret_names) =
				(struct native_name){region->alias, region->private_name};
	}
}

void native_names_free(struct native_names *names)
{
	free(names->items);
	*names = (struct native_names){0};
}

void native_note(struct work *work, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	if (!notes_have(&work->notes, text))
		note(&work->notes, "%s", text);
}

void native_note_past(struct work *work, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = icr_vprintf(format, args);
	va_end(args);
	if (notes_have(&work->notes, text))
		return;
	note_warning(&work->notes, "%s", text);
	work->notes.items[work->notes.count - 1].past = true;
}

const struct part_words native_words[] = {
	{.name = "found", .no = "not found"},
	{.name = "config", .before = "configured by ", .after = ""},
	{.name = "problem", .before = "", .after = ""},
	{0},
};

/* ---- blocks */

static bool is_entry(const struct block_line *line)
{
	const char *mark = NATIVE_MARK;
	size_t len = line->len;

	while (len > 0 && icr_is_space(line->text[len - 1]))
		len--;
	return len > strlen(mark) &&
	       memcmp(line->text + len - strlen(mark), mark, strlen(mark)) == 0;
}

static bool is_ours(const struct block_line *entry, const void *data)
{
	(void)entry;
	(void)data;
	return true;
}

const struct block_grammar native_grammar = {.is_entry = is_entry, .is_ours = is_ours};

static void add_line(struct icr_buf *out, const char *indent, const char *text, size_t len,
		     const char *newline)
{
	icr_buf_printf(out, "%s%.*s%s", indent, (int)len, text, newline);
}

int native_insert(struct change *change, size_t at, const char *indent, const struct icr_buf *lines,
		  const char *record, struct icr_error *err)
{
	const struct icr_buf *base = &change->base.text;
	_cleanup_buf_ struct icr_buf block = ICR_BUF(ICR_BUF_MAX);
	_cleanup_edit_ struct icr_edit edit = {0};
	const char *newline = block_newline(base->data, base->len);
	bool inside = at > 0 && base->data[at - 1] != '\n';

	if (inside)
		icr_buf_text(&block, newline);
	add_line(&block, indent, BEGIN_LINE, strlen(BEGIN_LINE), newline);
	for (const char *line = lines->data; *line;) {
		size_t len = strcspn(line, "\n");
		add_line(&block, indent, line, len, newline);
		line += len + 1;
	}
	add_line(&block, indent, BLOCK_END, strlen(BLOCK_END), newline);
	icr_edit_splice(&edit, at, at, block.data, block.len);
	if (inside)
		record = newline[0] == '\r' ? RECORD_CRLF : RECORD_LF;
	return change_edit(change, &edit, record, err);
}

static bool names_private(const struct icr_buf *text)
{
	size_t count;
	const struct icr_region *region = icr_regions(&count);

	for (; count > 0; count--, region++)
		if (memmem(text->data, text->len, region->private_name,
			   strlen(region->private_name)))
			return true;
	return false;
}

/* ---- what others have built upon lines of ours */

static size_t indent_of(const struct block_line *line)
{
	size_t n = 0;

	while (n < line->len && line->text[n] == ' ')
		n++;
	return n;
}

static bool says_something(const struct block_line *line)
{
	size_t n = indent_of(line);

	while (n < line->len && icr_is_space(line->text[n]))
		n++;
	return n < line->len && line->text[n] != '#';
}

static bool begins(const struct block_line *line, const char *word)
{
	return line->len >= strlen(word) && memcmp(line->text, word, strlen(word)) == 0;
}

/* Moves to the next line that is no remark. *K: how many items stand before it. OURS: is it taken
 * out? */
static bool next_line(const struct block *block, size_t *k, struct block_line *line, bool *ret_ours)
{
	const char *at = line->text + line->len, *end = block->text + block->len;

	while (at < end) {
		const char *behind = memchr(at, '\n', (size_t)(end - at));
		*line = (struct block_line){at, (size_t)((behind ? behind + 1 : end) - at)};
		at += line->len;
		while (*k < block->count && block->items[*k].line.text < line->text)
			++*k;
		*ret_ours = *k < block->count && block->items[*k].line.text == line->text &&
			    block->items[*k].cut;
		if (says_something(line))
			return true;
	}
	return false;
}

/* Does somebody else's line belong to what item I begins: a table, a key with others below it, or
 * the version of all? */
static bool is_used(const struct block *block, size_t i)
{
	const struct block_line *opener = &block->items[i].line;
	bool version = begins(opener, "version"), table = begins(opener, "[");
	struct block_line line = version ? (struct block_line){block->text, 0} : *opener;
	size_t k = version ? 0 : i;
	bool ours;

	while (next_line(block, &k, &line, &ours)) {
		if (!version &&
		    (table ? begins(&line, "[") : indent_of(&line) <= indent_of(opener)))
			return false;
		if (!ours)
			return true;
	}
	return false;
}

/* Lines that others go on to need stay, as theirs. */
static void leave_used(struct block *block)
{
	for (size_t i = 0; i < block->count; i++) {
		struct block_item *item = &block->items[i];
		size_t len = item->line.len, mark = strlen(NATIVE_MARK);
		const char *end = memmem(item->line.text, len, NATIVE_MARK, mark);
		if (item->kind != BLOCK_LINE_ENTRY || !item->cut || !end || !is_used(block, i))
			continue;
		size_t before = (size_t)(end - item->line.text);
		item->back = (struct icr_buf)ICR_BUF(len);
		icr_buf_append(&item->back, item->line.text, before);
		icr_buf_append(&item->back, end + mark, len - before - mark);
	}
}

int native_strip(struct work *work, struct change *change, struct icr_error *err)
{
	(void)work;
	const struct content *current = &change->current;
	_cleanup_buf_ struct icr_buf base = ICR_BUF(current->text.max);
	_cleanup_block_ struct block block = {0};
	const char *record = change->record ? change->record : "";
	const char *newline = strcmp(record, RECORD_LF) == 0	 ? "\n"
			      : strcmp(record, RECORD_CRLF) == 0 ? "\r\n"
								 : NULL;

	bool edited = change->recorded && change->edited;
	bool whole = current->exists && block_is_whole(current->text.data, current->text.len);
	/* as versions before 0.2 made files, without marks that tell what others have added */
	if (whole && !edited)
		return change_set_base(change, false, "", 0, err);
	block_scan(current->text.data, current->text.len, &native_grammar, &block);
	if (whole || !block_found(&block)) {
		change->lost = edited && current->exists && names_private(&current->text);
		return change_set_base(change, current->exists, current->text.data,
				       current->text.len, err);
	}
	leave_used(&block);
	block_strip(&block, newline, &base);
	/* without a record nobody can tell whether an empty file stood there */
	bool exists = current->exists && (base.len > 0 || (change->recorded && !change->created));
	return change_set_base(change, exists, base.data, base.len, err);
}

static bool has_us(const struct icr_buf *text)
{
	return memmem(text->data, text->len, "icr-rewrite", strlen("icr-rewrite"));
}

int native_find(struct work *work, struct changes *changes, const struct part *part,
		const char *path, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	struct change *change;

	if (changes_find(changes, path) || !host_has(path))
		return 0;
	/* so that a plan need not read it again */
	if (changes_file(changes, &work->host, part, path, &change, NULL) >= 0)
		return has_us(&change->current.text) ? native_strip(work, change, err) : 0;
	/* one that cannot be read, or is too large, is somebody else's business but for our lines
	 */
	if (!host_read(path, &text) || !has_us(&text))
		return 0;
	return changes_file(changes, &work->host, part, path, &change, err);
}

void native_plain(const struct icr_buf *lines, struct icr_buf *out)
{
	for (const char *line = lines->data; *line;) {
		size_t len = strcspn(line, "\n"), mark = strlen(NATIVE_MARK);
		bool marked = len >= mark && memcmp(line + len - mark, NATIVE_MARK, mark) == 0;
		icr_buf_append(out, line, len - (marked ? mark : 0));
		icr_buf_char(out, '\n');
		line += len + 1;
	}
}

int native_refuse(const char *path, size_t line, const char *what, const struct icr_buf *lines,
		  struct icr_error *err)
{
	_cleanup_free_ char *where = line ? icr_printf("%s:%zu", path, line) : icr_strdup(path);
	_cleanup_buf_ struct icr_buf plain = ICR_BUF(ICR_BUF_MAX);

	native_plain(lines, &plain);
	while (plain.len > 0 && plain.data[plain.len - 1] == '\n')
		icr_buf_truncate(&plain, plain.len - 1);
	icr_fail_at(err, ICR_E_CONFLICT, where, "%s; nothing was changed", what);
	return icr_error_hint(err, "add this there by hand:\n%s", plain.data);
}
