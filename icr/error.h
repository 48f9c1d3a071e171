/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_ERROR_H
#define ICR_ERROR_H

#include <stdarg.h>

struct icr_buf;

/*
 * Codes beyond errno. A function that fails returns the negative of the code that it put into its
 * struct icr_error: an errno value or one of these.
 */
enum icr_error_code {
	ICR_E_USAGE = 4096, /* the command line; programs exit with their usage status */
	ICR_E_SYNTAX,	    /* a file or message that does not parse */
	ICR_E_CONFIG,	    /* a configuration that parses but says something it may not */
	ICR_E_REFUSED,	    /* a file whose owner, mode or kind makes it unsafe to use */
	ICR_E_UNAVAILABLE,  /* a service that is not there: no bus, no keyring, no library */
	ICR_E_LOCKED,	    /* a keyring that is locked */
	ICR_E_CONFLICT,	    /* somebody else's content stands where ours should */
	ICR_E_PROTOCOL,	    /* a peer that answers what its protocol does not allow */
	ICR_E_UNPROVEN,	    /* the private network cannot be reached or proven */
};

/*
 * What went wrong, told once by main(): "PROGRAM: WHERE: WHAT" and, on a line of its own, HINT.
 * Zero-initialise it; free with icr_error_clear(). Every function takes it last and may be given
 * NULL when the caller does not care.
 */
struct icr_error {
	int code;    /* positive errno or enum icr_error_code; 0 = no error */
	char *what;  /* what failed and why; never NULL in a set error */
	char *where; /* "FILE", "FILE:LINE:COLUMN" or a host; may be NULL */
	char *hint;  /* what to do next; may be NULL */
};

#define ICR_PRINTF(position, first) __attribute__((format(printf, position, first)))

/* Of functions that tell a failure: what leads to them is kept apart from what always runs. */
#define ICR_FAILS(position, first) ICR_PRINTF(position, first) __attribute__((cold))

/* Sets code and text (an earlier content is freed) and returns -code. */
int icr_fail(struct icr_error *err, int code, const char *format, ...) ICR_FAILS(3, 4);

/* The same with a place: a path, "path:line:column" or a host name. WHERE is copied. */
int icr_fail_at(struct icr_error *err, int code, const char *where, const char *format, ...)
	ICR_FAILS(4, 5);

/* The same for errno values: appends ": " and the system's text for CODE. WHERE may be NULL. */
int icr_fail_errno(struct icr_error *err, int code, const char *where, const char *format, ...)
	ICR_FAILS(4, 5);

/* Puts "TEXT: " before what is already said, keeps code, place and hint. Returns -err->code. */
int icr_error_wrap(struct icr_error *err, const char *format, ...) ICR_FAILS(2, 3);

/* Says what to do next (replaces an earlier hint). Returns -err->code. */
int icr_error_hint(struct icr_error *err, const char *format, ...) ICR_FAILS(2, 3);

/* Appends "WHERE: WHAT" (no newline; the hint is the caller's to place). */
void icr_error_print(const struct icr_error *err, struct icr_buf *out);

/* Moves FROM into TO (freeing what TO held) and leaves FROM empty. */
void icr_error_move(struct icr_error *to, struct icr_error *from);

/* Frees the texts and zeroes the object; NULL is fine. */
void icr_error_clear(struct icr_error *err);

#define _cleanup_error_ __attribute__((cleanup(icr_error_clear)))

#endif
