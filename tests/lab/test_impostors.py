# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Processes of a user without rights that are called as engines are, in roots of their own making."""

import os
import shutil
import subprocess
import time

from .case import HOSTS, CloudCase, read

USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]


class Impostors(CloudCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.lab.folder, 0o755)
        os.chmod("/run/icr-lab", 0o755)

    def tree(self, name):
        """A folder that can be a process's root, with sleep in it under NAME."""
        root = os.path.join(self.lab.folder, "tree-%s" % name)
        os.makedirs(os.path.join(root, "etc"))
        shutil.copy("/bin/sleep", os.path.join(root, name))
        return root

    def start(self, name, command, **more):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 20
        while read("/proc/%d/comm" % process.pid) != name.encode() + b"\n":
            self.assertLess(time.monotonic(), deadline)
        return process

    def start_in(self, name, root):
        """A process of a user that is called NAME, with the mounts and the root of its choice."""
        script = ("for d in bin lib lib64 usr; do [ -d /$d ] && mkdir -p {0}/$d && "
                  "mount --rbind $(readlink -f /$d) {0}/$d; done; "
                  "exec chroot {0} /{1} 300").format(root, name)
        os.chown(root, 1000, 1000)
        return self.start(name, [*USER, "unshare", "--user", "--map-root-user", "--mount", "sh",
                                 "-c", script])

    def test_proxy_of_a_user(self):
        """Also where the program has root's rights, and the user gives it the name."""
        self.apply()
        for mode in (0o755, 0o4755):
            with self.subTest(mode=oct(mode)):
                folder = os.path.join(self.lab.folder, oct(mode))
                os.mkdir(folder)
                shutil.copy("/bin/sleep", folder)
                os.chmod(os.path.join(folder, "sleep"), mode)
                os.symlink("sleep", os.path.join(folder, "containerd"))
                process = self.start("containerd",
                                     [*USER, os.path.join(folder, "containerd"), "300"],
                                     env={"HTTPS_PROXY": "http://192.0.2.1:3128"})
                status = self.lab.rewrite("status")
                self.assert_code(0, status)
                self.assert_says("process %d.*through a proxy, for containerd of another user" %
                                 process.pid, status)
                process.kill()
                process.wait()

    def test_absolute_link(self):
        """It leads to a file of that root, not of ours."""
        self.apply()
        root = self.tree("dockerd")
        shutil.copy(HOSTS, os.path.join(root, "etc/hosts-of-its-own"))
        os.symlink("/etc/hosts-of-its-own", os.path.join(root, "etc/hosts"))
        self.start_in("dockerd", root)
        status = self.lab.rewrite("status")
        self.assertNotIn("rootless", str(status))
        self.assert_code(0, status)

    def test_device(self):
        """Is not even opened."""
        self.apply()
        root = self.tree("dockerd")
        device = os.path.join(self.lab.folder, "device")
        os.mkfifo(device)
        os.symlink(device, os.path.join(root, "etc/hosts"))
        os.makedirs(root + self.lab.folder)
        os.mkfifo(root + device, 0o666)
        self.start_in("dockerd", root)
        writers = [subprocess.Popen(["sh", "-c", "echo >$0", path]) for path in (device,
                                                                               root + device)]
        self.assert_says("rootless", self.lab.rewrite("status"))
        for writer in writers:
            self.assertIsNone(writer.poll())
            writer.kill()
            writer.wait()

    def test_any_number(self):
        self.apply()
        folder = os.path.join(self.lab.folder, "roots")
        os.mkdir(folder)
        shutil.copy("/bin/sleep", os.path.join(folder, "dockerd"))
        for i in range(40):
            os.mkdir(os.path.join(folder, str(i)))
            with open(os.path.join(folder, str(i), "hosts"), "wb") as file:
                file.truncate(60 << 20)
            self.start("dockerd", ["unshare", "--mount", "sh", "-c",
                                   "mount --bind %s/%d /etc && exec setpriv --reuid=1000 "
                                   "--clear-groups %s/dockerd 300" % (folder, i, folder)])
        begin = time.monotonic()
        status = self.lab.rewrite("status")
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(str(status).count("rootless"), 4, status)
