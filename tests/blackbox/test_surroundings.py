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
                ("/etc/systemd/system/service.d/proxy.conf",
                 '[Service]\nEnvironment="HTTPS_PROXY=http://p:1" "NO_PROXY=localhost"\n', 2,
                 "HTTPS_PROXY"),
                ("/usr/lib/systemd/system.conf.d/proxy.conf",
                 "[Manager]\nDefaultEnvironment=https_proxy=http://p:1\n", 2, "https_proxy"),
                ("/etc/systemd/user.conf",
                 "[Manager]\nDefaultEnvironment=https_proxy=http://p:1\n", 2, "https_proxy"),
                ("/etc/environment.d/proxy.conf", "HTTPS_PROXY=http://p:1\n", 1, "HTTPS_PROXY"),
                ("/etc/security/pam_env.conf", "https_proxy DEFAULT=http://u:secret@p:1\n", 1,
                 "https_proxy"),
                ("/etc/security/pam_env.conf",
                 "#x\nHTTPS_PROXY\tDEFAULT= OVERRIDE=http://p:1\nNO_PROXY DEFAULT=localhost\n",
                 2, "HTTPS_PROXY"),
                ("/etc/sysconfig/proxy", 'PROXY_ENABLED="yes"\nHTTPS_PROXY="http://p:1"\n'
                 'NO_PROXY="localhost, 127.0.0.1"\n', 2, "HTTPS_PROXY"),
                ("/etc/bash.bashrc", "export https_proxy=http://p:1\n", 1, "https_proxy")):
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
                ("etc/sysconfig/proxy", 'PROXY_ENABLED="no"\nHTTPS_PROXY="http://p:1"\n'),
                ("etc/security/pam_env.conf", "https_proxy DEFAULT= OVERRIDE=\n"),
                ("etc/security/pam_env.conf",
                 f"https_proxy DEFAULT=http://p\nno_proxy DEFAULT={NAMES}\n"),
                ("etc/security/pam_env.conf", "https_proxy\nhttps_proxy \nhttps_proxy DEFAULT\n"),
                ("etc/environment", "https_proxy"), ("etc/environment", "=")):
            with self.subTest(path=path, text=text):
                file = self.tree.write(path, text)
                result = self.applied()
                self.assertNotIn(b"past the route", result.out + result.err)
                file.unlink()

    UNIT = "[Service]\nExecStart=/usr/bin/x\n"

    def test_systemds_other_name_for_it(self):
        """One file, one sentence."""
        self.tree.write("etc/environment", "https_proxy=http://p:1\n")
        link = self.tree.path / "usr/lib/environment.d/99-environment.conf"
        link.parent.mkdir(parents=True)
        for target in ("/etc/environment", "../../../etc/environment"):
            link.symlink_to(target)
            told = self.applied().err.decode()
            self.assertEqual(told.count("past the route"), 1, told)
            link.unlink()

    def service_warned(self, unit, variable="HTTPS_PROXY"):
        result = self.applied()
        self.assertRegex(result.err.decode(),
                         rf"(?m)^icr-rewrite: {re.escape(str(self.tree.path))}{unit}, with its "
                         rf"drop-ins .*: {variable} takes .* no_proxy there: {NAMES}$")
        self.assertNotIn(b"secret", result.out + result.err)
        status = self.tree.run("status", "--json")
        self.assertTrue([text for text in status.json["problems"] if unit in text], status)

    def test_every_service(self):
        for unit in ("etc/systemd/system/crio.service", "usr/lib/systemd/system/crio.service",
                     "lib/systemd/system/containerd.service",
                     "usr/lib/systemd/system/podman.service",
                     "usr/lib/systemd/system/podman-auto-update.service",
                     "etc/systemd/system/buildkit.service",
                     "usr/local/lib/systemd/system/k3s.service",
                     "etc/systemd/system/k3s-agent.service",
                     "usr/lib/systemd/system/rke2-server.service",
                     "usr/lib/systemd/system/rke2-agent.service"):
            with self.subTest(unit):
                file = self.tree.write(unit, self.UNIT + "Environment=HTTPS_PROXY=http://p:1\n")
                self.service_warned("/" + unit)
                file.unlink()

    def test_where_a_service_has_it_from(self):
        unit = "usr/lib/systemd/system/crio.service"
        self.tree.write(unit, self.UNIT + "EnvironmentFile=-/etc/sysconfig/%N\n")
        for path, text, variable in (
                ("etc/sysconfig/crio", "HTTPS_PROXY='http://u:secret@p:1'\n", "HTTPS_PROXY"),
                ("usr/lib/systemd/system/service.d/p.conf",
                 "[Service]\nEnvironment=https_proxy=http://p\n", "https_proxy"),
                ("lib/systemd/system/crio.service.d/p.conf",
                 "[Service]\nEnvironment=https_proxy=http://p NO_PROXY=us.icr.iox\n",
                 "https_proxy"),
                ("etc/systemd/system.conf",
                 "[Manager]\nDefaultEnvironment=HTTPS_PROXY=http://p\n", "HTTPS_PROXY"),
                ("etc/sysconfig/crio", "CONTAINERD_HTTPS_PROXY=http://p\n", "HTTPS_PROXY")):
            with self.subTest(path):
                file = self.tree.write(path, text)
                self.tree.write("etc/environment", f"no_proxy={NAMES}\n")
                self.service_warned("/" + unit, variable)
                file.unlink()

    def test_services_with_nothing_to_say(self):
        proxy = "Environment=HTTPS_PROXY=http://p:1\n"
        unit = self.UNIT + proxy
        for files in (
                {"etc/systemd/system/crio.service": unit + f"Environment=NO_PROXY={NAMES}\n"},
                {"etc/systemd/system/k3s.service": unit + "EnvironmentFile=/etc/default/%p\n",
                 "etc/default/k3s": f"CONTAINERD_NO_PROXY={NAMES}\n"},
                {"usr/lib/systemd/system/crio.service": unit, "etc/systemd/system/crio.service": ""},
                {"usr/lib/systemd/system/crio.service": unit,
                 "etc/systemd/system/crio.service.d/x.conf": "[Service]\nEnvironment=\n"},
                {"etc/systemd/system/crio.service.d/x.conf": "[Service]\n" + proxy},
                {"usr/lib/systemd/system/crio.service": self.UNIT,
                 "etc/sysconfig/crio": "HTTPS_PROXY=http://p\n"}):
            with self.subTest(files=files):
                written = [self.tree.write(path, text) for path, text in files.items()]
                self.assertNotIn(b"past the route", self.applied().err)
                for file in written:
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
