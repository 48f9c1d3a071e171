# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Trusted profiles of compute resources, by token files and by the metadata services."""

import concurrent.futures
import json
import os
import shutil
import unittest

from tests.blackbox.support import HELPER, HomeCase
from tests.lab import iam
from tests.lab.case import CloudCase
from tests.lab.fault import Fault

NAME = "lab-puller"
CRN = f"crn:v1:bluemix:public:iam-identity::a/{iam.ACCOUNT}::profile:{iam.PROFILE}"
RESOURCE = "crn:v1:bluemix:public:containers-kubernetes:lab"
SECRETS = "/run/secrets"
STANDARD = ("tokens/vault-token", "tokens/sa-token",
            "codeengine.cloud.ibm.com/compute-resource-token/token")


class ProfileCase(CloudCase, HomeCase):
    def setUp(self):
        super().setUp()
        self.runtime = self.home.path / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.home.env["XDG_RUNTIME_DIR"] = str(self.runtime)

    def profile(self, **members):
        self.home.configure(trusted_profile=members)

    def forget(self):
        shutil.rmtree(self.runtime / "docker-credential-icr", ignore_errors=True)

    def get(self, **env):
        return self.home.helper("get", stdin="us.icr.io", env=env)

    def token(self, **env):
        result = self.get(**env)
        self.assertEqual((result.status, result.err), (0, b""), result)
        self.assertEqual(result.json["Username"], "iambearer")
        self.assertEqual(iam.decode(result.json["Secret"])["iam_id"], "iam-" + iam.PROFILE)
        return result.json["Secret"]

    def fails(self, *texts, within=10.9):
        self.forget()
        result = self.get()
        self.assert_fails(result)
        self.assertLess(result.seconds, within)
        for text in texts:
            self.assertIn(text, (result.out + result.err).decode(), result)
        return result


class ServiceAccounts(ProfileCase):
    """kubelet hands over the token of a pod's service account, audience iam."""

    API = "credentialprovider.kubelet.k8s.io/v1"

    def setUp(self):
        super().setUp()
        self.lab.iam.profiles[iam.PROFILE]["trusts"].add(RESOURCE)
        self.profile(id=iam.PROFILE)
        self.provider = self.home.path / "bin/icr-credential-provider"
        self.provider.parent.mkdir()
        self.provider.symlink_to(HELPER)

    def ask(self, token, image="us.icr.io/ns/img:1"):
        return self.home.run([self.provider], json.dumps(
            {"kind": "CredentialProviderRequest", "apiVersion": self.API, "image": image,
             "serviceAccountToken": token}))

    def answer(self, token, host="us.icr.io"):
        done = self.ask(token, host + "/ns/img:1")
        self.assertEqual((done.status, done.err), (0, b""), done)
        self.assertEqual(list(done.json["auth"]), [host])
        # never kept for longer than the token lives
        self.assertLess(int(done.json["cacheDuration"][:-1]), 3600)
        auth = done.json["auth"][host]
        self.assertEqual(auth["username"], "iambearer")
        self.assertEqual(iam.decode(auth["password"])["iam_id"], "iam-" + iam.PROFILE)
        return auth["password"]

    def test_exchanged_by_account(self):
        for name in ("one", "two"):
            self.lab.iam.add_cr_token(f"sa-token of {name}", RESOURCE)
        first = self.answer("sa-token of one")
        self.assertEqual(self.answer("sa-token of one", "private.de.icr.io"), first)
        self.assertNotEqual(self.answer("sa-token of two"), first)
        lines = self.lab.log(role="iam")
        self.assertEqual([(line["grant"], line["form"]["cr_token"]) for line in lines],
                         [("cr-token", iam.digest("sa-token of " + name)) for name in ("one", "two")])

    def test_kept_for_what_is_left_whatever_the_time_of_day(self):
        self.lab.iam.add_cr_token("sa-token", RESOURCE)
        for skew in (7200, -7200):
            self.forget()
            self.lab.realm.skew = skew
            self.answer("sa-token")
            path, = (self.runtime / "docker-credential-icr").glob("token-*[0-9a-f]")
            entry = json.loads(path.read_text())
            entry.update(expires_in=1500, renew=1500)
            path.write_text(json.dumps(entry))
            duration = int(self.ask("sa-token").json["cacheDuration"][:-1])
            self.assertTrue(1400 < duration <= 1440, duration)

    def test_no_profile_to_exchange_it_for(self):
        for config in ({}, {"trusted_profile": {"source": "vpc"}}):
            self.home.configure(**config)
            self.lab.clear_log()
            done = self.ask("sa-token")
            self.assertEqual((done.status, done.out), (1, b""), done)
            self.assertIn(b'no "trusted_profile"', done.err)
            self.assertEqual(self.lab.log(role="iam"), [])

    def test_goes_before_what_the_node_has(self):
        self.lab.iam.add_cr_token("sa-token", RESOURCE)
        self.home.store("us.icr.io", secret="of the node")
        self.answer("sa-token")

    def test_rejected(self):
        self.home.store("us.icr.io", secret="of the node")
        done = self.ask("not one that IAM knows")
        self.assertEqual((done.status, done.out), (1, b""), done)
        self.assertIn(b"BXNIM0407E", done.err)
        self.assertNotIn(b"not one that IAM knows", done.err)


