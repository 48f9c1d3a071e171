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
	_cleanup_buf_ struct icr_buf text = ICR_BUF(ICR_BUF_MAX);
	icr_cleanup(proxies_free) struct proxies again = {0};

	if (proxies->no_proxy && (strpbrk(proxies->no_proxy, "\"\n=") || !*proxies->no_proxy))
		return;
	icr_buf_printf(&text, "%s=x\n", proxies->variable);
	if (proxies->no_proxy)
		icr_buf_printf(&text, "  export NO_PROXY=\"%s\"\n", proxies->no_proxy);
	read_text(&again, text.data, text.len);
	CHECK(again.variable && strcmp(again.variable, proxies->variable) == 0 && again.line == 1);
	CHECK((again.no_proxy != NULL) == (proxies->no_proxy != NULL));
	CHECK(!again.no_proxy || strcmp(again.no_proxy, proxies->no_proxy) == 0);
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
	if (proxies.no_proxy)
		CHECK(memmem(text, size, proxies.no_proxy, strlen(proxies.no_proxy)));
	if (!fuzz_is_chosen(data, size))
		return 0;
	fuzz_repeat(data, size, &large);
	double began = fuzz_seconds();
	read_text(&of_large, large.data, large.len);
	CHECK(fuzz_seconds() - began < FUZZ_SLOW);
	return 0;
}
