# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The helper's own configuration: both files, and every way of getting it wrong."""

import json
import os
import unittest

from tests.blackbox.support import HELPER, NOT_FOUND, HomeCase, unshare

MESSAGE = json.dumps({"ServerURL": "us.icr.io", "Username": "u", "Secret": "s"})

# The file, and what the error must say besides the file's name.
FAULTY = [
    ("", ":1:1"),
    ("not json", ":1:2"),
    ("[]", ":1:1", "object"),
    ('"x"', ":1:1", "object"),
    ("null", ":1:1", "object"),
    ('{"stores": ["file"],}', ":1:21"),
    ('{"stores": ["file"]} x', ":1:22"),
    ('{\n  // comment\n  "stores": ["file"]\n}', ":2:3"),
    ("\ufeff{}", ":1:1"),
    (b'{"stores": ["\xff"]}', ":1:14"),
    ('{"a\\u0000": 1}', ":1:"),
    ('{"store": ["file"]}', ":1:2", "unknown key", "\"store\""),
    ('{"Stores": ["file"]}', ":1:2", "unknown key", "\"Stores\""),
    ('{\n\t"token": "apikey",\n\t"": 1\n}', ":3:2", "unknown key", '""'),
    ('{"stores": "file"}', ":1:12", "stores", "a list"),
    ('{"stores": null}', ":1:12", "stores"),
    ('{"stores": {}}', ":1:12", "stores"),
    ('{"stores": []}', ":1:12", "stores", "empty"),
    ('{"stores": ["file", "filing"]}', ":1:21", "stores", "filing"),
    ('{"stores": ["keyrings"]}', ":1:13", "stores", "keyrings"),
    ('{"stores": ["File"]}', ":1:13", "stores", "File"),
    ('{"stores": ["file", 1]}', ":1:21", "stores"),
    ('{"stores": ["file", ["file"]]}', ":1:21", "stores"),
    ('{"stores": ["file", "libsecret", "file"]}', ":1:34", "stores", "repeated"),
    ('{"token": "iam"}', ":1:11", "token", '"apikey" or "bearer"'),
    ('{"sources": "stored"}', ":1:13", "sources", "a list"),
    ('{"sources": []}', ":1:13", "sources", "empty"),
    ('{"sources": ["stored", "keychain"]}', ":1:24", "sources", "keychain"),
    ('{"sources": ["stored", "stored"]}', ":1:24", "sources", "repeated"),
    ('{"apikey_files": "/x"}', ":1:2", "unknown key", "\"apikey_files\""),
    ('{"token": ""}', ":1:11", "token"),
    ('{"token": true}', ":1:11", "token"),
    ('{"iam_url": 1}', ":1:13", "iam_url", "https://"),
    ('{"iam_url": ""}', ":1:13", "iam_url", "empty"),
    ('{"iam_url": "http://iam.example"}', ":1:13", "iam_url", "https://"),
    ('{"iam_url": "https://"}', ":1:13", "iam_url"),
    ('{"iam_url": "https:///token"}', ":1:13", "iam_url"),
    ('{"iam_url": "https://user@iam.example"}', ":1:13", "iam_url"),
    ('{"iam_url": "iam.example"}', ":1:13", "iam_url", "https://"),
    ('{"apikey_file": 1}', ":1:17", "apikey_file"),
    ('{"apikey_file": ["x"]}', ":1:17", "apikey_file"),
    ('{"apikey_file": null}', ":1:17", "apikey_file"),
    ('{"apikey_file": ""}', ":1:17", "apikey_file"),
    ('{"apikey_file": "key"}', ":1:17", "apikey_file"),
    ('{"apikey_file": "./key"}', ":1:17", "apikey_file"),
    ('{"apikey_file": "~"}', ":1:17", "apikey_file"),
    ('{"apikey_file": "~root/key"}', ":1:17", "apikey_file"),
    ('{"apikey_file": "$HOME/key"}', ":1:17", "apikey_file"),
    ('{\n\t"stores": [\n\t\t"file",\n\t\t"\u00e4\u00e4", "x"]}', ":4:3", "stores"),
    ('{"stores": ["file"], "x": ' + "[" * 600 + "]" * 600 + "}", ":1:"),
    ('{"apikey_file": "/' + "x" * 70000 + '"}', "65536"),
]


