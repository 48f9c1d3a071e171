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

void writer_route(struct writer *writer, cJSON *object, const struct region_route *route)
{
	writer_text(writer, object, "region", route->region->id);
	writer_text(writer, object, "public", route->region->public_name);
	writer_text(writer, object, "private", route->region->private_name);
	writer_text(writer, object, "status", region_status_text(route->status));
	cJSON *names = cJSON_CreateArray();
	const char *all[ROUTE_NAMES_MAX];
	size_t count = route_names(route, all);
	for (size_t i = 0; i < count; i++)
		writer_push(writer, names, cJSON_CreateString(all[i]));
	writer_put(writer, object, "names", names);
	cJSON *addresses = cJSON_CreateArray();
	for (size_t i = 0; i < route->count; i++)
		writer_push(writer, addresses, cJSON_CreateString(route->addresses[i]));
	writer_put(writer, object, "addresses", addresses);
}

cJSON *writer_routes(struct writer *writer, const struct routes *routes)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < routes->count; i++) {
		const struct region_route *route = &routes->items[i];
		cJSON *item = cJSON_CreateObject();
		writer_route(writer, item, route);
		writer_put(writer, item, "proven", cJSON_CreateBool(route->proven));
		writer_text(writer, item, "reason", route->reason);
		writer_text(writer, item, "hint", route->hint);
		writer_push(writer, list, item);
	}
	return list;
}

cJSON *writer_notes(struct writer *writer, const struct notes *notes)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < notes->count; i++)
		writer_push(writer, list, cJSON_CreateString(notes->lines[i]));
	return list;
}

void writer_error(struct writer *writer, cJSON *object, const struct icr_error *err)
{
	cJSON *item = cJSON_CreateObject();
	writer_text(writer, item, "message", err->what);
	writer_text(writer, item, "where", err->where);
	writer_text(writer, item, "hint", err->hint);
	writer_put(writer, object, "error", item);
}
