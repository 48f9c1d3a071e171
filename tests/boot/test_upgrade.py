# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The packages of a version before give way to these, and back, on a booted Debian with the block
in force: what stands, stands; the units are those of a fresh installation; nothing is public
meanwhile; and removal takes all of it out.

The packages are what make install puts on a host, with the scripts of packaging/debian; those of
the version before lack the unit that came since. Built ones, and older ones, are tested by

    tests/lab/enter env ICR_PACKAGES=FOLDER ICR_UPGRADE_FROM=FOLDER python3 -m unittest ...
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from tests.boot import boot
from tests.common import BUILD, TOP
from tests.lab.case import PRIVATE_US, LabCase

BOOT, REFRESH, TIMER = "icr-rewrite-boot.service", "icr-rewrite.service", "icr-rewrite.timer"
RETRY = "icr-rewrite-retry.service"
UNITS = (BOOT, REFRESH, TIMER, RETRY)
NAMES = {"icr-rewrite": "install-rewrite", "docker-credential-icr": "install-helper"}

# What a client does all the time.
PULLS = "while :; do curl -sS -m 5 https://us.icr.io/v2/; done"
# Every file that is there, but dpkg's own and those that a running host writes.
PICTURE = r"""find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp \
    -o -path /root -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \
    -o -path /var/lib/systemd -o -path /var/tmp \) -prune -o -printf '%M %u %p %l\n' | sort"""


def must(*command, timeout=60, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, **more)
    if done.returncode:
        raise AssertionError(done.stdout)


def install(name, tree):
    """What `make install` puts there, with the control files of a package."""
    must("make", "-s", "--no-print-directory", NAMES[name], "PREFIX=/usr",
         "UNITDIR=/lib/systemd/system", "BUILD=" + os.path.relpath(BUILD, TOP), f"DESTDIR={tree}",
         cwd=TOP)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: \nArchitecture: all\n"
                                         "Maintainer: test\nDescription: test\n")
    for script in ("postinst", "prerm", "postrm"):
        text = (TOP / f"packaging/debian/{name}.{script}").read_text()
        (tree / "DEBIAN" / script).write_text(text)
        (tree / "DEBIAN" / script).chmod(0o755)


def make_package(name, version, target, folder=None, retry=True):
    """As VERSION: of the one in FOLDER, or of this tree; not with the unit RETRY where that is to
    be left out."""
    with tempfile.TemporaryDirectory() as work:
        tree = pathlib.Path(work) / "tree"
        tree.mkdir(mode=0o755)
        if folder:
            must("dpkg-deb", "-R", str(next(pathlib.Path(folder).glob(name + "_*.deb"))), str(tree))
        else:
            install(name, tree)
        control = tree / "DEBIAN/control"
        lines = [f"Version: {version}" if line.startswith("Version: ") else line
                 for line in control.read_text().splitlines()]
        control.write_text("\n".join(lines) + "\n")
        for unit in () if retry else tree.glob("lib/systemd/system/icr-rewrite-*"):
            if unit.name == RETRY:
                unit.unlink()
            else:
                unit.write_text("".join(line for line in unit.read_text().splitlines(True)
                                        if RETRY not in line))
        must("dpkg-deb", "-Znone", "-b", str(tree), str(target))


