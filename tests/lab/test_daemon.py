# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""daemon.json, its running engine, and what the engine can take up without a restart."""

import json
import os

from . import lab
from .case import LabCase, read


class Settings(LabCase):
    settings = {"dockerd": True}
    MIRRORS = b'{\n\t"registry-mirrors": ["https://us.icr.io", "https://mirror.example"],\n' \
              b'\t"debug": false\n}\n'

    def mirrors(self):
        return self.lab.dockerd.info()["RegistryConfig"]["Mirrors"]

    def start(self, content, **options):
        self.lab.stop_dockerd()
        self.lab.start_dockerd(content, **options)

    def test_mirrors_are_rewritten_and_taken_up_live(self):
        self.start(self.MIRRORS)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/", "https://mirror.example/"])
        pid = self.lab.dockerd.process.pid
        self.apply()
        self.assertEqual(read("/etc/docker/daemon.json"),
                         self.MIRRORS.replace(b"//us.icr.io", b"//private.us.icr.io"))
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/", "https://mirror.example/"])
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read("/etc/docker/daemon.json"), self.MIRRORS)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/", "https://mirror.example/"])
        self.assertEqual((self.lab.dockerd.process.pid, self.lab.dockerd.alive()), (pid, True))

    def test_insecure_registries_are_rewritten_and_taken_up_live(self):
        self.start('{"insecure-registries": ["us.icr.io", "10.0.0.0/8"]}')
        self.apply()
        self.assertEqual(read("/etc/docker/daemon.json"),
                         b'{"insecure-registries": ["private.us.icr.io", "10.0.0.0/8"]}')
        registries = self.lab.dockerd.info()["RegistryConfig"]["IndexConfigs"]
        self.assertIn("private.us.icr.io", registries)
        self.assertNotIn("us.icr.io", registries)

    def test_docker_mirror(self):
        self.apply("--docker-mirror")
        self.assertIn("https://private.us.icr.io", json.loads(
            read("/etc/docker/daemon.json"))["registry-mirrors"])
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(self.mirrors() or [], [])
        self.assertFalse(os.path.exists("/etc/docker/daemon.json"))

    def test_a_mirror_that_is_a_flag_stays_out_of_the_file(self):
        """The same key as flag and in the file keeps dockerd from starting."""
        flags = lab.servers.DOCKER_FLAGS + ("--registry-mirror=https://us.icr.io",)
        self.start(None, flags=flags)
        done = self.lab.rewrite("apply", "--regions", "us", "--docker-mirror")
        if os.path.exists("/etc/docker/daemon.json"):
            self.assertNotIn(b"registry-mirrors", read("/etc/docker/daemon.json"))
        self.assert_says("flag|command line|--registry-mirror", done)
        self.start(None, flags=flags)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/"])

    def test_the_engine_restarts_with_what_apply_wrote(self):
        self.start(self.MIRRORS)
        self.apply()
        self.start(None)
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/", "https://mirror.example/"])

    def test_a_proxy_of_the_daemon_environment_needs_no_proxy(self):
        self.start(None, environment={"HTTPS_PROXY": "http://192.0.2.3:3128"})
        done = self.apply()
        self.assert_says("proxy", done)
        self.assert_says("us.icr.io", done)

    def test_another_configuration_file_is_found(self):
        lab.Lab.write("/etc/docker/other.json", self.MIRRORS)
        self.start(None, flags=lab.servers.DOCKER_FLAGS + (
            "--config-file", "/etc/docker/other.json"))
        self.apply()
        self.assertIn(b"private.us.icr.io", read("/etc/docker/other.json"))
        self.assertFalse(os.path.exists("/etc/docker/daemon.json"))
        self.assertEqual(self.mirrors()[0], "https://private.us.icr.io/")

    def test_status_knows_the_engine(self):
        done = self.lab.rewrite("status", "--json")
        told = json.loads(done.stdout)
        self.assertEqual(told["version"], 1)
        engine = [one for one in told["engines"] if one["name"] == "docker"][0]
        self.assertEqual(engine["version"], self.lab.dockerd.info()["ServerVersion"])
