/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/merge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/json-edit.h"
#include "icr/memory.h"
#include "icr/text.h"

#define NOWHERE ((size_t)-1)
/* Each costs a look at the whole text. */
#define ALONE_MAX 64

struct token {
	size_t start, end;
	bool blank;   /* white space between values */
	size_t match; /* of our text: the same token of theirs, or NOWHERE */
};

struct tokens {
	struct token *items;
	struct icr_diff_item *keys; /* by which they are compared */
	size_t count;
	const struct icr_json *json;
};

static void tokens_free(struct tokens *tokens)
{
	free(tokens->items);
	free(tokens->keys);
}

#define _cleanup_tokens_ icr_cleanup(tokens_free)

static size_t blanks(const char *text, size_t start, size_t end)
{
	size_t at = start;

	while (at < end && icr_is_space(text[at]))
		at++;
	return at - start;
}

static size_t string_length(const char *text, size_t at)
{
	size_t len = 1;

	while (text[at + len] != '"')
		len += text[at + len] == '\\' ? 2 : 1;
	return len + 1;
}

/* Of a text that has been parsed. */
static size_t token_length(const char *text, size_t at, size_t end)
{
	size_t len = blanks(text, at, end);

	if (len > 0 || text[at] == '"')
		return len > 0 ? len : string_length(text, at);
	if (strchr("{}[]:,", text[at]))
		return 1;
	while (at + len < end && !strchr("{}[]:,\" \t\r\n", text[at + len]))
		len++;
	return len;
}

/* Two passes: what is counted first is then filled in. */
static size_t cut(const struct icr_json *json, struct tokens *tokens)
{
	size_t count = 0;

	for (size_t at = 0, len; at < json->len; at += len, count++) {
		len = token_length(json->text, at, json->len);
		if (!tokens)
			continue;
		bool blank = icr_is_space(json->text[at]);
		const char *key = blank ? " " : json->text + at;
		size_t key_len = blank ? 1 : len;
		tokens->items[count] = (struct token){at, at + len, blank, NOWHERE};
		tokens->keys[count] = (struct icr_diff_item){
			.text = key,
			.len = key_len,
			.hash = icr_diff_hash(key, key_len),
		};
	}
	return count;
}

static struct tokens tokenize(const struct icr_json *json)
{
	size_t count = cut(json, NULL);
	struct tokens tokens = {
		.items = icr_calloc(count + 1, sizeof(*tokens.items)),
		.keys = icr_calloc(count + 1, sizeof(*tokens.keys)),
		.count = count,
		.json = json,
	};
	(void)cut(json, &tokens);
	return tokens;
}

static void match(struct tokens *ours, struct tokens *theirs)
{
	icr_diff_mark(ours->keys, ours->count, theirs->keys, theirs->count);
	for (size_t i = 0, k = 0; i < ours->count; i++) {
		if (ours->keys[i].changed)
			continue;
		while (theirs->keys[k].changed)
			k++;
		ours->items[i].match = k++;
	}
}

/* The token that starts at OFFSET; NOWHERE when one begins before and ends behind it. */
static size_t token_at(const struct tokens *tokens, size_t offset)
{
	size_t low = 0, high = tokens->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (tokens->items[middle].start < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == tokens->count)
		return offset == tokens->json->len ? low : NOWHERE;
	return tokens->items[low].start == offset ? low : NOWHERE;
}

/* Do all tokens FIRST..LAST still stand together, nothing but white space between them? RET_FROM
 * and RET_TO: where. */
static bool stand(const struct tokens *ours, const struct tokens *theirs, size_t first, size_t last,
		  size_t *ret_from, size_t *ret_to)
{
	size_t from = NOWHERE, to = NOWHERE;

	for (size_t i = first; i < last; i++) {
		const struct token *token = &ours->items[i];
		if (token->match == NOWHERE && !token->blank)
			return false;
		if (token->match == NOWHERE)
			continue;
		for (size_t k = to; k != NOWHERE && k < token->match; k++)
			if (!theirs->items[k].blank)
				return false;
		from = from == NOWHERE ? token->match : from;
		to = token->match + 1;
	}
	*ret_from = from;
	*ret_to = to;
	return from != NOWHERE;
}

/* Where in their text something goes that stood between our tokens PLACE - 1 and PLACE; NOWHERE
 * when a neighbour is gone. Something that begins with a comma belongs behind what comes before it,
 * all else before what comes behind. */
