/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* The state file: settings, routes and folders that are read of any text, printed and read again,
 * are the same. And what leads back: an edit of any text, recorded and read, gives that text back.
 * The input is cut at its first 0xff. */
#include "rewrite/state.c"

#include "icr/utf8.h"
#include "tests/fuzz/fuzz.h"

static int read_text(const char *text, size_t len, struct state *ret_state)
{
	_cleanup_value_ struct icr_value *message = NULL;

	*ret_state = (struct state){.text = ICR_BUF(ICR_FILE_MAX)};
	if (icr_value_parse(text, len, false, &message, NULL) < 0)
		return -1;
	return parse_state(message, ret_state, NULL);
}

static void check_routes(const struct routes *one, const struct routes *other)
{
	CHECK(one->count == other->count);
	for (size_t i = 0; i < one->count; i++) {
		const struct region_route *a = &one->items[i], *b = &other->items[i];
		CHECK(a->region == b->region && a->status == b->status && a->alias == b->alias &&
		      a->entitled == b->entitled && a->count == b->count);
		CHECK(a->status == REGION_CLOSED ||
		      (a->close4 == b->close4 && a->close6 == b->close6));
		for (size_t k = 0; k < a->count; k++)
			CHECK(strcmp(a->addresses[k], b->addresses[k]) == 0);
	}
}

static void check_settings(const struct settings *one, const struct settings *other)
{
	CHECK(one->regions.bits == other->regions.bits && one->fallback == other->fallback &&
	      settings_route(one) == settings_route(other) &&
	      one->docker_mirror == other->docker_mirror);
	CHECK((one->engines != NULL) == (other->engines != NULL));
	CHECK(!one->engines || strcmp(one->engines, other->engines) == 0);
}

static void check_state(const char *text, size_t len)
{
	icr_cleanup(state_free) struct state state = {0}, again = {0};
	_cleanup_buf_ struct icr_buf printed = ICR_BUF(ICR_BUF_MAX);
	struct changes none = {0};

	if (read_text(text, len, &state) < 0)
		return;
	struct work work = {.settings = state.settings, .routes = state.routes};
	CHECK(state_print(&work, &none, state.folders, state.folder_count, &printed, NULL) >= 0);
	CHECK(read_text(printed.data, printed.len, &again) >= 0);
	check_settings(&state.settings, &again.settings);
	check_routes(&state.routes, &again.routes);
	CHECK(state.folder_count == again.folder_count && again.count == 0);
	for (size_t i = 0; i < state.folder_count; i++)
		CHECK(strcmp(state.folders[i], again.folders[i]) == 0);
}

static bool is_utf8(const char *text)
{
	size_t len = strlen(text), n = 1;

	for (size_t at = 0; at < len && n > 0; at += n)
		n = icr_utf8_length(text + at, len - at);
	return n > 0;
}

static bool is_border(const char *text, size_t len, size_t at)
{
	return at >= len || ((unsigned char)text[at] & 0xc0) != 0x80;
}

/* STEPS: pairs of bytes, so many bytes stay and so many are replaced by NEW. */
static void check_way_back(const char *base, const char *new, const uint8_t *steps, size_t count)
{
	struct change change = {
		.part = part_find("docker"),
		.path = (char *)(uintptr_t) "/etc/docker/daemon.json",
		.base = {.exists = true, .text = ICR_BUF(ICR_BUF_MAX)},
		.wanted = {.exists = true, .text = ICR_BUF(ICR_BUF_MAX)},
	};
	struct change *items[] = {&change};
	struct changes changes = {items, 1};
	struct work work = {0};
	icr_cleanup(state_free) struct state state = {0};
	_cleanup_buf_ struct icr_buf printed = ICR_BUF(ICR_BUF_MAX), back = ICR_BUF(ICR_BUF_MAX);
	size_t len = strlen(base), at = 0;

	icr_buf_append(&change.base.text, base, len);
	for (size_t i = 0; i + 1 < count; i += 2) {
		size_t start = at + steps[i], end = start + steps[i + 1];
		if (end > len)
			break;
		at = end + 1;
		if (is_border(base, len, start) && is_border(base, len, end))
			icr_edit_splice(&change.edit, start, end, new, strlen(new));
	}
	CHECK(icr_edit_apply(&change.edit, base, len, &change.wanted.text, NULL) >= 0);
	if (change_is_ours(&change)) {
		CHECK(state_print(&work, &changes, NULL, 0, &printed, NULL) >= 0);
		CHECK(read_text(printed.data, printed.len, &state) >= 0 && state.count == 1);
		CHECK(reverse(&state.files[0], &change.wanted.text, &back));
		CHECK_SAME(&back, base, len);
	}
	icr_edit_free(&change.edit);
	icr_buf_free(&change.base.text);
	icr_buf_free(&change.wanted.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);

	check_state(text, size);
	_cleanup_free_ char *base = fuzz_cut(&data, &size);
	_cleanup_free_ char *new = fuzz_cut(&data, &size);
	if (size > 1 && is_utf8(base) && is_utf8(new))
		check_way_back(base, new, data, size);
	return 0;
}
