# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Whose lines the hosts file has, and which: moved, pinned, lost, closed, fallen back, taken over."""

import json
import os
import shutil
import socket
import threading
import time

from . import lab
from .case import HOSTS, PRIVATE_US, PUBLIC_US, LabCase, hosts_entries, identities, read

NEW_US = lab.SPARE_PRIVATE[:2]
STATE = "/var/lib/icr-rewrite/state.json"
CLOSED = ["233.252.0.1", "ff0e::db8:0:1"]
NAMES_US = ("us.icr.io", "registry.ng.bluemix.net")


def steered_to(name="us.icr.io"):
    done = lab.run("getent", "ahostsv4", name)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def without_comments(text):
    return b"".join(sorted(line for line in text.splitlines(True) if b"#" not in line))


class LinesCase(LabCase):
    def state(self):
        return json.loads(read(STATE))

    def assert_steered(self, addresses, name="us.icr.io"):
        self.assertEqual(sorted(hosts_entries().get(name, [])), sorted(addresses))
        if addresses:
            self.assertEqual(steered_to(name), sorted(one for one in addresses if ":" not in one))

    def refresh(self, code=0, timeout=60):
        done = self.lab.rewrite("refresh", timeout=timeout)
        self.assert_code(code, done)
        return done


class Moved(LinesCase):
    """An editor sorts the lines and drops the comments, our markers with them."""

    def setUp(self):
        super().setUp()
        self.apply()
        self.lab.write(HOSTS, without_comments(read(HOSTS)))
        self.edited = without_comments(self.before[HOSTS][3])

    def test_status(self):
        done = self.run_ok(self.lab.rewrite("status"))
        self.assertIn("our part is in it", done.stdout)
        self.assertNotIn("private already", done.stdout)
        self.assertNotIn("already", done.stderr)

    def test_refresh_renews_them(self):
        self.lab.renumber("private.us.icr.io", NEW_US, old=self.lab.timeout)
        self.refresh()
        self.assert_steered(NEW_US)
        self.assertEqual(read(HOSTS).count(b"us.icr.io"), len(NEW_US))
        self.assert_code(0, self.lab.rewrite("status"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.edited)

    def test_refresh_without_a_renumbering(self):
        self.refresh()
        self.assert_steered(PRIVATE_US)
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.refresh()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)

    def test_undo_takes_them_out(self):
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.edited)


class Pinned(LinesCase):
    def test_by_hand(self):
        """A private address that we did not write is somebody's own, and would never be renewed."""
        pinned = self.before[HOSTS][3] + PRIVATE_US[0].encode() + b" us.icr.io # pinned long ago\n"
        self.lab.write(HOSTS, pinned)
        number = pinned.count(b"\n")
        for verb in ("apply", "plan"):
            done = self.lab.rewrite(verb, "--regions", "us")
            self.assert_code(1, done)
            self.assert_says("/etc/hosts:%d: .*%s" % (number, PRIVATE_US[0]), done)
            self.assertEqual(read(HOSTS), pinned)
            self.assertFalse(os.path.exists(STATE))
        self.apply("--force")
        self.assert_steered(PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), pinned)

    def test_the_other_names_were_edited_since(self):
        """Neither a refresh that renews nor undo brings the old line's other names back into force."""
        self.lab.write(HOSTS, self.before[HOSTS][3] + b"10.1.1.1 us.icr.io foo.internal\n")
        self.apply("--force")
        self.assertIn(b"\n10.1.1.1 foo.internal\n", read(HOSTS))
        self.lab.write(HOSTS, read(HOSTS).replace(b"\n10.1.1.1 foo", b"\n10.9.9.9 foo"))
        self.lab.renumber("private.us.icr.io", NEW_US, old=self.lab.timeout)
        self.refresh()
        self.assert_steered(NEW_US)
        self.assertEqual(hosts_entries()["foo.internal"], ["10.9.9.9"])
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.before[HOSTS][3]
                         + b"10.9.9.9 foo.internal\n10.1.1.1 us.icr.io\n")

    def test_a_worker_of_a_cluster(self):
        """169.254.0.0/16 is where IKS and ROKS pin the name: nothing to change."""
        self.lab.add_front("pin", "private", "169.254.2.1", ["us.icr.io"])
        self.lab.write(HOSTS, self.before[HOSTS][3] + b"169.254.2.1 us.icr.io registry.ng.bluemix.net\n")
        before = read(HOSTS)
        done = self.apply()
        self.assert_says("private already", done)
        self.assertEqual(read(HOSTS), before)

    def test_added_after_apply(self):
        self.apply("--force")
        self.lab.write(HOSTS, read(HOSTS) + b"10.5.5.5 us.icr.io\n")
        edited = read(HOSTS)
        self.lab.renumber("private.us.icr.io", NEW_US)
        done = self.refresh(1)
        self.assert_says("/etc/hosts:%d: .*10.5.5.5" % edited.count(b"\n"), done)
        self.assertIn(PRIVATE_US[0], done.stdout, "what stands")
        self.assertNotIn(NEW_US[0], done.stdout + done.stderr)
        self.assertEqual(read(HOSTS), edited)


