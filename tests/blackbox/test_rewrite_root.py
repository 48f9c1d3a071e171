# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""--root on trees of others: nothing in them leads out, whatever their owner moves meanwhile, and a
journal or state of somebody else's is not gone by."""

import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.blackbox.rewrite import HOSTS, STATE, US, Tree, TreeCase
from tests.blackbox.support import REWRITE, home
from tests.fault import inject

JOURNAL = "var/lib/icr-rewrite/journal"
LOCK = "var/lib/icr-rewrite/lock"
DAEMON = b'{"registry-mirrors": ["https://us.icr.io"]}\n'
RACES = 200


def state_of(content):
    return "file:" + hashlib.sha256(content).hexdigest()


def namespaces():
    """May somebody who is not root make a user namespace here?"""
    done = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups",
                           "unshare", "-U", "true"], stderr=subprocess.DEVNULL, check=False,
                          timeout=10)
    return done.returncode == 0


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Planted(TreeCase):
    """A journal in the tree that names files of the host on which the tree is worked on."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="icr-victim-")
        self.addCleanup(folder.cleanup)
        self.victim = pathlib.Path(folder.name).resolve() / "victim"
        self.victim.write_bytes(b"precious\n")
        self.staged = self.victim.with_name(".victim.icr-new-abcdef")

    def plant(self, state, *entries):
        self.tree.write(JOURNAL, json.dumps({"version": 1, "state": state, "entries": entries}))

    def entry(self, kind, path=None, **more):
        entry = {"kind": kind, "path": str(path or self.victim), "temporary": None,
                 "old": state_of(b"precious\n"), "new": None}
        entry.update(more)
        return entry

    def refused(self, verb="apply"):
        words = ["--regions", "us"] if verb == "apply" else []
        self.fails(1, self.tree.run(verb, *words), "journal", "never changes")
        self.assertEqual(self.victim.read_bytes(), b"precious\n")

    def test_remove(self):
        for verb in ("apply", "undo"):
            self.plant("committed", self.entry("remove"))
            self.refused(verb)

    def test_remove_a_symbolic_link(self):
        link = self.victim.with_name("link")
        link.symlink_to("victim")
        old = "link:" + hashlib.sha256(b"victim").hexdigest()
        self.plant("committed", self.entry("remove", link, old=old))
        self.refused()
        self.assertTrue(link.is_symlink())

    def test_replace(self):
        self.staged.write_bytes(b"evil\n")
        self.plant("committed", self.entry("write", temporary=str(self.staged),
                                           new=state_of(b"evil\n")))
        self.refused()

    def test_remove_a_temporary(self):
        self.staged.write_bytes(b"precious\n")
        self.plant("prepared", self.entry("write", temporary=str(self.staged),
                                          new=state_of(b"x")))
        self.refused()
        self.assertEqual(self.staged.read_bytes(), b"precious\n")

    def test_a_name_of_ours_and_the_path_of_another(self):
        """Also inside the tree only what the name leads to is touched."""
        self.tree.write("etc/shadow", b"precious\n")
        self.plant("committed", self.entry("remove", "/etc/shadow", name="/etc/hosts"))
        self.check(0, self.tree.run("apply", "--regions", "us"), "not completed")
        self.assertEqual(self.tree.read("etc/shadow"), b"precious\n")

    def test_where_links_lead_out(self):
        """The same path exists inside, as a link to the outside."""
        self.tree.write("etc/docker/daemon.json", DAEMON)
        shutil.rmtree(self.tree.path / "etc/docker")
        (self.tree.path / "etc/docker").symlink_to(self.victim.parent)
        self.victim.with_name("daemon.json").write_bytes(DAEMON)
        self.plant("committed", self.entry("remove", "/etc/docker/daemon.json",
                                           old=state_of(DAEMON)))
        self.tree.run("apply", "--regions", "us")
        self.assertEqual(self.victim.with_name("daemon.json").read_bytes(), DAEMON)
        self.assertEqual(len(list(self.victim.parent.iterdir())), 2)

    def test_state(self):
        """A state that tells of files that no part of ours ever changes."""
        self.tree.write("etc/victim.conf", b"precious\n")
        for path in ("/etc/victim.conf", "/etc/hosts"):
            file = {"part": "docker", "path": path, "existed": False, "link": False, "before": "",
                    "after": hashlib.sha256(b"precious\n").hexdigest(), "splices": []}
            self.tree.write(STATE, json.dumps({"version": 1, "files": [file], "regions": []}))
            for verb in ("undo", "plan", "status"):
                result = self.tree.run(verb, *(["--regions", "us"] if verb == "plan" else []))
                self.fails(1, result, "state.json", path, "never changes")
        self.assertEqual(self.tree.read("etc/victim.conf"), b"precious\n")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Trust(TreeCase):
    def setUp(self):
        super().setUp()
        self.proven()

    def test_others(self):
        self.tree.write(LOCK, b"", 0o600)
        for path in (os.path.dirname(STATE), STATE, LOCK):
            full = self.tree.path / path
            mode = full.stat().st_mode
            for change, word in ((lambda f=full: os.chown(f, 4711, -1), "4711"),
                                 (lambda f=full, m=mode: f.chmod(m | 0o020), "others"),
                                 (lambda f=full, m=mode: f.chmod(m | 0o002), "others")):
                change()
                for verb in ("apply", "undo", "status"):
                    self.fails(1, self.tree.run(verb), str(full), word,
                               f"chown root {full}; chmod go-w {full}")
                os.chown(full, 0, -1)
                full.chmod(mode & 0o7777)
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_the_owner_of_the_tree(self):
        for folder, folders, files in os.walk(self.tree.path):
            for name in folders + files + [""]:
                os.lchown(os.path.join(folder, name), 4711, 4711)
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_the_lock_is_not_left_behind(self):
        self.assertFalse((self.tree.path / LOCK).exists())
        self.tree.write(LOCK, b"", 0o600)
        self.check(0, self.tree.run("apply", "--regions", "us,de"))
        self.assertFalse((self.tree.path / LOCK).exists())

    def test_what_anybody_can_lock_does_not_matter(self):
        """A folder and a file that others may read, locked by one of them for ever."""
        self.tree.path.chmod(0o755)
        self.home.path.chmod(0o755)
        folder = self.tree.path / os.path.dirname(STATE)
        holders = []
        for path in (folder, self.tree.path / STATE):
            holders.append(subprocess.Popen(["setpriv", "--reuid=12345", "--regid=12345",
                                             "--clear-groups", "flock", "-x", path, "sh", "-c",
                                             "echo; exec sleep 60"], stdout=subprocess.PIPE))
            self.addCleanup(holders[-1].stdout.close)
            self.addCleanup(holders[-1].wait)
            self.addCleanup(holders[-1].kill)
            self.assertEqual(holders[-1].stdout.read(1), b"\n")
        result = self.check(0, self.tree.run("apply", "--regions", "us,de"))
        self.assertLess(result.seconds, 10)
        self.check(0, self.tree.run("undo"))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Races(TreeCase):
    """The owner of the tree exchanges folders of it with links that lead out, in a loop."""

    LOOP = """
