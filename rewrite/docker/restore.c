/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/restore.h"

#include <stdlib.h>
#include <string.h>

#include "icr/cleanup.h"
#include "icr/diff.h"
#include "icr/host.h"
#include "icr/json-edit.h"
#include "icr/memory.h"
#include "icr/merge.h"
#include "icr/text.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/mirrors.h"
#include "rewrite/docker/proxy.h"

static const char *const lists[] = {DOCKER_MIRRORS, DOCKER_INSECURE};

/* An entry of ours in one of the lists, or one that we dropped since it would repeat another. */
struct entry {
	const char *key;
	char *now;  /* decoded; of a dropped one, what stood for it */
	char *was;  /* as it stood; NULL: added */
	char *text; /* ... decoded, of a dropped one; else NULL */
};

struct ours {
	struct entry *items;
	size_t count;
	char *mirrors; /* what the list that we made stands for: "null"; NULL: no member */
	bool made;     /* ... the whole list is ours */
	struct icr_strings names; /* in no-proxy lists */
	char *no_proxy;		  /* the list as it stood; NULL: there was none */
	char *rest;		  /* what we left, without our names; NULL: no list of ours */
};

static void ours_free(struct ours *ours)
{
	for (size_t i = 0; i < ours->count; i++) {
		free(ours->items[i].now);
		free(ours->items[i].was);
		free(ours->items[i].text);
	}
	free(ours->items);
	free(ours->mirrors);
	icr_strings_free(&ours->names);
	free(ours->no_proxy);
	free(ours->rest);
}

/* All strings in the lists of one key. */
struct strings {
	struct icr_diff_item *items;
	uint32_t *nodes;
	size_t count;
	char **texts;
};

static void strings_free(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->texts[i]);
	free(strings->texts);
	free(strings->items);
	free(strings->nodes);
}

#define _cleanup_entries_ icr_cleanup(strings_free)

static struct strings read_strings(const struct icr_json *json, const char *key)
{
	struct strings all = {
		.items = icr_calloc(json->count + (size_t)1, sizeof(*all.items)),
		.nodes = icr_calloc(json->count + (size_t)1, sizeof(*all.nodes)),
		.texts = icr_calloc(json->count + (size_t)1, sizeof(*all.texts)),
	};
	uint32_t list = ICR_JSON_NONE;

	while ((list = docker_member(json, 0, key, list)) != ICR_JSON_NONE)
		for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
		     node = json->nodes[node].next) {
			char *text = icr_json_string_dup(json, node);
			if (!text)
				continue;
			size_t len = strlen(text);
			all.texts[all.count] = text;
			all.nodes[all.count] = node;
			all.items[all.count++] = (struct icr_diff_item){
				.text = text, .len = len, .hash = icr_diff_hash(text, len)};
		}
	return all;
}

/* Is NOW the private spelling of WAS? */
static bool stands_for(const char *now, const char *was)
{
	struct docker_entry entry;

	if (!docker_entry_parse(was, &entry))
		return false;
	_cleanup_free_ char *mapped = docker_entry_private(was, &entry);
	_cleanup_free_ char *key = docker_entry_key(mapped);
	_cleanup_free_ char *wanted = docker_entry_key(now);
	return strcmp(key, wanted) == 0;
}

/* The entry that stands for WAS, which we took out. */
static const char *find_twin(const struct strings *left, const char *was)
{
	for (size_t i = 0; i < left->count; i++)
		if (stands_for(left->texts[i], was))
			return left->texts[i];
	return NULL;
}

/* What is in LEFT and not in BASE is ours; what is in BASE only, in the same order, it stands for.
 */
static void compare_list(const struct icr_json *base, const struct icr_json *left, const char *key,
			 struct ours *ours)
{
	_cleanup_entries_ struct strings old = read_strings(base, key);
	_cleanup_entries_ struct strings new = read_strings(left, key);
	size_t next = 0;

	icr_diff_mark(old.items, old.count, new.items, new.count);
	for (size_t i = 0; i < new.count; i++) {
		if (!new.items[i].changed)
			continue;
		struct entry *entry = ICR_APPEND(ours);
		*entry = (struct entry){.key = key, .now = icr_strdup(new.texts[i])};
		for (size_t k = next; k < old.count && !entry->was; k++) {
			if (!old.items[k].changed || !stands_for(new.texts[i], old.texts[k]))
				continue;
			entry->was = docker_raw(base, old.nodes[k]);
			old.items[k].changed = false;
			next = k + 1;
		}
	}
	for (size_t k = 0; k < old.count; k++) {
		const char *twin = old.items[k].changed ? find_twin(&new, old.texts[k]) : NULL;
		if (twin)
			*ICR_APPEND(ours) = (struct entry){
				.key = key,
				.now = icr_strdup(twin),
				.was = docker_raw(base, old.nodes[k]),
				.text = icr_strdup(old.texts[k]),
			};
	}
}

