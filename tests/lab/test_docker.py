# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The main job with a real Docker Engine: names stay public, traffic is private, keys are ours."""

import base64
import json
import os

from . import lab
from .case import CONFIG, IMAGE, PRIVATE_DE, PUBLIC_US, LabCase, read

US_NAMES = ("us.icr.io", "private.us.icr.io")


class Docker(LabCase):
    settings = {"dockerd": True}

    def pull(self, reference=IMAGE):
        """Pulls with no layer of it in the engine, so that blobs travel too."""
        self.lab.docker("rmi", reference)
        self.lab.clear_log()
        return self.lab.docker("pull", reference)

    def assert_no_key_in_config(self):
        config = read(CONFIG)
        encoded = base64.b64encode(("iamapikey:" + lab.API_KEY).encode())
        for secret in (lab.API_KEY.encode(), encoded, base64.b64encode(lab.API_KEY.encode())):
            self.assertNotIn(secret, config)

    def test_pull_at_once_after_apply(self):
        """The engine has just looked names up for the login; that must not outlive apply."""
        self.configure()
        self.run_ok(self.log_in())
        self.assertEqual({line["address"] for line in self.lab.log()}, set(PUBLIC_US))
        self.apply()
        self.run_ok(self.pull())
        self.assert_private_only()
        kinds = {line["path"].split("/")[4] for line in self.lab.log(status=200)
                 if line["path"].startswith("/v2/demo/")}
        self.assertEqual(kinds, {"manifests", "blobs"})

    def test_login_pull_push_logout(self):
        self.configure()
        self.apply()
        self.lab.clear_log()
        done = self.run_ok(self.log_in())
        self.assertIn("Login Succeeded", done.stdout)
        self.assertNotIn("unencrypted", done.stderr)
        self.assert_private_only()
        self.assert_no_key_in_config()
        self.assertEqual(json.loads(read(CONFIG))["credHelpers"],
                         {name: "icr" for name in US_NAMES})
        self.assertEqual(json.loads(self.lab.helper("list").stdout), {"us.icr.io": "iamapikey"})

        self.run_ok(self.pull())
        self.assert_private_only()

        self.lab.make_image("us.icr.io/demo/pushed:2", "pushed over the private network\n" * 9999)
        self.lab.clear_log()
        self.run_ok(self.lab.docker("push", "us.icr.io/demo/pushed:2"))
        self.assert_private_only()
        self.assertEqual(self.lab.registry.tags("demo/pushed"), ["2"])
        self.assertTrue([line for line in self.lab.log(method="PATCH") if line["status"] == 202])

        self.run_ok(self.lab.docker("logout", "us.icr.io"))
        self.assertEqual(json.loads(self.lab.helper("list").stdout), {})
        done = self.pull()
        self.assertNotEqual(done.returncode, 0)
        self.assert_says("unauthorized", done)
        self.assertEqual(self.lab.connections(role="public"), [])
        self.assert_no_key_in_config()

    def test_builds(self):
        """Both builders of the engine: BuildKit asks the client for the key, the old one is told."""
        self.configure()
        self.store_key()
        self.apply()
        folder = os.path.join(lab.HOME, "build")
        lab.Lab.write(os.path.join(folder, "Dockerfile"), "FROM %s\nLABEL lab=built\n" % IMAGE)
        for buildkit in ("0", "1"):
            with self.subTest(DOCKER_BUILDKIT=buildkit):
                self.lab.docker("rmi", IMAGE)
                self.lab.clear_log()
                self.run_ok(lab.run("docker", "build", "-t", "built:" + buildkit, folder,
                                    environment={"DOCKER_BUILDKIT": buildkit}))
                self.assert_private_only()

    def test_the_key_of_the_public_name_serves_the_private_one(self):
        self.configure()
        self.store_key("us.icr.io")
        self.run_ok(self.pull("private.us.icr.io/demo/hello:1"))
        self.assert_private_only()

    def test_wrong_key(self):
        self.configure()
        self.apply()
        done = self.log_in(secret="lab-a-wrong-key")
        self.assertNotEqual(done.returncode, 0)
        self.assert_says("the login credentials are not valid, or your ibm cloud account is not "
                         "active", done)
        self.assertEqual(json.loads(self.lab.helper("list").stdout), {})
        self.store_key(secret="lab-a-wrong-key")
        done = self.pull()
        self.assertNotEqual(done.returncode, 0)
        self.assert_says("unauthorized", done)
        self.assertEqual(self.lab.connections(role="public"), [])

    def test_regions_come_from_the_login(self):
        self.configure("all")
        self.run_ok(self.log_in("de.icr.io"))
        self.run_ok(self.lab.rewrite("apply"))
        self.assert_block({"de.icr.io": PRIVATE_DE,
                           "registry.eu-de.bluemix.net": PRIVATE_DE})

    def test_regions_come_from_local_images(self):
        self.lab.make_image("de.icr.io/demo/local:1")
        self.run_ok(self.lab.rewrite("apply"))
        self.assertIn(PRIVATE_DE[0] + "\tde.icr.io", read("/etc/hosts").decode().replace(" ", "\t"))

    def test_a_dead_private_network_does_not_send_pulls_to_the_public_one(self):
        self.configure()
        self.store_key()
        self.apply()
        self.lab.refuse(*lab.REGIONS["us"]["private_addresses"])
        done = self.pull()
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.lab.connections(role="public"), [])


class Settings(LabCase):
    """What apply wrote into daemon.json is what the engine runs with, now and after a restart."""

    settings = {
        "dockerd": True,
        "daemon_json": '{"registry-mirrors": ["https://us.icr.io", "https://mirror.example"],\n'
                       ' "insecure-registries": ["us.icr.io", "10.0.0.0/8"]}',
    }

    def assert_rewritten(self):
        told = self.lab.dockerd.info()["RegistryConfig"]
        self.assertEqual(told["Mirrors"], ["https://private.us.icr.io/", "https://mirror.example/"])
        self.assertIn("private.us.icr.io", told["IndexConfigs"])
        self.assertNotIn("us.icr.io", told["IndexConfigs"])

    def test_the_engine_follows_and_restarts(self):
        before = read("/etc/docker/daemon.json")
        self.apply()
        self.assertEqual(read("/etc/docker/daemon.json"),
                         before.replace(b"us.icr.io", b"private.us.icr.io"))
        self.assert_rewritten()
        self.lab.stop_dockerd()
        self.lab.start_dockerd()
        self.assert_rewritten()
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()
        self.assertEqual(self.lab.dockerd.info()["RegistryConfig"]["Mirrors"],
                         ["https://us.icr.io/", "https://mirror.example/"])