class Config(HomeCase):
    def verbs(self, env=None):
        for verb, stdin in (("get", "us.icr.io"), ("list", ""), ("store", MESSAGE),
                            ("erase", "us.icr.io")):
            yield verb, self.home.helper(verb, stdin=stdin, env=env)

    def test_faulty(self):
        for content, *needles in FAULTY:
            self.home.write(self.home.config_file, content)
            for verb, result in self.verbs(env={"IC_API_KEY": "does-not-hide-it"}):
                with self.subTest(content=content[:60], verb=verb):
                    self.assert_fails(result, str(self.home.config_file), *needles)
            self.assertFalse(self.home.data.exists())

    def test_a_key_in_place_of_its_file_is_not_repeated(self):
        self.home.configure(apikey_file="Zz9-the-key-itself")
        for verb, result in self.verbs():
            with self.subTest(verb=verb):
                self.assert_fails(result, ":1:17", "apikey_file", "path")
                self.assertNotIn(b"Zz9", result.out + result.err)

    def test_hosts_of_others_do_not_suffer(self):
        """With credsStore, Docker asks for every registry."""
        self.home.write(self.home.config_file, "not json")
        result = self.home.helper("get", stdin="https://index.docker.io/v1/")
        self.assertEqual((result.status, result.out), (1, NOT_FOUND))
        self.assert_ok(self.home.helper("erase", stdin="https://index.docker.io/v1/"))

    def test_good(self):
        for content in ("{}", ' \n{ "token" : "apikey" }\n\n', '{"stores":["file","libsecret"]}',
                        '{"stores":["file"],"stores":["libsecret","file"]}',
                        '{"\\u0073tores":["f\\u0069le"]}', '{"apikey_file":"/nonexistent/x"}',
                        '{"sources":["apikey_file","stored"],"sources":["stored"]}',
                        '{"iam_url":"private"}', '{"iam_url":"https://iam.example/identity"}'):
            with self.subTest(content=content):
                self.home.write(self.home.config_file, content)
                self.assert_ok(self.home.helper("store", stdin=MESSAGE))
                self.assert_got(self.home.helper("get", stdin="us.icr.io"), "us.icr.io", "u", "s")

    def test_what_was_meant(self):
        for content, meant in (('{"store": 1}', b'did you mean "stores"?'),
                               ('{"api_key_file": 1}', b'did you mean "apikey_file"?'),
                               ('{"zzzzzzzzzz": 1}', b"the keys are stores, sources, token")):
            with self.subTest(content=content):
                self.home.write(self.home.config_file, content)
                self.assertIn(meant, self.home.helper("list").err)

    def test_sources_pick_and_order(self):
        key = self.home.write("key", "of-file")
        env = {"IC_API_KEY": "of-environment"}
        self.home.store("us.icr.io", secret="stored")
        for sources, secret in ((["stored", "environment", "apikey_file"], "stored"),
                                (["environment", "stored"], "of-environment"),
                                (["apikey_file", "environment", "stored"], "of-file"),
                                (["systemd", "apikey_file"], "of-file")):
            with self.subTest(sources=sources):
                self.home.configure(sources=sources, apikey_file=str(key))
                self.assert_got(self.home.helper("get", stdin="us.icr.io", env=env),
                                "us.icr.io", "iamapikey", secret)
        self.home.configure(sources=["systemd"])
        self.assert_missing(self.home.helper("get", stdin="us.icr.io", env=env))

    def test_xdg_config_home(self):
        folder = self.home.path / "xdg"
        self.home.write(folder / "docker-credential-icr/config.json", "{")
        self.assert_missing(self.home.helper("get", stdin="us.icr.io"))
        result = self.home.helper("get", stdin="us.icr.io", env={"XDG_CONFIG_HOME": folder})
        self.assert_fails(result, str(folder))
        result = self.home.helper("get", stdin="us.icr.io", env={"XDG_CONFIG_HOME": "xdg"},
                                  cwd=self.home.path)
        self.assert_missing(result)

    def test_not_a_file(self):
        self.home.config_file.mkdir(parents=True)
        for _, result in self.verbs():
            self.assert_fails(result, str(self.home.config_file))
        self.home.config_file.rmdir()
        os.symlink("nowhere", self.home.config_file)
        for _, result in self.verbs():
            self.assert_fails(result, str(self.home.config_file))

    def test_written_by_anybody(self):
        self.home.store("us.icr.io", secret="stored")
        self.home.configure(stores=["file"])
        self.home.config_file.chmod(0o664)
        self.assert_got(self.home.helper("get", stdin="us.icr.io"), "us.icr.io", "iamapikey",
                        "stored")
        self.home.config_file.chmod(0o666)
        for verb, result in self.verbs():
            with self.subTest(verb=verb):
                self.assert_fails(result, str(self.home.config_file), "everybody (mode 0666)")
                self.assertIn(f"chmod o-w {self.home.config_file}", result.err.decode())

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_out_of_reach(self):
        """A folder that one may not enter holds no configuration; a link into one is a fault."""
        self.home.path.chmod(0o755)
        closed = self.home.write("closed/docker-credential-icr/config.json", "{}", 0o644)
        linked = self.home.path / "open/docker-credential-icr"
        linked.mkdir(parents=True)
        for folder in (linked, linked.parent):
            folder.chmod(0o755)
        (linked / "config.json").symlink_to(closed)
        command = self.as_somebody_else() + ["get"]
        closed_home = closed.parent.parent
        closed_home.chmod(0o700)
        self.assert_missing(self.home.run(command, stdin="us.icr.io",
                                          env={"XDG_CONFIG_HOME": closed_home}))
        self.assert_fails(self.home.run(command, stdin="us.icr.io",
                                        env={"XDG_CONFIG_HOME": linked.parent}),
                          str(linked), "Permission denied")

    def test_link_is_followed(self):
        real = self.home.write("dotfiles/icr.json", '{"stores": ["file"]}')
        self.home.config_file.parent.mkdir(parents=True)
        os.symlink(real, self.home.config_file)
        result = self.home.helper("store", stdin=MESSAGE)
        self.assert_ok(result)
        self.assertNotIn(b"libsecret", result.err)


