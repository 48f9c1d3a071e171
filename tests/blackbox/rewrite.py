# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What the tests of icr-rewrite share: a host's tree below --root, and pictures of it."""

import json
import os
import re

from tests import common
from tests.blackbox.support import HomeCase

STATE = "var/lib/icr-rewrite/state.json"
WANTS = "etc/systemd/system/timers.target.wants/icr-rewrite.timer"
UNIT = "lib/systemd/system/icr-rewrite.timer"
HOSTS = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n"
US = ["166.9.250.214", "166.9.250.246"]
REGIONS = {"us": "us-south", "de": "eu-de", "global": "global"}


def block(*lines, end=b"\n"):
    """Our block around LINES, as a pattern: the words of its first line are not fixed."""
    body = b"".join(line.replace(b".", rb"\.") + end for line in lines)
    return rb"# BEGIN icr-rewrite[^\r\n]*" + end + body + b"# END icr-rewrite" + end


US_LINES = [address.encode() + b"\tus.icr.io registry.ng.bluemix.net" for address in US]


class Tree:
    """The files of a host below a folder."""

    def __init__(self, home, hosts=HOSTS, unit=False):
        self.home, self.path = home, home.path / "root"
        self.path.mkdir()
        (self.path / "etc").mkdir()
        if hosts is not None:
            self.write("etc/hosts", hosts)
        if unit:
            self.write(UNIT, b"[Timer]\n")

    def write(self, path, content, mode=0o644):
        path = self.path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def read(self, path="etc/hosts"):
        return (self.path / path).read_bytes()

    def state(self):
        return json.loads(self.read(STATE))

    def prove(self, fallback="never", **addresses):
        """Leaves the state that a live apply would: regions by label, with proven ADDRESSES."""
        regions = [{"region": REGIONS[label], "status": "active", "addresses": list(found),
                    "names": ["us.icr.io", "registry.ng.bluemix.net"] if label == "us" else []}
                   for label, found in addresses.items()]
        self.write(STATE, json.dumps({"version": 1, "fallback": fallback, "regions": regions}))

    def run(self, verb, *arguments, **more):
        return self.home.rewrite(verb, "--root", self.path, *arguments, **more)

    def picture(self, identity=False):
        """Every path with its mode, owner and content; with IDENTITY also inode and times."""
        return {os.path.relpath(path, self.path): about
                for path, about in {self.path: common.look(self.path, identity),
                                    **common.picture(self.path, identity=identity)}.items()}


class TreeCase(HomeCase):
    """A test case with self.tree."""

    hosts, unit = HOSTS, False

    def setUp(self):
        super().setUp()
        self.tree = Tree(self.home, self.hosts, self.unit)
        self.before = self.tree.picture()

    def check(self, status, result, *needles):
        """STATUS, and NEEDLES (text) in what was printed."""
        self.assertEqual(result.status, status, result)
        for needle in needles:
            self.assertIn(needle, (result.out + result.err).decode(), result)
        return result

    def fails(self, status, result, *needles):
        """STATUS, nothing on standard output, NEEDLES on standard error, whose lines tell who speaks, or
        are such as can be put into a file."""
        self.assertEqual((result.status, result.out), (status, b""), result)
        for needle in needles:
            self.assertIn(needle, result.err.decode(), result)
        for line in result.err.decode().splitlines():
            self.assertTrue(line.startswith(("icr-rewrite: ", "    ")), result)
        return result

    def assert_untouched(self):
        self.assertEqual(self.tree.picture(), self.before)

    def status(self, drift, *needles, run=None):
        """What status tells of the tree: nothing is in force before its first boot, hence 3."""
        run = run or self.tree.run
        done = self.check(3, run("status"), *needles)
        told = run("status", "--json").json
        self.assertEqual((told["in_force"], told["drift"]), (False, drift), done)
        others = [problem for problem in told["problems"]
                  if not re.search("until the first boot|until a boot|before the first boot|"
                                   "closed to other users", problem)]
        self.assertEqual(bool(others), drift, done)
        return done

    def as_applied(self, *needles, run=None):
        return self.status(False, *needles, run=run)

    def drifted(self, *needles):
        return self.status(True, *needles)

    def proven(self, **addresses):
        """Applies with addresses that were proven before: the block is there afterwards."""
        self.tree.prove(**(addresses or {"us": US}))
        return self.check(0, self.tree.run("apply"))
