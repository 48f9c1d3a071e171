# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Where the first packet goes: an engine that starts at boot and pulls at once."""

import os
import re
import struct
import time

from tests.boot.case import BootCase
from tests.lab.case import PRIVATE_US, PUBLIC_US

# In place of an engine: what us.icr.io is at the moment when it starts, and one request.
ENGINE = """[Unit]
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'getent ahosts us.icr.io | cut -d" " -f1 | sort -u >/var/lib/first; \\
    curl -sS -m 5 https://us.icr.io/v2/ >/var/lib/answer 2>&1; \\
    cut -d" " -f1 /proc/uptime >/var/lib/uptime'
[Install]
WantedBy=multi-user.target
"""
BOOT, REFRESH, TIMER = "icr-rewrite-boot.service", "icr-rewrite.service", "icr-rewrite.timer"
RETRY, EARLY = "icr-rewrite-retry.service", "icr-rewrite-early.service"
CLOSED = ["233.252.0.1"]  # getent asks as a host without IPv6 does
DATA = "#cloud-config\nlocale: false\nssh_deletekeys: false\nmanage_etc_hosts: true\n"


# setfacl -m u:1234:r (acl(5), linux/posix_acl_xattr.h)
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
    (1, 6, 0xffffffff), (2, 4, 1234), (4, 4, 0xffffffff), (16, 4, 0xffffffff),
    (32, 0, 0xffffffff)))


class FirstPacket(BootCase):
    engine = "docker.service"

    def setUp(self):
        super().setUp()
        self.host.write("/etc/systemd/system/" + self.engine, ENGINE)
        wants = self.host.inside("/etc/systemd/system/multi-user.target.wants")
        wants.mkdir(parents=True, exist_ok=True)
        os.symlink("/etc/systemd/system/" + self.engine, wants / self.engine)

    def prepare(self, *options):
        return self.run_ok(self.lab.rewrite("apply", "--root", str(self.host.path), "--regions",
                                            "us", *options))

    def first(self):
        return self.host.read("/var/lib/first").decode().split()

    def served(self):
        return {line["address"] for line in self.lab.log() if line.get("path", "").startswith("/")}

    def assert_nothing_public(self):
        self.assertEqual(self.served() & set(PUBLIC_US), set())

    def active(self, unit):
        return self.host.run("systemctl", "is-active", unit).stdout.strip()

    def wait_for(self, unit, states, seconds=60):
        deadline = time.monotonic() + seconds
        while self.active(unit) not in states:
            self.assertLess(time.monotonic(), deadline, self.host.journal(unit))
            time.sleep(0.05)


