# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A refresh loads libcurl beside what else it does: nothing else may come of it than without."""

import os
import signal
import subprocess
import time

from . import lab
from .case import CloudCase

REWRITE = os.path.join(lab.BUILD, "icr-rewrite")


class Loading(CloudCase):
    def setUp(self):
        super().setUp()
        self.apply()

    def without_libcurl(self):
        folder = os.path.join(lab.HOME, "broken")
        os.makedirs(folder)
        for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
            with open(os.path.join(folder, name), "w") as file:
                file.write("none\n")
        return {"LD_LIBRARY_PATH": folder}

    def test_a_library_that_cannot_be_loaded(self):
        environment = self.without_libcurl()
        for verb in ("apply", "refresh", "check"):
            words = [] if verb == "refresh" else ["--regions", "us"]
            begin = time.monotonic()
            done = lab.run(REWRITE, verb, *words, environment=environment)
            self.assertLess(time.monotonic() - begin, 20)
            self.assert_code(1, done)
            self.assert_says(r"cannot load libcurl", done)
            self.assert_says(r"install the package libcurl4", done)
        self.run_ok(lab.run(REWRITE, "refresh"))

    def test_not_where_nobody_is_asked(self):
        self.run_ok(lab.run(REWRITE, "undo"))
        done = lab.run(REWRITE, "refresh", environment={"LD_DEBUG": "files"})
        self.run_ok(done)
        self.assertNotIn("libcurl", done.stderr)

    def test_a_signal_while_the_threads_work(self):
        for one in self.lab.private_fronts():
            one.faults.accept = "hang"
        process = subprocess.Popen([REWRITE, "refresh"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while len(os.listdir(f"/proc/{process.pid}/task")) < 2:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(5), -signal.SIGTERM)
