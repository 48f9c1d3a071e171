/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include <errno.h>
#include <string.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/process.h"
#include "rewrite/docker/reload.h"
#include "rewrite/redact.h"

#define TIMEOUT_MS 5000
#define WORDS_MAX  ((size_t)64 * 1024)
/* dockerd reads the file that this names: its standard input */
#define INPUT "/proc/self/fd/0"

/* What dockerd said, on one line, with the file's own name and no passwords. */
static void tell(const char *said, const char *path, struct icr_buf *out)
{
	static const char noise[] = "unable to configure the Docker daemon with file " INPUT ": ";
	_cleanup_buf_ struct icr_buf clean;

	icr_buf_init(&clean, 2 * WORDS_MAX);
	redact_urls(said, strlen(said), &clean);
	said = clean.data;
	if (strncmp(said, noise, strlen(noise)) == 0)
		said += strlen(noise);
	while (*said) {
		bool input = strncmp(said, INPUT, strlen(INPUT)) == 0;
		if (input)
			icr_buf_text(out, path);
		else
			icr_buf_char(out, (unsigned char)*said < 0x20 ? ' ' : *said);
		said += input ? strlen(INPUT) : 1;
	}
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		icr_buf_truncate(out, out->len - 1);
}

/* 0: accepted or not to be asked; 1: refused, with its words in RET. */
static int ask(const struct docker *docker, const struct content *content, const char *path,
	       struct icr_buf *ret, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf said;
	const char *const arguments[] = {docker->program, "--validate", "--config-file", INPUT,
					 NULL};
	const struct icr_process process = {
		.arguments = arguments,
		.input = content->text.data,
		.input_len = content->text.len,
		.timeout_ms = TIMEOUT_MS,
		.output = &said,
		.errors = &said,
	};

	icr_buf_init(&said, WORDS_MAX);
	int r = icr_process_run(&process, NULL);
	if (r == -ENOMEM)
		return icr_fail_memory(err);
	/* 20.10 has no such flag; a dockerd that does not answer judges nothing */
	if (r <= 0 || strstr(said.data, "--validate"))
		return 0;
	tell(said.data, path, ret);
	return 1;
}

int docker_validate(const struct docker *docker, const struct change *change, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf after, before;
	int refused_before = 0;

	icr_buf_init(&after, WORDS_MAX);
	icr_buf_init(&before, WORDS_MAX);
	if (!docker->program || !change->wanted.exists)
		return 0;
	int r = ask(docker, &change->wanted, change->path, &after, err);
	if (r <= 0)
		return r;
	if (change->current.exists)
		refused_before = ask(docker, &change->current, change->path, &before, err);
	if (refused_before < 0)
		return refused_before;
	if (refused_before > 0) {
		icr_fail_at(err, ICR_E_CONFIG, change->path,
			    "dockerd refuses this file as it is, before any change of ours: %s",
			    before.data);
		return icr_error_hint(err,
				      "mend it (dockerd --validate --config-file %s), then "
				      "try again",
				      change->path);
	}
	icr_fail_at(err, ICR_E_CONFIG, change->path,
		    "dockerd would refuse this file after our change, so nothing was changed: %s",
		    after.data);
	return icr_error_hint(err, "icr-rewrite plan shows the change");
}
