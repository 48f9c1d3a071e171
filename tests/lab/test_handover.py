# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite as it is called, without the program that it runs for the rest: on a live host it
looks, and writes nothing."""

import os
import pathlib
import shutil
import tempfile

from tests.common import REWRITE, REWRITE_BELOW, look
from tests.lab import lab as labs
from tests.lab.case import HOSTS, LabCase

STAND_IN = '#!/bin/sh\necho "$# $*"\ngrep SigBlk /proc/self/status\n'


class Alone(LabCase):
    settings = {"regions": ("us", "de"), "registry": False}

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="icr-test-")
        self.addCleanup(folder.cleanup)
        self.alone = shutil.copy(REWRITE, folder.name)
        path = pathlib.Path(folder.name, REWRITE_BELOW)
        path.parent.mkdir(parents=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)

    def handed_over(self, *words):
        before = look(HOSTS, identity=True)
        done = labs.run(self.alone, *words)
        self.assertEqual((done.returncode, done.stdout),
                         (0, f"{len(words)} {' '.join(words)}\nSigBlk:\t0000000000000000\n"), done)
        self.assertEqual(look(HOSTS, identity=True), before)

    def looks(self, *words, code=0):
        before = look(HOSTS, identity=True)
        done = labs.run(self.alone, *words)
        self.assertEqual(done.returncode, code, done)
        self.assertNotIn("SigBlk", done.stdout)
        self.assertEqual(look(HOSTS, identity=True), before)

    def test_nothing_applied(self):
        self.handed_over("apply", "--offline", "--regions", "us")
        self.assertFalse(os.path.exists("/var/lib/icr-rewrite"))
        self.looks("plan", "--offline", "--regions", "us", code=3)
        self.looks("status", "--offline")
        # the resolver is asked
        self.handed_over("status", "--all")

    def test_applied(self):
        self.apply()
        self.looks("apply", "--offline", "--regions", "us")
        self.looks("status")
        self.looks("status", "--json")
        self.handed_over("apply", "--offline", "--regions", "us,de")
        self.handed_over("undo")
        with open(HOSTS, "a", encoding="ascii") as file:
            file.write("203.0.113.5 us.icr.io\n")
        self.looks("status", code=3)
        self.handed_over("refresh", "-q")

    def test_another_resolver(self):
        """What the hosts file says is no answer where it is not asked first."""
        self.apply()
        order = pathlib.Path("/etc/nsswitch.conf").read_text(encoding="ascii")
        self.addCleanup(pathlib.Path("/etc/nsswitch.conf").write_text, order)
        pathlib.Path("/etc/nsswitch.conf").write_text("hosts: dns files\n", encoding="ascii")
        self.handed_over("status")