class Lost(LinesCase):
    def setUp(self):
        super().setUp()
        self.apply()
        self.applied = read(HOSTS)
        shutil.rmtree("/var/lib/icr-rewrite")

    def test_refresh_takes_the_block_over(self):
        self.lab.renumber("private.us.icr.io", NEW_US, old=self.lab.timeout)
        done = self.refresh()
        self.assert_says("/etc/hosts:\\d+: a block of ours", done)
        self.assert_steered(NEW_US)
        self.assertEqual([one["public"] for one in self.state()["regions"]], ["us.icr.io"])
        self.assertNotIn("block of ours", self.refresh().stderr)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), self.before[HOSTS][3])

    def test_on_a_dead_network_it_stays(self):
        self.lab.timeout(*PRIVATE_US)
        self.refresh(4)
        self.assert_steered(PRIVATE_US)

    def test_an_old_block_comes_back(self):
        """Another tool's backup of the file, from before an undo and a renumbering."""
        self.run_ok(self.lab.rewrite("undo"))
        self.lab.renumber("private.us.icr.io", NEW_US, old=self.lab.timeout)
        self.lab.write(HOSTS, self.applied)
        done = self.lab.rewrite("status")
        self.assert_code(3, done)
        self.assert_says("/etc/hosts:\\d+: a block of ours.*icr-rewrite undo", done)
        self.apply()
        self.assert_steered(NEW_US)


class Closed(LinesCase):
    """Never proven, --fallback never: nothing goes public before the first proof."""

    def test_offline(self):
        done = self.apply("--offline")
        self.assert_says("us.icr.io.*closed", done)
        self.assert_block({name: CLOSED for name in NAMES_US})
        for family, address in ((socket.AF_INET, CLOSED[0]), (socket.AF_INET6, CLOSED[1])):
            found = socket.getaddrinfo("us.icr.io", 443, family, socket.SOCK_STREAM)
            self.assertEqual([one[4][0] for one in found], [address])
        self.assertEqual(self.lab.connections(), [])
        begin = time.monotonic()
        done = self.lab.skopeo("inspect", "--tls-verify=false", "docker://us.icr.io/demo/hello:1")
        self.assertNotEqual(done.returncode, 0, str(done))
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(self.lab.connections(), [])

    def test_the_first_refresh_proves_it(self):
        self.apply("--offline")
        done = self.refresh()
        self.assert_says("from now on private", done)
        self.assert_steered(PRIVATE_US)
        self.apply("--offline")
        self.assert_steered(PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_a_refresh_that_proves_nothing(self):
        self.apply("--offline")
        closed = read(HOSTS)
        self.lab.refuse(*PRIVATE_US)
        self.refresh(4)
        self.assertEqual(read(HOSTS), closed)
        self.lab.revive(*PRIVATE_US)
        self.refresh()
        self.assert_steered(PRIVATE_US)

    def test_public_stays_public(self):
        done = self.apply("--offline", "--fallback", "public")
        self.assert_says("us.icr.io.*public", done)
        self.assertEqual(read(HOSTS), self.before[HOSTS][3])
        self.refresh()
        self.assert_steered(PRIVATE_US)

    def test_a_region_that_is_dead_beside_one_that_lives(self):
        self.lab.refuse(*self.lab.dns.addresses("private.de.icr.io"))
        done = self.lab.rewrite("apply", "--regions", "all")
        self.assert_code(0, done)
        self.assert_steered(PRIVATE_US)
        self.assertEqual(hosts_entries()["de.icr.io"], CLOSED)
        self.assert_says("de.icr.io.*closed", done)

    def test_a_region_of_next_year(self):
        self.lab.dns.set("private.zz.icr.io", ["166.9.77.1"])
        self.lab.dns.set("zz.icr.io", ["203.0.113.77"])
        self.lab.add_front("zz", "private", "166.9.77.1", ["zz.icr.io", "private.zz.icr.io"])
        done = self.apply(regions="us,zz.icr.io")
        self.assert_says("zz.icr.io: not in the table", done)
        self.assert_steered(["166.9.77.1"], "zz.icr.io")
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.refresh()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)
        self.assert_code(0, self.lab.rewrite("status"))
        done = self.apply(regions="us")
        self.assert_says("zz.icr.io: no longer steered", done)
        self.assertNotIn("zz.icr.io", hosts_entries())


