# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The Debian root that the boot tests start, made once by mmdebstrap, and the programs for it.

    python3 -m tests.boot.root      makes both, and prints the variables that the tests want
"""

import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from tests.common import BUILD, TOP

SUITE = "bookworm"
# What a server has, what the programs need (and their sanitized builds), and cloud-init.
PACKAGES = ("systemd systemd-sysv dbus iproute2 procps ca-certificates curl cloud-init "
            "libcjson1 libcurl4 libsecret-1-0 libasan8 libubsan1").split()
OPTIONS = ("--variant=minbase", "--aptopt=Acquire::Languages \"none\"",
           "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
           "--dpkgopt=path-exclude=/usr/share/locale/*")
# A layer over it with an engine, for the hosts that pull by themselves.
DOCKER = ("docker.io",)
BUILD_SECONDS, INSTALL_SECONDS = 900, 300

# $1 the root, $2 the folder that becomes the layer, then the packages. Nothing is started.
LAYER = """
    root=$1 upper=$2
    shift 2
    mkdir "$upper" "$upper.work" "$upper.tree"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$upper,workdir=$upper.work" "$upper.tree"
    mount -t proc proc "$upper.tree/proc"
    mount --rbind /dev "$upper.tree/dev"
    printf '#!/bin/sh\\nexit 101\\n' >"$upper.tree/usr/sbin/policy-rc.d"
    chmod 0755 "$upper.tree/usr/sbin/policy-rc.d"
    export DEBIAN_FRONTEND=noninteractive
    chroot "$upper.tree" apt-get -q update
    chroot "$upper.tree" apt-get -q install -y --no-install-recommends "$@"
    rm -rf "$upper.tree/usr/sbin/policy-rc.d" "$upper.tree"/var/lib/apt/lists/* \\
        "$upper.tree"/var/cache/apt/*.bin "$upper.tree"/var/cache/apt/archives/*.deb
"""


class Unavailable(Exception):
    """Why no root can be had here."""


def place():
    """Where the root is kept: one for each list of packages."""
    recipe = "\n".join((SUITE, platform.machine(), *PACKAGES, *OPTIONS))
    name = "root-" + hashlib.sha256(recipe.encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = pathlib.Path(cache) / "docker-credential-icr" if cache else TOP / "build"
    return folder / "boot" / name


def reason():
    """Why this machine cannot boot a root, or None."""
    if os.geteuid() != 0:
        return "a booted systemd needs root"
    missing = [package for program, package in
               (("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container"),
                ("nsenter", "util-linux")) if not shutil.which(program)]
    if missing == ["mmdebstrap"] and place().is_dir():
        missing = []
    return "missing: " + " ".join(missing) if missing else None


def remove(folder):
    """Removes a tree that holds what dpkg made: nothing is mounted in there."""
    shutil.rmtree(folder, ignore_errors=True)


def make(target):
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob("root-*"):  # of another list, or half made
        remove(old)
    with tempfile.TemporaryDirectory(prefix="root-", dir=target.parent) as work:
        half = pathlib.Path(work) / "root"
        done = subprocess.run(["mmdebstrap", *OPTIONS, "--include=" + ",".join(PACKAGES), SUITE,
                               str(half)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS,
                              check=False)
        if done.returncode:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            raise Unavailable("mmdebstrap: " + last)
        half.chmod(0o755)
        half.rename(target)


def ensure(say=lambda text: None):
    """The root, made now if need be."""
    target = place()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            say("making a Debian root in %s, once" % target)
            make(target)
    return target


def layer(say=lambda text: None):
    """A layer with Docker over the root, made now if need be."""
    name = hashlib.sha256("\n".join((place().name, *DOCKER, LAYER)).encode()).hexdigest()[:12]
    target = place().with_name("docker-" + name)
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        for old in target.parent.glob("docker-*"):
            remove(old)
        say("adding Docker to it in %s, once" % target)
        with tempfile.TemporaryDirectory(prefix="docker-", dir=target.parent) as work:
            half = pathlib.Path(work) / "layer"
            done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-euc",
                                   LAYER, "sh", str(place()), str(half), *DOCKER],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS,
                                  check=False)
            if done.returncode:
                raise Unavailable("apt-get: " + (done.stdout.strip().splitlines() or [""])[-1])
            half.rename(target)
    return target


def install():
    """The programs and units, as `make install` would put them on a host: a layer over the root."""
    target = BUILD / "boot" / "installed"
    remove(target)
    done = subprocess.run(["make", "-s", "--no-print-directory", "install", "PREFIX=/usr",
                           "BUILD=" + os.path.relpath(BUILD, TOP), "DESTDIR=" + str(target)],
                          cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=INSTALL_SECONDS,
                          check=False)
    if done.returncode:
        raise RuntimeError("make install: " + done.stdout)
    # In the root /lib is a link to /usr/lib: a folder of that name over it would hide all of it.
    for name in ("bin", "sbin", "lib"):
        if (target / name).is_dir():
            shutil.copytree(target / name, target / "usr" / name, dirs_exist_ok=True)
            remove(target / name)
    return target


def variables(say=lambda text: None):
    """What the environment of the boot tests says."""
    found = {"ICR_BOOT_ROOT": str(ensure(say)), "ICR_BOOT_INSTALLED": str(install())}
    try:
        found["ICR_BOOT_DOCKER"] = str(layer(say))
    except Unavailable as error:
        say("no Docker for the booted hosts: %s" % error)
    return found


if __name__ == "__main__":
    if reason():
        sys.exit("root.py: " + reason())
    print(" ".join("%s=%s" % pair for pair in
                   variables(lambda text: print(text, file=sys.stderr)).items()))
