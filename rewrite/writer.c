/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "rewrite/writer.h"

void writer_put(struct writer *writer, cJSON *object, const char *name, cJSON *value)
{
	if (!value || !object || !cJSON_AddItemToObject(object, name, value)) {
		cJSON_Delete(value);
		writer->failed = true;
	}
}

void writer_push(struct writer *writer, cJSON *array, cJSON *value)
{
	if (!value || !array || !cJSON_AddItemToArray(array, value)) {
		cJSON_Delete(value);
		writer->failed = true;
	}
}

void writer_text(struct writer *writer, cJSON *object, const char *name, const char *text)
{
	writer_put(writer, object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}
