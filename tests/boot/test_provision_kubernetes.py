# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The DaemonSet's pod as the kubelet would run it: its commands as they stand in the manifest, in a
root of its own, with the node's root at /host, the node's processes and the node's network."""

import json
import pathlib
import subprocess
import time
import unittest

from tests.boot import boot
from tests.common import TOP
from tests.lab import lab as labs
from tests.lab.case import PRIVATE_US, LabCase

try:
    import yaml
except ImportError:
    yaml = None

MANIFEST = TOP / "packaging/kubernetes/daemonset.yaml"
PROVIDER = TOP / "packaging/kubernetes/credential-provider-config.yaml"

# $1 the node's first process, $2 the pod's root, $3 the node's root; then the command.
POD = """
    leader=$1 pod=$2 node=$3
    shift 3
    exec nsenter -t "$leader" -p -n -- unshare --mount --propagation private sh -euc '
        mount -t proc proc "$1/proc"
        mkdir -p "$1/host"
        mount --rbind "$2" "$1/host"
        pod=$1
        shift 2
        exec chroot "$pod" "$@"' sh "$pod" "$node" "$@"
"""


@unittest.skipUnless(yaml, "python3-yaml is not installed")
class DaemonSet(LabCase):
    settings = {"regions": ("us",), "registry": False}

    def setUp(self):
        super().setUp()
        self.manifest = yaml.safe_load(MANIFEST.read_text())
        self.spec = self.manifest["spec"]["template"]["spec"]
        # The node has none of our programs; the pod's image has both.
        self.node = boot.Boot(self.lab, layers=(boot.ROOT,))
        self.addCleanup(self.node.close)
        self.image = boot.Boot(self.lab, layers=(boot.INSTALLED, boot.ROOT))
        self.addCleanup(self.image.close)
        self.node.start()
        self.before = self.node.read("/etc/hosts")

    def command(self, argv, environment=()):
        values = ["%s=%s" % (one["name"], one["value"]) for one in environment]
        return ["sh", "-euc", POD, "sh", self.node.leader(), str(self.image.path),
                str(self.node.path), "/usr/bin/env", "-i", "PATH=" + boot.PATH, *values, *argv]

    def run_container(self, container):
        return labs.run(*self.command(container["command"], container.get("env", ())), timeout=60)

    def test_manifest(self):
        """What the API server would refuse, as far as it is checked without one."""
        self.assertEqual((self.manifest["apiVersion"], self.manifest["kind"]), ("apps/v1", "DaemonSet"))
        labels = self.manifest["spec"]["template"]["metadata"]["labels"]
        self.assertEqual(self.manifest["spec"]["selector"]["matchLabels"], labels)
        volumes = {volume["name"] for volume in self.spec["volumes"]}
        for container in self.spec["initContainers"] + self.spec["containers"]:
            for mount in container.get("volumeMounts", ()):
                self.assertIn(mount["name"], volumes)
            self.assertTrue(container["image"].endswith((TOP / "VERSION").read_text().strip()))
        self.assertTrue(self.spec["hostPID"] and self.spec["hostNetwork"])

    def test_credentials(self):
        install, credentials = self.spec["initContainers"]
        self.run_ok(self.run_container(install))
        self.run_ok(self.run_container(credentials))
        self.assertFalse(self.node.inside("/etc/docker-credential-icr").exists())
        files = {"config.json": '{"apikey_file": "/etc/icr-key"}\n',
                 "credential-provider-config.yaml": PROVIDER.read_text()}
        self.image.inside("/config").mkdir()
        for name, text in files.items():
            (self.image.inside("/config") / name).write_text(text)
        for _ in range(2):
            self.run_ok(self.run_container(credentials))
        for name, text in files.items():
            self.assertEqual(self.node.read(f"/etc/docker-credential-icr/{name}"), text.encode())
        self.run_ok(self.node.run("sh", "-euc", "umask 077; printf %s 'made-up-key' >/etc/icr-key"))
        drop_ins = list(self.node.inside("/etc/containers/registries.conf.d").iterdir())
        self.assertEqual(len(drop_ins), 1)
        self.assertIn('credential-helpers = ["icr"', drop_ins[0].read_text())
        # as CRI-O's library and as the kubelet ask
        folder = "/usr/local/bin"
        done = self.run_ok(self.node.run("sh", "-euc", f"printf us.icr.io | {folder}/docker-credential-icr get"))
        self.assertEqual(json.loads(done.stdout)["Secret"], "made-up-key")
        request = json.dumps({"kind": "CredentialProviderRequest", "image": "us.icr.io/ns/img:1",
                              "apiVersion": "credentialprovider.kubelet.k8s.io/v1"})
        done = self.run_ok(self.node.run("sh", "-euc", f"printf %s '{request}' | {folder}/icr-credential-provider"))
        self.assertEqual(json.loads(done.stdout)["auth"]["us.icr.io"]["password"], "made-up-key")

    def test_a_node(self):
        init, (route,) = self.spec["initContainers"][0], self.spec["containers"]
        self.run_ok(self.run_container(init))
        self.assertTrue(self.node.inside("/usr/local/sbin/icr-rewrite").exists())
        log = pathlib.Path(labs.WORK) / "pod.log"
        with open(log, "wb") as output:
            pod = subprocess.Popen(self.command(route["command"], route["env"]), stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL)
        self.addCleanup(pod.kill)
        deadline = time.monotonic() + 60
        probe = route["readinessProbe"]["exec"]["command"]
        while labs.run(*self.command(probe)).returncode and time.monotonic() < deadline:
            self.assertIsNone(pod.poll(), log.read_text())
        done = labs.run(*self.command(probe))
        self.assert_code(0, done)
        self.assertIn(PRIVATE_US[0].encode(), self.node.read("/etc/hosts"))
        self.lab.clear_log()
        self.run_ok(self.node.run("curl", "-sS", "-m", "5", "https://us.icr.io/v2/"))
        self.assertEqual(self.lab.connections(role="public"), [])
        # The end of the pod, as the kubelet asks for it: the shell is the first process of the pod.
        shell = self.run_ok(self.node.run("pgrep", "-f", "node apply --regions")).stdout.split()[-1]
        self.run_ok(self.node.run("kill", "-TERM", shell))
        self.assertEqual(pod.wait(20), 0, log.read_text())
        # The route outlives it, and goes by hand.
        self.assertIn(PRIVATE_US[0].encode(), self.node.read("/etc/hosts"))
        self.run_ok(self.node.run("icr-rewrite", "undo"))
        self.assertEqual(self.node.read("/etc/hosts"), self.before)
