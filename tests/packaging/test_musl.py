# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Both programs against musl, as on Alpine, and the black-box suites of what needs neither libcurl
nor libsecret: the stores and sources, configure, and the route's files."""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from tests.common import BELOW, REWRITE_BELOW
from tests.packaging.support import TOP, environment, in_mounts, must, run

SUITES = ("helper_file_store", "helper_get", "helper_config", "configure_random",
          "docker_config", "rewrite_hosts")


class MuslTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for tool in ("musl-gcc", "apt-get"):
            if not shutil.which(tool):
                raise unittest.SkipTest(f"{tool} is not installed")
        cls.build = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.build)
        done = run(["sh", "packaging/alpine/musl.sh", cls.build], cwd=TOP, timeout=600,
                   env=environment(WERROR="1"))
        if done.returncode == 77:
            raise unittest.SkipTest("the source of cJSON cannot be had")
        if done.returncode != 0:
            raise AssertionError(done.stdout)

    def test_linked_against_musl(self):
        for program in (BELOW, REWRITE_BELOW):
            headers = must(["readelf", "-lW", self.build / program])
            self.assertIn("/lib/ld-musl-", headers)
        for name in ("docker-credential-icr", "icr-rewrite"):
            front = self.build / name
            self.assertNotIn("INTERP", must(["readelf", "-lW", front]))
            self.assertIn("DYN (Position-Independent", must(["readelf", "-hW", front]))
            # musl's own way to relocate itself
            self.assertTrue(" __dls2\n" in must(["readelf", "-sW", front]))

    def test_suites(self):
        for suite in SUITES:
            with self.subTest(suite):
                must([sys.executable, "-m", "unittest", f"tests.blackbox.test_{suite}"], cwd=TOP,
                     env=environment(ICR_BUILD=str(self.build), PYTHONDONTWRITEBYTECODE="1"))

    def test_alpine_recipe(self):
        """It can only be read here: no abuild. At least the shell reads it, and its functions are."""
        must(["sh", "-n", TOP / "packaging/alpine/APKBUILD"])
        told = must(["sh", "-euc", '. "$1"; command -v build package rewrite; echo $subpackages', "sh",
                     TOP / "packaging/alpine/APKBUILD"])
        self.assertIn("icr-rewrite:rewrite", told)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class PreDeinstallTest(unittest.TestCase):
    SCRIPT = """
        mount -t tmpfs tmpfs /var/lib
        mkdir /var/lib/icr-rewrite
        [ -z "$3" ] || echo '{}' >/var/lib/icr-rewrite/state.json
        export PATH="$2:$PATH"
        exec sh "$1"
    """

    def test_undo_first(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "icr-rewrite"
            script = TOP / "packaging/alpine/icr-rewrite.pre-deinstall"
            for applied, status, wanted in (("yes", 0, 0), ("yes", 1, 1), ("", 1, 0)):
                program.write_text(f"#!/bin/sh\necho ran $*\nexit {status}\n")
                program.chmod(0o755)
                done = in_mounts(self.SCRIPT, script, folder, applied)
                self.assertEqual(done.returncode, wanted, done.stdout)
                self.assertEqual("ran undo" in done.stdout, bool(applied))