class Image(FirstPacket):
    """A tree prepared by apply --root, and its first boot."""

    def test_private_network_alive(self):
        self.prepare()
        self.host.start()
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assert_nothing_public()
        self.assertTrue(self.served() & set(PRIVATE_US))
        self.assertEqual(self.active(BOOT), "active")
        self.assertEqual(self.active(TIMER), "active")
        self.assertEqual(self.host.failed(), [])
        self.run_ok(self.host.run("icr-rewrite", "status"))

    def test_private_network_dead(self):
        """Closed before anything is asked, and the engine starts all the same."""
        self.prepare()
        self.assertRegex(self.host.read("/etc/hosts"), rb"(?m)^ff0e::db8:0:1\tus\.icr\.io")
        self.lab.timeout(*PRIVATE_US)
        self.host.start()
        self.assertEqual(self.first(), CLOSED)
        self.assertEqual(self.active(self.engine), "active")
        self.assert_nothing_public()
        self.assertEqual(self.host.failed(), [BOOT])
        self.assertLess(float(self.host.read("/var/lib/uptime")) - self.started(), 25)
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.host.run("systemctl", "start", REFRESH))
        found = self.host.run("getent", "ahosts", "us.icr.io").stdout.split()
        self.assertTrue(set(PRIVATE_US) <= set(found))
        self.assert_nothing_public()

    def test_network_that_comes_up_late(self):
        """Names open soon after it, no engine waits for that, and no unit stays failed."""
        self.prepare()
        self.lab.refuse(*PRIVATE_US)
        self.host.start()
        self.assertEqual(self.active(self.engine), "active")
        self.assertEqual(self.first(), CLOSED)
        self.assertEqual(self.host.failed(), [BOOT])
        self.assertEqual(self.host.run("icr-rewrite", "status").returncode, 3)
        # the engine is not held up while it tries
        self.run_ok(self.host.run("systemctl", "restart", self.engine))
        self.lab.revive(*PRIVATE_US)
        begin = time.monotonic()
        self.wait_for(BOOT, ("active",), 30)
        self.assertLess(time.monotonic() - begin, 25)
        found = self.host.run("getent", "ahosts", "us.icr.io").stdout.split()
        self.assertTrue(set(PRIVATE_US) <= set(found))
        self.wait_for(RETRY, ("inactive",))
        self.assertEqual(self.host.failed(), [])
        self.assertEqual(self.host.run("icr-rewrite", "status").returncode, 0)
        self.assert_nothing_public()

    def test_undo_while_it_tries(self):
        self.assert_ends_it("icr-rewrite", "undo")

    def test_stop_while_it_tries(self):
        self.assert_ends_it("systemctl", "stop", RETRY)

    def assert_ends_it(self, *command):
        """What ends the retries is no success of theirs: the boot unit does not run again."""
        self.prepare()
        self.lab.refuse(*PRIVATE_US)
        self.host.start()
        self.assertNotIn(self.active(RETRY), ("inactive", "failed"))
        before = self.invocation(BOOT)
        self.run_ok(self.host.run(*command))
        # systemctl waits for the unit that it names, not for what goes with it
        self.wait_for(RETRY, ("inactive", "failed"))
        self.assertNotIn(BOOT, self.host.run("systemctl", "list-jobs", "--no-legend").stdout)
        self.assertEqual(self.invocation(BOOT), before)
        self.assertEqual(self.active(BOOT), "failed")

    def invocation(self, unit):
        return self.host.run("systemctl", "show", "--value", "-p", "InvocationID", unit).stdout

    def started(self):
        """Uptime, in seconds, at which the boot unit began."""
        text = self.run_ok(self.host.run("systemctl", "show", "--value", "-p",
                                         "InactiveExitTimestampMonotonic", BOOT)).stdout
        return int(text) / 1e6

    def test_name_server_dead(self):
        self.prepare()
        self.lab.dns.silence("private.us.icr.io")
        self.host.start()
        self.assertEqual(self.first(), CLOSED)
        self.assert_nothing_public()
        self.assertEqual(self.host.failed(), [BOOT])

    def test_killed_while_it_probes(self):
        """Whenever it is killed: nothing public that should not be."""
        self.prepare()
        self.lab.timeout(*PRIVATE_US)
        self.host.write("/etc/systemd/system/%s.d/short.conf" % BOOT,
                        "[Service]\nTimeoutStartSec=1s\n")
        self.host.start()
        self.assertEqual(self.first(), CLOSED)
        self.assert_nothing_public()
        self.assertIn("timed out", self.host.journal(BOOT) + self.host.journal())

    def test_fallback_public_is_public_until_proven(self):
        self.prepare("--fallback", "public")
        self.lab.refuse(*PRIVATE_US)
        self.host.start()
        self.assertEqual(self.first(), sorted(PUBLIC_US))


