# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The Ansible collection: ansible-lint is silent, it can be built, and the role's variables have
defaults and descriptions. Real runs are in tests/boot."""

import pathlib
import shutil
import tempfile
import unittest

from tests.packaging.support import TOP, VERSION, environment, must, run


class AnsibleTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.collection = self.folder / "ansible_collections/docker_credential_icr/icr"
        shutil.copytree(TOP / "packaging/ansible", self.collection)
        self.env = environment(ANSIBLE_COLLECTIONS_PATH=str(self.folder), HOME=str(self.folder))

    def test_lint(self):
        if not shutil.which("ansible-lint"):
            self.skipTest("ansible-lint is not installed")
        done = run(["ansible-lint", "--nocolor"], cwd=self.collection, env=self.env)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("0 failure(s), 0 warning(s)", done.stdout)

    def test_build_and_syntax(self):
        if not shutil.which("ansible-galaxy"):
            self.skipTest("ansible-core is not installed")
        must(["ansible-galaxy", "collection", "build", "--output-path", self.folder / "out"],
             cwd=self.collection, env=self.env)
        built = self.folder / f"out/docker_credential_icr-icr-{VERSION}.tar.gz"
        self.assertTrue(built.exists())
        must(["ansible-playbook", "--syntax-check", "-i", "localhost,",
              "docker_credential_icr.icr.site"], cwd=self.folder, env=self.env)

    def test_variables(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        role = TOP / "packaging/ansible/roles/host"
        options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
        options = options["argument_specs"]["main"]["options"]
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        self.assertEqual({name: option["default"] for name, option in options.items()
                          if "default" in option}, defaults)
        table = (TOP / "packaging/ansible/README.md").read_text()
        for name in options:
            self.assertTrue(name.startswith("icr_"))
            if name != "icr_apikey_file":
                self.assertIn(f"`{name}`", table)


class MonitoringTest(unittest.TestCase):
    METRICS = {"icr_rewrite_in_force", "icr_rewrite_last_proven_timestamp_seconds",
               "icr_rewrite_last_refresh_timestamp_seconds", "icr_rewrite_last_refresh_success",
               "icr_rewrite_drift"}

    def test_rules(self):
        """By their shape; promtool is 330 MB."""
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        text = (TOP / "packaging/monitoring/alerts.yml").read_text()
        used = set()
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                self.assertLessEqual({"alert", "expr", "labels", "annotations"}, set(rule))
                used |= {metric for metric in self.METRICS if metric in rule["expr"]}
                self.assertEqual(rule["expr"].count("("), rule["expr"].count(")"))
        self.assertEqual(used, self.METRICS)
        readme = (TOP / "packaging/monitoring/README.md").read_text()
        for metric in self.METRICS:
            self.assertIn(metric, readme)
