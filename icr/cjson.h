/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_CJSON_H
#define ICR_CJSON_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * Small protocol messages by cJSON, behind the strict scanner of icr/json.h: cJSON alone accepts
 * raw control characters and invalid UTF-8, and cuts strings at \u0000. Never for files of others:
 * it loses numbers and order (cJSON 1.7.15). Everything cJSON allocates is wiped when freed; the
 * hooks are installed by the first call of any function here.
 */

/* The object in TEXT; with PREFIX, text after it is ignored. -ICR_E_SYNTAX (\u0000 in a string is
 * an error too), or -ICR_E_PROTOCOL when it is not an object. Free with cJSON_Delete. */
int icr_message_parse(const char *text, size_t len, bool prefix, cJSON **ret_message,
		      struct icr_error *err);

/* Member NAME of an object when it is a string, else NULL; of repeated ones the last counts. */
const char *icr_message_string(const cJSON *message, const char *name);

/* A new empty object, and its text without spaces, appended; -EINVAL when a string in it is not
 * UTF-8. */
cJSON *icr_message_new(void);
int icr_message_print(const cJSON *message, struct icr_buf *out, struct icr_error *err);

/* Put a value into an object under NAME, or at the end of an array. Values are taken over; a TEXT
 * that is NULL becomes null. The new lists and objects belong to where they are put. A size is a
 * number to who reads the text, not in the object: cJSON reads each number that it prints. */
void icr_message_put(cJSON *object, const char *name, cJSON *value);
void icr_message_put_text(cJSON *object, const char *name, const char *text);
void icr_message_put_flag(cJSON *object, const char *name, bool flag);
void icr_message_put_number(cJSON *object, const char *name, double number);
void icr_message_put_size(cJSON *object, const char *name, size_t size);
cJSON *icr_message_put_list(cJSON *object, const char *name);
cJSON *icr_message_put_object(cJSON *object, const char *name);
void icr_message_push_text(cJSON *list, const char *text);
cJSON *icr_message_push_object(cJSON *list);

/* Member NAME, or NULL; is it true? */
const cJSON *icr_message_get(const cJSON *object, const char *name);
bool icr_message_flag(const cJSON *object, const char *name);

static inline void icr_cleanup_message(cJSON **message)
{
	cJSON_Delete(*message);
}

#define _cleanup_message_ __attribute__((cleanup(icr_cleanup_message)))

#endif
