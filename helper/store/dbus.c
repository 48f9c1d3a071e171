/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/store/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "icr/cleanup.h"
#include "icr/clock.h"
#include "icr/memory.h"
#include "icr/text.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

#define HEADER_LEN    16
#define MESSAGE_MAX   ((size_t)16 * 1024 * 1024)
#define RECEIVED_MAX  ((size_t)64 * 1024 * 1024)
#define SIGNATURE_MAX 255
#define DEPTH_MAX     32

/* Calls under way at once: dbus-daemon's default allows 128 to a connection. */
#define WINDOW 64

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE 'l'
#else
#define NATIVE 'B'
#endif

enum message_type {
	METHOD_CALL = 1,
	METHOD_RETURN = 2,
	METHOD_ERROR = 3,
};

enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_ERROR_NAME = 4,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SIGNATURE = 8,
};

static int fail_protocol(struct icr_error *err)
{
	return icr_fail(err, EREMOTEIO, "the session bus sent what is no D-Bus message");
}

void dbus_put_align(struct icr_buf *body, size_t boundary)
{
	static const char zeros[8];

	icr_buf_append(body, zeros, (boundary - body->len % boundary) % boundary);
}

void dbus_put_u32(struct icr_buf *body, uint32_t number)
{
	dbus_put_align(body, sizeof(number));
	icr_buf_append(body, &number, sizeof(number));
}

void dbus_put_string(struct icr_buf *body, const char *text)
{
	size_t len = strlen(text);

	dbus_put_u32(body, (uint32_t)len);
	icr_buf_append(body, text, len + 1);
}

void dbus_put_signature(struct icr_buf *body, const char *signature)
{
	size_t len = strlen(signature);

	icr_buf_char(body, (char)len);
	icr_buf_append(body, signature, len + 1);
}

void dbus_put_array(struct icr_buf *body, size_t boundary, const struct icr_buf *items)
{
	dbus_put_u32(body, (uint32_t)items->len);
	dbus_put_align(body, boundary);
	icr_buf_append(body, items->data, items->len);
}

/* LEN bytes that are there, or NULL. */
static const char *take(struct dbus_reader *reader, size_t len)
{
	if (reader->failed || len > reader->len - reader->at) {
		reader->failed = true;
		return NULL;
	}
	const char *bytes = reader->data + reader->at;
	reader->at += len;
	return bytes;
}

void dbus_read_align(struct dbus_reader *reader, size_t boundary)
{
	(void)take(reader, (boundary - reader->at % boundary) % boundary);
}

uint8_t dbus_read_byte(struct dbus_reader *reader)
{
	const char *byte = take(reader, 1);

	return byte ? (uint8_t)*byte : 0;
}

/* A number of SIZE bytes, at a multiple of them; RET stays as it is when there is none. */
static void read_number(struct dbus_reader *reader, void *ret, size_t size)
{
	dbus_read_align(reader, size);
	const char *bytes = take(reader, size);
	if (bytes)
		memcpy(ret, bytes, size);
}

uint32_t dbus_read_u32(struct dbus_reader *reader)
{
	uint32_t number = 0;

	read_number(reader, &number, sizeof(number));
	return number;
}

uint64_t dbus_read_u64(struct dbus_reader *reader)
{
	uint64_t number = 0;

	read_number(reader, &number, sizeof(number));
	return number;
}

/* LEN bytes and the NUL behind them, with none inside. */
static const char *read_text(struct dbus_reader *reader, size_t len)
{
	/* one after the other: the sum may be too large for 32 bits */
	const char *text = take(reader, len), *end = take(reader, 1);

	if (end && (*end != '\0' || memchr(text, '\0', len)))
		reader->failed = true;
	return reader->failed ? "" : text;
}

const char *dbus_read_string(struct dbus_reader *reader)
{
	return read_text(reader, dbus_read_u32(reader));
}

const char *dbus_read_signature(struct dbus_reader *reader)
{
	return read_text(reader, dbus_read_byte(reader));
}

size_t dbus_read_array(struct dbus_reader *reader, size_t boundary)
{
	uint32_t len = dbus_read_u32(reader);

	dbus_read_align(reader, boundary);
	if (reader->failed || len > reader->len - reader->at) {
		reader->failed = true;
		return reader->at;
	}
	return reader->at + len;
}

