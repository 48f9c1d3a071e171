# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr explain: which source answers, which were tried, and why not."""

import base64
import json
import os
import time
import unittest

from tests.blackbox.support import BUILD, HomeCase


def token(**claims):
    """An unsigned JSON Web Token."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class ExplainCase(HomeCase):
    SECRET = "Zz9-secret"

    def setUp(self):
        super().setUp()
        self.home.env["PATH"] = f"{BUILD}:{os.environ['PATH']}"
        self.home.write(".docker/config.json",
                        {"credHelpers": dict.fromkeys(("us.icr.io", "cp.icr.io"), "icr")})

    def explain(self, host="us.icr.io", *arguments, env=None):
        result = self.home.helper("explain", host, *arguments, env=env)
        self.assertNotIn(self.SECRET.encode(), result.out + result.err)
        return result

    def json(self, host="us.icr.io", status=0, env=None):
        result = self.explain(host, "--json", env=env)
        self.assertEqual(result.status, status, result)
        found = result.json
        self.assertEqual(list(found), ["version", "asked", "host", "answer", "sources"])
        self.assertEqual((found["version"], found["asked"]), (1, host))
        for step in found["sources"]:
            self.assertEqual(list(step), ["name", "where", "outcome", "reason"])
            self.assertIn(step["outcome"], ("hit", "miss", "skipped", "error"))
            self.assertEqual(step["reason"] is None, step["outcome"] == "hit", step)
        return found

    def outcomes(self, found):
        return [(step["name"], step["outcome"]) for step in found["sources"]]


class Explain(ExplainCase):
    def test_nothing(self):
        found = self.json(status=1)
        self.assertEqual((found["host"], found["answer"]), ("us.icr.io", None))
        self.assertEqual(self.outcomes(found)[:6],
                         [("stored", "error"), ("stored", "miss")] + 3 * [("environment", "miss")]
                         + [("systemd", "miss")])
        self.assertEqual(found["sources"][0], {
            "name": "stored", "where": "libsecret", "outcome": "error", "reason": "no session bus"})
        result = self.explain()
        self.assertEqual(result.status, 1, result)
        self.assertTrue(result.out.startswith(b"us.icr.io: nothing answers\n"), result)

    def test_hit(self):
        found = self.json("https://US.icr.io/v2/", env={"IC_API_KEY": self.SECRET})
        self.assertEqual((found["host"], found["answer"]),
                         ("us.icr.io", {"source": "environment", "username": "iamapikey"}))
        self.assertIn({"name": "environment", "where": "$IC_API_KEY", "outcome": "hit",
                       "reason": None}, found["sources"])
        self.assertIn({"name": "apikey_file", "where": None, "outcome": "skipped",
                       "reason": "an earlier source answers"}, found["sources"])
        result = self.explain(env={"IC_API_KEY": self.SECRET})
        self.assertEqual(result.status, 0, result)
        self.assertTrue(result.out.startswith(b"us.icr.io: environment, $IC_API_KEY answers, with "
                                              b"the user name iamapikey\n"), result)
        self.assertEqual(result.err, b"")

    def test_stored_for_another_name_of_the_registry(self):
        self.home.store("private.us.icr.io", secret=self.SECRET)
        found = self.json()
        self.assertEqual(found["answer"], {"source": "stored", "username": "iamapikey"})
        self.assertIn({"name": "stored", "where": f"file ({self.home.store_file})",
                       "outcome": "hit", "reason": None}, found["sources"])

    def test_expired(self):
        self.home.store("us.icr.io", "iambearer", token(exp=int(time.time()) - 60))
        found = self.json(status=1)
        self.assertIn({"name": "stored", "where": f"file ({self.home.store_file})",
                       "outcome": "skipped", "reason": "the token of us.icr.io has expired"},
                      found["sources"])

    def test_token(self):
        """What would become an access token is said to be one, without asking IAM for it."""
        self.home.configure(token="bearer")
        found = self.json(env={"IC_API_KEY": self.SECRET})
        self.assertEqual(found["answer"], {"source": "environment", "username": "iambearer"})

    def test_a_source_that_fails(self):
        self.home.configure(apikey_file="/nonexistent/key")
        result = self.explain("us.icr.io", "--json")
        self.assertEqual(result.status, 1, result)
        self.assertIsNone(result.json["answer"])
        self.assertIn(("apikey_file", "error"), self.outcomes(result.json))
        self.assertIn(b"/nonexistent/key", result.err)

    def test_sources_of_the_configuration(self):
        self.home.configure(sources=["systemd", "stored"])
        found = self.json(status=1, env={"IC_API_KEY": self.SECRET})
        self.assertEqual(self.outcomes(found)[0][0], "systemd")
        self.assertIn({"name": "environment", "where": None, "outcome": "skipped",
                       "reason": 'not in "sources" of the configuration'}, found["sources"])

    def test_a_key_file_that_is_not_there(self):
        folder = self.home.path / "creds"
        folder.mkdir()
        found = self.json(status=1, env={"CREDENTIALS_DIRECTORY": folder})
        self.assertIn({"name": "systemd", "where": f"{folder}/icr-apikey", "outcome": "miss",
                       "reason": "no such file"}, found["sources"])

    def test_credentials_of_their_own(self):
        found = self.json("cp.icr.io", status=1, env={"IC_API_KEY": self.SECRET})
        self.assertIn({"name": "environment", "where": None, "outcome": "skipped",
                       "reason": "cp.icr.io has credentials of its own"}, found["sources"])

    def test_not_ours(self):
        for host in ("docker.io", "us.icr.io.evil.com", ""):
            found = self.json(host, status=1)
            self.assertEqual((found["host"], found["answer"], found["sources"]), (None, None, []))
        result = self.explain(f"https://user:{self.SECRET}@us.icr.io", "--json")
        self.assertEqual((result.status, result.json["asked"]), (1, "<hidden>"))

    def test_what_shadows_it(self):
        for env, words in (({"DOCKER_AUTH_CONFIG": "{}"}, "DOCKER_AUTH_CONFIG is set"),
                           ({"PATH": "/usr/bin:/bin"}, "no folder of PATH"),
                           ({"DOCKER_CONFIG": "/nonexistent"},
                            "/nonexistent/config.json does not name this helper for us.icr.io")):
            self.assertIn(words, self.explain(env=env).err.decode())
        self.home.write(".docker/config.json", {"credHelpers": {"us.icr.io": "pass"}})
        self.assertIn(b"names another helper for us.icr.io", self.explain().err)
        self.home.store("us.icr.io", "iamrefresh", self.SECRET)
        self.assertIn(b"ibmcloud cr login", self.explain().err)

    def test_usage(self):
        self.assertEqual(self.home.helper("explain").status, 2)
        self.assertEqual(self.home.helper("explain", "a", "b").status, 2)

    def test_faulty_configuration(self):
        self.home.write(self.home.config_file, "{")
        result = self.explain()
        self.assertEqual((result.status, result.out), (1, b""), result)
        self.assertIn(str(self.home.config_file), result.err.decode())


if __name__ == "__main__":
    unittest.main()
