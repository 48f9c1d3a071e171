# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Building elsewhere: two folders give the same bytes, a checkout may be read-only, its name and
that of the build folder may have blanks, a distribution's flags arrive, and the version is told."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.common import BELOW
from tests.packaging.support import VERSION, copy_tree, environment, in_mounts, must, run

PROGRAMS = ("docker-credential-icr", BELOW, "icr-rewrite")
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]


def distribution_flags():
    """Debian's flags, without the one that would hide the build folder for us."""
    flags = environment(DEB_BUILD_MAINT_OPTIONS="hardening=+all reproducible=-fixfilepath")
    flags["HOME"] = "/nonexistent"
    if not shutil.which("dpkg-buildflags"):
        return {"CFLAGS": "-O2 -g", "CPPFLAGS": "-D_FORTIFY_SOURCE=2", "LDFLAGS": ""}
    out = must(["dpkg-buildflags"], env=flags)
    pairs = dict(line.split("=", 1) for line in out.splitlines())
    return {name: pairs[name] for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS")}


class BuildTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.flags = [f"{name}={value}" for name, value in distribution_flags().items()]
        # Both at once: somebody may be at work in the checkout meanwhile.
        cls.tree = copy_tree(cls.folder / "one")
        cls.other_tree = copy_tree(cls.folder / "another place, with blanks")
        cls.log = cls.make(cls.tree, "-j2", "V=1")

    @classmethod
    def make(cls, tree, *words):
        return must(["make", "WERROR=1", *cls.flags, *words], cwd=tree, timeout=600)

    def version(self, program, word):
        return must([self.tree / "build" / program, word])

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for mounts of its own")
    def test_the_same_bytes_from_a_read_only_folder_with_blanks(self):
        tree = self.other_tree
        # On another day: no source asks for it (-Wdate-time is an error here), nor for its file's.
        for path in tree.rglob("*"):
            os.utime(path, (86400, 86400), follow_symlinks=False)
        build = self.folder / "b u i l d/below"
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && shift && "$@"'
        command = ["make", "-j2", f"BUILD={build}", "WERROR=1", *self.flags, "all"]
        done = in_mounts(script, tree, *command, umask=0o077, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout)
        for program in PROGRAMS:
            with self.subTest(program):
                self.assertEqual((build / program).read_bytes(),
                                 (self.tree / "build" / program).read_bytes())
                self.assertNotIn(str(self.folder).encode(), (build / program).read_bytes())
        done = in_mounts(script, tree, *command)
        self.assertNotIn("CC", done.stdout)
        self.assertEqual(sorted(name.name for name in self.folder.iterdir()),
                         ["another place, with blanks", "b u i l d", "one"])

    def test_hardening_flags_arrive(self):
        if not shutil.which("blhc"):
            self.skipTest("blhc is not installed")
        log = self.folder / "one/build/log"
        # The line by which blhc knows that a build begins.
        log.write_text("dpkg-buildpackage: info: source package docker-credential-icr\n" + self.log)
        done = run(["blhc", "--all", log])
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_preprocessor_flags_arrive(self):
        # Twice the name with different values would be a warning, and here an error.
        flags = ["CFLAGS=-O2", "CPPFLAGS=-D_FORTIFY_SOURCE=3 -DICR_EXTRA=1", "LDFLAGS="]
        build = self.folder / "one/build/fortified"
        out = must(["make", "V=1", "WERROR=1", f"BUILD={build}", *flags,
                    "build/fortified/icr/buf.o"], cwd=self.tree)
        self.assertIn("-DICR_EXTRA=1", out)

    def test_static(self):
        """Where the toolchain can; not with STATIC=0; and with STATIC=1 not otherwise."""
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        tree = copy_tree(folder / "tree")
        names = ["build/docker-credential-icr", "build/icr-rewrite"]
        programs = [tree / name for name in names]

        def link(*words):
            for program in programs:
                program.unlink(missing_ok=True)
            return run(["make", "-j2", "-k", "V=1", "CFLAGS=-O1", *words, *names], cwd=tree,
                       timeout=600)

        for words in ([], ["STATIC=1"], ["LDFLAGS=-pie"]):
            with self.subTest(words):
                done = link(*words)
                self.assertEqual(done.returncode, 0, done.stdout)
                for program in programs:
                    headers = must(["readelf", "-lW", program])
                    self.assertNotIn("INTERP", headers)
                    self.assertIn("GNU_RELRO", headers)
                    self.assertIn("DYN (Position-Independent", must(["readelf", "-hW", program]))
        without = folder / "cc"
        without.write_text('#!/bin/sh\ncase " $* " in *" -static-pie "*) echo no libc.a >&2; exit 1; esac\n'
                           'exec cc "$@"\n')
        without.chmod(0o755)
        ignoring = folder / "ignoring"
        ignoring.write_text('#!/bin/sh\nfor word; do\nshift\n'
                            '[ "$word" = -static-pie ] || set -- "$@" "$word"\ndone\nexec cc "$@"\n')
        ignoring.chmod(0o755)
        for words in (["STATIC=0"], [f"CC={without}"], [f"CC={ignoring}"]):
            with self.subTest(words):
                done = link(*words)
                self.assertEqual(done.returncode, 0, done.stdout)
                for program in programs:
                    self.assertIn("INTERP", must(["readelf", "-lW", program]))
                    self.assertIn("[libc.so", must(["readelf", "-dW", program]))
                self.assertNotIn("fatal-warnings", done.stdout)
        done = link("STATIC=1", f"CC={without}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no libc.a", done.stdout)
        # glibc would load plugins of another version for the user database
        for name in ("helper/front/main.c", "rewrite/front/handover.c"):
            with (tree / name).open("a") as file:
                file.write("#include <pwd.h>\nvoid *ask(void);\n"
                           "void *ask(void) { return getpwuid(0); }\n")
        done = link("STATIC=1")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("in statically linked applications", done.stdout)
        for program in programs:
            self.assertFalse(program.exists())

    def test_headers_are_dependencies(self):
        os.utime(self.tree / "icr/buf.h")
        out = self.make(self.tree, "-j2")
        self.assertIn("CC      icr/buf.c", out)
        self.assertIn("LD      build/icr-rewrite", out)
        self.assertNotIn("CC", self.make(self.tree, "-j2"))

    def test_version(self):
        self.assertEqual(self.version("icr-rewrite", "--version"), f"icr-rewrite {VERSION}\n")
        must([*GIT, "init", "-q"], cwd=self.tree)
        self.addCleanup(shutil.rmtree, self.tree / ".git")
        must([*GIT, "add", "VERSION"], cwd=self.tree)
        must([*GIT, "commit", "-q", "-m", "one"], cwd=self.tree)
        commit = must([*GIT, "rev-parse", "--short=12", "HEAD"], cwd=self.tree).strip()
        out = self.make(self.tree)
        self.assertLess(out.count("CC "), 8, out)
        self.assertEqual(self.version("icr-rewrite", "--version"),
                         f"icr-rewrite {VERSION}+g{commit}\n")
        self.assertIn(f" {VERSION}+g{commit}\n", self.version("docker-credential-icr", "version"))
        must([*GIT, "tag", "v" + VERSION], cwd=self.tree)
        self.make(self.tree)
        self.assertEqual(self.version("icr-rewrite", "--version"), f"icr-rewrite {VERSION}\n")
