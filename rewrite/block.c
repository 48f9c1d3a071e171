/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/block.h"

#include <stdlib.h>
#include <string.h>

#include "icr/memory.h"
#include "icr/text.h"

#define TOOL	    "icr-rewrite"
#define HIDDEN_MARK "#icr-rewrite#"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* Moves *AT behind WORD; false where it does not stand. */
static bool skip_word(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(end - *at) < len || memcmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* "# WORD icr-rewrite", in any blanks, followed by white space, a colon or nothing. */
static bool is_marker(const struct block_line *line, const char *word)
{
	const char *at = line->text, *end = line->text + line->len;
	at = skip_blanks(at, end);
	if (!skip_word(&at, end, "#"))
		return false;
	at = skip_blanks(at, end);
	if (!skip_word(&at, end, word) || at == end || !is_blank(*at))
		return false;
	at = skip_blanks(at, end);
	return skip_word(&at, end, TOOL) && (at == end || *at == ':' || icr_is_space(*at));
}

bool block_is_whole(const char *text, size_t len)
{
	static const char begin[] = "# Written by icr-rewrite.";
	return len >= sizeof(begin) - 1 && memcmp(text, begin, sizeof(begin) - 1) == 0;
}

static bool is_exact(const struct block_line *line, const char *marker)
{
	size_t len = strlen(marker);
	return line->len >= len && memcmp(line->text, marker, len) == 0;
}

/* The length of the mark of a hidden line, 0 when it has none. */
static size_t hidden_mark(const struct block_line *line)
{
	const char *at = line->text, *end = line->text + line->len;
	if (!skip_word(&at, end, HIDDEN_MARK))
		return 0;
	return (size_t)(at - line->text) + (at < end && is_blank(*at));
}

static enum block_kind kind_of(const struct block_line *line, const struct block_grammar *grammar)
{
	if (is_marker(line, "BEGIN"))
		return BLOCK_LINE_BEGIN;
	if (is_marker(line, "END"))
		return BLOCK_LINE_END;
	if (hidden_mark(line))
		return BLOCK_LINE_HIDDEN;
	return grammar->is_entry(line) ? BLOCK_LINE_ENTRY : BLOCK_LINE_OTHER;
}

static const char *next_tool(const char *text, const char *end)
{
	return memmem(text, (size_t)(end - text), TOOL, strlen(TOOL));
}

static struct block_line line_around(const struct block *block, const char *at, const char *from)
{
	const char *end = block->text + block->len;
	const char *before = memrchr(from, '\n', (size_t)(at - from));
	const char *behind = memchr(at, '\n', (size_t)(end - at));
	const char *start = before ? before + 1 : from;
	return (struct block_line){start, (size_t)((behind ? behind + 1 : end) - start)};
}

static const char *end_of(const struct block_item *item)
{
	return item->line.text + item->line.len;
}

/* Is the line before HIDDEN, which is an item by now or becomes one, what is in force of WHOLE, the
 * line that it hides? */
static bool add_rest(struct block *block, const struct block_line *hidden,
		     const struct block_line *whole, const struct block_grammar *grammar)
{
	if (hidden->text == block->text)
		return false;
	struct block_line rest = line_around(block, hidden->text - 1, block->text);
	struct block_item *last = block->count ? &block->items[block->count - 1] : NULL;
	bool known = last && last->line.text == rest.text;
	if (known && last->kind != BLOCK_LINE_ENTRY && last->kind != BLOCK_LINE_OTHER)
		return false;
	if (!grammar->is_rest(&rest, whole, grammar->data))
		return false;
	if (!known)
		last = ICR_APPEND(block);
	*last = (struct block_item){.line = rest, .kind = BLOCK_LINE_REST, .cut = rest.len};
	return true;
}

static void add_hidden(struct block *block, const struct block_line *line,
		       const struct block_grammar *grammar)
{
	size_t mark = hidden_mark(line);
	struct block_line whole = {line->text + mark, line->len - mark};
	struct block_item item = {
		.line = *line,
		.kind = BLOCK_LINE_HIDDEN,
		.cut = mark,
		.back = ICR_BUF(line->len),
	};
	if (grammar->is_rest && !add_rest(block, line, &whole, grammar) &&
	    grammar->taken_out(&whole, grammar->data, &item.back))
		item.cut = line->len;
	*ICR_APPEND(block) = item;
}

static void find_lines(struct block *block, const struct block_grammar *grammar)
{
	const char *at = block->text, *end = block->text + block->len;
	while ((at = (grammar->next ? grammar->next : next_tool)(at, end))) {
		const char *from =
			block->count ? end_of(&block->items[block->count - 1]) : block->text;
		struct block_line line = line_around(block, at, from);
		enum block_kind kind = kind_of(&line, grammar);
		if (kind == BLOCK_LINE_HIDDEN)
			add_hidden(block, &line, grammar);
		else
			*ICR_APPEND(block) = (struct block_item){.line = line, .kind = kind};
		at = line.text + line.len;
	}
}

static bool follows(const struct block *block, size_t i)
{
	return i > 0 && end_of(&block->items[i - 1]) == block->items[i].line.text;
}

static void claim(struct block_item *item)
{
	item->cut = item->line.len;
	item->placed = true;
}

/* Entries right before an END that no BEGIN belongs to. */
static void claim_before(struct block *block, size_t end)
{
	for (size_t i = end; follows(block, i) && block->items[i - 1].kind == BLOCK_LINE_ENTRY; i--)
		claim(&block->items[i - 1]);
}

/* Entries behind the BEGIN at item I; returns the item behind them. CLOSED: up to the next END,
 * whatever stands between; else those that follow at once. */
static size_t claim_behind(struct block *block, size_t i, bool closed)
{
	for (i++; i < block->count && block->items[i].kind != BLOCK_LINE_END &&
		  block->items[i].kind != BLOCK_LINE_BEGIN;
	     i++) {
		if (!closed && (!follows(block, i) || block->items[i].kind != BLOCK_LINE_ENTRY))
			break;
		if (block->items[i].kind == BLOCK_LINE_ENTRY)
			claim(&block->items[i]);
	}
	return i;
}

static bool ends(const struct block *block, size_t begin)
{
	for (size_t i = begin + 1; i < block->count; i++)
		if (block->items[i].kind == BLOCK_LINE_END ||
		    block->items[i].kind == BLOCK_LINE_BEGIN)
			return block->items[i].kind == BLOCK_LINE_END;
	return false;
}

/* A marker whose white space somebody changed counts beside an entry only: alone it may be
 * anybody's remark about us. */
static void drop_remarks(struct block *block)
{
	for (size_t i = 0; i < block->count; i++) {
		struct block_item *item = &block->items[i];
		bool begin = item->kind == BLOCK_LINE_BEGIN;
		if ((!begin && item->kind != BLOCK_LINE_END) ||
		    is_exact(&item->line, begin ? BLOCK_BEGIN : BLOCK_END))
			continue;
		size_t entry = begin ? i + 1 : i - 1;
		if (entry >= block->count || !follows(block, begin ? entry : i) ||
		    block->items[entry].kind != BLOCK_LINE_ENTRY)
			item->kind = BLOCK_LINE_OTHER;
	}
}

static void claim_blocks(struct block *block)
{
	for (size_t i = 0; i < block->count;) {
		struct block_item *item = &block->items[i];
		if (item->kind == BLOCK_LINE_BEGIN) {
			bool closed = ends(block, i);
			claim(item);
			i = claim_behind(block, i, closed);
			/* Its END, so that it does not count as one without BEGIN. */
			if (closed)
				claim(&block->items[i++]);
			continue;
		}
		if (item->kind == BLOCK_LINE_END) {
			claim(item);
			claim_before(block, i);
		}
		i++;
	}
}

void block_scan(const char *text, size_t len, const struct block_grammar *grammar,
		struct block *ret_block)
{
	struct block block = {.text = text, .len = len};
	size_t gone = 0;
	find_lines(&block, grammar);
	drop_remarks(&block);
	claim_blocks(&block);
	for (size_t i = 0; i < block.count; i++) {
		struct block_item *item = &block.items[i];
		if (item->kind == BLOCK_LINE_ENTRY && !item->cut && grammar->is_ours &&
		    grammar->is_ours(&item->line, grammar->data))
			item->cut = item->line.len;
		item->base = (size_t)(item->line.text - text) - gone;
		gone += item->cut - item->back.len;
	}
	*ret_block = block;
}

void block_free(struct block *block)
{
	for (size_t i = 0; i < block->count; i++)
		icr_buf_free(&block->items[i].back);
	free(block->items);
	*block = (struct block){0};
}

bool block_found(const struct block *block)
{
	for (size_t i = 0; i < block->count; i++)
		if (block->items[i].cut)
			return true;
	return false;
}

/* The text behind item I - 1 that stays, up to what item I takes away. */
static struct block_line kept_before(const struct block *block, size_t i)
{
	const struct block_item *before = i ? &block->items[i - 1] : NULL;
	const char *start = before ? before->line.text + before->cut : block->text;
	const char *end = i < block->count ? block->items[i].line.text : block->text + block->len;
	return (struct block_line){start, (size_t)(end - start)};
}

/* What comes back instead of item I. */
static struct block_line back_of(const struct block *block, size_t i)
{
	const struct icr_buf *back = i < block->count ? &block->items[i].back : NULL;
	return back && back->len ? (struct block_line){back->data, back->len}
				 : (struct block_line){"", 0};
}

static bool ends_with_us(const struct block *block)
{
	const struct block_item *last = block->count ? &block->items[block->count - 1] : NULL;
	return last && last->cut == last->line.len && last->kind != BLOCK_LINE_HIDDEN &&
	       end_of(last) == block->text + block->len;
}

void block_strip(const struct block *block, const char *newline, struct icr_buf *out)
{
	size_t start = out->len;
	for (size_t i = 0; i <= block->count; i++) {
		struct block_line kept = kept_before(block, i), back = back_of(block, i);
		icr_buf_append(out, kept.text, kept.len);
		icr_buf_append(out, back.text, back.len);
	}
	size_t len = newline ? strlen(newline) : 0;
	if (len > 0 && ends_with_us(block) && out->len - start >= len &&
	    memcmp(out->data + out->len - len, newline, len) == 0)
		icr_buf_truncate(out, out->len - len);
}

/* Has BASE at *AT, as far as it goes, the bytes of PIECE? Moves behind them. */
static bool skip_piece(const struct block_line *base, size_t *at, const struct block_line *piece)
{
	size_t start = *at, left = base->len - start;
	size_t len = left < piece->len ? left : piece->len;
	*at += len;
	return memcmp(base->text + start, piece->text, len) == 0;
}

bool block_is_base(const struct block *block, const char *base, size_t len)
{
	struct block_line text = {base, len};
	size_t at = 0, whole = block->len;
	for (size_t i = 0; i < block->count; i++)
		whole -= block->items[i].cut - block->items[i].back.len;
	if (whole < len || whole - len > strlen("\r\n") || (whole > len && !ends_with_us(block)))
		return false;
	for (size_t i = 0; i <= block->count; i++) {
		struct block_line kept = kept_before(block, i), back = back_of(block, i);
		if (!skip_piece(&text, &at, &kept) || !skip_piece(&text, &at, &back))
			return false;
	}
	return true;
}

size_t block_place(const struct block *block)
{
	for (size_t i = 0; i < block->count; i++)
		if (block->items[i].placed)
			return block->items[i].base;
	return BLOCK_NOWHERE;
}

size_t block_count_lines(const char *text, size_t len)
{
	size_t count = 0;
	const char *at = text, *end = text + len;
	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		count++;
		at++;
	}
	return count;
}

bool block_crlf(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	return end && end > text && end[-1] == '\r';
}
