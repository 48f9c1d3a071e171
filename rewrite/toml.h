/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef REWRITE_TOML_H
#define REWRITE_TOML_H

#include <stdbool.h>
#include <stddef.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * Looks through a TOML document (v1.0.0) for the tables and keys that it has, so that lines can be
 * added where they mean what they should. It changes nothing, builds no tree and does not look for
 * keys that are there twice; what is no TOML otherwise is refused.
 */
#define TOML_DEPTH_MAX 64

enum toml_kind {
	TOML_TABLE,   /* [a.b] */
	TOML_ELEMENT, /* [[a.b]], or {} in an array */
	TOML_VALUE,   /* key = value */
};

enum toml_type {
	TOML_STRING,
	TOML_ARRAY,
	TOML_INLINE, /* a table in braces: its keys follow as items of their own */
	TOML_OTHER,  /* a number, boolean or time */
};

struct toml_item {
	enum toml_kind kind;
	const char *const *path; /* from the root, without quotes */
	size_t depth;
	size_t table; /* so many of them are of the table that it stands in */
	bool inside;  /* of braces */
	size_t line;  /* counted from 1 */
	size_t end;   /* offset behind the line of a table's header */
	/* of a value: */
	enum toml_type type;
	size_t start, len; /* as it stands in the text */
};

/* Returns non-zero to end the scan with it. The item is good until it returns. */
typedef int toml_visit(const struct toml_item *item, void *data);

/* Calls VISIT for each item of TEXT, which has a NUL behind it, in its order. Returns what that
 * returned, or -ICR_E_SYNTAX with NAME:LINE:COLUMN. */
int toml_scan(const char *text, size_t len, const char *name, toml_visit *visit, void *data,
	      struct icr_error *err);

/* Does the item's path begin with these NULL-terminated parts? Is it just that? */
bool toml_below(const struct toml_item *item, const char *const *parts);
bool toml_is(const struct toml_item *item, const char *const *parts);

/* What a string value says; false for a value of another type. */
bool toml_string(const char *text, const struct toml_item *item, struct icr_buf *out);

/* Calls EACH with every string that stands right in an array. */
void toml_strings(const char *text, const struct toml_item *item,
		  void (*each)(const char *string, void *data), void *data);

#endif