/* The last no-proxy list that is a string. */
static uint32_t last_no_proxy(const struct icr_json *json)
{
	uint32_t proxies = ICR_JSON_NONE, last = ICR_JSON_NONE;

	while ((proxies = docker_member(json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		uint32_t node = ICR_JSON_NONE;
		while ((node = docker_member(json, proxies, "no-proxy", node)) != ICR_JSON_NONE)
			if (icr_json_is(json, node, ICR_JSON_STRING))
				last = node;
	}
	return last;
}

static void split_names(const char *list, struct icr_strings *names)
{
	for (const char *item = list; item;) {
		size_t len = strcspn(item, ",");
		const char *name = item, *end = item + len;
		item = *end ? end + 1 : NULL;
		icr_trim(&name, &len);
		icr_strings_add_span(names, name, len);
	}
}

static void set_rest(struct ours *ours, const char *left)
{
	_cleanup_buf_ struct icr_buf rest = ICR_BUF(ICR_BUF_MAX);

	docker_names_without(left, &ours->names, &rest);
	ours->rest = icr_buf_take(&rest);
}

static void compare_no_proxy(const struct icr_json *base, const struct icr_json *left,
			     struct ours *ours)
{
	uint32_t old = last_no_proxy(base), new = last_no_proxy(left);
	_cleanup_strings_ struct icr_strings before = {0}, after = {0};
	struct icr_host host;

	if (new == ICR_JSON_NONE)
		return;
	_cleanup_free_ char *text = icr_json_string_dup(left, new);
	split_names(text, &after);
	if (old != ICR_JSON_NONE) {
		_cleanup_free_ char *was = icr_json_string_dup(base, old);
		ours->no_proxy = docker_raw(base, old);
		split_names(was, &before);
	}
	for (size_t i = 0; i < after.count; i++)
		if (icr_host_parse(after.items[i], strlen(after.items[i]), &host) &&
		    !icr_strings_has(&before, after.items[i]))
			icr_strings_add(&ours->names, after.items[i]);
	set_rest(ours, text);
}

static void compare(const struct icr_json *base, const struct icr_json *left, struct ours *ours)
{
	uint32_t list = base->count > 0 ? icr_json_member(base, 0, DOCKER_MIRRORS) : ICR_JSON_NONE;

	for (size_t i = 0; i < ICR_LENGTH(lists); i++)
		compare_list(base, left, lists[i], ours);
	uint32_t of_ours = icr_json_member(left, 0, DOCKER_MIRRORS);
	ours->made = of_ours != ICR_JSON_NONE && icr_json_is(left, of_ours, ICR_JSON_ARRAY) &&
		     (list == ICR_JSON_NONE || icr_json_is(base, list, ICR_JSON_NULL));
	ours->mirrors = list != ICR_JSON_NONE ? icr_strdup("null") : NULL;
	compare_no_proxy(base, left, ours);
}

static char *string_member(const struct icr_json *json, uint32_t node, const char *name)
{
	uint32_t member = icr_json_member(json, node, name);
	return member == ICR_JSON_NONE ? NULL : icr_json_string_dup(json, member);
}

static void read_record_entry(const struct icr_json *record, uint32_t node, struct ours *ours)
{
	_cleanup_free_ char *key = string_member(record, node, "key");
	_cleanup_free_ char *now = string_member(record, node, "now");
	_cleanup_free_ char *repeats = string_member(record, node, "repeats");
	uint32_t was = icr_json_member(record, node, "was");
	bool created = icr_json_member(record, node, "created") != ICR_JSON_NONE;
	_cleanup_free_ char *raw = was == ICR_JSON_NONE ? NULL : docker_raw(record, was);

	bool dropped = !now && repeats;

	if (!key)
		return;
	if (created && strcmp(key, DOCKER_MIRRORS) == 0) {
		ours->made = true;
		ours->mirrors = icr_steal(&raw);
	} else if (strcmp(key, "no-proxy-name") == 0 && now) {
		icr_strings_add(&ours->names, now);
	} else if (strcmp(key, "no-proxy") == 0 && now) {
		free(ours->rest);
		ours->rest = icr_steal(&now);
		free(ours->no_proxy);
		ours->no_proxy = created ? NULL : icr_steal(&raw);
	}
	for (size_t i = 0; i < ICR_LENGTH(lists) && (now || dropped); i++)
		if (strcmp(key, lists[i]) == 0)
			*ICR_APPEND(ours) = (struct entry){
				.key = lists[i],
				.now = dropped ? icr_steal(&repeats) : icr_steal(&now),
				.was = icr_steal(&raw),
				.text = dropped ? string_member(record, node, "was") : NULL,
			};
}

/* {"edits": [{"key": NAME, "was": RAW, "now": RAW, "created": true}, ...]} */
static int read_record(const char *text, struct ours *ours, struct icr_error *err)
{
	_cleanup_json_ struct icr_json record = {0};

	int r = icr_json_parse(text, strlen(text), NULL, 0, &record, err);
	uint32_t edits = r < 0 ? ICR_JSON_NONE : icr_json_member(&record, 0, "edits");
	if (edits == ICR_JSON_NONE)
		return r;
	for (uint32_t node = record.nodes[edits].child; node != ICR_JSON_NONE;
	     node = record.nodes[node].next)
		read_record_entry(&record, node, ours);
	if (ours->rest) {
		_cleanup_free_ char *left = icr_steal(&ours->rest);
		set_rest(ours, left);
	}
	return 0;
}

/* A text on its way back: what of ours is still in it is taken out by EDIT. */
struct back {
	const struct icr_json *theirs, *json; /* before and after the merge */
	const struct icr_json *base, *left;   /* NULL when they are not known */
	const struct ours *ours;
	bool *gone, *used; /* nodes */
	struct icr_edit edit;
};

static void back_free(struct back *back)
{
	free(back->gone);
	free(back->used);
	icr_edit_free(&back->edit);
}

/* How often TEXT stands in the lists of KEY; RET_FREE is the first that is not used. */
static size_t count_entry(const struct back *back, const struct icr_json *json, const char *key,
			  const char *text, uint32_t *ret_free)
{
	uint32_t list = ICR_JSON_NONE;
	size_t count = 0;

	while ((list = docker_member(json, 0, key, list)) != ICR_JSON_NONE)
		for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
		     node = json->nodes[node].next) {
			if (!icr_json_is(json, node, ICR_JSON_STRING) ||
			    !icr_json_string_is(json, node, text))
				continue;
			count++;
			if (ret_free && *ret_free == ICR_JSON_NONE && !back->used[node])
				*ret_free = node;
		}
	return count;
}

/* How many entries before I are the same? */
static size_t count_before(const struct ours *ours, size_t i)
{
	const struct entry *entry = &ours->items[i];
	size_t count = 0;

	for (size_t k = 0; k < i; k++)
		count += ours->items[k].key == entry->key && !ours->items[k].text &&
			 strcmp(ours->items[k].now, entry->now) == 0;
	return count;
}

static void take_entries(struct back *back, const char *key)
{
	const struct ours *ours = back->ours;

	for (size_t i = 0; i < ours->count; i++) {
		const struct entry *entry = &ours->items[i];
		uint32_t node = ICR_JSON_NONE;
		if (entry->text || entry->key != key)
			continue;
		size_t before = count_entry(back, back->theirs, entry->key, entry->now, NULL);
		/* an equal one that is left when the merge has taken ours is somebody's own */
		if (before > count_entry(back, back->json, entry->key, entry->now, &node) +
				     count_before(ours, i) ||
		    node == ICR_JSON_NONE)
			continue;
		back->used[node] = true;
		if (entry->was)
			icr_json_edit_replace(&back->edit, back->json, node, entry->was);
		else
			back->gone[node] = true;
	}
}

/* Removes what is marked in LIST; false when that would be all. */
static bool remove_marked(struct back *back, uint32_t list, bool all)
{
	const struct icr_json *json = back->json;
	_cleanup_free_ uint32_t *gone =
		icr_calloc(json->nodes[list].count + (size_t)1, sizeof(*gone));
	size_t count = 0;

	for (uint32_t node = json->nodes[list].child; node != ICR_JSON_NONE;
	     node = json->nodes[node].next)
		if (back->gone[node])
			gone[count++] = node;
	if (!all && count == json->nodes[list].count)
		return false;
	if (count > 0)
		icr_json_edit_remove(&back->edit, json, gone, count);
	return true;
}

/* What we dropped comes back where what stands for it still is, unless the merge has done it. */
static void add_dropped(struct back *back, const char *key, uint32_t list)
{
	const struct icr_json *json = back->json;

	for (size_t i = 0; i < back->ours->count; i++) {
		const struct entry *entry = &back->ours->items[i];
		if (!entry->text || entry->key != key)
			continue;
		size_t count = count_entry(back, json, key, entry->text, NULL);
		if (count > count_entry(back, back->theirs, key, entry->text, NULL) ||
		    count_entry(back, json, key, entry->now, NULL) == 0)
			continue;
		icr_json_edit_add_item(&back->edit, json, list, entry->was);
	}
}

/* The only member of that name; ICR_JSON_NONE when there is none or another one. */
static uint32_t only_member(const struct icr_json *json, const char *name)
{
	uint32_t node = docker_member(json, 0, name, ICR_JSON_NONE);

	if (node == ICR_JSON_NONE || docker_member(json, 0, name, node) != ICR_JSON_NONE)
		return ICR_JSON_NONE;
	return node;
}

/* A member that is as we left it, but has moved, becomes what it was as a whole. */
static bool put_back(struct back *back, const char *name)
{
	if (!back->left || back->base->count == 0)
		return false;
	uint32_t was = only_member(back->base, name), left = only_member(back->left, name);
	uint32_t node = only_member(back->json, name);
	if (was == ICR_JSON_NONE || left == ICR_JSON_NONE || node == ICR_JSON_NONE ||
	    !icr_json_equal(back->json, node, back->left, left) ||
	    icr_json_equal(back->json, node, back->base, was))
		return false;
	_cleanup_free_ char *raw = docker_raw(back->base, was);
	icr_json_edit_replace(&back->edit, back->json, node, raw);
	return true;
}

static void take_lists(struct back *back)
{
	const struct icr_json *json = back->json;

	for (size_t i = 0; i < ICR_LENGTH(lists); i++) {
		bool made = back->ours->made && i == 0;
		if (put_back(back, lists[i]))
			continue;
		take_entries(back, lists[i]);
		uint32_t list = ICR_JSON_NONE, last = ICR_JSON_NONE;
		while ((list = docker_member(json, 0, lists[i], list)) != ICR_JSON_NONE) {
			if (!icr_json_is(json, list, ICR_JSON_ARRAY))
				continue;
			last = list;
			if (remove_marked(back, list, !made))
				continue;
			if (back->ours->mirrors)
				icr_json_edit_replace(&back->edit, json, list, back->ours->mirrors);
			else
				back->gone[list] = true;
		}
		if (last != ICR_JSON_NONE && !made)
			add_dropped(back, lists[i], last);
	}
}

static void take_names(struct back *back, uint32_t node)
{
	const struct ours *ours = back->ours;
	_cleanup_free_ char *raw = docker_raw(back->json, node);
	_cleanup_buf_ struct icr_buf rest = ICR_BUF(ICR_BUF_MAX), text = ICR_BUF(ICR_BUF_MAX);

	/* between the quotes, so that what stands there keeps its spelling */
	raw[strlen(raw) - 1] = '\0';
	docker_names_without(raw + 1, &ours->names, &rest);
	if (strcmp(rest.data, raw + 1) == 0)
		return;
	bool same = ours->rest && strcmp(ours->rest, rest.data) == 0;
	icr_buf_printf(&text, "\"%s\"", rest.data);
	if (!ours->no_proxy && (same || rest.len == 0))
		back->gone[node] = true;
	else
		icr_json_edit_replace(&back->edit, back->json, node,
				      same ? ours->no_proxy : text.data);
}

static void take_proxies(struct back *back)
{
	const struct icr_json *json = back->json;
	uint32_t proxies = ICR_JSON_NONE;

	if (put_back(back, "proxies"))
		return;
	while ((proxies = docker_member(json, 0, "proxies", proxies)) != ICR_JSON_NONE) {
		uint32_t node = ICR_JSON_NONE;
		while ((node = docker_member(json, proxies, "no-proxy", node)) != ICR_JSON_NONE)
			if (icr_json_is(json, node, ICR_JSON_STRING))
				take_names(back, node);
		if (icr_json_is(json, proxies, ICR_JSON_OBJECT))
			(void)remove_marked(back, proxies, true);
	}
}

/* A document that we made and in which nothing else stands goes as a whole. */
static int set_base(struct change *change, const struct icr_buf *text, struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};

	int r = icr_json_parse(text->data, text->len, change->path, DOCKER_JSON_FLAGS, &json, err);
	if (r < 0)
		return r;
	bool empty = json.count == 0 ||
		     (icr_json_is(&json, 0, ICR_JSON_OBJECT) && json.nodes[0].count == 0);
	if (empty && change->created)
		return change_set_base(change, false, "", 0, err);
	return change_set_base(change, true, text->data, text->len, err);
}

