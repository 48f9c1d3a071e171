# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr configure: bytes of config.json, words, exit statuses."""

import base64
import concurrent.futures
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import unittest

from tests.blackbox import configure_documents as documents
from tests.blackbox.support import BUILD, HELPER, HomeCase

LABELS = ("", "us.", "uk.", "de.", "es.", "au.", "jp.", "jp2.", "ca.", "ca2.", "br.", "in.", "in2.",
          "fr2.")
NAMES = [prefix + label + "icr.io" for label in LABELS for prefix in ("", "private.")]
SECRET = "not-a-real-password"
AUTH = base64.b64encode(f"iamapikey:{SECRET}".encode()).decode()


class ConfigureCase(HomeCase):
    def setUp(self):
        super().setUp()
        self.file = self.home.docker_config
        # Docker has to find the helper; where it does not is tested on its own
        self.home.env["PATH"] = f"{BUILD}:{os.environ['PATH']}"

    def configure(self, *arguments, env=None, **more):
        return self.home.helper("configure", *arguments, env=env, **more)

    def write(self, content, mode=0o600):
        return self.home.write(self.file, content, mode)

    def notes(self, result):
        lines = result.err.decode().splitlines()
        for line in lines:
            self.assertTrue(line.startswith("docker-credential-icr: "), result)
        return [line.removeprefix("docker-credential-icr: ") for line in lines]

    def assert_done(self, result, line, *notes):
        self.assertEqual((result.status, result.out.decode()), (0, f"{self.file}: {line}\n"), result)
        self.assertEqual(self.notes(result), list(notes), result)

    def assert_refused(self, result, *needles):
        self.assertEqual((result.status, result.out), (1, b""), result)
        for needle in needles:
            self.assertIn(needle, result.err.decode(), result)

    def only_file(self):
        """No temporary file, no lock is left beside config.json."""
        self.assertEqual(os.listdir(self.file.parent), [self.file.name])


class Documents(ConfigureCase):
    def accept(self, before, after, left):
        self.write(before)
        dry = self.configure("--regions", "us", "--dry-run")
        self.assertEqual(dry.status, 0 if before == after else 3, dry.err)
        self.assertEqual(self.file.read_bytes(), before)
        done = self.configure("--regions", "us")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.file.read_bytes()[:2000], after[:2000])
        self.assertTrue(self.file.read_bytes() == after)
        written = os.stat(self.file)
        again = self.configure("--regions", "us")
        self.assertEqual((again.status, again.out), (0, f"{self.file}: nothing to change\n".encode()))
        self.assertEqual(os.stat(self.file)[:-3], written[:-3])
        self.assertEqual(os.stat(self.file).st_mtime_ns, written.st_mtime_ns)
        removed = self.configure("--remove", "--regions", "us")
        self.assertEqual(removed.status, 0, removed.err)
        self.assertEqual(self.file.read_bytes()[:2000], left[:2000])
        self.assertTrue(self.file.read_bytes() == left)
        self.only_file()

    def test_accepted(self):
        for name, (before, after, *left) in documents.ACCEPTED.items():
            with self.subTest(name):
                self.accept(before, after, left[0] if left else before)

    def test_all_regions_come_and_go(self):
        for name, (before, _, *left) in documents.ACCEPTED.items():
            if len(before) > 1000000:
                continue
            with self.subTest(name):
                self.write(before)
                self.assertEqual(self.configure().status, 0)
                self.assertEqual(self.configure("--remove").status, 0)
                self.assertEqual(self.file.read_bytes(), left[0] if left else before)

    def test_accepted_mean_the_same_to_a_reader(self):
        for name, (before, *_) in documents.ACCEPTED.items():
            if not before.strip(documents.BOM + b" \t\r\n") or len(before) > 1000000:
                continue
            with self.subTest(name):
                self.write(before)
                self.assertEqual(self.configure("--force").status, 0)
                old, new = (json.loads(text.decode("utf-8-sig"))
                            for text in (before, self.file.read_bytes()))
                key = next((k for k in new if k.lower() == "credhelpers"), "credHelpers")
                helpers = new.pop(key)
                self.assertEqual({name: helpers.pop(name) for name in NAMES},
                                 dict.fromkeys(NAMES, "icr"))
                others = {k: v for k, v in old.pop(key, {}).items() if k not in NAMES}
                self.assertEqual((helpers, new), (others, old))

    def test_refused(self):
        hint = ["nothing was changed; mend the file by hand, then run this again"]
        for name, (document, place, words) in documents.REFUSED.items():
            for arguments in ((), ("--remove",), ("--dry-run",), ("--force", "--regions", "us")):
                with self.subTest(name, arguments=arguments):
                    self.write(document)
                    result = self.configure(*arguments)
                    self.assertEqual((result.status, result.out), (1, b""), result)
                    self.assertEqual(self.notes(result),
                                     [f"{self.file}:{place}: {words}"] + hint, result)
                    self.assertEqual(self.file.read_bytes(), document)
                    self.only_file()

    def test_enough_documents(self):
        self.assertGreaterEqual(len(documents.ACCEPTED), 60)
        self.assertGreaterEqual(len(documents.REFUSED), 60)


