# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite under kill -9, full disks, I/O errors and runs at once: every file is the old one or
the new one, whole; the next run leaves all of them new, and undo all of them old."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from tests.blackbox.rewrite import HOSTS, STATE, UNIT, US, WANTS, Tree
from tests.blackbox.support import REWRITE, HomeCase, home
from tests.fault import inject

FAULTS = ("KILL", "ENOSPC", "EIO")
DAEMON = b'{\n  "registry-mirrors": ["https://us.icr.io"],\n  "x-other": 1e400\n}\n'
JOURNAL = "var/lib/icr-rewrite/journal"
LOCK = "var/lib/icr-rewrite/lock"
FILES = ("etc/hosts", "etc/docker/daemon.json", WANTS, STATE)


def plain(place):
    tree = Tree(place, HOSTS + b"10.0.0.1 us.icr.io mine\n", unit=True)
    tree.write("etc/docker/daemon.json", DAEMON)
    for folder in ("var/lib", "etc/systemd/system"):
        (tree.path / folder).mkdir(parents=True)
    return tree


def proven(place):
    """Addresses have been proven before, nothing is written yet."""
    tree = plain(place)
    tree.prove(us=US)
    return tree


def applied(place):
    tree = proven(place)
    if tree.run("apply", "--force").status != 0:
        raise AssertionError("apply fails")
    return tree


def first_apply(place):
    return plain(place)


class Scenario:
    def __init__(self, prepare, *arguments):
        self.prepare, self.arguments = prepare, arguments
        with home() as place:
            tree = prepare(place)
            self.old = tree.picture()
            tree.run(*arguments)
            self.new = tree.picture()
            tree.run("undo")
            self.undone = tree.picture()
        with home() as place:
            self.plain = plain(place).picture()


def content_of(picture, path):
    return picture.get(path, (None,))[-1]


def contents(picture):
    return {path: content for path, (*_, content) in picture.items() if content is not None}


class FaultCase(HomeCase):
    def whole(self, scenario, tree, done):
        """Each file alone is old or new."""
        now = tree.picture()
        for path in FILES:
            self.assertIn(content_of(now, path), (content_of(scenario.old, path),
                                                  content_of(scenario.new, path)), (path, done))
        return now

    def command(self, scenario, tree):
        verb, *more = scenario.arguments
        return [REWRITE, verb, "--root", tree.path, *more]

    def assert_same(self, now, wanted, call, told):
        """A lock or an empty folder that could not be removed stays and does no harm."""
        if call[0] in ("rmdir", "unlink", "flock"):
            now, wanted = contents(now), contents(wanted)
            if now != wanted:
                self.assertEqual(now.pop(LOCK, b""), b"")
        self.assertEqual(now, wanted, told)

    def one_fault(self, scenario, call, fault, then):
        with home() as place:
            tree = scenario.prepare(place)
            done = inject.run(call, fault, self.command(scenario, tree), b"", place.environment())
            now = self.whole(scenario, tree, done)
            if fault == "KILL":
                self.assertTrue(done.killed, done)
            elif done.returncode == 0:
                self.assert_same(now, scenario.new, call, done)
            else:
                self.assertEqual(done.returncode, 1, done)
                self.assertTrue(done.stderr, "a failure without a word")
                if JOURNAL not in now:  # else the next run completes
                    self.assertIn(contents(now), (contents(scenario.old),
                                                  contents(scenario.new)), done)
            if then == "again":
                again = tree.run(*scenario.arguments)
                self.assertEqual(again.status, 0, (again, done))
                self.assert_same(tree.picture(), scenario.new, call, done)
            undo = tree.run("undo")
            self.assertEqual(undo.status, 0, (undo, done))
            self.assert_same(tree.picture(), scenario.plain, call, (undo, done))

    def every_fault(self, scenario):
        with home() as place:
            tree = scenario.prepare(place)
            calls, done = inject.calls(self.command(scenario, tree), b"", place.environment())
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(tree.picture(), scenario.new)
        names = {name for name, _ in calls}
        self.assertTrue(names & {"rename", "renameat", "renameat2"}, calls)
        self.assertIn("fsync", names)
        work = [(call, fault, then) for call in calls for fault in FAULTS
                for then in (("again", "undo") if fault == "KILL" else ("again",))]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = {pool.submit(self.one_fault, scenario, *item): item for item in work}
            for future in concurrent.futures.as_completed(futures):
                with self.subTest(scenario.arguments, fault=futures[future]):
                    future.result()


