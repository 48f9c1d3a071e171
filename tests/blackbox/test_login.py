# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr login and logout: the key that is good for every host."""

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
import unittest

from tests.blackbox.secret_service import Service
from tests.blackbox.support import HELPER, HomeCase
from tests.blackbox.test_explain import token

KEY = "Zz9-a_key-0123456789"


class LoginCase(HomeCase):
    def login(self, *arguments, stdin=KEY, **more):
        result = self.home.helper("login", *arguments, stdin=stdin, **more)
        self.assertNotIn(KEY.encode(), result.out + result.err)
        return result

    def check(self, secret=KEY, username="iamapikey"):
        for host in ("us.icr.io", "private.de.icr.io", "registry.ng.bluemix.net", "zz.icr.io"):
            self.assert_got(self.home.helper("get", stdin=host), host, username, secret)
        self.assert_missing(self.home.helper("get", stdin="cp.icr.io"))

    def assert_not_stored(self):
        self.assert_missing(self.home.helper("get", stdin="us.icr.io"))


class Login(LoginCase):
    def test_every_way_to_give_the_key(self):
        plain = self.home.write("key", f"{KEY}\n")
        document = self.home.write("key.json", {"name": "x", "apikey": KEY})
        for arguments, stdin in (((), KEY), ((), f"  {KEY}\r\n"), (("-",), KEY),
                                 (("--apikey-file", "-"), KEY), (("--apikey-file", plain), ""),
                                 (("--apikey-file", document), ""),
                                 ((), json.dumps({"apikey": KEY}))):
            with self.subTest(arguments, stdin=stdin):
                result = self.login("--offline", *arguments, stdin=stdin)
                self.assertEqual((result.status, result.out), (0, b""), result)
                self.assertIn(b"logged in for every icr.io host", result.err)
                self.assertIn(b"the credential of all icr.io hosts is not encrypted: it is in " +
                              f"{self.home.store_file} (mode 0600)".encode(), result.err)
                self.check()
                self.assertIn("us.icr.io", self.home.helper("list").json)
                self.assert_ok(self.home.helper("logout"))
                self.assert_not_stored()
                self.assert_ok(self.home.helper("logout"))

    def test_failures_in_words(self):
        """Nobody knows the name under which it is kept."""
        result = self.login("--offline", env={"XDG_DATA_HOME": "/etc/passwd"})
        self.assertEqual(result.status, 1)
        self.assertIn(b"the credential of all icr.io hosts", result.err)
        self.assertNotIn(b"*", result.err)
        service = Service(self.home)
        self.addCleanup(service.stop)
        service.add("*.icr.io", b"a\0b")
        result = self.home.helper("get", stdin="us.icr.io")
        self.assert_fails(result, "the item of all icr.io hosts holds bytes")
        self.assertIn(b"log in again: docker-credential-icr login\n", result.err)
        service.items.clear()
        service.add("*.icr.io", KEY)
        service.answer["Delete"] = lambda call: ("o", ["/"])
        result = self.home.helper("logout")
        self.assertEqual(result.status, 1)
        self.assertIn(b"all icr.io hosts", result.err)
        self.assertNotIn(b"*", result.err)

    def test_own_login_of_a_host_goes_first(self):
        self.home.store("us.icr.io", secret="own")
        self.home.store("de.icr.io", secret=KEY)
        self.home.store("jp.icr.io", "iambearer", token(exp=1))
        self.home.store("cp.icr.io", "cp", "of its own in any case")
        result = self.login("--offline")
        self.assertEqual(result.err.count(b"login of its own"), 1, result)
        self.assertIn(b"docker logout us.icr.io\n", result.err)
        self.assertIn(b"logged in for every other icr.io host", result.err)
        self.home.helper("erase", stdin="cp.icr.io")
        self.assert_got(self.home.helper("get", stdin="us.icr.io"), "us.icr.io", "iamapikey", "own")
        self.home.helper("logout")
        self.assert_got(self.home.helper("get", stdin="us.icr.io"), "us.icr.io", "iamapikey", "own")

    def test_what_is_no_key(self):
        for stdin in ("", "\n", "two words", '{"name": "x"}', "\xff",
                      "x" * 70000, b"a\0b"):
            with self.subTest(stdin[:20]):
                result = self.login("--offline", stdin=stdin)
                self.assertEqual((result.status, result.out), (1, b""), result)
                self.assert_not_stored()
        for stdin, words in ((f'"{KEY}"', b"quotes"), (f"'{KEY}'", b"quotes"),
                             (f"IBMCLOUD_API_KEY={KEY}", b"NAME=KEY"),
                             (f"export K={KEY}", b"NAME=KEY"), (f"apikey: {KEY}", b"NAME=KEY"),
                             (f'["{KEY}"]', b"JSON list"), (f"<html>{KEY}</html>", b"web page")):
            with self.subTest(stdin):
                result = self.login("--offline", stdin=stdin)
                self.assertEqual((result.status, result.out), (1, b""), result)
                self.assertIn(words, result.err)
                self.assert_not_stored()
        result = self.login("--offline", "--apikey-file", "/nonexistent")
        self.assertEqual(result.status, 1, result)
        self.assertIn(b"/nonexistent", result.err)

    def test_user_names(self):
        self.assertEqual(self.login("--offline", "--username", "Profile-1234").status, 0)
        self.check(username="Profile-1234")
        bearer = token(exp=int(time.time()) + 600)
        self.assertEqual(self.login("--username", "iambearer", stdin=bearer).status, 0)
        self.check(bearer, "iambearer")
        result = self.login("--username=iambearer", stdin=token(exp=int(time.time()) - 1))
        self.assertEqual(result.status, 1, result)
        self.assertIn(b"has expired", result.err)
        for name in ("cp", "", "Profile-", "iamrefresh", "iamsso", "<token>"):
            self.assertEqual(self.login("--username", name).status, 2, name)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_under_sudo(self):
        words = b"the login is root's, since this runs under sudo; for daemon's own"
        env = {"ICR_QUIET": None}
        self.assertIn(words, self.login("--offline", env=dict(env, SUDO_USER="daemon")).err)
        self.assertNotIn(b"sudo", self.login("--offline", env=dict(env, SUDO_USER="root")).err)

    def test_quiet(self):
        """Nothing on success, an answer by the exit status, and still what went wrong."""
        for arguments, status in ((("login", "--offline"), 0), (("explain", "us.icr.io"), 0),
                                  (("explain", "example.com"), 1), (("import",), 0),
                                  (("configure", "--regions", "us"), 0), (("logout",), 0)):
            for option in ("-q", "--quiet"):
                with self.subTest(arguments, option=option):
                    done = self.home.helper(*arguments, option, stdin=KEY)
                    self.assertEqual((done.status, done.out, done.err), (status, b"", b""), done)
        done = self.home.helper("explain", "us.icr.io", "-q", "--json")
        self.assertIsNone(done.json["answer"])
        done = self.login("--offline", "-q", stdin=f'"{KEY}"')
        self.assertIn(b"quotes", done.err)

    def test_usage(self):
        for arguments in ((KEY,), ("-", "-"), ("-", "--apikey-file", "x"), ("--system", "--sso"),
                          ("--group", "x"), ("--account", "x"), ("--sso", "-"), ("--key", KEY)):
            with self.subTest(arguments):
                result = self.login(*arguments)
                self.assertEqual((result.status, result.out), (2, b""), result)
                self.assert_not_stored()

    def test_faulty_configuration(self):
        self.home.write(self.home.config_file, "{")
        self.assertEqual(self.login("--offline").status, 1)
        self.assertEqual(self.home.helper("logout").status, 1)


