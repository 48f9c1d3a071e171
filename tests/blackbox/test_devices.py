# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Where a file is expected, and somebody has put a device: to open one may do something."""

import os
import subprocess

from tests.blackbox.rewrite import TreeCase

# What runs read, by the verbs that read it.
READ = {
    "etc/hosts": (["status"], ["plan", "--regions", "us"]),
    "etc/docker/daemon.json": (["status"], ["plan", "--regions", "us"]),
    "etc/environment": (["plan", "--regions", "us"],),
    "etc/rancher/k3s/registries.yaml": (
        ["plan", "--regions", "us", "--route", "native", "--engines", "k3s"],),
    "etc/containers/registries.conf": (
        ["plan", "--regions", "us", "--route", "native", "--engines", "podman"],),
    "root/.docker/config.json": (["plan"],),
}


class Devices(TreeCase):
    def test_is_not_opened(self):
        """Whoever opens a FIFO for writing waits until somebody opens it for reading."""
        for path, verbs in READ.items():
            fifo = self.tree.path / path
            fifo.parent.mkdir(parents=True, exist_ok=True)
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
            for verb, *arguments in verbs:
                with self.subTest(path, verb=verb), subprocess.Popen(
                        ["sh", "-c", 'echo begun; echo >"$0"', fifo], stdout=subprocess.PIPE) as writer:
                    writer.stdout.readline()
                    while not self.waits(writer.pid):
                        pass
                    self.tree.run(verb, *arguments)
                    ended = writer.poll()
                    writer.kill()
                    self.assertIsNone(ended)
            fifo.unlink()
            if path == "etc/hosts":
                self.tree.write(path, b"127.0.0.1 localhost\n")

    def waits(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"