class Leaving(LinesCase):
    """--fallback public: the private network is left on evidence that it is dead, and on no other."""

    def setUp(self):
        super().setUp()
        self.apply("--fallback", "public")
        self.applied = read(HOSTS)

    def answer(self, status, body=b"{}"):
        for front in self.lab.private_fronts():
            front.faults.answer = (status, body)

    def stays(self, code=4):
        done = self.refresh(code)
        self.assertEqual(read(HOSTS), self.applied, str(done))
        self.assertEqual(steered_to(), PRIVATE_US)
        return done

    def leaves(self):
        done = self.refresh(4)
        self.assertNotIn("us.icr.io", hosts_entries())
        self.assertEqual(steered_to(), PUBLIC_US)
        self.assert_says("us.icr.io: from now on public \\(--fallback public\\): ", done)
        return done

    def test_refusals_are_life(self):
        for status in (429, 503, 403, 500):
            with self.subTest(status):
                self.answer(status)
                self.assert_says("stays private", self.stays())

    def test_resets_are_life(self):
        for front in self.lab.private_fronts():
            front.faults.accept = "reset"
        self.stays()

    def test_a_certificate_is_life(self):
        self.lab.set_cert(self.lab.private_fronts(), ["private.us.icr.io"])
        self.stays()

    def test_no_ca_file_is_a_fault_here(self):
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        os.rename(bundle, bundle + ".away")
        self.addCleanup(os.rename, bundle + ".away", bundle)
        done = self.stays(1)
        self.assert_says("ca-certificates", done)

    def test_no_descriptors_are_a_fault_here(self):
        done = lab.run("sh", "-c", "ulimit -n 12; exec icr-rewrite refresh", timeout=60)
        self.assert_code(1, done)
        self.assertEqual(read(HOSTS), self.applied)

    def test_a_name_server_that_fails_is_no_evidence(self):
        self.lab.dns.fail("private.us.icr.io")
        self.stays()

    def test_dead_once(self):
        """Back before the second look."""
        self.lab.refuse(*PRIVATE_US)
        back = threading.Timer(1.5, self.lab.revive, PRIVATE_US)
        back.start()
        self.addCleanup(back.join)
        self.stays(0)

    def test_dead_twice(self):
        for kill in ("refuse", "timeout", "unreachable"):
            with self.subTest(kill):
                getattr(self.lab, kill)(*PRIVATE_US)
                self.leaves()
                done = self.refresh(4)
                self.assert_says("us.icr.io: still public \\(--fallback public\\): ", done)
                self.assertEqual(self.state()["regions"][0]["status"], "withdrawn")
                self.lab.revive(*PRIVATE_US)
                done = self.refresh()
                self.assert_says("us.icr.io: from now on private", done)
                self.assertEqual(read(HOSTS), self.applied)
                self.assertNotIn("from now on", self.refresh().stderr)

    def test_no_such_name(self):
        self.lab.dns.remove("private.us.icr.io")
        self.leaves()

    def test_one_of_two_addresses_lives(self):
        self.lab.refuse(PRIVATE_US[0])
        self.answer(429)
        self.stays()

    def test_never_again(self):
        """Withdrawn, then --fallback never: the last proven addresses are back, dead or not."""
        self.lab.refuse(*PRIVATE_US)
        self.leaves()
        done = self.lab.rewrite("apply", "--fallback", "never")
        self.assert_code(4, done)
        self.assertNotIn("from now on", done.stderr)
        self.assert_says("icr-rewrite apply --offline --fallback never", done)
        self.assertNotIn("us.icr.io", hosts_entries())
        self.run_ok(self.lab.rewrite("apply", "--offline", "--fallback", "never"))
        self.assertEqual(read(HOSTS), self.applied)

    def test_json(self):
        self.lab.refuse(*PRIVATE_US)
        done = self.lab.rewrite("refresh", "--json", timeout=60)
        self.assert_code(4, done)
        report = json.loads(done.stdout)
        self.assertIn("from now on public", json.dumps(report["warnings"]))
        self.assertEqual(report["regions"][0]["status"], "withdrawn")


