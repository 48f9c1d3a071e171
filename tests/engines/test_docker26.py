# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Docker Engine 26.1 of Debian 13, with both of its image stores, before and right behind apply."""

import os
import pathlib
import tempfile
import unittest

from tests.engines import trixie
from tests.lab import lab
from tests.lab.case import IMAGE, PUBLIC_US, LabCase
from tests.lab.test_connections import still_open

# The storage driver stands in daemon.json, since it names another thing for each store.
FLAGS = tuple(flag for flag in lab.servers.DOCKER_FLAGS if "storage" not in flag)


class Classic(LabCase):
    daemon_json = '{"storage-driver": "vfs"}\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = pathlib.Path(os.environ.get("ICR_ENGINES_ROOT") or trixie.place())
        if not root.is_dir():
            raise unittest.SkipTest("not there: %s (python3 -m tests.engines.trixie)" % root)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="docker26-", dir=lab.WORK))
        trixie.wrap(root, folder)
        cls.path = os.environ["PATH"]
        os.environ["PATH"] = "%s:%s" % (folder, cls.path)

    @classmethod
    def tearDownClass(cls):
        os.environ["PATH"] = cls.path

    def pulled_over_the_public_network(self):
        self.lab.start_dockerd(self.daemon_json, flags=FLAGS)
        self.assertTrue(self.lab.dockerd.info()["ServerVersion"].startswith("26."))
        self.configure()
        self.store_key()
        self.run_ok(self.lab.docker("pull", IMAGE))
        self.assertNotEqual(self.lab.connections(role="public"), [])

    def pull_again(self):
        self.run_ok(self.lab.docker("rmi", IMAGE))
        self.lab.clear_log()
        self.run_ok(self.lab.docker("pull", IMAGE))

    def test_the_first_pull_behind_apply_is_private(self):
        self.pulled_over_the_public_network()
        self.apply()
        self.assertEqual(still_open(self.lab, PUBLIC_US[0]), [])
        self.pull_again()
        self.assert_private_only()
        self.assertEqual(self.lab.log(role="public"), [])


class Containerd(Classic):
    """This store keeps its connection to the token server for a minute and a half."""

    daemon_json = '{"storage-driver": "native", "features": {"containerd-snapshotter": true}}\n'

    def test_the_address_that_it_pulled_from_has_left_dns(self):
        self.pulled_over_the_public_network()
        for name in ("us.icr.io", "registry.ng.bluemix.net"):
            self.lab.renumber(name, ["203.0.113.11"])
        self.assertNotEqual(still_open(self.lab, PUBLIC_US[0]), [])
        self.apply()
        self.assertEqual(still_open(self.lab, PUBLIC_US[0]), [])
        self.pull_again()
        self.assert_private_only()
        self.assertEqual(self.lab.log(role="public"), [])

    def test_without_the_right_to_end_connections_it_says_who_keeps_one(self):
        self.pulled_over_the_public_network()
        done = lab.run("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
                       os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us")
        self.assert_code(0, done)
        self.assert_says(r"dockerd \(process [0-9]+\) keeps a connection to the public address",
                         done)
        self.pull_again()
        # What the warning is about; without it the test above would prove nothing.
        self.assertNotEqual(self.lab.log(role="public"), [])
