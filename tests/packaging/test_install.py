# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""make install and uninstall: these files, below DESTDIR and PREFIX, and no others; and what is in
force on the host is undone before its program goes."""

import os
import pathlib
import shutil
import tempfile
import unittest

from tests.packaging.support import BUILD, TOP, in_mounts, must, run

PROGRAMS = {
    "bin/docker-credential-icr": 0o755,
    "bin/icr-credential-provider": 0o755,
    "libexec/docker-credential-icr/docker-credential-icr": 0o755,
    "sbin/icr-rewrite": 0o755,
    "libexec/icr-rewrite/icr-rewrite": 0o755,
}


def texts():
    """Where each manual page and each completion belongs."""
    for page in (TOP / "packaging/man").iterdir():
        yield f"share/man/man{page.suffix[1:]}/{page.name}"
    for file in (TOP / "packaging/completions").glob("*"):
        if file.suffix == ".bash":
            yield f"share/bash-completion/completions/{file.stem}"
        elif file.suffix == ".fish":
            yield f"share/fish/vendor_completions.d/{file.name}"
        else:
            yield f"share/zsh/site-functions/{file.name}"


UNITS = [path.name[:-3] for path in (TOP / "packaging/systemd").glob("*.in")]


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def make(self, target, prefix, *more, folder=None):
        return must(["make", target, f"BUILD={BUILD}", f"DESTDIR={folder or ''}",
                     f"PREFIX={prefix}", *more], cwd=TOP, umask=0o077)

    def files(self, folder):
        return {str(path.relative_to(folder)): path.stat().st_mode & 0o7777
                for path in pathlib.Path(folder).rglob("*") if path.is_file()}

    def wanted(self, prefix, units="lib/systemd/system"):
        names = {prefix + "/" + name: mode for name, mode in PROGRAMS.items()}
        names.update({prefix + "/" + name: 0o644 for name in texts()})
        names.update({os.path.normpath(f"{prefix}/{units}/{name}"): 0o644 for name in UNITS})
        return {name.lstrip("/"): mode for name, mode in names.items()}

    def test_install_and_uninstall(self):
        for folder, prefix in (("plain", "/usr/local"), ("plain", "/opt/icr"),
                               ("d e s t", "/opt/i c r"), ("it's", "/opt/100% & more|less")):
            with self.subTest(folder=folder, prefix=prefix):
                folder = self.folder / folder
                self.make("install", prefix, folder=folder)
                self.assertEqual(self.files(folder), self.wanted(prefix))
                self.assertEqual(os.readlink(f"{folder}{prefix}/bin/icr-credential-provider"),
                                 "../libexec/docker-credential-icr/docker-credential-icr")
                done = run([f"{folder}{prefix}/bin/docker-credential-icr", "--help"])
                self.assertIn("configure", done.stdout)
                self.make("uninstall", prefix, folder=folder)
                self.assertEqual(self.files(folder), {})
                self.assertEqual(os.listdir(f"{folder}{prefix}/libexec"), [])
        self.assertEqual(sorted(os.listdir(self.folder)), ["d e s t", "it's", "plain"])

    def test_one_program_alone(self):
        self.make("install-helper", "/usr", folder=self.folder)
        self.make("install-rewrite", "/usr", folder=self.folder / "rewrite")
        helper, rewrite = self.files(self.folder), self.files(self.folder / "rewrite")
        helper = {name for name in helper if not name.startswith("rewrite/")}
        self.assertIn("usr/bin/docker-credential-icr", helper)
        self.assertIn("usr/sbin/icr-rewrite", rewrite)
        self.assertFalse([name for name in helper if "icr-rewrite" in name])
        self.assertFalse([name for name in rewrite if "icr-rewrite" not in name])

    def test_units_are_where_systemd_looks(self):
        for prefix, units, place in (("/usr", (), "/usr/lib"), ("/usr/local", (), "/usr/local/lib"),
                                     ("/opt/icr", ("UNITDIR=/etc/systemd/system",), "/etc")):
            with self.subTest(prefix):
                folder = self.folder / prefix[1:]
                self.make("install", prefix, *units, folder=folder)
                found = [path for path in folder.rglob("icr-rewrite.service")]
                self.assertEqual(len(found), 1, found)
                self.assertTrue(str(found[0]).startswith(f"{folder}{place}/"), found)
                self.assertIn(f"ExecStart={prefix}/sbin/icr-rewrite refresh", found[0].read_text())

    def test_it_is_said_where_systemd_does_not_look(self):
        prefix = self.folder / "opt"
        out = self.make("install", prefix)
        self.assertIn(f"systemd does not look into {prefix}/lib/systemd/system", out)
        self.assertIn("systemctl link", out)
        out = self.make("install", "/opt/icr", folder=self.folder / "image")
        self.assertNotIn("systemd does not look", out)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_units_of_a_prefix_with_blanks_are_good(self):
        prefix = self.folder / "1 2% 3&4"
        self.make("install", prefix)
        unit = prefix / "lib/systemd/system/icr-rewrite.service"
        self.assertIn(r"1\x202%%\x203&4/sbin/icr-rewrite refresh", unit.read_text())
        done = run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit])
        self.assertNotIn("icr-rewrite", done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)
        (prefix / "sbin/icr-rewrite").unlink()
        done = run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit])
        self.assertIn(f"{prefix}/sbin/icr-rewrite is not executable", done.stdout)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_units_stand_beside_the_sockets_of_engines(self):
        """Sockets are open before basic.target, units like ours start behind it."""
        units = self.folder / "lib/systemd/system"
        shutil.copytree("/lib/systemd/system", units, symlinks=True)
        self.make("install", "/usr", folder=self.folder / "ours")
        for unit in (self.folder / "ours/usr/lib/systemd/system").iterdir():
            shutil.copy(unit, units)
        for engine in ("docker", "podman"):
            for kind, target, text in (
                    ("socket", "sockets.target", f"[Socket]\nListenStream=/run/{engine}.sock\n"),
                    ("service", "multi-user.target", "[Service]\nExecStart=/bin/true\n")):
                (units / f"{engine}.{kind}").write_text(text)
                self.want(units, target, f"{engine}.{kind}")
        for name in ("icr-credential.service", "icr-rewrite-boot.service",
                     "icr-rewrite-early.service", "icr-rewrite-retry.service",
                     "icr-rewrite.timer"):
            self.want(units, "multi-user.target", name)
        done = run(["systemd-analyze", "verify", "--man=no", f"--root={self.folder}",
                    "multi-user.target"])
        self.assertNotIn("cycle", done.stdout)

    def test_every_engine_waits_for_the_boot_unit(self):
        self.make("install", "/usr", folder=self.folder)
        units = self.folder / "usr/lib/systemd/system"
        for name in ("icr-rewrite-boot.service", "icr-credential.service"):
            before = {unit for line in (units / name).read_text().splitlines()
                      if line.startswith("Before=") for unit in line[7:].split()}
            for engine in ("docker", "containerd", "crio", "podman", "kubelet", "k3s", "k3s-agent",
                           "rke2-server", "rke2-agent"):
                self.assertIn(f"{engine}.service", before, name)
            if name == "icr-rewrite-boot.service":
                self.assertIn("cloud-final.service", before)

    @staticmethod
    def want(units, target, name):
        folder = units / f"{target}.wants"
        folder.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(f"../{name}")

    def test_no_debug_information(self):
        self.make("install", "/usr", folder=self.folder)
        for name in ("usr/bin/docker-credential-icr", "usr/sbin/icr-rewrite",
                     "usr/libexec/docker-credential-icr/docker-credential-icr",
                     "usr/libexec/icr-rewrite/icr-rewrite"):
            sections = must(["readelf", "-SW", self.folder / name])
            self.assertNotIn(".debug_", sections)
            self.assertNotIn(".symtab", sections)
            self.assertEqual(".note.dlopen" in sections, "/libexec/" in name)
        self.make("install", "/usr", "STRIP=", folder=self.folder)
        self.assertIn(".symtab", must(["readelf", "-SW", self.folder / "usr/sbin/icr-rewrite"]))


@unittest.skipUnless(os.geteuid() == 0, "needs root, for mounts of its own")
class UninstallTest(unittest.TestCase):
    """A stand-in for the program says what was asked of it; /var/lib is the test's own."""

    SCRIPT = """
        mount -t tmpfs tmpfs /var/lib
        mkdir /var/lib/icr-rewrite
        printf '127.0.0.1\\tlocalhost\\n' >/var/lib/hosts
        [ -z "$3" ] || printf '%s\\n' "$4" >"$3"
        mount --bind /var/lib/hosts /etc/hosts
        make uninstall BUILD="$1" PREFIX="$2"
    """

    def setUp(self):
        self.prefix = pathlib.Path(tempfile.mkdtemp(prefix="p r"))
        self.addCleanup(shutil.rmtree, self.prefix)
        self.program = self.prefix / "sbin/icr-rewrite"
        self.log = self.prefix / "log"
        must(["make", "install", f"BUILD={BUILD}", f"PREFIX={self.prefix}"], cwd=TOP)

    STATE = ("/var/lib/icr-rewrite/state.json", "{}")

    def uninstall(self, status, applied):
        """APPLIED: the file that says that something is in force, and its text."""
        self.program.unlink()
        self.program.write_text(f'#!/bin/sh\necho "$@" >>"{self.log}"\nexit {status}\n')
        self.program.chmod(0o755)
        return in_mounts(self.SCRIPT, BUILD, self.prefix, *(applied or ("", "")), cwd=TOP)

    def test_undo_first(self):
        done = self.uninstall(0, applied=self.STATE)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.log.read_text(), "undo\n")
        self.assertFalse(self.program.exists())

    def test_a_failed_undo_keeps_the_programs(self):
        done = self.uninstall(1, applied=self.STATE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("its undo failed: nothing was removed", done.stdout)
        self.assertEqual(self.log.read_text(), "undo\n")
        self.assertTrue(self.program.exists())
        self.assertTrue((self.prefix / "bin/docker-credential-icr").exists())

    def test_what_a_killed_run_or_a_lost_record_left(self):
        for applied in (("/var/lib/icr-rewrite/journal", "{}"),
                        ("/var/lib/hosts", "# BEGIN icr-rewrite: the private network of ICR")):
            with self.subTest(applied[0]):
                done = self.uninstall(1, applied)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertEqual(self.log.read_text(), "undo\n")
                self.assertTrue(self.program.exists())
                self.log.unlink()

    def test_a_program_that_does_not_run_is_not_taken_away_from_its_lines(self):
        self.program.unlink()
        self.program.write_text("damaged")
        done = in_mounts(self.SCRIPT, BUILD, self.prefix, *self.STATE, cwd=TOP)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(self.program.exists())

    def test_nothing_applied_nothing_undone(self):
        done = self.uninstall(1, applied=None)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertFalse(self.log.exists())
        self.assertFalse(self.program.exists())
