# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The manual page of docker-credential-icr names what the program has, and says what it says."""

import re
import shutil
import subprocess
import unittest

from tests.blackbox.support import HELPER, TOP, HomeCase

PAGES = TOP / "packaging/man"
PAGE = PAGES / "docker-credential-icr.1"
CONFIGURATION = PAGES / "docker-credential-icr.conf.5"
PROVIDER = PAGES / "icr-credential-provider.8"
SOURCES = sorted((TOP / "helper").rglob("*.[ch]")) + sorted((TOP / "icr").rglob("*.[ch]"))


def plain(text):
    return text.replace(r"\-", "-").replace(r"\(dq", '"').replace(r"\e", "\\")


class Page(HomeCase):
    def setUp(self):
        super().setUp()
        self.page = plain(PAGE.read_text())

    def verbs(self):
        usage = self.home.helper("--help").out.decode()
        return re.findall(r"^  ([a-z]\w+) ", usage.partition("Verbs:")[2], re.M)

    def test_verbs_and_options(self):
        self.assertIn("configure", self.verbs())
        for verb in self.verbs():
            self.assertRegex(self.page, rf"(?m)^\.Cm .*\b{verb}\b|^\.It Cm {verb}$")
            for option in re.findall(r"(?m)^  --([a-z-]+)",
                                     self.home.helper(verb, "--help").out.decode()):
                self.assertRegex(self.page, rf"(?m)^\.It Fl -{option}\b", verb)

    def test_no_option_that_is_not_there(self):
        known = {"--help", "--version"}
        for verb in self.verbs():
            known |= set(re.findall(r"--[a-z-]+", self.home.helper(verb, "--help").out.decode()))
        self.assertLessEqual({f"-{option}" for option in
                              re.findall(r"(?:It|Op) Fl (-[a-z-]+)", self.page)}, known)

    def test_messages_are_the_programs(self):
        """The words of each message between its capital placeholders stand in the sources."""
        source = "".join(path.read_text() for path in SOURCES)
        source = re.sub(r'"\s*(?:DOCKER_CONFIG_OURS|HELPER_NAME)\s*"', "", source)
        source = re.sub(r'"\s+"', "", source)
        source = re.sub(r"%(?:04o|[.*]*[a-z]+)", "%", source).replace('\\"', '"')
        messages = re.findall(r'(?m)^\.It "(.*)"$', self.page.partition(".Sh DIAGNOSTICS")[2])
        self.assertGreater(len(messages), 15)
        for message in messages:
            for part in re.split(r"\b(?:FILE|LINE|COLUMN|HOST|NAME|KEY|WORD|WHAT|REASON|TARGET)\b|"
                                 r"0644|: No such file or directory|docker-credential-icr|\bfile\b|\blibsecret\b|\bicr\b|no hel|"
                                 r"\.\.\.", message):
                words = part.strip(' :";,()')
                if len(words) > 3:
                    self.assertTrue(words in source, f"{words!r} of {message!r}")

    @unittest.skipUnless(shutil.which("mandoc"), "no mandoc")
    def test_lint(self):
        for page in (PAGE, CONFIGURATION, PROVIDER):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], timeout=30,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            self.assertEqual(done.stdout, b"")

    def test_every_key_of_the_configuration(self):
        self.home.write(self.home.config_file, '{"zzzzzzzzzzzz": 1}')
        told = self.home.helper("list").err.decode()
        keys = re.split(r", | and ", re.search(r"the keys are (.*)", told).group(1))
        page = plain(CONFIGURATION.read_text())
        self.assertLessEqual(set(keys), set(re.findall(r"(?m)^\.It Li (\w+)$", page)))

    def test_examples_of_the_configuration(self):
        page = plain(CONFIGURATION.read_text()).partition(".Sh EXAMPLES")[2]
        examples = re.findall(r"(?s)\.Bd -literal -offset indent\n(.*?)\.Ed", page)
        self.assertEqual(len(examples), 3)
        for text in examples:
            self.home.write(self.home.config_file, text)
            self.assertEqual(self.home.helper("list").json, {})

    def test_example_of_the_provider(self):
        page = plain(PROVIDER.read_text()).partition(".Sh EXAMPLES")[2]
        command = re.search(r"(?s)\.Bd -literal -offset indent\n(.*?)\.Ed", page).group(1)
        link = self.home.path / "bin/icr-credential-provider"
        link.parent.mkdir()
        link.symlink_to(HELPER)
        result = self.home.run(["sh", "-c", command], env={
            "IC_API_KEY": "k", "PATH": f"{link.parent}:/usr/bin:/bin"})
        self.assertEqual(result.json["auth"]["us.icr.io"]["password"], "k")


if __name__ == "__main__":
    unittest.main()
