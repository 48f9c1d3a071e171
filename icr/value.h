/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_VALUE_H
#define ICR_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"
#include "icr/json.h"

/*
 * A JSON text as an ordered tree: the reports that programs print, the files that they keep for
 * themselves, and small ones that others wrote and nobody here changes. It needs nothing but libc,
 * so that what is linked statically can have it: no distribution has an archive of cJSON, which is
 * left for what servers answer (icr/cjson.h). Files that are edited stay text (icr/json-edit.h).
 *
 * What was read is printed as it was, members in their order and numbers as they were spelled. All
 * of it is wiped when freed: a text may hold a proxy's password.
 */
struct icr_value {
	enum icr_json_type type;
	const char *name;		       /* of a member; else NULL */
	const char *text;		       /* of a string, or a number's digits; else NULL */
	struct icr_value *child, *last, *next; /* members or items: first, last; its neighbour */
	size_t count;			       /* of members or items */
	size_t size;			       /* of this in memory */
	char bytes[];			       /* name and text */
};

/* The object in TEXT; with PREFIX, text after it is ignored. -ICR_E_SYNTAX (\u0000 in a string is
 * an error too), or -ICR_E_PROTOCOL when it is not an object. */
int icr_value_parse(const char *text, size_t len, bool prefix, struct icr_value **ret_value,
		    struct icr_error *err);

/* Appends its text without spaces, and without its own name, to nothing or to what icr_json_begin()
 * began. -EINVAL, and nothing appended, when a string in it is not UTF-8. */
int icr_value_print(const struct icr_value *value, struct icr_buf *out, struct icr_error *err);

/* A new empty object. Only this and what icr_value_parse() gives are freed; NULL is fine. */
struct icr_value *icr_value_new(void);
void icr_value_free(struct icr_value *value);

/* Each puts a value into an object under NAME, behind the others, or at the end of a list. What is
 * put belongs to where it is put, and is yielded where more can be put into it. TYPE has no text;
 * a TEXT that is NULL becomes null. */
struct icr_value *icr_value_put(struct icr_value *object, const char *name,
				enum icr_json_type type);
void icr_value_put_text(struct icr_value *object, const char *name, const char *text);
void icr_value_put_flag(struct icr_value *object, const char *name, bool flag);
void icr_value_put_number(struct icr_value *object, const char *name, int64_t number);
struct icr_value *icr_value_put_list(struct icr_value *object, const char *name);
struct icr_value *icr_value_put_object(struct icr_value *object, const char *name);
void icr_value_push_text(struct icr_value *list, const char *text);
struct icr_value *icr_value_push_object(struct icr_value *list);

/* Moves all members of FROM, which is empty then, to the end of TO. */
void icr_value_move(struct icr_value *to, struct icr_value *from);

/* Member NAME of an object; of repeated ones the last counts. NULL when there is none, or no
 * OBJECT. */
const struct icr_value *icr_value_get(const struct icr_value *object, const char *name);

/* The member's text when it is a string, else NULL; is it true? Is it a whole number in MIN..MAX,
 * written without point or exponent? */
const char *icr_value_text(const struct icr_value *object, const char *name);
bool icr_value_flag(const struct icr_value *object, const char *name);
bool icr_value_number(const struct icr_value *object, const char *name, int64_t min, int64_t max,
		      int64_t *ret_number);

/* The same of a value itself, which may be NULL. */
static inline bool icr_value_is(const struct icr_value *value, enum icr_json_type type)
{
	return value && value->type == type;
}

static inline const char *icr_value_string(const struct icr_value *value)
{
	return icr_value_is(value, ICR_JSON_STRING) ? value->text : NULL;
}

static inline const struct icr_value *icr_value_first(const struct icr_value *list)
{
	return list ? list->child : NULL;
}

/* A loop over the items of a list or the members of an object; LIST may be NULL. */
#define icr_value_each(item, list)                                                                 \
	for (const struct icr_value *item = icr_value_first(list); item; item = item->next)

static inline void icr_cleanup_value(struct icr_value **value)
{
	icr_value_free(*value);
}

#define _cleanup_value_ __attribute__((cleanup(icr_cleanup_value)))

#endif
