# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""After the first apply: again, renumbered, refreshed, fallen back, edited by others, undone."""

import os
import subprocess

from . import lab
from .case import (HOSTS, IMAGE, PRIVATE_DE, PRIVATE_US, PUBLIC_DE, PUBLIC_US, LabCase,
                   hosts_entries, identities, read, tree)

NEW_US = lab.SPARE_PRIVATE[:3]
STATE = "/var/lib/icr-rewrite/state.json"


def steered_to(name="us.icr.io"):
    """What the system's own resolver says, as programs see it."""
    done = lab.run("getent", "ahostsv4", name)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


class Again(LabCase):
    def test_the_block(self):
        self.assert_says("route: hosts \\(", self.apply())
        self.assert_block({"us.icr.io": PRIVATE_US, "registry.ng.bluemix.net": PRIVATE_US})
        self.assertEqual(steered_to(), PRIVATE_US)
        self.assertEqual(steered_to("private.us.icr.io"), PRIVATE_US)
        self.assertEqual(steered_to("de.icr.io"), PUBLIC_DE)

    def test_a_second_apply_touches_nothing(self):
        self.apply()
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.apply()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)
        self.assert_code(0, self.lab.rewrite("plan", "--regions", "us"))
        self.assert_code(0, self.lab.rewrite("status"))

    def test_a_shuffled_answer_touches_nothing(self):
        self.apply()
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.lab.dns.set("private.us.icr.io", PRIVATE_US[::-1])
        self.apply()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)

    def test_plan_tells_and_changes_nothing(self):
        for arguments in (("plan",), ("apply", "--dry-run")):
            done = self.lab.rewrite(*arguments, "--regions", "us")
            self.assert_code(3, done)
            for line in ("--- ", "+++ ", "@@ ", "+" + PRIVATE_US[0]):
                self.assertIn("\n" + line, "\n" + done.stdout)
            self.assert_nothing_changed()

    def test_another_region_joins(self):
        self.apply()
        self.apply(regions="us,de")
        self.assertEqual(steered_to("de.icr.io"), PRIVATE_DE)
        self.assertEqual(steered_to(), PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_a_private_name_behind_an_alias(self):
        self.lab.dns.set("private.us.icr.io", PRIVATE_US, cname="edge.us-south.example")
        self.apply()
        self.assertEqual(steered_to(), PRIVATE_US)

    def test_both_address_families(self):
        self.lab.add_ipv6("us", roles=("private",))
        address, = lab.REGIONS["us"]["private_ipv6"]
        self.apply()
        self.assertEqual(sorted(hosts_entries()["us.icr.io"]), sorted([*PRIVATE_US, address]))
        self.configure()
        self.store_key()
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()

    def test_only_root_applies_and_anybody_checks(self):
        nobody = self.as_nobody()
        home = {"HOME": "/"}
        done = lab.run(*nobody, "apply", "--regions", "us", environment=home)
        self.assert_code(1, done)
        self.assert_says("root", done)
        self.assert_nothing_changed()
        self.apply()
        before = identities("/etc", "/var/lib/icr-rewrite")
        for arguments in (("apply", "--regions", "us,de"), ("refresh",), ("undo",)):
            done = lab.run(*nobody, *arguments, environment=home)
            self.assert_code(1, done)
            self.assert_says("root", done)
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)
        for verb in ("check", "plan", "status"):
            options = () if verb == "status" else ("--regions", "us")
            done = lab.run(*nobody, verb, *options, environment=home)
            self.assert_code(0, done)

    def test_what_only_root_can_tell(self):
        """What is ours of a file that others edited shows in a text that is kept for root."""
        nobody = self.as_nobody()
        daemon = "/etc/docker/daemon.json"
        self.lab.write(daemon, '{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.apply()
        home = {"HOME": "/"}
        for verb in ("plan", "status"):
            self.assert_code(0, lab.run(*nobody, verb, environment=home))
        self.lab.write(daemon, read(daemon).replace(b"{", b'{"debug": true, ', 1))
        for words in (("plan",), ("apply", "--dry-run"), ("undo", "--dry-run")):
            done = lab.run(*nobody, *words, environment=home)
            self.assert_code(1, done)
            self.assert_says(daemon + ": was edited by others .* for root alone", done)
            self.assertEqual(done.stdout, "")
        done = lab.run(*nobody, "status", environment=home)
        self.assert_code(3, done)
        self.assert_says("problem: " + daemon + ": edited since by others; only root can tell", done)
        done = self.lab.rewrite("undo", "--dry-run")
        self.assert_code(3, done)
        self.assertIn("private.us.icr.io", done.stdout)

    def test_a_file_that_only_root_may_read(self):
        nobody = self.as_nobody()
        daemon = "/etc/docker/daemon.json"
        self.lab.write(daemon, '{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.apply()
        os.chmod(daemon, 0o600)
        for verb in ("plan", "status"):
            done = lab.run(*nobody, verb, environment={"HOME": "/"})
            self.assert_code(1, done)
            self.assert_says(daemon + ": .*Permission denied .*try it with sudo", done)

    def test_the_timer_is_switched_on_and_off(self):
        unit = "/etc/systemd/system/icr-rewrite.timer"
        self.lab.write(unit, "[Timer]\nOnBootSec=1min\n")
        self.before = tree("/etc")
        self.apply()
        self.assertEqual(os.readlink("/etc/systemd/system/timers.target.wants/icr-rewrite.timer"),
                         unit)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_check_changes_nothing(self):
        for regions, words in (("us,de", ("us.icr.io", "de.icr.io")), ("us", PRIVATE_US)):
            done = self.run_ok(self.lab.rewrite("check", "--regions", regions))
            for word in words:
                self.assertIn(word, done.stdout)
        self.assert_nothing_changed()
        self.assertFalse(os.path.exists("/var/lib/icr-rewrite") and
                         os.listdir("/var/lib/icr-rewrite"))

    def test_a_proxy_in_the_environment_does_not_stand_between(self):
        proxy = "http://198.51.100.1:3128"
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us",
                       environment={"https_proxy": proxy, "HTTPS_PROXY": proxy,
                                    "ALL_PROXY": proxy})
        self.assert_code(0, done)
        self.assertEqual(steered_to(), PRIVATE_US)

    def test_the_probe_stays_off_the_public_network(self):
        self.apply()
        self.assertEqual(self.lab.connections(role="public"), [])


class Renumbered(LabCase):
    def setUp(self):
        super().setUp()
        self.configure()
        self.store_key()
        self.apply()
        self.lab.renumber("private.us.icr.io", NEW_US, old=self.lab.timeout)

    def pull_from_the_new_addresses(self):
        self.assertEqual(sorted(hosts_entries()["us.icr.io"]), NEW_US)
        self.assertEqual(steered_to(), NEW_US)
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.assertLessEqual({line["address"] for line in self.lab.log()}, set(NEW_US))

    def test_apply_follows(self):
        self.apply()
        self.pull_from_the_new_addresses()
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_refresh_follows(self):
        self.run_ok(self.lab.rewrite("refresh"))
        self.pull_from_the_new_addresses()
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)