class Entries(ConfigureCase):
    def test_new_file(self):
        self.assert_done(self.configure(), "28 credHelpers entries written")
        lines = ",\n".join(f'\t\t"{name}": "icr"' for name in NAMES)
        self.assertEqual(self.file.read_text(), '{\n\t"credHelpers": {\n' + lines + "\n\t}\n}\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.file.parent).st_mode), 0o700)
        self.only_file()
        self.assert_done(self.configure("--remove"), "28 credHelpers entries removed")
        self.assertEqual(self.file.read_bytes(), b"{\n}\n")

    def test_new_file_whatever_the_umask(self):
        for umask in (0o377, 0o077, 0o000):
            with self.subTest(umask=oct(umask)):
                result = self.home.run(["sh", "-c", f"umask {umask:o}; exec {HELPER} configure"])
                self.assertEqual(result.status, 0, result)
                self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
                self.assertEqual(stat.S_IMODE(os.stat(self.file.parent).st_mode), 0o700)
                shutil.rmtree(self.file.parent)

    def test_nothing_to_remove(self):
        self.assert_done(self.configure("--remove"), "nothing to change")
        self.assertFalse(self.file.parent.exists())
        self.write('{"credHelpers": {"gcr.io": "gcloud"}}')
        self.assert_done(self.configure("--remove"), "nothing to change")
        self.assertEqual(self.file.read_text(), '{"credHelpers": {"gcr.io": "gcloud"}}')

    def test_regions(self):
        for given, names in (
                (["us"], ["us.icr.io", "private.us.icr.io"]),
                (["us-south,uk-south"], ["us.icr.io", "private.us.icr.io", "uk.icr.io",
                                         "private.uk.icr.io"]),
                (["private.de.icr.io", "--regions=jp2.icr.io"],
                 ["de.icr.io", "private.de.icr.io", "jp2.icr.io", "private.jp2.icr.io"]),
                (["global"], ["icr.io", "private.icr.io"]),
                (["registry.ng.bluemix.net"], ["us.icr.io", "private.us.icr.io",
                                               "registry.ng.bluemix.net"]),
                (["cp.icr.io"], ["cp.icr.io"]),
                (["https://cp.icr.io/,us"], ["us.icr.io", "private.us.icr.io", "cp.icr.io"]),
                (["zz.icr.io", "--regions", "us"], ["us.icr.io", "private.us.icr.io", "zz.icr.io",
                                                    "private.zz.icr.io"]),
                (["all"], NAMES), (["all,cp.icr.io"], NAMES + ["cp.icr.io"])):
            with self.subTest(given):
                self.write("")
                self.assertEqual(self.configure("--regions", *given).status, 0)
                self.assertEqual(json.loads(self.file.read_text()),
                                 {"credHelpers": dict.fromkeys(names, "icr")})

    def test_remove_some_regions(self):
        self.assertEqual(self.configure().status, 0)
        self.assert_done(self.configure("--remove", "--regions", "us,global"),
                         "4 credHelpers entries removed")
        left = json.loads(self.file.read_text())["credHelpers"]
        self.assertEqual(list(left), [name for name in NAMES if name not in
                                      ("icr.io", "private.icr.io", "us.icr.io",
                                       "private.us.icr.io")])

    def test_remove_takes_every_entry_of_ours(self):
        self.write('{"credHelpers": {"xx.icr.io": "icr", "a.io": "x", "https://us.icr.io": "icr",'
                   ' "registry.ng.bluemix.net": "icr", "gcr.io": "icr"}}')
        self.assert_done(self.configure("--remove"), "4 credHelpers entries removed")
        self.assertEqual(self.file.read_text(), '{"credHelpers": {"a.io": "x"}}')

    def test_remove_a_region_in_any_spelling(self):
        self.write('{"credHelpers": {"https://us.icr.io/v2/": "icr", "US.ICR.IO:443": "icr", '
                   '"registry.ng.bluemix.net": "icr", "gcr.io": "icr", "xx.icr.io": "icr"}}')
        self.assert_done(self.configure("--remove", "--regions", "us"),
                         "3 credHelpers entries removed")
        self.assertEqual(json.loads(self.file.read_text()),
                         {"credHelpers": {"gcr.io": "icr", "xx.icr.io": "icr"}})

    def test_another_helper_is_kept(self):
        self.write('{"credHelpers": {"us.icr.io": "osxkeychain", "private.us.icr.io": ""}}')
        before = self.file.read_bytes()
        self.assert_done(self.configure("--regions", "us"), "nothing to change",
                         'us.icr.io keeps its credential helper "osxkeychain"; --force takes it over',
                         "private.us.icr.io keeps its entry in credHelpers, which names no helper; "
                         "--force takes it over")
        self.assertEqual(self.file.read_bytes(), before)
        self.assert_done(self.configure("--remove"), "nothing to change")
        self.assert_done(self.configure("--regions", "us", "--force"),
                         "2 credHelpers entries written")
        self.assertEqual(self.file.read_text(),
                         '{"credHelpers": {"us.icr.io": "icr", "private.us.icr.io": "icr"}}')

    def test_another_helpers_strange_name(self):
        self.write('{"credHelpers": {"us.icr.io": "\\u001b[31m rm -rf"}}')
        result = self.configure("--regions", "us")
        self.assertEqual(self.notes(result)[0], "us.icr.io keeps its entry in credHelpers, which "
                         "names another helper; --force takes it over")
        self.assertNotIn(b"\x1b", result.err)

    def test_force_takes_over_in_each_place(self):
        self.write('{"credHelpers": {"us.icr.io": "a", "us.icr.io": "b"}, '
                   '"credHelpers": {"private.us.icr.io": "c"}}')
        self.assertEqual(self.configure("--regions", "us", "--force").status, 0)
        self.assertEqual(self.file.read_text(),
                         '{"credHelpers": {"us.icr.io": "icr", "us.icr.io": "icr", '
                         '"private.us.icr.io": "icr"}, '
                         '"credHelpers": {"private.us.icr.io": "icr", "us.icr.io": "icr"}}')

    def test_docker_saved_it_in_between(self):
        before = {"auths": {"a.io": {}}, "psFormat": "x", "credHelpers": {"zz.io": "x"},
                  "detachKeys": "ctrl-e,e"}
        for helpers in ({"zz.io": "x", "aa.io": "y"}, {"jp3.io": "x"}, {}):
            with self.subTest(helpers):
                before["credHelpers"] = helpers
                self.write(before)
                self.assertEqual(self.configure().status, 0)
                saved = json.loads(self.file.read_text())
                saved["credHelpers"] = dict(sorted(saved["credHelpers"].items()))
                self.write(json.dumps(saved, indent="\t"))
                self.assertEqual(self.configure("--remove").status, 0)
                del saved["credHelpers"]
                if helpers:
                    saved["credHelpers"] = dict(sorted(helpers.items()))
                expected = {key: saved[key] for key in before if key in saved}
                self.assertEqual(self.file.read_text(), json.dumps(expected, indent="\t"))

    @unittest.skipUnless(shutil.which("docker"), "no docker")
    def test_docker_itself(self):
        log = self.home.path / "log"
        self.home.write("bin/docker-credential-icr",
                        f'#!/bin/sh\necho "$1 $(cat)" >>{log}\n', 0o755)
        env = {"PATH": f"{self.home.path}/bin:{os.environ['PATH']}"}
        self.write({"auths": {"https://us.icr.io": {"auth": AUTH}}, "psFormat": "x"})
        before = json.dumps({"auths": {}, "psFormat": "x"}, indent="\t")
        self.assertEqual(self.configure(env=env).status, 0)
        result = self.home.run(["docker", "logout", "us.icr.io"], env=env)
        self.assertEqual(result.status, 0, result)
        self.assertIn("erase us.icr.io\n", log.read_text())
        self.assertEqual(json.loads(self.file.read_text())["auths"], {})  # docker rewrote it
        self.assertEqual(self.configure("--remove").status, 0)
        self.assertEqual(self.file.read_text(), before)


class Notes(ConfigureCase):
    def passwords(self, auths, *arguments, regions="us", **more):
        self.write({"auths": auths, **more})
        result = self.configure("--regions", regions, *arguments)
        self.assertEqual(result.status, 0, result)
        for secret in (SECRET, AUTH):
            self.assertNotIn(secret.encode(), result.out + result.err)
        return self.notes(result)

    def test_password_of_a_host_that_is_now_ours(self):
        for entry in ({"auth": AUTH}, {"identitytoken": SECRET}, {"registrytoken": SECRET},
                      {"username": "iamapikey", "password": SECRET}, {"Auth": AUTH, "auth": ""}):
            with self.subTest(entry):
                self.assertEqual(self.passwords({"us.icr.io": entry, "gcr.io": {"auth": AUTH}}), [
                    f"a plain-text password for us.icr.io is still in {self.file}, and Docker no "
                    "longer uses it; to keep it in the helper and empty it there: "
                    "docker-credential-icr import"])

    def test_password_in_another_spelling(self):
        for key in ("https://us.icr.io", "http://us.icr.io", "https://us.icr.io/v2/", "US.ICR.IO",
                    "us.icr.io:443"):
            with self.subTest(key):
                self.assertEqual(self.passwords({key: {"auth": AUTH}}), [
                    f"a plain-text password for us.icr.io is still in {self.file} under the name "
                    f"{key}; to keep it in the helper: docker-credential-icr import; Docker takes "
                    "names as they are spelled, so log in with: docker login us.icr.io"])

    def test_password_in_a_strange_spelling(self):
        self.assertEqual(self.passwords({"us.icr.io/$(reboot)": {"auth": AUTH}}), [
            f"a plain-text password for us.icr.io is in {self.file}; take that entry of auths out "
            "with an editor, then run: docker login us.icr.io"])

    def test_password_that_stays_in_use(self):
        for key in ("de.icr.io", "cp.icr.io", "registry.ng.bluemix.net"):
            with self.subTest(key):
                self.assertEqual(self.passwords({key: {"auth": AUTH}}), [
                    f"a plain-text password for {key} is in {self.file}, and Docker uses it; to "
                    f"keep it in the helper: docker-credential-icr configure --regions {key}; "
                    "docker-credential-icr import"])

    def test_password_after_remove(self):
        self.assertEqual(self.passwords({"us.icr.io": {"auth": AUTH}}, "--remove"), [
            f"a plain-text password for us.icr.io is in {self.file}, and Docker uses it; to "
            "remove it: docker logout us.icr.io"])

    def test_no_password(self):
        self.assertEqual(self.passwords({"us.icr.io": {}, "de.icr.io": {"auth": ""},
                                         "private.us.icr.io": {"auth": None, "password": 5},
                                         "us.icr.io.evil.com": {"auth": AUTH},
                                         "a@us.icr.io": {"auth": AUTH}}), [])

    def test_entry_with_a_scheme(self):
        self.write('{"credHelpers": {"https://us.icr.io": "icr", "gcr.io/x": "y"}}')
        self.assertEqual(self.notes(self.configure("--regions", "us")), [
            f'Docker ignores the credHelpers entry "https://us.icr.io" in {self.file}: it looks '
            "for the bare name us.icr.io"])

    def test_default_store(self):
        self.write('{"credsStore": "x", "credsStore": "icr"}')
        result = self.configure("--regions", "us")
        self.assertEqual(len(self.notes(result)), 1)
        self.assertIn(f'credsStore in {self.file} is "icr"', self.notes(result)[0])
        self.write('{"credsStore": "icr", "credsStore": "x"}')
        self.assertEqual(self.notes(self.configure("--regions", "us")), [])

    def test_not_in_path(self):
        self.home.write("bin/docker-credential-icr", "", 0o644)
        (self.home.path / "bin2/docker-credential-icr").mkdir(parents=True)
        for path in ("/usr/bin:/bin", f"{self.home.path}/bin:{self.home.path}/bin2", "", None,
                     ":.:relative"):
            with self.subTest(path):
                result = self.configure("--regions", "us", env={"PATH": path}, cwd=BUILD)
                self.assertEqual(self.notes(result), [
                    "Docker will not find this helper: no folder of PATH has a program called "
                    "docker-credential-icr"])
        for path in (f"/nowhere::{BUILD}", f"{BUILD}/:/bin"):
            self.assertEqual(self.notes(self.configure(env={"PATH": path})), [])

    def test_shadowed_by_the_environment(self):
        result = self.configure(env={"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"x": SECRET}})})
        self.assertEqual(self.notes(result), ["DOCKER_AUTH_CONFIG is set, and Docker 28.3 and "
                                              "newer prefer it to any helper; unset it"])

    def test_byte_order_mark(self):
        self.write(documents.BOM + b"{}")
        self.assertEqual(self.notes(self.configure()), [
            f"{self.file} begins with a byte order mark, and Docker refuses to read such a file"])

    def test_regions_of_tomorrow(self):
        self.assertEqual(self.notes(self.configure("--regions", "zz.icr.io,us")),
                         ["zz.icr.io is not in this version's table of regions"])
        result = self.configure("--regions", "zz")
        self.assertEqual((result.status, result.out), (2, b""), result)

    def test_under_sudo(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        env = {"SUDO_USER": "daemon"}
        self.assertEqual(self.notes(self.configure(env=env)), [
            f"{self.file} is root's, since this runs under sudo; for daemon's own run it without "
            "sudo"])
        self.assertEqual(self.notes(self.configure("--dry-run", env=env))[0][:5], "/tmp/")
        self.assertEqual(self.notes(self.configure(env={"SUDO_USER": "root"})), [])
        owner = pwd.getpwnam("daemon")
        os.chown(self.file, owner.pw_uid, owner.pw_gid)
        self.assertEqual(self.notes(self.configure(env=env)), [])

    def test_docker_config_names_the_file(self):
        self.write("{}")
        result = self.configure(env={"DOCKER_CONFIG": self.file})
        self.assertEqual((result.status, result.out), (1, b""), result)
        self.assertIn(f'DOCKER_CONFIG names a folder, the one that holds config.json; "{self.file}" '
                      "is none", self.notes(result)[1])
        self.assertEqual(self.file.read_text(), "{}")

    def test_remove_needs_no_advice(self):
        self.write('{"credsStore": "icr", "credHelpers": {"us.icr.io": "x"}}')
        self.assertEqual(self.notes(self.configure("--remove", env={"PATH": "/bin"})), [])


class Owner(ConfigureCase):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_what_root_makes_in_a_users_home_is_the_users(self):
        os.chown(self.home.path, 12345, 12346)
        config = self.home.path / "a/b/config.json"
        self.assertEqual(self.configure("--config", config).status, 0)
        for path in (config.parent.parent, config.parent, config):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (12345, 12346), path)
        self.assertEqual(self.configure("--config", config, "--remove").status, 0)
        self.assertEqual(config.stat().st_uid, 12345)


class Json(ConfigureCase):
    def test_done(self):
        self.write({"auths": {"us.icr.io": {"auth": AUTH}}, "credHelpers": {"de.icr.io": "x"}})
        result = self.configure("--regions", "us,de", "--json", "--dry-run")
        names = ["us.icr.io", "private.us.icr.io", "private.de.icr.io"]
        self.assertEqual((result.status, result.err), (3, b""), result)
        for dry_run in (True, False):
            self.assertEqual(set(result.json), {"version", "client", "file", "dry_run", "remove",
                                                "changed", "hosts", "passwords", "notes"})
            self.assertEqual(
                [result.json[key] for key in ("version", "client", "file", "dry_run", "remove",
                                              "changed", "hosts", "passwords")],
                [1, "docker", str(self.file), dry_run, False, True, names, ["us.icr.io"]])
            self.assertEqual(len(result.json["notes"]), 2)
            self.assertNotIn(AUTH.encode(), result.out)
            result = self.configure("--regions", "us,de", "--json")
            self.assertEqual((result.status, result.err), (0, b""), result)
        result = self.configure("--remove", "--json", "--regions", "de")
        self.assertEqual(result.json["hosts"], ["private.de.icr.io"])
        result = self.configure("--remove", "--json", "--regions", "de")
        self.assertEqual((result.json["hosts"], result.json["changed"]), ([], False))

    def test_failed(self):
        self.write("{")
        result = self.configure("--json")
        self.assertEqual(result.status, 1, result)
        self.assertIn(f"{self.file}:1:", result.json["error"]["where"])
        self.assertIn("hint", result.json["error"])


class DryRun(ConfigureCase):
    def test_diff(self):
        self.write('{\n\t"auths": {},\n\t"a": 1,\n\t"b": 2,\n\t"c": 3\n}\n')
        result = self.configure("--regions", "us", "--dry-run")
        self.assertEqual((result.status, result.err), (3, b""), result)
        self.assertEqual(result.out.decode(),
                         f"--- {self.file}\n+++ {self.file}\n@@ -2,5 +2,9 @@\n"
                         ' \t"auths": {},\n \t"a": 1,\n \t"b": 2,\n-\t"c": 3\n+\t"c": 3,\n'
                         '+\t"credHelpers": {\n+\t\t"us.icr.io": "icr",\n'
                         '+\t\t"private.us.icr.io": "icr"\n+\t}\n }\n')
        self.only_file()

    def test_new_file(self):
        result = self.configure("--regions", "us", "--dry-run")
        self.assertEqual(result.status, 3, result)
        self.assertEqual(result.out.decode(),
                         f"--- /dev/null\n+++ {self.file}\n@@ -0,0 +1,6 @@\n"
                         '+{\n+\t"credHelpers": {\n+\t\t"us.icr.io": "icr",\n'
                         '+\t\t"private.us.icr.io": "icr"\n+\t}\n+}\n')
        self.assertFalse(self.file.parent.exists())

    def test_nothing_to_do(self):
        self.assertEqual(self.configure().status, 0)
        self.assert_ok(self.configure("--dry-run"))
        self.assertEqual(self.configure("--remove", "--dry-run").status, 3)
        self.assertEqual(self.configure("--remove").status, 0)
        self.assert_ok(self.configure("--remove", "--dry-run"))

    def test_diff_applies(self):
        for name in ("as docker writes it", "four spaces", "one line", "other hosts"):
            with self.subTest(name):
                before, after, *_ = documents.ACCEPTED[name]
                self.write(before)
                diff = self.configure("--regions", "us", "--dry-run").out
                subprocess.run(["patch", "-s", "--binary", str(self.file)], input=diff, check=True,
                               timeout=10)
                self.assertEqual(self.file.read_bytes(), after)

    def test_no_secret_is_shown(self):
        lines = ['{', '"credHelpers": {"auth.example.com": "shown1"},',
                 f'"auths": {{"us.icr.io": {{"auth": "{AUTH}"}},',
                 f'"de.icr.io": {{"username": "shown2", "Password": "{SECRET}"}},',
                 f'"a.io": {{"identitytoken": "{SECRET}", "registryToken": "{SECRET}"}},',
                 f'"b.io": {{"a\\u0075th": "{AUTH}"}},',
                 f'"https://u:{SECRET}\\u0040c.io": {{"email": "x@{SECRET}"}}}},',
                 f'"HttpHeaders": {{"X-Meta": "{SECRET}", "Y": ["{SECRET}"]}},',
                 f'"proxies": {{"default": {{"httpProxy": "http://u:{SECRET}@proxy"}}}},',
                 f'"plugins": {{"x": {{"apiKey": "{SECRET}", "y-token": "{SECRET}"}}}},',
                 f'"auth": {{"deeper": ["{SECRET}", 31337]}}, "credsStore": "shown3"', '}']
        # every line comes into the context of some change: first, last, in between
        for at in range(1, len(lines) - 1):
            text = "\n".join(lines[:at] + ['"credhelpers": {"x.io": "y"},'] + lines[at:])
            self.write(text)
            for arguments in ((), ("--regions", "us")):
                result = self.configure("--dry-run", *arguments)
                self.assertEqual(result.status, 3, result)
                for secret in (SECRET, AUTH, "31337"):
                    self.assertNotIn(secret.encode(), result.out + result.err)
        self.write("".join(lines))
        result = self.configure("--dry-run")
        self.assertIn(b'"us.icr.io": {"auth": "<hidden>"}', result.out)
        for word in (b"shown1", b"shown2", b"shown3"):
            self.assertIn(word, result.out)

    def test_many_values_on_one_line(self):
        """Time in proportion to the file: looking for the line's beginning at each took minutes."""
        text = '{"x": [%s], "credHelpers": { }}\n' % ",".join(["[1]"] * 60000)
        self.write(text)
        result = self.configure("--regions", "us")
        self.assertEqual(result.status, 0, result)
        self.assertIn(b'"us.icr.io":', self.file.read_bytes())

    def test_a_full_output(self):
        with open("/dev/full", "wb") as full:
            for arguments in (("--dry-run",), ()):
                done = subprocess.run([HELPER, "configure", *arguments], stdout=full, timeout=30,
                                      env=self.home.environment(), stderr=subprocess.PIPE,
                                      check=False)
                self.assertEqual(done.returncode, 1, done)


class Files(ConfigureCase):
    def test_which_file(self):
        folder = self.home.path / "elsewhere"
        result = self.configure("--regions", "us", env={"DOCKER_CONFIG": folder})
        self.assertEqual(result.out.decode(),
                         f"{folder}/config.json: 2 credHelpers entries written\n", result)
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        result = self.configure("--config", "auth.json", env={"DOCKER_CONFIG": folder},
                                cwd=self.home.path)
        self.assertEqual(result.out, b"auth.json: 28 credHelpers entries written\n", result)
        self.assertEqual(len(json.loads((self.home.path / "auth.json").read_text())["credHelpers"]),
                         28)
        self.assertFalse(self.file.exists())

    def test_symbolic_link(self):
        target = self.home.write("dotfiles/docker.json", "{\n}\n", 0o640)
        self.file.parent.mkdir()
        (self.file.parent / "hop").symlink_to("../dotfiles/docker.json")
        self.file.symlink_to("hop")
        self.assertEqual(self.configure("--regions", "us").status, 0)
        self.assertEqual(os.readlink(self.file), "hop")
        self.assertEqual(target.read_bytes(), documents.FRESH)
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.file.parent)), ["config.json", "hop"])
        self.assertEqual(os.listdir(target.parent), ["docker.json"])

    def test_symbolic_link_to_nothing(self):
        self.file.parent.mkdir()
        self.file.symlink_to("/nowhere/x.json")
        for arguments in ((), ("--remove",), ("--dry-run",)):
            self.assert_refused(self.configure(*arguments), f"{self.file}: is a symbolic link to "
                                "/nowhere/x.json, which does not exist\n")
        self.assertTrue(self.file.is_symlink())
        self.only_file()

    def test_symbolic_link_to_itself(self):
        self.file.parent.mkdir()
        self.file.symlink_to("config.json")
        self.assert_refused(self.configure(), f"{self.file}: ", "Too many levels")

    def test_not_a_file(self):
        self.file.mkdir(parents=True)
        self.assert_refused(self.configure(), f"{self.file}: is a folder, not a regular file\n")
        self.file.rmdir()
        os.mkfifo(self.file)
        self.assert_refused(self.configure(timeout=5), f"{self.file}: is not a regular file\n")
        self.file.unlink()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.file))
            self.assert_refused(self.configure(), f"{self.file}: is not a regular file\n")
        self.assert_refused(self.configure("--config", "/dev/null"),
                            "/dev/null: is not a regular file\n")
        self.assert_refused(self.configure("--config", f"{self.home.path}/"), "is a folder")

    def test_the_folder_is_a_file(self):
        self.home.write(".docker", "x")
        self.assert_refused(self.configure(), "Not a directory")

    def test_too_large(self):
        self.write(b'{"x": "' + b"x" * (9 * 1024 * 1024) + b'"}')
        self.assert_refused(self.configure(), f"{self.file}: is larger than")

    def test_no_home(self):
        result = self.configure("--config", self.file, env={"HOME": None})
        self.assertEqual(result.status, 0, result)

    def test_mode_and_owner_are_kept(self):
        for mode in (0o600, 0o640, 0o644, 0o400, 0o666):
            with self.subTest(oct(mode)):
                self.file.unlink(missing_ok=True)
                self.write("{}", mode)
                self.assertEqual(self.configure().status, 0)
                self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), mode)
        if os.geteuid() == 0:
            os.chown(self.file, 12345, 23456)
            self.assertEqual(self.configure("--remove").status, 0)
            self.assertEqual((os.stat(self.file).st_uid, os.stat(self.file).st_gid),
                             (12345, 23456))

    def test_extended_attributes_are_kept(self):
        self.write("{}")
        try:
            os.setxattr(self.file, "user.note", b"\0mine")
        except OSError as error:
            self.skipTest(f"no user attributes here: {error}")
        self.assertEqual(self.configure().status, 0)
        self.assertEqual(os.getxattr(self.file, "user.note"), b"\0mine")

    @unittest.skipUnless(shutil.which("setfacl"), "no setfacl")
    def test_access_list_is_kept(self):
        self.write("{}", 0o640)
        if subprocess.run(["setfacl", "-m", "u:12345:r,g:23456:rw", str(self.file)], timeout=10,
                          check=False).returncode != 0:
            self.skipTest("no access lists here")
        acl = subprocess.run(["getfacl", "-pc", str(self.file)], timeout=10, check=True,
                             stdout=subprocess.PIPE).stdout
        self.assertEqual(self.configure().status, 0)
        self.assertEqual(subprocess.run(["getfacl", "-pc", str(self.file)], timeout=10, check=True,
                                        stdout=subprocess.PIPE).stdout, acl)
        self.assertIn(b"user:12345:r--", acl)

    def test_left_over_temporary_file_is_cleaned_up(self):
        self.write("{}")
        for arguments in ((), (), ("--remove",), ("--remove",)):
            left = self.file.parent / ".config.json.icr-abc123"
            left.write_text(SECRET)
            self.assertEqual(self.configure(*arguments).status, 0)
            self.only_file()


