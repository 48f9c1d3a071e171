# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Proxies that take the names past the route: files of a tree, as apply and status tell of them."""

import re
import unittest

from tests.blackbox.rewrite import US, TreeCase

NAMES = "us.icr.io,registry.ng.bluemix.net"


class Proxies(TreeCase):
    def applied(self):
        self.tree.prove(us=US)
        return self.check(0, self.tree.run("apply"))

    def warned(self, path, line, variable):
        result = self.applied()
        self.assertRegex(result.err.decode(),
                         rf"(?m)^icr-rewrite: {re.escape(str(self.tree.path))}{path}:{line}: "
                         rf"{variable} takes the names past the route, .* no_proxy there: {NAMES}$")
        self.assertNotIn(b"secret", result.out + result.err)
        told = self.tree.run("apply", "--json").json
        self.assertTrue([text for text in told["warnings"] if path in text], told)

    def test_every_spelling(self):
        for path, text, line, variable in (
                ("/etc/environment", "https_proxy=http://u:secret@proxy:3128\n", 1, "https_proxy"),
                ("/etc/environment", "# a\nA=b\nHTTPS_PROXY=\"http://proxy:3128\"\n"
                 "no_proxy=localhost,127.0.0.1\n", 3, "HTTPS_PROXY"),
                ("/etc/environment", "all_proxy=socks5://proxy:1080\r\n", 1, "all_proxy"),
                ("/etc/environment", "https_proxy=http://p\nno_proxy=us.icr.io.example,icr.iox\n", 1,
                 "https_proxy"),
                ("/etc/profile.d/proxy.sh", "export http_proxy=x; export https_proxy='http://p:1'\n",
                 1, "https_proxy"),
                ("/etc/containers/containers.conf",
                 '[engine]\nenv = [\n  "A=b", "HTTPS_PROXY=http://proxy:3128",\n]\n', 3,
                 "HTTPS_PROXY"),
                ("/etc/containers/containers.conf.d/50-proxy.conf",
                 '[engine]\nenv=["https_proxy=http://p:3128","no_proxy=localhost"]\n', 2,
                 "https_proxy"),
                ("/usr/share/containers/containers.conf", 'env = ["https_proxy=http://p"]\n', 1,
                 "https_proxy"),
                ("/etc/systemd/system/podman.service.d/proxy.conf",
                 '[Service]\nEnvironment="HTTPS_PROXY=http://p:1" "NO_PROXY=localhost"\n', 2,
                 "HTTPS_PROXY"),
                ("/etc/systemd/system/k3s.service.env", "HTTPS_PROXY=http://p:1\n", 1,
                 "HTTPS_PROXY")):
            with self.subTest(path=path, text=text):
                file = self.tree.write(path[1:], text)
                self.warned(path, line, variable)
                file.unlink()

    def test_nothing_to_say(self):
        for path, text in (
                ("etc/environment", "http_proxy=http://p\nno_proxy=x\n"),
                ("etc/environment", "#https_proxy=http://p\n ; https_proxy=http://p\n"),
                ("etc/environment", "https_proxy=\n"),
                ("etc/environment", "https_proxy=http://p\nhttps_proxy=\n"),
                ("etc/environment", "my_https_proxy=http://p\nxno_proxy=\n"),
                ("etc/environment", "https_proxy=http://p\nno_proxy=icr.io,bluemix.net\n"),
                ("etc/environment", f"https_proxy=http://p\nNO_PROXY=\"{NAMES}\"\n"),
                ("etc/environment", "https_proxy=http://p\nno_proxy=*\n"),
                ("etc/containers/containers.conf",
                 f'env = ["https_proxy=http://p", "no_proxy={NAMES}"]\n'),
                ("etc/profile.d/proxy.conf", "https_proxy=http://p\n"),
                ("etc/environment", "https_proxy"), ("etc/environment", "=")):
            with self.subTest(path=path, text=text):
                file = self.tree.write(path, text)
                result = self.applied()
                self.assertNotIn(b"past the route", result.out + result.err)
                file.unlink()

    def test_list_of_the_environment_counts_for_other_files(self):
        self.tree.write("etc/environment", f"no_proxy={NAMES}\n")
        self.tree.write("etc/containers/containers.conf", 'env = ["https_proxy=http://p"]\n')
        self.assertNotIn(b"past the route", self.applied().err)

    def test_status(self):
        self.tree.write("etc/environment", "https_proxy=http://p\n")
        self.applied()
        self.assertIn(b"past the route", self.tree.run("status").err)
        self.tree.write("usr/bin/podman", "")
        told = self.tree.run("status", "--json").json
        self.assertTrue([text for text in told["problems"] if "past the route" in text], told)


if __name__ == "__main__":
    unittest.main()
