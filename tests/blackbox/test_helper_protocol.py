# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The credential-helper protocol: one table for ours and for Debian's own helpers, then what only
ours promises."""

import json
import os
import shutil
import subprocess

from tests.blackbox.keyring import Bus, Keyring, Pass
from tests.blackbox.support import (COMPLETE, HELPER, NO_SERVER, NO_USERNAME, NOT_FOUND, TIMEOUT,
                                    HomeCase)

USAGE = b"Usage: docker-credential-icr <store|get|erase|list|version>\n"


def message(server="us.icr.io", username="iamapikey", secret="s3cret"):
    return json.dumps({"ServerURL": server, "Username": username, "Secret": secret})


class Expect:
    """Status, and standard output: bytes, or a dict that it must hold as JSON."""

    def __init__(self, status, out):
        self.status, self.out = status, out


OK = Expect(0, b"")
MISSING = Expect(1, NOT_FOUND)


def got(server, username, secret):
    return Expect(0, {"ServerURL": server, "Username": username, "Secret": secret})


# Each row: what it shows, and a dialogue of (verb, input, expected).
TABLE = [
    ("not found", [("get", "us.icr.io", MISSING)]),
    ("round trip", [("store", message() + "\n", OK),
                    ("get", "us.icr.io", got("us.icr.io", "iamapikey", "s3cret")),
                    ("erase", "us.icr.io", OK),
                    ("get", "us.icr.io", MISSING)]),
    ("line end behind the URL", [("store", message(), OK),
                                 ("get", "us.icr.io\n", got("us.icr.io", "iamapikey", "s3cret")),
                                 ("get", "  us.icr.io \r\n\n",
                                  got("us.icr.io", "iamapikey", "s3cret"))]),
    ("lines are joined", [("store", message(), OK),
                          ("get", "us.ic\r\nr.io\n", got("us.icr.io", "iamapikey", "s3cret"))]),
    ("erase with a line end", [("store", message(), OK), ("erase", "us.icr.io\n", OK),
                               ("get", "us.icr.io", MISSING)]),
    ("stored again", [("store", message(secret="one"), OK), ("store", message(secret="two"), OK),
                      ("get", "us.icr.io", got("us.icr.io", "iamapikey", "two"))]),
    ("two hosts", [("store", message("us.icr.io", "a", "one"), OK),
                   ("store", message("de.icr.io", "b", "two"), OK),
                   ("get", "us.icr.io", got("us.icr.io", "a", "one")),
                   ("get", "de.icr.io", got("de.icr.io", "b", "two"))]),
    ("token user", [("store", message(username="<token>", secret="r&<>\u2028"), OK),
                    ("get", "us.icr.io", got("us.icr.io", "<token>", "r&<>\u2028"))]),
    ("beyond ASCII", [("store", message(secret="pä \"\\/ \U0001f511 \u0001\t"), OK),
                      ("get", "us.icr.io",
                       got("us.icr.io", "iamapikey", "pä \"\\/ \U0001f511 \u0001\t"))]),
    ("names in any case, the last wins, a tail is ignored",
     [("store", '{"serverurl":"us.icr.io","USERNAME":"u","Secret":"s1","secret":"s2"} trailing',
       OK),
      ("get", "us.icr.io", got("us.icr.io", "u", "s2"))]),
    ("pretty-printed, unknown members",
     [("store", '{\r\n\t"ServerURL": "us.icr.io",\n "x": [1, {"Secret": 2}],\n'
                ' "Username": "u",\n  "Secret": "s"\n}\n', OK),
      ("get", "us.icr.io", got("us.icr.io", "u", "s"))]),
    ("null does not count",
     [("store", '{"ServerURL":"us.icr.io","Username":"u","Secret":"s","Secret":null}', OK),
      ("get", "us.icr.io", got("us.icr.io", "u", "s"))]),
    ("escapes",
     [("store", '{"ServerURL":"us\\u002eicr.io","Username":"\\u003ct\\u003e",'
                '"Secret":"\\ud83d\\udd11\\/"}', OK),
      ("get", "us.icr.io", got("us.icr.io", "<t>", "\U0001f511/"))]),
    ("no server URL", [("get", "", Expect(1, NO_SERVER)), ("get", " \r\n ", Expect(1, NO_SERVER)),
                       ("erase", "", Expect(1, NO_SERVER)),
                       ("store", message(server=""), Expect(1, NO_SERVER)),
                       ("store", '{"Username":"u","Secret":"s"}', Expect(1, NO_SERVER)),
                       ("store", "{}", Expect(1, NO_SERVER))]),
    ("no user name", [("store", message(username=""), Expect(1, NO_USERNAME)),
                      ("store", '{"ServerURL":"us.icr.io","Secret":"s"}', Expect(1, NO_USERNAME))]),
    ("not JSON", [("store", "garbage", Expect(1, None)), ("store", "", Expect(1, None)),
                  ("store", '{"ServerURL":"us.icr.io"', Expect(1, None)),
                  ("store", '["us.icr.io"]', Expect(1, None)),
                  ("store", '{"ServerURL":1,"Username":"u","Secret":"s"}', Expect(1, None)),
                  ("get", "us.icr.io", MISSING)]),
    ("list", [("list", "unused", Expect(0, {})), ("store", message(), OK),
              ("list", "unused", Expect(0, {"us.icr.io": "iamapikey"})),
              ("list", "", Expect(0, {"us.icr.io": "iamapikey"})),
              ("erase", "us.icr.io", OK), ("list", "unused", Expect(0, {}))]),
]


class Table:
    """Runs TABLE against self.program; each row in an empty store."""

    program = None
    empty_is_missing = False  # docker-credential-pass 0.6.4 answers so, with exit status 0

    def check(self, dialogue):
        for verb, stdin, expected in dialogue:
            result = self.home.run([self.program, verb], stdin=stdin)
            if expected is MISSING and self.empty_is_missing and result.status == 0:
                self.assertEqual((result.json["Username"], result.json["Secret"]), ("", ""))
                continue
            self.assertEqual(result.status, expected.status, (verb, stdin, result))
            if expected.out is None:
                self.assertEqual(result.out.count(b"\n"), 1, (verb, stdin, result))
                self.assertNotEqual(result.out, NOT_FOUND)
            elif isinstance(expected.out, dict):
                self.assertEqual(result.json, expected.out, (verb, stdin))
                self.assertTrue(result.out.endswith(b"}\n"), result)
            else:
                self.assertEqual(result.out, expected.out, (verb, stdin, result))

    def test_table(self):
        for name, dialogue in TABLE:
            with self.subTest(name):
                for host in ("us.icr.io", "de.icr.io"):
                    self.home.run([self.program, "erase"], stdin=host)
                self.check(dialogue)


class OursInTheFile(Table, HomeCase):
    program = HELPER


class OursInTheKeyring(Table, HomeCase):
    program = HELPER

    def setUp(self):
        super().setUp()
        bus = Bus(self.home)
        self.addCleanup(bus.stop)
        self.addCleanup(Keyring(bus).stop)
        self.home.configure(stores=["libsecret"])


class SecretService(OursInTheKeyring):
    program = "docker-credential-secretservice"


class PasswordStore(Table, HomeCase):
    program = "docker-credential-pass"
    empty_is_missing = True

    def setUp(self):
        super().setUp()
        self.addCleanup(Pass(self.home).stop)


class Ours(HomeCase):
    def get(self, stdin, **more):
        return self.home.helper("get", stdin=stdin, **more)

    def test_peers_are_installed(self):
        for peer in (SecretService.program, PasswordStore.program, "gnome-keyring-daemon"):
            self.assertIsNotNone(shutil.which(peer), f"{peer} is missing: make deps")

    def test_usage(self):
        for arguments in ((), ("get", "us.icr.io"), ("list", "x"), ("version", "x", "y"),
                          ("bogus", "x"), ("--version", "x")):
            with self.subTest(arguments=arguments):
                result = self.home.helper(*arguments)
                self.assertEqual((result.status, result.out), (1, USAGE), result)

    def test_unknown_action(self):
        for verb in ("bogus", "GET", "", "--get", "get "):
            with self.subTest(verb=verb):
                result = self.home.helper(verb)
                self.assertEqual((result.status, result.out),
                                 (1, f"docker-credential-icr: unknown action: {verb}\n".encode()))
        self.assert_fails(self.home.helper("a\nb\x1b[31m"), "unknown action: a\\x0Ab\\x1B[31m")

    def test_version(self):
        for argument in ("version", "--version", "-v"):
            result = self.home.helper(argument)
            self.assertEqual(result.status, 0)
            self.assertRegex(result.out, rb"\Adocker-credential-icr \([^()\n]+\) \d+\.\d+\.\d+(\+\S+)?\n\Z")

    def test_help(self):
        for argument in ("--help", "-h"):
            result = self.home.helper(argument)
            self.assertEqual((result.status, result.err), (0, b""))
            for verb in ("store", "get", "erase", "list", "version", "configure"):
                self.assertRegex(result.out.decode(), rf"(?m)^  {verb} ")
        result = self.home.helper("get", "--help")
        self.assertEqual(result.status, 0)
        self.assertTrue(result.out.startswith(b"Usage: docker-credential-icr get\n"))
        self.assertIn(b"--dry-run", self.home.helper("configure", "--help").out)

    def test_version_needs_no_home_and_no_configuration(self):
        self.home.write(self.home.config_file, "not json")
        self.assertEqual(self.home.helper("version").status, 0)
        self.assertEqual(self.home.helper("version", env={"HOME": None}).status, 0)

    def test_replies_are_bytes_for_bytes(self):
        self.home.store("us.icr.io", "iamapikey", "k")
        self.assert_ok(self.get("us.icr.io"),
                       b'{"ServerURL":"us.icr.io","Username":"iamapikey","Secret":"k"}\n')
        self.assert_ok(self.home.helper("list"), b'{"us.icr.io":"iamapikey"}\n')
        self.assert_ok(self.home.helper("erase", stdin="us.icr.io"))
        self.assert_ok(self.home.helper("list"), b"{}\n")

    def test_echoes_the_url_as_asked(self):
        self.home.store("us.icr.io", secret="k")
        for url in ("us.icr.io", "US.ICR.IO", "https://us.icr.io", "http://us.icr.io/",
                    "HTTPS://us.icr.io:443/v2/", "us.icr.io:443", "us.icr.io/ns/img:tag",
                    "us.icr.io/ns/img@sha256:" + "0" * 64, "us.icr.io/\"quoted\"/<x>",
                    "private.us.icr.io", "registry.ng.bluemix.net", "https://us.icr.io/v2/?a=b&c"):
            with self.subTest(url=url):
                self.assert_got(self.get(url), url, "iamapikey", "k")

    def test_erase_takes_every_spelling_and_is_idempotent(self):
        for url in ("us.icr.io", "http://us.icr.io", "https://US.icr.io:443/v2/",
                    "us.icr.io/ns/img"):
            self.home.store("https://us.icr.io/")
            for _ in range(2):
                self.assert_ok(self.home.helper("erase", stdin=url))
            self.assert_missing(self.get("us.icr.io"))

    def test_not_icr(self):
        before = sorted(self.home.path.rglob("*"))
        for url in ("index.docker.io", "https://index.docker.io/v1/", "ghcr.io",
                    "us.icr.io.evil.com", "evilicr.io", "a.b.icr.io", "us.icr.io@evil.com",
                    "user:pw@us.icr.io", "https://user:pw@us.icr.io/", "us.icr.io:8443",
                    "us.icr.io:", "us.icr.io:0443", "us.icr.io:443:443", "us.icr.io.", ".icr.io",
                    "us..icr.io", "-us.icr.io", "us-.icr.io", "xn--us.icr.io", "us_.icr.io",
                    "u%73.icr.io", "us icr.io", "us.icr.io\\evil.com", "us.icr.io#x",
                    "\u0443s.icr.io", "us.icr\uff0eio", "us.\u0456cr.io", "dd0.icr.io",
                    "dd17.icr.io", "private.dd2.icr.io", "private.cp.icr.io", "private.stg.icr.io",
                    "private.private.us.icr.io", "cp.stg.icr.io", "a" * 64 + ".icr.io",
                    "registry.bluemix.net.evil.com", "registry.nope.bluemix.net",
                    "ftp://us.icr.io", "//us.icr.io", "https:/us.icr.io", "https://", "*.icr.io",
                    "http://https://us.icr.io", "icr.io.io", "[::1]", "127.0.0.1", "us.icr.io%00",
                    "x" * 100000):
            with self.subTest(url=url[:80]):
                env = {"IBMCLOUD_API_KEY": "must-not-leak"}
                result = self.get(url, env=env)
                self.assertEqual((result.status, result.out), (1, NOT_FOUND), result)
                self.assertIn(b"not one of IBM Cloud Container Registry", result.err)
                self.assertNotIn(b"pw", result.err)
                self.assert_fails(self.home.helper("store", stdin=message(url)), "icr.io", "only")
                self.assert_ok(self.home.helper("erase", stdin=url))
        self.assertEqual(sorted(self.home.path.rglob("*")), before)

    def test_bad_bytes(self):
        self.home.store("us.icr.io", secret="kept")
        whole = message(secret="x")
        rows = [
            ("get", b"us.icr.io\0", "NUL"),
            ("get", b"us.icr.io\xff", "UTF-8"),
            ("get", b"us.icr.io\xed\xa0\x80", "UTF-8"),
            ("get", b"us.icr.io\xc0\xaf", "UTF-8"),
            ("erase", b"us.icr.io\0", "NUL"),
            ("erase", b"\xfe\xfeus.icr.io", "UTF-8"),
            ("store", whole.encode() + b"\0", "NUL"),
            ("store", whole.replace("x", "\xff").encode("latin-1"), "UTF-8"),
            ("store", b"\xef\xbb\xbf" + whole.encode(), "JSON"),
            ("store", whole.encode("utf-16"), ""),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":"a\\u0000b"}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io\\u0000","Username":"u","Secret":"a"}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":"\\ud800"}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":"\\udc00x"}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":"a\tb"}', "JSON"),
            ("store", b"{'ServerURL':'us.icr.io','Username':'u','Secret':'a'}", "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":"a",}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":01}', "JSON"),
            ("store", b'{"ServerURL":"us.icr.io","Username":"u","Secret":["a"]}', "Secret"),
            ("store", b'"us.icr.io"', "object"), ("store", b"[]", "object"),
            ("store", b"[" * 100000, "JSON"), ("store", b"   ", "JSON"),
        ]
        for verb, stdin, needle in rows:
            with self.subTest(verb=verb, stdin=stdin[:80]):
                result = self.home.helper(verb, stdin=stdin)
                self.assert_fails(result, needle)
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "kept")

    def test_nested_limit_is_in_unknown_members_too(self):
        stdin = ('{"ServerURL":"us.icr.io","Username":"u","Secret":"s","x":'
                 + "[" * 5000 + "]" * 5000 + "}")
        self.assert_fails(self.home.helper("store", stdin=stdin), "JSON")

    def test_input_limit(self):
        mebibyte = 1024 * 1024
        fits = message(secret="k")
        fits += " " * (mebibyte - len(fits))
        self.assert_ok(self.home.helper("store", stdin=fits))
        self.assert_ok(self.home.helper("get", stdin=" " * (mebibyte - 9) + "us.icr.io"),
                       b'{"ServerURL":"us.icr.io","Username":"iamapikey","Secret":"k"}\n')
        for verb in ("store", "get", "erase"):
            with self.subTest(verb=verb):
                stdin = "x" * (mebibyte + 1)
                self.assert_fails(self.home.helper(verb, stdin=stdin), "input", "1048576")
        self.assertEqual(self.get("us.icr.io").status, 0)
        self.assert_fails(self.home.helper("store", stdin=message(secret="y" * 70000)), "Secret")
        self.assertEqual(self.get("us.icr.io").json["Secret"], "k")

    def test_secret_as_long_as_a_token(self):
        for size in (1, 1600, 65536):
            self.home.store("us.icr.io", "iamapikey", "t" * size)
            self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "t" * size)

    def test_list_does_not_read_its_input(self):
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb"):  # never written to, never closed before list is done
            done = subprocess.run([HELPER, "list"], env=self.home.environment(), stdin=read_end,
                                  stdout=subprocess.PIPE, timeout=TIMEOUT, check=False)
        os.close(read_end)
        self.assertEqual((done.returncode, done.stdout), (0, b"{}\n"))

    def test_output_that_cannot_be_written(self):
        self.home.store("us.icr.io")
        for verb, stdin in (("get", "us.icr.io"), ("get", "de.icr.io"), ("list", ""),
                            ("version", ""), ("--help", ""), ("bogus", "")):
            for redirect in (">/dev/full", ">&-"):
                with self.subTest(verb=verb, redirect=redirect):
                    result = self.home.run(["sh", "-c", f'exec "$0" "$1" {redirect}', HELPER, verb],
                                           stdin=stdin)
                    self.assertEqual(result.status, 1, result)
                    self.assertIn(b"standard output", result.err)

    def test_closed_descriptors_are_not_mixed_up(self):
        self.home.store("us.icr.io", secret="k")
        before = self.home.store_file.read_bytes()
        for redirect in ("<&- >&- 2>&-", ">&- 2>&-", "<&- 2>&-", "2>&-"):
            for verb in ("get", "store", "erase", "list"):
                with self.subTest(redirect=redirect, verb=verb):
                    result = self.home.run(["sh", "-c", f'exec "$0" "$1" {redirect}', HELPER, verb],
                                           stdin="de.icr.io")
                    self.assertNotIn(result.status, (-11, -6), result)
                    self.assertEqual(self.home.store_file.read_bytes(), before)

    def test_reader_that_went_away(self):
        self.home.store("us.icr.io")
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([HELPER, "get"], env=self.home.environment(), input=b"us.icr.io",
                              stdout=write_end, stderr=subprocess.PIPE, timeout=TIMEOUT,
                              check=False)
        os.close(write_end)
        self.assertEqual(done.returncode, 1)

    def test_loads_no_library_that_the_path_does_not_need(self):
        self.home.store("us.icr.io")
        for verb, stdin in (("get", "us.icr.io"), ("get", "de.icr.io"), ("list", ""),
                            ("version", ""), ("store", message()), ("erase", "us.icr.io")):
            for program in (HELPER, COMPLETE):
                result = self.home.run([program, verb], stdin, env={"LD_DEBUG": "files"})
                if program == COMPLETE:
                    self.assertIn(b"libc", result.err)
                for library in (b"libcurl", b"libsecret-1", b"libglib-2", b"libgio-2"):
                    self.assertNotIn(library, result.err, verb)

    def test_input_in_pieces(self):
        self.home.store("us.icr.io", secret="k")
        child = subprocess.Popen([HELPER, "get"], env=self.home.environment(),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for piece in (b"us", b".icr", b".io", b"\n"):
            child.stdin.write(piece)
            child.stdin.flush()
        out, _ = child.communicate(timeout=TIMEOUT)
        self.assertEqual(json.loads(out)["Secret"], "k")

    def test_no_secret_in_messages(self):
        for stdin in (message(secret="TOPSECRET") + "\0", message("ghcr.io", secret="TOPSECRET"),
                      message(username="", secret="TOPSECRET"),
                      message(secret="TOPSECRET")[:-1] + ",}",
                      message(secret="TOPSECRET" * 9000)):
            result = self.home.helper("store", stdin=stdin)
            self.assertEqual(result.status, 1)
            self.assertNotIn(b"TOPSECRET", result.out + result.err)