bool dbus_more(const struct dbus_reader *reader, size_t end)
{
	return !reader->failed && reader->at < end;
}

static size_t boundary_of(char type)
{
	switch (type) {
	case 'y':
	case 'g':
	case 'v':
		return 1;
	case 'n':
	case 'q':
		return 2;
	case 'x':
	case 't':
	case 'd':
	case '(':
	case '{':
		return 8;
	default:
		return 4;
	}
}

static void skip(struct dbus_reader *reader, const char **signature, int depth);

/* The type behind an array's 'a', without any value of it. */
static void skip_type(const char **signature)
{
	int open = 0;

	while (**signature == 'a')
		(*signature)++;
	do {
		if (**signature == '(' || **signature == '{')
			open++;
		else if (**signature == ')' || **signature == '}')
			open--;
		if (**signature)
			(*signature)++;
	} while (open > 0 && **signature);
}

static void skip_array(struct dbus_reader *reader, const char **signature, int depth)
{
	const char *item = *signature;
	size_t end = dbus_read_array(reader, boundary_of(*item));

	while (dbus_more(reader, end)) {
		const char *type = item;
		size_t before = reader->at;
		skip(reader, &type, depth);
		/* a type without any value, which D-Bus does not have */
		reader->failed |= reader->at == before;
	}
	skip_type(signature);
}

static void skip(struct dbus_reader *reader, const char **signature, int depth)
{
	char type = **signature;

	if (reader->failed || type == '\0' || depth > DEPTH_MAX) {
		reader->failed = true;
		return;
	}
	(*signature)++;
	switch (type) {
	case 'a':
		skip_array(reader, signature, depth + 1);
		return;
	case 'v': {
		const char *inner = dbus_read_signature(reader);
		skip(reader, &inner, depth + 1);
		return;
	}
	case '(':
	case '{':
		dbus_read_align(reader, 8);
		while (!reader->failed && **signature != ')' && **signature != '}')
			skip(reader, signature, depth + 1);
		if (**signature)
			(*signature)++;
		return;
	case 's':
	case 'o':
		(void)dbus_read_string(reader);
		return;
	case 'g':
		(void)dbus_read_signature(reader);
		return;
	default:
		if (!strchr("ynqiubhxtd", type)) {
			reader->failed = true;
			return;
		}
		size_t size = strchr("iubh", type) ? 4 : boundary_of(type);
		dbus_read_align(reader, size);
		(void)take(reader, size);
	}
}

void dbus_skip(struct dbus_reader *reader, const char **signature)
{
	skip(reader, signature, 0);
}

void dbus_call_free(struct dbus_call *call)
{
	icr_buf_free(&call->body);
	icr_buf_free(&call->reply);
	free(call->error);
	free(call->said);
	call->error = call->said = NULL;
}

void dbus_close(struct dbus *bus)
{
	if (bus->fd >= 0)
		(void)close(bus->fd);
	bus->fd = -1;
	free(bus->address);
	bus->address = NULL;
}

static int64_t left_ms(const struct dbus *bus)
{
	int64_t left = bus->deadline - icr_clock_ms();

	return left > 0 ? left : 0;
}

static int wait_for(const struct dbus *bus, short events, struct icr_error *err)
{
	for (;;) {
		struct pollfd pollfd = {.fd = bus->fd, .events = events};
		int64_t left = left_ms(bus);
		int ready = left > 0 ? poll(&pollfd, 1, (int)left) : 0;
		if (ready > 0)
			return 0;
		if (ready == 0)
			return icr_fail(err, ETIMEDOUT, "no answer in time");
		if (errno != EINTR)
			return icr_fail_errno(err, EREMOTEIO, NULL, "cannot wait for the bus");
	}
}

