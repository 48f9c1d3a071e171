/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/docker/reload.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/file.h"
#include "icr/host.h"
#include "icr/process.h"
#include "icr/redact.h"
#include "icr/text.h"
#include "rewrite/docker/api.h"
#include "rewrite/docker/edit.h"
#include "rewrite/docker/mirrors.h"

#define TIMEOUT_MS 5000
#define WORDS_MAX  ((size_t)64 * 1024)
/* dockerd reads the file that this names: its standard input */
#define INPUT "/proc/self/fd/0"

/* What dockerd said, on one line, with the file's own name and no passwords. */
static void tell(const struct icr_buf *said, const char *path, struct icr_buf *out)
{
	static const char noise[] = "unable to configure the Docker daemon with file " INPUT ": ";
	_cleanup_buf_ struct icr_buf clean = ICR_BUF(2 * WORDS_MAX), safe = ICR_BUF(8 * WORDS_MAX);
	size_t len = said->len;

	while (len > 0 && (icr_is_space(said->data[len - 1]) || said->data[len - 1] == '\0'))
		len--;
	icr_redact_urls(said->data, len, &clean);
	icr_text_safe(clean.data, clean.len, " ", &safe);
	const char *at = safe.data;
	if (strncmp(at, noise, strlen(noise)) == 0)
		at += strlen(noise);
	for (const char *input; (input = strstr(at, INPUT)); at = input + strlen(INPUT))
		icr_buf_printf(out, "%.*s%s", (int)(input - at), at, path);
	icr_buf_text(out, at);
	if (out->len == 0)
		icr_buf_text(out, "(it does not say why)");
}

/* Does dockerd refuse it? With its words in RET; where it cannot be asked it does not. */
static bool refuses(const struct docker *docker, const struct content *content, const char *path,
		    struct icr_buf *ret)
{
	_cleanup_buf_ struct icr_buf said = ICR_BUF(WORDS_MAX);
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

	int r = icr_process_run(&process, NULL);
	/* 20.10 has no such flag; a dockerd that does not answer judges nothing */
	if (r <= 0 || r > 128 || strstr(said.data, "--validate"))
		return false;
	tell(&said, path, ret);
	return true;
}