class SystemConfig(HomeCase):
    """With an /etc of its own."""

    def run_with(self, system, verb, stdin=""):
        source = self.home.write("system.json", system)
        script = ('mount -t tmpfs tmpfs /etc && mkdir /etc/docker-credential-icr && '
                  'cp "$1" /etc/docker-credential-icr/config.json && shift && exec "$@"')
        return self.home.run([*unshare(), "sh", "-c", script, "sh", source, HELPER, verb],
                             stdin=stdin)

    def test_system_then_user_key_by_key(self):
        self.home.write("system-key", "of-system")
        self.home.write("user-key", "of-user")
        system = {"stores": ["libsecret"], "apikey_file": "~/system-key"}
        result = self.run_with(system, "get", "us.icr.io")
        self.assert_got(result, "us.icr.io", "iamapikey", "of-system")
        self.assert_fails(self.run_with(system, "store", MESSAGE), "no session bus")
        self.home.configure(stores=["file"])
        self.assert_got(self.run_with(system, "get", "us.icr.io"), "us.icr.io", "iamapikey",
                        "of-system")
        self.assert_ok(self.run_with(system, "store", MESSAGE))
        self.assert_ok(self.run_with(system, "erase", "us.icr.io"))
        self.home.configure(apikey_file=str(self.home.path / "user-key"))
        self.assert_got(self.run_with(system, "get", "us.icr.io"), "us.icr.io", "iamapikey",
                        "of-user")
        self.assert_fails(self.run_with(system, "store", MESSAGE), "no session bus")

    def test_faulty_system_file(self):
        self.home.configure(stores=["file"])
        result = self.run_with('{"stores": 1}', "get", "us.icr.io")
        self.assert_fails(result, "/etc/docker-credential-icr/config.json:1:12", "stores")
