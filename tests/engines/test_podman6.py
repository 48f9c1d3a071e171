# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Which files podman 6 and CRI-O read, by their library itself, where it has been built: our drop-in
is the last word, and what apply says of the variables and of users' files is so."""

import os
import pathlib
import unittest

from tests.engines import golang, trixie
from tests.lab import lab
from tests.lab.case import LabCase

IMAGE = "us.icr.io/demo/hello:1"
PRIVATE = "private." + IMAGE
OTHER = '[[registry]]\nprefix = "us.icr.io"\nlocation = "mirror.example"\n'
FOLDERS = ("registries.conf.d", "registries.rootful.conf.d")


class Files(LabCase):
    settings = {"regions": ("us",), "registry": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = pathlib.Path(os.environ.get("ICR_ENGINES_ROOT") or trixie.place())
        cls.program = root.parent / golang.folder("image").relative_to(golang.place().parent)
        cls.program /= "bin/image"
        if not cls.program.exists():
            raise unittest.SkipTest("not there: %s (python3 -m tests.engines.golang image)"
                                    % cls.program)

    def where(self, **variables):
        done = self.run_ok(lab.run(str(self.program), "where", IMAGE, environment=variables))
        return done.stdout.split()

    def native(self, *options):
        return self.apply("--route", "native", "--engines", "podman", *options)

    def test_hard_and_soft(self):
        self.assertEqual(self.where(), [IMAGE])
        self.native()
        self.assertEqual(self.where(), [PRIVATE])
        self.native("--fallback", "public")
        self.assertEqual(self.where(), [PRIVATE, IMAGE])

    def test_files_of_all_folders_are_sorted_together(self):
        """So each of them is a conflict, and one that is written later goes before ours only with a
        name behind ours."""
        self.native()
        for folder in FOLDERS:
            for name, serves in (("a.conf", PRIVATE), ("zzz.conf", "mirror.example/demo/hello:1")):
                with self.subTest(folder, name=name):
                    path = "/etc/containers/%s/%s" % (folder, name)
                    self.lab.write(path, OTHER)
                    self.assertEqual(self.where(), [serves])
                    done = self.lab.rewrite("apply", "--regions", "us")
                    self.assert_code(1, done)
                    self.assert_says(path + ":1", done)
                    os.unlink(path)

    def test_a_users_own_file_hides_nothing(self):
        self.native()
        self.lab.write(lab.HOME + "/.config/containers/registries.conf", "")
        self.assertEqual(self.where(), [PRIVATE])

    def test_variables(self):
        self.native()
        self.lab.write("/run/instead.conf", "")
        self.lab.write("/run/last.conf", OTHER)
        self.assertEqual(self.where(CONTAINERS_REGISTRIES_CONF="/run/instead.conf"), [IMAGE])
        self.assertEqual(self.where(CONTAINERS_REGISTRIES_CONF_OVERRIDE="/run/last.conf"),
                         ["mirror.example/demo/hello:1"])
        self.assertEqual(self.where(CONTAINERS_REGISTRIES_CONF_DIR="/run"), [PRIVATE])
        said = lab.run(lab.BUILD + "/icr-rewrite", "apply", "--regions", "us",
                       environment={"CONTAINERS_REGISTRIES_CONF": "/run/instead.conf"})
        self.assert_says("sets CONTAINERS_REGISTRIES_CONF: podman 6", said)
        self.assert_code(1, lab.run(
            lab.BUILD + "/icr-rewrite", "apply", "--regions", "us",
            environment={"CONTAINERS_REGISTRIES_CONF_OVERRIDE": "/run/last.conf"}))
