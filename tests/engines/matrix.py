# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""One engine over one route: what its login, pull, push and build do, by the registry's access log.

    tests/lab/enter python3 -m tests.engines.matrix ROW [--route ROUTE] [--debian ROOT]
        [--programs FOLDER...]

prints one JSON object. Rows stand in ROWS: an engine, the routes it is tried over, and where its
programs come from. tests/engines/check.py runs them all.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import textwrap
import threading
import time

from tests.common import HELPER, TOP, copy_program, picture, read
from tests.engines import golang, trixie
from tests.lab import front, servers
from tests.lab import lab as labs
from tests.lab.case import IMAGE, PRIVATE_US, UNWATCHED, LabCase, identities

OPERATIONS = ("login", "pull", "push", "build")
# What is asked for last, when nobody answers at the private addresses any more.
DEAD = "dead network"
COLUMNS = (*OPERATIONS, DEAD)
PRIVATE, PUBLIC, FAILS, NONE = "private", "**public**", "fails", "-"
BIG = 2 * 1024 * 1024
REPOSITORY = "demo/hello"

# What each route is asked for with; a row names the ones that concern it.
ROUTES = {"hosts": lambda engine: ("apply", "--regions", "us"),
          "native": lambda engine: ("apply", "--regions", "us", "--route", "native", "--engines",
                                    engine.native),
          "export": lambda engine: ("export", "--format", "hosts", "--regions", "us"),
          "ref": lambda engine: ("ref", IMAGE)}


class Absent(Exception):
    """What a row needs and this machine has not."""


def take(argv, stdin="", seconds=120, environment=None):
    return labs.run(*argv, stdin=stdin, timeout=seconds, environment=environment)


def must(done):
    if done.returncode:
        raise RuntimeError(str(done))
    return done


# --- engines


class Engine:
    """The operations of an engine: command lines that return a Result; None, where it has no such
    thing. They use the helper, in the way that its users do."""

    containers = False  # the helper is named in registries.conf.d
    native = None  # what --engines calls it
    unified = False  # knows the second version of cgroups only
    hard = True  # with --fallback never its own configuration has no way to the public name
    image = IMAGE

    def __init__(self, lab, route):
        self.lab, self.route = lab, route
        self.log = os.path.join(lab.folder, "engine.log")
        self.daemons = []

    def start(self):
        pass

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()

    def take_up(self, said):
        """What apply SAID has to be done, for its changes to be in force."""

    def daemon(self, argv, where, environment=None):
        if os.path.exists(where):
            os.unlink(where)
        daemon = servers.Daemon(argv, self.log, {**os.environ, **(environment or {})})
        self.daemons.append(daemon)
        daemon.await_port(where, 60)
        return daemon

    def registry(self):
        return self.image.partition("/")[0]

    def pushed(self):
        """What is pushed, and built there."""
        return self.registry() + "/demo/pushed:1"

    def dockerfile(self):
        folder = os.path.join(labs.HOME, "build")
        labs.Lab.write(os.path.join(folder, "Dockerfile"),
                       "FROM %s\nLABEL engine=tested\n" % self.image)
        return folder

    def key(self):
        """What the helper answers, for engines that know no helpers."""
        answer = must(self.lab.helper("get", stdin=self.registry())).json
        return "%s:%s" % (answer["Username"], answer["Secret"])

    def forget(self):
        """Drops the pulled image with its layers."""

    def end(self):
        """Behind undo, sentences about what is not so, of what is said elsewhere."""
        return []

    login = pull = push = build = None


class Docker(Engine):
    native = "docker"
    hard = False
    flags = tuple(flag for flag in servers.DOCKER_FLAGS if "storage" not in flag)
    store = '{"storage-driver": "vfs", "features": {"containerd-snapshotter": false}}\n'

    def start(self):
        self.lab.start_dockerd(self.store, flags=self.flags)

    def version(self):
        return self.lab.dockerd.info()["ServerVersion"]

    def docker(self, *words, stdin="", environment=None):
        return take(("docker", *words), stdin, environment=environment)

    def login(self):
        return self.docker("login", self.registry(), "--username", "iamapikey", "--password-stdin",
                           stdin=labs.API_KEY)

    def pull(self):
        return self.docker("pull", self.image)

    def forget(self):
        self.docker("rmi", "-f", self.image)
        self.docker("system", "prune", "-af")

    def push(self):
        self.lab.make_image(self.pushed(), "pushed\n" * 9999)
        return self.docker("push", self.pushed())

    def build(self):
        self.forget()
        return self.docker("build", "-t", "built", self.dockerfile(),
                           environment={"DOCKER_BUILDKIT": "1"})


class Docker29(Docker):
    """Its client builds by the plug-in only."""

    def start(self):
        folder = os.path.join(labs.HOME, ".docker/cli-plugins")
        os.makedirs(folder)
        os.symlink(shutil.which("buildx"), folder + "/docker-buildx")
        super().start()


class DockerContainerd(Docker):
    store = '{"storage-driver": "native", "features": {"containerd-snapshotter": true}}\n'


