# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Provisioning for real: the Ansible role in check mode, twice, and back; cloud-init's user data;
an image prepared with --root and booted."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from tests.boot.case import BootCase
from tests.lab.case import PRIVATE_US

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
KEY = "k3y-of-the-test-only"
OTHER = "another-k3y-of-the-test"


class ProvisionCase(BootCase):
    def hosts(self):
        return self.host.read("/etc/hosts").decode()

    def assert_private(self):
        """The next request for the public name arrives at a private address."""
        before = len(self.lab.log())
        self.run_ok(self.host.run("curl", "-sS", "-m", "5", "https://us.icr.io/v2/"))
        for line in self.lab.log()[before:]:
            self.assertIn(line["address"], PRIVATE_US, line)


@unittest.skipUnless(shutil.which("ansible-playbook"), "ansible-core is not installed")
class Ansible(ProvisionCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        collection = self.folder / "ansible_collections/docker_credential_icr/icr"
        shutil.copytree(TOP / "packaging/ansible", collection)
        (self.folder / "inventory").write_text(
            "booted ansible_connection=icr_host ansible_user=root "
            "ansible_python_interpreter=/usr/bin/python3\n")
        self.host.start()
        self.before = self.hosts()

    def play(self, *words, status=0, **variables):
        values = self.folder / "values.json"
        values.write_text(json.dumps({"icr_regions": ["us"], "icr_packages": [], **variables}))
        done = subprocess.run(
            ["ansible-playbook", "-i", "inventory", "-e", f"@{values}", *words,
             "docker_credential_icr.icr.site"], cwd=self.folder, timeout=300,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(self.folder),
                     ANSIBLE_CONNECTION_PLUGINS=str(TOP / "tests/boot/ansible"),
                     ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(self.folder / "home"),
                     ICR_HOST_LEADER=self.host.leader()))
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertNotIn(KEY, done.stdout)
        self.assertNotIn(OTHER, done.stdout)
        changed = re.search(r"changed=(\d+)", done.stdout)
        return done.stdout, int(changed.group(1)) if changed else 0

    def test_check_mode_twice_and_back(self):
        out, changed = self.play("--check", "--diff")
        self.assertGreater(changed, 0, out)
        self.assertRegex(out, rf"\+{re.escape(PRIVATE_US[0])}\\t")
        self.assertEqual(self.hosts(), self.before)
        out, changed = self.play()
        self.assertGreater(changed, 0, out)
        self.assertIn("# BEGIN icr-rewrite", self.hosts())
        self.assertIn("us.icr.io", self.host.read("/root/.docker/config.json").decode())
        self.assertEqual(self.host.run("systemctl", "is-enabled", "icr-rewrite.timer").stdout,
                         "enabled\n")
        self.assert_private()
        out, changed = self.play("--diff")
        self.assertEqual(changed, 0, out)
        out, changed = self.play(icr_state="absent")
        self.assertEqual(self.hosts(), self.before)
        out, changed = self.play(icr_state="absent")
        self.assertEqual(changed, 0, out)

    def test_key_file(self):
        self.host.write("/etc/docker-credential-icr/config.json", '{"stores": ["file"]}\n')
        values = {"icr_key_source": "apikey_file", "icr_apikey": KEY}
        self.play("--diff", **values)
        done = self.host.run("docker-credential-icr", "get", stdin="us.icr.io")
        self.assertEqual(json.loads(done.stdout)["Secret"], KEY, done)
        config = json.loads(self.host.read("/etc/docker-credential-icr/config.json"))
        self.assertEqual(config["stores"], ["file"])
        mode = self.host.inside("/etc/docker-credential-icr/apikey").stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        out, changed = self.play("-vvv", **values)
        self.assertEqual(changed, 0, out)

    def test_key_sealed(self):
        """For the group alone, again after a boot, changed only when it is another; and forgotten."""
        self.run_ok(self.host.run("sh", "-c", "groupadd docker && useradd -G docker alice && "
                                  "useradd bob"))
        self.lab.iam.add_key(KEY)
        values = {"icr_key_source": "system", "icr_apikey": KEY}
        out, changed = self.play("--check", "--diff", **values)
        self.assertGreater(changed, 0, out)
        self.assertFalse(self.host.inside("/etc/credstore.encrypted/icr-apikey").exists())
        self.play("--diff", **values)
        self.assert_key(KEY)
        out, changed = self.play("-vvv", **values)
        self.assertEqual(changed, 0, out)
        self.host.reboot()
        self.assert_key(KEY)
        self.assert_private()
        self.lab.iam.add_key(OTHER)
        self.play("--diff", icr_key_source="system", icr_apikey=OTHER)
        self.assert_key(OTHER)
        self.play(icr_state="absent")
        self.assertFalse(self.host.inside("/etc/credstore.encrypted/icr-apikey").exists())
        self.assertFalse(self.host.inside("/run/docker-credential-icr/apikey").exists())
        self.assertEqual(self.hosts(), self.before)

    def assert_key(self, key):
        for user, status in (("alice", 0), ("bob", 1)):
            done = self.host.run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
                                 "docker-credential-icr", "get", stdin="us.icr.io")
            self.assertEqual(done.returncode, status, done)
            self.assertEqual(key in done.stdout, status == 0)

    def test_a_dead_private_network_fails_and_changes_nothing(self):
        out, _ = self.play(status=2, icr_regions=["de"])
        self.assertEqual(self.hosts(), self.before)