@inject.needed
class EveryCall(FaultCase):
    def test_scenarios_change_every_file(self):
        scenario = Scenario(proven, "apply", "--force")
        for path in FILES:
            self.assertNotEqual(content_of(scenario.old, path), content_of(scenario.new, path))
        self.assertEqual(scenario.undone, scenario.plain)

    def test_first_apply(self):
        self.every_fault(Scenario(first_apply, "apply", "--regions", "de"))

    def test_apply(self):
        self.every_fault(Scenario(proven, "apply", "--force"))

    def test_undo(self):
        self.every_fault(Scenario(applied, "undo"))


@inject.needed
class SecondWriter(HomeCase):
    """Somebody else edits the same files behind each step of a run."""

    LINE = b"10.1.1.1 db\n"
    WAYS = ("append", "replace")

    def edit(self, tree, how):
        path, daemon = tree.path / "etc/hosts", tree.path / "etc/docker/daemon.json"
        if how == "append":
            with open(path, "ab") as file:
                file.write(self.LINE)
        else:
            new = tree.path / "etc/hosts.edited"
            new.write_bytes(path.read_bytes() + self.LINE)
            new.rename(path)
        text = daemon.read_bytes()
        with open(daemon, "r+b") as file:
            file.write(text.replace(b"{\n", b'{\n  "debug": true,\n', 1))

    def one_edit(self, prepare, arguments, call, how):
        with home() as place:
            tree = prepare(place)
            done = inject.between(call, [REWRITE, *arguments[:1], "--root", tree.path,
                                         *arguments[1:]],
                                  lambda: self.edit(tree, how), place.environment())
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(self.LINE, tree.read("etc/hosts"), done)
            self.assertIn(b'"debug": true', tree.read("etc/docker/daemon.json"), done)
            if arguments[0] == "apply":
                self.assertIn(b"# BEGIN icr-rewrite", tree.read("etc/hosts"), done)
                self.assertEqual(tree.run("undo").status, 0, done)
            with home() as other:
                wanted = plain(other)
                self.assertEqual(tree.read("etc/hosts"), wanted.read("etc/hosts") + self.LINE, done)
                self.edit(wanted, how)
                for path in ("etc/hosts", "etc/docker/daemon.json"):
                    self.assertEqual(tree.read(path), wanted.read(path), done)

    def every_step(self, prepare, *arguments):
        with home() as place:
            tree = prepare(place)
            calls, _ = inject.calls([REWRITE, *arguments[:1], "--root", tree.path, *arguments[1:]],
                                    b"", place.environment())
        calls = [call for call in calls
                 if call[0] in ("rename", "renameat", "renameat2", "fsync", "unlink", "unlinkat")]
        self.assertGreater(len(calls), 10)
        work = [(call, how) for call in calls for how in self.WAYS]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = {pool.submit(self.one_edit, prepare, arguments, *item): item
                       for item in work}
            for future in concurrent.futures.as_completed(futures):
                with self.subTest(arguments, edit=futures[future]):
                    future.result()

    def test_apply(self):
        self.every_step(plain, "apply", "--force", "--regions", "us")

    def test_undo(self):
        self.every_step(applied, "undo")


@inject.needed
class KilledThenEdited(SecondWriter):
    """A run is killed, and somebody edits the files before the next one: in place, anew, or through
    a descriptor that was opened before."""

    WAYS = ("append", "replace", "opened")

    def edit(self, tree, how):
        if how != "opened":
            super().edit(tree, how)
            return
        for file, text in zip(self.opened(tree), (self.LINE, b"\n")):
            with file:
                file.write(text)

    def opened(self, tree):
        return [open(tree.path / path, "ab", buffering=0)
                for path in ("etc/hosts", "etc/docker/daemon.json")]

    def one_edit(self, prepare, arguments, call, how):
        with home() as place, home() as other:
            tree, wanted = prepare(place), plain(other)
            files = []
            done = inject.between(call, [REWRITE, *arguments[:1], "--root", tree.path,
                                         *arguments[1:]],
                                  lambda: files.extend(self.opened(tree) if how == "opened" else ()),
                                  place.environment(), signal.SIGKILL)
            for file, text in zip(files, (self.LINE, b"\n")):
                with file:
                    file.write(text)
            if how != "opened":
                self.edit(tree, how)
            self.edit(wanted, how)
            undo = tree.run("undo")
            self.assertEqual(undo.status, 0, (undo, done))
            for path in ("etc/hosts", "etc/docker/daemon.json"):
                self.assertEqual(tree.read(path), wanted.read(path), (path, undo, done))
            self.assertEqual([path for path in tree.picture()
                              if "icr-" in path and path != UNIT], [], undo)


