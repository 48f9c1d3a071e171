# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite as it is called, and the complete one that it runs in its own place."""

import os
import shutil
import unittest

from tests.blackbox.support import REWRITE, HomeCase
from tests.blackbox.test_handover import STAND_IN
from tests.common import REWRITE_BELOW


class Handover(HomeCase):
    """The front looks, and writes below --root; for the rest it runs the other."""

    def setUp(self):
        super().setUp()
        self.alone = shutil.copy(REWRITE, self.home.path)
        self.tree = self.home.path / "tree"
        (self.tree / "etc").mkdir(parents=True)
        self.tree.joinpath("etc/hosts").write_text("127.0.0.1 localhost\n")

    def stand_in(self, place, script=STAND_IN):
        path = place / REWRITE_BELOW
        path.parent.mkdir(parents=True)
        path.write_text(script)
        path.chmod(0o755)

    def test_alone(self):
        """It has all that images want."""
        root = ["--root", self.tree]
        self.assertIn(b"icr-rewrite ", self.home.run([self.alone, "--version"]).out)
        for words in (["--help"], ["help", "check"], ["apply", "--help"], ["refresh", "-h"]):
            self.assertIn(b"Usage: icr-rewrite", self.home.run([self.alone, *words]).out)
        self.assertEqual(self.home.run([self.alone, "ref", "us.icr.io/ns/img"]).out,
                         b"private.us.icr.io/ns/img\n")
        self.assertEqual(self.home.run([self.alone, "apply", "--regions", "us", *root]).status, 0)
        self.assertIn("us.icr.io", self.tree.joinpath("etc/hosts").read_text())
        self.assertEqual(self.home.run([self.alone, "status", *root]).status, 3)
        self.assertEqual(self.home.run([self.alone, "undo", *root]).status, 0)
        self.assertEqual(self.tree.joinpath("etc/hosts").read_text(), "127.0.0.1 localhost\n")
        self.assertEqual(self.home.run([self.alone, "aply"]).status, 2)

    @unittest.skipIf(any(os.path.exists(f"{prefix}/{REWRITE_BELOW}") for prefix in
                         ("/usr", "/usr/local")), "the complete program is installed here")
    def test_without_the_rest_it_is_said(self):
        for words in (["check"], ["refresh", "--json"], ["undo"],
                      ["private-only", "--status", "--region", "us"],
                      ["status", "--all"]):
            with self.subTest(words):
                done = self.home.run([self.alone, *words])
                self.assertEqual((done.status, done.out), (1, b""), done)
                self.assertIn(b"icr-rewrite: " + REWRITE_BELOW.encode(), done.err)
                self.assertIn(b"install icr-rewrite as a whole", done.err)

    def test_arguments_arrive(self):
        """All, in their order, and also those that the front has taken already."""
        self.stand_in(self.home.path)
        for words in (["check", "-q", "--json"], ["apply", "--regions", "us,de"], ["plan"],
                      ["-q", "refresh", "a b", ""], ["undo"],
                      ["apply", "--engines", "--offline", "--fallback"],
                      ["status", "--quiet", "--all", "--json"]):
            with self.subTest(words):
                done = self.home.run([self.alone, *words], b"in\nput")
                if words[0] == "-q" or "--engines" in words:
                    self.assertEqual((done.status, done.out), (2, b""), done)
                else:
                    self.assert_ok(done, f"{len(words)} {' '.join(words)}\nin\nput".encode())

    def test_signals_arrive(self):
        """Threads have them blocked; and none may be there that starts others meanwhile."""
        self.stand_in(self.home.path, "#!/bin/sh\nexec grep -E '^Sig(Blk|Ign)' /proc/self/status\n")
        before = self.home.run([self.alone, "check"])
        self.assertIn(b"SigBlk:\t0000000000000000", before.out)
        for _ in range(100):
            self.assert_ok(self.home.run([self.alone, "status", "--all"]), before.out)

    def test_not_the_program_of_a_tree(self):
        """Without a home folder the user database is asked: this host's, before the tree is
        entered."""
        stolen = "#!/bin/sh\necho stolen\n"
        for prefix in ("usr", "usr/local", str(self.home.path)[1:]):
            self.stand_in(self.tree / prefix, stolen)
        self.stand_in(self.home.path)
        words = ["status", "--root", str(self.tree)]
        done = self.home.run([self.alone, *words], env={"HOME": None})
        self.assert_ok(done, f"3 {' '.join(words)}\n".encode())
        self.assertEqual(self.home.run([self.alone, *words]).status, 0)