class CloudInit(ProvisionCase):
    def user_data(self, name):
        text = (TOP / "packaging/cloud-init" / name).read_text()
        # The packages are in the test's image already, and it is too small for some modules.
        text = re.sub(r"# BEGIN packages\n.*?# END packages\n", "", text, flags=re.S)
        return text + "locale: false\nssh_genkeytypes: []\n"

    def check(self, name):
        self.host.seed(self.user_data(name))
        self.host.start(seconds=120)
        done = self.host.run("cloud-init", "status", "--wait", timeout=120)
        log = self.host.run("sh", "-c", "tail -n 40 /var/log/cloud-init-output.log; "
                            "grep -B2 -A9 WARN /var/log/cloud-init.log").stdout
        self.assertIn("status: done", done.stdout, log)
        self.assertIn("# BEGIN icr-rewrite", self.hosts())
        self.assert_private()

    def test_first_boot_installs(self):
        self.check("first-boot.yaml")

    def test_image_has_the_packages(self):
        self.check("image-has-packages.yaml")

    def test_sealed_key(self):
        self.lab.iam.add_key(KEY)
        self.host.write("/usr/local/bin/fetch-icr-key", f"#!/bin/sh\necho {KEY}\n", mode=0o755)
        self.host.write("/etc/group", self.host.read("/etc/group") + b"docker:x:990:\n")
        self.check("sealed-key.yaml")
        done = self.run_ok(self.host.run("docker-credential-icr", "get", stdin="us.icr.io"))
        self.assertEqual(json.loads(done.stdout)["Secret"], KEY)
        self.run_ok(self.host.run("journalctl", "--sync"))
        kept = [path for folder in ("etc", "root", "var")
                for path in self.host.inside(folder).rglob("*")
                if path.is_file() and not path.is_symlink() and KEY.encode() in path.read_bytes()]
        self.assertEqual(kept, [])


class Image(ProvisionCase):
    def test_prepared_and_booted(self):
        """The commands of packaging/image/prepare, on the tree that is booted then."""
        build = os.environ["ICR_BUILD"]
        done = subprocess.run(["sh", TOP / "packaging/image/prepare", self.host.path, "us"],
                              env=dict(os.environ, PATH=f"{build}:{os.environ['PATH']}"),
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.host.start()
        self.assert_private()
        self.assertEqual(self.host.run("systemctl", "is-enabled", "icr-rewrite.timer").stdout,
                         "enabled\n")