static int send_all(const struct dbus *bus, const char *bytes, size_t len, struct icr_error *err)
{
	while (len > 0) {
		ssize_t sent = send(bus->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = 0;
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		} else if (errno == EAGAIN) {
			r = wait_for(bus, POLLOUT, err);
		} else if (errno != EINTR) {
			r = icr_fail(err, EREMOTEIO, "the session bus ended the connection");
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Up to LEN bytes, at least one. */
static ssize_t receive_some(struct dbus *bus, char *bytes, size_t len, struct icr_error *err)
{
	for (;;) {
		ssize_t got = recv(bus->fd, bytes, len, MSG_DONTWAIT);
		int r = 0;
		if (got > 0)
			return got;
		if (got < 0 && errno == EAGAIN)
			r = wait_for(bus, POLLIN, err);
		else if (got == 0 || errno != EINTR)
			r = icr_fail(err, EREMOTEIO, "the session bus ended the connection");
		if (r < 0)
			return r;
	}
}

/* Appends LEN bytes to OUT. */
static int receive(struct dbus *bus, size_t len, struct icr_buf *out, struct icr_error *err)
{
	char *room = icr_buf_room(out, len);

	bus->received += len;
	if (!room || bus->received > RECEIVED_MAX)
		return fail_protocol(err);
	for (size_t done = 0; done < len;) {
		ssize_t got = receive_some(bus, room + done, len - done, err);
		if (got < 0)
			return (int)got;
		done += (size_t)got;
	}
	icr_buf_added(out, len);
	return 0;
}

static void put_field(struct icr_buf *fields, enum field field, const char *signature,
		      const char *text)
{
	dbus_put_align(fields, 8);
	icr_buf_char(fields, (char)field);
	dbus_put_signature(fields, signature);
	if (signature[0] == 'g')
		dbus_put_signature(fields, text);
	else
		dbus_put_string(fields, text);
}

static void put_message(struct dbus *bus, const char *destination, struct dbus_call *call,
			struct icr_buf *out)
{
	_cleanup_buf_ struct icr_buf message = ICR_BUF(MESSAGE_MAX), fields = ICR_BUF(MESSAGE_MAX);
	const char begin[4] = {NATIVE, METHOD_CALL, 0, 1};

	call->serial = ++bus->serial;
	put_field(&fields, FIELD_PATH, "o", call->path);
	put_field(&fields, FIELD_INTERFACE, "s", call->interface);
	put_field(&fields, FIELD_MEMBER, "s", call->member);
	put_field(&fields, FIELD_DESTINATION, "s", destination);
	if (call->signature)
		put_field(&fields, FIELD_SIGNATURE, "g", call->signature);
	icr_buf_append(&message, begin, sizeof(begin));
	dbus_put_u32(&message, (uint32_t)call->body.len);
	dbus_put_u32(&message, call->serial);
	dbus_put_array(&message, 8, &fields);
	dbus_put_align(&message, 8);
	icr_buf_append(&message, call->body.data, call->body.len);
	icr_buf_append(out, message.data, message.len);
}

struct header {
	uint8_t type;
	size_t fields_len, body_len;
	uint32_t reply_serial;
	const char *signature, *error; /* inside the fields */
};

static int read_begin(const struct icr_buf *text, struct header *ret_header, struct icr_error *err)
{
	struct dbus_reader reader = {.data = text->data, .len = text->len};

	char order = (char)dbus_read_byte(&reader);
	*ret_header =
		(struct header){.type = dbus_read_byte(&reader), .signature = "", .error = ""};
	(void)dbus_read_byte(&reader); /* flags */
	uint8_t version = dbus_read_byte(&reader);
	ret_header->body_len = dbus_read_u32(&reader);
	(void)dbus_read_u32(&reader); /* serial */
	ret_header->fields_len = dbus_read_u32(&reader);
	if (order != NATIVE || version != 1 || ret_header->body_len > MESSAGE_MAX ||
	    ret_header->fields_len > MESSAGE_MAX)
		return fail_protocol(err);
	return 0;
}

static int read_fields(const struct icr_buf *text, struct header *header, struct icr_error *err)
{
	/* from the array's length on, which stands at a multiple of 4 before one of 8 */
	struct dbus_reader reader = {.data = text->data, .len = text->len, .at = HEADER_LEN};
	size_t end = HEADER_LEN + header->fields_len;

	while (dbus_more(&reader, end)) {
		dbus_read_align(&reader, 8);
		uint8_t field = dbus_read_byte(&reader);
		const char *type = dbus_read_signature(&reader);
		if (field == FIELD_REPLY_SERIAL && strcmp(type, "u") == 0)
			header->reply_serial = dbus_read_u32(&reader);
		else if (field == FIELD_SIGNATURE && strcmp(type, "g") == 0)
			header->signature = dbus_read_signature(&reader);
		else if (field == FIELD_ERROR_NAME && strcmp(type, "s") == 0)
			header->error = dbus_read_string(&reader);
		else
			dbus_skip(&reader, &type);
	}
	return reader.failed ? fail_protocol(err) : 0;
}

static struct dbus_call *find_call(struct dbus_call *calls, size_t count, uint32_t serial)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i].serial == serial && !calls[i].done)
			return &calls[i];
	return NULL;
}

