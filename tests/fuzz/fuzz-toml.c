/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What is found lies inside the text, in its order; whatever is taken for TOML still is with a
 * table behind it, which is found there, as the managed block is. */
#include "icr/cleanup.h"
#include "icr/memory.h"
#include "rewrite/toml.h"
#include "tests/fuzz/fuzz.h"

#define TABLE "\n[fuzz.\"a.b\"] # icr-rewrite\n"

struct seen {
	const char *text;
	size_t len, line, tables;
};

static void ignore(const char *string, void *data)
{
	(void)data;
	CHECK(strlen(string) < 1 << 20);
}

static int look(const struct toml_item *item, void *data)
{
	_cleanup_buf_ struct icr_buf string = ICR_BUF(ICR_BUF_MAX);
	static const char *const table[] = {"fuzz", "a.b", NULL};
	struct seen *seen = data;

	CHECK(item->depth >= item->table && item->depth <= TOML_DEPTH_MAX);
	CHECK(item->inside || item->line >= seen->line);
	seen->line = item->inside ? seen->line : item->line;
	if (item->kind == TOML_VALUE) {
		CHECK(item->len > 0 && item->start + item->len <= seen->len);
		if (toml_string(seen->text, item, &string))
			CHECK(string.len <= item->len);
		toml_strings(seen->text, item, ignore, NULL);
	} else {
		CHECK(item->end <= seen->len);
	}
	seen->tables += item->kind == TOML_TABLE && toml_is(item, table);
	return 0;
}

static size_t scan(const char *text, size_t len, int *ret)
{
	_cleanup_error_ struct icr_error err = {0};
	struct seen seen = {.text = text, .len = len};

	*ret = toml_scan(text, len, "f", look, &seen, &err);
	CHECK(*ret == 0 || (*ret == -ICR_E_SYNTAX && err.where));
	return seen.tables;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = icr_malloc(size + 1), *more = icr_malloc(size + sizeof(TABLE));
	int before, after;

	memcpy(text, data, size);
	text[size] = '\0';
	memcpy(more, data, size);
	memcpy(more + size, TABLE, sizeof(TABLE));
	size_t tables = scan(text, size, &before);
	size_t with = scan(more, size + strlen(TABLE), &after);
	if (before == 0)
		CHECK(after == 0 && with == tables + 1);
	return 0;
}
