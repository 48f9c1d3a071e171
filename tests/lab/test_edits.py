# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Others edit what we edit, at any moment; many runs at once; runs that die: nobody's line is lost,
and what is not proven does not stay."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from tests import common

from . import lab
from .case import HOSTS, PRIVATE_US, LabCase, hosts_entries, identities, read, tree
from .fault import Fault

DAEMON = "/etc/docker/daemon.json"
FOLDER = "/var/lib/icr-rewrite"
STATE = FOLDER + "/state.json"
MARK = FOLDER + "/unproven"
LOCK = FOLDER + "/lock"
LAST = "/run/icr-rewrite/last.json"
PROGRAM = os.path.join(lab.BUILD, "icr-rewrite")
BLOCK = re.compile(rb"# BEGIN icr-rewrite.*?# END icr-rewrite\n", re.S)
NO_FILES = b"passwd: files\nhosts: dns\n"


def wait_for(what, seconds=20):
    """Until WHAT() is true, looked at every 5 ms."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("waited for %s in vain" % what)
        time.sleep(0.005)


def block_stands():
    return b"# BEGIN icr-rewrite" in read(HOSTS)


def append(line, path=HOSTS):
    """As `echo line >> file` does."""
    with open(path, "ab", buffering=0) as file:
        file.write(line)


def replace(content, path=HOSTS):
    """As an editor does."""
    with open(path + ".editor", "wb") as file:
        file.write(content)
    os.rename(path + ".editor", path)


class EditCase(LabCase):
    def start(self, *arguments):
        return subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def end(self, running):
        out, err = running.communicate(timeout=60)
        return common.Result(running.args, running.returncode, out, err, 0)

    def set_delay(self, seconds):
        for front in self.lab.private_fronts():
            front.faults.script.clear()
            if seconds:
                front.faults.add(Fault(delay=seconds, path="^/v2/"))

    def meanwhile(self, edit, *arguments, when):
        """Runs with ARGUMENTS, and EDIT() as soon as WHEN() is true."""
        running = self.start(*arguments)
        wait_for(when)
        edit()
        return self.end(running)

    def asked(self):
        """Has the probe begun?"""
        return self.lab.connections(role="private")

    def assert_no_leftovers(self):
        for folder in ("/etc", "/etc/docker", FOLDER):
            names = os.listdir(folder) if os.path.isdir(folder) else []
            self.assertEqual([name for name in names if ".icr-" in name], [])


class Probe(EditCase):
    """While the probe waits for a slow registry."""

    def setUp(self):
        super().setUp()
        self.lab.write(HOSTS, read(HOSTS) + b"10.9.9.9 stays.example\n")
        self.before = tree("/etc")
        self.original = read(HOSTS)
        self.set_delay(1.5)

    def during(self, edit, *arguments):
        self.lab.clear_log()
        return self.run_ok(self.meanwhile(edit, *arguments, when=self.asked))

    def test_a_line_is_added(self):
        self.during(lambda: append(b"10.1.1.1 db.internal\n"), "apply", "--regions", "us")
        self.assertEqual(BLOCK.sub(b"", read(HOSTS)), self.original + b"10.1.1.1 db.internal\n")
        self.assert_code(0, self.lab.rewrite("status"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.original + b"10.1.1.1 db.internal\n")
        self.assertFalse(os.path.exists(FOLDER))

    def test_a_line_is_removed(self):
        shorter = self.original.replace(b"10.9.9.9 stays.example\n", b"")
        self.during(lambda: replace(shorter), "apply", "--regions", "us")
        self.assertEqual(BLOCK.sub(b"", read(HOSTS)), shorter)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), shorter)

    def test_the_file_is_removed(self):
        self.during(lambda: os.unlink(HOSTS), "apply", "--regions", "us")
        self.assertEqual(BLOCK.sub(b"", read(HOSTS)), b"")
        self.run_ok(self.lab.rewrite("undo"))
        self.assertFalse(os.path.exists(HOSTS))

    def test_refresh(self):
        self.set_delay(0)
        self.apply()
        self.set_delay(1.5)
        self.lab.renumber("private.us.icr.io", PRIVATE_US[:1])
        self.during(lambda: append(b"10.1.1.1 db.internal\n"), "refresh")
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[:1])
        self.assertIn(b"\n10.1.1.1 db.internal\n", read(HOSTS))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.original + b"10.1.1.1 db.internal\n")

    def test_a_file_that_the_state_knows(self):
        self.set_delay(0)
        self.lab.write(DAEMON, b'{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.apply()
        self.set_delay(1.5)

        def edit():
            config = json.loads(read(DAEMON))
            config["live-restore"] = True
            replace(json.dumps(config).encode(), DAEMON)

        self.during(edit, "apply", "--regions", "us,de")
        self.assertEqual(json.loads(read(DAEMON)),
                         {"registry-mirrors": ["https://private.us.icr.io"], "live-restore": True})
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(json.loads(read(DAEMON)),
                         {"registry-mirrors": ["https://us.icr.io"], "live-restore": True})


class RollBack(EditCase):
    """The proof fails, because this host does not go by /etc/hosts; others edit before it does."""

    def setUp(self):
        super().setUp()
        self.nsswitch = read("/etc/nsswitch.conf")
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.before = tree("/etc")
        self.original = read(HOSTS)

    def fails(self, edit, *arguments):
        done = self.meanwhile(edit, *(arguments or ("apply", "--regions", "us")),
                              when=block_stands)
        self.assert_code(4, done)
        self.assert_no_leftovers()
        return done

    def test_nobody_edits(self):
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_says("every file is as it was", done)
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists(FOLDER))

    def test_a_line_is_added(self):
        self.fails(lambda: append(b"10.1.1.1 db.internal\n"))
        self.assertEqual(read(HOSTS), self.original + b"10.1.1.1 db.internal\n")
        self.assertFalse(os.path.exists(FOLDER))

    def test_our_block_is_removed(self):
        self.fails(lambda: replace(self.original + b"10.1.1.1 db.internal\n"))
        self.assertEqual(read(HOSTS), self.original + b"10.1.1.1 db.internal\n")
        self.assertFalse(os.path.exists(FOLDER))

    def test_the_file_is_removed(self):
        self.fails(lambda: os.unlink(HOSTS))
        self.assertFalse(os.path.exists(HOSTS))
        self.assertFalse(os.path.exists(FOLDER))

    def test_another_file_is_edited(self):
        config = b'{"registry-mirrors": ["https://us.icr.io"]}\n'
        self.lab.write(DAEMON, config)
        self.fails(lambda: replace(b'{"debug": true, "registry-mirrors": '
                                   b'["https://private.us.icr.io"]}\n', DAEMON))
        self.assertEqual(read(HOSTS), self.original)
        self.assertEqual(json.loads(read(DAEMON)),
                         {"debug": True, "registry-mirrors": ["https://us.icr.io"]})

    def test_what_was_applied_before_comes_back(self):
        """The second apply fails its proof: the first one's lines stand there again."""
        self.lab.write("/etc/nsswitch.conf", self.nsswitch)
        self.apply()
        applied = read(HOSTS)
        state = read(STATE)
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        done = self.meanwhile(lambda: append(b"10.1.1.1 db.internal\n"), "apply", "--regions",
                              "us,de", when=lambda: b"de.icr.io" in read(HOSTS))
        self.assert_code(4, done)
        self.assertEqual(read(HOSTS), applied + b"10.1.1.1 db.internal\n")
        self.assertEqual(json.loads(read(STATE))["regions"], json.loads(state)["regions"])
        self.assertFalse(os.path.exists(MARK))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.original + b"10.1.1.1 db.internal\n")


