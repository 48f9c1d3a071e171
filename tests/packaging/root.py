# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A Debian 12 of the smallest kind, made once into the build folder, in which packages are
installed and removed: each script sees it fresh, and nothing of it is left."""

import fcntl
import os
import pathlib
import shutil
import unittest
import zlib

from tests.packaging.support import BUILD, in_mounts, run

CONTENT = "systemd,libcjson1,libcurl4,libkeyutils1,libsecret-1-0,ca-certificates"
# of another content: another one
ROOT = BUILD / f"roots/packages-{zlib.crc32(CONTENT.encode()):08x}"

# An overlay: the root itself is never written to. $1 the root, $2 a folder of files for /files
# (what the script leaves there stays), $3 the script; %s runs it.
ENTER = """
    work=$(mktemp -d)
    mount -t tmpfs tmpfs "$work"
    mkdir "$work/upper" "$work/work" "$work/root"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/work" "$work/root"
    mkdir "$work/root/files"
    mount --bind "$2" "$work/root/files"
    mount -t proc proc "$work/root/proc"
    mount --rbind /dev "$work/root/dev"
    set +e
    %s
    status=$?
    umount -R "$work"
    rmdir "$work"
    exit $status
"""
INSIDE = ENTER % """env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \\
        DEBIAN_FRONTEND=noninteractive chroot "$work/root" /bin/sh -euc "$3\""""
# For tools that enter it by themselves.
BESIDE = ENTER % """sh -euc "$3" sh "$work/root" "$2\""""


def make_root():
    """Makes it where it is missing; a second suite waits."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root, for a Debian of its own")
    if not shutil.which("mmdebstrap"):
        raise unittest.SkipTest("mmdebstrap is not installed")
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with open(ROOT.parent / "packages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ROOT.exists():
            return
        unfinished = pathlib.Path(f"{ROOT}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        done = run(["mmdebstrap", "-q", "--variant=minbase", f"--include={CONTENT}", "bookworm",
                    unfinished], timeout=900)
        if done.returncode != 0:
            raise unittest.SkipTest(f"no Debian can be had: {done.stdout[-300:]}")
        unfinished.rename(ROOT)


def in_root(script, files, timeout=120):
    return in_mounts(INSIDE, ROOT, files, script, timeout=timeout)


def beside_root(script, files, timeout=300):
    """Runs the script outside; $1 is the path of the root, $2 that of the files."""
    return in_mounts(BESIDE, ROOT, files, script, timeout=timeout)
