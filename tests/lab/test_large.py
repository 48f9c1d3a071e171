# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A large hosts file that nobody touches costs nothing, and one that somebody touches is read."""

import json
import os
import re
import shutil
import tempfile
import time

from . import lab as labs
from .case import HOSTS, PRIVATE_US, LabCase, hosts_entries, identity, read

LAST = "/run/icr-rewrite/last.json"
STATE = "/var/lib/icr-rewrite/state.json"
NSSWITCH = "/etc/nsswitch.conf"
OTHERS = b"".join(b"10.%d.%d.%d host%06d.example.com\n" % (i >> 16, i >> 8 & 255, i & 255, i)
                  for i in range(60000))


class Large(LabCase):
    settings = {"registry": False}

    def setUp(self):
        super().setUp()
        shutil.rmtree("/run/icr-rewrite", ignore_errors=True)
        self.lab.write(HOSTS, read(HOSTS) + OTHERS)
        self.whole = read(HOSTS)
        self.apply()
        self.settle()

    def refresh(self, code=0):
        done = self.lab.rewrite("refresh")
        self.assert_code(code, done)
        return done

    def settle(self):
        """Until the file's times are old enough to tell a later write from an earlier one."""
        deadline = time.monotonic() + 20
        while "hosts" not in json.loads(read(LAST)):
            self.assertLess(time.monotonic(), deadline, read(LAST))
            self.refresh()

    def opened(self):
        """How often a refresh that goes well opens the hosts file."""
        with tempfile.NamedTemporaryFile() as log:
            self.run_ok(labs.run("strace", "-f", "-qq", "-e", "trace=openat", "-o", log.name,
                                 os.path.join(labs.BUILD, "icr-rewrite"), "refresh"))
            return len(re.findall(rb'"/etc/hosts"', log.read()))

    def test_nobody_reads_it(self):
        before = identity(HOSTS), identity(STATE)
        self.lab.clear_log()
        self.assertEqual(self.opened(), 0)
        asked = {(line["address"], line["host"]) for line in self.lab.log(role="private")
                 if line["path"] == "/v2/"}
        for address in PRIVATE_US:
            for name in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
                self.assertIn((address, name), asked)
        self.assertEqual((identity(HOSTS), identity(STATE)), before)
        self.run_ok(self.lab.rewrite("status"))

    def test_an_edit_that_hides_its_time(self):
        """Same size, same inode, and the time of the last change put back."""
        times, text = os.stat(HOSTS), read(HOSTS)
        with open(HOSTS, "r+b") as file:
            file.write(text.replace(PRIVATE_US[0].encode(), b"166.9.250.111"))
        os.utime(HOSTS, ns=(times.st_atime_ns, times.st_mtime_ns))
        done = self.refresh()
        self.assertIn("put back", done.stderr)
        self.assertEqual(sorted(hosts_entries()["us.icr.io"]), sorted(PRIVATE_US))

    def test_an_edit_of_others(self):
        with open(HOSTS, "ab") as file:
            file.write(b"10.1.1.1 db.internal\n")
        self.assertGreater(self.opened(), 0)
        self.settle()
        self.assertEqual(self.opened(), 0)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.whole + b"10.1.1.1 db.internal\n")

    def test_lines_lost(self):
        self.lab.write(HOSTS, self.whole)
        self.refresh()
        self.assertEqual(sorted(hosts_entries()["us.icr.io"]), sorted(PRIVATE_US))

    def test_renumbered(self):
        self.lab.renumber("private.us.icr.io", labs.SPARE_PRIVATE[:1])
        self.assertIn("changed /etc/hosts", self.refresh().stdout)
        self.assertEqual(hosts_entries()["us.icr.io"], labs.SPARE_PRIVATE[:1])
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.whole)

    def test_the_resolver_is_told_otherwise(self):
        text = read(NSSWITCH)
        for line in (b"hosts: dns\n", b"hosts: dns [!UNAVAIL=return] files\n"):
            with self.subTest(line):
                self.lab.write(NSSWITCH, re.sub(rb"(?m)^hosts:.*\n", line, text))
                self.assert_says("resolver does not follow", self.refresh(4))

    def test_another_region(self):
        self.apply(regions="us,de")
        self.assertIn("de.icr.io", hosts_entries())
        self.settle()
        self.assertEqual(self.opened(), 0)

    def test_dead(self):
        self.lab.refuse(*PRIVATE_US)
        self.refresh(4)
        self.assertEqual(sorted(hosts_entries()["us.icr.io"]), sorted(PRIVATE_US))
        self.lab.revive(*PRIVATE_US)
        self.refresh()

    def test_a_private_name_pinned_by_hand(self):
        """That name is asked of the file, as any program does."""
        self.lab.renumber("private.us.icr.io", labs.SPARE_PRIVATE[:1])
        with open(HOSTS, "ab") as file:
            file.write(f"{PRIVATE_US[1]} private.us.icr.io\n".encode())
        self.refresh()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[1:])
