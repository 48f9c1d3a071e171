/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_WRITER_H
#define REWRITE_WRITER_H

#include <stdbool.h>

#include <cjson/cJSON.h>

/* Builds JSON for the state and the reports. cJSON tells lack of memory call by call; here one flag
 * gathers it. Values are taken over in every case. */
struct writer {
	bool failed;
};

void writer_put(struct writer *writer, cJSON *object, const char *name, cJSON *value);
void writer_push(struct writer *writer, cJSON *array, cJSON *value);

/* A string, or null. */
void writer_text(struct writer *writer, cJSON *object, const char *name, const char *text);

#endif