def copy_etc(folder):
    """An /etc for a program of a mount namespace of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("/etc", folder, symlinks=True)


def add_lines(folder, said):
    with open(folder + "/hosts", "a", encoding="ascii") as file:
        file.write(said.stdout)


class DockerElsewhere(Docker):
    """Another engine, with an /etc and a socket of its own, to which a context of the calling user
    leads."""

    etc = "/run/icr-lab/etc-of-engine"
    place = "/run/elsewhere"
    address = "unix://" + place + "/docker.sock"
    names = 'the Docker context "elsewhere" of the calling user'

    def start(self):
        os.makedirs(self.place)
        copy_etc(self.etc)
        self.launch()
        self.lead()

    def lead(self):
        must(self.docker("context", "create", "elsewhere", "--docker", "host=" + self.address))
        must(self.docker("context", "use", "elsewhere"))

    def launch(self):
        flags = [flag for flag in self.flags if not flag.startswith(("-H", "unix:"))]
        self.daemon(["unshare", "--mount", "sh", "-c",
                     "mount --bind %s /etc && exec dockerd \"$@\"" % self.etc, "sh", *flags,
                     "--storage-driver=vfs", "--data-root=%s/data" % self.place,
                     "--exec-root=%s/exec" % self.place, "--pidfile=%s/pid" % self.place, "-H",
                     self.address], self.place + "/docker.sock")

    def take_up(self, said):
        if self.route == "export":
            self.daemons.pop().stop()
            add_lines(self.etc, said)
            self.launch()
            return
        for done in (said, self.lab.rewrite("status")):
            if self.names + " leads to an engine elsewhere (unix)" not in done.stderr:
                raise RuntimeError("it does not say that it is not steered: %s" % done)

    def version(self):
        return self.docker("version", "--format", "{{.Server.Version}}").stdout.strip()


class DockerHost(DockerElsewhere):
    """The same by DOCKER_HOST."""

    names = "DOCKER_HOST"

    def lead(self):
        os.environ["DOCKER_HOST"] = self.address


class DockerSnap(Docker):
    """The folders and flags of Docker's snap, confined in as far as /etc/docker is its own. Between
    apply and the rest it is updated: its files are copied to another folder, to which "current"
    leads then, and the daemon is started on that."""

    data = "/var/snap/docker"
    store = '{"storage-driver": "vfs", "registry-mirrors": ["https://us.icr.io"]}\n'

    def start(self):
        labs.Lab.write(self.data + "/2893/config/daemon.json", self.store)
        os.makedirs(self.data + "/2893/etc/docker")
        self.launch("2893")

    def launch(self, revision):
        current = self.data + "/current"
        if os.path.lexists(current):
            os.unlink(current)
        os.symlink(revision, current)
        folder = self.data + "/" + revision
        self.daemon(["unshare", "--mount", "sh", "-c",
                     "mount --bind %s/etc/docker /etc/docker && exec dockerd \"$@\"" % folder, "sh",
                     *self.flags, "--exec-root=%s/run/docker" % folder,
                     "--data-root=%s/common/var-lib-docker" % self.data,
                     "--pidfile=%s/run/docker.pid" % folder,
                     "--config-file=%s/config/daemon.json" % folder], servers.DOCKER_SOCKET)

    def take_up(self, said):
        if "Docker is a snap: " not in said.stderr:
            raise RuntimeError("apply does not say that it is a snap: %s" % said)
        self.daemons.pop().stop()
        shutil.rmtree(self.data + "/2893/run")
        shutil.copytree(self.data + "/2893", self.data + "/2900", symlinks=True)
        self.launch("2900")
        must(self.lab.rewrite("refresh"))
        must(self.lab.rewrite("status"))

    def version(self):
        return self.docker("version", "--format", "{{.Server.Version}}").stdout.strip()

    def push(self):
        must(self.docker("tag", self.image, self.pushed()))
        return self.docker("push", self.pushed())

    def end(self):
        text = read(self.data + "/current/config/daemon.json").decode()
        return [] if text == self.store else ["undo leaves another daemon.json: " + text]


class Docker29Containerd(Docker29, DockerContainerd):
    pass


class Buildx(DockerContainerd):
    """The plug-in by its own name; what it builds is pushed by the builder itself."""

    login = pull = None

    def version(self):
        return self.docker("buildx", "version").stdout.split()[1]

    def build(self):
        self.forget()
        return self.docker("buildx", "build", "-t", "built", self.dockerfile())

    def push(self):
        return self.docker("buildx", "build", "--push", "-t", self.pushed(), self.dockerfile())


class Compose(DockerContainerd):
    login = None

    def version(self):
        return self.docker("compose", "version", "--short").stdout.strip()

    def compose(self, *words):
        folder = self.dockerfile()
        labs.Lab.write(os.path.join(folder, "compose.yaml"), "services:\n" + "".join(
            "  %s:\n    image: %s\n%s" % service for service in (
                ("hello", self.image, ""), ("pushed", self.pushed(), "    build: .\n"))))
        return self.docker("compose", "--project-directory", folder, *words)

    def pull(self):
        return self.compose("pull", "hello")

    def build(self):
        self.forget()
        return self.compose("build", "pushed")

    def push(self):
        must(self.compose("build", "pushed"))
        self.lab.clear_log()
        return self.compose("push", "pushed")


class Podman(Engine):
    containers = True
    native = "podman"
    program = "podman"
    prefix = ()

    def podman(self, *words, stdin=""):
        return take((*self.prefix, self.program, *words), stdin)

    def version(self):
        return self.podman("--version").stdout.split()[2]

    def login(self):
        return self.podman("login", self.registry(), "--username", "iamapikey", "--password-stdin",
                           stdin=labs.API_KEY)

    def pull(self):
        return self.podman("pull", self.image)

    def forget(self):
        self.podman("rmi", "-af")

    def push(self):
        return self.podman("push", self.image, self.pushed())

    def build(self):
        self.forget()
        return self.podman("build", "-t", "built", self.dockerfile())


class Podman6(Podman):
    unified = True


class Buildah(Podman):
    program = "buildah"

    def login(self):
        return self.podman("login", "--username", "iamapikey", "--password-stdin", self.registry(),
                           stdin=labs.API_KEY)


class User:
    """User 1000, who has a home, the helper's key, and numbers for user namespaces of their own."""

    home = "/run/icr-lab/rootless"

    def __init__(self):
        os.makedirs(self.home + "/run", exist_ok=True)
        os.chmod("/run/icr-lab", 0o755)
        self.own()
        self.prefix = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env",
                       "HOME=" + self.home, "XDG_RUNTIME_DIR=" + self.home + "/run",
                       "USER=user", "TMPDIR=" + self.home)

    def own(self):
        must(take(("chown", "-R", "1000:1000", self.home)))

    def helper(self, *words, stdin=""):
        return must(take((*self.prefix, labs.BUILD + "/docker-credential-icr", *words), stdin))

    def store(self):
        self.helper("store", stdin=json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey",
                                               "Secret": labs.API_KEY}))

    def has_numbers(self):
        """A line in subuid and subgid, which rootless Docker wants."""
        for name, line in (("passwd", "user:x:1000:1000::%s:/bin/sh" % self.home),
                           ("group", "user:x:1000:"), ("subuid", "user:100000:65536"),
                           ("subgid", "user:100000:65536")):
            path = "/etc/" + name
            before = read(path).decode() if os.path.exists(path) else ""
            kept = [one for one in before.splitlines()
                    if not one.startswith("user:") and one.split(":")[2:3] != ["1000"]]
            labs.Lab.write(path, "\n".join([*kept, line, ""]))


class Rootless:
    """With one user and group number, as a user without a line in subuid has."""

    def start(self):
        self.user = User()
        # not registries.conf: beside one of the user's own podman reads nothing of /etc
        labs.Lab.write(self.user.home + "/.config/containers/storage.conf",
                       '[storage]\ndriver = "vfs"\n[storage.options]\nignore_chown_errors = '
                       '"true"\n')
        self.user.own()
        self.prefix = self.user.prefix
        self.user.store()

    def build(self):
        self.forget()
        folder = self.user.home + "/build"
        shutil.copytree(self.dockerfile(), folder, dirs_exist_ok=True)
        return self.podman("build", "--isolation=chroot", "-t", "built", folder)


class PodmanRootless(Rootless, Podman):
    pass


class BuildahRootless(Rootless, Buildah):
    pass


ROOTLESS = "/usr/share/docker.io/contrib/dockerd-rootless.sh"


