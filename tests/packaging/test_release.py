# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A release: one version everywhere, a reproducible archive, its list of contents, its signature."""

import hashlib
import json
import pathlib
import re
import shutil
import tarfile
import tempfile
import unittest

from tests.packaging.support import TOP, VERSION, copy_tree, environment, must, run

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
NAME = f"docker-credential-icr-{VERSION}"


class VersionTest(unittest.TestCase):
    def test_one_version_everywhere(self):
        for name, pattern in (("CHANGELOG.md", r"^## (\S+)"),
                              ("packaging/debian/changelog", r"^docker-credential-icr \((.+)-1\)"),
                              ("packaging/rpm/docker-credential-icr.spec", r"^Version: +(\S+)"),
                              ("packaging/alpine/APKBUILD", r"^pkgver=(\S+)"),
                              ("packaging/ansible/galaxy.yml", r"^version: (\S+)")):
            with self.subTest(name):
                if not (TOP / name).exists():
                    self.skipTest(f"{name} is not there yet")
                found = re.search(pattern, (TOP / name).read_text(), re.M)
                self.assertEqual(found.group(1), VERSION)


class DistTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        tree = copy_tree(cls.folder / "one")
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
            must([*GIT, *command], cwd=tree,
                 env=environment(GIT_COMMITTER_DATE="2026-01-02T03:04:05Z"))
        must(["make", "sbom"], cwd=tree)
        cls.tree, cls.archive = tree, tree / "build/dist" / f"{NAME}.tar.gz"

    def test_the_same_archive_in_another_folder_and_with_another_umask(self):
        other = self.folder / "an other"
        must([*GIT, "clone", "-q", self.tree, other], umask=0o077)
        must(["make", "sbom"], cwd=other, umask=0o077,
             env=environment(TZ="Asia/Tokyo", HOME=str(self.folder)))
        for name in (f"{NAME}.tar.gz", f"{NAME}.spdx.json"):
            with self.subTest(name):
                self.assertEqual((other / "build/dist" / name).read_bytes(),
                                 (self.tree / "build/dist" / name).read_bytes())

    def test_the_archive_is_the_tree(self):
        with tarfile.open(self.archive) as tar:
            members = [member for member in tar.getmembers() if not member.isdir()]
            self.assertTrue(all(member.name.startswith(NAME + "/") for member in members))
            self.assertEqual({member.mtime for member in members}, {1767323045})
            self.assertEqual({oct(member.mode & 0o7022) for member in members}, {"0o0"})
            inside = {member.name[len(NAME) + 1:] for member in members}
        listed = set(must([*GIT, "ls-files"], cwd=self.tree).splitlines())
        self.assertEqual(inside, listed)

    def test_contents(self):
        document = json.loads(self.archive.with_name(f"{NAME}.spdx.json").read_text())
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(document["creationInfo"]["created"], "2026-01-02T03:04:05Z")
        packages = {package["SPDXID"]: package for package in document["packages"]}
        product = packages["SPDXRef-docker-credential-icr"]
        self.assertEqual(product["versionInfo"], VERSION)
        self.assertEqual(product["checksums"][0]["checksumValue"],
                         hashlib.sha256(self.archive.read_bytes()).hexdigest())
        wanted = re.search(r"^packages := (.*)$", (TOP / "Makefile").read_text(), re.M).group(1)
        self.assertEqual(set(packages) - {product["SPDXID"]},
                         {"SPDXRef-" + name for name in wanted.split()})
        for name in wanted.split():
            library = packages["SPDXRef-" + name]
            self.assertRegex(library["versionInfo"], r"^\d")
            self.assertNotIn("NOASSERTION", library["licenseDeclared"])
        files = {file["fileName"]: file for file in document["files"]}
        source = (self.tree / "icr/buf.c").read_bytes()
        self.assertIn({"algorithm": "SHA1", "checksumValue": hashlib.sha1(source).hexdigest()},
                      files["./icr/buf.c"]["checksums"])
        codes = sorted(file["checksums"][0]["checksumValue"] for file in document["files"])
        self.assertEqual(product["packageVerificationCode"]["packageVerificationCodeValue"],
                         hashlib.sha1("".join(codes).encode()).hexdigest())
        known = set(packages) | {file["SPDXID"] for file in document["files"]}
        self.assertEqual(set(product["hasFiles"]), {file["SPDXID"] for file in files.values()})
        for relation in document["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]},
                                 known | {"SPDXRef-DOCUMENT"})

    def test_the_recipe_for_signing(self):
        """The commands of RELEASE.md as they stand there; only the key gets no passphrase here."""
        if not shutil.which("signify-openbsd"):
            self.skipTest("signify-openbsd is not installed")
        text = (TOP / "packaging/RELEASE.md").read_text()
        blocks = re.findall(r"```\n(.*?)```", text, re.S)
        self.assertEqual(len(blocks), 3)
        build = self.tree / "build"
        (build / "packages").mkdir(exist_ok=True)
        (build / "packages/some.deb").write_text("stands for a package\n")
        must(["sh", "-euc", blocks[0].replace(" -G ", " -G -n ")], cwd=build)
        must(["sh", "-euc", blocks[1]], cwd=self.tree)
        must(["sh", "-euc", blocks[2]], cwd=build)
        (build / "packages/some.deb").write_text("stands for another\n")
        done = run(["sh", "-euc", blocks[2]], cwd=build)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("packages/some.deb: FAILED", done.stdout)
