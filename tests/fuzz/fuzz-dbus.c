/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What a bus sends: an answer that is taken has the length and the serial that its header says, and
 * is what stands in it, read once more by hand; a value that is passed over ends within the
 * message; what we send is read back the same. */
#include "helper/store/dbus.c"

#include "tests/fuzz/fuzz.h"

static uint32_t number_at(const uint8_t *data, size_t at)
{
	uint32_t number;

	memcpy(&number, data + at, sizeof(number));
	return number;
}

/* The input as all that the bus sends. The pair's other end is closed then. */
static void check_answers(const uint8_t *data, size_t size)
{
	struct dbus_call call = {.serial = 1, .body = ICR_BUF(0)};
	struct dbus bus = {.deadline = icr_clock_ms() + 60000};
	int pair[2], r;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(send(pair[1], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	(void)close(pair[1]);
	bus.fd = pair[0];
	do {
		r = take_answer(&bus, &call, 1, NULL);
	} while (r == 0);
	if (r > 0) {
		CHECK(call.done && bus.received <= size);
		CHECK(call.reply.len <= size - HEADER_LEN);
		CHECK(memcmp(call.reply.data, data + bus.received - call.reply.len,
			     call.reply.len) == 0);
		CHECK((call.error != NULL) == (call.said != NULL));
		struct dbus_reader reader = {.data = call.reply.data, .len = call.reply.len};
		const char *type = call.reply_signature;
		while (*type && !reader.failed) {
			size_t before = reader.at;
			dbus_skip(&reader, &type);
			CHECK(reader.at >= before && reader.at <= reader.len);
		}
	}
	dbus_call_free(&call);
	dbus_close(&bus);
}

/* A call of ours, turned into the answer to itself. */
static void check_call(const char *path, const char *text)
{
	struct dbus bus = {.fd = -1};
	struct dbus_call call = {.path = path,
				 .interface = text,
				 .member = "M",
				 .signature = "sas",
				 .body = ICR_BUF(ICR_BUF_MAX)};
	_cleanup_buf_ struct icr_buf out = ICR_BUF(ICR_BUF_MAX), items = ICR_BUF(ICR_BUF_MAX);
	struct header header;

	dbus_put_string(&items, text);
	dbus_put_string(&items, path);
	dbus_put_string(&call.body, path);
	dbus_put_array(&call.body, 4, &items);
	put_message(&bus, "org.example", &call, &out);
	CHECK(read_begin(&out, &header, NULL) >= 0 && header.type == METHOD_CALL);
	size_t body = HEADER_LEN + (header.fields_len + 7) / 8 * 8;
	CHECK(header.body_len == call.body.len && out.len == body + call.body.len);
	CHECK(number_at((const uint8_t *)out.data, 8) == call.serial);
	CHECK(read_fields(&out, &header, NULL) >= 0);
	CHECK(strcmp(header.signature, "sas") == 0);
	struct dbus_reader reader = {.data = out.data + body, .len = call.body.len};
	CHECK(strcmp(dbus_read_string(&reader), path) == 0);
	size_t end = dbus_read_array(&reader, 4);
	CHECK(strcmp(dbus_read_string(&reader), text) == 0 && dbus_more(&reader, end));
	CHECK(strcmp(dbus_read_string(&reader), path) == 0 && !dbus_more(&reader, end));
	CHECK(!reader.failed && reader.at == reader.len);
	reader.at = 0;
	const char *type = "sas";
	dbus_skip(&reader, &type);
	dbus_skip(&reader, &type);
	CHECK(!reader.failed && reader.at == reader.len && *type == '\0');
	dbus_call_free(&call);
}

/* The first byte tells how long the signature is that stands behind it. */
static void check_skip(const uint8_t *data, size_t size)
{
	size_t len = size > 0 ? data[0] % 32 : 0;

	if (size < len + 1)
		return;
	_cleanup_free_ char *signature = fuzz_string(data + 1, len);
	_cleanup_free_ char *body = fuzz_string(data + 1 + len, size - 1 - len);
	struct dbus_reader reader = {.data = body, .len = size - 1 - len};
	const char *type = signature;
	while (*type && !reader.failed)
		dbus_skip(&reader, &type);
	CHECK(reader.at <= reader.len && type <= signature + len);
}

static void check_address(const char *text)
{
	struct sockaddr_un address;
	size_t len = strcspn(text, ";");
	socklen_t size = read_address(text, len, &address);

	CHECK(size <= sizeof(address));
	CHECK(size == 0 || (size > offsetof(struct sockaddr_un, sun_path) + 1 &&
			    address.sun_path[sizeof(address.sun_path) - 1] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);

	check_answers(data, size);
	check_skip(data, size);
	check_address(text);
	_cleanup_free_ char *path = fuzz_cut(&data, &size);
	_cleanup_free_ char *rest = fuzz_cut(&data, &size);
	check_call(path, rest);
	return 0;
}
