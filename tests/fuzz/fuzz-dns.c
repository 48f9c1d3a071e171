/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A name server's answer: where the resolver's own parser reads all of it, both see the same
 * addresses; none comes from outside the message. */
#include "icr/resolve.c"

#include "tests/fuzz/fuzz.h"

/* False where the resolver's parser wants more than we do: names that can be spelled. */
static bool read_again(const unsigned char *message, size_t len, struct addresses *list)
{
	ns_msg handle;
	ns_rr record;

	if (ns_initparse(message, (int)len, &handle) < 0)
		return false;
	for (int i = 0; i < ns_msg_count(handle, ns_s_qd); i++)
		if (ns_parserr(&handle, ns_s_qd, i, &record) < 0)
			return false;
	for (int i = 0; i < ns_msg_count(handle, ns_s_an); i++) {
		if (ns_parserr(&handle, ns_s_an, i, &record) < 0)
			return false;
		if (ns_rr_type(record) == ns_t_a && ns_rr_rdlen(record) == 4)
			add_address(list, AF_INET, ns_rr_rdata(record));
		else if (ns_rr_type(record) == ns_t_aaaa && ns_rr_rdlen(record) == 16)
			add_address(list, AF_INET6, ns_rr_rdata(record));
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	/* of just the size, so that a byte too many is seen */
	_cleanup_free_ unsigned char *message = malloc(size + (size == 0));
	struct addresses list = {0}, again = {0};
	struct lookup lookup = {0};

	CHECK(message);
	memcpy(message, text, size);
	read_records(message, size, &list);
	if (read_again(message, size, &again)) {
		CHECK(list.count == again.count);
		for (size_t i = 0; i < list.count; i++)
			CHECK(compare(&list.items[i], &again.items[i]) == 0);
	}
	free(again.items);
	size_t count = list.count;
	CHECK((keep_addresses(&list, &lookup) == 0) == (count > 0));
	for (size_t i = 1; i < lookup.count; i++)
		CHECK(strcmp(lookup.addresses[i - 1], lookup.addresses[i]) != 0);
	return 0;
}
