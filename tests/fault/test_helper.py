# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr under kill -9, full disks, I/O errors and many runs at once: the old state
or the new one stands there whole, the next run works and clears up."""

import base64
import concurrent.futures
import json
import os
import shutil
import signal
import stat
import subprocess
import threading
import unittest

from tests.blackbox.support import HELPER, Home, HomeCase, home
from tests.fault import inject

FAULTS = ("KILL", "ENOSPC", "EIO")
OLD, NEW, OTHER = "old-secret-0001", "new-secret-0002", "other-secret-0003"
SECRETS = [OLD, NEW, OTHER]
AUTH = base64.b64encode(b"iamapikey:plain-secret-0004").decode()
DOCKER = {"auths": {"gcr.io": {"auth": AUTH}}, "psFormat": "x"}


def message(host, secret):
    return json.dumps({"ServerURL": host, "Username": "iamapikey", "Secret": secret}).encode()


class Scenario:
    """A run that changes something, from a state to another."""

    def __init__(self, name, prepare, arguments, stdin, look, old, new):
        self.name, self.prepare, self.arguments = name, prepare, arguments
        self.stdin, self.look, self.old, self.new = stdin, look, old, new

    def new_home(self, stack_home):
        stack_home.configure(stores=["file"])
        self.prepare(stack_home)
        return stack_home


def secrets_of(place, *hosts):
    found = {}
    for host in hosts:
        result = place.helper("get", stdin=host)
        found[host] = result.json["Secret"] if result.status == 0 else result.out.decode()
    return found


def look_store(place):
    return secrets_of(place, "us.icr.io", "de.icr.io")


def look_configure(place):
    return place.docker_config.read_bytes() if place.docker_config.exists() else None


def nothing(_place):
    pass


def two_logins(place):
    place.store("de.icr.io", secret=OTHER)
    place.store("us.icr.io", secret=OLD)


def docker_config(place):
    place.write(place.docker_config, json.dumps(DOCKER, indent="\t"))


def configured(place):
    docker_config(place)
    if place.helper("configure").status != 0:
        raise AssertionError("configure fails")


def written(prepare, *arguments):
    """What Docker's file becomes when nothing goes wrong."""
    with home() as place:
        prepare(place)
        place.helper(*arguments)
        return look_configure(place)


MISSING = "credentials not found in native keychain\n"
STORE = (
    Scenario("first store", nothing, ["store"], message("us.icr.io", NEW), look_store,
             {"us.icr.io": MISSING, "de.icr.io": MISSING},
             {"us.icr.io": NEW, "de.icr.io": MISSING}),
    Scenario("store over an older one", two_logins, ["store"], message("us.icr.io", NEW),
             look_store, {"us.icr.io": OLD, "de.icr.io": OTHER},
             {"us.icr.io": NEW, "de.icr.io": OTHER}),
    Scenario("erase", two_logins, ["erase"], b"us.icr.io", look_store,
             {"us.icr.io": OLD, "de.icr.io": OTHER}, {"us.icr.io": MISSING, "de.icr.io": OTHER}),
)


def configure_scenarios():
    add, remove = ["configure", "--regions", "us"], ["configure", "--remove"]
    plain = json.dumps(DOCKER, indent="\t").encode()
    return (
        Scenario("configure without a file", nothing, add, b"", look_configure, None,
                 written(nothing, *add)),
        Scenario("configure", docker_config, add, b"", look_configure, plain,
                 written(docker_config, *add)),
        Scenario("configure --remove", configured, remove, b"", look_configure,
                 written(configured, "version"), plain),
    )


