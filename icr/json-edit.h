/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_JSON_EDIT_H
#define ICR_JSON_EDIT_H

#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/edit.h"
#include "icr/error.h"
#include "icr/json.h"

/*
 * JSON edits, expressed as splices in the style of what stands around them (line ends, indentation,
 * space after the colon), so that adding and then removing gives the old bytes back:
 * a member or item is added behind the last one and repeats the comma and the white space before
 * that one (where there is just one, on the same line, a blank if colons are followed by one); into
 * an empty object or array it goes before the white space that is there, one line deeper when that
 * holds a line break, else on the same line. Several additions to one object or array in one edit
 * come out in the order given. Values are raw JSON text, indented by the caller's own needs with
 * icr_json_edit_indent().
 */
void icr_json_edit_add_member(struct icr_edit *edit, const struct icr_json *json, uint32_t object,
			      const char *name, const char *value);
void icr_json_edit_add_item(struct icr_edit *edit, const struct icr_json *json, uint32_t array,
			    const char *value);

/* Replaces the value, leaving its name. */
void icr_json_edit_replace(struct icr_edit *edit, const struct icr_json *json, uint32_t node,
			   const char *value);

/* Removes a set of members or items of one object or array, with their commas and the white space
 * that belonged to them. NODES in file order, and all that go from there in one call and before
 * anything is added there: else the edit fails. */
void icr_json_edit_remove(struct icr_edit *edit, const struct icr_json *json, const uint32_t *nodes,
			  size_t count);

/*
 * The white space that begins a line at the depth of OBJECT's members plus LEVELS ("\n\t\t"), as
 * this document indents (LF or CRLF, tabs or spaces); "" for a document on one line. For an empty
 * document, a line feed and tabs, as Docker writes config.json.
 */
void icr_json_edit_indent(const struct icr_json *json, uint32_t object, int levels,
			  struct icr_buf *out);

/*
 * Proves that AFTER, the text that EDIT made of BEFORE, is JSON and says the same but for what the
 * edit says. To be called before AFTER is written anywhere. AFTER is scanned afresh, and
 * - every byte outside the splices stands in it where it should;
 * - every value of BEFORE outside the splices is a value of AFTER at the same bytes, of the same
 *   type, under the same name, in the same object or array;
 * - every other value of AFTER lies whole within the new bytes of one splice.
 * So no splice can break a value in two, swallow a neighbour or move it elsewhere. -ICR_E_SYNTAX
 * otherwise; NAME is the file's, for the message.
 */
int icr_json_edit_check(const struct icr_edit *edit, const struct icr_json *before,
			const char *after, size_t after_len, const char *name,
			struct icr_error *err);

#endif
