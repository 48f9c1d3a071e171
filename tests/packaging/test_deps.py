# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""packaging/deps.sh, with stand-ins for the package managers on a host that has none of the tools:
nothing is started or stays enabled, and what comes is said before."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from tests.packaging.support import TOP, environment

TOOLS = ("sh cat chmod comm find grep head id mktemp mv rm sed sort tail tr touch ln mkdir kill "
         "systemctl").split()

# Answers as apt-get does; installing, it checks that starts are forbidden and enables units.
APT_GET = r"""#!/bin/sh
echo "$*" >>/mnt/work/log
case " $* " in
*" update "*) exit 0 ;;
*" --assume-no "*)
	echo "0 upgraded, 12 newly installed, 0 to remove and 3 not upgraded."
	echo "Need to get 34.5 MB of archives."
	echo "After this operation, 120 MB of additional disk space will be used."
	exit 1 ;;
esac
/usr/sbin/policy-rc.d docker start
echo "policy $?" >>/mnt/work/log
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/user/sockets.target.wants
ln -s /lib/systemd/system/docker.service /etc/systemd/system/multi-user.target.wants/
ln -s /usr/lib/systemd/user/podman.socket /etc/systemd/user/sockets.target.wants/
. /mnt/work/more
"""

SCRIPT = r"""
    mount --bind "$1" /mnt && mount --bind /mnt/systemd /etc/systemd && mount --bind /mnt/sbin /usr/sbin
    export PATH=/mnt/bin
    exec sh "$2" "$3"
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root, for mounts of its own")
class DepsTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        for name in ("bin", "sbin", "work", "systemd/system/multi-user.target.wants"):
            (self.root / name).mkdir(parents=True)
        for tool in TOOLS:
            path = shutil.which(tool)
            if path:
                (self.root / "bin" / tool).symlink_to(path)
        self.policy = self.root / "sbin/policy-rc.d"
        self.kept = self.root / "systemd/system/multi-user.target.wants/mine.service"
        self.kept.symlink_to("/lib/systemd/system/mine.service")
        self.more("exit 0")

    def more(self, text):
        (self.root / "work/more").write_text(text + "\n")

    def stand_in(self, name, text):
        path = self.root / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run_deps(self, word, manager="apt-get", text=APT_GET):
        self.stand_in(manager, text)
        script = f'cp {TOP}/packaging/deps.sh "$1/work/deps.sh"\n' + SCRIPT
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh",
             self.root, "/mnt/work/deps.sh", word], env=environment(), timeout=60, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def links(self):
        return [path.name for path in (self.root / "systemd").rglob("*") if path.is_symlink()]

    def log(self):
        return (self.root / "work/log").read_text()

    def test_nothing_is_started_or_enabled(self):
        done = self.run_deps("engines")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("policy 101\n", self.log())
        self.assertEqual(self.links(), ["mine.service"])
        self.assertFalse(self.policy.exists())
        self.assertIn("left disabled: docker.service podman.socket", done.stdout)
        self.assertEqual(list((self.root / "sbin").iterdir()), [])

    def test_it_says_what_comes_before_it_comes(self):
        done = self.run_deps("demo")
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^  DEPS    .*docker-registry docker\.io gcc")
        self.assertNotIn("podman", lines[0])
        self.assertIn("12 newly installed", lines[1])
        self.assertIn("34.5 MB of archives", lines[2])
        self.assertIn("120 MB of additional disk space", lines[3])
        self.assertIn("apt-get purge --autoremove ", lines[4])
        self.assertIn("--no-install-recommends", self.log())

    def test_the_policy_of_somebody_else_is_back(self):
        self.policy.write_text("#!/bin/sh\nexit 104\n")
        self.policy.chmod(0o750)
        self.assertEqual(self.run_deps("build").returncode, 0)
        self.assertIn("policy 101\n", self.log())
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")
        self.assertEqual(self.policy.stat().st_mode & 0o777, 0o750)
        self.assertEqual([path.name for path in (self.root / "sbin").iterdir()], ["policy-rc.d"])

    def test_a_signal_and_a_failure_leave_nothing(self):
        for text in ("kill -TERM $PPID; exit 0", "kill -INT $PPID; exit 0", "echo no space; exit 100"):
            with self.subTest(text):
                self.more(text)
                self.policy.write_text("#!/bin/sh\nexit 104\n")
                done = self.run_deps("engines")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertEqual(self.links(), ["mine.service"])
                self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")
        self.assertIn("no space", done.stdout)

    def test_a_killed_run_is_cleaned_up_by_the_next(self):
        self.more("kill -KILL $PPID")
        self.policy.write_text("#!/bin/sh\nexit 104\n")
        self.assertEqual(self.run_deps("engines").returncode, -signal.SIGKILL)
        self.more("exit 0")
        self.assertEqual(self.run_deps("engines").returncode, 0)
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")

    def test_other_distributions_get_their_command(self):
        for manager, line, absent in (
                ("dnf", "dnf install --setopt=install_weak_deps=False cjson-devel gcc glibc-static "
                 "libcurl-devel libsecret-devel make pkgconf-pkg-config", "libcjson-dev"),
                ("apk", "apk add build-base cjson-dev curl-dev libsecret-dev make musl-dev pkgconf",
                 "gcc")):
            with self.subTest(manager):
                done = self.run_deps("build", manager, "#!/bin/sh\necho ran >>/mnt/work/log\n")
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"run as root: {line}\n", done.stdout)
                self.assertNotIn(absent, done.stdout)
                self.assertFalse((self.root / "work/log").exists())
                (self.root / "bin" / manager).unlink()

    def test_what_cannot_be_had_is_said(self):
        done = self.run_deps("check", "apk", "#!/bin/sh\n")
        self.assertIn("rpmlint has no package here: what needs it is skipped", done.stdout)
        self.assertNotRegex(done.stdout, r"apk add.* - ")


class TableTest(unittest.TestCase):
    def test_every_line_is_whole(self):
        text = (TOP / "packaging/deps.sh").read_text()
        lines = re.search(r"table='\n(.*?)'", text, re.S).group(1).splitlines()
        for line in filter(None, lines):
            with self.subTest(line):
                self.assertEqual(len(line.split()), 5)
                self.assertRegex(line, r"^(build|demo|engines|demo,engines|check) ")

    def test_usage(self):
        done = subprocess.run(["sh", TOP / "packaging/deps.sh", "all"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("build|demo|engines|check", done.stderr)
