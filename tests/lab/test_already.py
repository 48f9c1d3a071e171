# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Hosts where somebody steers the names already: left alone if it works, told about if not."""

import json
import os
import signal
import subprocess
import time

from . import lab
from .case import HOSTS, PRIVATE_US, LabCase, hosts_entries, read

NAMES = ["us.icr.io", "registry.ng.bluemix.net"]
CONFLICT = b"192.0.2.44\tmirror.example us.icr.io # ours\n"


class Already(LabCase):
    def assert_left_alone(self, pattern):
        for verb in ("apply", "plan", "check"):
            done = self.lab.rewrite(verb, "--regions", "us")
            self.assert_code(0, done)
            self.assert_says(pattern, done)
            self.assert_nothing_changed()
        done = self.lab.rewrite("apply", "--regions", "us", "--json")
        self.assertEqual(json.loads(done.stdout)["version"], 1)

    def gateway(self, *addresses):
        for address in addresses:
            self.lab.add_front("vpe-" + address, "private", address, NAMES)
        for name in NAMES:
            self.lab.dns.set(name, addresses)

    def test_vpe_gateway(self):
        self.gateway("10.240.0.5", "10.240.64.5")
        self.assert_left_alone("already private|private already")

    def test_a_gateway_and_a_relay_look_alike(self):
        self.gateway("10.240.0.5")
        done = self.run_ok(self.lab.rewrite("apply", "--regions", "us"))
        self.assert_says("10.240.0.5, which looks private, as a VPE gateway", done)

    def test_vpe_gateway_without_service_endpoints(self):
        self.gateway("10.240.0.5")
        self.lab.timeout(*PRIVATE_US)
        self.assert_left_alone("already private|private already")

    def test_vpe_gateway_that_also_answers_the_private_name(self):
        self.gateway("10.240.0.5")
        self.lab.dns.set("private.us.icr.io", ["10.240.0.5"])
        self.assert_left_alone("already private|private already")

    def test_vpe_gateway_behind_a_closed_security_group(self):
        self.gateway("10.240.0.5")
        self.lab.timeout("10.240.0.5", *PRIVATE_US)
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_says("security group", done)
        self.assert_nothing_changed()

    def test_pin_of_a_kubernetes_worker(self):
        self.lab.add_front("iks", "private", "169.254.2.1", NAMES)
        self.lab.write(HOSTS, read(HOSTS) + b"169.254.2.1 registry.ng.bluemix.net us.icr.io\n")
        self.before[HOSTS] = self.before[HOSTS][:3] + (read(HOSTS),)
        self.assert_left_alone("already private|private already")


class LostState(LabCase):
    """The block's own addresses must not be taken for somebody else's steering."""

    def test_a_block_whose_state_is_lost_is_taken_over(self):
        self.lab.add_front("vrf", "private", "10.240.0.9", NAMES + ["private.us.icr.io"])
        self.lab.dns.set("private.us.icr.io", ["10.240.0.9"])
        self.apply()
        self.assert_block({name: ["10.240.0.9"] for name in NAMES})
        state = "/var/lib/icr-rewrite/state.json"
        kept, block = read(state), read(HOSTS)
        os.unlink(state)
        done = self.run_ok(self.lab.rewrite("check", "--regions", "us"))
        self.assertNotRegex(done.stdout + done.stderr, "already")
        self.apply()
        self.assertEqual((read(state), read(HOSTS)), (kept, block))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()


class Conflict(LabCase):
    def setUp(self):
        super().setUp()
        self.lab.write(HOSTS, read(HOSTS) + CONFLICT)
        self.before[HOSTS] = self.before[HOSTS][:3] + (read(HOSTS),)
        self.line = read(HOSTS).count(b"\n")

    def test_it_is_told_with_its_line(self):
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(1, done)
        self.assert_says("/etc/hosts:%d" % self.line, done)
        self.assert_says("--force", done)
        self.assert_nothing_changed()

    def test_force_takes_it_over_and_undo_puts_it_back(self):
        self.apply("--force")
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_a_line_for_another_region_is_none(self):
        self.apply(regions="de")
        self.assertIn(CONFLICT, read(HOSTS))

    def test_a_comment_is_none(self):
        self.lab.write(HOSTS, read(HOSTS).replace(CONFLICT, b"# 192.0.2.44 us.icr.io\n"))
        self.apply()


class Proof(LabCase):
    def nsswitch(self, line):
        text = b"".join(line + b"\n" if old.startswith(b"hosts:") else old
                        for old in read("/etc/nsswitch.conf").splitlines(True))
        self.lab.write("/etc/nsswitch.conf", text)
        about = self.before["/etc/nsswitch.conf"]
        self.before["/etc/nsswitch.conf"] = about[:3] + (text,)

    def test_a_resolver_that_skips_the_hosts_file(self):
        self.nsswitch(b"hosts: dns")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_says("nsswitch|hosts file|/etc/hosts", done)
        self.assert_nothing_changed()

    def test_a_signal_waits_for_the_proof(self):
        self.nsswitch(b"hosts: dns")
        program = os.path.join(lab.BUILD, "icr-rewrite")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A shell's background job, as these tests may be, starts with SIGINT ignored.
            process = subprocess.Popen([program, "apply", "--regions", "us"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       preexec_fn=lambda n=number: signal.signal(n, signal.SIG_DFL))
            deadline = time.monotonic() + 10
            while b"# BEGIN icr-rewrite" not in read(HOSTS):
                self.assertLess(time.monotonic(), deadline)
            process.send_signal(number)
            self.assertEqual(process.wait(20), -number)
            self.assert_nothing_changed()

    def test_a_resolver_that_follows_no_longer_is_drift(self):
        self.apply()
        self.assert_code(0, self.lab.rewrite("status"))
        self.nsswitch(b"hosts: dns")
        done = self.lab.rewrite("status")
        self.assert_code(3, done)
        self.assert_says("us.icr.io: public.*does not follow", done)
        done = self.lab.rewrite("status", "--json")
        self.assert_code(3, done)
        self.assertTrue(json.loads(done.stdout)["drift"])

    def test_a_resolver_that_asks_dns_first(self):
        self.nsswitch(b"hosts: dns files")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_nothing_changed()