def other_user():
    """How to run as somebody who is not root; None when that cannot be."""
    probe = [HELPER, "version"]
    if os.geteuid() != 0:
        return {}
    who = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        done = subprocess.run(probe, timeout=30, check=False, stdout=subprocess.DEVNULL, **who)
        return who if done.returncode == 0 else None
    except (OSError, ValueError):
        return None


class Rights(ConfigureCase):
    def setUp(self):
        super().setUp()
        self.who = other_user()
        if self.who is None:
            self.skipTest("the programs cannot be run as another user here")

    def give(self, path):
        if self.who:
            os.chown(path, 65534, 65534)

    def test_unreadable(self):
        self.give(self.write("{}", 0o000).parent)
        self.give(self.home.path)
        self.give(self.file)
        self.assert_refused(self.configure(**self.who),
                            f"{self.file}: cannot open the file: Permission denied\n")

    def test_folder_that_cannot_be_written(self):
        self.write("{}")
        self.give(self.file)
        self.give(self.home.path)
        self.file.parent.chmod(0o555)
        if not self.who:
            self.skipTest("not root")
        result = self.configure(**self.who)
        self.assert_refused(result, f"{self.file}: ", "Permission denied\n")
        self.assertEqual(self.file.read_bytes(), b"{}")
        self.assertEqual(self.configure("--remove", **self.who).status, 0)


