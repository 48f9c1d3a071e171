/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* References against the grammar of distribution/reference (v0.6, regexp.go) as a POSIX regular
 * expression; mapped ones parse again and lead back. */
#include <regex.h>

#include "icr/cleanup.h"
#include "icr/reference.h"
#include "tests/fuzz/fuzz.h"

#define COMPONENT "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
#define GRAMMAR                                                                                    \
	"^[A-Za-z0-9.-]+(:[0-9]+)?/" COMPONENT "(/" COMPONENT ")*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,"  \
	"127})?(@[A-Za-z][A-Za-z0-9]*([+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static regex_t grammar;
	static int compiled;
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_reference_ struct icr_reference reference = {0};

	if (!compiled++)
		CHECK(regcomp(&grammar, GRAMMAR, REG_EXTENDED | REG_NOSUB) == 0);
	if (icr_reference_parse(text, &reference, NULL) < 0)
		return 0;
	CHECK(regexec(&grammar, text, 0, NULL, 0) == 0);
	_cleanup_free_ char *private = icr_reference_map(&reference, ICR_HOST_PRIVATE);
	_cleanup_free_ char *public = icr_reference_map(&reference, ICR_HOST_PUBLIC);
	for (int i = 0; i < 2; i++) {
		const char *mapped = i ? private : public;
		_cleanup_reference_ struct icr_reference again = {0};
		if (!mapped)
			continue;
		CHECK(icr_reference_parse(mapped, &again, NULL) == 0);
		CHECK(strcmp(again.repository, reference.repository) == 0);
		_cleanup_free_ char *back = icr_reference_map(&again, ICR_HOST_PUBLIC);
		CHECK(back && strcmp(back, public) == 0);
	}
	return 0;
}