/* Puts an answer where it belongs; signals and the like are dropped. Returns how many calls it
 * finished. */
static int take_answer(struct dbus *bus, struct dbus_call *calls, size_t count,
		       struct icr_error *err)
{
	_cleanup_buf_ struct icr_buf head = ICR_BUF(2 * MESSAGE_MAX), body = ICR_BUF(MESSAGE_MAX);
	struct header header = {0};

	int r = receive(bus, HEADER_LEN, &head, err);
	if (r >= 0)
		r = read_begin(&head, &header, err);
	if (r >= 0)
		r = receive(bus, (header.fields_len + 7) / 8 * 8, &head, err);
	if (r >= 0)
		r = read_fields(&head, &header, err);
	if (r >= 0)
		r = receive(bus, header.body_len, &body, err);
	if (r < 0)
		return r;
	struct dbus_call *call = find_call(calls, count, header.reply_serial);
	if (!call || (header.type != METHOD_RETURN && header.type != METHOD_ERROR))
		return 0;
	call->done = true;
	/* its length stood in a byte */
	memcpy(call->reply_signature, header.signature, strlen(header.signature) + 1);
	if (header.type == METHOD_ERROR) {
		struct dbus_reader reader = {.data = body.data, .len = body.len};
		call->error = icr_strdup(header.error);
		call->said = icr_strdup(header.signature[0] == 's' ? dbus_read_string(&reader)
								   : header.error);
	}
	call->reply = body;
	body = (struct icr_buf)ICR_BUF(0);
	return 1;
}