class Host(FirstPacket):
    """A host that was proven, and its later boots."""

    def test_renumbered_while_it_was_off(self):
        self.prepare()
        self.host.start()
        self.host.stop()
        self.lab.clear_log()
        self.lab.renumber("private.us.icr.io", ["166.9.77.1", "166.9.77.2"], old=self.lab.timeout)
        self.host.start()
        self.assertEqual(self.first(), ["166.9.77.1", "166.9.77.2"])
        self.assert_nothing_public()

    def test_dead_at_a_later_boot_keeps_what_was_proven(self):
        self.prepare()
        self.host.start()
        self.lab.timeout(*PRIVATE_US)
        self.lab.clear_log()
        self.host.reboot()
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assert_nothing_public()

    def test_hosts_file_made_anew_at_every_boot(self):
        """The real cloud-init, with manage_etc_hosts, and a private network that is dead then."""
        self.host.seed(DATA)
        self.prepare()
        self.host.start(seconds=120)
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assertIn(b"manage_etc_hosts", self.host.read("/etc/hosts"))
        self.lab.timeout(*PRIVATE_US)
        self.lab.clear_log()
        self.host.reboot(seconds=120)
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assert_nothing_public()
        self.assertIn("put back", self.host.journal(EARLY))

    def test_undo_takes_both_units_out(self):
        self.prepare()
        self.host.start()
        self.run_ok(self.host.run("icr-rewrite", "undo"))
        for unit in (BOOT, TIMER):
            self.assertEqual(self.host.run("systemctl", "is-enabled", unit).stdout, "disabled\n")
            self.assertEqual(self.active(unit), "inactive")
        self.host.reboot()
        self.assertEqual(self.first(), sorted(PUBLIC_US))
        self.assertEqual(self.host.journal(BOOT), "")

    def test_apply_enables_both_units(self):
        self.host.start()
        self.run_ok(self.host.run("icr-rewrite", "apply", "--regions", "us"))
        for unit in (BOOT, TIMER):
            self.assertEqual(self.host.run("systemctl", "is-enabled", unit).stdout, "enabled\n")
        self.assertEqual(self.active(TIMER), "active")
        self.assertEqual(self.active(BOOT), "inactive")
        next_run = self.host.run("systemctl", "show", "-p", "NextElapseUSecMonotonic", "--value",
                                 TIMER).stdout.strip()
        self.assertRegex(next_run, r"\A(\d+min|[\d]+h)?.*s?\Z")
        self.host.reboot()
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assertEqual(self.active(BOOT), "active")

    def test_a_lost_record_is_told(self):
        self.prepare()
        self.host.start()
        self.run_ok(self.host.run("rm", "-r", "/var/lib/icr-rewrite"))
        self.host.reboot()
        self.assertIn("icr-rewrite", self.host.journal(BOOT))
        self.assert_nothing_public()


class Own(FirstPacket):
    """A service that somebody has written, which waits for the network and for nothing of ours."""

    engine = "app.service"

    def test_hosts_file_made_anew_at_every_boot(self):
        self.host.seed(DATA)
        self.prepare()
        self.host.start(seconds=120)
        self.assertIn(self.first(), (CLOSED, sorted(PRIVATE_US)))
        self.assertIn(b"manage_etc_hosts", self.host.read("/etc/hosts"))
        self.wait_for(BOOT, ("active",))
        self.lab.timeout(*PRIVATE_US)
        self.host.reboot(seconds=120)
        self.assertEqual(self.first(), sorted(PRIVATE_US))
        self.assert_nothing_public()
        self.assertEqual(self.host.run("icr-rewrite", "status").returncode, 3)
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.host.run("icr-rewrite", "undo"))
        self.host.reboot(seconds=120)
        self.assertEqual(self.first(), sorted(PUBLIC_US))
        self.assertEqual(self.host.journal(EARLY), "")


