# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr import: logins of config.json, docker-credential-secretservice and
docker-credential-pass."""

import base64
import json
import os
import shutil
import stat
import unittest

from tests.blackbox.keyring import Bus, Keyring, Pass
from tests.blackbox.support import BUILD, HomeCase

SECRET = "Zz9:secret/\u00e9"


def auth(secret=SECRET, username="iamapikey"):
    return base64.b64encode(f"{username}:{secret}".encode()).decode()


def message(host, username="iamapikey", secret=SECRET):
    return json.dumps({"ServerURL": host, "Username": username, "Secret": secret})


class ImportCase(HomeCase):
    def setUp(self):
        super().setUp()
        self.home.env["PATH"] = f"{BUILD}:/usr/bin:/bin"
        self.file = self.home.docker_config

    def start(self, part, *arguments, **more):
        started = part(*arguments, **more)
        self.addCleanup(started.stop)
        return started

    def run_import(self, *arguments, status=0):
        result = self.home.helper("import", *arguments)
        self.assertEqual(result.status, status, result)
        for secret in (SECRET, auth()):
            self.assertNotIn(secret.encode(), result.out + result.err)
        return result

    def check(self, host, secret=SECRET, username="iamapikey"):
        self.assert_got(self.home.helper("get", stdin=host), host, username, secret)


class DockerConfig(ImportCase):
    def test_moved(self):
        helpers = {"us.icr.io": "icr", "cp.icr.io": "icr"}
        text = json.dumps({"auths": {"us.icr.io": {"auth": auth()}, "gcr.io": {"auth": "eDp5"},
                                     "cp.icr.io": {"username": "cp", "password": "p"}},
                           "x": [1.0e2], "credHelpers": helpers}, indent="\t") + "\n"
        self.home.write(self.file, text)
        result = self.run_import()
        self.assertEqual(result.out.decode().splitlines(),
                         [f"us.icr.io: moved from {self.file}",
                          f"cp.icr.io: moved from {self.file}"])
        self.check("us.icr.io")
        self.check("cp.icr.io", "p", "cp")
        left = json.loads(self.file.read_text())
        self.assertEqual(left, {"auths": {"us.icr.io": {}, "gcr.io": {"auth": "eDp5"},
                                          "cp.icr.io": {}}, "x": [100.0], "credHelpers": helpers})
        self.assertTrue(self.file.read_text().endswith("\n}\n"))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.file.parent), ["config.json"])
        self.assertEqual(self.run_import().out, b"nothing to import\n")

    def test_every_spelling_and_shape(self):
        for key, login, username in (
                ("https://us.icr.io", {"auth": auth()}, "iamapikey"),
                ("US.ICR.IO:443", {"auth": auth(username="cp")}, "cp"),
                ("us.icr.io/v2/", {"AUTH": auth().rstrip("=") + "=" * (-len(auth().rstrip("=")) % 4)},
                 "iamapikey"),
                ("us.icr.io", {"username": "u", "password": SECRET}, "u"),
                ("us.icr.io", {"identitytoken": SECRET, "auth": "eDp5"}, "<token>"),
                ("us.icr.io", {"auth": auth(), "username": "other", "email": "x"}, "iamapikey")):
            with self.subTest(key, login=login):
                self.home.write(self.file, {"auths": {key: login}})
                self.assertIn(b"us.icr.io: moved from", self.run_import().out)
                self.check("us.icr.io", username=username)
                self.assertEqual(json.loads(self.file.read_text()), {"auths": {key: {}}})
                self.home.helper("erase", stdin="us.icr.io")

    def test_what_is_no_login_stays(self):
        for login in ({"registrytoken": SECRET}, {"auth": "!!!"}, {"auth": "bm9jb2xvbg=="},
                      {"username": "u", "auth": "Og=="}, {"password": SECRET}):
            with self.subTest(login):
                self.home.write(self.file, {"auths": {"us.icr.io": login}})
                before = self.file.read_bytes()
                result = self.run_import(status=1)
                self.assertIn(f"{self.file}:1:", result.err.decode())
                self.assertEqual(self.file.read_bytes(), before)
                self.assert_missing(self.home.helper("get", stdin="us.icr.io"))

    def test_says_who_is_to_be_configured(self):
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.assertIn(b"configure --regions us.icr.io", self.run_import().err)

    def test_a_login_that_is_there_already(self):
        """Docker asks this helper: what it answers is in use, what the file holds is old."""
        self.home.store("us.icr.io", secret="newer")
        document = {"auths": {"us.icr.io": {"auth": auth()}}, "credHelpers": {"us.icr.io": "icr"}}
        self.home.write(self.file, document)
        result = self.run_import(status=1)
        self.assertIn(b"us.icr.io has another login", result.err)
        self.assertEqual(json.loads(self.file.read_text()), document)
        self.check("us.icr.io", "newer")
        # Docker does not ask this helper: what the file holds is in use
        del document["credHelpers"]
        self.home.write(self.file, document)
        result = self.run_import()
        self.assertIn(b"us.icr.io: moved", result.out)
        self.assertIn(b"us.icr.io had another login", result.err)
        self.check("us.icr.io")
        # the same twice needs no word
        self.home.write(self.file, document)
        result = self.run_import()
        self.assertIn(b"us.icr.io: moved", result.out)
        self.assertNotIn(b"another login", result.err)
        self.assertEqual(json.loads(self.file.read_text())["auths"], {"us.icr.io": {}})

    def test_two_spellings_of_one_host(self):
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()},
                                              "https://us.icr.io": {"auth": auth("old")}}})
        result = self.run_import(status=1)
        self.assertIn(b"us.icr.io has another login", result.err)
        self.check("us.icr.io")
        self.assertEqual(json.loads(self.file.read_text())["auths"],
                         {"us.icr.io": {}, "https://us.icr.io": {"auth": auth("old")}})

    def test_cannot_be_stored(self):
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        before = self.file.read_bytes()
        self.home.env["XDG_DATA_HOME"] = "/proc/nowhere"
        self.assertNotEqual(self.run_import(status=1).err, b"")
        self.assertEqual(self.file.read_bytes(), before)

    def test_config(self):
        other = self.home.write("auth.json", {"auths": {"de.icr.io": {"auth": auth()}}})
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.assertIn(b"de.icr.io: moved", self.run_import("--config", other).out)
        self.check("de.icr.io")
        self.assertEqual(json.loads(other.read_text()), {"auths": {"de.icr.io": {}}})
        self.assertIn(auth(), self.file.read_text())

    def test_nothing(self):
        self.assertEqual(self.run_import().out, b"nothing to import\n")
        self.assertFalse(self.file.parent.exists())
        self.home.write(self.file, "{")
        result = self.run_import(status=1)
        self.assertIn(f"{self.file}:1:", result.err.decode())


@unittest.skipUnless(shutil.which("docker-credential-secretservice")
                     and shutil.which("gnome-keyring-daemon"), "no Secret Service")
class SecretService(ImportCase):
    PEER = "docker-credential-secretservice"

    def setUp(self):
        super().setUp()
        self.keyring = self.start(Keyring, self.start(Bus, self.home))

    def put(self, server, username="iamapikey", label=None):
        """As versions before 0.9 and later ones label it."""
        result = self.home.run([
            "secret-tool", "store", f"--label={label or server}", "label", "Docker Credentials",
            "server", server, "username", username, "docker_cli", "1", "xdg:schema",
            "io.docker.Credentials"], stdin=SECRET)
        self.assertEqual(result.status, 0, result)

    def test_found_where_they_are(self):
        self.put("https://us.icr.io")
        self.put("de.icr.io", label="Registry credentials for de.icr.io")
        self.assertIn(b"finds the 2 logins", self.run_import().out)
        for host in ("us.icr.io", "de.icr.io"):
            self.check(host)

    def test_moved_to_another_store(self):
        self.home.configure(stores=["file"])
        self.put("https://us.icr.io")
        self.put("de.icr.io", label="Registry credentials for de.icr.io")
        self.put("gcr.io")
        self.assertEqual(sorted(self.run_import().out.decode().splitlines()), [
            f"{host}: copied from the desktop's keyring" for host in ("de.icr.io", "us.icr.io")])
        self.check("us.icr.io")
        self.check("de.icr.io")
        self.assertEqual(len(self.keyring.items(label="Docker Credentials")), 3)
        self.assertEqual(sorted(self.run_import("--remove").out.decode().splitlines()), [
            f"{host}: moved from the desktop's keyring" for host in ("de.icr.io", "us.icr.io")])
        self.assertEqual(len(self.keyring.items(label="Docker Credentials")), 1)
        self.check("us.icr.io")

    def test_locked(self):
        self.home.configure(stores=["file"])
        self.put("us.icr.io")
        self.keyring.lock()
        self.assertIn(b"keyring was not asked", self.run_import().err)


@unittest.skipUnless(all(map(shutil.which, ("docker-credential-pass", "pass", "gpg"))), "no pass")
class PassStore(ImportCase):
    PEER = "docker-credential-pass"

    def setUp(self):
        super().setUp()
        self.start(Pass, self.home)

    def test_copied_and_moved(self):
        for server in ("https://us.icr.io", "de.icr.io", "quay.io"):
            self.assert_ok(self.home.run([self.PEER, "store"], stdin=message(server)))
        self.assertEqual(sorted(self.run_import().out.decode().splitlines()), [
            f"{host}: copied from {self.PEER}" for host in ("de.icr.io", "us.icr.io")])
        self.check("us.icr.io")
        self.check("de.icr.io")
        self.assertEqual(len(self.home.run([self.PEER, "list"]).json), 3)
        self.run_import("--remove")
        self.assertEqual(list(self.home.run([self.PEER, "list"]).json), ["quay.io"])
        self.check("us.icr.io")


class FakePass(ImportCase):
    def fake(self, script):
        self.home.write("bin/docker-credential-pass", f"#!/bin/sh\n{script}\n", mode=0o755)
        self.home.env["PATH"] = f"{self.home.path}/bin:{self.home.env['PATH']}"

    def test_not_initialised(self):
        """As docker-credential-pass 0.6.4 without a store: empty replies, exit status 0."""
        self.fake('case $1 in list) echo "{}";; *) echo \'{"ServerURL":"","Username":"",'
                  '"Secret":""}\';; esac')
        self.assertEqual(self.run_import().out, b"nothing to import\n")

    def test_lists_what_it_does_not_hand_out(self):
        self.fake('case $1 in list) echo \'{"us.icr.io":"iamapikey"}\';; *) echo \'{"ServerURL":"",'
                  '"Username":"","Secret":""}\';; esac')
        self.assertIn(b"does not hand it out", self.run_import(status=1).err)

    def test_broken(self):
        for script in ("exit 1", "echo nothing", "echo '[]'", "kill -9 $$"):
            self.fake(script)
            self.assertIn(b"cannot list", self.run_import().err)


if __name__ == "__main__":
    unittest.main()