class Terminal(LoginCase):
    """On a terminal the key is asked for, and never shown."""

    def start(self, *arguments):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(HELPER, [HELPER, *arguments], self.home.environment())
        self.addCleanup(os.close, terminal)
        self.seen = b""
        self.read_until(terminal, b"not shown): ")
        self.assertFalse(termios.tcgetattr(terminal)[3] & termios.ECHO)
        return pid, terminal

    def read_until(self, terminal, needle):
        end = time.monotonic() + 20
        while needle not in self.seen:
            self.assertLess(time.monotonic(), end, self.seen)
            if select.select([terminal], [], [], 0.5)[0]:
                try:
                    self.seen += os.read(terminal, 4096)
                except OSError:  # the last process has closed it
                    return

    def finish(self, pid, terminal):
        self.read_until(terminal, b"\0never\0")
        status = os.waitpid(pid, 0)[1]
        self.assertNotIn(KEY.encode(), self.seen)
        return status

    def test_typed_and_pasted(self):
        for typed in (f"{KEY}\r", f"{KEY}\n", f"\x1b[200~{KEY}\x1b[201~\r", f"wrong\x15{KEY}\r",
                      f"{KEY}xy\x7f\x08\r", f"\u00e4\x7f{KEY}\r", f"{KEY}\x04"):
            with self.subTest(typed):
                pid, terminal = self.start("login", "--offline")
                os.write(terminal, typed.encode())
                self.assertEqual(self.finish(pid, terminal), 0, self.seen)
                self.check()
                self.home.helper("logout")

    def test_cancelled(self):
        for typed in (b"\x03", KEY.encode() + b"\x03", b"\x04"):
            with self.subTest(typed):
                pid, terminal = self.start("login", "--offline")
                os.write(terminal, typed)
                self.assertEqual(os.waitstatus_to_exitcode(self.finish(pid, terminal)), 1)
                self.assertIn(b"cancelled", self.seen)
                self.assert_not_stored()

    def test_killed(self):
        """The terminal is as it was before, whatever ends the program."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number):
                primary, secondary = pty.openpty()
                self.addCleanup(os.close, primary)
                before = termios.tcgetattr(secondary)
                process = subprocess.Popen(
                    ["setsid", "--ctty", "--wait", HELPER, "login", "--offline"],
                    stdin=secondary, stdout=secondary, stderr=secondary,
                    env=self.home.environment())
                self.seen = b""
                self.read_until(primary, b"not shown): ")
                child = self.child(process.pid)
                os.kill(child, number)
                process.wait(timeout=20)
                self.assertEqual(termios.tcgetattr(secondary), before)
                os.close(secondary)

    def child(self, pid):
        """setsid forks when it leads a process group, as it may here."""
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        return int(children[0]) if children else pid


if __name__ == "__main__":
    unittest.main()