class Usage(ConfigureCase):
    def assert_usage(self, result, needle):
        self.assertEqual((result.status, result.out), (2, b""), result)
        self.assertTrue(result.err.startswith(b"docker-credential-icr: "), result)
        self.assertIn(needle, result.err.decode())
        self.assertFalse(self.file.parent.exists())

    def test_usage(self):
        for arguments, needle in (
                (["--regions"], "--regions needs a value"),
                (["--regions", "atlantis"], "atlantis"),
                (["--regions", ""], "--regions"),
                (["--config"], "--config needs a value"),
                (["--config", ""], "--config needs the name of a file"),
                (["--remove=yes"], "--remove takes no value"),
                (["--delete"], 'unknown option "--delete"'),
                (["-r"], 'unknown option "-r"'),
                (["us"], 'unexpected argument "us"')):
            with self.subTest(arguments):
                self.assert_usage(self.configure(*arguments), needle)

    def test_help(self):
        result = self.configure("--help")
        self.assertEqual((result.status, result.err), (0, b""), result)
        for option in ("--regions", "--remove", "--config", "--dry-run", "--force"):
            self.assertRegex(result.out.decode(), rf"(?m)^  {option}\b.* \w+")

    def test_terminal_obeys_no_path(self):
        path = self.home.path / "a\nb\x1b[31m\x9b31m"
        result = self.configure("--regions", "us", env={"DOCKER_CONFIG": path})
        self.assertEqual((result.status, result.out.count(b"\n")), (0, 1), result)
        self.assertNotRegex(result.out + result.err, b"\x1b|\xc2\x9b")


