# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Engines keep the hosts file for five seconds as they read it: apply waits for any of them."""

import base64
import contextlib
import json
import os
import subprocess
import time

from . import lab, servers
from .case import IMAGE, LabCase


class HostsCache(LabCase):
    settings = {"registry": False}

    def apply(self):
        begin = time.monotonic()
        self.assert_code(0, lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us"))
        seconds = time.monotonic() - begin
        self.assert_code(0, lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "undo"))
        return seconds

    def test_beside_engines_other_than_docker(self):
        for name in ("containerd", "crio", "k3s-server", "skopeo"):
            # what the kernel calls a process is the name of the file that it runs
            program = os.path.join(lab.HOME, name)
            os.symlink("/bin/sleep", program)
            process = subprocess.Popen([program, "60"])
            try:
                self.assertGreater(self.apply(), 5, name)
            finally:
                process.kill()
                process.wait()


class Service(LabCase):
    """podman's service, as Docker's API is served where there is no Docker."""

    settings = {"regions": ("us",)}
    socket = os.path.join(lab.HOME, "podman.sock")

    def start(self):
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(["podman", "system", "service", "--time=0",
                                    "unix://" + self.socket], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.socket) and time.monotonic() < deadline:
            time.sleep(0.01)

    def pull(self):
        login = json.dumps({"username": "iamapikey", "password": lab.API_KEY}).encode()
        self.lab.clear_log()
        with contextlib.closing(servers.UnixConnection(self.socket)) as connection:
            connection.request("POST", "/v4.0.0/libpod/images/pull?policy=always&reference=" + IMAGE,
                               headers={"X-Registry-Auth": base64.urlsafe_b64encode(login).decode()})
            self.assertIn(b'"images":', connection.getresponse().read())
        return {entry["role"] for entry in self.lab.log()}

    def test_first_pull_behind_an_apply(self):
        self.start()
        self.assertEqual(self.pull(), {"public"})
        self.apply()
        self.assertEqual(self.pull(), {"private"})
