# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Where get looks, in which order, and what list makes of it."""

import base64
import json
import os
import time
import unittest

from tests.blackbox.support import BUILD, HELPER, HomeCase

VARIABLES = ("IBMCLOUD_API_KEY", "IC_API_KEY", "CONTAINER_REGISTRY_APIKEY")
REGIONS = ("", "us.", "uk.", "de.", "es.", "au.", "jp.", "jp2.", "ca.", "ca2.", "br.", "in.",
           "in2.", "fr2.")
ALIASES = ("registry.bluemix.net", "registry.ng.bluemix.net", "registry.eu-gb.bluemix.net",
           "registry.eu-de.bluemix.net", "registry.au-syd.bluemix.net")
EVERY_HOST = sorted([f"{region}icr.io" for region in REGIONS]
                    + [f"private.{region}icr.io" for region in REGIONS] + list(ALIASES))


def token(**claims):
    """An unsigned JSON Web Token."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class GetCase(HomeCase):
    def get(self, host="us.icr.io", **more):
        return self.home.helper("get", stdin=host, **more)

    def check(self, secret, host="us.icr.io", username="iamapikey", **more):
        result = self.get(host, **more)
        self.assert_got(result, host, username, secret)
        return result

    def listed(self, **more):
        result = self.home.helper("list", **more)
        self.assertEqual(result.status, 0, result)
        names = list(result.json)
        self.assertEqual(names, sorted(names))
        return result.json

    def check_list_is_gettable(self, **more):
        """list names only what get can fetch, with the user name that get answers."""
        for host, username in self.listed(**more).items():
            result = self.get(host, **more)
            self.assertEqual((result.status, result.json["Username"]), (0, username), result)

    def store_default(self, secret="default", username="iamapikey"):
        """What login will write."""
        self.home.write(self.home.store_file,
                        {"version": 1, "credentials": {
                            "*.icr.io": {"username": username, "secret": secret}}})


class Order(GetCase):
    def test_each_place_goes_before_the_next(self):
        key_file = self.home.write("key", "of-file")
        self.home.configure(apikey_file=str(key_file))
        self.check("of-file")
        folder = self.home.path / "creds"
        self.home.write("creds/icr-apikey", "of-systemd\n", mode=0o400)
        self.home.env["CREDENTIALS_DIRECTORY"] = str(folder)
        self.check("of-systemd")
        for variable in reversed(VARIABLES):
            self.home.env[variable] = variable.lower()
            self.check(variable.lower())
        self.store_default()
        self.check("default")
        self.check("default", "icr.io")
        for host, asked in (("registry.ng.bluemix.net", "us.icr.io"),
                            ("private.us.icr.io", "us.icr.io"), ("us.icr.io", "us.icr.io")):
            self.home.store(host, secret=f"of {host}")
            self.check(f"of {host}", asked)
        self.check_list_is_gettable()
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            self.check(f"of {host}", host)

    def test_twins_and_aliases(self):
        self.home.store("us.icr.io", secret="k")
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            self.check("k", host)
        for host in ("icr.io", "private.icr.io", "de.icr.io", "private.de.icr.io", "cp.icr.io",
                     "registry.bluemix.net", "registry.eu-de.bluemix.net"):
            self.assert_missing(self.get(host), host)
        self.home.helper("erase", stdin="us.icr.io")
        for stored in ("private.icr.io", "registry.bluemix.net"):
            self.home.store(stored, secret="g")
            for host in ("icr.io", "private.icr.io", "registry.bluemix.net"):
                self.check("g", host)
            self.home.helper("erase", stdin=stored)

    def test_regions_of_tomorrow(self):
        self.home.store("zz9.icr.io", secret="k")
        self.check("k", "private.zz9.icr.io")
        self.check("e", "private.yy.icr.io", env={"IC_API_KEY": "e"})

    def test_entitled_and_staging_have_their_own(self):
        env = {variable: "key" for variable in VARIABLES}
        self.store_default()
        for host in ("cp.icr.io", "stg.icr.io"):
            self.assert_missing(self.get(host, env=env), host)
            self.home.store(host, "cp", "entitlement")
            self.check("entitlement", host, "cp", env=env)
        for host in ("icr.io", "private.icr.io"):
            self.check("default", host)
        self.check_list_is_gettable(env=env)

    def test_empty_secret_is_passed_over(self):
        self.home.store("us.icr.io", secret="")
        self.assert_missing(self.get())
        self.assertEqual(self.listed(), {})
        self.home.store("private.us.icr.io", secret="twin")
        self.check("twin")
        self.assertEqual(self.listed(), {"private.us.icr.io": "iamapikey"})

    def test_not_found_says_where_it_looked(self):
        result = self.get(env={"CREDENTIALS_DIRECTORY": "/nonexistent"})
        self.assert_missing(result, "us.icr.io", "libsecret (no session bus)",
                            str(self.home.store_file), *VARIABLES, "/nonexistent/icr-apikey",
                            "docker login")
        self.assertLessEqual(result.err.count(b"\n"), 3)


class Hints(GetCase):
    """At most three lines: what was tried, what shadows us, what to do."""

    def setUp(self):
        super().setUp()
        self.home.env["PATH"] = f"{BUILD}:{os.environ['PATH']}"

    def hints(self, host="us.icr.io", **env):
        result = self.get(host, env=env)
        self.assert_missing(result)
        lines = result.err.decode().splitlines()
        self.assertLessEqual(len(lines), 3, result)
        return [line.removeprefix("docker-credential-icr: ") for line in lines]

    def test_tried_and_next_step(self):
        tried, step = self.hints()
        self.assertEqual(tried, (
            f"nothing for us.icr.io in libsecret (no session bus), file ({self.home.store_file}), "
            "$IBMCLOUD_API_KEY, $IC_API_KEY, $CONTAINER_REGISTRY_APIKEY, $CREDENTIALS_DIRECTORY, "
            "apikey_file, /run/docker-credential-icr/apikey, trusted_profile, "
            f"{self.home.path}/.bluemix/config.json"), tried)
        self.assertIn("docker login -u iamapikey us.icr.io", step)
        self.assertIn("docker-credential-icr login", step)

    def test_registries_of_their_own(self):
        tried, step = self.hints("cp.icr.io", IC_API_KEY="k")
        self.assertIn("environment (cp.icr.io has credentials of its own)", tried)
        self.assertIn("docker login -u cp cp.icr.io", step)
        self.assertIn("docker login stg.icr.io", self.hints("stg.icr.io")[1])

    def test_what_shadows_us(self):
        self.assertIn("DOCKER_AUTH_CONFIG is set", self.hints(DOCKER_AUTH_CONFIG="{}")[1])
        path = self.hints(PATH="/usr/bin:/bin")[1]
        self.assertIn("PATH (/usr/bin:/bin) does not lead to docker-credential-icr", path)
        self.assertIn("cron", path)

    def test_quiet(self):
        self.assertEqual(self.hints(ICR_QUIET="1"), [])
        self.assertEqual(self.hints("docker.io", ICR_QUIET="1"), [])
        self.assertEqual(len(self.hints(ICR_QUIET="0")), 2)

    def test_expired_token(self):
        self.home.store("us.icr.io", "iambearer", token(exp=int(time.time()) - 5))
        tried = self.hints()[0]
        self.assertIn(f"file ({self.home.store_file}) (the token of us.icr.io has expired)", tried)
        result = self.check("k", env={"IC_API_KEY": "k"})
        self.assertEqual(result.err.decode(), (
            f"docker-credential-icr: file ({self.home.store_file}): the token of us.icr.io has "
            "expired; another credential answers\n"))
        self.assertEqual(self.check("k", env={"IC_API_KEY": "k", "ICR_QUIET": "1"}).err, b"")

    def test_refresh_token_of_ibmcloud(self):
        self.home.store("us.icr.io", "iamrefresh", "r")
        result = self.check("r", username="iamrefresh")
        self.assertIn(b"ends when it is not used", result.err)
        self.assertEqual(result.err.count(b"\n"), 1)


class Tokens(GetCase):
    def test_expired_token_is_passed_over(self):
        self.home.store("us.icr.io", "iambearer", token(exp=int(time.time()) - 5))
        result = self.get()
        self.assert_missing(result, "expired")
        self.assertEqual(self.listed(), {})
        result = self.get(env={"IC_API_KEY": "key"})
        self.assert_got(result, "us.icr.io", "iamapikey", "key")
        self.assertIn(b"expired", result.err)
        self.home.store("private.us.icr.io", secret="twin")
        self.check("twin")

    def test_tokens_that_are_kept(self):
        now = int(time.time())
        for secret in (token(exp=now + 600), token(exp=now + 600.5), token(iat=now), token(exp="1"),
                       token(exp=None), "a.b.c", "..", ".", "a.!!!.c", "no token at all",
                       "e30.bm90IGpzb24.x", token(exp=1)[:-4] + "." + "x", "x" + token(),
                       "h." + base64.urlsafe_b64encode(b'{"exp":1e3}').decode() + ".s"):
            with self.subTest(secret=secret):
                self.home.store("us.icr.io", "iambearer", secret)
                if secret.startswith(token(exp=1)[:-4]):
                    self.assert_missing(self.get(), "expired")
                else:
                    self.assertEqual(self.check(secret, username="iambearer").err, b"")

    def test_only_bearer_tokens_expire(self):
        self.home.store("us.icr.io", "cp", token(exp=1))
        self.check(token(exp=1), username="cp")

    def test_expired_default(self):
        self.store_default(token(exp=1), "iambearer")
        self.assert_missing(self.get(), "expired")
        self.assertEqual(self.listed(), {})

    def test_refresh_token_user_is_echoed(self):
        self.home.store("us.icr.io", "<token>", "refresh")
        self.check("refresh", username="<token>")
        self.assertEqual(self.listed(), {"us.icr.io": "<token>"})


class Listing(GetCase):
    def test_every_host_where_a_key_stands_ready(self):
        key_file = self.home.write("key", "k")
        self.home.write("creds/icr-apikey", "k")
        for env, config in (({"IBMCLOUD_API_KEY": "k"}, {}),
                            ({"CREDENTIALS_DIRECTORY": self.home.path / "creds"}, {}),
                            ({}, {"apikey_file": str(key_file)})):
            self.home.configure(**config)
            self.assertEqual(self.listed(env=env), dict.fromkeys(EVERY_HOST, "iamapikey"))
        self.check_list_is_gettable()

    def test_default_of_a_store(self):
        self.store_default(username="somebody")
        self.assertEqual(self.listed(), dict.fromkeys(EVERY_HOST, "somebody"))
        self.home.store("us.icr.io", "me")
        self.home.store("zz.icr.io", "new")
        self.home.store("cp.icr.io", "cp")
        expected = dict.fromkeys(EVERY_HOST, "somebody")
        expected.update({"zz.icr.io": "new", "cp.icr.io": "cp"})
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            expected[host] = "me"
        self.assertEqual(self.listed(), expected)
        self.check_list_is_gettable()

    def test_key_file_at_fault(self):
        """get of a stored host works, so list names it; the fault is told."""
        self.home.configure(apikey_file="/nonexistent/key")
        self.home.store("us.icr.io")
        result = self.home.helper("list")
        self.assert_ok(result, b'{"us.icr.io":"iamapikey"}\n')
        self.assertIn(b"/nonexistent/key", result.err)
        self.check_list_is_gettable()


class Keys(GetCase):
    """Keys from the environment, systemd and a file."""

    GOOD = [("key", "key"), ("key\n", "key"), (" \tkey\r\n\n", "key"),
            ('{"apikey":"key"}', "key"), ('{"apiKey":"key"}', "key"),
            ('{\n\t"name": "n",\n\t"apikey": "key",\n\t"createdAt": 1e400\n}\n', "key"),
            (' {"apikey":" key\\n"} ', "key"), ("k-_.~!{}\"'", "k-_.~!{}\"'")]
    BAD = ["", " \n", "two words", "two\nlines", "k\u00e9y", b"k\0y", b"key\0", b"\xffkey",
           "{", "{}", '{"apikey":""}', '{"apikey":1}', '{"apikey":null}', '{"name":"x"}',
           '{"apikey":"a\\u0000b"}', '{"apikey":"a b"}', '{"apikey":"k"} x', '{"apikey":"k",}',
           "k" * 70000]

    def sources(self):
        """How to hand over a file's content, and how the file is named in messages."""
        path = self.home.path / "creds/icr-apikey"
        yield {"CREDENTIALS_DIRECTORY": str(path.parent)}, {}, path
        yield {}, {"apikey_file": str(self.home.path / "key")}, self.home.path / "key"
        yield {}, {"apikey_file": "~/home-key"}, self.home.path / "home-key"

    def test_files(self):
        for env, config, path in self.sources():
            self.home.configure(**config)
            for content, key in self.GOOD:
                with self.subTest(path=path.name, content=content):
                    self.home.write(path, content)
                    self.check(key, env=env)
            for content in self.BAD:
                with self.subTest(path=path.name, content=content[:40]):
                    self.home.write(path, content)
                    result = self.get(env=env)
                    self.assert_fails(result, str(path))
                    self.assertNotIn(b"two words", result.out + result.err)
            path.unlink()

    def test_environment(self):
        for value in ("key", " key \n"):
            self.check("key", env={"IC_API_KEY": value})
        self.assert_missing(self.get(env={"IC_API_KEY": ""}))
        self.check("second", env={"IBMCLOUD_API_KEY": "", "IC_API_KEY": "second"})
        for value in ("two words", "k\u00e9y", " "):
            result = self.get(env={"IC_API_KEY": value})
            self.assert_fails(result, "IC_API_KEY")
            self.assertIn(b"unset it", result.err)
            self.assertNotIn(b"two words", result.out + result.err)

    def test_missing_key_file_is_told(self):
        self.home.configure(apikey_file="/nonexistent/key")
        self.assert_fails(self.get(), "/nonexistent/key")
        self.check("e", env={"IC_API_KEY": "e"})
        self.assert_missing(self.get("cp.icr.io"))

    def test_missing_systemd_credential(self):
        folder = self.home.path / "creds"
        folder.mkdir()
        self.assert_missing(self.get(env={"CREDENTIALS_DIRECTORY": folder}), "creds/icr-apikey")
        (folder / "icr-apikey").mkdir()
        self.assert_fails(self.get(env={"CREDENTIALS_DIRECTORY": folder}), "creds/icr-apikey")

    def test_key_file_that_others_may_read(self):
        self.home.configure(apikey_file="~/key")
        for mode in (0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o610):
            path = self.home.write("key", "k", mode=mode)
            if os.geteuid() == 0:
                os.chown(path, 0, 54321)
            result = self.get()
            self.assert_fails(result, str(self.home.path / "key"))
            self.assertIn(b"chmod", result.err)
        for mode in (0o600, 0o400, 0o700):
            (self.home.path / "key").unlink()
            self.home.write("key", "k", mode=mode)
            self.check("k")

    @unittest.skipUnless(os.geteuid() == 0, "needs to give files away")
    def test_key_file_of_somebody_else(self):
        self.home.configure(apikey_file="~/key")
        path = self.home.write("key", "k")
        os.chown(path, 12345, -1)
        result = self.get()
        self.assert_fails(result, str(path), "12345")
        self.assertIn(b"chown", result.err)

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_key_file_of_root_alone(self):
        """A key for the whole machine that its other users may not read."""
        self.home.path.chmod(0o755)
        self.home.configure(apikey_file="~/key")
        path = self.home.write("key", "k")
        self.home.config_file.chmod(0o644)
        for folder in (self.home.path / ".config", self.home.config_file.parent):
            folder.chmod(0o755)
        command = self.as_somebody_else()
        result = self.home.run(command + ["get"], stdin="us.icr.io")
        self.assert_fails(result, str(path), "Permission denied")
        self.assertIn(b"docker login", result.err)
        self.home.config_file.chmod(0o600)
        result = self.home.run(command + ["get"], stdin="us.icr.io")
        self.assert_fails(result, str(self.home.config_file), "Permission denied")
        self.assertIn(b"chmod a+r", result.err)

    def test_key_file_behind_links(self):
        """As Kubernetes mounts secrets: the name leads into a folder of the version."""
        self.home.write("v1/key", "k")
        os.symlink("v1", self.home.path / "current")
        os.symlink("current/key", self.home.path / "key")
        self.home.configure(apikey_file="~/key")
        self.check("k")
        (self.home.path / "v1/key").chmod(0o644)
        self.assert_fails(self.get(), "v1/key")
        (self.home.path / "v1/key").unlink()
        self.assert_fails(self.get(), "key")

    def test_key_file_that_is_no_file(self):
        self.home.configure(apikey_file=str(self.home.path))
        self.assert_fails(self.get(), str(self.home.path))
        os.mkfifo(self.home.path / "fifo", 0o600)
        self.home.configure(apikey_file="~/fifo")
        self.assert_fails(self.get(), "fifo")

    def test_nothing_leaks_into_output_of_others(self):
        env = {"IBMCLOUD_API_KEY": "TOPSECRET"}
        for verb in ("list", "erase", "version", "store"):
            result = self.home.run([HELPER, verb], stdin="us.icr.io", env=env)
            self.assertNotIn(b"TOPSECRET", result.out + result.err)