class Fallback(LabCase):
    def test_never_keeps_the_last_proven_addresses(self):
        self.apply()
        self.lab.refuse(*PRIVATE_US)
        before = read(HOSTS)
        done = self.lab.rewrite("refresh")
        self.assert_code(4, done)
        self.assert_says("refused", done)
        self.assertEqual(read(HOSTS), before)
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(read(HOSTS), before)

    def test_public_takes_the_lines_out_until_it_is_back(self):
        self.apply("--fallback", "public")
        applied = read(HOSTS)
        self.lab.refuse(*PRIVATE_US)
        done = self.lab.rewrite("refresh")
        self.assert_says("public", done)
        self.assertEqual(steered_to(), PUBLIC_US)
        self.assertNotIn("us.icr.io", hosts_entries())
        done = self.lab.rewrite("refresh")
        self.assert_says("public", done)
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(steered_to(), PRIVATE_US)
        self.assertEqual(read(HOSTS), applied)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_one_dead_region_does_not_take_the_other_along(self):
        self.apply("--fallback", "public", regions="us,de")
        self.lab.refuse(*PRIVATE_US)
        self.lab.rewrite("refresh")
        self.assertEqual(steered_to(), PUBLIC_US)
        self.assertEqual(steered_to("de.icr.io"), PRIVATE_DE)

    def test_offline_waits_for_the_first_refresh(self):
        self.apply("--offline", "--fallback", "public")
        self.assertEqual(read(HOSTS), self.before[HOSTS][3])
        self.assertEqual(self.lab.connections(), [])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(steered_to(), PRIVATE_US)
        self.apply("--offline")
        self.assertEqual(steered_to(), PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()


class Undo(LabCase):
    def test_every_byte_is_back(self):
        owners = os.stat(HOSTS)
        self.apply()
        self.apply(regions="us,de")
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()
        self.assertEqual(tree("/var/lib/icr-rewrite"), {})
        about = os.stat(HOSTS)
        self.assertEqual((about.st_mode, about.st_uid, about.st_gid),
                         (owners.st_mode, owners.st_uid, owners.st_gid))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_strange_hosts_files_come_back(self):
        for number, content in enumerate((b"", b"\n", b"127.0.0.1 localhost", b"127.0.0.1 a\r\n",
                                          b"\xef\xbb\xbf127.0.0.1 localhost\n", b"# \xff\xfe\n\n\n",
                                          b"127.0.0.1 x\n" * 20000)):
            with self.subTest(number):
                self.lab.write(HOSTS, content)
                self.apply()
                self.assertEqual(steered_to(), PRIVATE_US)
                self.run_ok(self.lab.rewrite("undo"))
                self.assertEqual(read(HOSTS), content)

    def test_lines_that_others_added_since_stay(self):
        before = read(HOSTS)
        self.apply()
        applied = read(HOSTS)
        self.lab.write(HOSTS, b"192.0.2.1 first\n" + applied + b"192.0.2.2 last\n")
        self.assert_code(0, self.lab.rewrite("status"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), b"192.0.2.1 first\n" + before + b"192.0.2.2 last\n")

    def test_a_block_that_was_partly_deleted(self):
        self.apply()
        lines = read(HOSTS).splitlines(True)
        ours = [line for line in lines if b"us.icr.io" in line.partition(b"#")[0]]
        for gone in range(len(lines)):
            if lines[gone] in read_lines(self.before[HOSTS][3]):
                continue
            with self.subTest(lines[gone]):
                self.lab.write(HOSTS, b"".join(lines[:gone] + lines[gone + 1:]))
                self.lab.rewrite("undo")
                self.assertNotIn("us.icr.io", hosts_entries())
                for line in read_lines(self.before[HOSTS][3]):
                    self.assertIn(line, read(HOSTS))
                self.restore()
                self.apply()
        self.assertTrue(ours)

    def test_undo_on_a_read_only_file_system(self):
        self.apply()
        remount = ("mount", "-o", "remount,bind")
        self.run_ok(lab.run("mount", "--bind", "/etc", "/etc"))
        self.addCleanup(lab.run, "umount", "/etc")
        self.run_ok(lab.run(*remount, "-o", "ro", "/etc"))
        for _ in range(2):
            done = self.lab.rewrite("undo")
            self.assert_code(1, done)
            self.assert_says("/etc/hosts.*[Rr]ead-only", done)
        self.run_ok(lab.run(*remount, "-o", "rw", "/etc"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_undo_without_the_network(self):
        self.apply()
        self.lab.timeout(*PRIVATE_US)
        self.lab.dns.silence("private.us.icr.io")
        self.lab.dns.silence("us.icr.io")
        self.assert_code(0, self.lab.rewrite("undo", timeout=5))
        self.assert_nothing_changed()


class Concurrent(LabCase):
    def test_one_lock_keeps_them_apart(self):
        program = os.path.join(lab.BUILD, "icr-rewrite")
        running = [subprocess.Popen([program, "apply", "--regions", "us"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for _ in range(6)]
        for one in running:
            one.wait(60)
        self.assert_block({"us.icr.io": PRIVATE_US, "registry.ng.bluemix.net": PRIVATE_US})
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()


def read_lines(content):
    return content.splitlines(True)
