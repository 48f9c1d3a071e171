# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What black-box tests share: running the built programs as a user would, in a home of their own."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.common import (BUILD, COMPLETE, HELPER, REWRITE, REWRITE_COMPLETE, TOP,  # noqa: F401
                          copy_program, run)  # (for who imports them here)

TIMEOUT = 30

NOT_FOUND = b"credentials not found in native keychain\n"
NO_SERVER = b"no credentials server URL\n"
NO_USERNAME = b"no credentials username\n"

# For a program under strace: a sanitizer's search for leaks cannot work there.
NO_LEAKS = "ASAN_OPTIONS=detect_leaks=0"

# Passed on to the programs: what sanitizers and the C library need, nothing of the user's.
KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH")


def keyring_works():
    """The kernel's."""
    if not shutil.which("keyctl"):
        return False
    done = subprocess.run(["keyctl", "show", "@u"], capture_output=True, check=False)
    return done.returncode == 0


class Home:
    """A throw-away home folder and the environment of a user who has nothing else: no session bus,
    no Docker configuration, no keys. Set entries of .env to add to it, None to take away."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env["HOME"] = str(self.path)

    @property
    def data(self):
        """The folder of the file store."""
        return self.path / ".local/share/docker-credential-icr"

    @property
    def store_file(self):
        return self.data / "credentials.json"

    @property
    def config_file(self):
        """The helper's own configuration."""
        return self.path / ".config/docker-credential-icr/config.json"

    @property
    def docker_config(self):
        return self.path / ".docker/config.json"

    def write(self, path, content, mode=0o600):
        """Writes text, bytes or (as JSON) anything else, making folders 0700."""
        path = self.path / path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def configure(self, **keys):
        """Writes the helper's configuration."""
        return self.write(self.config_file, keys)

    def environment(self, env=None):
        merged = dict(self.env, **(env or {}))
        return {name: str(value) for name, value in merged.items() if value is not None}

    def run(self, command, stdin=b"", env=None, timeout=TIMEOUT, **more):
        return run(command, stdin, self.environment(env), timeout, **more)

    def helper(self, *arguments, stdin=b"", env=None, **more):
        return self.run([HELPER, *arguments], stdin, env, **more)

    def rewrite(self, *arguments, stdin=b"", env=None, **more):
        return self.run([REWRITE, *arguments], stdin, env, **more)

    def store(self, host, username="iamapikey", secret="s3cret", env=None):
        """Stores by the helper and checks that it did."""
        message = json.dumps({"ServerURL": host, "Username": username, "Secret": secret})
        result = self.helper("store", stdin=message + "\n", env=env)
        if result.status != 0 or result.out != b"":
            raise AssertionError(f"store {host}: {result}")
        return result


def unshare():
    """The start of a command in a mount namespace of its own; a user namespace, which not every
    machine allows, only where root is needed for it."""
    return ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


@contextlib.contextmanager
def home():
    with tempfile.TemporaryDirectory(prefix="icr-test-") as path:
        yield Home(path)


class HomeCase(unittest.TestCase):
    """A test case with self.home, new for each test."""

    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.home = stack.enter_context(home())

    def as_somebody_else(self, program=HELPER):
        """The command that runs the program so, from where everybody may."""
        folder = tempfile.TemporaryDirectory(prefix="icr-test-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        program = copy_program(program, folder.name)
        return ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", program]

    def assert_ok(self, result, out=b""):
        self.assertEqual((result.status, result.out), (0, out), result)

    def assert_fails(self, result, *needles, status=1):
        """STATUS, one line on standard output, and all NEEDLES (text) in it."""
        self.assertEqual(result.status, status, result)
        self.assertEqual(result.out.count(b"\n"), 1, result)
        self.assertTrue(result.out.endswith(b"\n"), result)
        for needle in needles:
            self.assertIn(needle, result.out.decode(), result)
        self.assertNotEqual(result.out, NOT_FOUND, result)

    def assert_missing(self, result, *needles):
        """The not-found sentence alone on standard output, NEEDLES on standard error."""
        self.assertEqual((result.status, result.out), (1, NOT_FOUND), result)
        for needle in needles:
            self.assertIn(needle, result.err.decode(), result)

    def assert_got(self, result, server, username, secret):
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.json,
                         {"ServerURL": server, "Username": username, "Secret": secret}, result)