class Files(ProfileCase):
    def setUp(self):
        super().setUp()
        self.lab.iam.profiles[iam.PROFILE]["trusts"].add(RESOURCE)
        self.addCleanup(shutil.rmtree, SECRETS, ignore_errors=True)

    def resource(self, path, content="cr-token of the lab"):
        self.lab.iam.add_cr_token(content, RESOURCE)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(content)

    def test_standard_places_and_names(self):
        for number, name in reversed(list(enumerate(STANDARD))):
            self.resource(f"{SECRETS}/{name}", f"cr-token {number}\n")
            for member in ({"id": iam.PROFILE}, {"name": NAME}, {"crn": CRN}):
                self.profile(**member)
                self.lab.clear_log()
                self.token()
                line, = self.lab.log(role="iam")
                self.assertEqual(line["grant"], "cr-token")
                self.assertEqual(line["form"]["cr_token"],
                                 iam.digest(f"cr-token {number}\n"), "as it is, newline and all")
                self.assertNotIn("response_type", line["form"])

    def test_file_of_the_configuration(self):
        self.resource(f"{SECRETS}/tokens/sa-token", "other")
        path = str(self.home.path / "token")
        self.resource(path, "mine")
        self.profile(id=iam.PROFILE, token_file=path)
        first = self.token()
        self.assertEqual(self.token(), first)
        line, = self.lab.log(role="iam")
        self.assertEqual(line["form"]["cr_token"], iam.digest("mine"))

    def test_rejected(self):
        path = str(self.home.path / "token")
        self.resource(path)
        self.profile(id="Profile-other", token_file=path)
        self.fails("BXNIM0513E")
        with open(path, "w", encoding="ascii") as file:
            file.write("unknown")
        self.profile(id=iam.PROFILE, token_file=path)
        self.fails("BXNIM0407E")

    def test_the_file_goes_before_the_metadata(self):
        self.lab.start_vpc()
        self.resource(f"{SECRETS}/tokens/sa-token")
        self.profile(id=iam.PROFILE)
        self.token()
        self.assertEqual(self.lab.log(role="metadata"), [])
        self.profile(id=iam.PROFILE, source="vpc")
        self.token()
        self.assertNotEqual(self.lab.log(role="metadata"), [])


