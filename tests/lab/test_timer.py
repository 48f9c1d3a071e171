# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The timer, where systemd runs: enabled and started by apply, stopped and taken out by undo."""

import json
import os
import shutil

from . import lab
from .case import LabCase, tree

UNIT = "/etc/systemd/system/icr-rewrite.timer"
WANTS = "/etc/systemd/system/timers.target.wants"
LINK = WANTS + "/icr-rewrite.timer"
TOOLS = os.path.join(lab.WORK or "/nonexistent", "tools")
LOG = os.path.join(TOOLS, "log")
SYSTEMCTL = """#!/bin/sh
echo "$*" >> %s
case "$*" in
*%%s*) echo "Failed, because the test says so." >&2; exit 5 ;;
*show*) exit 1 ;;
esac
""" % LOG


class Timer(LabCase):
    def setUp(self):
        super().setUp()
        os.makedirs("/run/systemd/system")
        self.addCleanup(shutil.rmtree, "/run/systemd/system")
        os.makedirs(TOOLS)
        self.addCleanup(shutil.rmtree, TOOLS)
        self.systemctl("nothing that is asked")
        path = os.environ["PATH"]
        os.environ["PATH"] = TOOLS + ":" + path
        self.addCleanup(os.environ.update, PATH=path)
        shutil.rmtree(WANTS, ignore_errors=True)
        os.makedirs(os.path.dirname(UNIT), exist_ok=True)
        self.lab.write(UNIT, b"[Timer]\n")
        self.before = tree("/etc")

    def systemctl(self, fails):
        path = os.path.join(TOOLS, "systemctl")
        self.lab.write(path, (SYSTEMCTL % fails).encode())
        os.chmod(path, 0o755)

    def asked(self):
        """What systemctl was asked about the timer since the last time."""
        if not os.path.exists(LOG):
            return []
        with open(LOG, encoding="utf-8") as file:
            words = [line.replace("--quiet", "").strip() for line in file]
        os.unlink(LOG)
        return [word for word in words if word == "daemon-reload" or "icr-rewrite" in word]

    def test_life(self):
        self.apply()
        self.assertEqual(os.readlink(LINK), UNIT)
        self.assertEqual(self.asked(), ["daemon-reload", "start icr-rewrite.timer"])
        self.apply()
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(self.asked(), [])
        told = json.loads(self.run_ok(self.lab.rewrite("status", "--json")).stdout)
        self.assertEqual(told["timer"], {"enabled": True})
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(self.asked(), ["daemon-reload", "stop icr-rewrite.timer"])
        self.assert_nothing_changed()

    def test_systemd_that_fails_is_told_and_no_more(self):
        self.systemctl("start")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(0, done)
        self.assert_says("start icr-rewrite.timer failed: Failed, because", done)
        self.assertTrue(os.path.islink(LINK))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_disabled_by_the_administrator(self):
        """That is drift, and the next apply enables it again."""
        self.apply()
        os.unlink(LINK)
        self.assert_code(3, self.lab.rewrite("status"))
        self.asked()
        self.apply()
        self.assertEqual(self.asked(), ["daemon-reload", "start icr-rewrite.timer"])
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_rolled_back_with_the_rest(self):
        self.lab.write("/etc/nsswitch.conf", b"passwd: files\nhosts: dns\n")
        before = tree("/etc")
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(self.asked(), ["daemon-reload", "start icr-rewrite.timer",
                                        "daemon-reload", "stop icr-rewrite.timer"])
        self.assertEqual(tree("/etc"), before)
