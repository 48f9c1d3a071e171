# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The booted host itself: it comes up, stays, goes down in order, and is in the lab's network."""

import os
import pathlib
import time

from tests.boot.boot import Boot, Group
from tests.boot.case import BootCase
from tests.lab.case import PRIVATE_US


class Boots(BootCase):
    settings = {"regions": ("us",), "registry": False}

    def test_it_boots_stays_and_goes_down(self):
        self.host.write("/etc/systemd/system/stays.service",
                        "[Service]\nExecStart=/bin/sleep infinity\n"
                        "ExecStop=/bin/sh -c 'echo in order >/var/lib/stopped'\n"
                        "[Install]\nWantedBy=multi-user.target\n")
        self.host.start()
        self.assertEqual(self.host.state(), "running")
        self.assertEqual(self.host.failed(), [])
        self.run_ok(self.host.run("systemctl", "enable", "--now", "stays.service"))
        self.run_ok(self.host.run("sh", "-c", "echo kept >/etc/kept"))
        self.host.stop()
        self.assertEqual(self.host.read("/var/lib/stopped"), b"in order\n")
        self.host.start()
        self.assertEqual(self.host.read("/etc/kept"), b"kept\n")
        self.assertEqual(self.host.run("systemctl", "is-active", "stays.service").stdout,
                         "active\n")

    def test_it_reboots(self):
        self.host.write("/etc/systemd/system/note.service",
                        "[Service]\nType=oneshot\nExecStart=/bin/echo noted\n"
                        "[Install]\nWantedBy=multi-user.target\n")
        self.host.start()
        self.run_ok(self.host.run("systemctl", "enable", "note.service"))
        self.host.reboot()
        self.assertEqual(self.host.boots(), 2)
        self.assertEqual(self.host.state(), "running")
        self.assertIn("noted", self.host.journal("note.service"))
        self.assertEqual(self.host.journal("note.service", boot=-1), "")

    def test_a_crash_keeps_the_tree(self):
        self.host.start()
        self.run_ok(self.host.run("sh", "-c", "echo kept >/etc/kept"))
        self.host.crash()
        self.assertIsNone(self.host.leader())
        self.host.start()
        self.assertEqual(self.host.read("/etc/kept"), b"kept\n")

    def test_commands(self):
        self.host.start()
        done = self.host.run("sh", "-c", "cat; echo error >&2; exit 3", stdin="given\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "given\n", "error\n"))
        self.assertEqual(self.host.run("hostname").stdout, "icr-boot\n")
        self.assertEqual(self.host.run("ps", "-o", "comm=", "-p", "1").stdout, "systemd\n")
        done = self.host.run("env", environment={"NAME": "value"})
        self.assertIn("NAME=value\n", done.stdout)
        self.assertNotIn("ICR_", done.stdout)

    def test_the_lab_serves_it(self):
        self.host.start()
        found = self.host.run("getent", "ahostsv4", "private.us.icr.io").stdout
        self.assertEqual({line.split()[0] for line in found.splitlines()}, set(PRIVATE_US))
        self.run_ok(self.host.run("curl", "-sS", "-m", "5", "https://private.us.icr.io/v2/"))
        line, = self.lab.log()
        self.assertIn(line["address"], PRIVATE_US)

    def test_the_programs_are_installed(self):
        self.host.start()
        for program in ("docker-credential-icr", "icr-rewrite"):
            done = self.run_ok(self.host.run(program, "--version"))
            self.assertIn(program, done.stdout)
        done = self.run_ok(self.host.run("systemctl", "cat", "icr-rewrite.timer"))
        self.assertIn("# /lib/systemd/system/icr-rewrite.timer", done.stdout.replace("/usr", ""))

    def test_cloud_init_runs_where_there_is_user_data(self):
        self.host.seed("#cloud-config\nlocale: false\nssh_deletekeys: false\n"
                       "bootcmd: [[sh, -c, 'echo early >/var/lib/early']]\n"
                       "runcmd: [[sh, -c, 'echo late >/var/lib/late']]\n")
        self.host.start()
        self.run_ok(self.host.run("cloud-init", "status", "--wait", timeout=90))
        self.assertEqual(self.host.read("/var/lib/early"), b"early\n")
        self.assertEqual(self.host.read("/var/lib/late"), b"late\n")

    def test_cloud_init_is_off_without(self):
        self.host.start()
        self.assertIn("disabled", self.host.run("cloud-init", "status").stdout)


class Remains(BootCase):
    settings = {"regions": ("us",), "registry": False}

    def test_nothing_is_left(self):
        self.host.start()
        name = self.host.group.name
        self.assertNotEqual(list(Group.remains(name)), [])
        path = self.host.path
        begin = time.monotonic()
        self.host.close()
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(list(Group.remains(name)), [])
        self.assertFalse(os.path.exists(path))
        self.assertNotIn(str(path), pathlib.Path("/proc/self/mounts").read_text())

    def test_two_hosts_at_once(self):
        with Boot(self.lab, "other") as other:
            self.host.start(wait=False)
            other.start()
            self.host.await_state()
            self.run_ok(other.run("sh", "-c", "echo other >/etc/kept"))
            self.assertFalse(self.host.inside("/etc/kept").exists())

    def test_groups_of_a_killed_run_are_swept(self):
        left = Group()
        self.assertNotEqual(list(Group.remains(left.name)), [])
        Group()
        self.assertEqual(list(Group.remains(left.name)), [])
