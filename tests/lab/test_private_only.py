# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite private-only: the account's policy, told and changed, and never locking this host out."""

import json
import os
import unittest

from tests import common

from . import iam, lab
from .case import PRIVATE_US, CloudCase

KEY = "lab-key-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"


class PrivateOnly(CloudCase):
    def setUp(self):
        super().setUp()
        self.lab.iam.add_key(KEY)
        self.environment = {"IBMCLOUD_API_KEY": KEY, "PATH": lab.BUILD + ":" + os.environ["PATH"]}

    def verb(self, *options, code=0, key=KEY):
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "private-only", *options,
                       environment=dict(self.environment, IBMCLOUD_API_KEY=key))
        self.assert_code(code, done)
        self.assertNotIn(key, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def policy(self):
        return self.lab.realm.policies.get((iam.ACCOUNT, self.lab.realm.registry_of("us.icr.io")),
                                           {}).get("private_only", False)

    def test_on_and_off(self):
        self.assertIn("private-only is off for account " + iam.ACCOUNT,
                      self.verb("--status", "--region", "us"))
        self.assertIn("private-only is on", self.verb("--enable", "--region", "us", "--yes"))
        self.assertTrue(self.policy())
        report = json.loads(self.verb("--status", "--region", "us.icr.io", "--json"))
        common.assert_alike(common.manual_samples()["private-only"], report, "private-only")
        self.assertEqual((report["version"], report["verb"], report["registry"], report["private_only"],
                          report["account"]), (1, "private-only", "us.icr.io", True, iam.ACCOUNT))
        self.assertIn("private-only is off", self.verb("--disable", "--region", "us"))
        self.assertFalse(self.policy())

    def test_enabled_over_the_private_network(self):
        self.verb("--enable", "--region", "us", "--yes")
        asked = [line["address"] for line in self.lab.log() if line["path"] == "/api/v1/auth"]
        self.assertTrue(asked and set(asked) <= set(PRIVATE_US), asked)

    def test_not_from_a_host_that_would_lock_itself_out(self):
        for address in PRIVATE_US:
            self.lab.refuse(address)
        said = self.verb("--enable", "--region", "us", "--yes", code=4)
        self.assertIn("lock itself out", said)
        self.assertFalse(self.policy())
        self.verb("--enable", "--region", "us", "--yes", "--force")
        self.assertTrue(self.policy())

    def test_asks_before(self):
        self.assertIn("--yes", self.verb("--enable", "--region", "us", code=2))
        self.assertFalse(self.policy())

    def test_missing_role(self):
        self.lab.realm.managers = set()
        self.assertIn("role Manager", self.verb("--enable", "--region", "us", "--yes", code=1))
        self.assertIn("role Manager", self.verb("--status", "--region", "us", code=1))

    def test_other_account(self):
        said = self.verb("--status", "--region", "us", "--account", "c" * 32, code=1)
        self.assertIn("CRG0009E", said)
        self.assertIn("--account", said)

    def test_rejected_key(self):
        self.assertIn("BXNIM0415E", self.verb("--status", "--region", "us", code=1, key="nobodys-key"))

    def test_usage(self):
        for options in ((), ("--status",), ("--status", "--enable", "--region", "us"),
                        ("--status", "--region", "us,de"), ("--status", "--region", "all"),
                        ("--status", "--region", "us", "--account", "x"),
                        ("--status", "--region", "nowhere")):
            self.verb(*options, code=2)


if __name__ == "__main__":
    unittest.main()
