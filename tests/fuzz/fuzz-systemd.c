/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* Units, their words and files of variables: what is split, quoted and split again is the same; so
 * are the variables of an EnvironmentFile=, and a value in a line Environment= that we write. A
 * unit takes time in proportion to its text. */
#include "rewrite/systemd.c"

#include "tests/fuzz/fuzz.h"

static const struct systemd_names names = {"docker.service", "host.example"};

static void check_same(const struct icr_strings *one, const struct icr_strings *other)
{
	CHECK(one->count == other->count);
	for (size_t i = 0; i < one->count; i++)
		CHECK(strcmp(one->items[i], other->items[i]) == 0);
}

static void check_words(const char *text, size_t size)
{
	_cleanup_strings_ struct icr_strings words = {0}, again = {0};
	_cleanup_buf_ struct icr_buf quoted = ICR_BUF(ICR_BUF_MAX);

	if (!systemd_split(&words, text, size))
		return;
	for (size_t i = 0; i < words.count; i++) {
		icr_buf_text(&quoted, i > 0 ? " \"" : "\"");
		for (const char *c = words.items[i]; *c; c++)
			icr_buf_printf(&quoted, "%s%c", strchr("\"\\", *c) ? "\\" : "", *c);
		icr_buf_char(&quoted, '"');
	}
	CHECK(systemd_split(&again, quoted.data, quoted.len));
	check_same(&words, &again);
}

/* The value of a line that ends up in a unit: read as systemd would. */
static void check_line(const char *text)
{
	_cleanup_buf_ struct icr_buf unit = ICR_BUF(ICR_BUF_MAX);
	_cleanup_strings_ struct icr_strings filled = {0};
	icr_cleanup(parser_clear) struct parser parser = {0};
	_cleanup_free_ char *value = icr_strdup(text);

	/* a value with a line end in it is not written */
	value[strcspn(value, "\r\n")] = '\0';
	icr_buf_text(&unit, "[Service]\n");
	systemd_environment_quote(&unit, "NO_PROXY", value);
	systemd_environment_quote(&unit, "no_proxy", "last");
	parse_text(&parser, unit.data, unit.len);
	for (size_t i = 0; i < parser.environment.count; i++)
		CHECK(systemd_fill_in(&filled, parser.environment.items[i], &names));
	CHECK(filled.count == 2 && strcmp(filled.items[1], "no_proxy=last") == 0);
	CHECK(strncmp(filled.items[0], "NO_PROXY=", strlen("NO_PROXY=")) == 0);
	CHECK(strcmp(filled.items[0] + strlen("NO_PROXY="), value) == 0);
}

static void check_file(const char *text, size_t size)
{
	_cleanup_strings_ struct icr_strings variables = {0}, again = {0};
	_cleanup_buf_ struct icr_buf file = ICR_BUF(ICR_BUF_MAX);

	systemd_environment_parse(&variables, text, size);
	for (size_t i = 0; i < variables.count; i++) {
		const char *value = strchr(variables.items[i], '=');
		CHECK(value && value > variables.items[i]);
		icr_buf_printf(&file, "%.*s\"", (int)(value + 1 - variables.items[i]),
			       variables.items[i]);
		for (value++; *value; value++)
			icr_buf_printf(&file, "%s%c", strchr("\"\\`$", *value) ? "\\" : "", *value);
		icr_buf_text(&file, "\"\n");
	}
	systemd_environment_parse(&again, file.data, file.len);
	check_same(&variables, &again);
}

static void check_unit(const char *text, size_t size)
{
	icr_cleanup(parser_clear) struct parser parser = {0};
	_cleanup_strings_ struct icr_strings command = {0};

	parse_text(&parser, text, size);
	if (!parser.start)
		return;
	systemd_command_parse(&command, parser.start, &parser.environment, &names);
	CHECK(command.count > 0 || !*parser.start || strpbrk(parser.start, "\"'") ||
	      icr_is_space(parser.start[0]));
}

static void check_time(const uint8_t *data, size_t size)
{
	icr_cleanup(parser_clear) struct parser parser = {0};
	_cleanup_strings_ struct icr_strings words = {0};
	_cleanup_buf_ struct icr_buf large = ICR_BUF(ICR_BUF_MAX);

	icr_buf_text(&large, "[Service]\n");
	fuzz_repeat(data, size, &large);
	double began = fuzz_seconds();
	parse_text(&parser, large.data, large.len);
	systemd_environment_parse(&words, large.data, large.len);
	CHECK(fuzz_seconds() - began < FUZZ_SLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);

	check_words(text, size);
	check_line(text);
	check_file(text, size);
	check_unit(text, size);
	if (fuzz_is_chosen(data, size))
		check_time(data, size);
	return 0;
}
