# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Signed images, by real skopeo, podman and GnuPG: over the route hosts their signatures stay valid;
the route native looks for them under the private name; and by the private name they are others."""

import json
import os

from . import lab
from .case import IMAGE, LabCase

NAME = "Lab signer <signer@lab.example>"
KEY = "/etc/containers/signer.gpg"
POLICY = "/etc/containers/policy.json"
LOOKASIDE = "/etc/containers/registries.d/icr.yaml"
PRIVATE_IMAGE = IMAGE.replace("us.", "private.us.")
UNSIGNED = "us.icr.io/demo/unsigned:1"
SIGNED = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": KEY}
REMAP = {"type": "remapIdentity", "prefix": "private.us.icr.io", "signedPrefix": "us.icr.io"}


class SigningCase(LabCase):
    def setUp(self):
        super().setUp()
        self.gpg("--quick-generate-key", NAME, "default", "sign", "never")
        self.addCleanup(self.gpg_off)
        self.gpg("--output", KEY, "--export", NAME)
        self.lab.store_image("demo/unsigned", "1", "unsigned\n")
        self.run_ok(self.lab.helper("configure", "--client", "containers"))
        self.store_key()
        self.lookaside("us.icr.io")
        self.sign(IMAGE)
        self.policy({"us.icr.io": [SIGNED]})

    def gpg(self, *arguments):
        return self.run_ok(lab.run("gpg", "--batch", "--quiet", "--passphrase", "", *arguments))

    @staticmethod
    def gpg_off():
        lab.run("gpgconf", "--kill", "all")

    def lookaside(self, *names):
        place = "file://" + os.path.join(self.lab.folder, "signatures")
        self.lab.write(LOOKASIDE, "docker:\n" + "".join(
            "  %s:\n    lookaside: %s\n    lookaside-staging: %s\n" % (name, place, place)
            for name in names))

    def sign(self, reference):
        self.run_ok(self.lab.skopeo("copy", "--sign-by", NAME, "docker://" + reference,
                                    "docker://" + reference))

    def policy(self, scopes, default="insecureAcceptAnything"):
        self.lab.write(POLICY, json.dumps({"default": [{"type": default}],
                                           "transports": {"docker": scopes}}))

    def pull(self, reference=IMAGE):
        self.lab.clear_log()
        return self.lab.podman("pull", reference)

    def refused(self, reason, reference=IMAGE):
        done = self.pull(reference)
        self.assertNotEqual(done.returncode, 0, str(done))
        self.assert_says(reason, done)


class PublicName(SigningCase):
    def test_what_the_policy_is_without_us(self):
        self.run_ok(self.pull())
        self.refused("no signature exists", UNSIGNED)

    def test_route_hosts_keeps_signatures_valid(self):
        says = "images of us.icr.io have to be signed .*their signatures stay valid"
        self.assert_says(says, self.lab.rewrite("check", "--regions", "us"))
        self.assert_says(says, self.apply())
        self.run_ok(self.pull())
        self.assert_private_only()
        self.refused("no signature exists", UNSIGNED)

    def test_nothing_is_said_where_nothing_has_to_be_signed(self):
        self.policy({"us.icr.io": [{"type": "insecureAcceptAnything"}], "de.icr.io": [SIGNED]})
        self.assertNotIn("signed", str(self.apply()))

    def test_route_native_looks_for_them_under_the_private_name(self):
        native = ("--route", "native", "--engines", "podman")
        self.assert_says("under private.us.icr.io: give it an entry like that at "
                         "/etc/containers/registries.d/icr.yaml:2, or pulls are refused",
                         self.apply(*native))
        self.refused("no signature exists")
        self.lookaside("us.icr.io", "private.us.icr.io")
        self.assert_says("signatures stay valid", self.apply(*native))
        self.run_ok(self.pull())
        self.assert_private_only()
        self.refused("no signature exists", UNSIGNED)


class PrivateName(SigningCase):
    def setUp(self):
        super().setUp()
        self.lookaside("us.icr.io", "private.us.icr.io")

    def test_rule_of_the_public_name_is_not_its_rule(self):
        self.run_ok(self.pull(PRIVATE_IMAGE.replace("hello", "unsigned")))
        self.policy({"us.icr.io": [SIGNED]}, "reject")
        self.refused("rejected by policy", PRIVATE_IMAGE)

    def test_signature_of_the_public_name_is_not_its_signature(self):
        self.policy({"private.us.icr.io": [SIGNED]})
        self.refused("us.icr.io", PRIVATE_IMAGE)

    def test_remapped_identity(self):
        self.policy({"private.us.icr.io": [dict(SIGNED, signedIdentity=REMAP)]})
        self.run_ok(self.pull(PRIVATE_IMAGE))
        self.refused("no signature exists", PRIVATE_IMAGE.replace("hello", "unsigned"))

    def test_signed_again(self):
        self.sign(PRIVATE_IMAGE)
        self.policy({"private.us.icr.io": [SIGNED]})
        self.run_ok(self.pull(PRIVATE_IMAGE))
