/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef HELPER_STORE_DBUS_H
#define HELPER_STORE_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "icr/buf.h"
#include "icr/error.h"

/*
 * As much of D-Bus as asking a service on the user's bus takes: connections to Unix sockets, method
 * calls and their replies. No library: loading libsystemd or GLib costs more than all the calls of
 * a get, and what one of them does when a peer is silent cannot be bounded from here.
 *
 * Source: dbus.freedesktop.org, D-Bus Specification 0.42, "Type System", "Message Protocol",
 * "Authentication Protocol", "Server Addresses". In native byte order: the peer is on this host.
 */
struct dbus {
	int fd;
	char *address; /* the one that was connected to, of those given */
	uint32_t serial;
	int64_t deadline; /* of icr_clock_ms(); may be moved */
	size_t received;
};

/* A method call of a service, and what it answered. */
struct dbus_call {
	const char *path, *interface, *member;
	const char *signature; /* of the body; NULL: no body */
	struct icr_buf body;

	uint32_t serial;
	bool done;
	struct icr_buf reply;	   /* the body */
	char reply_signature[256]; /* "" when there is none */
	char *error, *said; /* the error's name and its text for people; NULL when it went well */
};

/*
 * Connects to the first Unix socket of ADDRESS ("unix:path=/run/user/1000/bus;...") that takes us,
 * and says Hello. Nothing is ever executed or started for it: other transports are passed over.
 * -ICR_E_UNAVAILABLE when there is no bus; -ETIMEDOUT; -EREMOTEIO when what is there is no bus or
 * ended.
 */
int dbus_open(const char *address, int64_t deadline, struct dbus *ret_bus, struct icr_error *err);
void dbus_close(struct dbus *bus);

/* Another user's bus is told nothing, least of all a key: environments are kept by su and sudo.
 * What root listens for may be: it could ask this process itself. -ICR_E_UNAVAILABLE. */
int dbus_check_owner(int fd, struct icr_error *err);

#define _cleanup_dbus_ __attribute__((cleanup(dbus_close)))

/* Makes all COUNT calls of the service DESTINATION at once and waits for all the answers. An error
 * that the service answers is in the call and no failure here. */
int dbus_call(struct dbus *bus, const char *destination, struct dbus_call *calls, size_t count,
	      struct icr_error *err);

void dbus_call_free(struct dbus_call *call);

#define _cleanup_call_ __attribute__((cleanup(dbus_call_free)))

/* Appends to a body. What stands in an array is put into a buffer of its own first. */
void dbus_put_align(struct icr_buf *body, size_t boundary);
void dbus_put_u32(struct icr_buf *body, uint32_t number);
void dbus_put_string(struct icr_buf *body, const char *text); /* also an object path */
void dbus_put_signature(struct icr_buf *body, const char *signature);
void dbus_put_array(struct icr_buf *body, size_t boundary, const struct icr_buf *items);

/* Reads a body from its beginning; what is not there or not of that kind sets the flag, and reads
 * as 0, "" and nothing. */
struct dbus_reader {
	const char *data;
	size_t len, at;
	bool failed;
};

void dbus_read_align(struct dbus_reader *reader, size_t boundary);
uint8_t dbus_read_byte(struct dbus_reader *reader);
uint32_t dbus_read_u32(struct dbus_reader *reader);
uint64_t dbus_read_u64(struct dbus_reader *reader);
const char *dbus_read_string(struct dbus_reader *reader); /* inside the body */
const char *dbus_read_signature(struct dbus_reader *reader);

/* Where the array that begins here ends; its first item, aligned to BOUNDARY, is what is read next.
 * In a loop: while (dbus_more(reader, end)). */
size_t dbus_read_array(struct dbus_reader *reader, size_t boundary);
bool dbus_more(const struct dbus_reader *reader, size_t end);

/* Passes over a value of the one complete type that *SIGNATURE begins with, and over that type. */
void dbus_skip(struct dbus_reader *reader, const char **signature);

#endif
