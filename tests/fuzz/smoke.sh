#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# Gives every fuzzer its share of some seconds: smoke.sh FOLDER SECONDS NAME...
# The seed is fixed, so that a run that fails can be had again: FUZZ_SEED gives others.
# What they find is left in a temporary folder, whose name is printed.
set -eu

folder=$1 seconds=$2
shift 2
share=$((seconds / $# > 0 ? seconds / $# : 1))
found=$(mktemp -d)
for name; do
	mkdir "$found/$name"
	if ! "$folder/$name" -seed="${FUZZ_SEED:-1}" -max_total_time="$share" -max_len=4096 -timeout=60 \
		-artifact_prefix="$found/$name-" "$found/$name" "tests/fuzz/corpus/$name" \
		>"$found/$name.log" 2>&1; then
		tail -n 40 "$found/$name.log"
		echo "fuzz $name: a property does not hold; inputs and log are in $found"
		exit 1
	fi
	printf '  FUZZ    %s: %s\n' "$name" "$(sed -n 's/^Done \([0-9]* runs\).*/\1/p' "$found/$name.log")"
done
rm -r "$found"
