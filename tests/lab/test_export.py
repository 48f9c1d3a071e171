# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite export: what it prints is taken by the real servers, and steers the names."""

import ipaddress
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from tests import common

from . import dns, lab
from .case import PRIVATE_US, LabCase

SERVER, PORT = "127.0.0.1", 5353
UPSTREAM = "198.51.100.53"
NAMES = ("us.icr.io", "registry.ng.bluemix.net")


def ask(name, kind, server=SERVER, port=PORT, timeout=10):
    """Sorted addresses that the server gives for the name, behind aliases too."""
    query = struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + dns.encode_name(name) + struct.pack(
        "!HH", dns.NUMBERS[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.sendto(query, (server, port))
        reply = client.recv(4096)
    if reply[3] & 0x0f:
        raise OSError("%s: code %d" % (name, reply[3] & 0x0f))
    count = struct.unpack_from("!H", reply, 6)[0]
    _, _, at = dns.decode_question(reply)
    found = []
    for _ in range(count):
        while reply[at] and reply[at] & 0xc0 != 0xc0:
            at += 1 + reply[at]
        at += 2 if reply[at] else 1
        number, _, _, length = struct.unpack_from("!HHIH", reply, at)
        at += 10
        if number == dns.NUMBERS[kind]:
            found.append(str(ipaddress.ip_address(reply[at:at + length])))
        at += length
    return sorted(found)


class ExportCase(LabCase):
    settings = {"registry": False}

    def export(self, *options, code=0):
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "export", *options)
        self.assert_code(code, done)
        return done.stdout if code == 0 else done.stdout + done.stderr

    def serve(self, command, files, ready=""):
        """Starts a server with FILES in a folder of its own, whose name is {folder} in COMMAND.
        Ready it is when it answers and its log has the text READY."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="icr-dns-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        for name, text in files.items():
            (folder / name).write_text(text.replace("{folder}", str(folder)))
        log = open(folder / "log", "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen([word.replace("{folder}", str(folder)) for word in command],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        end = time.monotonic() + 30
        while True:
            try:
                ask("de.icr.io", "A", timeout=0.3)
                if ready in (folder / "log").read_text():
                    return
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() > end:
                self.fail("%s is not ready:\n%s" % (command[0], (folder / "log").read_text()))
            time.sleep(0.01)

    def assert_steered(self, names=NAMES):
        for name in names:
            self.assertEqual(ask(name, "A"), sorted(PRIVATE_US), name)
        # what lies below a steered name, and all others, are as the world has them
        self.assertEqual(ask("private.us.icr.io", "A"), sorted(PRIVATE_US))
        self.assertEqual(ask("de.icr.io", "A"), ask("de.icr.io", "A", UPSTREAM, 53))


class Servers(ExportCase):
    def dnsmasq(self, text):
        return self.serve(["dnsmasq", "--keep-in-foreground", "--conf-file={folder}/conf"], {
            "conf": "no-resolv\nno-hosts\nuser=root\nbind-interfaces\nport=%d\n"
                    "listen-address=%s\nserver=%s\n%s" % (PORT, SERVER, UPSTREAM, text)})

    def unbound(self, text):
        return self.serve(["unbound", "-d", "-c", "{folder}/conf"], {
            "ours.conf": text, "conf": """
server:
    interface: %s@%d
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    do-not-query-localhost: no
include: "{folder}/ours.conf"
forward-zone:
    name: "."
    forward-addr: %s
remote-control:
    control-enable: no
""" % (SERVER, PORT, UPSTREAM)})

    def bind(self, text):
        return self.serve(["named", "-g", "-c", "{folder}/conf"], {"rpz.icr": text, "conf": """
options {
    directory "{folder}"; pid-file none; session-keyfile none; recursion yes;
    listen-on port %d { %s; }; listen-on-v6 { none; }; forward only; forwarders { %s; };
    dnssec-validation no; response-policy { zone "rpz.icr"; } qname-wait-recurse no;
};
controls { };
zone "rpz.icr" { type master; file "{folder}/rpz.icr"; };
""" % (PORT, SERVER, UPSTREAM)}, ready="rpz: rpz.icr: reload done: success")

    def test_dnsmasq(self):
        self.dnsmasq(self.export("--format", "dnsmasq", "--regions", "us"))
        self.assert_steered()

    def test_unbound(self):
        self.unbound(self.export("--format", "unbound", "--regions", "us"))
        self.assert_steered()

    def test_bind(self):
        self.bind(self.export("--format", "rpz", "--regions", "us"))
        self.assert_steered()

    def test_bind_by_names(self):
        self.bind(self.export("--format", "rpz", "--regions", "us", "--offline"))
        self.assert_steered()

    def test_the_global_registry_takes_no_region_with_it(self):
        for serve, form in ((self.dnsmasq, "dnsmasq"),):
            serve(self.export("--format", form, "--regions", "global"))
            self.assertEqual(ask("icr.io", "A"), ask("private.icr.io", "A", UPSTREAM, 53))
            self.assertEqual(ask("us.icr.io", "A"), ask("us.icr.io", "A", UPSTREAM, 53))

    def test_a_family_that_is_public_only(self):
        public6 = "2001:db8::10"
        self.lab.dns.set("us.icr.io", self.lab.dns.addresses("us.icr.io") + [public6])
        for serve, form in ((self.dnsmasq, "dnsmasq"), (self.unbound, "unbound"),
                            (self.bind, "rpz")):
            with self.subTest(form):
                serve(self.export("--format", form, "--regions", "us"))
                self.assertNotIn(public6, ask("us.icr.io", "AAAA"))
                self.doCleanups_of_servers()

    def doCleanups_of_servers(self):
        while len(self._cleanups) > self.kept:
            function, arguments, keywords = self._cleanups.pop()
            function(*arguments, **keywords)

    def setUp(self):
        super().setUp()
        self.kept = len(self._cleanups)


class Texts(ExportCase):
    def test_hosts(self):
        text = self.export("--format", "hosts", "--regions", "us")
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        self.assertEqual(sorted(map(tuple, lines)),
                         sorted((address, name) for address in PRIVATE_US for name in NAMES))

    def test_coredns(self):
        text = self.export("--format", "coredns", "--regions", "us")
        self.assertIn("hosts {\n", text)
        self.assertIn("    %s us.icr.io\n" % PRIVATE_US[0], text)
        self.assertTrue(text.endswith("    fallthrough\n}\n"))
        text = self.export("--format", "coredns", "--regions", "us", "--offline")
        self.assertIn("rewrite stop {\n    name exact us.icr.io private.us.icr.io\n    answer auto\n}\n",
                      text)

    def test_json(self):
        report = json.loads(self.export("--format", "hosts", "--regions", "us", "--json"))
        common.assert_alike(common.manual_samples()["export"], report, "export")
        self.assertEqual((report["version"], report["verb"], report["format"]), (1, "export", "hosts"))
        self.assertIn("%s\tus.icr.io\n" % PRIVATE_US[0], report["text"])

    def test_only_what_is_proven(self):
        for address in PRIVATE_US:
            self.lab.refuse(address)
        said = self.export("--format", "hosts", "--regions", "us", code=4)
        self.assertIn("us.icr.io", said)
        self.assertNotIn(PRIVATE_US[0] + "\t", said)

    def test_what_is_applied(self):
        self.assertIn("--regions", self.export("--format", "hosts", code=2))
        self.assert_code(0, lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us"))
        self.assertIn("%s\tus.icr.io\n" % PRIVATE_US[0], self.export("--format", "hosts"))

    def test_usage(self):
        for options in ((), ("--format", "bind"), ("--format", "hosts", "--offline", "--regions", "us"),
                        ("--format", "dnsmasq", "--offline", "--regions", "us"),
                        ("--format", "unbound", "--offline", "--regions", "us"),
                        ("--format", "hosts", "--regions", "nowhere")):
            self.export(*options, code=2)


if __name__ == "__main__":
    unittest.main()
