#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
#
# deps.sh build|demo|engines|check
#
# Installs what is missing on Debian, as root, and says before what and how large that is; elsewhere
# it prints the command that would. Nothing that comes in is started or stays enabled.
set -eu

# A line for each thing that is needed: the sets it belongs to (build belongs to demo too, and
# everything to check), how it is found, and the package of Debian, of Fedora and RHEL (with EPEL),
# and of Alpine; - where there is none. What is looked for are commands, libraries (+ for those of
# pkg-config, .a for those of the compiler), files (/) and Python modules (py:), not packages: a host with docker-ce keeps it.
table='
build         cc                             gcc                          gcc                  build-base
build         make                           make                         make                 make
build         libc.a                         libc6-dev                    glibc-static         musl-dev
build         pkg-config                     pkg-config                   pkgconf-pkg-config   pkgconf
build         +libcjson                      libcjson-dev                 cjson-devel          cjson-dev
build         +libcurl                       libcurl4-openssl-dev         libcurl-devel        curl-dev
build         +libsecret-1                   libsecret-1-dev              libsecret-devel      libsecret-dev

demo          python3                        python3                      python3              python3
demo          libcurl.so.4                   libcurl4                     libcurl              libcurl
demo          openssl                        openssl                      openssl              openssl
demo          ip                             iproute2                     iproute              iproute2
demo          unshare                        util-linux                   util-linux           util-linux
demo          mount                          mount                        util-linux           mount
demo          ps                             procps                       procps-ng            procps-ng

demo,engines  docker                         docker.io                    moby-engine          docker-cli
demo,engines  dockerd                        docker.io                    moby-engine          docker-engine
demo,engines  docker-registry                docker-registry              docker-distribution  docker-registry
demo,engines  iptables                       iptables                     iptables-nft         iptables
engines       podman                         podman                       podman               podman
engines       buildah                        buildah                      buildah              buildah
engines       skopeo                         skopeo                       skopeo               skopeo
engines       crun                           crun                         crun                 crun
engines       conmon                         conmon                       conmon               conmon

check         +cunit                         libcunit1-dev                CUnit-devel          cunit-dev
check         +json-c                        libjson-c-dev                json-c-devel         json-c-dev
check         /usr/include/keyutils.h        libkeyutils-dev              keyutils-libs-devel  keyutils-dev
check         curl                           curl                         curl                 curl
check         git                            git                          git                  git
check         diff                           diffutils                    diffutils            diffutils
check         patch                          patch                        patch                patch
check         setfacl                        acl                          acl                  acl
check         strace                         strace                       strace               strace
check         valgrind                       valgrind                     valgrind             valgrind
check         keyctl                         keyutils                     keyutils             keyutils
check         gnome-keyring-daemon           gnome-keyring                gnome-keyring        gnome-keyring
check         dbus-run-session               dbus                         dbus-daemon          dbus
check         dbus-send                      dbus                         dbus-tools           dbus
check         gdbus                          libglib2.0-bin               glib2                glib
check         secret-tool                    libsecret-tools              libsecret            libsecret
check         docker-credential-secretservice golang-docker-credential-helpers -                -
check         docker-credential-pass         golang-docker-credential-helpers -                -
check         pass                           pass                         pass                 pass
check         gpg                            gnupg                        gnupg2               gnupg
check         nft                            nftables                     nftables             nftables
check         dnsmasq                        dnsmasq-base                 dnsmasq              dnsmasq
check         unbound                        unbound                      unbound              unbound
check         named                          bind9                        bind                 bind
check         named-checkzone                bind9-utils                  bind                 bind-tools

check         clang-format                   clang-format                 clang-tools-extra    clang-extra-tools
check         cppcheck                       cppcheck                     cppcheck             cppcheck
check         shellcheck                     shellcheck                   ShellCheck           shellcheck
check         mandoc                         mandoc                       mandoc               mandoc
check         clang                          clang                        clang                clang
check         fuzzer                         libclang-rt-dev              compiler-rt          compiler-rt
check         llvm-symbolizer                llvm                         llvm                 llvm

check         mmdebstrap                     mmdebstrap                   -                    -
check         autopkgtest                    autopkgtest                  -                    -
check         piuparts                       piuparts                     -                    -
check         systemd-nspawn                 systemd-container            systemd-container    -
check         dh                             debhelper                    -                    -
check         lintian                        lintian                      -                    -
check         blhc                           blhc                         -                    -
check         rpmbuild                       rpm                          rpm-build            -
check         rpmlint                        rpmlint                      rpmlint              -
check         musl-gcc                       musl-tools                   musl-gcc             -
check         py:yaml                        python3-yaml                 python3-pyyaml       py3-yaml
check         ansible-playbook               ansible-core                 ansible-core         ansible-core
check         ansible-lint                   ansible-lint                 python3-ansible-lint ansible-lint
check         yamllint                       yamllint                     yamllint             yamllint
check         signify-openbsd                signify-openbsd              -                    -
check         /usr/share/bash-completion     bash-completion              bash-completion      bash-completion
check         zsh                            zsh                          zsh                  zsh
check         fish                           fish                         fish                 fish
'