/* The texts that a merge knows. */
struct texts {
	struct icr_buf before; /* without us */
	struct icr_json base, left, theirs;
	struct icr_buf merged;
	bool known; /* base and left */
};

static void texts_free(struct texts *texts)
{
	icr_json_free(&texts->base);
	icr_json_free(&texts->left);
	icr_json_free(&texts->theirs);
	icr_buf_free(&texts->before);
	icr_buf_free(&texts->merged);
}

/* What is in MERGED yet of ours goes. */
static int take_rest(struct change *change, const struct texts *texts, const struct ours *ours,
		     struct icr_error *err)
{
	_cleanup_json_ struct icr_json json = {0};
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);

	int r = icr_json_parse(texts->merged.data, texts->merged.len, change->path,
			       DOCKER_JSON_FLAGS, &json, err);
	if (r < 0)
		return r;
	icr_cleanup(back_free) struct back back = {
		.theirs = &texts->theirs,
		.json = &json,
		.base = &texts->base,
		.left = texts->known ? &texts->left : NULL,
		.ours = ours,
		.gone = icr_calloc(json.count + (size_t)1, sizeof(bool)),
		.used = icr_calloc(json.count + (size_t)1, sizeof(bool)),
	};
	if (json.count > 0 && icr_json_is(&json, 0, ICR_JSON_OBJECT)) {
		take_lists(&back);
		take_proxies(&back);
		(void)remove_marked(&back, 0, true);
	}
	r = icr_edit_apply(&back.edit, json.text, json.len, &text, err);
	if (r >= 0)
		r = icr_json_edit_check(&back.edit, &json, text.data, text.len, change->path, err);
	return r < 0 ? r : set_base(change, &text, err);
}

