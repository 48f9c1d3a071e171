/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/notes.h"

#include <stdarg.h>
#include <stdlib.h>

#include "icr/buf.h"
#include "icr/cleanup.h"

#define NOTE_MAX ((size_t)64 * 1024)

void note(struct notes *notes, const char *format, ...)
{
	_cleanup_buf_ struct icr_buf text;
	icr_buf_init(&text, NOTE_MAX);
	va_list args;
	va_start(args, format);
	icr_buf_vprintf(&text, format, args);
	va_end(args);
	char **lines = reallocarray(notes->lines, notes->count + 1, sizeof(*lines));
	if (!lines)
		return;
	notes->lines = lines;
	lines[notes->count] = icr_buf_take(&text);
	if (lines[notes->count])
		notes->count++;
}

void notes_free(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->lines[i]);
	free(notes->lines);
	*notes = (struct notes){0};
}
