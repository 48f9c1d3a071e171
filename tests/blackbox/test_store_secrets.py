# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Where the key is not, while it is stored, fetched and erased: arguments, children and their
environment, messages, core files, and memory that was let go of."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from tests.blackbox.secret_service import Service
from tests.blackbox.support import COMPLETE, HELPER, NO_LEAKS, TIMEOUT, HomeCase
from tests.common import BUILD

SECRET = "look-for-me-0123456789-abcdefghijklmnopqrstu"
EXIT_GROUP = 231 if os.uname().machine == "x86_64" else 94


def message():
    return json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": SECRET})


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("strace"), "needs root and strace")
@unittest.skipIf("sanitize" in str(BUILD), "the sanitizers keep freed memory")
class Secrets(HomeCase):
    def run_watched(self, verb, stdin):
        """The system calls of a run, and its writable memory just before it ends."""
        with tempfile.NamedTemporaryFile(prefix="icr-test-") as log:
            child = subprocess.Popen(
                ["strace", "-E", NO_LEAKS, "-f", "-qq", "-s", "200000", "-o", log.name, "-e",
                 "trace=execve,clone,fork,vfork,clone3,prctl,exit_group", "-v", "-e",
                 "inject=exit_group:delay_enter=1500000", "--", HELPER, verb],
                env=self.home.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            child.stdin.write(stdin.encode())
            child.stdin.close()
            child.stdin = None
            pid = self.wait_for_end(child)
            memory = self.memory(pid)
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            out, err = child.communicate(timeout=TIMEOUT)
            calls = pathlib.Path(log.name).read_text()
        self.assertEqual(child.returncode, 0, (out, err))
        return calls, memory, limits, out, err

    def wait_for_end(self, child):
        """The number of the process that is about to end."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                pids = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text()
                for pid in pids.split():
                    # strace begins with children of its own, that end at once
                    if not any(os.path.samefile(f"/proc/{pid}/exe", program)
                               for program in (HELPER, COMPLETE)):
                        continue
                    call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
                    if call[0] == str(EXIT_GROUP):
                        return pid
            except OSError:
                pass
        self.fail("it does not end")
        return None

    def memory(self, pid):
        found = b""
        with open(f"/proc/{pid}/mem", "rb") as mem:
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if match:
                    begin, end = (int(number, 16) for number in match.groups())
                    mem.seek(begin)
                    found += mem.read(end - begin)
        self.assertGreater(len(found), 10000)
        return found

    def check(self, libsecret=False):
        for verb, stdin in (("store", message()), ("get", "us.icr.io"), ("list", ""),
                            ("erase", "us.icr.io")):
            with self.subTest(verb):
                calls, memory, limits, out, err = self.run_watched(verb, stdin)
                # arguments and environment of itself, and no children at all but the one that
                # libsecret is in, whose memory ends with it
                apart = libsecret and verb == "store"
                self.assertEqual(len(re.findall(r"execve\(", calls)), 1 + apart, calls)
                children = re.findall(r"\b(?:clone|clone3|fork|vfork)\((?!.*CLONE_THREAD)", calls)
                self.assertEqual(len(children), apart, calls)
                self.assertNotIn(SECRET, calls)
                self.assertNotIn(SECRET.encode(), err)
                self.assertEqual(SECRET.encode() in out, verb == "get")
                # neither whole nor in halves: buffers that grow let go of what they were
                for part in (SECRET, SECRET[:20], SECRET[24:]):
                    self.assertNotIn(part.encode(), memory)
                self.assertRegex(limits, r"Max core file size\s+0\s+0")
                self.assertIn("PR_SET_DUMPABLE, SUID_DUMP_DISABLE", calls)

    def test_file(self):
        self.home.configure(stores=["file"])
        self.check()

    def test_desktop(self):
        service = Service(self.home)
        self.addCleanup(service.stop)
        self.home.configure(stores=["libsecret"])
        self.check(libsecret=True)

    def test_kernel(self):
        self.home.configure(stores=["keyring"])
        if self.home.helper("list").json != {}:
            self.skipTest("this user's own logins are in the kernel's keyring")
        if self.home.helper("store", stdin=message()).status != 0:
            self.skipTest("no kernel keyring here")
        self.addCleanup(self.home.helper, "erase", stdin="us.icr.io")
        self.check()


if __name__ == "__main__":
    unittest.main()
