# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""make install and uninstall: these files, below DESTDIR and PREFIX, and no others."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from tests.blackbox.support import BUILD

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = {
    "bin/docker-credential-icr": 0o755,
    "sbin/icr-rewrite": 0o755,
    "lib/systemd/system/icr-rewrite.service": 0o644,
    "lib/systemd/system/icr-rewrite.timer": 0o644,
    "share/man/man1/docker-credential-icr.1": 0o644,
    "share/man/man8/icr-rewrite.8": 0o644,
}


class InstallTest(unittest.TestCase):
    def make(self, target, folder, prefix):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("MAKE") and name != "MFLAGS"}
        done = subprocess.run(["make", target, f"BUILD={BUILD}", f"DESTDIR={folder}",
                               f"PREFIX={prefix}"], cwd=TOP, env=environment, timeout=120,
                              capture_output=True, text=True, umask=0o077)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def files(self, folder):
        return {str(path.relative_to(folder)): path.stat().st_mode & 0o7777
                for path in pathlib.Path(folder).rglob("*") if path.is_file()}

    def test_install_and_uninstall(self):
        for prefix in ("/usr/local", "/opt/icr"):
            with self.subTest(prefix), tempfile.TemporaryDirectory() as folder:
                self.make("install", folder, prefix)
                wanted = {prefix[1:] + "/" + name: mode for name, mode in FILES.items()}
                self.assertEqual(self.files(folder), wanted)
                unit = pathlib.Path(folder + prefix) / "lib/systemd/system/icr-rewrite.service"
                self.assertIn(f"ExecStart={prefix}/sbin/icr-rewrite refresh", unit.read_text())
                self.make("uninstall", folder, prefix)
                self.assertEqual(self.files(folder), {})