def in_both(one, other):
    """Both of them, with the members only that each has; ages go on."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [name for name in one if name in other and name != "age_s"]
        pairs = {name: in_both(one[name], other[name]) for name in names}
        return tuple({name: pair[side] for name, pair in pairs.items()} for side in (0, 1))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [in_both(*pair) for pair in zip(one, other)]
        return tuple([pair[side] for pair in pairs] for side in (0, 1))
    return one, other


class Upgrade(LabCase):
    settings = {"regions": ("us",), "registry": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        new, old = os.environ.get("ICR_PACKAGES"), os.environ.get("ICR_UPGRADE_FROM")
        for name in NAMES:
            make_package(name, "2", cls.folder / f"{name}.deb", new)
            make_package(name, "1", cls.folder / f"{name}-before.deb", old or new, bool(old))

    def make_host(self, name="icr-boot"):
        host = boot.Boot(self.lab, name, layers=(boot.ROOT,))
        self.addCleanup(host.close)
        for deb in self.folder.glob("*.deb"):
            host.write("/root/" + deb.name, deb.read_bytes())
        host.start()
        return host

    def setUp(self):
        super().setUp()
        self.host = self.make_host()

    def install(self, version="", host=None):
        files = ["/root/%s%s.deb" % (name, version) for name in NAMES]
        done = self.run_ok((host or self.host).run("dpkg", "-i", *files))
        self.assertNotRegex(done.stdout + done.stderr, "(?i)fail|warning: unable|cannot")
        return done

    def sh(self, script):
        return self.run_ok(self.host.run("sh", "-euc", script)).stdout

    def show(self, unit, *names, host=None):
        names = [word for name in names for word in ("-p", name)]
        return (host or self.host).run("systemctl", "show", *names, unit).stdout

    def status(self):
        return json.loads(self.run_ok(self.host.run("icr-rewrite", "status", "--json")).stdout)

    def in_force(self):
        """What has to stand over an upgrade, as bytes."""
        return {name: self.sh(script) for name, script in (
            ("hosts", "cat /etc/hosts"),
            ("links", "find /etc/systemd -name '*icr*' -printf '%p %l %i\\n' | sort"),
            ("timer", "systemctl show -p ActiveState -p ActiveEnterTimestampMonotonic " + TIMER))}

    def units(self, host):
        """How the units are, and come after and before others."""
        names = ("LoadState", "UnitFileState", "NeedDaemonReload", "After", "Before", "OnFailure",
                 "Wants", "PartOf", "Triggers", "TriggeredBy")
        told = {}
        for unit in UNITS:
            pairs = (line.partition("=") for line in
                     self.show(unit, *names, host=host).splitlines())
            told[unit] = {name: sorted(value.split()) for name, _, value in pairs}
        return told

    def assert_stands(self, before, status):
        self.assertEqual(self.in_force(), before)
        self.assertEqual(*in_both(self.status(), status))
        # at which moment is drawn anew with every daemon-reload
        self.assertRegex(self.show(TIMER, "NextElapseUSecMonotonic"), r"=\d")
        self.assertEqual(self.host.failed(), [])
        self.assertEqual(self.lab.connections(role="public"), [])
        self.assertEqual(self.sh("systemctl is-active pulls"), "active\n")

    def await_pull(self):
        """One that begins after now has ended."""
        count = len(self.lab.log(role="private"))
        deadline = time.monotonic() + 20
        while len(self.lab.log(role="private")) < count + 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_there_and_back_and_removed(self):
        picture = self.sh(PICTURE)
        hosts = self.host.read("/etc/hosts")
        self.install("-before")
        self.run_ok(self.host.run("icr-rewrite", "apply", "--regions", "us"))
        self.lab.clear_log()
        self.sh("systemd-run -q --unit=pulls sh -c '%s'" % PULLS)
        before, status = self.in_force(), self.status()
        self.assertIn("ActiveState=active", before["timer"])
        self.assertIn("LoadState=not-found", self.show(RETRY, "LoadState"))

        self.install()
        self.await_pull()
        self.assert_stands(before, status)
        self.assertEqual(self.units(self.host), self.fresh_units())
        self.assertEqual(self.show(BOOT, "OnFailure"), "OnFailure=%s\n" % RETRY)
        # what runs by itself runs the new program, and changes nothing
        self.run_ok(self.host.run("systemctl", "start", REFRESH))
        self.assertEqual(self.in_force()["hosts"], before["hosts"])

        status = self.status()
        before = self.in_force()
        self.install("-before")
        self.await_pull()
        self.assert_stands(before, status)
        self.assertEqual(self.show(BOOT, "OnFailure"), "OnFailure=\n")
        self.run_ok(self.host.run("systemctl", "start", REFRESH))
        self.assertEqual(self.in_force()["hosts"], before["hosts"])
        self.install()

        self.host.reboot()
        self.assertEqual(self.show(BOOT, "ActiveState"), "ActiveState=active\n")
        self.assertEqual(self.show(TIMER, "ActiveState"), "ActiveState=active\n")
        found = self.host.run("getent", "ahostsv4", "us.icr.io").stdout
        self.assertEqual({line.split()[0] for line in found.splitlines()}, set(PRIVATE_US))
        self.assertEqual(self.lab.connections(role="public"), [])

        self.run_ok(self.host.run("dpkg", "-r", *NAMES))
        self.assertEqual(self.host.read("/etc/hosts"), hosts)
        self.assertEqual(self.sh("find /etc/systemd /run/systemd -name '*icr*'"), "")
        for unit in UNITS:
            self.assertIn("LoadState=not-found", self.show(unit, "LoadState"))
        self.run_ok(self.host.run("dpkg", "-P", *NAMES))
        self.assertEqual(set(self.sh(PICTURE).splitlines()) ^ set(picture.splitlines()), set())

    def fresh_units(self):
        """The units of a host that never had another version."""
        host = self.make_host("fresh")
        self.install(host=host)
        self.run_ok(host.run("icr-rewrite", "apply", "--regions", "us"))
        units = self.units(host)
        host.close()
        return units
