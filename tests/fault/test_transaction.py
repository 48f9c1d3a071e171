# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A transaction over several files under kill -9, full disks and I/O errors at each of its calls:
each file is the old one or the new one whole at once, and after recovery all are the old ones or
all the new ones, with nothing left over."""

import concurrent.futures
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from tests import common
from tests.common import BUILD, TIMEOUT
from tests.fault import inject

# a leak check cannot look at a program that strace looks at
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
NOTHING, ROLLED_BACK, COMPLETED = 0, 10, 11
ERRORS = ("ENOSPC", "EIO")
WORKERS = 2
# as root the owner must be somebody else's, for chown to be called at all
OWNER = (4712, 4713) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
SELF = (os.geteuid(), os.getegid())


def look(path):
    """What stands at PATH, as one value to compare; None for nothing."""
    about = common.look(path)
    if about is None:
        return None
    mode, owner, group, content = about
    if stat.S_ISLNK(mode):
        return content
    try:
        attribute = os.getxattr(path, "user.icr")
    except OSError:
        attribute = None
    return content.decode(), stat.S_IMODE(mode), (owner, group), attribute


class Place:
    """A fresh folder with the files that tests/fault/transaction.c changes."""

    def __init__(self, driver):
        self.driver = driver
        self.holder = tempfile.TemporaryDirectory(prefix="icr-fault-")
        # resolved, as the journal has it
        self.folder = pathlib.Path(self.holder.name).resolve()
        for name in ("sub", "state"):
            (self.folder / name).mkdir()
        one = self.put("one", "one: old\n", 0o640)
        os.chown(one, *OWNER)
        try:
            os.setxattr(one, "user.icr", b"kept")
            kept = b"kept"
        except OSError:
            kept = None
        self.put("sub/two", "two: old\n", 0o600)
        self.put("gone", "gone: old\n", 0o644)
        self.old = {"one": ("one: old\n", 0o640, OWNER, kept),
                    "sub/two": ("two: old\n", 0o600, SELF, None), "three": None,
                    "gone": ("gone: old\n", 0o644, SELF, None), "sub/link": None}
        self.new = {"one": ("one: new\n", 0o640, OWNER, kept),
                    "sub/two": ("two: new, and longer\n", 0o600, SELF, None),
                    "three": ("three: made\n", 0o640, SELF, None), "gone": None,
                    "sub/link": "../one"}

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.holder.cleanup()

    def put(self, name, text, mode):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def command(self, verb):
        return [self.driver, verb, self.folder]

    def kill(self, call, verb="commit"):
        return self.fail(call, "KILL", verb)

    def fail(self, call, fault, verb="commit"):
        return inject.run(call, fault, self.command(verb), env=ENVIRONMENT)

    def calls(self, verb):
        return inject.calls(self.command(verb), env=ENVIRONMENT)

    def recover(self):
        return common.run(self.command("recover"))

    def now(self):
        return {name: look(self.folder / name) for name in self.old}

    def is_all_old(self):
        return self.now() == self.old

    def is_all_new(self):
        return self.now() == self.new

    def left_over(self):
        """What is neither of the user's files nor an empty folder."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}
        return found - set(self.old) - {"sub", "state"}

    def journal_state(self):
        try:
            return json.loads((self.folder / "state/journal.json").read_text())["state"]
        except FileNotFoundError:
            return None

    def problems_at_once(self):
        return [f"{name} is {found!r}" for name, found in self.now().items()
                if found not in (self.old[name], self.new[name])]

    def problems_after_recovery(self):
        problems = []
        if not self.is_all_old() and not self.is_all_new():
            problems.append(f"neither all old nor all new: {self.now()}")
        if self.left_over():
            problems.append(f"left over: {self.left_over()}")
        if self.recover().returncode != NOTHING:
            problems.append("a second recovery finds something to do")
        return problems


