# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Every command of the README, as it stands there: on a booted Debian with Docker, into which the
packages are installed. Those that belong elsewhere name the test that runs them."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from tests.boot import boot
from tests.common import TOP
from tests.lab import lab as labs
from tests.lab.case import LabCase

README = (TOP / "README.md").read_text()
PROGRAMS = ("icr-rewrite", "docker-credential-icr", "docker", "make", "apt", "apt-get", "journalctl",
            "ansible-galaxy", "ansible-playbook", "ibmcloud")
IMAGE = "my-namespace/my-image"

# The blocks that are commands, by the section they stand in.
BLOCKS = {"Install, and the first pull", "An operator of a VRF host", "A script on a workstation",
          "A fleet", "Undo"}
# Commands in the text that the operator's host runs as well, in this order.
ON_THE_HOST = (
    "icr-rewrite status --prometheus", "icr-rewrite status", "icr-rewrite help apply",
    "icr-rewrite refresh --quiet", "icr-rewrite export --format dnsmasq --regions us",
    "docker-credential-icr explain us.icr.io", "docker-credential-icr import",
    "docker-credential-icr configure --client containers", "docker-credential-icr configure",
    "icr-rewrite check --pull us.icr.io/my-namespace/my-image:1", "docker login us.icr.io",
    "icr-rewrite apply --regions us,de", "icr-rewrite apply --regions us --fallback public",
    "icr-rewrite apply --regions us",
)
# The others: which file tests them, and a text of it.
ELSEWHERE = {
    "make": ("tests/packaging/test_build.py", '"make"'),
    "make deb": ("tests/packaging/test_deb.py", '"make", "deb"'),
    "make rpm": ("tests/packaging/test_rpm.py", '"make", "rpm"'),
    "make deps": ("tests/packaging/test_deps.py", "deps.sh"),
    "make install": ("tests/packaging/test_install.py", '"install"'),
    "make uninstall": ("tests/packaging/test_install.py", "make uninstall"),
    "make demo": ("tests/lab/test_demo.py", "demo.py"),
    "make check": (".ci/run", "check"),
    "make check-engines": ("tests/engines/check.py", "README"),
    "make lint": (".ci/run", "make lint"),
    "make bench": ("tests/bench/run.py", "make bench"),
    "docker-credential-icr login": ("tests/lab/test_login.py", '"login"'),
    "docker-credential-icr login --sso": ("tests/lab/test_login.py", '"--sso"'),
    "docker-credential-icr login --system": ("tests/boot/test_systemkey.py", '"--system"'),
    "icr-rewrite export --format hosts": ("tests/lab/test_export.py", '("--format", "hosts")'),
    "icr-rewrite export --format hosts --regions us":
        ("tests/engines/matrix.py", '"export", "--format", "hosts", "--regions", "us"'),
    "icr-rewrite export --format hosts --regions us | "
    "docker exec -i kind-control-plane tee -a /etc/hosts":
        ("tests/engines/matrix.py", 'self.docker("exec", "-i", self.node, "tee", "-a", "/etc/hosts"'),
    "docker run": ("tests/engines/matrix.py", "Words for `docker run`"),
    "docker buildx create --buildkitd-config /etc/buildkit/buildkitd.toml":
        ("tests/engines/matrix.py", "buildx create --buildkitd-config"),
    "docker restart buildx_buildkit_NAME0":
        ("tests/engines/matrix.py", 'self.docker("restart"'),
    "icr-rewrite ref": ("tests/engines/matrix.py", '("ref", IMAGE)'),
    "icr-rewrite ref -": ("tests/blackbox/test_ref.py", '"-"'),
    "icr-rewrite private-only": ("tests/lab/test_private_only.py", "private-only"),
    "ibmcloud account show": (None, "IBM's own program"),
    # A reference that stands for any; said of the whole, not to be typed.
    "docker pull us.icr.io/ns/img": (None, "the first block has one like it"),
}


def blocks():
    """(section, text) of every block of code."""
    section = ""
    for heading, text in re.findall(r"^##+ ([^\n]*)$|^```\w*\n(.*?)^```$", README, re.M | re.S):
        if heading:
            section = heading
        else:
            yield section, text


def commands():
    """The commands in the running text: of one of the PROGRAMS, with arguments."""
    text = re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)
    for code in re.findall(r"`([^`\n]+)`", text):
        words = re.sub(r"^\w+=\S+ ", "", code).split()
        if words[0] in PROGRAMS and (len(words) > 1 or words[0] == "make"):
            yield code


def block(section):
    found = [text for name, text in blocks() if name == section]
    assert len(found) >= 1, section
    return found


