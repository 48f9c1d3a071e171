# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Timer and boot unit, where systemd runs: enabled by apply, the timer started; stopped and taken
out by undo."""

import json
import os
import shutil

from . import lab
from .case import LabCase, read, tree

UNIT = "/etc/systemd/system/icr-rewrite.timer"
WANTS = "/etc/systemd/system/timers.target.wants"
LINK = WANTS + "/icr-rewrite.timer"
BOOT_UNIT = "/etc/systemd/system/icr-rewrite-boot.service"
BOOT_WANTS = "/etc/systemd/system/multi-user.target.wants"
BOOT_LINK = BOOT_WANTS + "/icr-rewrite-boot.service"
STOPPED = ["daemon-reload", "stop icr-rewrite-boot.service", "stop icr-rewrite.timer"]
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
        for folder in (WANTS, BOOT_WANTS):
            if os.path.exists(folder) and not os.listdir(folder):
                os.rmdir(folder)
        os.makedirs(os.path.dirname(UNIT), exist_ok=True)
        self.lab.write(UNIT, b"[Timer]\n")
        self.lab.write(BOOT_UNIT, b"[Service]\n")
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
        self.assertEqual(os.readlink(BOOT_LINK), BOOT_UNIT)
        self.assertEqual(self.asked(), ["daemon-reload", "start icr-rewrite.timer"])
        self.apply()
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(self.asked(), [])
        told = json.loads(self.run_ok(self.lab.rewrite("status", "--json")).stdout)
        self.assertEqual(told["timer"], {"boot": True, "enabled": True})
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(self.asked(), STOPPED)
        self.assert_nothing_changed()

    def test_systemd_that_fails_is_told_and_no_more(self):
        self.systemctl("start")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(0, done)
        self.assert_says("start icr-rewrite.timer failed: Failed, because .*: until then nothing runs "
                         "refresh", done)
        self.assertTrue(os.path.islink(LINK))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_disabled_by_the_administrator(self):
        """That is drift, and the next apply enables it again."""
        for link, asked in ((LINK, ["daemon-reload", "start icr-rewrite.timer"]),
                            (BOOT_LINK, ["daemon-reload"])):
            self.apply()
            os.unlink(link)
            self.assert_code(3, self.lab.rewrite("status"))
            self.asked()
            self.apply()
            self.assertEqual(self.asked(), asked)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_masked_by_the_administrator(self):
        """Nothing enables it then, and nobody says that it runs."""
        for unit, link, member in ((UNIT, LINK, "enabled"), (BOOT_UNIT, BOOT_LINK, "boot")):
            for mask in (lambda path: os.symlink("/dev/null", path),
                         lambda path: self.lab.write(path, b"")):
                with self.subTest(unit):
                    self.apply()
                    text = read(unit)
                    os.unlink(unit)
                    mask(unit)
                    done = self.lab.rewrite("status", "--json")
                    self.assert_code(3, done)
                    told = json.loads(done.stdout)
                    self.assertIs(told["timer"][member], False)
                    self.assert_says("is masked, .*systemctl unmask icr-rewrite", done)
                    self.assert_says("is masked", self.apply())
                    self.assertFalse(os.path.lexists(link))
                    self.assert_code(0, self.lab.rewrite("status"))
                    os.unlink(unit)
                    self.lab.write(unit, text)
                    self.assertNotIn("masked", self.apply().stderr)
                    self.assertTrue(os.path.islink(link))
                    self.run_ok(self.lab.rewrite("undo"))
                    self.assert_nothing_changed()

    def test_rolled_back_with_the_rest(self):
        self.lab.write("/etc/nsswitch.conf", b"passwd: files\nhosts: dns\n")
        before = tree("/etc")
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(self.asked(), ["daemon-reload", "start icr-rewrite.timer", *STOPPED])
        self.assertEqual(tree("/etc"), before)

    def child(self, text):
        path = os.path.join(TOOLS, "systemctl")
        self.lab.write(path, text.encode())
        os.chmod(path, 0o755)

    def test_systemctl_that_says_nothing(self):
        """Whatever becomes of the child: the files are written and proven, and undo takes all out."""
        for text in ("#!/bin/sh\nexec sleep 60\n", "#!/bin/sh\nexit 1\n",
                     "#!/bin/sh\nprintf '\\0\\0\\0' >&2\nexit 1\n", "no program\n",
                     "#!/bin/sh\nkill -9 $$\n", "#!/bin/sh\nexec >&- 2>&-\nexit 3\n",
                     "#!/bin/sh\nhead -c 9000000 /dev/zero >&2\nexit 1\n",
                     "#!/bin/sh\nprintf '\\033[2Jowned\\007' >&2\nexit 1\n"):
            with self.subTest(text):
                self.child(text)
                done = self.lab.rewrite("apply", "--regions", "us", timeout=90)
                self.assert_code(0, done)
                self.assertNotIn("\033", done.stderr)
                self.assertNotIn("\0", done.stderr)
                self.assert_says("systemctl daemon-reload failed", done)
                self.assertTrue(os.path.islink(LINK) and os.path.islink(BOOT_LINK))
                self.run_ok(self.lab.rewrite("undo", timeout=90))
                self.assert_nothing_changed()

    def test_no_systemctl_at_all(self):
        os.unlink(os.path.join(TOOLS, "systemctl"))
        path = os.environ["PATH"]
        for value in ("", ":", "/nonexistent"):
            os.environ["PATH"] = value
            try:
                done = self.lab.rewrite("apply", "--regions", "us")
                undone = self.lab.rewrite("undo")
            finally:
                os.environ["PATH"] = path
            self.assert_code(0, done)
            self.assert_code(0, undone)
            self.assert_nothing_changed()
