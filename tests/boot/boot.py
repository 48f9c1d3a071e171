# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A host with a real systemd, in the lab's network: its name server, registry and IAM serve it.

    with Boot(lab) as host:
        host.write("/etc/some.conf", "before the first boot\\n")
        host.start()
        host.run("icr-rewrite", "status")
        host.reboot()
        host.journal("icr-rewrite.service")

The tree is a layer on a tmpfs over the root of root.py; it stays from boot to boot and goes with
the Boot. Runs inside tests/lab/enter.
"""

import contextlib
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time

from tests.lab import lab as labs

ROOT, INSTALLED = os.environ.get("ICR_BOOT_ROOT"), os.environ.get("ICR_BOOT_INSTALLED")
DOCKER = os.environ.get("ICR_BOOT_DOCKER")  # a layer over the root
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
NAMESPACES = ("-m", "-u", "-i", "-n", "-p")
UP = ("running", "degraded")
REBOOT = 133  # what systemd-nspawn with --keep-unit ends with when it is to be started again
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, timeout=20)


class Group:
    """A control group for one host: systemd-nspawn leaves its own behind, and this one is known."""

    PREFIX = "icr-boot-"

    def __init__(self):
        self.sweep()
        self.name = self.PREFIX + secrets.token_hex(6)
        self.folder = None
        for base in self.bases():
            with contextlib.suppress(OSError):
                os.mkdir(os.path.join(base, self.name))
                self.folder = os.path.join(base, self.name)
                return

    @staticmethod
    def bases():
        """This process's folder in the unified hierarchy."""
        with open("/proc/self/cgroup") as file:
            own = [line[3:].strip() for line in file if line.startswith("0::")]
        with open("/proc/self/mounts") as file:
            tops = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
        return [top + own[0].rstrip("/") for top in tops] if own else []

    @classmethod
    def remains(cls, name=None):
        """The folders, in every hierarchy, of the group NAME or of all."""
        pattern = name or cls.PREFIX + "*"
        for depth in ("", "*/"):
            yield from pathlib.Path("/sys/fs/cgroup").glob(depth + pattern)
        for base in cls.bases():
            yield from pathlib.Path(base).glob(pattern)

    @classmethod
    def sweep(cls, name=None):
        """Removes groups without a process, those of a killed test run too. A group with one
        cannot be removed: no running host is harmed."""
        for top in set(cls.remains(name)):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def enter(self, command):
        """COMMAND, to run in this group."""
        if self.folder is None:
            return command
        # Another run's sweep may take the folder while it is empty.
        script = ('n=0; until mkdir -p "$0" && { echo 0 >"$0/cgroup.procs"; } 2>/dev/null; do '
                  'n=$((n + 1)); [ "$n" -lt 1000 ] || exit 125; done; exec "$@"')
        return ["sh", "-c", script, self.folder, *command]

    def remove(self, seconds=5):
        deadline = time.monotonic() + seconds
        while set(self.remains(self.name)):
            self.sweep(self.name)
            if time.monotonic() > deadline:
                raise RuntimeError("control group %s stays" % self.name)
            time.sleep(0.01)


