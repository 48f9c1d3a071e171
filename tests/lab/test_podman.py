# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""podman and skopeo over the same route, with the same helper: nothing of theirs is configured."""

import json
import os
import subprocess
import sys

from . import lab
from .case import HOSTS, IMAGE, LabCase, read


class Copies(LabCase):
    """A container keeps the hosts file that it started with."""

    settings = {"registry": False}

    def container(self, name, hosts):
        """What podman leaves to be seen of one: conmon, and a folder with its hosts file."""
        folder = os.path.join(lab.HOME, name, "userdata")
        self.lab.write(os.path.join(folder, "hosts"), hosts)
        watcher = os.path.join(lab.HOME, "conmon")
        self.lab.write(watcher, f"#!{sys.executable}\nimport sys\nprint(flush=True)\nsys.stdin.read()\n")
        os.chmod(watcher, 0o755)
        # pylint: disable-next=consider-using-with
        child = subprocess.Popen([watcher, "--api-version", "1", "-c", "0123", "-u", "0123", "-r",
                                  "/usr/bin/crun", "-b", "/nowhere", "-p", folder + "/pidfile",
                                  "-n", name],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(child.communicate)
        child.stdout.readline()

    def test_undo_says_which(self):
        self.apply()
        steered = read(HOSTS)
        self.container("web", b"127.0.0.1 localhost\n" + steered)
        self.container("db", b"".join(line for line in steered.splitlines(True)
                                      if not line.startswith(b"#")))
        self.container("other", b"127.0.0.1 localhost\n10.1.1.1 us.icr.io\n")
        done = self.run_ok(self.lab.rewrite("undo"))
        self.assertRegex(done.stderr, "containers of podman keep .*: (web, db|db, web)\n")
        self.assertNotIn("other", done.stderr)
        self.assertNotIn("podman", self.run_ok(self.lab.rewrite("undo")).stderr)


class Podman(LabCase):
    def setUp(self):
        super().setUp()
        self.configure()
        self.store_key()
        self.apply()
        self.lab.clear_log()

    def test_podman_pulls_and_pushes(self):
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.lab.clear_log()
        self.run_ok(self.lab.podman("push", IMAGE, "us.icr.io/demo/podman:3"))
        self.assert_private_only()
        self.assertEqual(self.lab.registry.tags("demo/podman"), ["3"])

    def test_podman_pulls_by_a_deprecated_name(self):
        """The alias shares the lines; its login is the region's."""
        done = self.lab.podman("pull", "registry.ng.bluemix.net/demo/hello:1")
        self.assertEqual(self.lab.connections(role="public"), [], str(done))

    def test_skopeo_inspects_and_copies(self):
        done = self.run_ok(self.lab.skopeo("inspect", "docker://" + IMAGE))
        self.assertEqual(json.loads(done.stdout)["Name"], "us.icr.io/demo/hello")
        self.assert_private_only()
        self.lab.clear_log()
        target = os.path.join(lab.HOME, "copied")
        self.run_ok(self.lab.skopeo("copy", "docker://" + IMAGE, "dir:" + target))
        self.assertTrue(os.path.exists(os.path.join(target, "manifest.json")))
        self.assert_private_only()

    def test_podman_logs_in_by_the_helper(self):
        """As the manual page says: no key in its own file, and other registries go there still."""
        self.run_ok(self.lab.helper("erase", stdin="us.icr.io"))
        self.lab.write("/etc/containers/registries.conf",
                       b'credential-helpers = ["icr", "containers-auth.json"]\n')
        self.run_ok(self.lab.podman("login", "us.icr.io", "--username", "iamapikey",
                                    "--password-stdin", stdin=lab.API_KEY))
        self.assertEqual(json.loads(self.lab.helper("list").stdout), {"us.icr.io": "iamapikey"})
        self.run_ok(self.lab.podman("login", "--tls-verify=false", "127.0.0.1:5000", "--username",
                                    "me", "--password-stdin", stdin="other"))
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.run_ok(self.lab.podman("logout", "us.icr.io"))
        self.assertEqual(self.lab.helper("list").stdout, "{}\n")
        self.assertEqual(self.lab.podman("login", "--get-login", "127.0.0.1:5000").stdout, "me\n")
        self.run_ok(self.lab.podman("logout", "127.0.0.1:5000"))

    def test_without_the_key_nothing_is_served(self):
        self.run_ok(self.lab.helper("erase", stdin="us.icr.io"))
        done = self.lab.podman("pull", IMAGE)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual([line for line in self.lab.log() if line["status"] == 200], [])
        self.assertEqual(self.lab.connections(role="public"), [])

    def test_undo_brings_the_public_way_back(self):
        self.run_ok(self.lab.rewrite("undo"))
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assertEqual(self.lab.connections(role="private"), [])

    def test_a_region_that_is_not_asked_for_is_left_alone(self):
        self.run_ok(self.lab.skopeo("inspect", "--creds", "iamapikey:" + lab.API_KEY,
                                    "docker://de.icr.io/demo/hello:1"))
        self.assertEqual({line["front"] for line in self.lab.log()}, {"de-public-1"})
