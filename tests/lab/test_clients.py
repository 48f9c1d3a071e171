# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Real clients with this helper, in each way that it can be named to them: by credHelpers, by
credsStore (Docker only: containers/image knows no such key), by the one drop-in of registries.conf;
and without HOME."""

import base64
import json
import os
import unittest

from . import lab
from .case import CONFIG, IMAGE, LabCase, read

OTHER = "127.0.0.1:5000"
DROP_IN = "/etc/containers/registries.conf.d/zz-docker-credential-icr.conf"


class ClientCase(LabCase):
    def listed(self):
        return json.loads(self.lab.helper("list").stdout)

    def assert_no_key_in(self, path):
        text = read(path) if os.path.exists(path) else b""
        for secret in (lab.API_KEY.encode(),
                       base64.b64encode(("iamapikey:" + lab.API_KEY).encode())):
            self.assertNotIn(secret, text)

    def buildah(self, *arguments, **more):
        return lab.run("buildah", "--storage-driver", "vfs", *arguments, timeout=60, **more)


class Docker(ClientCase):
    settings = {"dockerd": True}

    def test_login_again_and_logout(self):
        self.configure()
        for _ in range(2):
            self.assertIn("Login Succeeded", self.run_ok(self.log_in()).stdout)
            self.assert_no_key_in(CONFIG)
            self.assertEqual(self.listed(), {"us.icr.io": "iamapikey"})
        self.run_ok(self.lab.docker("pull", IMAGE))
        self.run_ok(self.lab.docker("logout", "us.icr.io"))
        self.assertEqual(self.listed(), {})
        self.run_ok(self.lab.docker("logout", "us.icr.io"))

    def test_default_login_serves_every_region(self):
        self.configure("us,de")
        self.run_ok(self.lab.helper("login", "--offline", stdin=lab.API_KEY))
        self.run_ok(self.lab.docker("pull", IMAGE))
        self.lab.make_image("us.icr.io/demo/pushed:2", "pushed")
        self.run_ok(self.lab.docker("push", "us.icr.io/demo/pushed:2"))
        self.assertEqual(self.lab.registry.tags("demo/pushed"), ["2"])
        self.run_ok(self.lab.helper("logout"))
        self.lab.docker("rmi", IMAGE)
        self.assertNotEqual(self.lab.docker("pull", IMAGE).returncode, 0)

    def test_imported_login(self):
        """A plain-text login that Docker made before the helper was named."""
        # without any login in its file, Docker picks a store by itself, here pass
        self.lab.write(CONFIG, b'{"auths": {"gcr.io": {}}}\n')
        self.run_ok(self.log_in())
        self.assertIn(base64.b64encode(("iamapikey:" + lab.API_KEY).encode()), read(CONFIG))
        self.configure()
        done = self.run_ok(self.lab.helper("import"))
        self.assertIn("us.icr.io: moved from " + CONFIG, done.stdout)
        self.assert_no_key_in(CONFIG)
        self.run_ok(self.lab.docker("pull", IMAGE))

    def test_as_the_default_store(self):
        """Docker asks for other registries too, and saves their logins nowhere else."""
        self.lab.write(CONFIG, b'{"credsStore": "icr"}\n')
        self.run_ok(self.log_in())
        self.assert_no_key_in(CONFIG)
        self.run_ok(self.lab.docker("pull", IMAGE))
        folder = os.path.join(lab.HOME, "build")
        lab.Lab.write(os.path.join(folder, "Dockerfile"), "FROM %s\nLABEL a=b\n" % IMAGE)
        for buildkit in ("0", "1"):
            with self.subTest(DOCKER_BUILDKIT=buildkit):
                self.lab.docker("rmi", IMAGE)
                self.run_ok(lab.run("docker", "build", "-t", "built:" + buildkit, folder,
                                    environment={"DOCKER_BUILDKIT": buildkit}))
        done = self.lab.docker("login", OTHER, "--username", "me", "--password-stdin", stdin="x")
        self.assert_says("keeps credentials of IBM Cloud Container Registry", done)

    def test_other_registries_are_untouched(self):
        self.configure()
        self.run_ok(self.log_in())
        self.run_ok(self.lab.docker("login", OTHER, "--username", "me", "--password-stdin",
                                    stdin="other"))
        self.assertIn(OTHER, json.loads(read(CONFIG))["auths"])
        self.run_ok(self.lab.docker("logout", OTHER))
        self.assertEqual(self.listed(), {"us.icr.io": "iamapikey"})

    def test_legacy_build_asks_for_every_entry(self):
        self.configure("all")
        self.store_key()
        folder = os.path.join(lab.HOME, "build")
        lab.Lab.write(os.path.join(folder, "Dockerfile"), "FROM %s\nLABEL a=c\n" % IMAGE)
        self.run_ok(lab.run("docker", "build", "-t", "built:legacy", folder,
                            environment={"DOCKER_BUILDKIT": "0"}))

    def test_without_a_home(self):
        """As a service that was started at boot."""
        self.configure()
        self.run_ok(self.lab.helper("login", "--offline", stdin=lab.API_KEY))
        done = lab.run("env", "-u", "HOME", "DOCKER_CONFIG=" + os.path.dirname(CONFIG),
                       "XDG_DATA_HOME=" + os.path.join(lab.HOME, ".local/share"),
                       "docker", "pull", IMAGE)
        self.run_ok(done)


class Containers(ClientCase):
    """podman, skopeo and buildah; each test once for each way to name the helper."""

    def name_it(self, way):
        """As in a new host."""
        self.restore()
        if way == "credHelpers":
            self.configure()
        else:
            self.run_ok(self.lab.helper("configure", "--client", "containers"))
            self.assertIn(b'credential-helpers = ["icr", "containers-auth.json"]', read(DROP_IN))

    def test_read_and_write(self):
        for way in ("credHelpers", "drop-in"):
            with self.subTest(way):
                self.name_it(way)
                self.store_key()
                self.run_ok(self.lab.podman("pull", IMAGE))
                self.run_ok(self.lab.podman("push", IMAGE, "us.icr.io/demo/podman:1"))
                done = self.run_ok(self.lab.skopeo("inspect", "docker://" + IMAGE))
                self.assertEqual(json.loads(done.stdout)["Name"], "us.icr.io/demo/hello")
                self.run_ok(self.buildah("pull", IMAGE))

    def test_login_and_logout(self):
        """Only the drop-in, or an entry, makes `podman login` keep the key with the helper."""
        self.run_ok(self.lab.helper("configure", "--client", "containers"))
        for client in ("podman", "skopeo", "buildah"):
            with self.subTest(client):
                self.run_ok(lab.run(client, "login", "--username", "iamapikey",
                                    "--password-stdin", "us.icr.io", stdin=lab.API_KEY))
                self.assertEqual(self.listed(), {"us.icr.io": "iamapikey"})
                self.run_ok(lab.run(client, "login", "--tls-verify=false", "--username", "me",
                                    "--password-stdin", OTHER, stdin="other"))
                self.assertEqual(lab.run(client, "login", "--get-login", OTHER).stdout, "me\n")
                self.run_ok(self.lab.skopeo("inspect", "docker://" + IMAGE))
                self.run_ok(lab.run(client, "logout", "us.icr.io"))
                self.assertEqual(self.listed(), {})
                self.assertEqual(lab.run(client, "login", "--get-login", OTHER).stdout, "me\n")
                self.run_ok(lab.run(client, "logout", OTHER))

    def test_one_login_for_the_private_name_too(self):
        """As behind a mirror: the contacted host is asked for."""
        self.run_ok(self.lab.helper("configure", "--client", "containers"))
        self.run_ok(self.lab.helper("login", "--offline", stdin=lab.API_KEY))
        for host in ("us.icr.io", "private.us.icr.io"):
            self.run_ok(self.lab.skopeo("inspect", "docker://%s/demo/hello:1" % host))

    def test_without_a_home(self):
        self.run_ok(self.lab.helper("configure", "--client", "containers"))
        self.lab.write("/etc/docker-credential-icr/config.json",
                       b'{"apikey_file": "/etc/docker-credential-icr/key"}')
        self.lab.write("/etc/docker-credential-icr/key", lab.API_KEY.encode())
        os.chmod("/etc/docker-credential-icr/key", 0o600)
        self.run_ok(lab.run("env", "-u", "HOME", "skopeo", "inspect", "docker://" + IMAGE))

    def test_nothing_stored(self):
        """Not-found is soft: the client goes on, and the registry says what is missing."""
        for way in ("credHelpers", "drop-in"):
            with self.subTest(way):
                self.name_it(way)
                done = self.lab.skopeo("inspect", "docker://" + IMAGE)
                self.assertNotEqual(done.returncode, 0)
                self.assert_says("unauthorized|authorization required", done)


if __name__ == "__main__":
    unittest.main()
