/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_DOCKER_WORDS_H
#define REWRITE_DOCKER_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/error.h"

/*
 * A list of strings: command lines, NAME=VALUE environments. Zero-initialise. Adding never reports:
 * the first lack of memory sticks and words_check() tells. Freeing wipes, since proxy URLs may hold
 * passwords.
 */
struct words {
	char **items;
	size_t count;
	bool failed;
};

void words_add(struct words *words, const char *bytes, size_t len);

/* Adds the strings of a block in which each ends with a NUL, as in /proc/PID/cmdline. */
void words_add_block(struct words *words, const char *block, size_t len);

/*
 * Adds the items of TEXT as systemd splits them: separated by white space, with '...' and "..."
 * taken off wherever they stand, and C escapes. Source: systemd.syntax(7), "Quoting". False when a
 * quote is left open; what came before it has been added then.
 */
bool words_split(struct words *words, const char *text, size_t len);

/* The value of the last NAME=VALUE; NULL when there is none or it is empty. */
const char *words_value(const struct words *words, const char *name);

void words_clear(struct words *words);

/* -ENOMEM when an addition failed. */
int words_check(const struct words *words, struct icr_error *err);

#define _cleanup_words_ __attribute__((cleanup(words_clear)))

#endif
