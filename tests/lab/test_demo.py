# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The demo, which people see first, does what it says."""

import sys

from tests.common import TOP

from . import lab
from .case import LabCase


class Demo(LabCase):
    def setUp(self):
        self.restore()
        self.addCleanup(self.restore)

    def test_it_holds(self):
        done = self.run_ok(lab.run(sys.executable, str(TOP / "tests/lab/demo.py"), timeout=120))
        self.assertIn("demo: all of it holds", done.stdout)
        for puzzle in ("libsecret", "not installed"):
            self.assertNotIn(puzzle, done.stdout)
        self.assertNotIn(lab.API_KEY, done.stdout + done.stderr)