class FaultCase(HomeCase):
    def files(self, place):
        for folder, _, names in os.walk(place.path):
            for name in names:
                yield os.path.join(folder, name)

    def check_modes(self, place):
        """No file that holds a secret, temporary ones too, can be read by others."""
        for path in self.files(place):
            with open(path, "rb") as file:
                content = file.read().decode(errors="replace")
            if any(secret in content for secret in SECRETS + [AUTH]):
                mode = stat.S_IMODE(os.stat(path).st_mode)
                self.assertEqual(mode & 0o077, 0, f"{path} {mode:o}")
        for folder in (place.data, place.docker_config.parent):
            if folder.exists():
                self.assertEqual(stat.S_IMODE(folder.stat().st_mode) & 0o077, 0)

    def check_clean(self, place):
        names = {os.path.relpath(path, place.path) for path in self.files(place)}
        known = {".docker/config.json", ".config/docker-credential-icr/config.json",
                 ".local/share/docker-credential-icr/credentials.json",
                 ".local/share/docker-credential-icr/credentials.lock"}
        self.assertEqual(names - known, set())

    def one_fault(self, scenario, call, fault):
        with home() as place:
            scenario.new_home(place)
            command = [HELPER, *scenario.arguments]
            done = inject.run(call, fault, command, scenario.stdin, place.environment())
            state = scenario.look(place)
            self.assertIn(state, (scenario.old, scenario.new), done)
            self.check_modes(place)
            for secret in SECRETS + [AUTH]:
                self.assertNotIn(secret.encode(), done.out + done.err)
            if fault == "KILL":
                self.assertTrue(done.killed, done)
            else:
                self.assertIn(done.returncode, (0, 1), done)
                if done.returncode == 0:
                    self.assertEqual(state, scenario.new, done)
                elif call[0] != "write" or fault != "EIO":
                    self.assertTrue(done.stdout + done.stderr, "a failure without a word")
                if not call[0].startswith("unlink"):
                    self.check_clean(place)
            again = place.helper(*scenario.arguments, stdin=scenario.stdin)
            self.assertEqual(again.status, 0, again)
            self.assertEqual(scenario.look(place), scenario.new)
            self.check_clean(place)

    def every_fault(self, scenario):
        with home() as place:
            scenario.new_home(place)
            calls, done = inject.calls([HELPER, *scenario.arguments], scenario.stdin,
                                       place.environment())
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(scenario.look(place), scenario.new)
        names = {name for name, _ in calls}
        self.assertTrue(names & {"rename", "renameat", "renameat2"}, calls)
        self.assertIn("fsync", names)
        work = [(call, fault) for call in calls for fault in FAULTS]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = {pool.submit(self.one_fault, scenario, *item): item for item in work}
            for future in concurrent.futures.as_completed(futures):
                with self.subTest(scenario.name, fault=futures[future]):
                    future.result()


@inject.needed
class EveryCall(FaultCase):
    def test_first_store(self):
        self.every_fault(STORE[0])

    def test_store(self):
        self.every_fault(STORE[1])

    def test_erase(self):
        self.every_fault(STORE[2])

    def test_configure_without_a_file(self):
        self.every_fault(configure_scenarios()[0])

    def test_configure(self):
        self.every_fault(configure_scenarios()[1])

    def test_configure_remove(self):
        self.every_fault(configure_scenarios()[2])


def own_mounts():
    """Can we have a mount namespace?"""
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], timeout=10,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


@unittest.skipUnless(shutil.which("unshare") and own_mounts(), "no mount namespace to be had")
class FullDisk(FaultCase):
    def in_mount(self, options, prepare, command, stdin):
        """Copies the home onto a small file system of its own, makes PREPARE's mess there, runs
        COMMAND, and returns it with the home as it is then, copied back."""
        back = self.home.path.with_name(self.home.path.name + "-back")
        self.addCleanup(shutil.rmtree, back, ignore_errors=True)
        script = (f'set -e; h={self.home.path}; rm -rf {back}; cp -a $h {back}; '
                  f'mount -t tmpfs -o {options} none $h; cp -a {back}/. $h/; {prepare}; '
                  'status=0; "$@" || status=$?; '
                  f'rm -rf {back}; mkdir -m 0700 {back}; cp -a $h/. {back}/; exit $status')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *command], input=stdin,
                              env=self.home.environment({"PATH": os.environ["PATH"]}), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done, Home(back)

    def check(self, scenario, options, prepare, *needles):
        scenario.new_home(self.home)
        done, back = self.in_mount(options, prepare, [HELPER, *scenario.arguments], scenario.stdin)
        self.assertEqual(done.returncode, 1, done)
        said = (done.stdout + done.stderr).decode()
        self.assertTrue(any(needle in said for needle in needles), done)
        for ballast in back.path.glob("ballast*"):
            ballast.unlink()
        self.assertEqual(scenario.look(back), scenario.old)
        self.check_clean(back)

    def test_full(self):
        for scenario in (STORE[1], configure_scenarios()[1]):
            with self.subTest(scenario.name):
                self.check(scenario, "size=64k",
                           "cat /dev/zero >$h/ballast 2>/dev/null || :", "No space left on device")

    def test_no_inodes(self):
        for scenario in (STORE[1], configure_scenarios()[1]):
            with self.subTest(scenario.name):
                self.check(scenario, "nr_inodes=40",
                           "i=0; while touch $h/ballast$i 2>/dev/null; do i=$((i+1)); done; "
                           "test -e $h/ballast0", "No space left on device")

    def test_read_only(self):
        for scenario in (STORE[1], configure_scenarios()[1]):
            with self.subTest(scenario.name):
                self.check(scenario, "size=1m", "mount -o remount,ro $h", "Read-only file system")


