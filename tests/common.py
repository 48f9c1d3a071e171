# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What tests of every kind share: where things are, running a command, the picture of a tree."""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("ICR_BUILD") or TOP / "build").resolve()
HELPER = str(BUILD / "docker-credential-icr")
# what it runs for all but the verbs of the protocol
BELOW = "libexec/docker-credential-icr/docker-credential-icr"
COMPLETE = str(BUILD / BELOW)
REWRITE = str(BUILD / "icr-rewrite")
REWRITE_BELOW = "libexec/icr-rewrite/icr-rewrite"
REWRITE_COMPLETE = str(BUILD / REWRITE_BELOW)
TIMEOUT = 60


class Result:
    """What a command did: status, out and err (bytes), and the seconds it took; returncode, stdout
    and stderr are the same, as text. Its text says all of it, for a failed assertion."""

    def __init__(self, args, status, out, err, seconds):
        self.args, self.status, self.seconds = args, status, seconds
        self.out, self.err = out, err

    @property
    def returncode(self):
        return self.status

    @property
    def stdout(self):
        return text(self.out)

    @property
    def stderr(self):
        return text(self.err)

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "%s: status %d, %.2f s\n--- stdout\n%s--- stderr\n%s" % (
            " ".join(self.args), self.status, self.seconds, self.stdout, self.stderr)


def text(data):
    return data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def run(command, stdin=b"", env=None, timeout=TIMEOUT, **more):
    """Runs COMMAND (a list) with exactly the environment ENV and bytes or text STDIN."""
    command = [str(word) for word in command]
    if isinstance(stdin, str):
        stdin = stdin.encode("utf-8", "surrogateescape")
    begin = time.monotonic()
    done = subprocess.run(command, input=stdin, env=env, timeout=timeout, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **more)
    return Result(command, done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def copy_program(program, folder):
    """The program as a whole in FOLDER, for everybody; the path of its front."""
    place, base = pathlib.Path(folder), os.path.basename(program)
    below = place / "libexec" / base
    below.mkdir(parents=True, exist_ok=True)
    for part in (place, below.parent, below):
        part.chmod(0o755)
    shutil.copy(BUILD / "libexec" / base / base, below)
    return shutil.copy(program, place)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def look(path, identity=False):
    """What stands at PATH: mode, owner, group, and bytes or link target; with IDENTITY also inode
    and times, which change when it is written even with the same bytes. None for nothing."""
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        return None
    content = None
    if stat.S_ISLNK(about.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(about.st_mode):
        content = read(path)
    more = (about.st_ino, about.st_mtime_ns, about.st_ctime_ns) if identity else ()
    return about.st_mode, about.st_uid, about.st_gid, content, *more


def picture(*tops, identity=False, without=()):
    """{path: look()} of everything below TOPS, but for the folders WITHOUT."""
    found = {}
    for top in tops:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in without]
            for name in files + folders:
                path = os.path.join(folder, name)
                found[path] = look(path, identity)
    return found


def manual_samples():
    """{verb: object}: the sample objects of icr-rewrite's manual page."""
    page = (TOP / "packaging/man/icr-rewrite.8").read_text(encoding="utf-8").replace("\\\\", "\\")
    samples = [json.loads(text) for text in re.findall(r"(?ms)^\.Bd -literal\n(\{.*?)^\.Ed$", page)]
    return {sample["verb"]: sample for sample in samples}


def assert_alike(sample, real, where):
    """REAL has the members of SAMPLE, in that order and of those types, as far as both have them."""
    if isinstance(sample, dict) and isinstance(real, dict):
        if list(sample) != list(real):
            raise AssertionError(f"{where}: {list(real)}, not {list(sample)}")
        for name in sample:
            assert_alike(sample[name], real[name], f"{where}.{name}")
    elif isinstance(sample, list) and sample and isinstance(real, list) and real:
        assert_alike(sample[0], real[0], where)
    elif sample is not None and real is not None and type(sample) is not type(real):
        raise AssertionError(f"{where}: {real!r}, not {sample!r}")