/* False when what we left is no JSON, or not what the splices are of. */
static bool merge(const struct left *left, struct texts *texts, struct ours *ours)
{
	_cleanup_edit_ struct icr_edit edit = {0};
	const struct icr_json *theirs = &texts->theirs;

	if (icr_edit_apply(left->back, left->text->data, left->text->len, &texts->before, NULL) <
		    0 ||
	    icr_json_parse(texts->before.data, texts->before.len, NULL, DOCKER_JSON_FLAGS,
			   &texts->base, NULL) < 0 ||
	    icr_json_parse(left->text->data, left->text->len, NULL, DOCKER_JSON_FLAGS, &texts->left,
			   NULL) < 0)
		return false;
	icr_merge_json(&texts->left, left->back, theirs, &edit);
	if (icr_edit_apply(&edit, theirs->text, theirs->len, &texts->merged, NULL) < 0)
		return false;
	compare(&texts->base, &texts->left, ours);
	texts->known = true;
	return true;
}

int docker_restore(struct change *change, struct icr_error *err)
{
	icr_cleanup(texts_free) struct texts texts = {
		.before = ICR_BUF(ICR_BUF_MAX),
		.merged = ICR_BUF(ICR_BUF_MAX),
	};
	icr_cleanup(ours_free) struct ours ours = {0};
	const struct icr_buf *text = &change->current.text;

	if (!change->current.exists || (!change->record && !change->left))
		return change_set_base(change, change->current.exists, text->data, text->len, err);
	int r = icr_json_parse(text->data, text->len, change->path, DOCKER_JSON_FLAGS,
			       &texts.theirs, err);
	if (r < 0)
		return r;
	if (!change->left || !merge(change->left, &texts, &ours)) {
		icr_buf_truncate(&texts.merged, 0);
		icr_buf_append(&texts.merged, text->data, text->len);
		r = change->record ? read_record(change->record, &ours, err) : 0;
	}
	return r < 0 ? r : take_rest(change, &texts, &ours, err);
}