class OpenWriter(HomeCase):
    """Somebody writes into a file as it stands, as a shell's redirection or an editor that keeps the
    inode does, and is not done yet."""

    START, REST = b"127.0.0.1\tlocalhost\n", b"10.1.1.1 db\n"

    def write(self, tree, seconds, run):
        """Half of the file is there when RUN() begins, and the rest is SECONDS later."""
        with open(tree.path / "etc/hosts", "r+b", buffering=0) as file:
            file.truncate(0)
            file.write(self.START)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                running = pool.submit(run)
                concurrent.futures.wait([running], timeout=seconds)
                file.write(self.REST)
                file.close()
                return running.result()

    def test_apply_waits(self):
        tree = proven(self.home)
        done = self.write(tree, 0.3, lambda: tree.run("apply"))
        self.assertEqual(done.status, 0, done)
        self.assertIn(b"# BEGIN icr-rewrite", tree.read("etc/hosts"))
        self.assertEqual(tree.run("undo").status, 0)
        self.assertEqual(tree.read("etc/hosts"), self.START + self.REST)

    def test_undo_waits(self):
        tree = applied(self.home)
        text = tree.read("etc/hosts")
        with open(tree.path / "etc/hosts", "r+b", buffering=0) as file:
            file.seek(0, os.SEEK_END)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                running = pool.submit(tree.run, "undo")
                concurrent.futures.wait([running], timeout=0.3)
                file.write(self.REST)
                file.close()
                self.assertEqual(running.result().status, 0, running.result())
        self.assertIn(b"# BEGIN icr-rewrite", text)
        self.assertEqual(tree.read("etc/hosts"), HOSTS + b"10.0.0.1 us.icr.io mine\n" + self.REST)

    def test_undo_of_what_is_not_there_yet(self):
        """The file is empty when undo reads it; what is written then has our lines again."""
        tree = applied(self.home)
        text = tree.read("etc/hosts")
        with open(tree.path / "etc/hosts", "r+b", buffering=0) as file:
            file.truncate(0)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                running = pool.submit(tree.run, "undo")
                concurrent.futures.wait([running], timeout=0.3)
                file.write(text + self.REST)
                file.close()
                self.assertEqual(running.result().status, 0, running.result())
        self.assertEqual(tree.read("etc/hosts"), HOSTS + b"10.0.0.1 us.icr.io mine\n" + self.REST)

    def test_one_that_never_ends_is_named(self):
        tree = proven(self.home)
        before = tree.picture()
        with open(tree.path / "etc/hosts", "ab"):
            done = tree.run("apply", "--force")
            self.assertEqual(done.status, 1, done)
            self.assertIn(b"/etc/hosts: is open for writing", done.err)
        self.assertEqual(tree.picture(), before)

    @inject.needed
    def test_one_that_begins_behind_the_look(self):
        """It opens the file before ours takes its place, and writes behind that."""
        with home() as place:
            calls, _ = inject.calls([REWRITE, "apply", "--root", proven(place).path, "--force"], b"",
                                    place.environment())
        exchange = [call for call in calls if call[0] == "renameat2"][0]
        staged = [call for call in calls[:calls.index(exchange)] if call[0] == "fsync"][-1]
        tree = proven(self.home)
        timers = []

        def finish(file):
            file.write(self.REST)
            file.close()

        def edit():
            file = open(tree.path / "etc/hosts", "ab", buffering=0)
            timers.append(threading.Timer(0.5, finish, [file]))
            timers[0].start()
        done = inject.between(staged, [REWRITE, "apply", "--root", tree.path, "--force"], edit,
                              self.home.environment())
        timers[0].join()
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(tree.run("undo").status, 0)
        self.assertEqual(tree.read("etc/hosts"), HOSTS + b"10.0.0.1 us.icr.io mine\n" + self.REST)


