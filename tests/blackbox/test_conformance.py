# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What any docker-credential-NAME does with given bytes: one table, run against this helper on each
of its stores, and against the helpers of others, whose deviations are printed and not judged.

    ICR_CONFORMANCE=/usr/bin/docker-credential-secretservice python3 -m unittest -v \\
        tests.blackbox.test_conformance.Others
"""

import json
import os
import shutil
import unittest

from tests.blackbox.keyring import Bus, Keyring, Pass
from tests.blackbox.support import HELPER, NO_SERVER, NO_USERNAME, NOT_FOUND, HomeCase
from tests.blackbox.test_store_keyring import KeyringCase

ANY = object()  # some line, and nothing of the secret in it
HOST, URL = "us.icr.io", "https://us.icr.io"
SECRET = "s3cret-of-the-table"


def message(server=HOST, username="iamapikey", secret=SECRET, end="\n", **more):
    return (json.dumps({"ServerURL": server, "Username": username, "Secret": secret, **more}) +
            end).encode()


def reply(server=HOST, username="iamapikey", secret=SECRET):
    return {"ServerURL": server, "Username": username, "Secret": secret}


STORED = ("store", message(), 0, b"")
# Each row: what it shows, and the calls: verb, bytes in, exit status, bytes out (a dict: as JSON).
TABLE = [
    ("nothing stored", [("get", b"us.icr.io\n", 1, NOT_FOUND), ("list", b"", 0, {})]),
    ("store, get, list", [STORED, ("get", b"us.icr.io\n", 0, reply()),
                          ("list", b"", 0, {HOST: "iamapikey"})]),
    ("no line feed", [("store", message(end=""), 0, b""), ("get", b"us.icr.io", 0, reply())]),
    ("blanks around the server", [STORED, ("get", b" \t us.icr.io \r\n", 0, reply())]),
    ("store again", [STORED, ("store", message(secret="new"), 0, b""),
                     ("get", b"us.icr.io", 0, reply(secret="new")),
                     ("list", b"", 0, {HOST: "iamapikey"})]),
    ("another user name", [STORED, ("store", message(username="cp", secret="new"), 0, b""),
                           ("list", b"", 0, {HOST: "cp"}),
                           ("get", b"us.icr.io", 0, reply(username="cp", secret="new"))]),
    ("erase", [STORED, ("erase", b"us.icr.io\n", 0, b""), ("get", b"us.icr.io", 1, NOT_FOUND),
               ("list", b"", 0, {})]),
    ("erase of nothing", [("erase", b"us.icr.io\n", 0, b"")]),
    ("erase of one leaves the other", [
        STORED, ("store", message("de.icr.io", "u", "other"), 0, b""),
        ("erase", b"us.icr.io", 0, b""), ("get", b"de.icr.io", 0, reply("de.icr.io", "u", "other")),
        ("list", b"", 0, {"de.icr.io": "u"})]),
    ("a scheme is given back as asked", [
        ("store", message(URL), 0, b""), ("get", URL.encode(), 0, reply(URL))]),
    ("token user", [("store", message(username="<token>"), 0, b""),
                    ("get", b"us.icr.io", 0, reply(username="<token>"))]),
    ("characters that JSON escapes", [
        ("store", message(secret="\"\\/<>&\u2028\u00e9\U0001f511\t\n"), 0, b""),
        ("get", b"us.icr.io", 0, reply(secret="\"\\/<>&\u2028\u00e9\U0001f511\t\n"))]),
    ("members of later versions", [
        ("store", message(More={"a": [1, None]}), 0, b""), ("get", b"us.icr.io", 0, reply())]),
    ("empty secret", [("store", message(secret=""), 0, b""), ("get", b"us.icr.io", 1, NOT_FOUND)]),
    ("no server: get", [("get", b"", 1, NO_SERVER)]),
    ("no server: get, blanks", [("get", b" \n", 1, NO_SERVER)]),
    ("no server: erase", [("erase", b"\n", 1, NO_SERVER)]),
    ("no server: store", [("store", message(""), 1, NO_SERVER), ("list", b"", 0, {})]),
    ("no user name", [("store", message(username=""), 1, NO_USERNAME), ("list", b"", 0, {})]),
    ("no JSON", [("store", b"us.icr.io", 1, ANY), ("list", b"", 0, {})]),
    ("nothing to store", [("store", b"", 1, ANY), ("list", b"", 0, {})]),
    ("cut off", [("store", message()[:-20], 1, ANY), ("list", b"", 0, {})]),
    ("not an object", [("store", b'["us.icr.io"]', 1, ANY)]),
    ("unknown verb", [("frobnicate", b"", 1, ANY)]),
]


def deviation(run, row):
    """What of a row comes out otherwise; None when nothing does."""
    for verb, sent, status, wanted in row[1]:
        result = run(verb, stdin=sent)
        if result.status != status:
            return f"{verb} {sent!r}: exit {result.status}, not {status}: {result.out!r}"
        if isinstance(wanted, dict):
            try:
                same = json.loads(result.out) == wanted and result.out.endswith(b"}\n")
            except ValueError:
                same = False
        elif wanted is ANY:
            same = result.out.strip() != b"" and SECRET.encode() not in result.out + result.err
        else:
            same = result.out == wanted
        if not same:
            return f"{verb} {sent!r}: {result.out!r}, not {wanted!r}"
    return None


class Ours(HomeCase):
    """On the store "file"."""

    stores = ["file"]

    def setUp(self):
        super().setUp()
        self.home.configure(stores=self.stores)

    def run_helper(self, verb, stdin):
        return self.home.helper(verb, stdin=stdin)

    def clear(self):
        for host in (HOST, "de.icr.io"):
            self.assert_ok(self.run_helper("erase", host.encode()))

    def test_table(self):
        for row in TABLE:
            with self.subTest(row[0]):
                self.clear()
                self.assertIsNone(deviation(self.run_helper, row))


@unittest.skipUnless(shutil.which("gnome-keyring-daemon"), "no Secret Service")
class OursOnTheDesktop(Ours):
    stores = ["libsecret"]

    def setUp(self):
        super().setUp()
        bus = Bus(self.home)
        self.addCleanup(bus.stop)
        keyring = Keyring(bus)
        self.addCleanup(keyring.stop)


class OursInTheKernel(KeyringCase):
    def test_table(self):
        for row in TABLE:
            with self.subTest(row[0]):
                for host in (HOST, "de.icr.io"):
                    self.assert_ok(self.helper("erase", stdin=host))
                self.assertIsNone(deviation(lambda verb, stdin: self.helper(verb, stdin=stdin), row))


class Others(HomeCase):
    """Deviations of others are news, not faults of ours."""

    def compare(self, program):
        program = shutil.which(program)
        if not program:
            self.skipTest("not installed")

        def run(verb, stdin):
            return self.home.run([program, verb], stdin=stdin)
        for row in TABLE:
            for host in (HOST, URL, "de.icr.io"):
                run("erase", host.encode())
            said = deviation(run, row)
            if said:
                print(f"{os.path.basename(program)}: {row[0]}: {said}")

    def start(self, part, *arguments):
        started = part(*arguments)
        self.addCleanup(started.stop)
        return started

    def test_secretservice(self):
        self.start(Keyring, self.start(Bus, self.home))
        self.compare("docker-credential-secretservice")

    def test_pass(self):
        self.start(Pass, self.home)
        self.compare("docker-credential-pass")

    def test_ecr_login(self):
        self.compare("docker-credential-ecr-login")

    def test_given(self):
        self.compare(os.environ.get("ICR_CONFORMANCE", HELPER))


if __name__ == "__main__":
    unittest.main()
