#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# Installs what is missing to build (deps.sh build) or also to test (deps.sh check). What is looked
# for are commands and libraries, not packages: a host with Docker's own docker-ce keeps it.
set -eu

build='cc:gcc make:make pkg-config:pkg-config +libcjson:libcjson-dev +libcurl:libcurl4-openssl-dev
+libsecret-1:libsecret-1-dev'
check='+cunit:libcunit1-dev +json-c:libjson-c-dev python3:python3 openssl:openssl curl:curl
libcurl.so.4:libcurl4 libsecret-1.so.0:libsecret-1-0
docker:docker.io dockerd:docker.io docker-registry:docker-registry podman:podman skopeo:skopeo
crun:crun conmon:conmon ip:iproute2 iptables:iptables unshare:util-linux mount:mount ps:procps
gnome-keyring-daemon:gnome-keyring dbus-run-session:dbus dbus-send:dbus gdbus:libglib2.0-bin secret-tool:libsecret-tools
docker-credential-secretservice:golang-docker-credential-helpers
docker-credential-pass:golang-docker-credential-helpers pass:pass gpg:gnupg
strace:strace valgrind:valgrind setfacl:acl mandoc:mandoc git:git diff:diffutils
patch:patch clang-format:clang-format cppcheck:cppcheck shellcheck:shellcheck'

PATH=$PATH:/usr/sbin:/sbin

present() {
	case $1 in
	+*) command -v pkg-config >/dev/null && pkg-config --exists "${1#+}" ;;
	*.so.*) ldconfig -p 2>/dev/null | grep -q "$1 " ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

case ${1-} in
build) wanted=$build ;;
check) wanted="$build $check" ;;
*)
	echo "usage: deps.sh build|check" >&2
	exit 2
	;;
esac

missing=
for pair in $wanted; do
	present "${pair%%:*}" && continue
	case " $missing " in
	*" ${pair##*:} "*) ;;
	*) missing="$missing ${pair##*:}" ;;
	esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: missing, by Debian's package names:$missing" >&2
	echo "deps.sh: install your distribution's equivalents and run make again" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "deps.sh: missing:$missing" >&2
	echo "deps.sh: run as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "  DEPS   $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of package names
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	exit 1
fi
