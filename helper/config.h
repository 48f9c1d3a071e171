/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CONFIG_H
#define HELPER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/environment.h"
#include "icr/error.h"

#define CONFIG_SYSTEM_FILE "/etc/docker-credential-icr/config.json"

struct config;
struct source;
struct store;

enum config_type {
	CONFIG_TEXT,   /* a string that is not empty */
	CONFIG_PATH,   /* "/..." or "~/...", which becomes absolute */
	CONFIG_WORD,   /* one of words */
	CONFIG_NUMBER, /* a whole number in min..max */
	CONFIG_OBJECT, /* of members, which are called "KEY.MEMBER" */
};

/*
 * A key of the configuration. Sources and stores declare their own (struct source, struct store);
 * a list of them ends with one that has no name.
 */
struct config_key {
	const char *name;
	enum config_type type;
	const char *wanted;	  /* "a path": what it must be, for people; NULL: by the type */
	const char *const *words; /* of CONFIG_WORD, up to a NULL */
	int64_t min, max;	  /* of CONFIG_NUMBER */
	const struct config_key *members;

	/* Says no (by config_fail) to a value of the right type that may not be; with an object,
	 * when all its members are read. May be NULL. */
	int (*check)(const struct config *config, const char *key, struct icr_error *err);
};

/* A value that was set. */
struct config_value {
	char *key;   /* "apikey_file", "trusted_profile.id" */
	char *place; /* FILE:LINE:COLUMN */
	char *text;  /* of TEXT, PATH and WORD; else NULL */
	int64_t number;
};

/* The configuration: the system's file, and over it, key by key, the user's. */
struct config {
	const struct store **stores; /* in the order to ask; never empty */
	size_t stores_count;
	const struct source **sources; /* likewise */
	size_t sources_count;
	struct config_value *items; /* everything else */
	size_t count;
};

/*
 * Reads both files; one that is not there counts as empty. An unknown key, a wrong type or a value
 * that may not be is -ICR_E_CONFIG at "FILE:LINE:COLUMN" naming the key; -ICR_E_SYNTAX when a file
 * is no JSON. No value is quoted: it may be a key, put there by mistake. Free with config_free.
 */
int config_load(const struct icr_environment *environment, struct config *ret_config,
		struct icr_error *err);

void config_free(struct config *config);

/* What KEY is set to; NULL, false, or OTHERWISE when it is not set. */
const char *config_text(const struct config *config, const char *key);
bool config_is(const struct config *config, const char *key, const char *word);
bool config_has(const struct config *config, const char *key);
int64_t config_number(const struct config *config, const char *key, int64_t otherwise);

/* FILE:LINE:COLUMN where KEY is set, which it must be. */
const char *config_place(const struct config *config, const char *key);

/* -ICR_E_CONFIG at the place where KEY is set. */
int config_fail(const struct config *config, const char *key, struct icr_error *err,
		const char *format, ...) ICR_PRINTF(4, 5);

#endif