@inject.needed
@unittest.skipUnless(os.geteuid() == 0, "gives files away")
class Attributes(HomeCase):
    """Somebody closes a file to others, or gives it away, behind each step of a run."""

    def one_step(self, call):
        with home() as place:
            tree = proven(place)
            path = tree.path / "etc/docker/daemon.json"

            def edit():
                os.chmod(path, 0o600)
                os.chown(path, 4712, 4713)
            done = inject.between(call, [REWRITE, "apply", "--root", tree.path, "--force"], edit,
                                  place.environment())
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(b"private.us.icr.io", path.read_bytes())
            about = path.stat()
            self.assertEqual((about.st_mode & 0o7777, about.st_uid, about.st_gid),
                             (0o600, 4712, 4713))

    def test_apply(self):
        with home() as place:
            calls, _ = inject.calls([REWRITE, "apply", "--root", proven(place).path, "--force"], b"",
                                    place.environment())
        for call in calls:
            if call[0] in ("rename", "renameat2", "fsync", "unlink"):
                with self.subTest(call=call):
                    self.one_step(call)


class Reads(HomeCase):
    """How often a run reads a file of others, which may be large."""

    def count(self, tree, path, *arguments):
        with tempfile.NamedTemporaryFile(prefix="icr-strace-") as log:
            done = inject.strace(["-o", log.name, "-s", "999", "-e", "trace=?open,openat"],
                                 [REWRITE, "apply", "--root", tree.path, *arguments],
                                 env=self.home.environment())
            text = log.read().decode()
        self.assertEqual(done.returncode, 0, done)
        return text.count(f'"{path}"')

    @inject.needed
    def test_apply(self):
        """To plan, and to look whether it is still what was planned for."""
        tree = plain(self.home)
        self.assertEqual(self.count(tree, "/etc/hosts", "--force", "--regions", "us"), 2)
        tree.write("etc/docker/daemon.json", DAEMON.replace(b"us.", b"de."))
        # with symbolic links of ours in place
        self.assertEqual(self.count(tree, "/etc/hosts", "--force", "--regions", "us,de"), 2)
        self.assertEqual(self.count(tree, "/etc/hosts", "--force"), 1)


class AtOnce(HomeCase):
    def run_all(self, tree, *commands):
        running = [subprocess.Popen([REWRITE, *words[:1], "--root", tree.path, *words[1:]],
                                    env=self.home.environment(), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE) for words in commands]
        told = [one.communicate(timeout=60)[1] for one in running]
        return [one.returncode for one in running], told

    def test_applies(self):
        tree = plain(self.home)
        before = tree.picture()
        codes, told = self.run_all(tree, *[["apply", "--regions", "de"]] * 12)
        self.assertEqual(codes, [0] * 12, told)
        first = tree.picture(identity=True)
        self.assertEqual(tree.run("apply", "--regions", "de").status, 0)
        self.assertEqual(tree.picture(identity=True), first)
        self.assertEqual(tree.run("undo").status, 0)
        self.assertEqual(tree.picture(), before)

    def test_applies_and_undos(self):
        tree = plain(self.home)
        before = tree.picture()
        for _ in range(4):
            codes, told = self.run_all(tree, *[["apply", "--regions", "de"], ["undo"]] * 6)
            self.assertEqual(codes, [0] * 12, told)
        self.assertEqual(tree.run("undo").status, 0)
        self.assertEqual(tree.picture(), before)

    def test_different_regions(self):
        tree = plain(self.home)
        regions = ["us", "de", "uk", "jp", "au", "br"]
        codes, told = self.run_all(tree, *[["apply", "--force", "--regions", r] for r in regions])
        self.assertEqual(codes, [0] * 6, told)
        self.assertIn([r["public"] for r in tree.state()["regions"]],
                      [[f"{r}.icr.io"] for r in regions])


class Unwritable(HomeCase):
    @unittest.skipUnless(shutil.which("chattr") and os.geteuid() == 0, "needs root and chattr")
    def test_immutable_file(self):
        tree = proven(self.home)
        path = tree.path / "etc/hosts"
        if subprocess.run(["chattr", "+i", path], stderr=subprocess.DEVNULL, timeout=10,
                          check=False).returncode:
            self.skipTest("no chattr on this file system")
        try:
            before = tree.picture()
            result = tree.run("apply", "--force")
            self.assertEqual(result.status, 1, result)
            self.assertIn(b"/etc/hosts", result.err)
        finally:
            subprocess.run(["chattr", "-i", path], timeout=10, check=True)
        after = tree.picture()
        if after != before:  # the failure came behind the commit point: the next run completes
            self.assertIn("var/lib/icr-rewrite/journal", after)
        self.assertEqual(tree.run("apply", "--force").status, 0)
        self.assertEqual(tree.run("undo").status, 0)
        with home() as place:
            self.assertEqual(tree.picture(), plain(place).picture())


if __name__ == "__main__":
    unittest.main()
