# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A connection of Ansible into a booted host of the tests: by nsenter, no ssh."""

import os
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: icr_host
short_description: Into a booted host of the tests
description: Runs commands in the namespaces of the process ICR_HOST_LEADER.
author: The docker-credential-icr authors
options: {}
"""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


class Connection(ConnectionBase):
    transport = "icr_host"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def close(self):
        self._connected = False

    def inside(self, *argv, data=None):
        command = ["nsenter", "-t", os.environ["ICR_HOST_LEADER"], "-m", "-u", "-i", "-n", "-p", "--",
                   "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", *argv]
        done = subprocess.run(command, input=data or b"", capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def exec_command(self, cmd, in_data=None, sudoable=True):
        return self.inside("sh", "-c", cmd, data=in_data)

    def put_file(self, in_path, out_path):
        with open(in_path, "rb") as file:
            self.inside("sh", "-c", 'cat >"$1"', "sh", out_path, data=file.read())

    def fetch_file(self, in_path, out_path):
        with open(out_path, "wb") as file:
            file.write(self.inside("cat", in_path)[1])