class DockerRootless(Docker):
    """By the script of Docker's own, with slirp4netns: a network and a hosts file of its own, as
    far as rootlesskit makes one."""

    def start(self):
        if not os.path.exists(ROOTLESS):
            raise Absent("%s is not there" % ROOTLESS)
        self.user = User()
        self.user.has_numbers()
        self.user.helper("configure", "--regions", "us")
        # of mode 0666 where udev made it
        must(take(("mknod", "-m", "0666", "/run/tun", "c", "10", "200")))
        must(take(("mount", "--bind", "/run/tun", "/dev/net/tun")))
        self.socket = self.user.home + "/run/docker.sock"
        self.launch()
        self.user.store()

    def launch(self):
        flags = [flag for flag in self.flags if not flag.startswith(("-H", "unix:"))]
        self.daemon([*self.user.prefix, ROOTLESS, "--storage-driver=vfs", *flags, "-H",
                     "unix://" + self.socket], self.socket)

    def take_up(self, said):
        if "rootless) goes by the copy of /etc/hosts" not in said.stderr:
            raise RuntimeError("apply does not say that it has to be restarted: %s" % said)
        self.daemons.pop().stop()
        self.launch()

    def version(self):
        return self.docker("version", "--format", "{{.Server.Version}}").stdout.strip()

    def docker(self, *words, stdin="", environment=None):
        more = ["%s=%s" % one for one in (environment or {}).items()]
        return take((*self.user.prefix, "DOCKER_HOST=unix://" + self.socket, *more, "docker",
                     *words), stdin)

    def push(self):
        self.docker("tag", self.image, self.pushed())
        return self.docker("push", self.pushed())

    def build(self):
        self.forget()
        shutil.copytree(self.dockerfile(), self.user.home + "/build", dirs_exist_ok=True)
        return self.docker("build", "-t", "built", self.user.home + "/build",
                           environment={"DOCKER_BUILDKIT": "1"})


class Skopeo(Podman):
    program = "skopeo"
    build = None
    forget = Engine.forget

    target = os.path.join(labs.HOME, "copied")

    def pull(self):
        shutil.rmtree(self.target, ignore_errors=True)
        return self.podman("copy", "docker://" + self.image, "dir:" + self.target)

    def push(self):
        return self.podman("copy", "dir:" + self.target, "docker://" + self.pushed())


class SkopeoRootless(Rootless, Skopeo):
    target = os.path.join(User.home, "copied")
    build = None
    forget = Engine.forget


class Image(Skopeo):
    """The library of podman 6 and CRI-O, by a program of its own."""

    login = None
    program = "image"

    def version(self):
        return golang.MODULES["image"][1].lstrip("v")


CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


class Containerd(Engine):
    """ctr has no login, and knows no helper: the key comes from the helper's answer."""

    native = "containerd"
    configuration = """version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"""

    def start(self):
        labs.Lab.write("/etc/containerd/config.toml", self.configuration)
        self.daemon(["containerd"], CONTAINERD_SOCKET)

    def take_up(self, said):
        if self.route == "native":
            self.daemons.pop().stop()
            self.daemon(["containerd"], CONTAINERD_SOCKET)

    def version(self):
        return take(("containerd", "--version")).stdout.split()[2].lstrip("v").partition("~")[0]

    def ctr(self, *words):
        return take(("ctr", *words))

    def hosts(self):
        """Unlike CRI it reads hosts.toml files only where it is told to."""
        return ("--hosts-dir", "/etc/containerd/certs.d") if self.route == "native" else ()

    def pull(self):
        return self.ctr("images", "pull", *self.hosts(), "--snapshotter", "native", "-u",
                        self.key(), self.image)

    def forget(self):
        self.ctr("images", "rm", "--sync", self.image)

    def push(self):
        return self.ctr("images", "push", *self.hosts(), "-u", self.key(), self.pushed(),
                        self.image)


class Containerd2(Containerd):
    configuration = """version = 3
[plugins."io.containerd.cri.v1.images"]
snapshotter = "native"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux"
snapshotter = "native"
differ = "walking"
"""


class CriMixin:
    """Kubernetes' way: crictl says to CRI what kubelet says after it asked icr-credential-provider.
    """

    push = None
    socket = CONTAINERD_SOCKET

    def crictl(self, *words):
        return take(("crictl", "--runtime-endpoint", "unix://" + self.socket,
                     "--image-endpoint", "unix://" + self.socket, *words))

    def provided(self):
        link = os.path.join(labs.HOME, "icr-credential-provider")
        if not os.path.lexists(link):
            os.symlink(labs.BUILD + "/docker-credential-icr", link)
        request = {"apiVersion": "credentialprovider.kubelet.k8s.io/v1",
                   "kind": "CredentialProviderRequest", "image": self.image}
        auth = must(take((link,), json.dumps(request))).json["auth"]
        one = next(iter(auth.values()))
        return "%s:%s" % (one["username"], one["password"])

    def pull(self):
        return self.crictl("pull", "--creds", self.provided(), self.image)

    def forget(self):
        self.crictl("rmi", self.image)


class Cri(CriMixin, Containerd):
    pass


class Cri2(CriMixin, Containerd2):
    pass


REGISTRIES = "/etc/rancher/k3s/registries.yaml"


class K3s(Cri2):
    """containerd with the hosts.toml files that k3s and rke2 make of registries.yaml, which is read
    by their own library here; k3s writes such files whenever it starts."""

    native = "k3s"
    hard = False
    folder = "/var/lib/rancher/k3s/agent/etc/containerd/certs.d"
    configuration = Cri2.configuration + """
[plugins."io.containerd.cri.v1.images".registry]
config_path = "%s"
""" % folder
    hosts_toml = """# File generated by k3s. DO NOT EDIT.

server = "https://%s/v2"

[host."%s/v2"]
  capabilities = ["pull", "resolve"]
"""

    def take_up(self, said):
        if self.route != "native":
            return
        self.daemons.pop().stop()
        for line in must(take(("wharfie", "mirrors", REGISTRIES))).stdout.splitlines():
            name, endpoint = line.split()
            labs.Lab.write(os.path.join(self.folder, name, "hosts.toml"),
                           self.hosts_toml % (name, endpoint))
        self.daemon(["containerd"], CONTAINERD_SOCKET)


class Wharfie(Engine):
    """That library's own pulls, by which rke2 gets what it consists of."""

    native = "k3s"
    hard = False

    def version(self):
        return golang.MODULES["wharfie"][1].lstrip("v")

    def pull(self):
        return take(("wharfie", "pull", REGISTRIES, self.image))


class Nerdctl(Containerd2):
    """With a buildkitd beside containerd, which builds for it. Its login asks for a helper of
    us.icr.io:443, and without one writes the key into config.json: the key is stored otherwise."""

    native = "containerd,buildkit"

    def start(self):
        super().start()
        self.daemon(Buildkit.command, Buildkit.socket)

    def take_up(self, said):
        if self.route == "native":
            self.stop()
            self.daemons.clear()
            self.daemon(["containerd"], CONTAINERD_SOCKET)
            self.daemon(Buildkit.command, Buildkit.socket)

    def version(self):
        return self.nerdctl("--version").stdout.split()[2].lstrip("v")

    def nerdctl(self, *words, stdin=""):
        return take(("nerdctl", "--snapshotter", "native", *words), stdin)

    def pull(self):
        return self.nerdctl("pull", self.image)

    def forget(self):
        self.nerdctl("rmi", "--force", self.image, self.pushed())

    def push(self):
        must(self.nerdctl("tag", self.image, self.pushed()))
        return self.nerdctl("push", self.pushed())

    def build(self):
        self.forget()
        take(("buildctl", "prune", "--all"))
        return self.nerdctl("build", "--no-cache", "-t", "built", self.dockerfile())

    def end(self):
        must(self.nerdctl("login", "us.icr.io", "--username", "iamapikey", "--password-stdin",
                          stdin=labs.API_KEY))
        found = []
        for said, wanted in (("nerdctl login", ["us.icr.io:443"]), ("import", [])):
            auths = json.loads(read(os.path.join(labs.HOME, ".docker/config.json")))["auths"]
            plain = [name for name, entry in auths.items() if entry]
            if plain != wanted:
                found.append("%s leaves in plain text: %s" % (said, plain))
            must(self.lab.helper("import"))
        return found