class Boot:
    """One host; see the module's text."""

    def __init__(self, lab, name="icr-boot", layers=(INSTALLED, ROOT)):
        if not all(layers):
            raise RuntimeError("no root: env $(python3 -m tests.boot.root) tests/lab/enter ...")
        self.lab, self.name, self.layers = lab, name, layers
        self.nspawn = self.group = None
        self.stack = contextlib.ExitStack()
        try:
            self._make_tree()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _make_tree(self):
        top = pathlib.Path(labs.WORK) / ("boot-" + secrets.token_hex(4))
        top.mkdir()
        self.stack.callback(top.rmdir)
        mount("-t", "tmpfs", "-o", "mode=0755", "icr-boot", str(top))
        self.stack.callback(subprocess.run, ["umount", "-l", str(top)], check=False)
        for folder in ("upper", "work", "tree"):
            (top / folder).mkdir()
        self.path, self.console = top / "tree", top / "console"
        mount("-t", "overlay", "-o", "lowerdir=%s,upperdir=%s/upper,workdir=%s/work" %
              (":".join(self.layers), top, top), "icr-boot", str(self.path))
        self.stack.callback(subprocess.run, ["umount", "-l", str(self.path)], check=False)
        self.write("/etc/hostname", self.name + "\n")
        self.write("/etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost "
                   "ip6-localhost\n" % self.name)
        self.write("/etc/resolv.conf", "nameserver 198.51.100.53\n")
        self.write("/" + BUNDLE, (pathlib.Path(ROOT) / BUNDLE).read_bytes() +
                   pathlib.Path(self.lab.authority.certificate).read_bytes())
        (self.path / "var/log/journal").mkdir(parents=True, exist_ok=True)

    # --- the tree, at any time

    def inside(self, path):
        return self.path / path.lstrip("/")

    def write(self, path, content, mode=0o644):
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(mode)

    def read(self, path):
        return self.inside(path).read_bytes()

    def seed(self, user_data):
        """User data of cloud-init, which runs at the next boot; without it cloud-init is off."""
        self.write("/var/lib/cloud/seed/nocloud/user-data", user_data)
        self.write("/var/lib/cloud/seed/nocloud/meta-data",
                   "instance-id: %s\nlocal-hostname: %s\n" % (self.name, self.name))

    # --- power

    def start(self, wait=True, seconds=60):
        """Boots the tree; with WAIT returns once systemd has no job left."""
        self.group = self.group or Group()
        command = ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "-D", str(self.path),
                   "--machine=" + self.name, "--resolv-conf=off", "--timezone=off",
                   "--link-journal=no", "--console=pipe", "--capability=CAP_NET_ADMIN", "-b"]
        with open(self.console, "ab") as console:
            self.nspawn = subprocess.Popen(
                self.group.enter(command), stdin=subprocess.DEVNULL, stdout=console,
                stderr=console, env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"))
        if wait:
            self.await_state(seconds=seconds)

    def leader(self):
        """The process that is PID 1 in there, or None."""
        if self.nspawn is None or self.nspawn.poll() is not None:
            return None
        try:
            with open("/proc/%d/task/%d/children" % (self.nspawn.pid, self.nspawn.pid)) as file:
                children = file.read().split()
            for child in children:
                with open("/proc/%s/status" % child) as file:
                    inner = re.search(r"^NSpid:.*\s(\d+)$", file.read(), re.M)
                if inner and inner.group(1) == "1":
                    return child
        except OSError:
            pass
        return None

    def state(self):
        """What `systemctl is-system-running` says; "" while there is nobody to ask."""
        if self.leader() is None:
            return ""
        try:
            return self.run("systemctl", "is-system-running", timeout=20).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            return ""

    def await_state(self, wanted=UP, seconds=60):
        """Waits until systemd is in one of these states, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state()
            if state in wanted:
                return state
            if self.nspawn.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the host is %r, not %s; its console:\n%s" % (
                    state, " or ".join(wanted), self.console.read_text(errors="replace")[-3000:]))
            time.sleep(0.05)

    def boots(self):
        """How many boots the journal knows of."""
        return len(self.run("journalctl", "--list-boots", "-q").stdout.splitlines())

    def reboot(self, wait=True, seconds=60):
        """Goes down in order and comes up again."""
        self.run("systemctl", "reboot")
        status = self.nspawn.wait(seconds)
        if status != REBOOT:
            raise RuntimeError("no reboot but exit %d: %s" % (
                status, self.console.read_text(errors="replace")[-3000:]))
        self.start(wait, seconds)

    def stop(self, seconds=30):
        """Goes down in order; the tree stays, for another start()."""
        self.run("systemctl", "poweroff")
        self.nspawn.wait(seconds)
        self.group.remove()

    def crash(self):
        """As if somebody had pulled the plug."""
        if self.nspawn is None:
            return
        leader = self.leader()
        if leader:
            os.kill(int(leader), signal.SIGKILL)
        try:
            self.nspawn.wait(5)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait(5)
        self.group.remove()

    def close(self):
        try:
            self.crash()
        finally:
            self.stack.close()

    # --- what runs in there

    def command(self, *argv, environment=None):
        """The command that runs ARGV in there, as root with a plain environment."""
        leader = self.leader()
        if leader is None:
            raise RuntimeError("the host is not up")
        pairs = dict({"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}, **(environment or {}))
        return ["nsenter", "-t", leader, *NAMESPACES, "--", "env", "-i",
                *("%s=%s" % pair for pair in pairs.items()), *argv]

    def run(self, *argv, stdin="", timeout=60, environment=None):
        return labs.run(*self.command(*argv, environment=environment), stdin=stdin,
                        timeout=timeout)

    def journal(self, unit=None, boot=0):
        """The journal's messages, of one unit or all, of this boot (0) or an earlier one (-1)."""
        options = ("-u", unit) if unit else ()
        return self.run("journalctl", "--no-pager", "-o", "cat", "-b", str(boot),
                        *options).stdout

    def failed(self):
        """Units that have failed."""
        words = [line.split() for line in self.run("systemctl", "--failed", "--plain",
                                                   "--no-legend").stdout.splitlines()]
        return [line[0] for line in words if line]