class Coverage(unittest.TestCase):
    def test_every_block_is_run_or_is_no_command(self):
        for section, text in blocks():
            if section not in BLOCKS:
                with self.subTest(section):
                    self.assertRegex(text, r"^# BEGIN icr-rewrite")

    def test_every_command_is_run(self):
        scripts = "\n".join(text for section, text in blocks() if section in BLOCKS)
        here = pathlib.Path(__file__).read_text()
        for command in commands():
            with self.subTest(command):
                if command in ON_THE_HOST or command in scripts:
                    continue
                if command.startswith("IBMCLOUD_API_KEY="):
                    self.assertIn("job_that_leaves_nothing", here)
                    continue
                short = {"icr-rewrite plan", "icr-rewrite apply", "docker login", "docker logout"}
                if command in short:  # named, not to be typed as it stands: its block is run
                    self.assertIn(command, scripts)
                    continue
                file, needle = ELSEWHERE[command]
                if file:
                    self.assertIn(needle, (TOP / file).read_text())

    def test_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)]+)\)", README):
            with self.subTest(target):
                if target.startswith("https:"):
                    continue
                path, _, anchor = target.partition("#")
                page = TOP / (path or "README.md")
                self.assertTrue(page.exists())
                if anchor:
                    self.assertIn(anchor, {
                        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                        for heading in re.findall(r"^##+ (.*)$", page.read_text(), re.M)})

    def test_the_first_pull_is_on_the_first_screen(self):
        self.assertLess(README.partition("docker pull us.icr.io/my-namespace")[0].count("\n"), 25)


@functools.lru_cache(maxsize=None)
def packages():
    """The packages, made once for this module."""
    folder = pathlib.Path(tempfile.mkdtemp())
    unittest.addModuleCleanup(shutil.rmtree, folder)
    done = subprocess.run(["make", "deb", f"BUILD={folder}"], cwd=TOP, text=True,
                          capture_output=True, timeout=600, check=False)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return [deb for deb in (folder / "packages").glob("*.deb") if "dbgsym" not in deb.name]


class PackageCase(LabCase):
    """A host without our programs."""

    settings = {"regions": ("us", "de")}

    def make_host(self, *layers):
        self.host = boot.Boot(self.lab, layers=layers)
        self.addCleanup(self.host.close)

    def copy_packages(self, folder):
        for deb in packages():
            self.host.write(f"{folder}/{deb.name}", deb.read_bytes())