class Crio(CriMixin, Engine):
    """Without a pull secret: it asks the helper that registries.conf.d names. Its program pinns is
    for pods, of which none is made here."""

    containers = True
    native = "crio"
    socket = "/run/crio/crio.sock"
    configuration = """[crio]
root = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
storage_driver = "vfs"
[crio.runtime]
pinns_path = "/bin/true"
conmon_cgroup = "pod"
cgroup_manager = "cgroupfs"
default_runtime = "runc"
[crio.runtime.runtimes.runc]
runtime_path = "/usr/sbin/runc"
"""

    def start(self):
        labs.Lab.write("/etc/crio/crio.conf", self.configuration)
        self.daemon(["crio"], self.socket)

    def take_up(self, said):
        if self.route == "native":
            if "reads it again at SIGHUP (kill -HUP " not in said.stderr:
                raise RuntimeError("apply does not say that CRI-O has to be told: %s" % said)
            os.kill(self.daemons[-1].process.pid, signal.SIGHUP)
            deadline = time.monotonic() + 10
            while "Applied new registry configuration" not in read(self.log).decode():
                if time.monotonic() > deadline:
                    raise RuntimeError("CRI-O does not read its configuration again")
                time.sleep(0.02)

    def version(self):
        return take(("crio", "--version")).stdout.split()[2]

    def pull(self):
        return self.crictl("pull", self.image)


class Cosign(Engine):
    """What it does to an image: sign (as push) and verify (as pull), by a key."""

    containers = True  # also where it cannot be read
    native = "podman"
    offline = ("--tlog-upload=false", "--use-signing-config=false")

    def start(self):
        must(self.cosign("generate-key-pair", "--output-key-prefix", self.key_file()))
        must(self.lab.helper("store", stdin=json.dumps(
            {"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": labs.API_KEY})))
        must(self.push())

    @staticmethod
    def key_file():
        return os.path.join(labs.HOME, "cosign")

    def cosign(self, *words):
        return take(("cosign", *words), environment={"COSIGN_PASSWORD": ""})

    def version(self):
        """That of the package: as Debian builds it, it knows none."""
        return re.search(r"^cosign_([^-]+)-", read(PACKAGES).decode(), re.M).group(1)

    def push(self):
        """With something in it that no earlier signature has."""
        signed = self.cosign("sign", "--yes", *self.offline, "-a", "by=" + self.registry(), "--key",
                             self.key_file() + ".key", self.image)
        return self.pull("-a", "by=" + self.registry()) if signed.returncode == 0 else signed

    def pull(self, *words):
        return self.cosign("verify", "--insecure-ignore-tlog", *words, "--key",
                           self.key_file() + ".pub", self.image)


class Buildkit(Engine):
    """buildctl, with the client's configuration of Docker; a pull is a build's."""

    native = "buildkit"
    hard = False
    socket = "/run/buildkit/buildkitd.sock"
    command = ("buildkitd", "--oci-worker-snapshotter=native", "--containerd-worker=false")

    def take_up(self, said):
        if self.route == "native":
            self.daemons.pop().stop()
            self.start()

    def start(self):
        self.daemon(self.command, self.socket)

    def version(self):
        return take(("buildkitd", "--version")).stdout.split()[2].lstrip("v")

    def buildctl(self, output):
        folder = self.dockerfile()
        return take(("buildctl", "build", "--no-cache", "--frontend", "dockerfile.v0", "--local",
                     "context=" + folder, "--local", "dockerfile=" + folder, *output))

    def forget(self):
        take(("buildctl", "prune", "--all"))

    def build(self):
        self.forget()
        return self.buildctl(())

    def push(self):
        return self.buildctl(("--output", "type=image,name=%s,push=true" % self.pushed()))


class BuildkitContained(Buildkit):
    """With an /etc of its own, as in a container: buildx's container driver, Dagger, Kubernetes.
    It gets our lines by export (--add-host, hostAliases), or the buildkitd.toml of the route native
    (buildx create --buildkitd-config)."""

    etc = "/run/icr-lab/etc-of-builder"

    def start(self):
        copy_etc(self.etc)
        self.launch()

    def launch(self):
        self.daemon(["unshare", "--mount", "sh", "-c", "mount --bind %s /etc && exec %s" % (
            self.etc, " ".join(self.command))], self.socket)

    def take_up(self, said):
        if self.route == "hosts":
            if "a hosts file of its own" not in said.stderr:
                raise RuntimeError("apply does not say that it is not steered: %s" % said)
            return
        self.daemons.pop().stop()
        if self.route == "native":
            shutil.copytree("/etc/buildkit", self.etc + "/buildkit", dirs_exist_ok=True)
        else:
            add_lines(self.etc, said)
        self.launch()


BUILDER = "builder"
BUILDER_IMAGE = "lab/buildkit:1"


def pack(archive, programs, folder, scripts=()):
    """A tar archive with PROGRAMS in /bin, what they are linked with, SCRIPTS, and the lab's CA."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/bin")
    os.makedirs(folder + "/tmp")
    for program in programs:
        path = shutil.which(program)
        shutil.copy(path, folder + "/bin")
        for word in take(("ldd", path)).stdout.split():
            if word.startswith("/"):
                os.makedirs(folder + os.path.dirname(word), exist_ok=True)
                shutil.copy(word, folder + word)
    os.makedirs(folder + "/etc/ssl/certs")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder + "/etc/ssl/certs")
    for path, text in scripts:
        labs.Lab.write(folder + path, text)
        os.chmod(folder + path, 0o755)
    must(take(("tar", "-C", folder, "-cf", archive, ".")))


# runc, for a machine whose root lacks a capability, which a privileged container would ask for.
RUNTIME = """#!/usr/bin/python3
import json, os, sys
words = sys.argv[1:]
for option, file in (("--bundle", "/config.json"), ("--process", "")):
    if option not in words:
        continue
    path = words[words.index(option) + 1] + file
    with open(path) as file:
        spec = json.load(file)
    process = spec.get("process", spec)
    for kind, names in process.get("capabilities", {}).items():
        process["capabilities"][kind] = [name for name in names if name in %r]
    process.pop("rlimits", None)
    process.pop("oomScoreAdj", None)
    with open(path, "w") as file:
        json.dump(spec, file)
