# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Engines with a hosts file of their own, as rootless Docker has a copy from when it started."""

import os
import shutil
import subprocess

from .case import HOSTS, CloudCase, read

COPY = "/run/copy-of-etc"


class Copies(CloudCase):
    def setUp(self):
        super().setUp()
        os.makedirs(COPY, exist_ok=True)
        shutil.copy(HOSTS, COPY)

    def start(self, name="dockerd", user=1000, *namespaces):
        """A process that is called NAME, with a copy of the hosts file as it is now."""
        program = os.path.join(self.lab.folder, name)
        shutil.copy("/bin/sleep", program)
        os.chmod(self.lab.folder, 0o755)
        os.chmod("/run/icr-lab", 0o755)
        process = subprocess.Popen(
            ["unshare", "--mount", *namespaces, "sh", "-c", "mount --bind %s /etc && echo && "
             "exec setpriv --reuid=%d --clear-groups %s 300" % (COPY, user, program)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()
        while not namespaces and read("/proc/%d/comm" % process.pid) != name.encode() + b"\n":
            pass
        process.stdout.close()
        return process

    def renew(self):
        shutil.copy(HOSTS, COPY)

    def test_rootless_engine_is_said_until_it_has_our_lines(self):
        process = self.start()
        says = (r"dockerd \(process %d, rootless\) goes by the copy of /etc/hosts .*us.icr.io"
                ".*restart it" % process.pid)
        self.assert_says(says, self.apply())
        status = self.lab.rewrite("status")
        self.assert_code(3, status)
        self.assert_says("problem: " + says, status)
        self.renew()
        self.assertNotIn("rootless", str(self.apply()))
        self.assert_code(0, self.lab.rewrite("status"))

    def test_a_copy_that_an_editor_spelled_anew(self):
        self.apply()
        text = read(HOSTS).replace(b"us.icr.io", b"US.icr.io.")
        with open(os.path.join(COPY, "hosts"), "wb") as file:
            file.write(b"# \n" * 400000 + text)
        self.start()
        self.assertNotIn("rootless", str(self.apply()))

    def test_a_copy_that_is_not_read_to_the_end(self):
        self.apply()
        with open(os.path.join(COPY, "hosts"), "wb") as file:
            file.write(b"#" * 65536 + b"\n" + read(HOSTS))
        self.start()
        self.assert_says("rootless.*restart it", self.lab.rewrite("status"))

    def test_addresses_that_are_no_more(self):
        self.apply()
        self.renew()
        self.start()
        self.assertNotIn("rootless", str(self.apply()))
        self.lab.renumber("private.us.icr.io", ["166.9.251.141"])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assert_says("rootless.*restart it", self.lab.rewrite("status"))

    def test_engine_in_a_container_is_said_and_no_problem(self):
        self.start("containerd", 0, "--pid", "--fork", "--kill-child")
        says = r"containerd \(process \d+\) has a hosts file of its own"
        self.assert_says(says, self.apply())
        status = self.lab.rewrite("status")
        self.assert_says(says, status)
        self.assert_code(0, status)

    def test_others_are_left_alone(self):
        self.start("something")
        self.assertNotIn("hosts file of its own", str(self.apply()))
        self.assertNotIn("rootless", str(self.apply()))
