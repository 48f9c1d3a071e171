/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* A list of regions: what is taken, written out by public or private names, is the same set; one
 * that is refused changes nothing. */
#include "icr/cleanup.h"
#include "icr/region-set.h"
#include "icr/text.h"
#include "tests/fuzz/fuzz.h"

static void check_written(const struct icr_region_set *set, bool private)
{
	_cleanup_buf_ struct icr_buf list = ICR_BUF(ICR_BUF_MAX);
	struct icr_region_set again = {0};
	size_t count, written = 0;
	const struct icr_region *regions = icr_regions(&count);

	for (size_t i = 0; i < count; i++)
		if (icr_region_set_has(set, &regions[i]))
			icr_buf_printf(&list, "%s%s", written++ ? "," : "",
				       private ? regions[i].private_name : regions[i].public_name);
	CHECK(written == icr_region_set_count(set) && written > 0);
	CHECK(icr_region_set_parse(&again, list.data, NULL) == 0);
	CHECK(again.bits == set->bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_error_ struct icr_error err = {0};
	_cleanup_buf_ struct icr_buf twice = ICR_BUF(ICR_BUF_MAX);
	struct icr_region_set set = {1}, again;

	int r = icr_region_set_parse(&set, text, &err);
	CHECK((r < 0) == (err.what != NULL));
	if (r < 0) {
		CHECK(set.bits == 1);
		return 0;
	}
	again = set;
	icr_buf_printf(&twice, "%s,%s", text, text);
	CHECK(icr_region_set_parse(&again, twice.data, NULL) == 0 && again.bits == set.bits);
	check_written(&set, false);
	check_written(&set, true);
	return 0;
}