os.execv("/usr/sbin/runc", ["runc", *words])
"""


def write_runtime(path):
    bounding = take(("capsh", "--print")).stdout
    names = next(line.partition("=")[2] for line in bounding.splitlines()
                 if line.startswith("Bounding set"))
    labs.Lab.write(path, RUNTIME % [name.upper() for name in names.split(",")])
    os.chmod(path, 0o755)


MACHINE_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Containers:
    """A Docker Engine that runs containers, on a network that it makes."""

    flags = (*(flag for flag in servers.DOCKER_FLAGS if "storage" not in flag and
               not flag.startswith("--bridge")), "--bip=172.30.0.1/24", "--ip6tables=false")

    def start_engine(self):
        runtime = os.path.join(self.lab.folder, "runtime")
        write_runtime(runtime)
        # with the containerd of its own release, whatever else the row has of that name
        self.lab.start_dockerd(Docker.store, flags=(
            *self.flags, "--add-runtime=lab=" + runtime, "--default-runtime=lab"),
            environment={**os.environ, "PATH": MACHINE_PATH})

    def make_image(self, name, programs, scripts=(), entry=None):
        """SCRIPTS are pairs of a path and what stands there."""
        archive = os.path.join(self.lab.folder, "image.tar")
        pack(archive, programs, self.lab.folder + "/image", scripts)
        words = ("-c", "ENTRYPOINT %s" % json.dumps([entry])) if entry else ()
        must(self.docker("import", *words, "-c", "ENV PATH=/bin", archive, name))


class BuildxContained(Containers, Buildx):
    """buildx's driver docker-container, with an image of our own for its builder. The clients'
    tokens are fetched by buildx, on the host."""

    native = "buildkit"
    options = ("image=" + BUILDER_IMAGE,)

    def start(self):
        self.start_engine()
        self.make_image(BUILDER_IMAGE, ("buildkitd", "buildctl", self.runc(), "sh", "tee"),
                        entry="buildkitd")
        self.create()

    def runc(self):
        return "/usr/sbin/runc"  # of this machine: that of another Debian is a script

    def create(self, *words):
        self.buildx("rm", "--force", BUILDER)
        more = [word for option in self.options for word in ("--driver-opt", option)]
        must(self.buildx("create", "--name", BUILDER, "--driver", "docker-container", *more,
                         "--buildkitd-flags", "--oci-worker-snapshotter=native", *words,
                         "--bootstrap"))

    def buildx(self, *words, stdin=""):
        return self.docker("buildx", *words, stdin=stdin)

    def contained(self):
        return "buildx_buildkit_%s0" % BUILDER

    def take_up(self, said):
        if self.route == "hosts":
            if "has a hosts file of its own, as in a container" not in said.stderr:
                raise RuntimeError("apply does not say that it is not steered: %s" % said)
        elif self.route == "native":
            self.create("--buildkitd-config", "/etc/buildkit/buildkitd.toml")
        else:
            self.create()
            must(self.docker("exec", "-i", self.contained(), "tee", "-a", "/etc/hosts",
                             stdin=said.stdout))

    def forget(self):
        self.buildx("prune", "--builder", BUILDER, "--all", "--force")

    def build(self):
        self.forget()
        return self.buildx("build", "--builder", BUILDER, "--no-cache", self.dockerfile())

    def push(self):
        return self.buildx("build", "--builder", BUILDER, "--no-cache", "--push", "-t",
                           self.pushed(), self.dockerfile())


class BuildxContained38(BuildxContained):
    """With the plug-in called by itself."""

    def buildx(self, *words, stdin=""):
        return take(("buildx", *words), stdin)

    def version(self):
        return self.buildx("version").stdout.split()[1].lstrip("v")


class BuildxHostNetwork(BuildxContained38):
    """On the host's network, a container gets a copy of the host's file each time it starts."""

    options = (*BuildxContained.options, "network=host")

    def take_up(self, said):
        super().take_up(said)
        must(self.docker("restart", self.contained()))


class Kind(CriMixin, Containers, Docker):
    """kind's own code makes the node, from an image of ours: its containerd and what kind needs of
    a system, without Kubernetes. The node is in the engine's own network, not in one that kind
    makes: name servers of such a network are the engine's, by rules of a firewall."""

    native = "containerd"
    hard = True
    node = "kind-control-plane"
    picture = "lab/node:1"
    programs = ("containerd", "crictl", "bash", "sh", "cat", "cp", "mkdir", "tee", "pgrep", "sleep")
    scripts = (
        ("/kind/version", "v1.36.0\n"),
        ("/etc/containerd/config.toml", Containerd.configuration),
        ("/bin/systemctl", """#!/bin/sh
set -e
pid=$(pgrep --exact containerd)
kill $pid
while kill -0 $pid 2>/dev/null; do sleep 0.02; done
"""),
        ("/bin/entrypoint", """#!/bin/sh
echo 'Reached target multi-user.target - Multi-User System.'
while :; do containerd; done
"""))
    configuration = """kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
"""
    @staticmethod
    def patches():
        """The README's lines."""
        lines = read(TOP / "README.md").decode().split("  containerdConfigPatches:\n")[1]
        return "containerdConfigPatches:\n" + textwrap.dedent(lines.partition("  ```\n")[0])

    def start(self):
        # which the engine would make, to have it in the node
        if not os.path.isdir("/lib/modules"):
            folders = [os.path.join(self.lab.folder, name) for name in ("upper", "work")]
            for folder in folders:
                os.mkdir(folder)
            must(take(("mount", "-t", "overlay", "-o", "lowerdir=/usr/lib,upperdir=%s,workdir=%s" %
                       tuple(folders), "lab", "/usr/lib")))
            os.mkdir("/lib/modules")
        self.start_engine()
        self.make_image(self.picture, self.programs, self.scripts, "entrypoint")
        self.create(self.configuration)

    def create(self, configuration):
        self.docker("rm", "--force", "--volumes", self.node)
        path = os.path.join(labs.HOME, "kind.yaml")
        labs.Lab.write(path, configuration)
        must(take(("kind", path, self.picture),
                  environment={"KIND_EXPERIMENTAL_DOCKER_NETWORK": "bridge"}))
        deadline = time.monotonic() + 30
        while self.crictl("version").returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(str(self.docker("logs", self.node)))
            time.sleep(0.05)

    def take_up(self, said):
        if self.route == "hosts":
            if "has a hosts file of its own, as in a container" not in said.stderr:
                raise RuntimeError("apply does not say that it is not steered: %s" % said)
        elif self.route == "native":
            self.create(self.configuration + self.patches())
        else:
            must(self.docker("exec", "-i", self.node, "tee", "-a", "/etc/hosts",
                             stdin=said.stdout))

    def version(self):
        return golang.MODULES["kind"][1].lstrip("v")

    def crictl(self, *words):
        return self.docker("exec", self.node, "crictl", "--runtime-endpoint",
                           "unix://" + self.socket, "--image-endpoint", "unix://" + self.socket,
                           *words)

    login = build = None


AUTH_FILE = "/run/containers/0/auth.json"


class InContainer(Containers, Docker):
    """A client in a container, as in a devcontainer; its key is mounted. It gets our lines by
    --add-host."""

    picture = "lab/client:1"
    options = ()
    programs = ("image", "sh", "cat")
    scripts = (("/etc/passwd", "root:x:0:0::/:/bin/sh\n"),
               ("/etc/containers/policy.json",
                '{"default": [{"type": "insecureAcceptAnything"}]}\n'))

    def start(self):
        self.more = ()
        self.start_engine()
        self.make_image(self.picture, self.programs, self.scripts)

    def take_up(self, said):
        if self.route == "export":
            self.more = add_host(said.stdout)

    def key_file(self):
        """What a client there reads at AUTH_FILE."""
        path = os.path.join(labs.HOME, "auth.json")
        key = base64.b64encode(self.key().encode()).decode()
        labs.Lab.write(path, json.dumps({"auths": {self.registry(): {"auth": key}}}))
        return path

    def copy(self, *words):
        return self.docker("run", "--rm", *self.options, *self.more, "-v",
                           self.key_file() + ":" + AUTH_FILE, "-v", self.folder() + ":/copied",
                           self.picture, "image", "copy", *words)

    @staticmethod
    def folder():
        os.makedirs(Skopeo.target, exist_ok=True)
        return Skopeo.target

    def pull(self):
        return self.copy("docker://" + self.image, "dir:/copied")

    def push(self):
        return self.copy("dir:/copied", "docker://" + self.pushed())

    def forget(self):
        shutil.rmtree(self.folder())

    login = build = None


