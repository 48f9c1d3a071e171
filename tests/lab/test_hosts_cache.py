# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Engines keep the hosts file for five seconds as they read it: apply waits for any of them."""

import os
import subprocess
import time

from . import lab
from .case import LabCase


class HostsCache(LabCase):
    settings = {"registry": False}

    def apply(self):
        begin = time.monotonic()
        self.assert_code(0, lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us"))
        seconds = time.monotonic() - begin
        self.assert_code(0, lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "undo"))
        return seconds

    def test_beside_engines_other_than_docker(self):
        for name in ("containerd", "buildkitd", "crio", "k3s-server"):
            # what the kernel calls a process is the name of the file that it runs
            program = os.path.join(lab.HOME, name)
            os.symlink("/bin/sleep", program)
            process = subprocess.Popen([program, "60"])
            try:
                self.assertGreater(self.apply(), 5, name)
            finally:
                process.kill()
                process.wait()
