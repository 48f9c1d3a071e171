# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Makes one system call of a program fail, or be its last, by strace's injection."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from tests import common

# Every call that changes a file, a folder or a lock, by all names that kernels have for it; "?":
# strace passes over names that this machine does not know.
CALLS = ("open openat openat2 creat mkdir mkdirat write pwrite64 writev pwritev fsync fdatasync "
         "rename renameat renameat2 unlink unlinkat rmdir link linkat symlink symlinkat chmod "
         "fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr "
         "removexattr lremovexattr fremovexattr ftruncate truncate fallocate flock utimensat").split()
OPENS = ("open", "openat", "openat2")


def strace(options, command, stdin=b"", env=None):
    return common.run(["strace", "-f", "-qq", "-s", "0", *options, "--", *command], stdin, env)


def available():
    if not shutil.which("strace"):
        return False
    try:
        done = strace(["-o", os.devnull, "-e", "inject=getpid:error=EIO:when=9999"], ["true"],
                      env=dict(os.environ))
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


needed = unittest.skipUnless(available(), "strace cannot inject faults here")


def calls(command, stdin=b"", env=None):
    """Runs COMMAND and returns its write-side calls as (name, which one of that name), and the
    status."""
    seen, counts = [], {}
    with tempfile.NamedTemporaryFile(prefix="icr-strace-") as log:
        done = strace(["-o", log.name, "-e", "trace=" + ",".join("?" + name for name in CALLS)],
                      command, stdin, env)
        for line in log.read().decode(errors="replace").splitlines():
            match = re.match(r"\d+\s+(\w+)\((.*)", line)
            if not match or match.group(1) not in CALLS:
                continue
            name, rest = match.groups()
            counts[name] = counts.get(name, 0) + 1
            if name not in OPENS or re.search(r"O_CREAT|O_WRONLY|O_RDWR", rest):
                seen.append((name, counts[name]))
    return seen, done


def run(call, fault, command, stdin=b"", env=None):
    """Runs COMMAND; its CALL (name, which) fails with FAULT ("ENOSPC"), or FAULT is "KILL": the
    program dies when it makes that call."""
    name, which = call
    what = "signal=KILL" if fault == "KILL" else f"error={fault}"
    done = strace(["-o", os.devnull, "-e", f"trace={name}", "-e",
                   f"inject={name}:{what}:when={which}"], command, stdin, env)
    # strace ends itself as its child did
    done.killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    return done


def between(call, command, edit, env=None, then=signal.SIGCONT):
    """Runs COMMAND, and EDIT() while it is stopped right behind its CALL (name, which); THEN is the
    signal that it gets."""
    name, which = call
    with tempfile.NamedTemporaryFile(prefix="icr-strace-") as log:
        with subprocess.Popen(["strace", "-f", "-qq", "-s", "0", "-o", log.name, "-e",
                               f"trace={name}", "-e", f"inject={name}:signal=STOP:when={which}",
                               "--", *command], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tracer:
            stopped = re.compile(rb"^(\d+) +--- stopped by SIGSTOP ---", re.M)
            deadline = time.monotonic() + 60
            while not (found := stopped.search(pathlib.Path(log.name).read_bytes())):
                if tracer.poll() is not None or time.monotonic() > deadline:
                    tracer.kill()
                    raise AssertionError(f"never stopped at {call}")
                time.sleep(0.005)
            edit()
            os.kill(int(found.group(1)), then)
            out, err = tracer.communicate(timeout=60)
    return subprocess.CompletedProcess(command, tracer.returncode, out, err)