class Outage(LinesCase):
    def test_apply_that_asks_for_public(self):
        self.apply()
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        done = self.apply("--fallback", "public")
        self.assert_says("us.icr.io: from now on public \\(--fallback public\\): ", done)
        self.assertNotIn("us.icr.io", hosts_entries())
        self.lab.revive(*PRIVATE_US)
        self.refresh()
        self.assert_steered(PRIVATE_US)

    def test_apply_looks_twice_too(self):
        self.apply("--fallback", "public")
        applied = read(HOSTS)
        self.lab.refuse(*PRIVATE_US)
        back = threading.Timer(1.5, self.lab.revive, PRIVATE_US)
        back.start()
        self.addCleanup(back.join)
        self.apply("--fallback", "public")
        self.assertEqual(read(HOSTS), applied)
        self.assertEqual(steered_to(), PRIVATE_US)

    def test_the_first_apply_says_how(self):
        self.lab.refuse(*PRIVATE_US)
        done = self.lab.rewrite("apply", "--regions", "us", "--fallback", "public")
        self.assert_code(4, done)
        self.assert_says("apply --offline --fallback public", done)
        self.assert_nothing_changed()
        self.apply("--offline", "--fallback", "public")
        self.lab.revive(*PRIVATE_US)
        self.refresh()
        self.assert_steered(PRIVATE_US)

    def test_management_once_agreed(self):
        for front in self.lab.private_fronts():
            front.faults.management = "missing"
        self.assert_code(1, self.lab.rewrite("apply", "--regions", "us"))
        self.apply("--force")
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.apply()
        self.refresh()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)


class MadeAnew(LinesCase):
    def test_cloud_init(self):
        self.lab.write(HOSTS, b"# Your system has configured 'manage_etc_hosts' as True.\n"
                       + self.before[HOSTS][3])
        template = read(HOSTS)
        self.assert_says("made anew by others \\(cloud-init", self.apply())
        applied = read(HOSTS)
        self.assert_says("made anew by others: cloud-init", self.lab.rewrite("status"))
        self.lab.write(HOSTS, template)
        done = self.refresh()
        self.assert_says("put back", done)
        self.assertIn("\nchanged /etc/hosts\n", done.stdout)
        self.assertNotIn("nothing to change", done.stdout)
        self.assertEqual(read(HOSTS), applied)
        self.lab.write(HOSTS, template)
        told = json.loads(self.lab.rewrite("refresh", "--json").stdout)
        self.assertTrue(told["changed"])
        self.assertEqual(told["files"], [{"path": HOSTS, "part": "hosts", "action": "change"}])
        self.assertIsNone(told["summary"])
        self.assertNotIn("put back", self.refresh().stderr)

    def test_an_edit_that_leaves_our_lines_is_none(self):
        self.apply()
        self.lab.write(HOSTS, read(HOSTS) + b"10.1.1.1 db.internal\n")
        edited = read(HOSTS)
        self.assertEqual(self.refresh().stderr, "")
        self.assertEqual(read(HOSTS), edited)
        shutil.rmtree(os.path.dirname(STATE))
        self.assertNotIn("put back", self.refresh().stderr)


class LeftOut(LinesCase):
    """An address that does not answer is not steered to, and that is said where the others are."""

    def test_said(self):
        dead, alive = PRIVATE_US
        self.lab.refuse(dead)
        words = f"{dead} is left out, asked as private.us.icr.io: connection refused"
        done = self.apply()
        self.assertIn(f"-> {alive} (private.us.icr.io): {words}\n", done.stdout)
        self.assert_steered([alive])
        done = self.refresh()
        self.assertIn(words, done.stdout)
        self.assertEqual(done.stderr, "")
        told = json.loads(self.lab.rewrite("refresh", "--json").stdout)["regions"][0]
        self.assertEqual((told["proven"], told["reason"]), (True, words))
        self.lab.revive(dead)
        self.assertNotIn("left out", self.refresh().stdout)
        self.assert_steered(PRIVATE_US)
