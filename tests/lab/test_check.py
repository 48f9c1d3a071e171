# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The verb check: what it tells, as a table and as JSON, and the pull that it tries."""

import json
import os
import time

from tests import common

from . import lab
from .case import IMAGE, PRIVATE_US, LabCase
from .fault import Fault


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
                         {(address, "us.icr.io", "/api/v1/messages") for address in PRIVATE_US})
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
        told = self.check("--regions", "us,de", code=4)
        self.assertEqual(str(told).count("service endpoints enabled"), 1, "said once")
        self.assertIn("service endpoints enabled", told.stderr)
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
        common.assert_alike(common.manual_samples()["check"], self.check_json("--pull", IMAGE), "check")
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

    def assert_key_unsent(self):
        self.assertEqual([line for line in self.lab.log() if line["user"]], [])
        self.assertEqual([line for line in self.lab.log() if "authorization" in line["headers"]],
                         [])

    def test_the_key_goes_to_no_stranger(self):
        self.store_key()
        for front in self.lab.private_fronts():
            front.faults.realm_host = "us.icr.io.evil.example"
        self.check("--pull", IMAGE, code=4)
        self.assert_key_unsent()

    def test_the_key_goes_to_no_other_registry(self):
        self.store_key()
        for host in ("de.icr.io", "cp.icr.io", "stg.icr.io", "icr.io", "private.de.icr.io"):
            for front in self.lab.private_fronts():
                front.faults.realm_host = host
            done = self.check("--regions", "us", "--pull", IMAGE, code=1)
            self.assert_says("realm https://%s/oauth/token is not of this registry" % host, done)
            self.assert_key_unsent()
            self.assertEqual(self.lab.connections(role="public"), [])

    def test_a_realm_beside_icr_that_comes_with_the_manifest_alone(self):
        """/v2/ is in order; the challenge of the image names somebody else."""
        self.store_key()
        for realm in ("https://evil.example/t", "http://us.icr.io/t", "https://us.icr.io:8443/t",
                      "https://us.icr.io@evil.example/t", "https://iam.cloud.ibm.com/t"):
            for front in self.lab.private_fronts():
                front.faults.script[:] = [Fault(
                    401, b"", path="/manifests/",
                    headers=[("Www-Authenticate", 'Bearer realm="%s",service="registry"' % realm)])]
            self.check("--pull", IMAGE, code=1)
            self.assert_key_unsent()

    def test_the_realm_at_another_name_of_the_registry(self):
        self.store_key()
        for host in ("private.us.icr.io", "registry.ng.bluemix.net"):
            for front in self.lab.private_fronts():
                front.faults.realm_host = host
            # The lab's tokens are good at the host that issued them only.
            done = self.check("--pull", IMAGE, code=1)
            self.assert_says("answers 401", done)
            asked, = [line for line in self.lab.log(path="/oauth/token")]
            self.assertEqual((asked["host"], asked["role"], asked["user"]),
                             (host, "private", "iamapikey"))
            self.lab.clear_log()

    def test_dead_network(self):
        self.lab.refuse(*PRIVATE_US)
        self.assertFalse(self.check_json("--pull", IMAGE, code=4)["pull"]["pulled"])

    def test_a_dead_region_among_all(self):
        self.lab.refuse(*PRIVATE_US)
        report = self.check_json("--regions", "all", "--pull", IMAGE, code=4)
        self.assertFalse(report["private"])
        self.assertFalse(report["pull"]["pulled"])
        self.assertIn("nothing was pulled", json.dumps(report["error"]))
        self.assert_says("nothing was pulled",
                         self.check("--regions", "all", "--pull", IMAGE, code=4))

    def test_references_that_are_none(self):
        for reference in ("", "hello", "us.icr.io", "docker.io/library/alpine", "alpine",
                          "us.icr.io.evil.com/a/b", "us.icr.io/NS/x:1", "stg.icr.io/a/b"):
            done = self.check("--pull", reference, code=2)
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.lab.connections(), [])

    def test_a_region_of_next_year(self):
        done = self.check("--pull", "zz.icr.io/a/b", code=4)
        self.assert_says("private.zz.icr.io", done)

    def test_the_helper_is_found_as_docker_finds_it(self):
        self.store_key()
        self.check("--pull", IMAGE)
        done = self.check("--pull", IMAGE, code=1, environment={"PATH": "/usr/bin:/bin"})
        self.assert_says("docker-credential-icr is not in PATH", done)
        self.assert_says(os.path.realpath(os.path.join(lab.BUILD, "docker-credential-icr")), done)

    def test_one_deadline_for_all_of_it(self):
        self.store_key()
        for front in self.lab.private_fronts():
            front.faults.add(Fault(delay=3, path="^/(v2|oauth)/"))
        begin = time.monotonic()
        done = self.check("--pull", IMAGE, code=4)
        self.assertLess(time.monotonic() - begin, 15.5)
        self.assert_says("timed out", done)

    def test_a_token_that_never_comes(self):
        self.store_key()
        for front in self.lab.private_fronts():
            front.faults.add(Fault(delay=60, path="^/oauth/"))
        self.assert_says("timed out", self.check("--pull", IMAGE, code=4))


class Redirects(CheckCase):
    def redirect(self, location, code=0):
        for front in self.lab.private_fronts():
            front.faults.blob_location = location
        self.store_key()
        report = self.check_json("--pull", IMAGE, code=code)
        self.assertEqual(self.lab.connections(role="public"), [])
        return report

    def test_where_a_blob_goes(self):
        for location, host, url in (
                ("//evil.example.com/blob", "evil.example.com", None),
                ("https://evil.example.com/blob", "evil.example.com", None),
                ("https://user@evil.example.com/us.icr.io", "evil.example.com", None),
                ("http://us.icr.io/x", "us.icr.io", "http://us.icr.io:80"),
                ("https://us.icr.io:8443/x", "us.icr.io", "https://us.icr.io:8443"),
                ("ftp://evil.example.com/x", "evil.example.com", "ftp://evil.example.com:21"),
                ("https://[2001:db8::1]/x", "2001:db8::1", None),
                ("/v2/x?u=https://foo.example/", None, None),
                ("x", None, None),
                ("?a=//foo.example/", None, None),
                ("https://US.icr.io:443/x", None, None),
                ("https://us.icr.io/x", None, None)):
            with self.subTest(location):
                pull = self.redirect(location)["pull"]
                self.assertEqual((pull["redirect"], pull["redirect_url"]), (host, url))
        pull = self.redirect("https://[2001:db8::1]/x")["pull"]
        self.assertEqual(pull["redirect_addresses"], ["2001:db8::1"])
        self.assert_says("redirected to 127.0.0.1 \\(127.0.0.1, a loopback address\\)",
                         self.redirect("https://127.0.0.1/x") and self.check("--pull", IMAGE))
        self.assert_says("redirected to http://us.icr.io:80",
                         self.redirect("http://us.icr.io/x") and self.check("--pull", IMAGE))

    def test_nowhere(self):
        self.assertIn("without saying where", json.dumps(self.redirect("", code=1)["error"]))
        for location in ("https:\\\\evil.example.com", "https://a\\@evil.example.com/", "https://"):
            with self.subTest(location):
                self.assertIn("no URL", json.dumps(self.redirect(location, code=1)["error"]))