class Sandbox(FirstPacket):
    """What the units' sandbox allows is what refresh needs, no more."""

    def test_exposure(self):
        self.host.start()
        for unit in (BOOT, EARLY, REFRESH, RETRY):
            done = self.host.run("systemd-analyze", "security", "--threshold=30", "--no-pager",
                                 unit)
            self.assertEqual(done.returncode, 0, re.sub(r"(?m)^✓.*\n", "", done.stdout))

    def test_refresh_after_a_renumbering_keeps_owner_mode_and_attributes(self):
        self.host.start()
        self.run_ok(self.host.run("sh", "-c", "chown 12:34 /etc/hosts; chmod 0604 /etc/hosts"))
        self.host.write("/etc/docker/daemon.json",
                        '{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.run_ok(self.host.run("icr-rewrite", "apply", "--regions", "us"))
        self.lab.renumber("private.us.icr.io", ["166.9.77.1"], old=self.lab.timeout)
        self.run_ok(self.host.run("systemctl", "start", REFRESH))
        about = self.host.inside("/etc/hosts").stat()
        self.assertEqual((about.st_uid, about.st_gid, about.st_mode & 0o7777), (12, 34, 0o604))
        self.assertIn(b"166.9.77.1", self.host.read("/etc/hosts"))
        self.run_ok(self.host.run("icr-rewrite", "status"))
        self.run_ok(self.host.run("icr-rewrite", "undo"))
        self.assertNotIn(b"icr.io", self.host.read("/etc/hosts"))

    def test_connections_acls_and_drop_ins(self):
        """CAP_NET_ADMIN and netlink end what is open, an ACL moves to the new file, and Docker's
        drop-in is put back and read by systemd."""
        dropin = "/etc/systemd/system/docker.service.d/zz-icr-rewrite.conf"
        self.host.write("/etc/systemd/system/" + self.engine,
                        "[Service]\nExecStart=/usr/bin/dockerd\n"
                        "Environment=HTTPS_PROXY=http://198.51.100.99:3128 NO_PROXY=a\n")
        self.host.write("/etc/systemd/system/keeps.service",
                        "[Service]\nExecStart=/bin/bash -c 'exec 3<>/dev/tcp/%s/443; "
                        "read -r -t 600 line <&3; echo ended >/var/lib/ended; sleep infinity'\n"
                        % PUBLIC_US[0])
        self.host.start()
        self.run_ok(self.host.run("icr-rewrite", "apply", "--regions", "us"))
        hosts = self.host.inside("/etc/hosts")
        os.setxattr(hosts, "system.posix_acl_access", ACL)
        hosts.chmod(0o640)
        acl = os.getxattr(hosts, "system.posix_acl_access")
        self.host.inside(dropin).unlink()
        self.run_ok(self.host.run("systemctl", "daemon-reload"))
        self.run_ok(self.host.run("systemctl", "start", "keeps.service"))
        self.await_sockets(True)
        self.lab.renumber("private.us.icr.io", ["166.9.77.1"])
        self.run_ok(self.host.run("systemctl", "start", REFRESH))
        self.await_sockets(False)
        self.assertEqual(self.host.read("/var/lib/ended"), b"ended\n")
        self.assertNotIn("keeps a connection", self.host.journal(REFRESH))
        self.assertIn(b"166.9.77.1", self.host.read("/etc/hosts"))
        self.assertEqual(os.getxattr(hosts, "system.posix_acl_access"), acl)
        self.assertIn(b"NO_PROXY=a,us.icr.io", self.host.read(dropin))
        done = self.host.run("systemctl", "show", self.engine, "-p", "Environment")
        self.assertIn("NO_PROXY=a,us.icr.io", done.stdout)

    def await_sockets(self, some):
        deadline = time.monotonic() + 20
        while bool(self.lab.sockets(PUBLIC_US[0], "ESTABLISHED")) != some or (
                not some and not self.host.inside("/var/lib/ended").exists()):
            self.assertLess(time.monotonic(), deadline, self.lab.sockets())
            time.sleep(0.05)

    def test_it_finds_and_tells_a_running_dockerd(self):
        """A program of that name: its process is read (CAP_SYS_PTRACE) and gets the signal."""
        self.host.write("/usr/local/bin/dockerd", "#!/bin/sh\ntrap 'echo hup >>/var/lib/hups' HUP\n"
                        "while :; do sleep 1 & wait $!; done\n", 0o755)
        self.host.write("/etc/other/daemon.json", '{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.host.write("/etc/systemd/system/" + self.engine,
                        "[Service]\nExecStart=/usr/local/bin/dockerd --config-file "
                        "/etc/other/daemon.json\n")
        self.host.start()
        self.run_ok(self.host.run("icr-rewrite", "apply", "--offline", "--regions", "us"))
        self.run_ok(self.host.run("systemctl", "restart", self.engine))
        done = self.host.run("systemctl", "start", REFRESH, timeout=90)
        self.run_ok(done)
        self.assertIn(b"private.us", self.host.read("/etc/other/daemon.json"))
