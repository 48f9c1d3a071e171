/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/progress.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/memory.h"

#define SILENT_MS 1000
#define SLICE_MS  200

/* The terminal is one for the whole process, and so is what is said there. */
static struct {
	void (*say)(const char *text); /* NULL: off */
	const char *what;
	int64_t since_ms;
	bool said, held;
} progress;

void icr_progress_start(void (*say)(const char *text))
{
	progress.say = say;
	icr_progress(NULL);
}

void icr_progress(const char *what)
{
	progress.what = what;
	progress.since_ms = icr_clock_ms();
	progress.said = false;
}

static bool is_held(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return false;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigismember(&pending, signals[i]) == 1)
			return true;
	return false;
}

void icr_progress_tick(void)
{
	if (!progress.say)
		return;
	if (!progress.said && icr_clock_ms() - progress.since_ms >= SILENT_MS) {
		progress.said = true;
		_cleanup_free_ char *text =
			icr_printf("%s ...", progress.what ? progress.what : "still at work");
		progress.say(text);
	}
	if (!progress.held && is_held()) {
		progress.held = true;
		progress.say("stops as soon as what was written is proven or taken back ...");
	}
}

int icr_progress_slice(int ms)
{
	return progress.say && ms > SLICE_MS ? SLICE_MS : ms;
}

void icr_progress_sleep(int ms)
{
	int64_t end = icr_clock_ms() + ms, left;

	while ((left = end - icr_clock_ms()) > 0) {
		(void)poll(NULL, 0, icr_progress_slice((int)left));
		icr_progress_tick();
	}
}
