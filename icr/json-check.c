/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/edit.h"

struct check {
	const struct icr_edit *edit;
	const struct icr_json *before, *after;
	uint32_t *twins; /* of each node of before: its node of after, or ICR_JSON_NONE */
	size_t *places;	 /* of each splice: where its new bytes stand in after */
	uint32_t next;	 /* node of after that is not accounted for yet */
	const char *name;
	struct icr_error *err;
};

static size_t first_byte(const struct icr_json_node *node)
{
	return node->key_end > 0 ? node->key_start : node->start;
}

static int fail(const struct check *check, size_t at, const char *what)
{
	_cleanup_free_ char *place = icr_json_place(check->before, check->name, at);

	(void)icr_fail_at(check->err, ICR_E_SYNTAX, place,
			  "the edit would change more than it should: %s", what);
	(void)icr_error_hint(check->err,
			     "this is a fault of this program; the file was not touched");
	return -ICR_E_SYNTAX;
}

/* Every byte outside the splices, and that there are no others. */
static int check_bytes(const struct check *check)
{
	const struct icr_json *before = check->before, *after = check->after;
	size_t from = 0, to = 0; /* in before and in after */

	for (size_t i = 0; i <= check->edit->count; i++) {
		const struct icr_splice *splice =
			i < check->edit->count ? &check->edit->splices[i] : NULL;
		size_t start = splice ? splice->start : before->len;
		size_t len = splice ? splice->len : 0;
		if (start < from || start > before->len || after->len - to < start - from ||
		    memcmp(before->text + from, after->text + to, start - from) != 0)
			return fail(check, from, "bytes around it differ");
		to += start - from;
		if (splice && (splice->end < start || after->len - to < len ||
			       memcmp(after->text + to, splice->bytes, len) != 0))
			return fail(check, start, "it is not what was written");
		to += len;
		from = splice ? splice->end : start;
	}
	return to == after->len ? 0 : fail(check, before->len, "the text has another length");
}

/* How many splices begin at or before byte AT of before. */
static size_t splices_until(const struct icr_edit *edit, size_t at)
{
	size_t low = 0, high = edit->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (edit->splices[middle].start <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is FROM..TO of before within one splice's replaced bytes? */
static bool is_covered(const struct icr_edit *edit, size_t from, size_t to)
{
	size_t i = splices_until(edit, from);

	return i > 0 && edit->splices[i - 1].end >= to && edit->splices[i - 1].end > from;
}

/* Is any byte of FROM..TO replaced, or something put in between? */
static bool is_cut(const struct icr_edit *edit, size_t from, size_t to)
{
	return is_covered(edit, from, from + 1) ||
	       splices_until(edit, to - 1) != splices_until(edit, from);
}

/* Where the byte AT of before, which no splice replaces, stands in after. An insertion right there
 * comes before that byte. */
static size_t map(const struct check *check, size_t at)
{
	size_t i = splices_until(check->edit, at);

	if (i == 0)
		return at;
	const struct icr_splice *splice = &check->edit->splices[i - 1];
	return check->places[i - 1] + splice->len + (at - splice->end);
}

/* Are the bytes FROM..TO of after all new ones of one splice? */
static bool is_new(const struct check *check, size_t from, size_t to)
{
	size_t low = 0, high = check->edit->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (check->places[middle] <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && to <= check->places[low - 1] + check->edit->splices[low - 1].len;
}

/* Passes over values of after that the edit brought. */
static void skip_new(struct check *check)
{
	const struct icr_json *after = check->after;

	while (check->next < after->count) {
		const struct icr_json_node *node = &after->nodes[check->next];
		if (!is_new(check, first_byte(node), node->end))
			return;
		check->next++;
	}
}

/* The name of a member, which no splice may touch, and where it stands. */
static bool is_same_name(const struct check *check, const struct icr_json_node *old,
			 const struct icr_json_node *new)
{
	if (old->key_end == 0 || new->key_end == 0)
		return old->key_end == new->key_end;
	return !is_cut(check->edit, old->key_start, old->key_end) &&
	       new->key_start == map(check, old->key_start) &&
	       new->key_end == map(check, old->key_end - 1) + 1;
}

static bool is_same_value(const struct check *check, const struct icr_json_node *old,
			  const struct icr_json_node *new)
{
	bool container = old->type == ICR_JSON_OBJECT || old->type == ICR_JSON_ARRAY;
	size_t last = old->end - 1;

	if (container ? is_covered(check->edit, old->start, old->start + 1) ||
				is_covered(check->edit, last, last + 1)
		      : is_cut(check->edit, old->start, old->end))
		return false;
	return old->type == new->type &&new->start == map(check, old->start) &&
	       new->end == map(check, last) + 1;
}

/* Finds the twin of node I of before, which must be what comes next in after. */
static int check_node(struct check *check, uint32_t i)
{
	const struct icr_json_node *old = &check->before->nodes[i];

	check->twins[i] = ICR_JSON_NONE;
	if (is_covered(check->edit, first_byte(old), old->end))
		return 0;
	skip_new(check);
	if (check->next == check->after->count)
		return fail(check, first_byte(old), "a value is gone");
	const struct icr_json_node *new = &check->after->nodes[check->next];
	uint32_t parent = old->parent == ICR_JSON_NONE ? ICR_JSON_NONE : check->twins[old->parent];
	if (new->parent != parent)
		return fail(check, first_byte(old), "a value has moved elsewhere");
	if (!is_same_name(check, old, new))
		return fail(check, first_byte(old), "a name differs");
	bool replaced = is_covered(check->edit, old->start, old->end);
	if (replaced ? !is_new(check, new->start, new->end) : !is_same_value(check, old, new))
		return fail(check, old->start, "a value differs");
	check->twins[i] = check->next++;
	return 0;
}

static int check_nodes(struct check *check)
{
	for (uint32_t i = 0; i < check->before->count; i++) {
		int r = check_node(check, i);
		if (r < 0)
			return r;
	}
	skip_new(check);
	if (check->next < check->after->count)
		return fail(check, check->before->len, "there is a value that nobody wrote");
	return 0;
}

static void find_places(const struct icr_edit *edit, size_t *places)
{
	size_t shift = 0; /* what is shorter wraps around, here and in the sum */

	for (size_t i = 0; i < edit->count; i++) {
		const struct icr_splice *splice = &edit->splices[i];
		places[i] = splice->start + shift;
		shift += splice->len - (splice->end - splice->start);
	}
}

int icr_json_edit_check(const struct icr_edit *edit, const struct icr_json *before,
			const char *after, size_t after_len, const char *name,
			struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_free_ uint32_t *twins = malloc((before->count + (size_t)1) * sizeof(*twins));
	_cleanup_free_ size_t *places = malloc((edit->count + 1) * sizeof(*places));
	struct check check = {
		.edit = edit,
		.before = before,
		.after = &json,
		.twins = twins,
		.places = places,
		.name = name,
		.err = err,
	};

	if (!twins || !places)
		return icr_fail_memory(err);
	int r = icr_json_parse(after, after_len, name, ICR_JSON_BOM | ICR_JSON_EMPTY, &json, err);
	if (r < 0) {
		(void)icr_error_wrap(err, "the edit would break the file, which was not touched");
		return r;
	}
	r = check_bytes(&check);
	if (r < 0)
		return r;
	find_places(edit, places);
	return check_nodes(&check);
}
