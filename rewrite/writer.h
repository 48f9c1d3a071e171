/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_WRITER_H
#define REWRITE_WRITER_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "icr/cjson.h"

/* The former names of icr/cjson.h's icr_message_put and its like. */
struct writer {
	bool failed;
};

static inline void writer_put(struct writer *writer, cJSON *object, const char *name, cJSON *value)
{
	(void)writer;
	icr_message_put(object, name, value);
}

static inline void writer_push(struct writer *writer, cJSON *array, cJSON *value)
{
	(void)writer;
	(void)cJSON_AddItemToArray(array, value);
}

static inline void writer_text(struct writer *writer, cJSON *object, const char *name,
			       const char *text)
{
	(void)writer;
	icr_message_put_text(object, name, text);
}

#endif