int docker_validate(const struct docker *docker, const struct change *change, struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf before = ICR_BUF(WORDS_MAX);
	_cleanup_buf_ struct icr_buf after = ICR_BUF(WORDS_MAX);

	if (!docker->program || !change->wanted.exists ||
	    !refuses(docker, &change->wanted, change->path, &after))
		return 0;
	if (change->current.exists && refuses(docker, &change->current, change->path, &before)) {
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

#define RELOAD_MS  5000 /* for the daemon to show what it was told */
#define LOOK_MS	   50
#define SYSTEMD_MS 20000

/* The value that counts: the last one. */
static uint32_t value(const struct icr_json *json, const char *key)
{
	return json->count > 0 ? icr_json_member(json, 0, key) : ICR_JSON_NONE;
}

static int parse(const struct content *content, struct icr_json *ret_json)
{
	return icr_json_parse(content->text.data, content->exists ? content->text.len : 0, NULL,
			      DOCKER_JSON_FLAGS, ret_json, NULL);
}

static bool values_differ(const struct content *from, const struct content *to, const char *key)
{
	_cleanup_json_ struct icr_json before = {0}, after = {0};

	if (parse(from, &before) < 0 || parse(to, &after) < 0)
		return true;
	uint32_t old = value(&before, key), new = value(&after, key);
	if (old == ICR_JSON_NONE || new == ICR_JSON_NONE)
		return old != new;
	return !icr_json_equal(&before, old, &after, new);
}

bool docker_value_changes(const struct change *change, const char *key)
{
	return values_differ(&change->current, &change->wanted, key);
}

bool docker_value_is_ours(const struct change *change, const char *key)
{
	return change && values_differ(&change->base, &change->wanted, key);
}

struct seen {
	const struct icr_strings *words;
	bool slash; /* the daemon puts a slash behind each */
	size_t count, missing;
};

static void look_for(const char *entry, void *data)
{
	struct seen *seen = data;
	size_t len = strlen(entry);

	if (seen->slash && len > 0 && entry[len - 1] == '/')
		len--;
	seen->count++;
	for (size_t i = 0; i < seen->words->count; i++) {
		const char *word = seen->words->items[i];
		size_t word_len = strlen(word);
		if (seen->slash && word_len > 0 && word[word_len - 1] == '/')
			word_len--;
		if (word_len == len && strncasecmp(word, entry, len) == 0)
			return;
	}
	seen->missing++;
}

static bool taken_up(const struct icr_json *json, const struct docker_info *info)
{
	struct seen mirrors = {.words = &info->mirrors, .slash = true};
	struct seen insecure = {.words = &info->insecure};

	docker_mirrors_each(json, DOCKER_MIRRORS, look_for, &mirrors);
	docker_mirrors_each(json, DOCKER_INSECURE, look_for, &insecure);
	return mirrors.missing == 0 && insecure.missing == 0 &&
	       (value(json, DOCKER_MIRRORS) == ICR_JSON_NONE ||
		mirrors.count >= info->mirrors.count);
}

/* A list that the file no longer has at all stays in force until a restart: a reload looks at what
 * the file says only. Source: moby, daemon/reload.go, IsValueSet. */
static void note_gone(struct work *work, const struct change *change, const struct icr_json *json,
		      const char *key)
{
	if (value(json, key) == ICR_JSON_NONE && docker_value_changes(change, key))
		note(&work->notes,
		     "Docker keeps the %s that left %s until it is restarted: systemctl restart "
		     "docker, at a time that suits",
		     key, change->path);
}

/* 1: the daemon shows the new lists; 0: it does not, or nobody answers, for RELOAD_MS. */
static int wait_for(struct work *work, const struct docker *docker, const struct icr_json *json,
		    struct icr_error *err)
{
	int64_t deadline = icr_clock_ms() + RELOAD_MS;

	for (;;) {
		_cleanup_docker_info_ struct docker_info info = {0};
		int r = docker_info_get(&work->host, docker, &info, err);
		if (r < 0)
			return r;
		if (r > 0 && taken_up(json, &info))
			return 1;
		if (icr_clock_ms() >= deadline)
			return 0;
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static void note_failure(struct work *work, const struct change *change, const char *why)
{
	note(&work->notes,
	     "Docker has not taken up the changed %s: %s; systemctl restart docker makes it do so",
	     change->path, why);
}

static bool shows_host(const struct icr_strings *words, const struct icr_host *host)
{
	struct docker_entry entry;

	for (size_t i = 0; i < words->count; i++)
		if (docker_entry_parse(words->items[i], &entry) &&
		    strcmp(entry.host.name, host->name) == 0)
			return true;
	return false;
}

struct ours {
	const struct icr_strings *words;
	bool missing;
};

static void look_for_host(const char *text, void *data)
{
	struct ours *ours = data;
	struct docker_entry entry;

	if (docker_entry_parse(text, &entry) && !shows_host(ours->words, &entry.host))
		ours->missing = true;
}

/* Our hosts are in the file, but the daemon was never told: it was written with --offline, or a run
 * was killed before the signal. Other entries are not looked at, since Docker spells some its own
 * way. */
static bool is_behind(struct work *work, const struct docker *docker, const struct change *change)
{
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_json_ struct icr_json json = {0};
	struct ours mirrors = {.words = &info.mirrors}, insecure = {.words = &info.insecure};

	if (!values_differ(&change->base, &change->wanted, DOCKER_MIRRORS) &&
	    !values_differ(&change->base, &change->wanted, DOCKER_INSECURE))
		return false;
	if (parse(&change->wanted, &json) < 0 ||
	    docker_info_get(&work->host, docker, &info, NULL) <= 0)
		return false;
	docker_mirrors_each(&json, DOCKER_MIRRORS, look_for_host, &mirrors);
	docker_mirrors_each(&json, DOCKER_INSECURE, look_for_host, &insecure);
	return mirrors.missing || insecure.missing;
}

void docker_reload(struct work *work, const struct docker *docker, const struct change *change)
{
	_cleanup_json_ struct icr_json json = {0};
	pid_t pid = docker->process.pid;

	if (pid == 0)
		return;
	if (!docker_value_changes(change, DOCKER_MIRRORS) &&
	    !docker_value_changes(change, DOCKER_INSECURE) && !is_behind(work, docker, change))
		return;
	if (!docker_process_is_dockerd(pid))
		return;
	if (kill(pid, SIGHUP) < 0) {
		note_failure(work, change, strerror(errno));
		return;
	}
	if (parse(&change->wanted, &json) < 0)
		return;
	note_gone(work, change, &json, DOCKER_MIRRORS);
	note_gone(work, change, &json, DOCKER_INSECURE);
	_cleanup_error_ struct icr_error why = {0};
	int r = wait_for(work, docker, &json, &why);
	if (r < 0)
		note_failure(work, change, why.what ? why.what : "its API cannot be asked");
	else if (r == 0)
		note_failure(work, change, "its API does not show it (see journalctl -u docker)");
}

void docker_reload_units(struct work *work)
{
	if (systemd_runs() && systemd_reload(SYSTEMD_MS, NULL) < 0)
		note(&work->notes, "systemd did not read its units again: run systemctl "
				   "daemon-reload before Docker is restarted");
}