static size_t place_between(const struct tokens *ours, const struct tokens *theirs, size_t place,
			    const struct icr_splice *splice)
{
	size_t before = place, behind = place;

	while (before > 0 && ours->items[before - 1].blank)
		before--;
	while (behind < ours->count && ours->items[behind].blank)
		behind++;
	if (before == 0 || behind == ours->count)
		return NOWHERE;
	size_t previous = ours->items[before - 1].match, next = ours->items[behind].match;
	if (previous == NOWHERE || next == NOWHERE)
		return NOWHERE;
	size_t skipped = blanks(splice->bytes, 0, splice->len);
	if (skipped < splice->len && splice->bytes[skipped] == ',')
		return theirs->items[previous].end;
	/* before the white space that stood behind it, or behind that which stood before it, where
	 * that is still there */
	if (place == before && place < behind && ours->items[place].match != NOWHERE)
		return theirs->items[ours->items[place].match].start;
	if (place > before && ours->items[place - 1].match != NOWHERE)
		return theirs->items[ours->items[place - 1].match].end;
	return theirs->items[next].start;
}

/* The child of NODE, an object or array, inside which OFFSET lies. */
static uint32_t child_around(const struct icr_json *json, uint32_t node, size_t offset)
{
	uint32_t child = json->nodes[node].child;

	while (child != ICR_JSON_NONE &&
	       (offset <= json->nodes[child].start || offset >= json->nodes[child].end))
		child = json->nodes[child].next;
	return child;
}

static bool same_name(const struct icr_json *a, uint32_t node_a, const struct icr_json *b,
		      uint32_t node_b)
{
	const struct icr_json_node *old = &a->nodes[node_a], *new = &b->nodes[node_b];
	size_t len = old->key_end - old->key_start;

	return len ==
	       new->key_end - new->key_start &&memcmp(a->text + old->key_start,
						      b->text + new->key_start, len) ==
	       0;
}

/* Are both places inside the members of the same names? */
static bool same_place(const struct icr_json *a, size_t place_a, const struct icr_json *b,
		       size_t place_b)
{
	uint32_t node_a = a->count > 0 ? 0 : ICR_JSON_NONE;
	uint32_t node_b = b->count > 0 ? 0 : ICR_JSON_NONE;

	while (node_a != ICR_JSON_NONE && node_b != ICR_JSON_NONE) {
		if (!same_name(a, node_a, b, node_b))
			return false;
		node_a = child_around(a, node_a, place_a);
		node_b = child_around(b, node_b, place_b);
	}
	return node_a == node_b;
}

static void merge_splice(const struct tokens *ours, const struct tokens *theirs,
			 const struct icr_splice *splice, struct icr_edit *edit)
{
	size_t first = token_at(ours, splice->start), last = token_at(ours, splice->end);
	size_t from, to;

	if (first == NOWHERE || last == NOWHERE)
		return;
	if (first == last) {
		size_t at = place_between(ours, theirs, first, splice);
		if (at != NOWHERE && same_place(ours->json, splice->start, theirs->json, at))
			icr_edit_splice(edit, at, at, splice->bytes, splice->len);
	} else if (stand(ours, theirs, first, last, &from, &to) &&
		   same_place(ours->json, ours->items[first].start, theirs->json,
			      theirs->items[from].start)) {
		icr_edit_splice(edit, theirs->items[from].start, theirs->items[to - 1].end,
				splice->bytes, splice->len);
	}
}

static bool is_sound(const struct icr_edit *edit, const struct icr_json *theirs)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	return icr_edit_apply(edit, theirs->text, theirs->len, &text, NULL) >= 0 &&
	       icr_json_edit_check(edit, theirs, text.data, text.len, NULL, NULL) >= 0;
}

static void reset(struct icr_edit *edit)
{
	icr_edit_free(edit);
	*edit = (struct icr_edit){0};
}

void icr_merge_json(const struct icr_json *ours, const struct icr_edit *back,
		    const struct icr_json *theirs, struct icr_edit *ret_edit)
{
	_cleanup_tokens_ struct tokens left = tokenize(ours), found = tokenize(theirs);

	match(&left, &found);
	*ret_edit = (struct icr_edit){0};
	for (size_t i = 0; i < back->count; i++)
		merge_splice(&left, &found, &back->items[i], ret_edit);
	if (ret_edit->count == 0 || is_sound(ret_edit, theirs))
		return;
	/* one that cannot be made shall not take the others with it */
	reset(ret_edit);
	for (size_t i = 0; i < back->count && i < ALONE_MAX; i++) {
		_cleanup_edit_ struct icr_edit alone = {0};
		merge_splice(&left, &found, &back->items[i], &alone);
		if (alone.count > 0 && is_sound(&alone, theirs))
			merge_splice(&left, &found, &back->items[i], ret_edit);
	}
	if (ret_edit->count > 0 && !is_sound(ret_edit, theirs))
		reset(ret_edit);
}
