# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The store "keyring": the kernel's keyring, of users who exist for one test only."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from tests.blackbox.secret_service import Service
from tests.blackbox.support import NO_LEAKS, HELPER, HomeCase, copy_program, keyring_works

PREFIX = "docker-credential-icr:credential:"


def message(host="us.icr.io", secret="k", username="iamapikey"):
    return json.dumps({"ServerURL": host, "Username": username, "Secret": secret})


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("keyctl") and shutil.which("setpriv"),
                     "needs to become somebody else, and keyctl")
class KeyringCase(HomeCase):
    def setUp(self):
        super().setUp()
        if not keyring_works():
            self.skipTest("no kernel keyring here")
        # each user has a keyring of his own, which goes with the last process of his
        self.uid = str(200000 + int.from_bytes(os.urandom(3), "big"))
        program = tempfile.TemporaryDirectory(prefix="icr-test-")
        self.addCleanup(program.cleanup)
        os.chmod(program.name, 0o755)
        self.program = copy_program(HELPER, program.name)
        self.home.configure(stores=["keyring"])
        self.give()
        # a process of the user for as long as the test lasts, in a session of its own
        self.holder = subprocess.Popen([*self.user(), "keyctl", "session", "-", "cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
        self.addCleanup(self.end)

    def end(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(30)

    def user(self):
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]

    def give(self):
        for folder, _, names in os.walk(self.home.path):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, int(self.uid), int(self.uid))

    def configure(self, **keys):
        self.home.configure(**keys)
        self.give()

    def helper(self, *arguments, stdin=b"", session=True, prefix=(), **more):
        """As the user, each time in a fresh session keyring, as services, cron and su have it."""
        fresh = ["keyctl", "session", "-"] if session else []
        return self.home.run([*self.user(), *prefix, *fresh, self.program, *arguments],
                             stdin=stdin, **more)

    def get(self, host="us.icr.io", **more):
        return self.helper("get", stdin=host, **more)

    def keys(self):
        done = self.home.run([*self.user(), "sh", "-c", "keyctl link @u @s; keyctl show @u"],
                             stdin=b"")
        return done.out.decode()


class Works(KeyringCase):
    def test_round_trip_in_sessions_of_their_own(self):
        secret = "k1 <&> \u2028 \U0001f511 \"\\"
        result = self.helper("store", stdin=message(secret=secret))
        self.assert_ok(result)
        self.assertIn(b"gone at the next reboot", result.err)
        self.assertFalse(self.home.data.exists())
        self.assert_got(self.get(), "us.icr.io", "iamapikey", secret)
        self.assert_got(self.get("https://PRIVATE.us.icr.io/v2/"),
                        "https://PRIVATE.us.icr.io/v2/", "iamapikey", secret)
        self.assert_ok(self.helper("store", stdin=message("de.icr.io", username="<token>")))
        self.assertEqual(self.helper("list").json,
                         {"us.icr.io": "iamapikey", "de.icr.io": "<token>"})
        self.assert_ok(self.helper("store", stdin=message(secret="new")))
        self.assert_got(self.get(session=False), "us.icr.io", "iamapikey", "new")
        self.assert_ok(self.helper("erase", stdin="HTTPS://us.icr.io:443"))
        self.assert_missing(self.get(), "keyring")
        self.assertEqual(self.helper("list").json, {"de.icr.io": "<token>"})
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))

    def test_default_key(self):
        self.assert_ok(self.helper("login", "--offline", "-", stdin="d" * 44))
        self.assert_got(self.get("jp.icr.io"), "jp.icr.io", "iamapikey", "d" * 44)
        self.assertIn("private.us.icr.io", self.helper("list").json)
        self.assertEqual(self.helper("logout").status, 0)
        self.assert_missing(self.get("jp.icr.io"))

    def test_nobody_else_gets_it(self):
        self.assert_ok(self.helper("store", stdin=message()))
        self.home.path.chmod(0o755)
        self.uid = str(int(self.uid) + 1)
        self.home.configure(stores=["keyring"])
        self.give()
        self.assert_missing(self.get())

    def test_expiry(self):
        self.configure(stores=["keyring"], keyring_expiry=60)
        result = self.helper("store", stdin=message())
        self.assertIn(b"or after 60 s (keyring_expiry)", result.err)
        self.assertEqual(self.get().status, 0)
        self.assertIn(PREFIX + "us.icr.io", self.keys())
        # nobody waits a minute here: the kernel is told that it is over
        done = self.home.run([*self.user(), "sh", "-c",
                              "keyctl link @u @s; keyctl timeout $(keyctl search @u user "
                              f"{PREFIX}us.icr.io) 1"])
        self.assertEqual(done.status, 0, done)
        end = time.monotonic() + 10
        while self.get().status == 0 and time.monotonic() < end:
            pass
        self.assert_missing(self.get())
        self.assert_ok(self.helper("list"), b"{}\n")
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assert_ok(self.helper("store", stdin=message()))
        self.assertEqual(self.get().status, 0)

    def test_expiry_out_of_range(self):
        for value in (0, 59, -1, 10 ** 9, "60", 1.5):
            with self.subTest(value):
                self.configure(stores=["keyring"], keyring_expiry=value)
                self.assert_fails(self.get(), "keyring_expiry")

    def test_newer_than_the_file(self):
        """A login that had to go to the file is the one that counts when the keyring is back."""
        self.configure(stores=["keyring", "file"])
        self.assert_ok(self.helper("store", stdin=message(secret="old")))
        self.assertIn(b"stored in file, since", self.without("store", message(secret="new")).err)
        self.assert_got(self.get(), "us.icr.io", "iamapikey", "new")
        self.assert_ok(self.helper("store", stdin=message(secret="newest")))
        self.assert_got(self.get(), "us.icr.io", "iamapikey", "newest")
        self.assertEqual(json.loads(self.home.store_file.read_text())["credentials"], {})

    def without(self, verb, stdin, error="EPERM"):
        """In a container whose seccomp filter forbids it; a kernel without it is ENOSYS."""
        return self.helper(verb, stdin=stdin, session=False, prefix=[
            "strace", "-E", NO_LEAKS, "-qq", "-o", os.devnull, "-e", "trace=keyctl,add_key", "-e",
            f"inject=keyctl,add_key:error={error}", "--"])

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_forbidden(self):
        for error in ("EPERM", "ENOSYS"):
            with self.subTest(error):
                self.configure(stores=["keyring"])
                self.assert_missing(self.without("get", "us.icr.io", error), "keyring (")
                self.assert_ok(self.without("erase", "us.icr.io", error))
                self.assert_ok(self.without("list", "", error), b"{}\n")
                self.assert_fails(self.without("store", message(), error), "cannot store",
                                  "kernel keyring cannot be used")
                self.configure(stores=["keyring", "file"])
                self.assert_ok(self.without("store", message(secret=error), error))
                self.assert_got(self.without("get", "us.icr.io", error), "us.icr.io", "iamapikey",
                                error)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_over_quota(self):
        big = message(secret="x" * 30000)
        result = self.helper("store", stdin=big)
        self.assert_fails(result, "cannot store", "quota")
        self.assertIn(b"kernel.keys", result.err)
        self.assert_missing(self.get())
        self.configure(stores=["keyring", "file"])
        self.assertIn(b"stored in file, since keyring", self.helper("store", stdin=big).err)
        self.assertEqual(self.get().json["Secret"], "x" * 30000)
        self.assert_fails(self.helper("store", stdin=message(secret="x" * 66000)), "")

    def test_over_quota_before_the_desktop(self):
        """The desktop's items do not say since when they go before the kernel's."""
        service = Service(self.home)
        self.addCleanup(service.stop)
        os.chmod(self.home.path, 0o755)
        os.chmod(service.path, 0o777)
        self.configure(stores=["keyring", "libsecret"])
        self.assertEqual(self.helper("store", stdin=message(secret="old")).status, 0)
        big = self.helper("store", stdin=message(secret="x" * 30000))
        self.assertEqual(big.status, 0, big)
        self.assertIn(b"taken out of keyring", big.err)
        self.assertEqual(self.get().json["Secret"], "x" * 30000)

    def test_key_of_somebody_else_by_our_name(self):
        done = self.home.run([*self.user(), "keyctl", "add", "user", PREFIX + "us.icr.io",
                              "no json", "@u"])
        self.assertEqual(done.status, 0, done)
        self.assert_fails(self.get(), "none of this program")
        self.assert_ok(self.helper("store", stdin=message()))
        self.assertEqual(self.get().status, 0)

    def test_never_on_a_disk_nor_by_default(self):
        self.assert_ok(self.helper("store", stdin=message(secret="look-for-me")))
        found = self.home.run(["grep", "-rl", "look-for-me", str(self.home.path)])
        self.assertEqual(found.out, b"")
        self.configure()
        self.assert_missing(self.get())


class Root(HomeCase):
    @unittest.skipUnless(os.geteuid() == 0 and keyring_works(), "needs root and the keyring")
    def test_root(self):
        self.home.configure(stores=["keyring"])
        script = (f"printf '%s' \"$M\" | keyctl session - {HELPER} store && "
                  f"echo us.icr.io | keyctl session - {HELPER} get && "
                  f"echo us.icr.io | {HELPER} erase")
        result = self.home.run(["unshare", "-U", "--map-root-user", "sh", "-c", script],
                               env={"M": message(secret="roots")})
        self.assertEqual(result.status, 0, result)
        self.assertIn(b'"roots"', result.out)


if __name__ == "__main__":
    unittest.main()
