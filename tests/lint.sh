#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# What CI checks besides the tests: format, static analysis, banned functions, headers that stand
# alone, the structure's arrows, scripts and man pages. Run from the top of the tree.
# shellcheck disable=SC2046,SC2086 # lists of file names without spaces
set -eu

failed=0
fail() {
	echo "lint: $*" >&2
	failed=1
}

sources=$(git ls-files '*.c' '*.h')
scripts=$(git ls-files '*.sh' .ci/run)

{
	"${CLANG_FORMAT:-clang-format}" --dry-run --Werror $sources || fail "format: run make format"

	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=unknownMacro --error-exitcode=1 \
		-D_GNU_SOURCE -D__linux__ '-DICR_VERSION=""' -I. \
		$(git ls-files 'icr/*.c' 'helper/*.c' 'rewrite/*.c') || fail "cppcheck"

	shellcheck $scripts || fail "shellcheck"

	banned='\b(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|strtok|atoi|atol|sscanf|gets|gmtime|localtime|system|popen|mktemp)\('
	if grep -nE "$banned" $(git ls-files 'icr/*.c' 'helper/*.c' 'rewrite/*.c'); then
		fail "banned functions"
	fi
	if grep -nE '\bstrto(l|ul|ll|ull|imax|umax|d)\b' $(git ls-files 'icr/*.c' 'helper/*.c' 'rewrite/*.c'); then
		fail "numbers are parsed by icr_number_parse"
	fi
	if grep -nE '\b(printf|puts|fputs|fprintf|exit|_exit|perror)\(' $(git ls-files 'icr/*.c') |
		grep -vE '^icr/process.c:.*_exit'; then
		fail "icr/ does not print or exit"
	fi
	if grep -nE '#include "(helper|rewrite)/' $(git ls-files 'icr/*') ||
		grep -nE '#include "rewrite/' $(git ls-files 'helper/*') ||
		grep -nE '#include "helper/' $(git ls-files 'rewrite/*'); then
		fail "helper/ and rewrite/ depend on icr/, never the reverse, never on each other"
	fi
	# each include of a header by a header is a pair of names, which tsort puts in order
	if ! sed -n -s 's/^#include "\(.*\)"/\1/;T;F;p' $(git ls-files '*.h') | tsort >/dev/null; then
		fail "headers include each other in a circle"
	fi
	for file in $sources $scripts $(git ls-files '*.py' Makefile); do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || {
			[ -s "$file" ] && fail "$file: no SPDX line"
		}
	done
	for page in $(git ls-files 'packaging/man/*.[0-9]'); do
		[ -z "$(mandoc -T lint -W warning "$page" 2>&1 | tee /dev/stderr)" ] || fail "$page"
	done
}
for header in $(git ls-files '*.h'); do
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -I. $(pkg-config --cflags libcjson libcurl cunit) \
		-Wall -Wextra -Werror -Wno-unused-function -fsyntax-only -x c "$header" || fail "$header does not stand alone"
done

[ "$failed" -eq 0 ] && echo "lint: clean"
exit "$failed"
