/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/notes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "icr/memory.h"

void note(struct notes *notes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ICR_APPEND(notes)->text = icr_vprintf(format, args);
	va_end(args);
}

void note_warning(struct notes *notes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*ICR_APPEND(notes) = (struct note){.text = icr_vprintf(format, args), .warning = true};
	va_end(args);
}

void note_past(struct notes *notes, struct icr_strings *past, const char *text)
{
	if (past)
		icr_strings_add(past, text);
	else
		note_warning(notes, "%s", text);
}

bool notes_have(const struct notes *notes, const char *text)
{
	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->items[i].text, text) == 0)
			return true;
	return false;
}

void notes_free(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->items[i].text);
	free(notes->items);
	*notes = (struct notes){0};
}