@inject.needed
class TestTransaction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = BUILD / "fault/transaction"
        assert cls.driver.exists(), f"{cls.driver} is missing: make units"
        with Place(cls.driver) as place:
            cls.calls, done = place.calls("commit")
            assert done.returncode == 0 and place.is_all_new(), done

    def each(self, check, calls):
        """CHECK(call) gives a list of problems; all calls are tried before any is told."""
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for call, problems in zip(calls, pool.map(check, calls)):
                with self.subTest(call=call):
                    self.assertEqual(problems, [])

    def test_driver(self):
        with Place(self.driver) as place:
            self.assertTrue(place.is_all_old())
            self.assertEqual(place.recover().returncode, NOTHING)
            subprocess.run(list(map(str, place.command("commit"))), check=True, timeout=TIMEOUT)
            self.assertTrue(place.is_all_new())
            self.assertEqual(place.left_over(), set())
        names = {name for name, _ in self.calls}
        # what must be there for the tests below to mean something
        self.assertTrue({"write", "fsync", "fchmod"} <= names, names)
        self.assertTrue(names & {"rename", "renameat", "renameat2"}, names)
        self.assertTrue(names & {"unlink", "unlinkat"}, names)
        self.assertTrue(names & {"symlink", "symlinkat"}, names)

    def traced(self):
        """What a commit does, as (call, path...), in its order; names relative to its folder."""
        calls = "fsync,rename,renameat,renameat2,unlink,unlinkat,openat,open,symlink,symlinkat"
        seen = []
        with Place(self.driver) as place, tempfile.NamedTemporaryFile(prefix="icr-strace-") as log:
            done = inject.strace(["-y", "-o", log.name, "-e",
                                  "trace=" + ",".join("?" + call for call in calls.split(","))],
                                 place.command("commit"), env=ENVIRONMENT)
            self.assertEqual(done.returncode, 0, done)
            self.assertTrue(place.is_all_new())
            for line in log.read().decode().splitlines():
                match = re.match(r"\d+\s+(\w+)\((.*)\)\s+= \d", line)
                if not match:
                    continue
                call, rest = match.groups()
                paths = re.findall(r'[<"](%s[^>"]*)[>"]' % re.escape(str(place.folder)), rest)
                names = [os.path.relpath(path, place.folder) for path in paths]
                if call.startswith("open"):
                    if "O_CREAT" not in rest:
                        continue
                    call = "create"
                if names:
                    seen.append((re.sub("(at2?)$", "", call), *names))
        return seen

    def test_order(self):
        """A power cut keeps no promise but this: what fsync() brought to the disk before. A new
        content is there before its name, each name before what relies on it."""
        seen = self.traced()
        journals = [i for i, call in enumerate(seen)
                    if call[0] == "rename" and call[-1] == "state/journal.json"]
        self.assertEqual(len(journals), 2, seen)
        prepared, committed = journals
        for at in journals:
            temporary = seen[at][1]
            self.assertIn(("fsync", temporary), seen[:at])
            self.assertEqual(seen[at + 1], ("fsync", "state"), seen)
        removed = seen.index(("unlink", "state/journal.json"))
        self.assertEqual(seen[removed + 1:], [("fsync", "state")], seen)
        for name in ("one", "sub/two", "three"):
            placed = next(i for i, call in enumerate(seen)
                          if call[0] == "rename" and call[-1] == name)
            temporary, folder = seen[placed][1], os.path.dirname(name) or "."
            created = seen.index(("create", temporary, temporary)) \
                if ("create", temporary, temporary) in seen else seen.index(("create", temporary))
            written = seen.index(("fsync", temporary))
            # created behind the journal that knows it; content and name before the next one
            self.assertLess(prepared, created, seen)
            self.assertLess(created, written, seen)
            self.assertIn(("fsync", folder), seen[written:committed], seen)
            # put in place behind it; that too before the journal goes
            self.assertLess(committed, placed, seen)
            self.assertIn(("fsync", folder), seen[placed:removed], seen)
        gone = max(i for i, call in enumerate(seen) if "gone" in call)
        self.assertLess(committed, gone, seen)
        self.assertIn(("fsync", "."), seen[gone:removed], seen)
        link = max(i for i, call in enumerate(seen) if call[-1] == "sub/link")
        self.assertLess(committed, link, seen)
        self.assertIn(("fsync", "sub"), seen[link:removed], seen)

    def killed(self, call):
        with Place(self.driver) as place:
            done = place.kill(call)
            if not done.killed:
                return [f"was not killed: {done}"]
            problems = place.problems_at_once()
            expected = {None: NOTHING, "prepared": ROLLED_BACK,
                        "committed": COMPLETED}[place.journal_state()]
            was_new = place.is_all_new()
            recovery = place.recover()
            if recovery.returncode != expected:
                problems.append(f"recovery: {recovery}, not {expected}")
            if expected == ROLLED_BACK and not place.is_all_old():
                problems.append("rolled back, but not old")
            if (expected == COMPLETED or was_new) and not place.is_all_new():
                problems.append("completed, but not new")
            return problems + place.problems_after_recovery()

    def test_kill(self):
        self.each(self.killed, self.calls)

    def failed(self, call, error):
        with Place(self.driver) as place:
            done = place.fail(call, error)
            problems = place.problems_at_once()
            if done.returncode == 0:
                # a failure that does not matter, as that of clearing up after others
                if not place.is_all_new() or place.left_over():
                    problems.append(f"told as done: {place.now()}, {place.left_over()}")
                return problems
            if done.returncode != 1 or not done.stderr.strip():
                problems.append(f"not told: {done}")
            was_old = place.is_all_old()
            if was_old and place.left_over() and place.journal_state() != "committed":
                problems.append(f"not cleared up: {place.left_over()}")
            recovery = place.recover()
            if recovery.returncode not in (NOTHING, ROLLED_BACK, COMPLETED):
                problems.append(f"recovery: {recovery}")
            if not was_old and not place.is_all_new():
                problems.append("neither old at once nor new after recovery")
            return problems + place.problems_after_recovery()

    def test_errors(self):
        for error in ERRORS:
            with self.subTest(error=error):
                self.each(lambda call, error=error: self.failed(call, error), self.calls)

    def interrupted(self):
        """For a prepared and a committed journal, the call whose death leaves most to be done."""
        found = {}
        for call in self.calls:
            with Place(self.driver) as place:
                place.kill(call)
                state = place.journal_state()
                # the last one that is prepared has all staged, the first committed one too
                if state == "prepared" or (state == "committed" and state not in found):
                    found[state] = call
        return found

    def recovery_failed(self, state, first, call, fault):
        with Place(self.driver) as place:
            place.kill(first)
            done = place.fail(call, fault, "recover")
            problems = place.problems_at_once()
            if fault == "KILL" and not done.killed:
                problems.append(f"was not killed: {done}")
            if done.returncode == 1 and not done.stderr.strip():
                problems.append("not told")
            place.recover()
            if not (place.is_all_old() if state == "prepared" else place.is_all_new()):
                problems.append(f"{state}, and then {place.now()}")
            return problems + place.problems_after_recovery()

    def test_recovery(self):
        found = self.interrupted()
        self.assertEqual(set(found), {"prepared", "committed"})
        for state, first in found.items():
            with Place(self.driver) as place:
                place.kill(first)
                calls, _ = place.calls("recover")
            self.assertTrue(calls)
            for fault in ("KILL",) + ERRORS:
                with self.subTest(state=state, fault=fault):
                    self.each(lambda call, state=state, first=first, fault=fault:
                              self.recovery_failed(state, first, call, fault), calls)


if __name__ == "__main__":
    unittest.main()
