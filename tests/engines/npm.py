# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Programs of the npm registry, unpacked once, to run on this machine; none of their scripts are."""

import fcntl
import shutil
import subprocess

from tests.engines import trixie

SECONDS = 200
# name: package, version
PACKAGES = {"devcontainer": ("@devcontainers/cli", "0.89.0")}


class Unavailable(Exception):
    """Why it cannot be had here."""


def install(package, version, half):
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--prefix", str(half), "%s@%s" % (package, version)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable("npm: " + (done.stdout.strip().splitlines() or ["?"])[0])


def ensure(name, say=lambda text: None):
    """The folder with the program NAME, installed now if it was not yet."""
    package, version = PACKAGES[name]
    target = trixie.place().parent / "npm" / ("%s-%s" % (name, version))
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            if not shutil.which("npm"):
                raise Unavailable("npm is not installed")
            say("installing %s %s, once" % (package, version))
            half = target.with_name(target.name + ".half")
            install(package, version, half)
            half.rename(target)
    return target / "node_modules/.bin"
