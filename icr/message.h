/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_MESSAGE_H
#define ICR_MESSAGE_H

#include <stddef.h>

#include "icr/buf.h"

/*
 * What a registry, IAM or the management API says went wrong: message from errors[0].message,
 * error (if a string), message, errorMessage; code from errors[0].code, code, errorCode (order of
 * IBM's go-sdk-core v5.22.1, base_service.go). Control characters, and those that
 * turn the direction of text, are replaced by blanks, and no more than 300 characters are taken.
 * Appends "MESSAGE (CODE)" or what there is of the two; nothing when the body holds neither.
 */
void icr_message_error_text(const char *body, size_t len, struct icr_buf *out);

#endif