class Together(ConfigureCase):
    def test_many_at_once(self):
        """Runs for different regions lose nothing of each other."""
        labels = [label.rstrip(".") or "global" for label in LABELS]
        self.write('{\n\t"auths": {}\n}\n')
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda label: self.configure("--regions", label), labels * 4))
        self.assertEqual({result.status for result in results}, {0}, results)
        self.assertEqual(json.loads(self.file.read_text()),
                         {"auths": {}, "credHelpers": dict.fromkeys(NAMES, "icr")})
        self.only_file()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(
                lambda label: self.configure("--remove", "--regions", label), labels * 4))
        self.assertEqual({result.status for result in results}, {0}, results)
        self.assertEqual(self.file.read_text(), '{\n\t"auths": {}\n}\n')
        self.only_file()

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_another_user_keeps_the_folder_locked(self):
        """Which the modes of folders often allow, and nobody's login depends on it."""
        self.write("{}")
        for path in (self.home.path, self.file.parent):
            path.chmod(0o755)
        locker = subprocess.Popen(
            ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "flock", self.file.parent,
             "sh", "-c", "echo locked; read -r _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(locker.stdout.readline(), b"locked\n")
            result = self.configure("--regions", "us")
            self.assertEqual(result.status, 0, result)
            self.assertEqual(list(json.loads(self.file.read_text())["credHelpers"]),
                             ["us.icr.io", "private.us.icr.io"])
            self.only_file()
        finally:
            locker.communicate()

    def test_many_at_once_make_the_file(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: self.configure(), range(32)))
        self.assertEqual({result.status for result in results}, {0}, results)
        self.assertEqual(json.loads(self.file.read_text()),
                         {"credHelpers": dict.fromkeys(NAMES, "icr")})


if __name__ == "__main__":
    unittest.main()
