# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What the lab's test cases share: a fresh lab for every test, and the assertions that matter."""

import json
import os
import shutil
import stat
import tempfile
import unittest

from tests import common
from tests.common import REWRITE, copy_program, read

from . import lab as labs

HOSTS = "/etc/hosts"
CONFIG = os.path.join(labs.HOME, ".docker/config.json")
PRIVATE_US = labs.REGIONS["us"]["private_addresses"]
PUBLIC_US = labs.REGIONS["us"]["public_addresses"]
PRIVATE_DE = labs.REGIONS["de"]["private_addresses"]
PUBLIC_DE = labs.REGIONS["de"]["public_addresses"]
PRIVATE_GLOBAL = labs.REGIONS["global"]["private_addresses"]
IMAGE = "us.icr.io/demo/hello:1"

# Certificates are the lab's own business, and change from lab to lab; podman locks in /etc/cni, or
# with netavark in /etc/containers/networks.
UNWATCHED = {"/etc/ssl", "/etc/pki", "/etc/cni", "/etc/containers/networks"}


def tree(*tops):
    """{path: (mode, owner, group, bytes or link target)} of everything below TOPS."""
    return common.picture(*tops, without=UNWATCHED)


def identity(path):
    """What changes when a file is written, even with the same bytes."""
    return common.look(path, identity=True)


def identities(*tops):
    return {path: about for path, about in common.picture(*tops, identity=True,
                                                          without=UNWATCHED).items()
            if stat.S_ISREG(about[0])}


def hosts_entries(path=HOSTS):
    """{name: [address...]} of the hosts file's lines."""
    names = {}
    for line in read(path).decode().splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            names.setdefault(name, []).append(words[0])
    return names


class LabCase(unittest.TestCase):
    """self.lab is up, with the image demo/hello:1; /etc, /var/lib and HOME are as in a new host."""

    settings = {}
    pristine = None

    @classmethod
    def setUpClass(cls):
        if not labs.WORK:
            raise RuntimeError("not inside the lab: tests/lab/enter python3 -m unittest "
                               "tests.lab.%s" % cls.__module__.rpartition(".")[2])

    def setUp(self):
        super().setUp()
        self.restore()
        self.lab = labs.Lab(**self.settings)
        self.addCleanup(self.lab.close)
        if self.lab.registry:
            self.lab.store_image("demo/hello", "1")
        self.before = tree("/etc")

    @staticmethod
    def restore():
        """Undoes whatever an earlier test of this namespace left in /etc, /var/lib and HOME."""
        if not os.path.ismount("/etc") or not os.path.isdir(labs.HOME):
            raise RuntimeError("/etc and HOME are not the lab's own")
        if LabCase.pristine is None:
            LabCase.pristine = tree("/etc")
        now = tree("/etc")
        for path in sorted(set(now) - set(LabCase.pristine), reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            else:
                os.unlink(path)
        for path, about in sorted(LabCase.pristine.items()):
            if now.get(path) == about:
                continue
            if os.path.lexists(path) and not stat.S_ISDIR(about[0]):
                os.unlink(path)
            if stat.S_ISDIR(about[0]):
                os.makedirs(path, exist_ok=True)
            elif stat.S_ISLNK(about[0]):
                os.symlink(about[3], path)
            else:
                labs.Lab.write(path, about[3])
            if not stat.S_ISLNK(about[0]):
                os.chmod(path, stat.S_IMODE(about[0]))
        for folder in ("icr-rewrite", "docker", "containers", "containerd"):
            shutil.rmtree(os.path.join("/var/lib", folder), ignore_errors=True)
        shutil.rmtree("/var/snap/docker", ignore_errors=True)
        shutil.rmtree("/run/icr-rewrite", ignore_errors=True)
        shutil.rmtree(labs.HOME)
        os.mkdir(labs.HOME, 0o700)

    # --- steps that many scenarios begin with

    def run_ok(self, done):
        self.assertEqual(done.returncode, 0, str(done))
        return done

    def configure(self, regions="us"):
        return self.run_ok(self.lab.helper("configure", "--regions", regions))

    def store_key(self, host="us.icr.io", secret=labs.API_KEY):
        """As `docker login` does after the registry said yes."""
        message = json.dumps({"ServerURL": host, "Username": "iamapikey", "Secret": secret})
        return self.run_ok(self.lab.helper("store", stdin=message))

    def apply(self, *options, regions="us"):
        return self.run_ok(self.lab.rewrite("apply", "--regions", regions, *options))

    def log_in(self, host="us.icr.io", secret=labs.API_KEY):
        return self.lab.docker("login", host, "--username", "iamapikey", "--password-stdin",
                               stdin=secret)

    def as_nobody(self):
        """The start of a command of icr-rewrite by somebody else, from where everybody may."""
        folder = tempfile.TemporaryDirectory(prefix="icr-test-")
        self.addCleanup(folder.cleanup)
        return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                copy_program(REWRITE, folder.name))

    # --- what they end with

    def assert_says(self, pattern, done):
        """PATTERN is in what the command told, on either stream, in any case of letters."""
        self.assertRegex((done.stdout + done.stderr).replace("\n", " "), "(?i)" + pattern, str(done))

    def assert_code(self, code, done):
        self.assertEqual(done.returncode, code, str(done))

    def assert_nothing_changed(self):
        self.assertEqual(tree("/etc"), self.before)
        self.assertFalse(os.path.exists("/var/lib/icr-rewrite/state.json"))

    def assert_private_only(self, user="iamapikey"):
        """Since the log was cleared, requests reached private addresses only, the successful ones
        as USER; nothing as much as connected to a public address."""
        public = self.lab.connections(role="public") + self.lab.connections(role="download")
        self.assertEqual(public, [])
        served = [line for line in self.lab.log(role="private")
                  if line["status"] < 400 and line["path"] != "/api/v1/messages"]
        self.assertNotEqual(served, [], "no request reached the private network")
        for line in served:
            self.assertEqual(line["user"], user, line)

    def assert_block(self, wanted):
        """The hosts file sends exactly these ICR names to exactly these addresses."""
        entries = {name: sorted(addresses) for name, addresses in hosts_entries().items()
                   if name.endswith((".icr.io", ".bluemix.net")) or name == "icr.io"}
        self.assertEqual(entries, {name: sorted(addresses)
                                   for name, addresses in wanted.items()})


class CloudCase(LabCase):
    """self.lab is IAM, the accounts service and the us registry's logins: no image, no engine. May
    be mixed with tests.blackbox.support.HomeCase, for a home folder for each test."""

    settings = {"regions": ("us",), "registry": False}
