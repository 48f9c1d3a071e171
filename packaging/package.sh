#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# package.sh deb|rpm FOLDER
#
# Builds the packages of the tree as it stands (of a checkout: what git knows), in a copy below
# FOLDER, into FOLDER/packages. The programs in them name the release only, no commit.
set -eu

kind=$1
out=$(realpath -m "$2")
version=$(cat VERSION)
name=docker-credential-icr-$version
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD DESTDIR PREFIX

# The date of the sources, for all that is stamped with one.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION)}"
export SOURCE_DATE_EPOCH

copy_sources() {
	rm -rf "${out:?}/$kind"
	mkdir -p "$out/$kind/$name" "$out/packages"
	# Without those that are deleted and not committed yet.
	if [ -e .git ]; then
		git ls-files --cached --others --exclude-standard
	else
		find . -path ./build -prune -o -type f -print
	fi | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done | tar -c --no-recursion -T - | tar -x -C "$out/$kind/$name"
}

build_deb() {
	cp -a "$out/deb/$name/packaging/debian" "$out/deb/$name/debian"
	# --no-check-builddeps: libraries of other origin than Debian's packages are fine.
	(cd "$out/deb/$name" && dpkg-buildpackage -b -us -uc --no-check-builddeps) >"$out/deb/log" 2>&1 || {
		tail -n 30 "$out/deb/log" >&2
		exit 1
	}
	mv "$out"/deb/*.deb "$out"/deb/*.buildinfo "$out"/deb/*.changes "$out/packages/"
}

build_rpm() {
	top=$out/rpm/rpmbuild
	mkdir -p "$top/SOURCES"
	tar -C "$out/rpm" -czf "$top/SOURCES/$name.tar.gz" "$name"
	# --nodeps: on Debian the build dependencies are there by other names.
	rpmbuild -ba --nodeps --define "_topdir $top" --define "_dbpath $top/db" \
		"packaging/rpm/docker-credential-icr.spec" >"$out/rpm/log" 2>&1 || {
		tail -n 30 "$out/rpm/log" >&2
		exit 1
	}
	find "$top/RPMS" "$top/SRPMS" -name '*.rpm' -exec mv -t "$out/packages" {} +
}

copy_sources
build_"$kind"
find "$out/packages" -name "*.$kind" | sort | sed 's/^/  PACKAGE /'
