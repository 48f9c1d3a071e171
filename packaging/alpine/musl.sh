#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# musl.sh FOLDER
#
# Builds both programs against musl on Debian, into FOLDER: with the headers of Debian's libraries,
# which do not depend on the C library, and a cJSON compiled from Debian's source package. libcurl
# and libsecret cannot be loaded by what comes out; all the rest runs. Exit 77: no source can be had.
set -eu

out=$1
multiarch=$(gcc -print-multiarch)
mkdir -p "$out/include" "$out/lib" "$out/apt/lists/partial" "$out/cjson"

# Only these: the folders they are in have headers of glibc too.
for header in /usr/include/cjson "/usr/include/$multiarch/curl" \
	/usr/include/linux /usr/include/asm-generic "/usr/include/$multiarch/asm" /usr/include/keyutils.h; do
	[ ! -e "$header" ] || ln -sfn "$header" "$out/include/${header##*/}"
done

if [ ! -e "$out/lib/libcjson.a" ]; then
	echo "deb-src http://deb.debian.org/debian bookworm main" >"$out/apt/sources.list"
	set -- -q -o "Dir::Etc::sourcelist=$out/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$out/apt/lists" -o APT::Sandbox::User=root
	(cd "$out/apt" && apt-get "$@" update && apt-get "$@" source --download-only cjson) \
		>"$out/apt/log" 2>&1 || exit 77
	tar -x -C "$out/cjson" --strip-components=1 -f "$out"/apt/cjson_*.orig.tar.gz
	musl-gcc -O2 -fPIE -c -o "$out/cjson/cJSON.o" "$out/cjson/cJSON.c"
	ar rcs "$out/lib/libcjson.a" "$out/cjson/cJSON.o"
fi

# As Alpine's compiler: Debian's wrapper ignores -static-pie.
folder=/usr/lib/$(gcc -print-multiarch | sed 's/gnu/musl/')
sed -e 's|%{!shared: \(/[^ ]*\)/Scrt1.o}|%{static-pie:\1/rcrt1.o;!shared:\1/Scrt1.o}|' \
	-e 's|^-dynamic-linker [^ ]*|%{static-pie:-static -pie --no-dynamic-linker -z text;:&}|' \
	"$folder/musl-gcc.specs" >"$out/musl.specs"
printf '#!/bin/sh\nexec gcc "$@" -specs "%s"\n' "$out/musl.specs" >"$out/cc"
chmod 0755 "$out/cc"

make "CC=$out/cc" PKG_CONFIG=false WERROR="${WERROR-}" "BUILD=$out" CPPFLAGS="-I$out/include/cjson -I$out/include $(pkg-config --cflags-only-I libsecret-1)" \
	CFLAGS='-O2 -g -U_FORTIFY_SOURCE' LDFLAGS="-L$out/lib" "-j$(nproc)" all
