# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Engines as Debian 13, unstable and experimental have them, unpacked once by mmdebstrap, to run on
this machine.

    python3 -m tests.engines.trixie [NAME...]      unpacks them: debian13 (what else?), ...
"""

import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys

from tests.common import BUILD

SUITES = {"debian13": "trixie", "unstable": "sid", "experimental": "experimental"}
# What our helper needs, which runs beside them.
OURS = ("libcjson1", "libcurl4t64", "libsecret-1-0", "ca-certificates")
PACKAGES = ("base-files", "dash", "coreutils", "docker.io", "docker-cli", "docker-buildx",
            "docker-compose", "containerd", "runc", "podman", "buildah", "skopeo", "crun", "conmon",
            "netavark", "rootlesskit", "slirp4netns", "uidmap", *OURS)
# Experimental has the next versions of some packages, and the rest is that of unstable.
EXPERIMENTAL = ("base-files", "dash", "coreutils", "podman", "buildah", "skopeo", "crun", "conmon",
                "netavark", "cosign", "uidmap", *OURS)
# A mirror may serve a release of unstable that is some weeks old.
OPTIONS = ("--variant=extract", "--aptopt=Acquire::Languages \"none\"",
           "--aptopt=Acquire::Check-Valid-Until \"false\"",
           "--dpkgopt=path-exclude=/usr/share/*")
PROGRAMS = ("usr/sbin/dockerd", "usr/sbin/runc", "usr/bin/containerd", "usr/bin/ctr",
            "usr/bin/containerd-shim-runc-v2")
SECONDS = 600


class Unavailable(Exception):
    """Why it cannot be had here."""


def packages(name):
    return EXPERIMENTAL if name == "experimental" else PACKAGES


def sources(name, target):
    """What mmdebstrap makes TARGET from."""
    if name != "experimental":
        return [SUITES[name], str(target)]
    return ["--aptopt=APT::Default-Release \"experimental\"",
            "--extract-hook=ls \"$1/var/cache/apt/archives\" >\"$1/packages\"", "sid", str(target),
            *("deb http://deb.debian.org/debian %s main" % suite for suite in ("sid", name))]


def place(name="debian13"):
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = pathlib.Path(cache) / "docker-credential-icr" if cache else BUILD
    version = hashlib.sha256(repr(packages(name)).encode()).hexdigest()[:8]
    return folder.absolute() / "engines" / ("%s-%s-%s" % (SUITES[name], platform.machine(), version))


def ensure(say=lambda text: None, name="debian13"):
    target = place(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
            raise Unavailable("needs root and mmdebstrap")
        say("unpacking the engines of Debian %s into %s, once" % (SUITES[name], target))
        half = target.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        try:
            done = subprocess.run(["mmdebstrap", *OPTIONS,
                                   "--include=" + ",".join(packages(name)), *sources(name, half)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable("mmdebstrap: not done within %d s" % SECONDS) from None
        if done.returncode:
            raise Unavailable("mmdebstrap: " + (done.stdout.strip().splitlines() or ["?"])[-1])
        # What the scripts of base-files would have made.
        if not (half / "var/run").is_symlink():
            shutil.rmtree(half / "var/run", ignore_errors=True)
            (half / "var/run").symlink_to("/run")
        half.rename(target)
    return target


def wrap(root, folder):
    """Programs in FOLDER that run those of ROOT by ROOT's own loader and libraries. The loader is
    copied under each program's name, which is what the kernel calls the process then."""
    loader = next((root / "usr/lib64").glob("ld-linux*"), None) or next(
        (root / "usr/lib").glob("*/ld-linux*"))
    libraries = ":".join(str(one) for one in (root / "usr/lib").glob("*-linux-gnu"))
    (folder / "loader").mkdir(parents=True)
    for program in PROGRAMS:
        path = root / program
        if not path.exists():
            continue
        shutil.copy(loader, folder / "loader" / path.name)
        script = folder / path.name
        script.write_text('#!/bin/sh\nexec %s/loader/%s --argv0 %s --library-path %s %s "$@"\n' % (
            folder, path.name, path.name, libraries, path))
        script.chmod(0o755)


if __name__ == "__main__":
    try:
        for one in sys.argv[1:] or ["debian13"]:
            print(ensure(lambda text: print(text, file=sys.stderr), one))
    except (KeyError, Unavailable) as error:
        sys.exit("trixie.py: %s" % error)
