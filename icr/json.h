/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_JSON_H
#define ICR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * A strict RFC 8259 scanner that keeps byte positions, for files that other programs own and for
 * checking messages before they reach a laxer parser. It never copies or changes the text.
 */

#define ICR_JSON_DEPTH_MAX 512
#define ICR_JSON_NODES_MAX ((size_t)1 << 22) /* as many as fit into a file of ICR_FILE_MAX */

enum icr_json_type {
	ICR_JSON_NULL,
	ICR_JSON_FALSE,
	ICR_JSON_TRUE,
	ICR_JSON_NUMBER,
	ICR_JSON_STRING,
	ICR_JSON_ARRAY,
	ICR_JSON_OBJECT,
};

/* "nothing here", for every node index below */
#define ICR_JSON_NONE ((uint32_t)-1)

struct icr_json_node {
	enum icr_json_type type;
	size_t start, end;	   /* span of the value, quotes and brackets included */
	size_t key_start, key_end; /* of a member: span of its name, quotes included; else 0, 0 */
	uint32_t parent, child, last, next; /* indices or ICR_JSON_NONE; siblings in file order */
	uint32_t count;			    /* of members or items */
};

struct icr_json {
	const char *text; /* the caller's; must outlive this */
	size_t len;
	size_t end;		     /* first byte after the root value */
	struct icr_json_node *nodes; /* nodes[0] is the root; parents before children */
	uint32_t count;		     /* 0 for an empty document, see ICR_JSON_EMPTY */
};

enum icr_json_flags {
	ICR_JSON_BOM = 1,    /* a UTF-8 byte order mark is skipped instead of refused */
	ICR_JSON_EMPTY = 2,  /* white space alone (or nothing) is a document with no nodes */
	ICR_JSON_PREFIX = 4, /* what follows the first value is ignored, as Go's Decoder does */
	ICR_JSON_NO_NUL = 8, /* \u0000 in a string is refused */
};

/*
 * -ICR_E_SYNTAX at "NAME:LINE:COLUMN" (COLUMN counts characters from 1, at the first character that
 * cannot stand there, of a lone surrogate escape its backslash; a byte order mark does not count;
 * CR, LF and CR LF each end a line); UTF-16, invalid UTF-8 and lone surrogate escapes are errors.
 * No text is ever quoted in a message: it may be a secret. NAME is the file's name, or NULL for a
 * message, whose error then carries "line L, column C" in its text.
 */
int icr_json_parse(const char *text, size_t len, const char *name, unsigned flags,
		   struct icr_json *ret_json, struct icr_error *err);

void icr_json_free(struct icr_json *json);

#define _cleanup_json_ __attribute__((cleanup(icr_json_free)))

/* The member of OBJECT called NAME (compared decoded); of repeated ones the last, as Go and Docker
 * read it. ICR_JSON_NONE when there is none or OBJECT is no object (or ICR_JSON_NONE itself). */
uint32_t icr_json_member(const struct icr_json *json, uint32_t object, const char *name);

/* Is the member's name (or: the string value) equal to TEXT, decoded? */
bool icr_json_name_is(const struct icr_json *json, uint32_t member, const char *text);
bool icr_json_string_is(const struct icr_json *json, uint32_t string, const char *text);

/* Appends the decoded string value (or member name) as UTF-8. */
void icr_json_string(const struct icr_json *json, uint32_t string, struct icr_buf *out);
void icr_json_name(const struct icr_json *json, uint32_t member, struct icr_buf *out);

/* The same, malloc'ed; NULL when NODE is not a string or memory ran out. */
char *icr_json_string_dup(const struct icr_json *json, uint32_t string);
char *icr_json_name_dup(const struct icr_json *json, uint32_t member);

bool icr_json_is(const struct icr_json *json, uint32_t node, enum icr_json_type type);

/* Is NODE a whole number in MIN..MAX, written without point or exponent? */
bool icr_json_integer(const struct icr_json *json, uint32_t node, int64_t min, int64_t max,
		      int64_t *ret_number);

/* "string", "an array", ... for messages */
const char *icr_json_type_name(enum icr_json_type type);

/* "NAME:LINE:COLUMN" of a byte offset, malloc'ed; for errors about values that parse. */
char *icr_json_place(const struct icr_json *json, const char *name, size_t offset);

/* The string member NAME of OBJECT, decoded, malloc'ed; NULL when there is none, or it is no
 * string. */
char *icr_json_text(const struct icr_json *json, uint32_t object, const char *name);

/*
 * Writing: each appends a value to the object (under NAME) or list (NAME is NULL) that was begun
 * last, behind a comma where one is due. RAW is JSON text; a TEXT that is NULL becomes null.
 * BRACKET is '{' or '['; the end is appended by icr_buf_char.
 */
void icr_json_put(struct icr_buf *out, const char *name, const char *raw);
void icr_json_put_text(struct icr_buf *out, const char *name, const char *text);
void icr_json_put_flag(struct icr_buf *out, const char *name, bool flag);
void icr_json_begin(struct icr_buf *out, const char *name, char bracket);

/* Appends TEXT as a JSON string with quotes; <, >, & and U+2028/9 are left as they are. */
void icr_json_quote(struct icr_buf *out, const char *text, size_t len);

/* Are the two values equal, comparing numbers by their spelling and members in order? */
bool icr_json_equal(const struct icr_json *a, uint32_t node_a, const struct icr_json *b,
		    uint32_t node_b);

#endif