class InPodman(InContainer):
    """The same of podman, whose containers start with a copy of the host's file."""

    unified = True
    picture = "localhost/lab/client:1"
    options = ("--network=host", "--cgroups=disabled", "--security-opt=seccomp=unconfined")

    def docker(self, *words, stdin="", environment=None):
        return take(("podman", *words), stdin, environment=environment)

    def start_engine(self):
        pass

    def version(self):
        return self.docker("--version").stdout.split()[2]


def add_host(lines):
    """Words for `docker run`, of a hosts file's LINES."""
    words = [line.split() for line in lines.splitlines() if not line.startswith("#")]
    return ["--add-host=%s:%s" % (name, address) for address, *names in words for name in names]


class Devcontainer(InContainer):
    """Its image and what it builds come by the engine, what is pulled inside by a client there."""

    folder_of_it = "/run/icr-lab/project"
    programs = (*InContainer.programs, "sleep", "env", "uname", "id", "mkdir", "test", "grep", "ls",
                "getent", "chmod", "touch", "tee")

    def version(self):
        return take(("devcontainer", "--version")).stdout.strip()

    def devcontainer(self, verb, settings, *words):
        labs.Lab.write(self.folder_of_it + "/.devcontainer/devcontainer.json", json.dumps(settings))
        # it asks the registry itself, too, and Node.js has a list of CAs of its own
        return take(("devcontainer", verb, "--workspace-folder", self.folder_of_it, *words),
                    environment={"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"})

    def start(self):
        super().start()
        base = "127.0.0.1:%d/demo/base:1" % self.lab.registry.port
        must(self.docker("tag", self.picture, base))
        must(self.docker("push", base))
        must(self.docker("rmi", base, self.picture))

    def settings(self):
        return {"image": self.registry() + "/demo/base:1", "runArgs": list(self.more),
                "mounts": ["type=bind,source=%s,target=%s" % (self.key_file(), AUTH_FILE)]}

    def copy(self, *words):
        settings = self.settings()
        done = self.devcontainer("up", settings, "--remove-existing-container")
        if done.returncode:
            return done
        return self.devcontainer("exec", settings, "image", "copy", *words)

    def pull(self):
        return self.copy("docker://" + self.image, "dir:/tmp/copied")

    def build(self):
        self.forget()
        labs.Lab.write(self.folder_of_it + "/.devcontainer/Dockerfile",
                       read(self.dockerfile() + "/Dockerfile").decode())
        return self.devcontainer("build", {"build": {"dockerfile": "Dockerfile"}}, "--image-name",
                                 "built")

    def forget(self):
        for container in self.docker("ps", "-aq").stdout.split():
            self.docker("rm", "--force", container)
        self.docker("system", "prune", "-af")

    push = None


# --- rows


class Row:
    """A line of the table for each of its routes. NEEDS: names of trixie.SUITES and golang.MODULES;
    PROGRAMS come from there, else from this machine. VERSION is what is expected, said where it
    cannot be had."""

    def __init__(self, name, version, engine, needs=(), programs=(), routes=("hosts", "native")):
        self.name, self.version, self.engine = name, version, engine
        self.needs, self.programs, self.routes = needs, programs, routes