class ManyAtOnce(FaultCase):
    def setUp(self):
        super().setUp()
        self.home.configure(stores=["file"])

    def start(self, *arguments, stdin=b""):
        child = subprocess.Popen([HELPER, *arguments], env=self.home.environment(),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        child.message = stdin
        return child

    def finish(self, children):
        """Feeds all of them and returns the statuses."""
        for child in children:
            try:
                child.stdin.write(child.message)
                child.stdin.close()
            except BrokenPipeError:
                pass
        for child in children:
            child.stdin = None
            child.said = child.communicate(timeout=120)
        return [child.returncode for child in children]

    def stored(self):
        return json.loads(self.home.helper("list").out)

    def test_64_stores(self):
        hosts = [f"r{i}.icr.io" for i in range(64)]
        children = [self.start("store", stdin=message(host, f"secret-of-{host}")) for host in hosts]
        self.assertEqual(self.finish(children), [0] * 64, [child.said for child in children])
        self.assertEqual(self.stored(), dict.fromkeys(hosts, "iamapikey"))
        for host in hosts:
            self.assertEqual(self.home.helper("get", stdin=host).json["Secret"],
                             f"secret-of-{host}")
        self.check_clean(self.home)
        self.check_modes(self.home)

    def test_stores_erases_and_gets(self):
        gone, kept, new = ([f"{kind}{i}.icr.io" for i in range(16)] for kind in "gkn")
        for host in gone + kept:
            self.home.store(host, secret=f"secret-of-{host}")
        children = []
        for trio in zip(gone, kept, new):
            children += [self.start("erase", stdin=trio[0].encode()),
                         self.start("get", stdin=trio[1].encode()),
                         self.start("store", stdin=message(trio[2], f"secret-of-{trio[2]}"))]
        self.assertEqual(self.finish(children), [0] * 48, [child.said for child in children])
        self.assertEqual(set(self.stored()), set(kept + new))
        for i, host in enumerate(kept):
            self.assertIn(f"secret-of-{host}".encode(), children[3 * i + 1].said[0])

    def test_same_host(self):
        children = [self.start("store", stdin=message("us.icr.io", f"secret-{i}"))
                    for i in range(32)]
        self.assertEqual(self.finish(children), [0] * 32)
        self.assertIn(self.home.helper("get", stdin="us.icr.io").json["Secret"],
                      [f"secret-{i}" for i in range(32)])
        self.assertEqual(self.stored(), {"us.icr.io": "iamapikey"})

    def test_some_are_killed(self):
        hosts = [f"r{i}.icr.io" for i in range(48)]
        children = [self.start("store", stdin=message(host, f"secret-of-{host}")) for host in hosts]
        killer = threading.Timer(0.02, lambda: [os.kill(child.pid, signal.SIGKILL)
                                                for child in children[::3]])
        killer.start()
        statuses = self.finish(children)
        killer.join()
        done = {host for host, status in zip(hosts, statuses) if status == 0}
        self.assertTrue({0, -signal.SIGKILL} >= set(statuses), statuses)
        self.assertLessEqual(done, set(self.stored()))
        self.home.store("last.icr.io")
        self.check_clean(self.home)
        for host in self.stored():
            if host != "last.icr.io":
                self.assertEqual(self.home.helper("get", stdin=host).json["Secret"],
                                 f"secret-of-{host}")

    def test_configure(self):
        labels = ["global", "us", "uk", "de", "es", "au", "jp", "jp2", "ca", "ca2", "br", "in",
                  "in2", "fr2"]
        docker_config(self.home)
        children = [self.start("configure", "--regions", label) for label in labels * 4]
        self.assertEqual(self.finish(children), [0] * len(children),
                         [child.said for child in children])
        found = json.loads(self.home.docker_config.read_text())
        self.assertEqual(len(found.pop("credHelpers")), 2 * len(labels))
        self.assertEqual(found, DOCKER)
        self.check_clean(self.home)

    def test_configure_some_are_killed(self):
        labels = ["global", "us", "uk", "de", "es", "au", "jp", "jp2", "ca", "ca2", "br", "in"]
        docker_config(self.home)
        children = [self.start("configure", "--regions", label) for label in labels * 3]
        killer = threading.Timer(0.02, lambda: [os.kill(child.pid, signal.SIGKILL)
                                                for child in children[::2]])
        killer.start()
        statuses = self.finish(children)
        killer.join()
        self.assertTrue({0, -signal.SIGKILL} >= set(statuses), statuses)
        self.assertEqual(self.home.helper("configure").status, 0)
        found = json.loads(self.home.docker_config.read_text())
        self.assertEqual(len(found.pop("credHelpers")), 28)
        self.assertEqual(found, DOCKER)
        self.assertEqual(self.home.helper("configure", "--remove").status, 0)
        self.assertEqual(self.home.docker_config.read_text(), json.dumps(DOCKER, indent="\t"))
        self.check_clean(self.home)


@inject.needed
class DockerAtTheSameTime(FaultCase):
    """Docker reads, changes and renames without a lock. What it writes while we work is kept."""

    def save_as_docker(self, content):
        temporary = self.home.docker_config.with_name("config.json123")
        temporary.write_text(json.dumps(content, indent="\t"))
        temporary.chmod(0o600)
        temporary.rename(self.home.docker_config)

    def slow_configure(self):
        """A run that takes half a second at each fsync, the last look being behind the first."""
        return subprocess.Popen(
            ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync", "-e",
             "inject=fsync:delay_enter=500000", "--", HELPER, "configure", "--regions", "us"],
            env=self.home.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def wait_for_temporary(self, child):
        """Until the run has written its temporary file."""
        while child.poll() is None:
            if any(name.startswith(".config.json.icr-") and
                   os.stat(self.home.docker_config.parent / name).st_size > 0
                   for name in os.listdir(self.home.docker_config.parent)):
                return

    def test_docker_login_in_between(self):
        docker_config(self.home)
        child = self.slow_configure()
        self.wait_for_temporary(child)
        self.save_as_docker(dict(DOCKER, detachKeys="ctrl-e,e"))
        out, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, (out, err))
        found = json.loads(self.home.docker_config.read_text())
        self.assertEqual(found.pop("credHelpers"),
                         {"us.icr.io": "icr", "private.us.icr.io": "icr"})
        self.assertEqual(found, dict(DOCKER, detachKeys="ctrl-e,e"))
        self.check_clean(self.home)

    def test_docker_makes_the_file_in_between(self):
        self.home.docker_config.parent.mkdir(mode=0o700)
        child = self.slow_configure()
        self.wait_for_temporary(child)
        self.save_as_docker(DOCKER)
        out, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, (out, err))
        found = json.loads(self.home.docker_config.read_text())
        self.assertEqual(len(found.pop("credHelpers")), 2)
        self.assertEqual(found, DOCKER)

    def test_docker_never_stops(self):
        docker_config(self.home)
        child = self.slow_configure()
        count = 0
        while child.poll() is None:
            count += 1
            try:
                self.save_as_docker(dict(DOCKER, psFormat=str(count)))
                child.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        out, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, out), (1, b""), err)
        self.assertEqual(err.decode(), "docker-credential-icr: " + str(self.home.docker_config) +
                         ": another program keeps changing the file; run this again\n")
        self.assertEqual(json.loads(self.home.docker_config.read_text()),
                         dict(DOCKER, psFormat=str(count)))
        self.check_clean(self.home)


if __name__ == "__main__":
    unittest.main()
