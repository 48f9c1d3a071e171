/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What files say about proxies: the variable stands in the line that is told, the list stands in
 * the text, written alone both are read again; and it takes time in proportion to the text. */
#include "rewrite/surroundings.c"

#include "tests/fuzz/fuzz.h"

static void check_line(const struct proxies *proxies, const char *text, size_t size)
{
	const char *end = text + size;

	for (size_t line = 1; line < proxies->line; line++) {
		text = memchr(text, '\n', (size_t)(end - text));
		CHECK(text);
		text++;
	}
	const char *feed = memchr(text, '\n', (size_t)(end - text));
	CHECK(memmem(text, (size_t)((feed ? feed : end) - text), proxies->variable,
		     strlen(proxies->variable)));
}

static void check_again(const struct proxies *proxies)
{
	static const char *const names[] = {"NO_PROXY", "no_proxy"}; /* in the order of the lists */
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	icr_cleanup(proxies_free) struct proxies again = {0};

	icr_buf_printf(&text, "%s=x\n", proxies->variable);
	for (size_t i = 0; i < ICR_LENGTH(names); i++) {
		const char *list = proxies->lists[i];
		if (list && (strpbrk(list, "\"\n=") || !*list))
			return;
		if (list)
			icr_buf_printf(&text, "  export %s=\"%s\"\n", names[i], list);
	}
	read_text(&again, text.data, text.len);
	CHECK(again.variable && strcmp(again.variable, proxies->variable) == 0 && again.line == 1);
	for (size_t i = 0; i < ICR_LENGTH(names); i++) {
		CHECK((again.lists[i] != NULL) == (proxies->lists[i] != NULL));
		CHECK(!again.lists[i] || strcmp(again.lists[i], proxies->lists[i]) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	icr_cleanup(proxies_free) struct proxies proxies = {0}, of_large = {0};
	_cleanup_buf_ struct icr_buf large = ICR_BUF(ICR_BUF_MAX);

	read_text(&proxies, text, size);
	if (proxies.variable) {
		check_line(&proxies, text, size);
		check_again(&proxies);
	}
	for (size_t i = 0; i < ICR_LENGTH(proxies.lists); i++)
		if (proxies.lists[i])
			CHECK(memmem(text, size, proxies.lists[i], strlen(proxies.lists[i])));
	if (!fuzz_is_chosen(data, size))
		return 0;
	fuzz_repeat(data, size, &large);
	double began = fuzz_seconds();
	read_text(&of_large, large.data, large.len);
	CHECK(fuzz_seconds() - began < FUZZ_SLOW);
	return 0;
}