class Writers(EditCase):
    """Somebody else writes to the same files every 50 ms."""

    @contextlib.contextmanager
    def writing(self, write):
        written, stop = [], threading.Event()

        def loop():
            while not stop.wait(0.05):
                line = b"10.1.%d.%d w%d.example\n" % (len(written) // 250, len(written) % 250,
                                                      len(written))
                write(line)
                written.append(line)

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield written
        finally:
            stop.set()
            thread.join()

    def rounds(self, write):
        original = read(HOSTS)
        with self.writing(write) as written:
            while len(written) <= 10:
                self.apply()
                self.assertTrue(block_stands())
                self.run_ok(self.lab.rewrite("undo"))
                self.assertFalse(block_stands())
        self.assertEqual(read(HOSTS), original + b"".join(written))
        self.assertFalse(os.path.exists(FOLDER))
        self.assert_no_leftovers()

    def test_in_place(self):
        self.rounds(append)

    def test_twenty_edits_at_any_moment_of_an_apply(self):
        original, written = read(HOSTS), b""
        for i in range(20):
            running = self.start("apply", "--regions", "us")
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(i * 0.02)
            line = b"10.2.2.%d e%d.example\n" % (i, i)
            append(line)
            written += line
            self.run_ok(self.end(running))
            self.run_ok(self.lab.rewrite("undo"))
            self.assertEqual(read(HOSTS), original + written)


