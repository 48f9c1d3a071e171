# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Where keys come from, as far as no network is needed."""

import base64
import json
import os
import subprocess
import threading
import time
import unittest

from tests.blackbox.support import HELPER, HomeCase

SYSTEM_KEY = "/run/docker-credential-icr/apikey"


def token(**claims):
    """An unsigned JSON Web Token."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class SourceCase(HomeCase):
    def get(self, host="us.icr.io", **env):
        return self.home.helper("get", stdin=host, env=env)

    def gets(self, secret, username="iamapikey", **env):
        self.assert_got(self.get(**env), "us.icr.io", username, secret)

    def explained(self, **env):
        result = self.home.helper("explain", "us.icr.io", "--json", env=env)
        return {step["name"]: step for step in result.json["sources"]}


class Order(HomeCase):
    """What is stored is what get answers, or it is said."""

    MESSAGE = json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": "K" * 44})

    def test_stores_left_out(self):
        self.home.configure(sources=["environment"])
        self.home.write(self.home.docker_config, {"auths": {"us.icr.io": {"auth": "dTpw"}}})
        before = self.home.docker_config.read_bytes()
        self.assert_fails(self.home.helper("store", stdin=self.MESSAGE), '"sources"', '"stored"')
        for words in (("login", "--offline"), ("import",)):
            result = self.home.helper(*words, stdin="K" * 44)
            self.assertEqual((result.status, result.out), (1, b""), result)
            self.assertIn(b'leaves "stored" out', result.err)
        self.assertEqual(self.home.docker_config.read_bytes(), before)
        self.assertFalse(self.home.store_file.exists())

    def test_a_token_that_has_expired(self):
        for ends, said in ((1, True), (1 << 40, False)):
            result = self.home.store("us.icr.io", "iambearer", token(exp=ends))
            self.assertEqual(b"has expired" in result.err, said, result)

    def test_another_goes_before_them(self):
        self.home.configure(sources=["environment", "stored"])
        for env, words in (({}, None), ({"IC_API_KEY": "E" * 44}, b"$IC_API_KEY goes before"),
                           ({"IC_API_KEY": "@x"}, b"get fails there")):
            with self.subTest(env):
                for result in (self.home.helper("store", stdin=self.MESSAGE, env=env),
                               self.home.helper("login", "--offline", stdin="K" * 44, env=env)):
                    self.assertEqual((result.status, result.out), (0, b""), result)
                    self.assertEqual(words is not None, b"goes before what is stored" in result.err)
                    self.assertIn(words or b"", result.err)


class Wrapped(SourceCase):
    """A key with something around it is refused by name, and never shown."""

    CASES = [('"TOPSECRET"', "in quotes"), ("'TOPSECRET'", "in quotes"), ("`TOPSECRET`", "in quotes"),
             ("IBMCLOUD_API_KEY=TOPSECRET", "NAME=KEY"), ("apikey = TOPSECRET", "NAME=KEY"),
             ("export K=TOPSECRET", "NAME=KEY"), ("apikey: TOPSECRET", "NAME=KEY"),
             ('["TOPSECRET"]', "JSON list"), ("[]", "JSON list"),
             ("<!DOCTYPE html><html>TOPSECRET</html>", "web page"),
             (" @TOPSECRET", "behind an @"), ("${TOPSECRET}", "nothing has filled in"),
             ("$(TOPSECRET)", "nothing has filled in"),
             (8000 * "TOPSECRET", "more than an API key")]

    def test_environment(self):
        for value, says in self.CASES + [('{"apikey":"TOPSECRET"}', "JSON object")]:
            for name in ("IBMCLOUD_API_KEY", "IC_API_KEY", "CONTAINER_REGISTRY_APIKEY"):
                with self.subTest(value=value, name=name):
                    result = self.get(**{name: value})
                    self.assert_fails(result, name, says)
                    self.assertNotIn(b"TOPSECRET", result.out + result.err)

    def test_files_and_login(self):
        self.home.configure(apikey_file="~/key")
        for value, says in self.CASES[:-1] + [('{"apikey":"\\"TOPSECRET\\""}', "in quotes"),
                                              ('{"apikey":"@TOPSECRET"}', "behind an @")]:
            with self.subTest(value=value):
                self.home.write("key", value)
                result = self.get()
                self.assert_fails(result, "key", says)
                login = self.home.helper("login", "--offline", stdin=value)
                self.assertEqual(login.status, 1)
                self.assertIn(says.encode(), login.err)
                self.assertNotIn(b"TOPSECRET", result.out + result.err + login.out + login.err)

    def test_not_wrapped(self):
        for value in ("key=", "key==", "_-key", "a'b", "k==", "$key", "${", "$()k", "k@y"):
            self.gets(value, IC_API_KEY=value)


class AtFile(SourceCase):
    def test_file_of_the_first_variable(self):
        path = self.home.write("key", '{"apikey": "of-file"}')
        self.gets("of-file", IBMCLOUD_API_KEY=f"@{path}")
        self.gets("of-file", IBMCLOUD_API_KEY="@~/key")
        result = self.home.run([HELPER, "get"], stdin="us.icr.io", cwd=self.home.path,
                               env={"IBMCLOUD_API_KEY": "@key"})
        self.assert_got(result, "us.icr.io", "iamapikey", "of-file")

    def test_broken(self):
        for content, mode, says in ((None, 0o600, "No such file"), ("", 0o600, "no API key"),
                                    ("k", 0o644, "open to others"), ("a b", 0o600, "one API key")):
            path = self.home.path / "key"
            if content is not None:
                self.home.write(path, content, mode=mode)
            result = self.get(IBMCLOUD_API_KEY=f"@{path}", IC_API_KEY="other")
            self.assert_fails(result, str(path), "$IBMCLOUD_API_KEY", says)
        self.assert_fails(self.get(IBMCLOUD_API_KEY="@"), "IBMCLOUD_API_KEY", "no file")
        self.assert_fails(self.get(IBMCLOUD_API_KEY=f"@{self.home.path}"), "regular")

    def test_not_of_the_others(self):
        path = self.home.write("key", "k")
        for name in ("IC_API_KEY", "CONTAINER_REGISTRY_APIKEY"):
            self.assert_fails(self.get(**{name: f"@{path}"}), name, "only IBMCLOUD_API_KEY")


@unittest.skipUnless(os.geteuid() == 0, "needs root's files, mounts and to become somebody else")
class Mounted(SourceCase):
    """Secrets as Kubernetes, OpenShift and Swarm mount them, read by a user of the container."""

    def setUp(self):
        super().setUp()
        self.home.path.chmod(0o755)
        self.home.configure(apikey_file=str(self.home.path / "secret/key")).chmod(0o644)
        for folder in (self.home.path / ".config", self.home.config_file.parent):
            folder.chmod(0o755)
        self.program = self.as_somebody_else()[-1]

    def read(self, owner, group, mode, read_only=False, uid=1000650000, gids=(0,)):
        folder = self.home.path / "secret"
        self.home.write("secret/key", "k", mode=mode)
        folder.chmod(0o755)
        os.chown(folder / "key", owner, group)
        mount = (f"mount --bind {folder} {folder} && "
                 f"mount -o remount,bind,ro {folder} &&" if read_only else "")
        command = (f"{mount} exec setpriv --reuid={uid} --regid={gids[0]} "
                   f"--groups={','.join(map(str, gids))} {self.program} get")
        return self.home.run(["unshare", "-m", "sh", "-c", command], stdin="us.icr.io")

    def test_taken(self):
        for owner, group, mode, read_only, gids in (
                (0, 0, 0o440, False, (0,)), (0, 0, 0o640, False, (0,)),
                (0, 1000650000, 0o440, False, (0, 1000650000)),
                (0, 1000650000, 0o640, False, (0, 1000650000)),
                (0, 0, 0o444, True, (0,)), (0, 0, 0o644, True, (7,)),
                (0, 0, 0o640, True, (0,)), (1000650000, 0, 0o400, False, (0,))):
            with self.subTest(owner=owner, group=group, mode=oct(mode)):
                result = self.read(owner, group, mode, read_only, gids=gids)
                self.assert_got(result, "us.icr.io", "iamapikey", "k")

    def test_refused(self):
        for owner, group, mode, gids in ((0, 0, 0o444, (0,)), (0, 0, 0o460, (0,)),
                                         (0, 0, 0o660, (0,)), (0, 0, 0o400, (0,)),
                                         (12345, 0, 0o440, (0,)), (1000650000, 0, 0o440, (0,))):
            with self.subTest(owner=owner, group=group, mode=oct(mode)):
                self.assert_fails(self.read(owner, group, mode, gids=gids), "secret/key")

    def test_some_other_file(self):
        """No advice to close what is no key of ours."""
        self.home.configure(apikey_file="/etc/shadow")
        result = self.home.run([HELPER, "get"], stdin="us.icr.io")
        self.assert_fails(result, "/etc/shadow")
        self.assertNotIn(b"chmod", result.err)

    def test_credentials_folder_of_another_service(self):
        self.home.config_file.unlink()
        self.home.write("creds/icr-apikey", "k", mode=0o400)
        command = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", self.program]
        for verb in ("get", "list"):
            result = self.home.run([*command, verb], stdin="us.icr.io",
                                   env={"CREDENTIALS_DIRECTORY": self.home.path / "creds"})
            if verb == "get":
                self.assert_missing(result, "creds/icr-apikey")
            else:
                self.assert_ok(result, b"{}\n")


@unittest.skipUnless(os.geteuid() == 0, "needs root's files and to become somebody else")
class System(SourceCase):
    """The key of the host, as the unit leaves it in /run."""

    def helper_there(self, verb="get", mode=0o640, group=4242, owner=0, gids="4242", key="of-host"):
        program = self.as_somebody_else()[-1]
        self.home.path.chmod(0o755)
        script = (f"mount -t tmpfs none /run && mkdir -m 755 /run/docker-credential-icr && "
                  f"printf %s '{key}' >{SYSTEM_KEY} && chown {owner}:{group} {SYSTEM_KEY} && "
                  f"chmod {mode:o} {SYSTEM_KEY} && exec setpriv --reuid=12345 --regid=12345 "
                  f"--groups={gids} {program} {verb}")
        return self.home.run(["unshare", "-m", "sh", "-c", script], stdin="us.icr.io")

    def test_member_of_the_group(self):
        self.assert_got(self.helper_there(), "us.icr.io", "iamapikey", "of-host")
        listed = self.helper_there("list")
        self.assertEqual(listed.json["us.icr.io"], "iamapikey")

    def test_somebody_else(self):
        result = self.helper_there(gids="99")
        self.assert_missing(result, SYSTEM_KEY, "not for this user", "join the group")
        self.assert_ok(self.helper_there("list", gids="99"), b"{}\n")

    def test_not_as_the_unit_leaves_it(self):
        for more in ({"mode": 0o644}, {"mode": 0o660}, {"owner": 12345}, {"key": ""},
                     {"key": "a b"}):
            self.assert_fails(self.helper_there(**more), SYSTEM_KEY)

    def test_after_the_others(self):
        self.home.env["IC_API_KEY"] = "mine"
        self.assert_got(self.helper_there(), "us.icr.io", "iamapikey", "mine")


class Ibmcloud(SourceCase):
    def session(self, secret=None, folder=".bluemix", mode=0o600, text=None):
        secret = secret or token(exp=int(time.time()) + 600, iam_id="IBMid-1")
        content = text if text is not None else {"IAMToken": f"Bearer {secret}", "Region": "us-south",
                                                 "IAMRefreshToken": "never-used"}
        return secret, self.home.write(f"{folder}/config.json", content, mode=mode)

    def test_its_token(self):
        secret, path = self.session()
        before = path.stat()
        self.gets(secret, "iambearer")
        self.assertEqual(path.stat().st_mtime_ns, before.st_mtime_ns)
        self.assert_missing(self.get("cp.icr.io"))
        self.assertEqual(self.home.helper("list").json, {})
        self.gets("key", IC_API_KEY="key")

    def test_where_it_is(self):
        secret, _ = self.session(folder=".ibmcloud")
        self.gets(secret, "iambearer")
        other, _ = self.session(token(exp=int(time.time()) + 700), folder="elsewhere/.bluemix")
        self.gets(other, "iambearer", IBMCLOUD_HOME=str(self.home.path / "elsewhere"))
        third, _ = self.session(token(exp=int(time.time()) + 800), folder="third")
        self.gets(third, "iambearer", IBMCLOUD_CONFIG_HOME=str(self.home.path / "third"))

    def test_what_does_not_count(self):
        now = int(time.time())
        for secret, says in ((token(exp=now - 1), "expired"), (token(exp=now + 5), "expired"),
                             (token(iat=1), "no access token"), ("opaque", "no access token")):
            self.session(secret)
            self.assert_missing(self.get(), ".bluemix/config.json", says)
        for text in ({"IAMToken": ""}, {}, {"IAMToken": 1}, []):
            self.session(text=text)
            self.assert_missing(self.get(), ".bluemix/config.json")
            self.assertEqual(self.explained()["ibmcloud"]["reason"], "not logged in")

    def test_open_to_others_or_somebody_elses(self):
        for mode in (0o644, 0o640, 0o660):
            self.session(mode=mode)
            self.assert_missing(self.get(), "open to others")
        if os.geteuid() == 0:
            _, path = self.session()
            os.chown(path, 12345, -1)
            self.assert_missing(self.get(), "12345")

    def test_written_at_this_moment(self):
        """The CLI truncates its file and writes it in place."""
        _, path = self.session(text='{"IAMToken": "Bea')
        result = self.get()
        self.assert_missing(result, "does not parse")
        self.assertLess(result.seconds, 3)
        child = subprocess.Popen([HELPER, "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=self.home.environment())
        secret = token(exp=int(time.time()) + 600)
        timer = threading.Timer(0.15, lambda: path.write_text(json.dumps({"IAMToken": secret})))
        timer.start()
        out, _ = child.communicate(b"us.icr.io", timeout=10)
        timer.join()
        self.assertEqual(json.loads(out)["Secret"], secret)


class TrustedProfile(SourceCase):
    def test_configuration(self):
        for profile, says in (({}, '"trusted_profile" must have "id", "name" or "crn"'),
                              ({"id": "a", "name": "b"}, "must have one of"),
                              ({"name": "a", "source": "vpc"}, '"trusted_profile.name" cannot be'),
                              ({"id": "a", "source": "vpc", "token_file": "/x"}, "token_file"),
                              ({"id": "a", "source": "metadata"}, "\"auto\" or \"file\""),
                              ({"id": ""}, "may not be empty"), ({"id": 1}, "trusted_profile.id"),
                              ({"id": "a", "token_file": "x"}, "a path"),
                              ({"profile": "a"}, "profile")):
            with self.subTest(profile=profile):
                self.home.configure(trusted_profile=profile)
                self.assert_fails(self.get(), "config.json:1:", says)

    def test_no_token(self):
        self.home.configure(trusted_profile={"id": "Profile-1", "source": "file"})
        result = self.get()
        self.assert_fails(result, "config.json:1:")
        self.assertIn(b"/var/run/secrets/tokens/sa-token", result.err)
        self.home.configure(trusted_profile={"name": "n"})
        self.assert_fails(self.get(), "config.json:1:")
        self.home.configure(trusted_profile={"id": "Profile-1", "token_file": "/nonexistent"})
        self.assert_fails(self.get(), "/nonexistent")
        self.home.configure(trusted_profile={"id": "Profile-1", "token_file": "~/token"})
        for content in ("", "a\0b"):
            self.home.write("token", content)
            self.assert_fails(self.get(), "no token of a compute resource")

    def test_offline_verbs(self):
        self.home.write("token", "t")
        self.home.configure(trusted_profile={"id": "Profile-1", "token_file": "~/token"})
        self.assertEqual(self.home.helper("list").json, {})
        step = self.explained()["trusted_profile"]
        self.assertEqual((step["outcome"], step["where"]), ("hit", str(self.home.path / "token")))
        self.home.configure(trusted_profile={"source": "vpc"})
        self.assertEqual(self.explained()["trusted_profile"]["outcome"], "hit")
        self.gets("first", IC_API_KEY="first")
        self.assert_missing(self.get("cp.icr.io"))


if __name__ == "__main__":
    unittest.main()