import ctypes, sys
libc = ctypes.CDLL(None)
one, other = sys.argv[1].encode(), sys.argv[2].encode()
print(flush=True)
while True:
    libc.renameat2(-100, one, -100, other, 2)
"""

    def setUp(self):
        super().setUp()
        if not hasattr(ctypes.CDLL(None), "renameat2"):
            self.skipTest("no renameat2() here")
        self.home.path.chmod(0o755)
        self.victim = self.home.path / "victim"
        for folder in ("docker", "lib/icr-rewrite", "icr-rewrite"):
            (self.victim / folder).mkdir(parents=True)
        (self.victim / "docker/daemon.json").write_bytes(DAEMON)
        (self.victim / "hosts").write_bytes(HOSTS)
        self.tree.write("etc/docker/daemon.json", DAEMON)
        (self.tree.path / "var/lib").mkdir(parents=True)

    def outside(self):
        return {str(path): (path.lstat().st_uid, path.lstat().st_ino,
                            path.read_bytes() if path.is_file() else None)
                for path in self.victim.rglob("*")}

    def race(self, folder, target):
        evil = self.tree.path / "evil"
        evil.symlink_to(target)
        for top, folders, files in os.walk(self.tree.path):
            for name in folders + files + [""]:
                os.lchown(os.path.join(top, name), 65534, 65534)
        before = self.outside()
        loop = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 sys.executable, "-c", self.LOOP, self.tree.path / folder, evil],
                                stdout=subprocess.PIPE)
        try:
            self.assertEqual(loop.stdout.read(1), b"\n")
            for i in range(RACES // 2):
                verb = ["apply", "--regions", "us"] if i % 2 == 0 else ["undo"]
                result = self.tree.run(*verb)
                self.assertIn(result.status, (0, 1), result)
                self.assertEqual(self.outside(), before, result)
        finally:
            loop.kill()
            loop.wait()
            loop.stdout.close()

    def test_etc(self):
        self.race("etc", "../victim")

    def test_var(self):
        self.race("var", self.victim)


class Moved(TreeCase):
    """A run that was killed is finished where the tree is by then."""

    @inject.needed
    def test_every_rename(self):
        with home() as place:
            tree = Tree(place, HOSTS, unit=True)
            tree.write("etc/docker/daemon.json", DAEMON)
            calls, _ = inject.calls([REWRITE, "apply", "--root", tree.path, "--regions", "us"],
                                    b"", place.environment())
        for call in [call for call in calls if call[0].startswith("rename")]:
            with self.subTest(call=call), home() as place:
                tree = Tree(place, HOSTS, unit=True)
                tree.write("etc/docker/daemon.json", DAEMON)
                for folder in ("var/lib", "etc/systemd/system"):
                    (tree.path / folder).mkdir(parents=True)
                before = tree.picture()
                done = inject.run(call, "KILL",
                                  [REWRITE, "apply", "--root", tree.path, "--regions", "us"],
                                  b"", place.environment())
                self.assertTrue(done.killed, done)
                moved = place.path / "moved"
                tree.path.rename(moved)
                tree.path = moved
                result = self.check(0, tree.run("undo"))
                self.assertNotIn(b"not completed", result.err)
                self.assertEqual(tree.picture(), before)


@unittest.skipUnless(os.geteuid() == 0 and namespaces(), "needs root, and user namespaces")
class Unprivileged(TreeCase):
    def run_as_somebody(self, *words):
        self.home.path.chmod(0o755)
        for folder, folders, files in os.walk(self.tree.path):
            for name in folders + files + [""]:
                os.lchown(os.path.join(folder, name), 12345, 12345)
        verb, *more = words
        return self.home.run([*self.as_somebody_else(REWRITE), verb, "--root", self.tree.path,
                              *more])

    def test_round_trip(self):
        self.tree.write("etc/docker/daemon.json", DAEMON)
        self.tree.prove(us=US)
        os.chmod(self.tree.path / "etc/hosts", 0o640)
        self.check(0, self.run_as_somebody("apply"))
        about = (self.tree.path / "etc/hosts").stat()
        self.assertEqual((about.st_mode & 0o7777, about.st_uid, about.st_gid),
                         (0o640, 12345, 12345))
        self.assertIn(b"us.icr.io", self.tree.read())
        self.as_applied("closed to other users (mode 0640)", run=self.run_as_somebody)
        self.check(0, self.run_as_somebody("undo"))
        self.assertEqual(self.tree.read(), HOSTS)
        self.assertEqual(self.tree.read("etc/docker/daemon.json"), DAEMON)

    def test_no_more_rights_than_before(self):
        """Root in a namespace of one's own is nobody outside, nor inside."""
        self.tree.prove(us=US)
        self.run_as_somebody("status")
        os.chown(self.tree.path / "etc", 0, 0)
        os.chown(self.tree.path / "etc/hosts", 0, 0)
        result = self.home.run([*self.as_somebody_else(REWRITE), "apply", "--root",
                                self.tree.path])
        self.assertEqual(result.status, 1, result)
        self.assertEqual(self.tree.read(), HOSTS)


    @unittest.skipIf("sanitize" in REWRITE, "the sanitizers need /proc, which is not there")
    def test_where_there_are_no_namespaces(self):
        """As in a chroot, whose users cannot have any."""
        self.tree.prove(us=US)
        self.run_as_somebody("status")
        place = self.home.path / "place"
        place.mkdir()
        command = self.as_somebody_else(REWRITE)[-1]
        result = self.home.run(["unshare", "-m", "sh", "-c",
                                f'mount --bind / {place} && exec chroot --userspec=12345:12345 '
                                f'{place} {command} apply --root {self.tree.path}'])
        self.fails(1, result, str(self.tree.path), "user namespaces", "sudo")
        self.assertEqual(self.tree.read(), HOSTS)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Processes(TreeCase):
    """Where /proc is mounted in the tree, its links lead to the roots of other processes."""

    def test_root_of_another(self):
        secret = self.home.write("secret", b"10.6.6.6 secret.example\n", 0o600)
        (self.tree.path / "proc").mkdir()
        (self.tree.path / "etc/hosts").unlink()
        self.tree.prove(us=US)
        for process in (1, os.getpid()):
            link = self.tree.path / "etc/hosts"
            link.symlink_to(f"/proc/{process}/root{secret}")
            for verb in ("plan", "apply", "undo"):
                result = self.home.run(["unshare", "-m", "sh", "-c",
                                        f'mount --bind /proc {self.tree.path}/proc && exec "$@"',
                                        "sh", REWRITE, verb, "--root", self.tree.path])
                self.assertEqual(result.status, 1, result)
                self.assertNotIn(b"secret.example", result.out + result.err)
            link.unlink()
        self.assertEqual(secret.read_bytes(), b"10.6.6.6 secret.example\n")
        for path, (*_, content) in self.tree.picture().items():
            self.assertNotIn(b"secret.example", content if isinstance(content, bytes) else b"",
                             path)


