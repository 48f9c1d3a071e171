# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The real programs behind the lab's fronts and under its clients: docker-registry and dockerd."""

import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile

from . import net

REGISTRY_PORT = 5000
REGISTRY_CONFIGURATION = """version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: "127.0.0.1:%d"}
"""

DOCKER_SOCKET = "/run/docker.sock"
DOCKER_FLAGS = ("--iptables=false", "--bridge=none", "--storage-driver=vfs", "--ip-forward=false",
                "--ip-masq=false", "-H", "unix://" + DOCKER_SOCKET)


def tiny_tar(text):
    """A tar archive with one file, hello, that holds TEXT."""
    data = text.encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("hello")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


class Daemon:
    """A program in the background, with its output in a file, ended by stop()."""

    def __init__(self, argv, log, environment=None):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env=environment)

    def alive(self):
        return self.process.poll() is None

    def await_port(self, where, seconds=30):
        try:
            net.await_port(where, seconds, self.alive)
        except RuntimeError as error:
            raise RuntimeError("%s; its output:\n%s" % (error, self.output()[-2000:])) from None

    def output(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


class Registry(Daemon):
    """Debian's docker-registry on loopback, without any login: the fronts see to that."""

    def __init__(self, folder):
        os.makedirs(folder)
        configuration = os.path.join(folder, "config.yml")
        with open(configuration, "w") as file:
            file.write(REGISTRY_CONFIGURATION % (os.path.join(folder, "data"), REGISTRY_PORT))
        program = shutil.which("docker-registry") or shutil.which("registry")
        if not program:
            raise RuntimeError("docker-registry is missing: install the package docker-registry")
        super().__init__([program, "serve", configuration], os.path.join(folder, "log"))
        self.port = REGISTRY_PORT

    def ready(self):
        self.await_port(("127.0.0.1", self.port))

    def _call(self, method, path, body=b"", kind="application/octet-stream"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400:
                raise RuntimeError("%s %s: %d" % (method, path, answer.status))
            return answer
        finally:
            connection.close()

    def _put_blob(self, name, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        place = self._call("POST", "/v2/%s/blobs/uploads/" % name).getheader("Location")
        path = "/" + place.split("://", 1)[-1].partition("/")[2]
        self._call("PUT", "%s&digest=%s" % (path, digest), data)
        return {"digest": digest, "size": len(data)}

    def store_image(self, name, tag, text="hello from the lab\n"):
        """Puts a one-layer linux image there without any client; returns its digest."""
        layer = tiny_tar(text)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine,
                                                               os.uname().machine)
        config = json.dumps({
            "architecture": machine, "os": "linux", "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers",
                       "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "lab"}]}).encode()
        kind = "application/vnd.docker."
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": kind + "distribution.manifest.v2+json",
            "config": dict(self._put_blob(name, config),
                           mediaType=kind + "container.image.v1+json"),
            "layers": [dict(self._put_blob(name, layer),
                            mediaType=kind + "image.rootfs.diff.tar")]}).encode()
        self._call("PUT", "/v2/%s/manifests/%s" % (name, tag), manifest,
                   kind + "distribution.manifest.v2+json")
        return "sha256:" + hashlib.sha256(manifest).hexdigest()

    def tags(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/v2/%s/tags/list" % name)
            return json.load(connection.getresponse()).get("tags") or []
        finally:
            connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.socket_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.socket_path)


class Dockerd(Daemon):
    """The real Docker Engine, on its default socket, configuration and pid file."""

    def __init__(self, log, flags=DOCKER_FLAGS, environment=None):
        program = shutil.which("dockerd")
        if not program:
            raise RuntimeError("dockerd is missing: install the package docker.io")
        super().__init__([program, *flags], log, environment)

    def ready(self):
        self.await_port(DOCKER_SOCKET, 60)
        if self.get("/_ping") != b"OK":
            raise RuntimeError("dockerd does not answer /_ping")

    def get(self, path):
        connection = UnixConnection(DOCKER_SOCKET)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def info(self):
        return json.loads(self.get("/info"))