class Images(PackageCase):
    """The commands of the snippets for Packer and mkosi, run in a tree as these tools do."""

    README = (TOP / "packaging/image/README.md").read_text()

    def prepare(self, script):
        done = subprocess.run(["chroot", self.host.path, "/usr/bin/env", "-i",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "sh", "-euc", script,
                               "mkosi.postinst", "final"], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def boot(self):
        """The first boot steers before anything can pull."""
        self.assertNotIn(b"166.9", self.host.read("/etc/hosts"))
        self.lab.clear_log()
        self.host.start()
        self.run_ok(self.host.run("curl", "-sS", "-m", "5", "https://us.icr.io/v2/"))
        self.assertEqual(self.lab.connections(role="public"), [])
        self.assertIn(b"credHelpers", self.host.read("/root/.docker/config.json"))

    def test_packer(self):
        self.make_host(boot.ROOT)
        self.copy_packages("/tmp")
        lines = re.search(r"inline = \[\n(.*?)\]", self.README, re.S).group(1).splitlines()
        commands = [re.fullmatch(r' +"(.*)",', line).group(1) for line in lines if line.strip()]
        self.assertEqual(len(commands), 3)
        self.prepare("\n".join(commands))
        self.boot()

    def test_mkosi(self):
        self.make_host(boot.INSTALLED, boot.ROOT)
        script = re.search(r"```sh\n(#!/bin/sh\n# mkosi.postinst.*?)```", self.README, re.S).group(1)
        self.prepare(script)
        self.boot()

    def test_terraform(self):
        """The user data that is named is that of test_provision; the language is right."""
        snippets = re.findall(r"```hcl\n(.*?)```", self.README, re.S)
        self.assertEqual(len(snippets), 3)
        for name in re.findall(r'path.module}/([^"]+)"', self.README):
            self.assertTrue((TOP / "packaging/cloud-init" / name).exists())
        if not shutil.which("terraform"):
            self.skipTest("terraform is not installed")
        for snippet in snippets:
            done = subprocess.run(["terraform", "fmt", "-check", "-diff", "-"], input=snippet, text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(boot.DOCKER, "no Docker for the booted hosts")
class Readme(PackageCase):
    def setUp(self):
        super().setUp()
        self.lab.store_image(IMAGE, "1")
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.make_host(boot.DOCKER, boot.ROOT)
        self.copy_packages("/root")
        self.host.write("/root/apikey.txt", labs.API_KEY + "\n", mode=0o600)
        # Docker inside a host that is one of the tests': no bridge, no firewall, no layers on layers.
        self.host.write("/etc/docker/daemon.json",
                        '{"iptables": false, "ip-forward": false, "ip-masq": false, '
                        '"bridge": "none", "storage-driver": "vfs"}\n')
        self.host.start(seconds=120)
        self.before = self.host.read("/etc/hosts")

    def sh(self, script, user=None, **variables):
        """As a script of that user's would run it, in his home folder."""
        home = f"/home/{user}" if user else "/root"
        become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups") if user else ()
        values = [f"{name}={value}" for name, value in {"HOME": home, **variables}.items()]
        done = self.host.run("env", "-C", home, *values, *become, "sh", "-euc", script, timeout=120)
        self.assertNotIn(labs.API_KEY, done.stdout + done.stderr)
        return self.run_ok(done)

    def lines(self, section, user=None):
        for line in block(section)[0].splitlines():
            with self.subTest(line):
                self.sh(line, user)
                yield line

    def assert_private_since(self, user="iamapikey"):
        self.assert_private_only(user)
        self.lab.clear_log()

    def test_the_three_readers(self):
        self.install_and_pull()
        self.operator()
        self.workstation()
        self.job_that_leaves_nothing()
        if shutil.which("ansible-playbook"):
            self.fleet()
        self.image()
        self.undo()

    def install_and_pull(self):
        for line in self.lines("Install, and the first pull"):
            if line.startswith("docker-credential-icr configure"):
                self.lab.clear_log()
        self.assert_private_since()
        self.assertIn(f"us.icr.io/{IMAGE}", self.sh("docker images").stdout)
        self.assertNotIn(labs.API_KEY.encode(), self.host.read("/root/.docker/config.json"))

    def operator(self):
        list(self.lines("An operator of a VRF host"))
        for command in ON_THE_HOST:
            with self.subTest(command):
                self.sh(command)
        self.assertEqual(self.sh("systemctl is-enabled icr-rewrite.timer").stdout, "enabled\n")

    def workstation(self):
        self.sh("useradd -m -G docker alice && install -o alice -m 0600 apikey.txt /home/alice/")
        self.lab.clear_log()
        done = list(self.lines("A script on a workstation", "alice"))
        self.assertEqual(len(done), 4)
        self.assert_private_since()
        self.sh("test -s .local/share/docker-credential-icr/credentials.json", "alice")
        for line in self.lines("A script on a workstation", "alice"):
            self.assertTrue(line)  # again: nothing is in the way of a second run

    def job_that_leaves_nothing(self):
        self.sh("docker-credential-icr logout && docker logout private.us.icr.io >/dev/null", "alice")
        command = next(code for code in commands() if code.startswith("IBMCLOUD_API_KEY="))
        self.sh(command, "alice")
        self.sh("! grep -q lab- .local/share/docker-credential-icr/credentials.json", "alice")

    def fleet(self):
        """From a machine with Ansible, which here is the one outside; packages are installed."""
        (self.folder / "packaging").symlink_to(TOP / "packaging")
        (self.folder / "inventory").write_text(
            "booted ansible_connection=icr_host ansible_user=root icr_packages=[] "
            "ansible_python_interpreter=/usr/bin/python3\n")
        lines = block("A fleet")[0].splitlines()
        for line in (*lines, lines[-1]):
            with self.subTest(line):
                done = subprocess.run(
                    ["sh", "-euc", line], cwd=self.folder, timeout=300, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                    env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
                             ANSIBLE_CONNECTION_PLUGINS=str(TOP / "tests/boot/ansible"),
                             ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(self.folder / "home"),
                             ICR_HOST_LEADER=self.host.leader()))
                self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"changed=0 ")

    def image(self):
        self.sh("mkdir -p tree/etc tree/root tree/var/lib && cp /etc/hostname tree/etc/hosts")
        for line in block("A fleet")[1].splitlines():
            with self.subTest(line):
                self.sh(line, TREE="/root/tree")
        self.assertIn(b"us.icr.io", self.host.read("/root/tree/etc/hosts"))
        self.assertIn(b"credHelpers", self.host.read("/root/tree/root/.docker/config.json"))

    def undo(self):
        list(self.lines("Undo"))
        self.assertEqual(self.host.read("/etc/hosts"), self.before)
        self.sh("! command -v icr-rewrite && ! command -v docker-credential-icr")
        self.assertNotIn(b"icr", self.host.read("/root/.docker/config.json"))