policy=/usr/sbin/policy-rc.d
aside=$policy.before-deps
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# $1 as the table has it
present() {
	case $1 in
	+*) command -v pkg-config >/dev/null && pkg-config --exists "${1#+}" ;;
	py:*) python3 -c "import ${1#py:}" 2>/dev/null ;;
	fuzzer) clang -print-file-name=libclang_rt.fuzzer.a 2>/dev/null | grep -q / ||
		[ -n "$(find -L /usr/lib/llvm* /usr/lib/clang -name 'libclang_rt.fuzzer*.a' 2>/dev/null)" ] ;;
	/*) [ -e "$1" ] ;;
	*.a) cc -print-file-name="$1" 2>/dev/null | grep -q / ;;
	*.so.*) ldconfig -p 2>/dev/null | grep -q "$1 " || [ -e "/usr/lib/$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# Whether a line with the sets $1 (an empty line has none) belongs to the set $2.
wanted_in() {
	[ -n "$1" ] || return 1
	case $2 in
	check) return 0 ;;
	demo) case ,$1, in *,build,* | *,demo,*) return 0 ;; esac ;;
	*) case ,$1, in *,"$2",*) return 0 ;; esac ;;
	esac
	return 1
}

# The packages that are missing for the set $1, by the names in column $2 (debian, fedora, alpine);
# what has no package there is said.
missing_for() {
	printf '%s' "$table" | while read -r sets what debian fedora alpine; do
		wanted_in "$sets" "$1" || continue
		present "$what" && continue
		case $2 in
		debian) package=$debian ;;
		fedora) package=$fedora ;;
		alpine) package=$alpine ;;
		esac
		if [ "$package" = - ]; then
			echo "deps.sh: $what has no package here: what needs it is skipped" >&2
		else
			echo "$package"
		fi
	done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# What starts by itself: links of units, and of scripts of System V.
enabled() {
	find /etc/systemd/system /etc/systemd/user -type l 2>/dev/null || :
	find /etc/rc[2-5S].d -name 'S*' 2>/dev/null || :
}

disable_again() {
	enabled | sort >"$work/after"
	comm -13 "$work/before" "$work/after" | while read -r link; do
		case $link in
		/etc/rc?.d/*)
			name=${link##*/S??}
			[ -e "$link" ] && update-rc.d "$name" disable >/dev/null 2>&1
			;;
		*) rm -f "$link" ;;
		esac
		echo "${link##*/}"
	done | sed 's/^S[0-9][0-9]//' | sort -u | tr '\n' ' ' >"$work/disabled"
	[ ! -s "$work/disabled" ] || echo "  DEPS    left disabled: $(cat "$work/disabled")"
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# While this stands, no maintainer script starts a service. A run that was killed left its own.
forbid_starts() {
	if [ -e "$policy" ] && ! grep -q '^# deps.sh: ' "$policy"; then
		mv "$policy" "$aside"
	fi
	printf '#!/bin/sh\n# deps.sh: while packages are installed\nexit 101\n' >"$policy"
	chmod 0755 "$policy"
}

allow_starts() {
	if [ -e "$aside" ]; then
		mv "$aside" "$policy"
	elif grep -qs '^# deps.sh: ' "$policy"; then
		rm -f "$policy"
	fi
}

finish() {
	status=$?
	trap '' HUP INT TERM
	allow_starts
	[ ! -e "$work/before" ] || disable_again
	rm -rf "$work"
	exit "$status"
}

tell_command() {
	echo "deps.sh: missing: $missing" >&2
	echo "deps.sh: run as root: $1 $missing" >&2
	exit 1
}

case ${1-} in
build | demo | engines | check) ;;
*)
	echo "usage: deps.sh build|demo|engines|check" >&2
	exit 2
	;;
esac

if command -v apt-get >/dev/null; then
	missing=$(missing_for "$1" debian)
	install='apt-get install --no-install-recommends'
elif command -v dnf >/dev/null; then
	missing=$(missing_for "$1" fedora)
	install='dnf install --setopt=install_weak_deps=False'
elif command -v apk >/dev/null; then
	missing=$(missing_for "$1" alpine)
	install='apk add'
else
	missing=$(missing_for "$1" debian)
	install='the equivalent, in your distribution, of apt-get install'
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
	tell_command "$install"
fi

work=$(mktemp -d)
trap finish EXIT
trap 'exit 1' HUP INT TERM

# $@ a command of apt-get; it is loud only when it fails.
apt() {
	apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$work/log" 2>&1
}
fail() {
	tail -n 20 "$work/log" >&2
	exit 1
}

apt update || fail
# shellcheck disable=SC2086 # a list of package names
apt install --assume-no --no-install-recommends $missing || :
echo "  DEPS    $missing"
sed -n 's/^[0-9]* upgraded, /  DEPS    &/p; s/^Need to get /  DEPS    &/p; s/^After this /  DEPS    &/p' \
	"$work/log"
echo "  DEPS    none is started or enabled; to remove them: apt-get purge --autoremove $missing"
enabled | sort >"$work/before"
forbid_starts
# shellcheck disable=SC2086 # a list of package names
apt install -y --no-install-recommends $missing || fail
