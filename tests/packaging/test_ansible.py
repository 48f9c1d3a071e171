# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The Ansible collection: ansible-lint is silent, it can be built, and the role's variables have
defaults and descriptions. Real runs are in tests/boot."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from tests.packaging.support import BUILD, TOP, VERSION, environment, must, run


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


def promtool():
    """Prometheus's own checker: the one installed, or that of Debian's package, unpacked and kept."""
    found = shutil.which("promtool") or str(BUILD / "promtool/usr/bin/promtool")
    if os.path.exists(found):
        return found
    with tempfile.TemporaryDirectory() as folder:
        done = run(["apt-get", "-q", "download", "prometheus"], cwd=folder, timeout=120)
        debs = list(pathlib.Path(folder).glob("prometheus_*.deb"))
        if done.returncode != 0 or not debs:
            raise unittest.SkipTest("promtool cannot be had")
        must(["dpkg-deb", "-x", debs[0], BUILD / "promtool"])
    return found


class MonitoringTest(unittest.TestCase):
    METRICS = {"icr_rewrite_in_force", "icr_rewrite_last_proven_timestamp_seconds",
               "icr_rewrite_last_refresh_timestamp_seconds", "icr_rewrite_last_refresh_success",
               "icr_rewrite_problems", "icr_rewrite_drift"}
    ALERTS = TOP / "packaging/monitoring/alerts.yml"

    def test_metrics_are_those_that_rules_and_manual_name(self):
        text = self.ALERTS.read_text()
        expressions = "\n".join(found for _, found in
                                re.findall(r"^( +)expr: (.*(?:\n\1 +.*)*)$", text, re.M))
        metrics = self.METRICS | {"icr_rewrite_info"}
        self.assertEqual(set(re.findall(r"icr_rewrite_\w+(?!\.prom)\b", expressions)) - {"icr_rewrite"},
                         metrics)
        readme = (TOP / "packaging/monitoring/README.md").read_text()
        for metric in metrics:
            self.assertIn(metric, readme)

    def test_rules(self):
        self.assertIn("7 rules found", must([promtool(), "check", "rules", self.ALERTS]))

    def test_what_the_program_prints(self):
        """The textfile's form, of a tree where something is applied."""
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for name in ("etc", "var/lib"):
                (tree / name).mkdir(parents=True)
            (tree / "etc/hosts").write_text("127.0.0.1 localhost\n")
            must([BUILD / "icr-rewrite", "apply", "--root", tree, "--regions", "us"])
            done = subprocess.run([BUILD / "icr-rewrite", "status", "--root", tree, "--prometheus"],
                                  capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        self.assertEqual(set(re.findall(r"^# TYPE (\S+) gauge$", done.stdout, re.M)),
                         self.METRICS | {"icr_rewrite_info"})
        told = subprocess.run([promtool(), "check", "metrics"], input=done.stdout, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual((told.returncode, told.stdout + told.stderr), (0, ""))

    def test_when_the_alerts_fire(self):
        """promtool plays three hosts: one that is well, one on which all is wrong, and one where nothing
        is applied."""
        def series(**hosts):
            for name, values in hosts.items():
                for metric, value in values.items():
                    label = "instance=\"%s\"" % name
                    if metric.endswith("info"):
                        label += ",route=\"%s\"" % ("none" if name == "bare" else "hosts")
                    if metric.endswith(("in_force", "proven_timestamp_seconds")):
                        label += ",name=\"us.icr.io\""
                    if metric.startswith("node_"):
                        label += ",file=\"/var/lib/prometheus/icr_rewrite.prom\""
                    yield {"series": "%s{%s}" % (metric, label), "values": value}
        well = {"icr_rewrite_in_force": "1x120", "icr_rewrite_drift": "0x120",
                "icr_rewrite_problems": "0x120", "icr_rewrite_info": "1x120",
                "icr_rewrite_last_refresh_success": "1x120",
                "icr_rewrite_last_proven_timestamp_seconds": "0+60x120",
                "icr_rewrite_last_refresh_timestamp_seconds": "0+60x120",
                "node_textfile_mtime_seconds": "0+60x120"}
        wrong = {"icr_rewrite_in_force": "0x120", "icr_rewrite_drift": "1x120",
                 "icr_rewrite_problems": "2x120", "icr_rewrite_info": "1x120",
                 "icr_rewrite_last_refresh_success": "0x120",
                 "icr_rewrite_last_proven_timestamp_seconds": "0x120",
                 "icr_rewrite_last_refresh_timestamp_seconds": "0x120",
                 "node_textfile_mtime_seconds": "0x120"}
        bare = dict(well, icr_rewrite_last_refresh_success="0x120",
                    icr_rewrite_last_refresh_timestamp_seconds="0x120")
        for metric in ("icr_rewrite_in_force", "icr_rewrite_last_proven_timestamp_seconds"):
            del bare[metric]
        names = re.findall(r"- alert: (\w+)", self.ALERTS.read_text())
        query = [{"expr": 'count by (alertname) (ALERTS{instance="%s", alertstate="firing"})' % host,
                  "eval_time": "90m", "exp_samples": [
                      {"labels": '{alertname="%s"}' % name, "value": 1} for name in wanted]}
                 for host, wanted in (("bad", names), ("good", []), ("bare", []))]
        case = {"rule_files": [str(self.ALERTS)], "evaluation_interval": "1m", "tests": [
            {"interval": "1m", "input_series": list(series(good=well, bad=wrong, bare=bare)),
             "promql_expr_test": query}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump(case, file)  # JSON is YAML
            file.flush()
            must([promtool(), "test", "rules", file.name])