class AtOnce(EditCase):
    def seconds_of(self, count, *arguments):
        begin = time.monotonic()
        running = [self.start(*arguments) for _ in range(count)]
        done = [self.end(one) for one in running]
        return time.monotonic() - begin, done

    def test_a_dead_network_keeps_nobody_waiting(self):
        self.lab.timeout(*PRIVATE_US)
        one, _ = self.seconds_of(1, "apply", "--regions", "us")
        twenty, done = self.seconds_of(20, "apply", "--regions", "us")
        for result in done:
            self.assert_code(4, result)
        self.assertLess(twenty, 10)
        self.assertLess(twenty, one + 4)
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists(FOLDER))

    def test_a_lock_that_is_held(self):
        """By root it is waited for; others cannot hold it, whatever they can open."""
        self.apply()
        holder = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   "flock", FOLDER, "sh", "-c", "echo; exec sleep 60"],
                                  stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.assertEqual(holder.stdout.read(1), b"\n")
        self.lab.renumber("private.us.icr.io", PRIVATE_US[:1])
        self.run_ok(self.lab.rewrite("refresh", timeout=10))
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[:1])
        root = subprocess.Popen(["sh", "-c", 'umask 077; exec flock "$0" sh -c "echo; exec '
                                 'sleep 60"', LOCK], stdout=subprocess.PIPE)
        self.addCleanup(root.stdout.close)
        self.assertEqual(root.stdout.read(1), b"\n")
        before = identities(FOLDER)
        running = self.start("undo")
        with self.assertRaises(subprocess.TimeoutExpired):
            running.wait(1.5)
        # it has waited without having done anything: a signal ends it at once
        running.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(running).returncode, -signal.SIGTERM)
        self.assertEqual(identities(FOLDER), before)
        running = self.start("undo")
        root.kill()
        root.wait()
        self.run_ok(self.end(running))
        self.assertFalse(os.path.exists(FOLDER))