CLASSIC, C8D = "Docker Engine, classic store", "Docker Engine, containerd store"
DEBIAN13, UNSTABLE, EXPERIMENTAL = ("debian13",), ("unstable",), ("experimental",)
GO29 = ("dockerd", "containerd", "docker", "buildx")
DOCKER = ("dockerd", "docker")
HOSTS = ("hosts",)
BUILT = ("hosts", "export", "native")
NAMED = ("hosts", "native", "ref")
ROWS = {
    "docker-20": Row(CLASSIC, "20.10", Docker, programs=DOCKER, routes=NAMED),
    "docker-20-rootless": Row("Docker Engine, rootless", "20.10", DockerRootless,
                              programs=(*DOCKER, "rootlesskit", "slirp4netns"), routes=HOSTS),
    "docker-context": Row("Docker Engine, by a context that leads elsewhere", "20.10",
                          DockerElsewhere, programs=(*DOCKER, "unshare"),
                          routes=("hosts", "export")),
    "docker-host": Row("Docker Engine, by DOCKER_HOST", "20.10", DockerHost,
                       programs=(*DOCKER, "unshare"), routes=("hosts", "export")),
    "docker-snap": Row("Docker Engine, laid out as in its snap", "20.10", DockerSnap,
                       programs=(*DOCKER, "unshare"), routes=HOSTS),
    "docker-26": Row(CLASSIC, "26.1", Docker, DEBIAN13, DOCKER, HOSTS),
    "docker-26-c8d": Row(C8D, "26.1", DockerContainerd, DEBIAN13, DOCKER, HOSTS),
    "docker-28": Row(CLASSIC, "28.5", Docker, UNSTABLE, DOCKER, HOSTS),
    "docker-28-c8d": Row(C8D, "28.5", DockerContainerd, UNSTABLE, DOCKER),
    "docker-29": Row(CLASSIC, "29.0", Docker29, GO29, DOCKER, HOSTS),
    "docker-29-c8d": Row(C8D, "29.0", Docker29Containerd, GO29, DOCKER, ("hosts", "ref")),
    "buildx": Row("docker buildx, the engine's builder", "0.13", Buildx, DEBIAN13, DOCKER, HOSTS),
    "buildx-29": Row("docker buildx, the engine's builder", "0.29", Buildx, UNSTABLE, DOCKER,
                     HOSTS),
    "buildx-contained": Row("docker buildx, a builder in a container", "0.13", BuildxContained,
                            ("debian13", "buildkit"), ("docker", "buildkitd", "buildctl"), BUILT),
    "buildx-contained-38": Row("docker buildx, a builder in a container", "0.38", BuildxContained38,
                               ("buildx", "buildkit"), (*DOCKER, "buildkitd", "buildctl", "buildx"),
                               BUILT),
    "buildx-host-network": Row("docker buildx, a builder in a container of the host's network",
                               "0.38", BuildxHostNetwork, ("buildx", "buildkit"),
                               (*DOCKER, "buildkitd", "buildctl", "buildx"), HOSTS),
    "compose": Row("docker compose", "2.26", Compose, DEBIAN13, DOCKER, HOSTS),
    "kind": Row("kind, a node's containerd", "0.33", Kind, ("containerd", "crictl", "kind"),
                (*DOCKER, "containerd", "crictl", "kind"), BUILT),
    "client-contained": Row("a client in a container of Docker", "20.10", InContainer, ("image",),
                            (*DOCKER, "image"), ("hosts", "export")),
    "client-in-podman": Row("a client in a container of podman", "4.3", InPodman, ("image",),
                            ("podman", "image"), HOSTS),
    "devcontainer": Row("devcontainer, which builds by the engine, and a client in it", "0.89",
                        Devcontainer, ("devcontainer", "image"), (*DOCKER, "devcontainer", "image"),
                        ("hosts", "export")),
    "podman-4": Row("podman", "4.3", Podman, programs=("podman",), routes=NAMED),
    "podman-4-rootless": Row("podman, rootless", "4.3", PodmanRootless,
                             programs=("podman", "setpriv")),
    "podman-5": Row("podman", "5.4", Podman, DEBIAN13, ("podman",)),
    "podman-58": Row("podman", "5.8", Podman, UNSTABLE, ("podman",)),
    "podman-6": Row("podman", "6.1", Podman6, EXPERIMENTAL, ("podman",)),
    "buildah-1.28": Row("buildah", "1.28", Buildah, programs=("buildah",)),
    "buildah-1.28-rootless": Row("buildah, rootless", "1.28", BuildahRootless,
                                 programs=("buildah", "setpriv")),
    "buildah-1.39": Row("buildah", "1.39", Buildah, DEBIAN13, ("buildah",)),
    "buildah-1.43": Row("buildah", "1.43", Buildah, UNSTABLE, ("buildah",)),
    "buildah-1.45": Row("buildah", "1.45", Buildah, EXPERIMENTAL, ("buildah",)),
    "skopeo-1.9": Row("skopeo", "1.9", Skopeo, programs=("skopeo",)),
    "skopeo-1.9-rootless": Row("skopeo, rootless", "1.9", SkopeoRootless,
                               programs=("skopeo", "setpriv")),
    "skopeo-1.18": Row("skopeo", "1.18", Skopeo, DEBIAN13, ("skopeo",)),
    "skopeo-1.22": Row("skopeo", "1.22", Skopeo, EXPERIMENTAL, ("skopeo",)),
    "image": Row("containers/image, of podman 6 and CRI-O", "5.42", Image, ("image",), ("image",)),
    "ctr-1.6": Row("containerd, ctr", "1.6", Containerd, programs=("containerd", "ctr")),
    "ctr-1.7": Row("containerd, ctr", "1.7", Containerd, DEBIAN13, ("containerd", "ctr")),
    "ctr-2": Row("containerd, ctr", "2.4", Containerd2, ("containerd",), ("containerd", "ctr")),
    "cri-1.6": Row("containerd, CRI", "1.6", Cri, ("crictl",), ("containerd", "crictl")),
    "cri-1.7": Row("containerd, CRI", "1.7", Cri, ("crictl", "debian13"), ("containerd",)),
    "cri-2": Row("containerd, CRI", "2.4", Cri2, ("containerd", "crictl"),
                 ("containerd", "crictl")),
    "k3s": Row("containerd, CRI, with what k3s makes of its registries.yaml", "2.4", K3s,
               ("containerd", "crictl", "wharfie"), ("containerd", "crictl", "wharfie")),
    "wharfie": Row("wharfie, by which rke2 pulls its own images", "0.7", Wharfie, ("wharfie",),
                   ("wharfie",)),
    "nerdctl": Row("nerdctl", "2.3", Nerdctl, ("containerd", "buildkit", "nerdctl"),
                   ("containerd", "buildkitd", "buildctl", "nerdctl", "runc"), NAMED),
    "crio": Row("CRI-O", "1.36", Crio, ("crio", "crictl"), ("crio", "crictl", "conmon", "runc")),
    "cosign": Row("cosign, which signs (as push) and verifies (as pull)", "3.1", Cosign,
                  EXPERIMENTAL, ("cosign",), ("hosts", "ref")),
    "buildkit": Row("buildkitd", "0.34", Buildkit, ("buildkit",),
                    ("buildkitd", "buildctl", "runc")),
    "buildkit-contained": Row("buildkitd, in a container", "0.34", BuildkitContained,
                              ("buildkit",), ("buildkitd", "buildctl", "runc", "unshare"),
                              BUILT),
}

# Not run here: what is said of them is what stands in their sources.
BY_SOURCE = (("k3s, rke2", "1.36", "hosts", ("pull",)),
             ("k3s, rke2", "1.36", "native", ("pull",)))


# --- measuring


class Meter:
    """Bytes that the fronts' connections carried inside TLS, in both directions."""

    def __init__(self):
        self.carried, self.lock = 0, threading.Lock()
        setup = front.Request.setup

        def metered(request):
            setup(request)
            request.wfile = Counting(request.wfile, self)
            request.rfile = Counting(request.rfile, self)

        front.Request.setup = metered

    def add(self, size):
        with self.lock:
            self.carried += size

    def read(self):
        with self.lock:
            return self.carried


class Counting:
    """A file of a connection; METER has the bytes that went through it."""

    def __init__(self, file, meter):
        self.file, self.meter = file, meter

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.meter.add(len(data))
        return self.file.write(data)

    def read(self, *size):
        data = self.file.read(*size)
        self.meter.add(len(data))
        return data

    def readline(self, *size):
        data = self.file.readline(*size)
        self.meter.add(len(data))
        return data


def verdict(lab, operation, done):
    """What the access log says of an operation, and why, where it is not private."""
    public = [line for role in ("public", "download")
              for line in lab.connections(role=role) + lab.log(role=role)]
    served = [line for line in lab.log(role="private") if line["status"] < 400]
    users = sorted({str(line["user"]) for line in served})
    if done.returncode:
        return FAILS, str(done)[-1500:]
    if public:
        return PUBLIC, "%d requests and connections to the public address" % len(public)
    if not served or users != ["iamapikey"]:
        return FAILS, "nothing was served to iamapikey, but to %s: %s" % (users, done)
    paths = {(line["method"], line["path"].split("/")[4]) for line in served
             if line["path"].startswith("/v2/demo/")}
    missing = {"login": set(), "push": {("PUT", "manifests")},
               "pull": {("GET", "manifests"), ("GET", "blobs")},
               "build": {("GET", "manifests"), ("GET", "blobs")}}[operation] - paths
    if operation == "build" and missing == {("GET", "blobs")}:
        missing = set()  # a build without a RUN needs no layer
    if missing:
        return FAILS, "not in the access log: %s" % sorted(missing)
    return PRIVATE, None


def counted(lab, meter, operation):
    """The operation's Result, with the bytes and requests that it took at all fronts."""
    lab.clear_log()
    before = meter.read()
    done = operation()
    size = meter.read() - before
    return done, {"bytes": size, "requests": sorted(
        (line["method"], line["path"].replace("private.", ""), line["status"])
        for line in lab.log())}


def dead(lab, done):
    """The same, when nobody answers at the private addresses."""
    public = [line for role in ("public", "download")
              for line in lab.connections(role=role) + lab.log(role=role)]
    if done.returncode and not public:
        return FAILS
    return PUBLIC if public else "exit %d without a connection" % done.returncode


