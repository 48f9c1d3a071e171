/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The hosts file: taking our share out twice is as once; a block put into what is left and taken
 * out again gives the old bytes, wherever it stands, also where lines of others are hidden for it;
 * of a hidden line that was edited since no more comes back than it had; every line that goes is
 * one of ours; and it takes time in proportion to the text. The first byte picks what the record
 * says and where the block goes. */
#include "rewrite/part/hosts.c"

#include "tests/fuzz/fuzz.h"

static struct routes routes;

static void prepare(void)
{
	static const char *const addresses[] = {"166.9.48.100", "166.9.50.200", "2001:db8::166"};
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < 2; i++) {
		struct region_route *route = routes_add(&routes, &regions[i + 1]);
		route->status = REGION_ACTIVE;
		route->alias = i == 0;
		route->close6 = i == 1;
		for (route->count = 0; route->count < 3 - i; route->count++)
			memcpy(route->addresses[route->count], addresses[route->count],
			       strlen(addresses[route->count]) + 1);
	}
}

static void take_out(const char *text, size_t len, const struct hosts_record *record,
		     const char *newline, struct icr_buf *out)
{
	struct block_grammar grammar = hosts_grammar(record);
	_cleanup_block_ struct block block = {0};

	block_scan(text, len, &grammar, &block);
	block_strip(&block, newline, out);
	CHECK(block_found(&block) || out->len == len);
	for (size_t i = 0; i < block.count; i++) {
		const struct block_item *item = &block.items[i];
		CHECK(item->cut == 0 || item->cut == item->line.len ||
		      item->kind == BLOCK_LINE_HIDDEN);
		CHECK(item->kind != BLOCK_LINE_ENTRY || item->cut == 0 || is_entry(&item->line));
		CHECK(item->back.len < item->line.len && !item->back.failed);
		CHECK(item->back.len == 0 || item->kind == BLOCK_LINE_HIDDEN);
	}
}

static void put_in(const struct icr_buf *base, size_t place, bool hide_others, struct icr_buf *out,
		   const char **ret_newline)
{
	struct work work = {.routes = routes, .settings.force = true, .host.root = ""};
	struct block_grammar grammar = hosts_grammar(NULL);
	_cleanup_edit_ struct icr_edit edit = {0};
	_cleanup_block_ struct block block = {0};

	block_scan(base->data, base->len, &grammar, &block);
	add_block(&work, base, place, &edit, ret_newline);
	if (hide_others)
		CHECK(settle_conflicts(&work, &block, &edit, NULL) == 0);
	CHECK(icr_edit_apply(&edit, base->data, base->len, out, NULL) >= 0);
	notes_free(&work.notes);
}

static void check_time(const uint8_t *data, size_t size, const struct hosts_record *record)
{
	_cleanup_buf_ struct icr_buf large = ICR_BUF(ICR_BUF_MAX), out = ICR_BUF(ICR_BUF_MAX);

	fuzz_repeat(data, size, &large);
	double began = fuzz_seconds();
	take_out(large.data, large.len, record, NULL, &out);
	CHECK(fuzz_seconds() - began < FUZZ_SLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct icr_buf base = ICR_BUF(ICR_BUF_MAX), again = ICR_BUF(ICR_BUF_MAX),
				     with = ICR_BUF(ICR_BUF_MAX), back = ICR_BUF(ICR_BUF_MAX);
	struct hosts_record record = {0};
	const char *newline = NULL;

	if (routes.count == 0)
		prepare();
	if (size < 1)
		return 0;
	unsigned pick = *data++;
	_cleanup_free_ char *text = fuzz_string(data, --size);
	hosts_record_of(&routes, &record);
	const struct hosts_record *known = pick & 1 ? &record : NULL;
	take_out(text, size, known, NULL, &base);
	/* what a mark hides may bear another one, stand beside a remark about us, or say what the
	 * record does: that is to be seen by the next run only */
	if (!memmem(base.data, base.len, "icr-rewrite", strlen("icr-rewrite")) &&
	    !(known && memmem(text, size, "#icr-rewrite#", strlen("#icr-rewrite#")))) {
		take_out(base.data, base.len, known, NULL, &again);
		CHECK_SAME(&again, base.data, base.len);
		size_t place = pick & 2 ? BLOCK_NOWHERE : 0;
		if (pick & 4 && memchr(base.data, '\n', base.len))
			place = (size_t)((char *)memchr(base.data, '\n', base.len) - base.data) + 1;
		put_in(&base, place, pick & 8, &with, &newline);
		take_out(with.data, with.len, known, newline, &back);
		CHECK_SAME(&back, base.data, base.len);
	}
	if (fuzz_is_chosen(data, size))
		check_time(data, size, known);
	hosts_record_free(&record);
	return 0;
}