class Unproven(EditCase):
    """Killed between the write and the end of the proof."""

    def kill_in_proof(self, *arguments):
        running = self.start(*(arguments or ("apply", "--regions", "us")))
        wait_for(lambda: os.path.exists(MARK) and block_stands() and
                 not os.path.exists(FOLDER + "/journal"))
        running.kill()
        self.end(running)
        self.assertTrue(os.path.exists(MARK))

    def test_the_next_apply_takes_it_out(self):
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.before = tree("/etc")
        self.kill_in_proof()
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists(FOLDER))

    def test_the_next_refresh_takes_it_out(self):
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.before = tree("/etc")
        self.kill_in_proof()
        append(b"10.1.1.1 db.internal\n")
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertFalse(block_stands())
        self.assertIn(b"db.internal", read(HOSTS))
        self.assertFalse(os.path.exists(FOLDER))

    def test_a_dead_network_takes_it_out(self):
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.before = tree("/etc")
        self.kill_in_proof()
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists(FOLDER))

    def test_undo(self):
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.before = tree("/etc")
        self.kill_in_proof()
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists(FOLDER))

    def test_the_next_run_proves_it(self):
        nsswitch = read("/etc/nsswitch.conf")
        for verb in (("refresh",), ("apply", "--regions", "us")):
            self.lab.write("/etc/nsswitch.conf", NO_FILES)
            self.kill_in_proof()
            self.lab.write("/etc/nsswitch.conf", nsswitch)
            before = read(HOSTS)
            self.run_ok(self.lab.rewrite(*verb))
            self.assertFalse(os.path.exists(MARK))
            self.assertEqual(read(HOSTS), before)
            self.assert_code(0, self.lab.rewrite("status"))
            self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_what_was_proven_before_comes_back(self):
        nsswitch = read("/etc/nsswitch.conf")
        self.apply()
        proven = read(HOSTS)
        self.lab.renumber("private.us.icr.io", PRIVATE_US[:1])
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        running = self.start("refresh")
        wait_for(lambda: os.path.exists(MARK) and read(HOSTS) != proven and
                 not os.path.exists(FOLDER + "/journal"))
        running.kill()
        self.end(running)
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertEqual(read(HOSTS), proven)
        self.assertFalse(os.path.exists(MARK))
        self.lab.write("/etc/nsswitch.conf", nsswitch)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_dies_while_systemd_is_told(self):
        """Whatever happens to it there: the next run proves what it left."""
        unit = "/etc/systemd/system/icr-rewrite.timer"
        tools = os.path.join(lab.WORK, "killing")
        os.makedirs("/run/systemd/system")
        self.addCleanup(shutil.rmtree, "/run/systemd/system")
        self.lab.write(unit, b"[Timer]\n")
        self.before = tree("/etc")
        self.lab.write(tools + "/systemctl", b"#!/bin/sh\ncase \"$*\" in *reload*) kill -9 $PPID;; "
                                             b"esac\nexit 1\n")
        os.chmod(tools + "/systemctl", 0o755)
        self.addCleanup(shutil.rmtree, tools)
        path = {"PATH": tools + ":" + os.environ["PATH"]}
        done = lab.run(PROGRAM, "apply", "--regions", "us", environment=path)
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertTrue(os.path.exists(MARK))
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertTrue(block_stands())
        self.assertFalse(os.path.exists(MARK))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_kills_all_along(self):
        """Whenever it dies, the next run ends with all proven, and undo with nothing."""
        for i in range(16):
            running = self.start("apply", "--regions", "us")
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(i * 0.03)
            running.kill()
            self.end(running)
            if i % 2:
                self.apply()
                self.assertTrue(block_stands())
                self.assertFalse(os.path.exists(MARK))
            self.run_ok(self.lab.rewrite("undo"))
            self.assert_nothing_changed()
            self.assertFalse(os.path.exists(FOLDER))
            self.assert_no_leftovers()


class Folder(EditCase):
    """Nothing changed is nothing changed, also in /var/lib."""

    def test_an_empty_folder_stays(self):
        os.makedirs(FOLDER)
        self.addCleanup(lambda: os.path.isdir(FOLDER) and os.rmdir(FOLDER))
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(os.listdir(FOLDER), [])
        self.lab.revive(*PRIVATE_US)
        self.lab.write("/etc/nsswitch.conf", NO_FILES)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(os.listdir(FOLDER), [])

    def test_a_signal_leaves_none(self):
        self.set_delay(1.5)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            self.lab.clear_log()
            running = self.start("apply", "--regions", "us")
            wait_for(self.asked)
            running.send_signal(number)
            self.assertEqual(self.end(running).returncode, -number)
            self.assertFalse(os.path.exists(FOLDER))
            self.assert_nothing_changed()

    def test_somebody_elses_state(self):
        self.apply()
        self.lab.write(LOCK, b"")
        for path in (FOLDER, STATE, LOCK, os.path.dirname(LAST), LAST):
            mode = os.stat(path).st_mode & 0o7777
            os.chown(path, 65534, -1)
            for verb in ("refresh", "undo", "status"):
                done = self.lab.rewrite(verb)
                self.assert_code(1, done)
                self.assert_says(path + ": belongs to user id 65534", done)
            os.chown(path, 0, -1)
            os.chmod(path, mode | 0o002)
            done = self.lab.rewrite("undo")
            self.assert_code(1, done)
            self.assert_says("chmod go-w " + path, done)
            os.chmod(path, mode)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()
