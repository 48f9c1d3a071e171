# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What is shipped for others to run: scripts, YAML and JSON are sound, and no secret is in them."""

import json
import shutil
import unittest

from tests.packaging.support import TOP, must, source_files

PACKAGING = [name for name in source_files() if name.startswith("packaging/")]


class ScriptsTest(unittest.TestCase):
    def test_shell(self):
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        scripts = [name for name in PACKAGING if (TOP / name).read_bytes().startswith(b"#!/bin/sh")]
        self.assertGreater(len(scripts), 8)
        must(["shellcheck", *scripts], cwd=TOP)

    def test_licence(self):
        for name in PACKAGING:
            if name.endswith((".sh", ".yml", ".yaml", ".py", ".spec", ".in", ".conf")):
                with self.subTest(name):
                    head = (TOP / name).read_text()[:400]
                    self.assertIn("SPDX-License-Identifier: Apache-2.0", head)

    def test_yaml(self):
        if not shutil.which("yamllint"):
            self.skipTest("yamllint is not installed")
        files = [name for name in PACKAGING if name.endswith((".yml", ".yaml"))]
        rules = ("{extends: default, rules: {line-length: {max: 120}, document-start: disable, "
                 "comments: {min-spaces-from-content: 1, require-starting-space: false}}}")
        if files:
            must(["yamllint", "-s", "-d", rules, *files], cwd=TOP)

    def test_json(self):
        for name in PACKAGING:
            if name.endswith(".json"):
                with self.subTest(name):
                    json.loads((TOP / name).read_text())

    def test_shell_in_the_daemonset(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        spec = yaml.safe_load((TOP / "packaging/kubernetes/daemonset.yaml").read_text())
        spec = spec["spec"]["template"]["spec"]
        for container in spec["initContainers"] + spec["containers"]:
            with self.subTest(container["name"]):
                self.assertEqual(container["command"][:2], ["sh", "-euc"])
                must(["sh", "-nc", container["command"][2]])
