# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-credential-provider: kubelet's CredentialProviderRequest and Response, version 1."""

import fnmatch
import json
import os
import re
import socket
import subprocess
import time
import unittest
import urllib.parse

from tests.blackbox.support import HELPER, TOP, HomeCase
from tests.blackbox.test_explain import token

API = "credentialprovider.kubelet.k8s.io/v1"
SAMPLE = TOP / "packaging/kubernetes/credential-provider-config.yaml"


class KubeletCase(HomeCase):
    def setUp(self):
        super().setUp()
        # kubelet's image-credential-provider-bin-dir
        self.program = self.home.path / "bin/icr-credential-provider"
        self.program.parent.mkdir()
        self.program.symlink_to(HELPER)

    def ask(self, request, env=None):
        if not isinstance(request, (bytes, str)):
            request = json.dumps(request)
        return self.home.run([self.program], request, env)

    def request(self, image, env=None, **more):
        return self.ask({"kind": "CredentialProviderRequest", "apiVersion": API, "image": image,
                         **more}, env)

    def auth(self, image, env=None, **more):
        result = self.request(image, env, **more)
        self.assertEqual(result.status, 0, result)
        response = result.json
        self.assertEqual((response["kind"], response["apiVersion"], response["cacheKeyType"]),
                         ("CredentialProviderResponse", API, "Registry"))
        self.assertRegex(response["cacheDuration"], r"\A\d+s\Z")
        self.duration = int(response["cacheDuration"][:-1])
        return response["auth"]


class Kubelet(KubeletCase):
    def test_key(self):
        for image, host in (("us.icr.io/ns/img:1", "us.icr.io"), ("icr.io/a", "icr.io"),
                            ("private.de.icr.io/ns/img@sha256:" + 64 * "a", "private.de.icr.io"),
                            ("us.icr.io:443/ns/img", "us.icr.io")):
            with self.subTest(image):
                self.assertEqual(self.auth(image, {"IC_API_KEY": 'k"\u00e9'.replace("\u00e9", "e")}),
                                 {host: {"username": "iamapikey", "password": 'k"e'}})
                self.assertEqual(self.duration, 3600)

    def test_stored(self):
        self.home.store("cp.icr.io", "cp", "entitlement")
        self.assertEqual(self.auth("cp.icr.io/cp/x:1", {"IC_API_KEY": "k"}),
                         {"cp.icr.io": {"username": "cp", "password": "entitlement"}})

    def test_token_is_kept_no_longer_than_it_lives(self):
        for lives, least, most in ((600, 530, 540), (7200, 3600, 3600), (30, 0, 0)):
            secret = token(exp=int(time.time()) + lives)
            self.home.store("us.icr.io", "iambearer", secret)
            self.assertEqual(self.auth("us.icr.io/ns/img"),
                             {"us.icr.io": {"username": "iambearer", "password": secret}})
            self.assertTrue(least <= self.duration <= most, self.duration)

    def test_token_that_tells_no_end_is_not_kept(self):
        self.home.store("us.icr.io", "iambearer", "opaque")
        self.auth("us.icr.io/ns/img")
        self.assertEqual(self.duration, 0)

    def test_nothing(self):
        """No failure: images of icr.io may be pulled without a login. The reason is told."""
        for image, reason in (("us.icr.io/ns/img", b"nothing for us.icr.io in "),
                              ("cp.icr.io/cp/x", b"docker login cp.icr.io"),
                              ("docker.io/library/alpine", b"matchImages"),
                              ("us.icr.io.evil.com/x", b"matchImages"),
                              ("dd0.us.icr.io/x", b"matchImages")):
            with self.subTest(image):
                self.assertEqual(self.auth(image), {})
                self.assertEqual(self.duration, 0)
                result = self.request(image)
                self.assertIn(reason, result.err)
                for line in result.err.splitlines():
                    self.assertTrue(line.startswith(b"icr-credential-provider: "), result)
                self.assertEqual(self.request(image, {"ICR_QUIET": "1"}).err, b"")
        result = self.request("us.icr.io/ns/img")
        for place in (b"$IBMCLOUD_API_KEY", b"/run/docker-credential-icr/apikey",
                      str(self.home.store_file).encode()):
            self.assertIn(place, result.err)

    def test_expired_token_is_a_reason(self):
        self.home.store("us.icr.io", "iambearer", token(exp=1000))
        result = self.request("us.icr.io/ns/img")
        self.assertEqual((result.status, result.json["auth"]), (0, {}))
        self.assertIn(b"expired", result.err)

    @unittest.skipUnless(os.geteuid() == 0, "mounts")
    def test_reason_is_in_the_log(self):
        """Where the operator looks: kubelet throws away what a provider that succeeds says."""
        (self.home.path / "dev").mkdir()
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(log.close)
        log.bind(str(self.home.path / "dev/log"))
        log.settimeout(30)
        request = json.dumps({"kind": "CredentialProviderRequest", "apiVersion": API,
                              "image": "us.icr.io/ns/img"})
        command = ["unshare", "-m", "sh", "-c", 'mount --bind "$HOME/dev" /dev; exec "$0"',
                   self.program]
        first = self.home.run(command, request)
        self.assertEqual((first.status, first.json["auth"]), (0, {}))
        text = log.recv(65536)
        self.assertRegex(text, rb"\A<30>icr-credential-provider\[\d+\]: nothing for us\.icr\.io in ")
        self.assertEqual(text.split(b": ", 1)[1], first.err.split(b"\n")[0].split(b": ", 1)[1])
        # on one line, and with nothing that a terminal obeys
        self.home.run(command, request, {"IBMCLOUD_HOME": "/x\n<2>kernel: forged\x1b[2J"})
        text = log.recv(65536)
        self.assertRegex(text, rb"\A<30>icr-credential-provider[ -~]*kernel: forged[ -~]*\Z")
        # nothing to say, nothing said; one that takes nothing any more is not waited for
        self.home.run(command, request, {"IC_API_KEY": "k"})
        log.setblocking(False)
        self.assertRaises(BlockingIOError, log.recv, 1)
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.setblocking(False)
        sender.connect(log.getsockname())
        with self.assertRaises(BlockingIOError):
            while True:
                sender.send(b"x")
        self.assertEqual(self.home.run(command, request).status, 0)

    def test_no_home(self):
        self.assertEqual(self.auth("us.icr.io/ns/img", {"HOME": None, "IC_API_KEY": "k"}),
                         {"us.icr.io": {"username": "iamapikey", "password": "k"}})

    def test_not_a_request(self):
        good = {"kind": "CredentialProviderRequest", "apiVersion": API, "image": "us.icr.io/a"}
        for request in ("", "{", "[]", "us.icr.io", {}, {**good, "kind": "Pod"},
                        {**good, "apiVersion": "credentialprovider.kubelet.k8s.io/v1alpha1"},
                        {**good, "image": ""}, {**good, "image": 1}, b"\xff", "x" * (1 << 21),
                        {key: value for key, value in good.items() if key != "kind"}):
            with self.subTest(str(request)[:40]):
                result = self.ask(request, {"IC_API_KEY": "k"})
                self.assertEqual((result.status, result.out), (1, b""), result)
                self.assertTrue(result.err.startswith(b"icr-credential-provider: "), result)

    def test_token_too_large(self):
        # refused, not sent in part: escapes make one string come in many pieces
        result = self.request("us.icr.io/ns/img", serviceAccountToken=40000 * "\u00e9")
        self.assertEqual((result.status, result.out), (1, b""), result)
        self.assertIn(b"serviceAccountToken is larger", result.err)

    def test_hard_error(self):
        self.home.configure(apikey_file="/nonexistent/key")
        result = self.request("us.icr.io/ns/img")
        self.assertEqual((result.status, result.out), (1, b""), result)
        self.assertIn(b"/nonexistent/key", result.err)

    def test_standard_output_full(self):
        with open("/dev/full", "wb") as full:

            done = subprocess.run([self.program], stdout=full, stderr=subprocess.PIPE, check=False,
                                  env=self.home.environment({"IC_API_KEY": "k"}), timeout=30,
                                  input=json.dumps({"kind": "CredentialProviderRequest",
                                                    "apiVersion": API,
                                                    "image": "us.icr.io/a"}).encode())
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_command_line(self):
        for words, status in ((["--help"], 0), (["--version"], 0), (["get"], 2)):
            result = self.home.run([self.program, *words])
            self.assertEqual(result.status, status, result)
        self.assertIn(b"icr-credential-provider", self.home.run([self.program, "--help"]).out)