int dbus_call(struct dbus *bus, const char *destination, struct dbus_call *calls, size_t count,
	      struct icr_error *err)
{
	for (size_t begin = 0; begin < count; begin += WINDOW) {
		_cleanup_buf_ struct icr_buf out = ICR_BUF(WINDOW * MESSAGE_MAX);
		size_t window = count - begin < WINDOW ? count - begin : WINDOW;
		for (size_t i = 0; i < window; i++)
			put_message(bus, destination, &calls[begin + i], &out);
		int r = send_all(bus, out.data, out.len, err);
		for (size_t done = 0; r >= 0 && done < window; done += (size_t)r) {
			r = take_answer(bus, calls + begin, window, err);
			if (r < 0)
				break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* A blocking connect waits where a busy bus has no room in its backlog; a non-blocking one fails.
 */
static int connect_to(struct dbus *bus, const struct sockaddr_un *address, socklen_t len,
		      struct icr_error *err)
{
	int64_t left = left_ms(bus);
	const struct timeval limit = {left / 1000, left % 1000 * 1000 + 1};

	dbus_close(bus);
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bus->fd < 0)
		return icr_fail_errno(err, EREMOTEIO, NULL, "cannot make a socket (%s)",
				      strerror(errno));
	(void)setsockopt(bus->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (connect(bus->fd, (const struct sockaddr *)address, len) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return icr_fail(err, ETIMEDOUT, "no answer in time");
		return icr_fail(err, ICR_E_UNAVAILABLE, "no session bus answers at %s%s: %s",
				address->sun_path[0] ? "" : "@",
				address->sun_path + (address->sun_path[0] == '\0'),
				strerror(errno));
	}
	return 0;
}

/* VALUE of an address, in which bytes may be spelled %HH, as a socket's name. Returns the length
 * of the address, or 0 when it is none. */
static socklen_t read_socket(const char *value, size_t len, bool abstract,
			     struct sockaddr_un *ret_address)
{
	size_t at = abstract ? 1 : 0;

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	for (size_t i = 0; i < len; i++) {
		char c = value[i];
		if (c == '%') {
			int high = i + 2 < len ? icr_hex_digit(value[i + 1]) : -1;
			int low = high >= 0 ? icr_hex_digit(value[i + 2]) : -1;
			if (low < 0)
				return 0;
			c = (char)(high * 16 + low);
			i += 2;
		}
		/* the last byte stays a NUL */
		if (at + 1 >= sizeof(ret_address->sun_path) || c == '\0')
			return 0;
		ret_address->sun_path[at++] = c;
	}
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at + (abstract ? 0 : 1));
}

/* The socket of one address "unix:key=value,key=value"; 0 when it has none. */
static socklen_t read_address(const char *address, size_t len, struct sockaddr_un *ret_address)
{
	static const char transport[] = "unix:";

	if (len < sizeof(transport) - 1 || strncmp(address, transport, sizeof(transport) - 1) != 0)
		return 0;
	for (const char *key = address + sizeof(transport) - 1; key < address + len;) {
		const char *end = memchr(key, ',', (size_t)(address + len - key));
		end = end ? end : address + len;
		for (int abstract = 0; abstract < 2; abstract++) {
			const char *name = abstract ? "abstract=" : "path=";
			size_t name_len = strlen(name);
			if ((size_t)(end - key) > name_len && strncmp(key, name, name_len) == 0)
				return read_socket(key + name_len, (size_t)(end - key) - name_len,
						   abstract, ret_address);
		}
		key = end + 1;
	}
	return 0;
}

int dbus_check_owner(int fd, struct icr_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return icr_fail_errno(err, EREMOTEIO, NULL, "cannot tell whose bus it is (%s)",
				      strerror(errno));
	if (peer.uid == geteuid() || peer.uid == 0)
		return 0;
	return icr_fail(err, ICR_E_UNAVAILABLE, "the session bus belongs to user %u, not to %u",
			(unsigned)peer.uid, (unsigned)geteuid());
}

/* We are who we say: the bus asks the kernel. */
static int authenticate(struct dbus *bus, struct icr_error *err)
{
	_cleanup_free_ char *id = icr_printf("%u", (unsigned)geteuid());
	_cleanup_buf_ struct icr_buf text = ICR_BUF(512);
	char line[512];
	size_t len = 0;

	icr_buf_char(&text, '\0');
	icr_buf_text(&text, "AUTH EXTERNAL ");
	for (const char *digit = id; *digit; digit++)
		icr_buf_printf(&text, "%02x", (unsigned)*digit);
	icr_buf_text(&text, "\r\n");
	int r = send_all(bus, text.data, text.len, err);
	while (r >= 0 && (len < 2 || memcmp(line + len - 2, "\r\n", 2) != 0)) {
		if (len == sizeof(line))
			return fail_protocol(err);
		ssize_t got = receive_some(bus, line + len, sizeof(line) - len, err);
		r = got < 0 ? (int)got : 0;
		len += got > 0 ? (size_t)got : 0;
	}
	if (r < 0)
		return r;
	if (strncmp(line, "REJECTED", strlen("REJECTED")) == 0)
		return icr_fail(err, ICR_E_UNAVAILABLE,
				"the session bus is another user's and refuses user %s", id);
	if (strncmp(line, "OK ", strlen("OK ")) != 0)
		return fail_protocol(err);
	return send_all(bus, "BEGIN\r\n", strlen("BEGIN\r\n"), err);
}

static int say_hello(struct dbus *bus, struct icr_error *err)
{
	_cleanup_call_ struct dbus_call hello = {
		.path = BUS_PATH, .interface = BUS_NAME, .member = "Hello", .body = ICR_BUF(0)};

	int r = dbus_call(bus, BUS_NAME, &hello, 1, err);
	if (r >= 0 && hello.error)
		return icr_fail(err, EREMOTEIO, "the session bus refuses: %s", hello.said);
	return r;
}

int dbus_open(const char *address, int64_t deadline, struct dbus *ret_bus, struct icr_error *err)
{
	struct dbus bus = {.fd = -1, .deadline = deadline};
	int r = icr_fail(err, ICR_E_UNAVAILABLE, "no session bus");

	for (size_t len; *address; address += len + (address[len] == ';')) {
		struct sockaddr_un socket_address;
		len = strcspn(address, ";");
		socklen_t size = read_address(address, len, &socket_address);
		if (size == 0)
			continue;
		r = connect_to(&bus, &socket_address, size, err);
		if (r >= 0)
			r = dbus_check_owner(bus.fd, err);
		if (r != -ICR_E_UNAVAILABLE)
			break;
	}
	if (r >= 0) {
		bus.address = icr_strndup(address, strcspn(address, ";"));
		r = authenticate(&bus, err);
	}
	if (r >= 0)
		r = say_hello(&bus, err);
	if (r < 0) {
		dbus_close(&bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}
