# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What both programs show of themselves: help, versions, mistyped words, output that cannot be
written, and that help, manual pages and completions name the same."""

import os
import re
import shutil
import unittest

from tests import common, completions
from tests.blackbox.rewrite import US, TreeCase
from tests.blackbox.support import HELPER, REWRITE, TOP, HomeCase

PROGRAMS = {"icr-rewrite": REWRITE, "docker-credential-icr": HELPER}


class Face(HomeCase):
    def run_it(self, program, *words):
        return self.home.run([PROGRAMS[program], *words])

    def verbs(self, program):
        usage = self.run_it(program, "--help").out.decode()
        return re.findall(r"(?m)^  ([a-z][a-z-]+) ", usage.partition("Verbs:")[2])

    def options(self, program, verb):
        """{name: argument} of what VERB --help explains."""
        text = self.run_it(program, verb, "--help").out.decode()
        return dict(re.findall(r"(?m)^  (--[a-z-]+)(?: ([A-Za-z|-]+))?", text))


class Help(Face):
    def test_both_ways(self):
        for program in PROGRAMS:
            usage = self.run_it(program, "help")
            self.assertEqual((usage.status, usage.err), (0, b""), usage)
            self.assertEqual(usage.out, self.run_it(program, "-h").out)
            for verb in self.verbs(program):
                with self.subTest(program=program, verb=verb):
                    asked = self.run_it(program, "help", verb)
                    self.assertEqual((asked.status, asked.err), (0, b""), asked)
                    for word in ("--help", "-h"):
                        self.assertEqual(self.run_it(program, verb, word).out, asked.out)
                    self.assertTrue(asked.out.startswith(f"Usage: {program} {verb}".encode()))
                    self.assertLessEqual(max(map(len, asked.out.decode().splitlines())), 80)

    def test_every_option_is_explained(self):
        for verb in self.verbs("icr-rewrite"):
            text = self.run_it("icr-rewrite", verb, "--help").out.decode()
            self.assertIn("--json", self.options("icr-rewrite", verb), verb)
            for option in self.options("icr-rewrite", verb):
                self.assertRegex(text, rf"(?m)^  {option}\b.*(?:\n {{8,}})?\S+ \S+", verb)

    def test_help_needs_no_operand_of_the_protocol(self):
        result = self.run_it("docker-credential-icr", "help", "get")
        self.assertIn(b"echo us.icr.io", result.out)


class Mistyped(Face):
    def test_verbs(self):
        for words, line in (
                (["chek"], 'unknown verb "chek", did you mean "check"? See icr-rewrite --help'),
                (["Apply"], 'unknown verb "Apply", did you mean "apply"? See icr-rewrite --help'),
                (["help", "stats"],
                 'unknown verb "stats", did you mean "status"? See icr-rewrite --help'),
                (["bogus"], 'unknown verb "bogus"; see icr-rewrite --help'),
                (["hepl", "apply"], 'unknown verb "hepl", did you mean "help"? See icr-rewrite --help'),
                (["--json", "status"], 'unknown option "--json" in front of the verb, options of a verb stand behind '
                 'it; see icr-rewrite --help'),
                ([""], 'unknown verb ""; see icr-rewrite --help'),
                (["a\nb\x1b[31m"], 'unknown verb "a\\x0Ab\\x1B[31m"; see icr-rewrite --help')):
            with self.subTest(words):
                result = self.run_it("icr-rewrite", *words)
                self.assertEqual((result.status, result.out), (2, b""), result)
                self.assertEqual(result.err.decode(), f"icr-rewrite: {line}\n")

    def test_options(self):
        for program, words, line in (
                ("icr-rewrite", ["apply", "--region", "us"],
                 'unknown option "--region", did you mean "--regions"?'
                 ' See icr-rewrite apply --help'),
                ("icr-rewrite", ["apply", "-r", "us"],
                 'unknown option "-r"; see icr-rewrite apply --help'),
                ("icr-rewrite", ["undo", "us"],
                 'unexpected argument "us"; see icr-rewrite undo --help'),
                ("icr-rewrite", ["status", "--jsn=hunter2"],
                 'unknown option "--jsn", did you mean "--json"? See icr-rewrite status --help'),
                ("docker-credential-icr", ["configure", "--dryrun"],
                 'unknown option "--dryrun", did you mean "--dry-run"?'
                 ' See docker-credential-icr configure --help')):
            with self.subTest(words):
                result = self.run_it(program, *words)
                self.assertEqual((result.status, result.out), (2, b""), result)
                self.assertEqual(result.err.decode(), f"{program}: {line}\n")

    def test_protocol_stays(self):
        result = self.run_it("docker-credential-icr", "gett")
        self.assertEqual((result.status, result.out),
                         (1, b"docker-credential-icr: unknown action: gett\n"))
        self.assertEqual(result.err.decode(), 'docker-credential-icr: did you mean "get"? '
                                              "all verbs: docker-credential-icr --help\n")


class Version(Face):
    def test_all_spellings(self):
        for program in PROGRAMS:
            told = self.run_it(program, "--version")
            self.assertEqual((told.status, told.err, told.out.count(b"\n")), (0, b"", 1), told)
            self.assertRegex(told.out, rb"\A" + program.encode() + rb" .*\d+\.\d+\.\d+\S*\n\Z")
            for word in ("-V", "-v", "version"):
                self.assertEqual(self.run_it(program, word).out, told.out, word)


class Completions(Face):
    def setUp(self):
        super().setUp()
        self.files = {name: (completions.FOLDER / name).read_text(encoding="utf-8")
                      for name in completions.everything()}

    def test_made_of_the_table(self):
        for name, text in completions.everything().items():
            self.assertEqual(self.files[name], text, f"{name}: run tests/completions.py")
        self.assertEqual(set(os.listdir(completions.FOLDER)), set(self.files))
        self.assertGreater(len(completions.regions()), 10)

    def test_parse(self):
        for name, text in self.files.items():
            shell = {"bash": "bash", "fish": "fish"}.get(name.rpartition(".")[2], "zsh")
            if shutil.which(shell):
                done = self.home.run([shell, "-n", str(completions.FOLDER / name)])
                self.assertEqual((done.status, done.out, done.err), (0, b"", b""), name)

    def complete(self, program, *words):
        """What bash offers for the last of WORDS."""
        script = (f'. "{completions.FOLDER}/{program}.bash"; COMP_WORDS=("$@"); '
                  f"COMP_CWORD=$(($# - 1)); _{program.replace('-', '_')}; "
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = self.home.run(["bash", "-c", script, "bash", program, *words])
        self.assertEqual((done.status, done.err), (0, b""), done)
        return done.out.decode().split()

    def test_bash(self):
        for program in PROGRAMS:
            self.assertLessEqual({*self.verbs(program), "help"},
                                 set(self.complete(program, "")), program)
            for verb in self.verbs(program):
                self.assertEqual({word for word in self.complete(program, verb, "--")},
                                 {*self.options(program, verb), "--help"}, verb)
        self.assertEqual(self.complete("icr-rewrite", "app"), ["apply"])
        self.assertEqual(self.complete("icr-rewrite", "apply", "--fallback", ""),
                         ["never", "public"])
        self.assertEqual(self.complete("icr-rewrite", "apply", "--fallback", "=", "p"), ["public"])
        self.assertEqual(self.complete("icr-rewrite", "apply", "--regions", "de,j"),
                         ["de,jp", "de,jp2"])
        self.assertEqual(self.complete("icr-rewrite", "apply", "--engines", "docker,b"), ["docker,buildkit"])
        self.assertIn("us", self.complete("icr-rewrite", "private-only", "--region", ""))

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish(self):
        def complete(line):
            done = self.home.run(["fish", "--no-config", "-c", f'source "{completions.FOLDER}/icr-rewrite.fish"; '
                                  f"complete -C '{line}'"])
            return [word.partition("\t")[0] for word in done.out.decode().splitlines()]
        self.assertEqual(complete("icr-rewrite apply --engines docker,b"), ["docker,buildkit"])
        self.assertLessEqual({"de,jp", "de,jp2"}, set(complete("icr-rewrite apply --regions de,")))
        self.assertEqual(complete("icr-rewrite apply --fallback "), ["never", "public"])

    def test_engines_are_those_of_the_help(self):
        text = " ".join(self.run_it("icr-rewrite", "apply", "--help").out.decode().split())
        self.assertIn("besides: " + ", ".join(completions.engines()[1:]) + ", separated", text)

    def test_every_shell_has_every_option(self):
        for program in PROGRAMS:
            zsh, fish = self.files[f"_{program}"], self.files[f"{program}.fish"]
            for verb in self.verbs(program):
                mine = re.search(rf"(?ms)^\t{verb}\)$(.*?)^\t\t;;$", zsh)[1]
                for option in self.options(program, verb):
                    self.assertRegex(mine, rf"'{option}[\[=]", f"{program} {verb}")
                    self.assertRegex(fish, rf"(?m)from {verb}' -l {option[2:]}\b",
                                     f"{program} {verb}")


class Manuals(Face):
    """Each option of each verb has an item in the page, and the page has no other."""

    PAGES = {"icr-rewrite": "icr-rewrite.8"}

    def test_options(self):
        for program, page in self.PAGES.items():
            text = (TOP / "packaging/man" / page).read_text(encoding="utf-8").replace("\\-", "-")
            items = {name for line in re.findall(r"(?m)^\.It .*", text)
                     for name in re.findall(r"Fl -([a-z-]+)", line)}
            known = {option[2:] for verb in self.verbs(program)
                     for option in self.options(program, verb)}
            self.assertEqual(known - items, set(), f"{page} lacks them")
            self.assertEqual(items - known - {"help", "version"}, set(), f"{page} has too many")
            for verb in self.verbs(program):
                self.assertRegex(text, rf"(?m)^\.(?:It Cm|Cm|Nm .* Cm) .*\b{verb}\b", page)


class Samples(TreeCase):
    """The objects in the manual have the members that real ones have."""

    def test_members(self):
        samples = common.manual_samples()
        self.assertEqual(list(samples), ["apply", "status", "check", "ref", "export", "private-only"])
        self.tree.prove(us=US)
        for verb in ("apply", "status"):
            common.assert_alike(samples[verb], self.tree.run(verb, "--json").json, verb)
        told = self.home.rewrite("ref", "--json", "us.icr.io/ns/img:1").json
        common.assert_alike(samples["ref"], told, "ref")


class Unwritable(Face):
    def test_one_line_once(self):
        line = rb"cannot write to standard output: [A-Z][a-z ]+"
        (self.home.path / "etc").mkdir()
        for program, words in (("icr-rewrite", ["--help"]), ("icr-rewrite", ["--version"]),
                               ("icr-rewrite", ["help", "apply"]),
                               ("icr-rewrite", ["status", "--root", str(self.home.path)]),
                               ("docker-credential-icr", ["--help"]),
                               ("docker-credential-icr", ["--version"]),
                               ("docker-credential-icr", ["version"]),
                               ("docker-credential-icr", ["list"]),
                               ("docker-credential-icr", ["configure", "--help"])):
            for redirect in (">/dev/full", ">&-"):
                with self.subTest(program=program, words=words, redirect=redirect):
                    result = self.home.run(["sh", "-c", f'exec "$@" {redirect}', "sh",
                                            PROGRAMS[program], *words])
                    self.assertEqual(result.status, 1, result)
                    self.assertRegex(result.err, rb"\A" + program.encode() + b": " + line + rb"\n\Z")


class Journal(Face):
    """What begins with <N> is filed under that priority, in the journal and nowhere else."""

    def stream(self, path):
        st = os.stat(path)
        return {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}

    def test_priorities(self):
        path = self.home.write("stderr", "")
        script = ["sh", "-c", f'exec "$@" 2>>{path}', "sh", REWRITE, "bogus"]
        self.home.run(script, env=self.stream(path))
        self.assertTrue(path.read_bytes().startswith(b'<3>icr-rewrite: unknown verb "bogus"'))
        path.write_bytes(b"")
        self.home.run(script, env=self.stream("/dev/null"))
        self.assertTrue(path.read_bytes().startswith(b"icr-rewrite: "))


if __name__ == "__main__":
    unittest.main()