class Instance(ProfileCase):
    def asked(self):
        return [line["path"].partition("?")[0] for line in self.lab.log(role="metadata")]

    def test_vpc(self):
        self.lab.start_vpc()
        for member in ({"id": iam.PROFILE}, {"crn": CRN}, {"source": "vpc"}):
            self.profile(**member)
            first = self.token()
            self.assertEqual(self.token(), first)
        self.assertEqual(self.asked(), ["/identity/v1/token", "/identity/v1/iam_tokens"] * 3)
        self.assertEqual(self.lab.log(role="iam"), [])

    def test_vpc_of_old(self):
        self.lab.start_vpc()
        self.lab.vpc.versions = {1}
        self.profile(id=iam.PROFILE)
        self.token()
        self.assertEqual(self.asked(), ["/identity/v1/token", "/instance_identity/v1/token",
                                        "/instance_identity/v1/iam_token"])

    def test_bare_metal_and_https(self):
        self.lab.start_vpc("https")
        self.lab.vpc.versions = {2}
        self.profile(id=iam.PROFILE)
        self.token()

    def test_powervs(self):
        self.lab.start_powervs()
        self.profile(id=iam.PROFILE)
        self.token()
        self.assertEqual({line["host"] for line in self.lab.log(role="metadata")},
                         {"api.metadata.power-iaas.cloud.ibm.com"})
        self.assertEqual([line["path"] for line in self.lab.log(role="metadata")],
                         ["/identity/v1/token", "/identity/v1/iam_tokens"])

    def test_never_by_a_proxy(self):
        self.lab.start_vpc()
        self.profile(id=iam.PROFILE)
        self.token(http_proxy="http://198.51.100.9:3128", https_proxy="http://198.51.100.9:3128",
                   all_proxy="http://198.51.100.9:3128")

    def test_one_for_all(self):
        self.lab.start_vpc()
        self.profile(id=iam.PROFILE)
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            results = list(pool.map(lambda _: self.get(), range(30)))
        self.assertEqual(len({result.json["Secret"] for result in results}), 1)
        self.assertEqual(len(self.asked()), 2)

    def test_told_apart(self):
        self.lab.start_vpc()
        self.profile(id=iam.PROFILE)
        self.lab.vpc.enabled = False
        self.fails("switched off", "ibmcloud is instance-update")
        self.lab.vpc.enabled = True
        self.lab.vpc.linked = set()
        self.fails("linked to it", "trusted-profile-link-create")
        self.lab.vpc.versions = {1}
        self.fails("not linked to the trusted profile", "profile_not_linked")
        self.lab.vpc.versions = set()
        self.fails("no instance identity service", "another cloud")
        self.lab.vpc.versions, self.lab.vpc.default = {1, 2}, None
        self.profile(source="vpc")
        self.fails("no default trusted profile", "missing_field")

    def test_faults(self):
        self.lab.start_vpc()
        self.profile(id=iam.PROFILE)
        for fault, texts in ((Fault(500), ("the metadata service fails", "try again")),
                             (Fault(429), ("the metadata service fails",)),
                             (Fault(401, path="iam_tokens"), ("does not take",)),
                             (Fault(302, location="https://evil.example.com/"), ("302",)),
                             (Fault.captive(), ("no token",)), (Fault.big(), ("metadata",)),
                             (Fault(reset=True), ("metadata",)),
                             (Fault(400, b"{}"), ("HTTP status 400",))):
            with self.subTest(texts):
                self.lab.vpc.faults.script[:] = [fault]
                self.fails(*texts)
        self.lab.vpc.faults.script[:] = [Fault(500, times=1)]
        self.forget()
        self.token()

    def test_slow(self):
        self.lab.start_vpc()
        self.profile(id=iam.PROFILE)
        self.lab.vpc.faults.add(Fault(delay=30))
        self.fails("no instance metadata service answers")

    def test_none_here(self):
        self.profile(id=iam.PROFILE)
        self.fails("no instance metadata service answers", "169.254.169.254", "hop limit",
                   "docker-credential-icr login")
        self.assertEqual(self.home.helper("list").json, {})


if __name__ == "__main__":
    unittest.main()
