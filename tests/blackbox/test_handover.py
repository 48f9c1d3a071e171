# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The program that clients call, and the complete one that it runs in its own place."""

import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.blackbox.secret_service import Service
from tests.blackbox.support import HELPER, NOT_FOUND, HomeCase, copy_program, unshare
from tests.common import BELOW

# Stands in for the complete program, and tells what it was given.
STAND_IN = """#!/bin/sh
echo "$# $*"
cat
"""

MESSAGE = {"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": "s" * 44}


class Handover(HomeCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="icr-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.alone = shutil.copy(HELPER, self.folder)

    def stand_in(self, *place):
        path = self.folder.joinpath(*place)
        path.parent.mkdir(parents=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)

    def test_alone_it_speaks_the_protocol(self):
        run = self.home.run
        self.assert_ok(run([self.alone, "store"], json.dumps(MESSAGE)))
        self.assertIn(b"s" * 44, run([self.alone, "get"], b"us.icr.io").out)
        self.assert_ok(run([self.alone, "list"]), b'{"us.icr.io":"iamapikey"}\n')
        self.assert_ok(run([self.alone, "erase"], b"us.icr.io"))
        self.assertEqual(run([self.alone, "get"], b"us.icr.io").out, NOT_FOUND)
        self.assertIn(b"docker-credential-icr ", run([self.alone, "version"]).out)

    def test_the_complete_program_waits_for_others(self):
        """The small one does not first, or get would wait twice."""
        self.stand_in(BELOW)
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        self.home.configure(stores=["file"], token="bearer")
        self.home.env.update(XDG_RUNTIME_DIR=str(runtime), IBMCLOUD_API_KEY="k" * 44)
        self.assert_ok(self.home.run([self.alone, "get"], b"us.icr.io"), b"1 get\nus.icr.io")
        (lock,) = (runtime / "docker-credential-icr").glob("*.lock")
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            result = self.home.run([self.alone, "get"], b"us.icr.io")
        self.assert_ok(result, b"1 get\nus.icr.io")
        self.assertLess(result.seconds, 5)

    def test_in_the_place_of_the_complete_one(self):
        """As a link or copied there it is no reason to run for ever."""
        if self.installed():
            self.skipTest("the complete program is installed here")
        place = self.folder / BELOW
        place.parent.mkdir(parents=True)
        place.symlink_to(self.alone)
        for program in (self.alone, place):
            done = self.home.run([program, "--help"], timeout=20)
            self.assertEqual((done.status, done.out), (1, b""), done)
            self.assertIn(b"this one stands in its place", done.err)
        place.unlink()
        shutil.copy(self.alone, place)
        done = self.home.run([self.alone, "--help"], timeout=20)
        self.assertEqual((done.status, done.out), (1, b""), done)

    def installed(self):
        return any(os.path.exists(f"{prefix}/{BELOW}") for prefix in ("/usr", "/usr/local"))

    def test_without_the_rest_it_is_said(self):
        if self.installed():
            self.skipTest("the complete program is installed here")
        for arguments in (["--help"], ["configure"], ["login", "-"], [], ["nonsense"]):
            with self.subTest(arguments):
                done = self.home.run([self.alone, *arguments])
                self.assertEqual((done.status, done.out), (1, b""), done)
                self.assertIn(BELOW.encode(), done.err)
                self.assertIn(b"install docker-credential-icr as a whole", done.err)

    def test_a_token_cannot_be_had_without_the_rest(self):
        if self.installed():
            self.skipTest("the complete program is installed here")
        self.home.configure(token="bearer")
        self.home.env["IBMCLOUD_API_KEY"] = "k" * 44
        done = self.home.run([self.alone, "get"], b"us.icr.io")
        self.assert_fails(done, BELOW)
        self.assertNotIn(b"k" * 44, done.out + done.err)

    def test_the_keyring_is_not_used_without_the_rest(self):
        if self.installed():
            self.skipTest("the complete program is installed here")
        service = Service(self.home)
        self.addCleanup(service.stop)
        done = self.home.run([self.alone, "store"], json.dumps(MESSAGE))
        self.assert_ok(done)
        self.assertIn(b"stored in file, since libsecret: cannot run the rest of this", done.err)
        self.assertIn(b"install docker-credential-icr as a whole", done.err)
        self.assertNotIn("CreateItem", service.calls)
        self.assertIn(b"s" * 44, self.home.run([self.alone, "get"], b"us.icr.io").out)
        # handed over only where it is listed, and where there is a bus
        self.stand_in(*BELOW.split("/"))
        done = self.home.run([self.alone, "store"], json.dumps(MESSAGE))
        self.assert_ok(done, b"1 store\n" + json.dumps(MESSAGE).encode())
        self.home.configure(stores=["file"])
        self.assert_ok(self.home.run([self.alone, "store"], json.dumps(MESSAGE)), b"")
        self.home.configure(stores=["libsecret", "file"])
        del self.home.env["DBUS_SESSION_BUS_ADDRESS"]
        self.assert_ok(self.home.run([self.alone, "store"], json.dumps(MESSAGE)), b"")

    def test_arguments_and_input_arrive(self):
        for place in (("libexec",), ("..", "libexec")):
            with self.subTest(place):
                if place[0] == "..":
                    shutil.rmtree(self.folder / "libexec")
                    (self.folder / "bin").mkdir()
                    self.alone = shutil.move(self.alone, self.folder / "bin")
                    place = ("libexec",)
                self.stand_in(*place, *BELOW.split("/")[1:])
                done = self.home.run([self.alone, "import", "--remove", "a b", ""], b"in\nput")
                self.assert_ok(done, b"4 import --remove a b \nin\nput")
                done = self.home.run([self.alone, "get", "more"], b"input")
                self.assert_ok(done, b"2 get more\ninput")
                link = self.folder / "link"
                link.unlink(missing_ok=True)
                link.symlink_to(self.alone)
                self.assert_ok(self.home.run([link, "login"]), b"1 login\n")
                kubelet = self.folder / "icr-credential-provider"
                kubelet.unlink(missing_ok=True)
                kubelet.symlink_to(self.alone)
                self.assert_ok(self.home.run([kubelet, "get"], b"{}"), b"1 get\n{}")

    def without_home(self, program, verb, stdin=b"", **env):
        """The result where the user database has the home folder, and the environment none."""
        passwd = self.folder / "passwd"
        passwd.write_text(f"root:x:{os.geteuid()}:0:root:{self.home.path}:/bin/sh\n")
        return self.home.run([*unshare(), "sh", "-euc", 'mount --bind "$1" /etc/passwd; shift; '
                              'exec "$@"', "sh", passwd, program, verb], stdin, dict({"HOME": None}, **env))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs mount namespaces")
    def test_without_home_it_answers_all_the_same(self):
        self.home.configure(stores=["file"])
        answers = []
        for run in (lambda *words: self.home.run([HELPER, words[0]], *words[1:]),
                    lambda *words: self.without_home(HELPER, *words)):
            done = [run("store", json.dumps(MESSAGE)), run("get", b"us.icr.io\n"),
                    run("get", b"https://private.us.icr.io"), run("list"), run("get", b"de.icr.io"),
                    run("get", b"quay.io"), run("get"), run("version"), run("erase", b"us.icr.io"),
                    run("list")]
            answers.append([(each.status, each.out, each.err) for each in done])
        self.assertEqual(answers[0], answers[1])
        self.assertIn(b"s" * 44, answers[1][1][1])
        for home in ("", "relative"):
            self.assert_ok(self.home.run([HELPER, "store"], json.dumps(MESSAGE)))
            done = self.without_home(HELPER, "get", b"us.icr.io", HOME=home)
            self.assertEqual(done.out, answers[0][1][1])

    def test_without_home_and_without_the_rest(self):
        """Not "not found": there may be a credential in the home folder."""
        if self.installed():
            self.skipTest("the complete program is installed here")
        for verb in ("get", "store", "erase", "list"):
            done = self.home.run([self.alone, verb], b"us.icr.io", {"HOME": None})
            self.assert_fails(done, "HOME is not set: ", BELOW)
            self.assertIn(b"install docker-credential-icr as a whole", done.err)

    def test_without_home_the_input_arrives(self):
        self.stand_in(*BELOW.split("/"))
        for verb in ("get", "store", "erase", "list"):
            done = self.home.run([self.alone, verb], b"in\nput", {"HOME": None})
            self.assert_ok(done, b"1 %s\nin\nput" % verb.encode())

    def test_what_get_was_asked_for_arrives(self):
        self.stand_in(*BELOW.split("/"))
        self.home.configure(token="bearer")
        self.home.env["IBMCLOUD_API_KEY"] = "k" * 44
        long = b"https://us.icr.io/" + b"x" * 500000
        for url in (b"us.icr.io", b" US.ICR.IO:443 \n", long):
            done = self.home.run([self.alone, "get"], url)
            self.assert_ok(done, b"1 get\n" + url.strip())
            self.assertEqual(done.err, b"")

    def test_nothing_is_said_twice(self):
        """The complete program looks again, and says then what there is to say."""
        self.stand_in(*BELOW.split("/"))
        payload = base64.urlsafe_b64encode(b'{"exp":1000000000}').decode().rstrip("=")
        expired = {"ServerURL": "us.icr.io", "Username": "iambearer", "Secret": f"e30.{payload}.x"}
        self.home.env["ICR_QUIET"] = None
        self.assert_ok(self.home.run([self.alone, "store"], json.dumps(expired)))
        self.home.env["IBMCLOUD_API_KEY"] = "k" * 44
        done = self.home.run([self.alone, "get"], b"us.icr.io")
        self.assertIn(b"has expired", done.err)
        self.home.configure(token="bearer")
        done = self.home.run([self.alone, "get"], b"us.icr.io")
        self.assert_ok(done, b"1 get\nus.icr.io")
        self.assertEqual(done.err, b"")

    def test_what_is_no_program_is_said(self):
        if self.installed():
            self.skipTest("the complete program is installed here")
        self.stand_in(*BELOW.split("/"))
        (self.folder / BELOW).chmod(0o644)
        done = self.home.run([self.alone, "login", "-"])
        self.assertEqual(done.status, 1)
        self.assertIn(b"Permission denied", done.err)

    @unittest.skipUnless(os.geteuid() == 0, "needs files of two owners")
    def test_what_others_can_have_put_there_is_not_run(self):
        if self.installed():
            self.skipTest("the complete program is installed here")
        (self.folder / "own").mkdir()
        self.alone = shutil.move(self.alone, self.folder / "own")
        self.stand_in(*BELOW.split("/"))
        steps = [self.folder / part for part in
                 ("libexec", "libexec/docker-credential-icr", BELOW)]
        login = [self.alone, "login", "-"]
        self.assert_ok(self.home.run(login, b"key"), b"2 login -\nkey")
        for step in steps:
            for spoil, mend in ((lambda: os.chown(step, 65534, -1), lambda: os.chown(step, 0, -1)),
                                (lambda: step.chmod(0o757), lambda: step.chmod(0o755))):
                with self.subTest(step):
                    spoil()
                    done = self.home.run(login, b"key")
                    self.assertEqual((done.status, done.out), (1, b""), done)
                    self.assertIn(b"of another user, or open to all", done.err)
                    mend()
        elsewhere = self.folder / "elsewhere"
        steps[0].rename(elsewhere)
        steps[0].symlink_to(elsewhere)
        done = self.home.run(login, b"key")
        self.assertEqual((done.status, done.out), (1, b""), done)
        self.assertIn(b"a part of this path is a symbolic link", done.err)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs mount namespaces")
    @unittest.skipIf("sanitize" in HELPER, "the sanitizers need /proc, which is not there")
    def test_without_proc(self):
        (self.folder / "bin").mkdir()
        program = copy_program(HELPER, self.folder / "bin")
        for name in (program, os.path.relpath(program, "/")):
            done = subprocess.run(["unshare", "-m", "sh", "-euc", 'mount -t tmpfs none /proc; cd /; '
                                   'exec "$@"', "sh", name, "--help"], env=self.home.env,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(b"configure", done.stdout)


if __name__ == "__main__":
    unittest.main()