class Plan(TreeCase):
    """plan says what apply would run into."""

    @unittest.skipUnless(shutil.which("chattr") and os.geteuid() == 0, "needs root and chattr")
    def test_immutable(self):
        path = self.tree.path / "etc/hosts"
        if subprocess.run(["chattr", "+i", path], stderr=subprocess.DEVNULL, timeout=10,
                          check=False).returncode:
            self.skipTest("no chattr on this file system")
        self.addCleanup(subprocess.run, ["chattr", "-i", path], timeout=10, check=True)
        self.tree.prove(us=US)
        for words in (["plan"], ["apply", "--dry-run"], ["apply"]):
            self.fails(1, self.tree.run(*words), f"{path}: is marked immutable",
                       f"chattr -i -a {path}")
        subprocess.run(["chattr", "-i", path], timeout=10, check=True)
        self.check(0, self.tree.run("apply"))
        subprocess.run(["chattr", "+i", path], timeout=10, check=True)
        for words in (["undo", "--dry-run"], ["undo"]):
            self.fails(1, self.tree.run(*words), f"{path}: is marked immutable",
                       f"chattr -i -a {path}")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_mounts(self):
        path = self.tree.path / "etc/hosts"
        self.tree.prove(us=US)
        for mount, needle in ((f"mount --bind {path} {path}", "is a mount point"),
                              (f"mount --bind {path.parent} {path.parent} && "
                               f"mount -o remount,ro,bind {path.parent}", "remount,rw")):
            for words in ("plan", "apply --dry-run", "apply"):
                verb, *more = words.split()
                result = self.home.run(["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh",
                                        REWRITE, verb, "--root", self.tree.path, *more])
                self.fails(1, result, needle)


if __name__ == "__main__":
    unittest.main()
