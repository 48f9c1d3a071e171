/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A list of names without a proxy, and the names that we add to it: all are covered then, and taken
 * out again they leave the old items; our drop-in says which they are. */
#include "rewrite/docker/proxy.c"

#include "tests/fuzz/fuzz.h"

static void items_of(const char *list, struct icr_strings *items)
{
	for (const char *item = list; item;) {
		const char *text = item;
		size_t len = strcspn(item, ",");
		item = item[len] == ',' ? item + len + 1 : NULL;
		icr_trim(&text, &len);
		if (len > 0)
			icr_strings_add_span(items, text, len);
	}
}

static void check_dropin(const struct icr_strings *names, const char *list)
{
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	_cleanup_strings_ struct icr_strings again = {0};
	_cleanup_free_ char *all = joined("", names);

	icr_buf_printf(&text, "%s# Docker%s%s\n[Service]\n", BLOCK_WHOLE, NAMES_LINE, all);
	systemd_environment_quote(&text, "NO_PROXY", list);
	docker_dropin_names(text.data, &again);
	CHECK(again.count == names->count);
	for (size_t i = 0; i < names->count; i++)
		CHECK(strcmp(again.items[i], names->items[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"us.icr.io", "private.us.icr.io", "icr.io",
					    "registry.ng.bluemix.net"};
	_cleanup_free_ char *list = fuzz_string(data, size);
	_cleanup_strings_ struct icr_strings names = {0}, missing = {0}, before = {0}, after = {0},
					     none = {0};
	_cleanup_buf_ struct icr_buf rest = ICR_BUF(ICR_BUF_MAX), same = ICR_BUF(ICR_BUF_MAX);

	for (size_t i = 0; i < ICR_LENGTH(hosts); i++)
		icr_strings_add(&names, hosts[i]);
	docker_proxy_uncovered(&names, list, &missing);
	_cleanup_free_ char *all = joined(list, &missing);
	CHECK(strncmp(all, list, strlen(list)) == 0);
	for (size_t i = 0; i < names.count; i++)
		CHECK(docker_names_cover(all, names.items[i]));
	docker_names_without(list, &none, &same);
	CHECK_SAME(&same, list, strlen(list));
	docker_names_without(all, &missing, &rest);
	items_of(list, &before);
	items_of(rest.data, &after);
	CHECK(before.count == after.count);
	for (size_t i = 0; i < before.count; i++)
		CHECK(strcmp(before.items[i], after.items[i]) == 0);
	check_dropin(&missing, all);
	return 0;
}
