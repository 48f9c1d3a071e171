/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Where lines can be added to registries.yaml, they stand right there afterwards, in line with the
 * others, and are found by the next look; nothing else is found before them. */
#include "rewrite/part/k3s.c"
#include "tests/fuzz/fuzz.h"

#define NAME "us.icr.io"

static struct yaml look(const char *text, size_t len, const struct native_names *names)
{
	struct yaml yaml = {.names = names};
	_cleanup_buf_ struct icr_buf buf = ICR_BUF(ICR_BUF_MAX);

	icr_buf_append(&buf, text, len);
	look_through(&buf, &yaml);
	CHECK(yaml.behind <= len && yaml.number <= len);
	CHECK(yaml.mirrors <= yaml.number && (yaml.mirrors == 0) == (yaml.behind == 0));
	return yaml;
}

static void repeat(const uint8_t *data, size_t size, const struct native_names *names)
{
	_cleanup_buf_ struct icr_buf large = ICR_BUF(ICR_BUF_MAX);

	if (!fuzz_is_chosen(data, size))
		return;
	fuzz_repeat(data, size, &large);
	double start = fuzz_seconds();
	(void)look(large.data, large.len, names);
	CHECK(fuzz_seconds() - start < FUZZ_SLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct native_name name = {NAME, "private." NAME};
	const struct native_names names = {&name, 1};
	const char *text = (const char *)data;
	_cleanup_buf_ struct icr_buf with = ICR_BUF(ICR_BUF_MAX);

	repeat(data, size, &names);
	struct yaml before = look(text, size, &names);
	if (before.what)
		return 0;
	size_t at = before.mirrors ? before.behind : size;
	icr_buf_append(&with, text, at);
	if (at > 0 && text[at - 1] != '\n')
		icr_buf_char(&with, '\n');
	if (!before.mirrors)
		icr_buf_text(&with, "mirrors:\n");
	size_t line = block_count_lines(with.data, with.len) + 1;
	icr_buf_printf(&with, "%*s" NAME ":\n", (int)(before.indent ? before.indent : 2), "");
	icr_buf_append(&with, text + at, size - at);
	struct yaml after = look(with.data, with.len, &names);
	CHECK(after.what && strstr(after.what, "configures") && after.number == line);
	return 0;
}
