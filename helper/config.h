/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_CONFIG_H
#define HELPER_CONFIG_H

#include <stddef.h>

#include "icr/environment.h"
#include "icr/error.h"

#define CONFIG_SYSTEM_FILE "/etc/docker-credential-icr/config.json"
#define CONFIG_MAX	   ((size_t)64 * 1024)

struct store;

/* The configuration: the system's file, and over it, key by key, the user's. */
struct config {
	const struct store **stores; /* in the order to ask; never empty */
	size_t stores_count;
	char *apikey_file; /* absolute; NULL when not set */
};

/*
 * Reads both files; one that is not there counts as empty. An unknown key, a wrong type or a value
 * that may not be is -ICR_E_CONFIG at "FILE:LINE:COLUMN" naming the key; -ICR_E_SYNTAX when a file
 * is no JSON. Free with config_free.
 */
int config_load(const struct icr_environment *environment, struct config *ret_config,
		struct icr_error *err);

void config_free(struct config *config);

#endif