def of_ours(before):
    """What is not as it was in /etc, less what engines put there."""
    now = picture("/etc", without=UNWATCHED)
    return sorted(path for path in {*before, *now}
                  if (path in before or b"icr-rewrite" in str(now[path][3]).encode())
                  and now.get(path) != before.get(path))


def steer(lab, engine, route, *more):
    if route == "export":
        # the client, which fetches the tokens, is the host's
        must(lab.rewrite(*ROUTES["hosts"](engine)))
    said = must(lab.rewrite(*ROUTES[route](engine), *more))
    if route == "ref":
        engine.image = said.stdout.strip()
    engine.take_up(said)


def measure_soft(lab, engine, fetch):
    """Sentences about what --fallback public does not do."""
    steer(lab, engine, "native", "--fallback", "public")
    engine.forget()
    lab.clear_log()
    cell, why = verdict(lab, "pull" if engine.pull else "build", fetch())
    found = [] if cell == PRIVATE else ["the soft form is not private first: %s" % why]
    engine.forget()
    lab.refuse(*PRIVATE_US)
    lab.clear_log()
    done = fetch()
    if done.returncode or not lab.log(role="public"):
        found.append("the soft form does not go public: %s" % done)
    lab.revive(*PRIVATE_US)
    return found


def measure_route(lab, engine, row, route, meter, found):
    """The cells of the row, and sentences about what a route must never do."""
    cells, notes, faults = {}, {}, []
    fetch = engine.pull or engine.build
    done, direct = counted(lab, meter, fetch)
    must(done)
    if lab.connections(role="private") or not lab.connections(role="public"):
        raise RuntimeError("a pull before apply was not public")
    engine.forget()
    before = picture("/etc", without=UNWATCHED)
    steer(lab, engine, route)
    if engine.login:
        must(lab.helper("erase", stdin="us.icr.io"))
    for operation in OPERATIONS:
        command = getattr(engine, operation)
        if command is None:
            cells[operation] = NONE
            continue
        done, cost = counted(lab, meter, command)
        cells[operation], notes[operation] = verdict(lab, operation, done)
        # builders cache too much for their figures to be compared
        if operation == "pull" and cells[operation] == PRIVATE:
            found["bytes"] = round(cost["bytes"] / direct["bytes"], 4)
            found["requests"] = [len(direct["requests"]), len(cost["requests"])]
            notes["requests"] = "%s\n%s" % (direct["requests"], cost["requests"])
    engine.forget()
    lab.refuse(*PRIVATE_US)
    lab.clear_log()
    done = fetch()
    cells[DEAD], notes[DEAD] = dead(lab, done), str(done)[-1500:]
    lab.revive(*PRIVATE_US)
    served = cells["pull" if engine.pull else "build"] == PRIVATE
    if served and cells[DEAD] != FAILS and (route == "hosts" or engine.hard):
        faults.append("it goes public when the private network is dead")
    known = identities("/etc", "/var/lib/icr-rewrite")
    must(lab.rewrite(*ROUTES[route](engine)))
    now = identities("/etc", "/var/lib/icr-rewrite")
    changed = sorted(path for path in {*known, *now} if known.get(path) != now.get(path))
    if changed:
        faults.append("a second apply changes %s" % ", ".join(changed))
    if route == "native" and served:
        faults += measure_soft(lab, engine, fetch)
    must(lab.rewrite("undo"))
    if of_ours(before):
        faults.append("undo leaves other files than there were: %s" % of_ours(before))
    faults += engine.end()
    return {**found, "cells": cells, "notes": notes, "faults": faults}


def measure(row, route):
    meter = Meter()
    with labs.Lab() as lab:
        lab.registry.store_image(REPOSITORY, "1", os.urandom(BIG).hex()[:BIG])
        engine = row.engine(lab, route)
        must(lab.helper("configure", "--regions", "us"))
        if engine.containers:
            must(lab.helper("configure", "--client", "containers"))
        try:
            engine.start()
            found = {"version": engine.version()}
            must(lab.helper("store", stdin=json.dumps(
                {"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": labs.API_KEY})))
            return measure_route(lab, engine, row, route, meter, found)
        except Exception:
            if os.path.exists(engine.log):
                sys.stderr.write(read(engine.log).decode(errors="replace")[-3000:])
            if lab.dockerd:
                sys.stderr.write(lab.dockerd.output()[-3000:])
            raise
        finally:
            engine.stop()


# --- programs of another Debian beside those of this machine


PACKAGES = "/run/icr-lab/packages"


def mount_debian(root):
    """The machine's own /etc, /run and so on inside ROOT, in this mount namespace only. ROOT itself
    is a mount point too: engines that unpack layers remount and pivot what is / to them."""
    must(take(("mount", "--bind", root, root)))
    for name in ("etc", "run", "var/lib", "proc", "sys", "dev"):
        target = os.path.join(root, name)
        os.makedirs(target, exist_ok=True)
        must(take(("mount", "--rbind", "/" + name, target)))
    must(take(("mount", "-t", "tmpfs", "-o", "mode=1777", "tmp", os.path.join(root, "tmp"))))
    # Programs of the tree under test are found at a place that is in there too.
    folder = "/run/icr-lab/bin"
    os.makedirs(folder)
    copy_program(HELPER, folder)
    if os.path.exists(root + "/packages"):
        shutil.copy(root + "/packages", PACKAGES)


def wrap_debian(root, programs, folder):
    """Scripts in FOLDER that run PROGRAMS inside ROOT."""
    os.makedirs(folder, exist_ok=True)
    path = "/run/icr-lab/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for program in programs:
        for place in ("usr/sbin", "usr/bin"):
            if os.path.exists(os.path.join(root, place, program)):
                break
        else:
            raise Absent("%s is not in %s" % (program, root))
        script = os.path.join(folder, program)
        labs.Lab.write(script, '#!/bin/sh\nexec env PATH=%s chroot %s /%s/%s "$@"\n' % (
            path, root, place, program))
        os.chmod(script, 0o755)


def prepare(row, options):
    path = list(options.programs)
    if row.engine.unified and os.path.ismount("/sys/fs/cgroup/unified"):
        must(take(("mount", "--bind", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")))
    if options.debian:
        root = options.debian
        mount_debian(root)
        folder = "/run/icr-lab/debian"
        # Daemons must be programs of this machine in all but their libraries: of one that runs in
        # a root of its own, a host rightly thinks that its hosts file is another.
        if {"dockerd", "containerd"} & set(row.programs):
            trixie.wrap(pathlib.Path(root), pathlib.Path(folder))
        built = {one for place in options.programs for one in os.listdir(place)}
        wrap_debian(root, [one for one in row.programs
                             if one not in ("dockerd", "containerd") and one not in built], folder)
        path.append(folder)
    os.environ["PATH"] = ":".join([*path, os.environ["PATH"]])
    for program in row.programs:
        if not shutil.which(program):
            raise Absent("%s is not installed" % program)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--route", default="hosts", choices=ROUTES)
    parser.add_argument("--debian")
    parser.add_argument("--programs", action="append", default=[])
    options = parser.parse_args(arguments)
    row = ROWS[options.row]
    LabCase.restore()
    try:
        prepare(row, options)
        outcome = measure(row, options.route)
    except Absent as error:
        outcome = {"absent": str(error)}
    print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
