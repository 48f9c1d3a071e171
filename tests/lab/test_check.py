# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The verb check: what it tells, as a table and as JSON, and the pull that it tries."""

import json
import os
import time

from . import lab
from .case import IMAGE, PRIVATE_US, LabCase


class CheckCase(LabCase):
    def check(self, *options, code=0, environment=None):
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "check", *options,
                       environment=environment)
        self.assert_code(code, done)
        self.assertNotIn(lab.API_KEY, done.stdout + done.stderr)
        return done

    def check_json(self, *options, code=0):
        report = json.loads(self.check("--json", *options, code=code).stdout)
        self.assertEqual((report["version"], report["verb"]), (1, "check"))
        return report


class Check(CheckCase):
    def test_every_name_at_every_address(self):
        region, = self.check_json("--regions", "us")["regions"]
        self.assertTrue(region["proven"] and region["management"])
        names = ["private.us.icr.io", "us.icr.io", "registry.ng.bluemix.net"]
        self.assertEqual([one["address"] for one in region["addresses"]], PRIVATE_US)
        for address in region["addresses"]:
            self.assertEqual([one["name"] for one in address["answers"]], names)
            for answer in address["answers"]:
                self.assertTrue(answer["passed"])
                self.assertEqual((answer["outcome"], answer["status"]), ("answered", 401))
                self.assertEqual(answer["realm"], "https://%s/oauth/token" % answer["name"])
        asked = {(line["address"], line["host"], line["path"]) for line in self.lab.log()
                 if line["role"] == "private"}
        self.assertEqual(asked, {(address, name, "/v2/") for address in PRIVATE_US
                                 for name in names} |
                         {(address, "us.icr.io", "/api/v1/") for address in PRIVATE_US})
        self.assertEqual(self.lab.connections(role="public"), [])

    def test_the_global_registry_has_a_fourth_name(self):
        region, = self.check_json("--regions", "global")["regions"]
        names = [one["name"] for one in region["addresses"][0]["answers"]]
        self.assertEqual(names, ["private.icr.io", "icr.io", "registry.bluemix.net", "cp.icr.io"])

    def test_management_that_is_cut_off_is_told(self):
        for state in ("missing", "reset"):
            for front in self.lab.private_fronts():
                front.faults.management = state
            region, = self.check_json("--regions", "us")["regions"]
            self.assertTrue(region["proven"])
            self.assertFalse(region["management"])
            self.assert_says("not answered there", self.check("--regions", "us"))

    def test_one_dead_region_of_two_fails_and_of_all_does_not(self):
        self.lab.timeout(*PRIVATE_US)
        report = self.check_json("--regions", "us,de", code=4)
        self.assertEqual([one["proven"] for one in report["regions"]], [False, True])
        self.assertIn("service endpoints", report["regions"][0]["hint"])
        self.check("--regions", "all")

    def test_addresses_that_differ_are_told_apart(self):
        self.lab.refuse(PRIVATE_US[0])
        self.lab.timeout(PRIVATE_US[1])
        region, = self.check_json("--regions", "us", code=4)["regions"]
        self.assertEqual([one["answers"][0]["outcome"] for one in region["addresses"]],
                         ["refused", "connect-timeout"])
        for word in ("refused", "timed out", *PRIVATE_US):
            self.assertIn(word, region["reason"])

    def test_iam_is_for_information(self):
        report = self.check_json("--regions", "us")
        self.assertEqual([(one["name"], one["reachable"]) for one in report["iam"]],
                         [("private.iam.cloud.ibm.com", True), ("iam.cloud.ibm.com", True)])
        self.lab.refuse(lab.IAM_PRIVATE)
        self.lab.dns.remove("iam.cloud.ibm.com")
        report = self.check_json("--regions", "us")
        self.assertEqual([one["outcome"] for one in report["iam"]], ["refused", "no-name"])

    def test_a_silent_name_server_and_silent_addresses_cost_ten_seconds_at_most(self):
        self.lab.timeout(*PRIVATE_US, lab.IAM_PRIVATE, lab.IAM_PUBLIC)
        self.lab.dns.silence("private.de.icr.io")
        self.lab.dns.silence("iam.cloud.ibm.com")
        begin = time.monotonic()
        self.check("--regions", "us,de", code=4)
        self.assertLess(time.monotonic() - begin, 10.5)

    def test_after_apply_it_still_sees_the_private_network(self):
        self.apply()
        self.assertIsNone(self.check_json()["regions"][0]["already"])

    def test_key_log_of_the_environment_stays_unwritten(self):
        path = os.path.join(lab.HOME, "keys")
        self.check("--regions", "us", environment={"SSLKEYLOGFILE": path})
        self.assertFalse(os.path.exists(path))


class Pull(CheckCase):
    def test_manifest_and_blob_come_from_the_private_address(self):
        self.store_key()
        pull = self.check_json("--pull", IMAGE)["pull"]
        self.assertTrue(pull["pulled"])
        self.assertEqual((pull["address"], pull["username"], pull["redirect"]),
                         (PRIVATE_US[0], "iamapikey", None))
        self.assert_private_only()
        kinds = {line["path"].split("/")[4] for line in self.lab.log(status=200)
                 if line["path"].startswith("/v2/demo/")}
        self.assertEqual(kinds, {"manifests", "blobs"})

    def test_redirected_blob(self):
        self.store_key()
        for front in self.lab.private_fronts():
            front.faults.blob_host = "dd0.us.icr.io"
        pull = self.check_json("--pull", IMAGE)["pull"]
        self.assertEqual((pull["redirect"], pull["redirect_addresses"]),
                         ("dd0.us.icr.io", [lab.DOWNLOAD]))
        self.assertEqual(self.lab.connections(role="download"), [])
        self.assert_says("not a private address", self.check("--pull", IMAGE))

    def test_no_login(self):
        self.assert_says("docker login us.icr.io", self.check("--pull", IMAGE, code=1))

    def test_wrong_key(self):
        self.store_key(secret="lab-a-wrong-key")
        done = self.check("--pull", IMAGE, code=1)
        self.assert_says("the login credentials are not valid", done)
        self.assertNotIn("lab-a-wrong-key", done.stdout + done.stderr)

    def test_no_such_image(self):
        self.store_key()
        self.assert_says("MANIFEST_UNKNOWN", self.check("--pull", "us.icr.io/demo/no:1", code=1))

    def test_the_key_goes_to_no_stranger(self):
        self.store_key()
        for front in self.lab.private_fronts():
            front.faults.realm_host = "us.icr.io.evil.example"
        self.check("--pull", IMAGE, code=4)
        self.assertEqual([line for line in self.lab.log() if line["user"]], [])

    def test_dead_network(self):
        self.lab.refuse(*PRIVATE_US)
        self.assertFalse(self.check_json("--pull", IMAGE, code=4)["pull"]["pulled"])

    def test_references_that_are_none(self):
        for reference in ("", "hello", "us.icr.io", "docker.io/library/alpine",
                          "us.icr.io.evil.com/a/b", "us.icr.io/A/b", "stg.icr.io/a/b",
                          "zz.icr.io/a/b"):
            done = self.lab.rewrite("check", "--pull", reference)
            self.assertIn(done.returncode, (1, 2), str(done))
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.lab.connections(), [])