def matches(pattern, image):
    """As kubelet's URLsMatch (kubernetes v1.34, pkg/credentialprovider/keyring.go), for patterns
    without a path: label by label, each as a file name would be, and the same port."""
    host = urllib.parse.urlsplit("https://" + image).netloc
    pattern, host = ((name, port) for name, _, port in
                     (text.partition(":") for text in (pattern, host)))
    labels = list(zip(pattern[0].split("."), host[0].split(".")))
    return (pattern[1] == host[1] and pattern[0].count(".") == host[0].count(".") and
            all(fnmatch.fnmatchcase(label, glob) for glob, label in labels))


class Sample(HomeCase):
    def patterns(self):
        return re.findall(r'^ +- "(.+)"$', SAMPLE.read_text(), re.MULTILINE)

    def test_is_one(self):
        text = SAMPLE.read_text()
        for line in ("kind: CredentialProviderConfig", "name: icr-credential-provider",
                     f"apiVersion: {API}"):
            self.assertIn(line, text)

    def test_names_every_host(self):
        """The table's, in both networks, those to come, and the deprecated ones."""
        hosts = list(self.home.helper("list", env={"IC_API_KEY": "k" * 44}).json)
        self.assertGreater(len(hosts), 28)
        for host in (*hosts, "registry.bluemix.net", "registry.ng.bluemix.net", "zz.icr.io", "private.zz.icr.io", "cp.icr.io"):
            with self.subTest(host):
                self.assertTrue(any(matches(pattern, f"{host}/ns/image:1")
                                    for pattern in self.patterns()))

    def test_names_no_other(self):
        for host in ("evilicr.io", "us.icr.io.example", "a.b.icr.io", "icr.io:8443", "docker.io",
                     "bluemix.net", "registry.ng.bluemix.net.example", "other.bluemix.net"):
            with self.subTest(host):
                self.assertFalse(any(matches(pattern, f"{host}/ns/image:1")
                                     for pattern in self.patterns()))

    def test_the_manual_has_the_same(self):
        manual = (TOP / "packaging/man/icr-credential-provider.8").read_text()
        listed = re.search(r"matchImages: \[([^]]*)\]", manual).group(1)
        self.assertEqual(re.findall(r'"([^"]+)"', listed), self.patterns())


if __name__ == "__main__":
    unittest.main()
