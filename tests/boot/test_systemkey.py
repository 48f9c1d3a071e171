# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The key of the host: sealed, there again after a boot, for its group alone, and gone without a
trace."""

import json
import os
import stat

from tests.boot.case import BootCase
from tests.common import picture

KEY = "lab-key-SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
OTHER = "lab-key-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"
SEALED = "/etc/credstore.encrypted/icr-apikey"
FILE = "/run/docker-credential-icr/apikey"


class SystemKey(BootCase):
    settings = {"regions": ("us",), "registry": False}

    def setUp(self):
        super().setUp()
        self.lab.iam.add_key(KEY)
        self.lab.iam.add_key(OTHER)
        self.host.start()
        self.sh("groupadd docker && groupadd pullers && useradd -G docker alice && "
                "useradd -G pullers carol && useradd bob")

    def sh(self, script):
        return self.run_ok(self.host.run("sh", "-c", script))

    def helper(self, *arguments, user=None, stdin=""):
        become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups") if user else ()
        return self.host.run(*become, "docker-credential-icr", *arguments, stdin=stdin)

    def login(self, *options, key=KEY):
        return self.helper("login", "--system", *options, stdin=key)

    def assert_key(self, user, key=KEY):
        done = self.run_ok(self.helper("get", user=user, stdin="us.icr.io"))
        self.assertEqual(json.loads(done.stdout), {"ServerURL": "us.icr.io", "Secret": key,
                                                   "Username": "iamapikey"})

    def assert_none(self, user):
        done = self.helper("get", user=user, stdin="us.icr.io")
        self.assertEqual((done.returncode, done.stdout),
                         (1, "credentials not found in native keychain\n"), str(done))
        return done

    def assert_on_no_disk(self, *keys):
        """Every file of the tree, as it would be on the disk: /run and the like are mounts."""
        self.sh("journalctl --sync --flush")
        for folder, _, names in os.walk(self.host.path):
            for name in names:
                path = os.path.join(folder, name)
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                with open(path, "rb") as file:
                    text = file.read()
                for key in keys:
                    self.assertNotIn(key.encode(), text, path)

    def test_its_life(self):
        etc = self.host.path / "etc"
        before = picture(etc)
        self.assert_says("sealed in " + SEALED, self.run_ok(self.login()))
        self.assert_key("alice")
        self.assert_none("bob")
        self.assertEqual(self.sh(f"stat -c '%a %U %G' {FILE} {SEALED}").stdout,
                         "640 root docker\n600 root root\n")
        self.assert_on_no_disk(KEY)

        self.host.reboot()
        self.assertEqual(self.host.failed(), [])
        self.assert_key("alice")
        self.assert_key(None)
        self.assertIn("join the group", self.assert_none("bob").stderr)
        order = self.host.run("systemctl", "show", "-p", "Before", "icr-credential.service").stdout
        for engine in ("docker.service", "containerd.service", "crio.service", "kubelet.service"):
            self.assertIn(engine, order)

        self.run_ok(self.login("--group", "pullers", key=OTHER))
        self.assert_key("carol", OTHER)
        self.assert_none("alice")
        self.host.reboot()
        self.assert_key("carol", OTHER)
        self.assert_on_no_disk(KEY, OTHER)

        self.run_ok(self.helper("logout", "--system"))
        self.assert_none("carol")
        self.assert_none(None)
        self.sh("test ! -e /run/docker-credential-icr")
        self.assertEqual(picture(etc), before)
        self.assert_on_no_disk(KEY, OTHER)
        self.host.reboot()
        self.assertEqual(self.host.failed(), [])
        self.assert_none("carol")
        self.assert_says("no key of that kind", self.run_ok(self.helper("logout", "--system")))

    def test_refused(self):
        etc = self.host.path / "etc"
        before = picture(etc)
        for done, code, says in (
                (self.login("--group", "nobodys"), 1, 'no group "nobodys"'),
                (self.login(key="no-such-key"), 1, "BXNIM0415E"),
                (self.login("--username", "iamapikey"), 2, "--username"),
                (self.helper("login", "--system", user="alice", stdin=KEY), 1, "run it with sudo"),
                (self.helper("logout", "--system", user="alice"), 1, "run it with sudo")):
            self.assertEqual(done.returncode, code, str(done))
            self.assert_says(says, done)
        self.sh("chmod a-x /usr/bin/systemd-creds")
        done = self.login()
        self.assert_code(1, done)
        self.assert_says("systemd 250.*apikey_file", done)
        self.assertEqual(picture(etc), before)
