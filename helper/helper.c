/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/helper.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/file.h"
#include "icr/memory.h"

#define NOTE_MAX ((size_t)64 * 1024)

int helper_context_init(struct helper_context *ret_context, struct icr_error *err)
{
	struct helper_context context = {0};

	icr_environment_read(&context.environment);
	int r = config_load(&context.environment, &context.config, err);
	if (r < 0)
		return r;
	*ret_context = context;
	return 0;
}

void helper_context_free(struct helper_context *context)
{
	config_free(&context->config);
}

bool helper_is_quiet(void)
{
	const char *quiet = icr_environment_get("ICR_QUIET");

	return icr_quiet() || (quiet && strcmp(quiet, "0") != 0);
}

static bool is_program(const char *folder, size_t len)
{
	_cleanup_free_ char *copy = icr_strndup(folder, len);
	_cleanup_free_ char *file = icr_path_join(copy, HELPER_NAME);
	struct stat st;

	/* Go's exec.LookPath does not run what a relative folder holds. */
	return file[0] == '/' && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(file, X_OK) == 0;
}

bool helper_is_in_path(const struct icr_environment *environment)
{
	const char *folder = environment->path ? environment->path : "";

	for (; *folder; folder += folder[0] == ':') {
		size_t len = strcspn(folder, ":");
		if (len > 0 && is_program(folder, len))
			return true;
		folder += len;
	}
	return false;
}

void helper_note_error(const struct icr_error *err, const char *text)
{
	_cleanup_buf_ struct icr_buf line = ICR_BUF(NOTE_MAX);

	icr_error_print(err, &line);
	if (text)
		icr_say(ICR_WARNING, "%s: %s", text, line.data);
	else
		icr_say(ICR_WARNING, "%s", line.data);
	if (err->hint)
		icr_say(ICR_WARNING, "%s", err->hint);
}
