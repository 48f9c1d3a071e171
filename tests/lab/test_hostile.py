# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A network that changes its mind: whatever name servers and fronts say from one moment to the next,
no name that is steered goes public in silence, and status tells what is so."""

import json
import os
import socket

from . import lab
from .case import HOSTS, PRIVATE_US, PUBLIC_US, LabCase, hosts_entries, identity, read
from .fault import Fault
from .test_proof import CLOSED6, PING, addresses

NAMES = ("us.icr.io", "registry.ng.bluemix.net")


class HostileCase(LabCase):
    settings = {"registry": False}

    def assert_status(self, code, pattern=""):
        done = self.lab.rewrite("status")
        self.assert_code(code, done)
        self.assert_says(pattern, done)

    def refresh(self, code=0):
        done = self.lab.rewrite("refresh")
        self.assert_code(code, done)
        return done


class NameServers(HostileCase):
    def test_other_addresses_at_each_query(self):
        self.lab.dns.flip("private.us.icr.io", PRIVATE_US[:1], PRIVATE_US[1:], PRIVATE_US)
        self.apply()
        for _ in range(4):
            self.refresh()
            self.assertNotEqual(hosts_entries()["us.icr.io"], [])
            self.assertLessEqual(set(hosts_entries()["us.icr.io"]), set(PRIVATE_US))
            self.assert_status(0)

    def test_now_good_and_now_bad(self):
        """The certificates say nothing here: a public address is never taken."""
        self.lab.cover_everything()
        self.apply()
        hosts = identity(HOSTS)
        self.lab.dns.flip("private.us.icr.io", PUBLIC_US, PRIVATE_US, ["127.0.0.1"], [])
        for code in (4, 0, 4, 4, 4, 0):
            self.refresh(code)
            self.assertEqual(identity(HOSTS), hosts)
            self.assert_status(3 if code else 0, "the last refresh failed" if code else "")

    def test_two_hundred_private_addresses(self):
        dead = ["166.10.%d.%d" % (number // 250, 1 + number % 250) for number in range(198)]
        self.lab.dns.set("private.us.icr.io", [*dead, *PRIVATE_US])
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.assert_status(0)

    def test_a_public_address_behind_many_private_ones(self):
        """Those who connect may take any of them."""
        gateways = ["10.0.0.%d" % number for number in range(1, 18)]
        model = self.lab.fronts["us-public-1"]
        for address in gateways:
            self.lab.add_front("gateway-" + address, "private", address, model.hosts, model.context)
        for name in NAMES:
            self.lab.dns.set(name, [*gateways, *PUBLIC_US])
        done = self.apply()
        self.assertNotIn("private already", str(done))
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.run_ok(self.lab.rewrite("undo"))
        for name in NAMES:
            self.lab.dns.set(name, gateways)
        self.assert_says("nothing to change|private already", self.apply())
        for name in NAMES:
            self.lab.dns.set(name, [*gateways, *PUBLIC_US])
        self.assertEqual({name["leads"] for name in
                          json.loads(self.lab.rewrite("status", "--all", "--json").stdout)["names"]
                          if name["name"] == "us.icr.io"}, {"public"})

    def test_aliases(self):
        self.lab.dns.set("private.us.icr.io", PRIVATE_US, cname="registry-private.example")
        for name in NAMES:
            self.lab.dns.set(name, PUBLIC_US, cname="edge." + "x" * 60 + ".example")
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.assertEqual([one["address"] for one in
                          json.loads(read("/run/icr-rewrite/last.json"))["fronts"]], PUBLIC_US)
        self.assert_status(0)

    def test_a_family_of_which_nobody_tells(self):
        """It is closed, since others may be told an address in a moment."""
        self.lab.add_ipv6("us", roles=("public",))
        for name in NAMES:
            self.lab.dns.fail(name, "AAAA")
        self.apply()
        hosts = read(HOSTS)
        for name in NAMES:
            self.lab.dns.heal(name, "AAAA")
            self.assertEqual(addresses(name, socket.AF_INET6), [CLOSED6])
        self.refresh()
        self.assertEqual(read(HOSTS), hosts)
        self.assert_status(0)

    def test_a_family_that_is_told_now_and_then(self):
        """No file changes for that."""
        self.apply()
        hosts = identity(HOSTS)
        for name in NAMES:
            self.lab.dns.fail(name, "AAAA")
        self.refresh()
        self.apply()
        self.assertEqual(identity(HOSTS), hosts)

    def test_a_name_server_that_fails_at_first(self):
        self.run_ok(self.lab.rewrite("apply", "--regions", "us", "--offline"))
        names = ("private.us.icr.io", *NAMES)
        before = {name: self.lab.dns.addresses(name) for name in names}
        for name in names:
            self.lab.dns.fail(name)
        self.refresh(4)
        self.assertEqual(addresses(), ["233.252.0.1"])
        self.assert_status(3, "closed until")
        for name in names:
            self.lab.dns.set(name, before[name])
        self.refresh()
        self.assertEqual(addresses(), PRIVATE_US)
        self.assert_status(0)
        for name in names:
            self.lab.dns.fail(name)
        self.refresh(4)
        self.assertEqual(addresses(), PRIVATE_US)
        self.assert_status(3, "the last refresh failed")


class Fronts(HostileCase):
    def move_realm_behind_the_probe(self, host):
        challenge = ("Www-Authenticate", 'Bearer realm="https://%s/oauth/token"' % host)
        for front in self.lab.private_fronts():
            front.faults.script = [Fault(times=3, path=PING),
                                   Fault(401, b"", path=PING, headers=[challenge])]

    def test_a_realm_that_moves_between_probe_and_proof(self):
        for host in ("icr.io", "de.icr.io", "cp.icr.io"):
            with self.subTest(host):
                self.move_realm_behind_the_probe(host)
                done = self.lab.rewrite("apply", "--regions", "us")
                self.assert_code(4, done)
                self.assert_says(r"sends logins to https://%s" % host.replace(".", r"\."), done)
                self.assert_nothing_changed()
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            self.move_realm_behind_the_probe(host)
            self.apply()
        self.lab.renumber("private.us.icr.io", ["166.9.251.141"])
        self.move_realm_behind_the_probe("icr.io")
        self.refresh(4)
        self.assert_status(3, "the last refresh failed.*sends logins to https://icr.io")
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)

    def test_a_certificate_for_the_public_name_alone(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io"])
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_says("does not cover private.us.icr.io", done)
        self.assert_nothing_changed()
        self.run_ok(self.lab.rewrite("apply", "--regions", "us", "--offline"))
        self.refresh(4)
        self.assert_status(3, "closed until")

    def test_who_answers_200_to_everybody(self):
        """With the registry's certificate it is the registry, which lets everybody in; without, not."""
        for front in self.lab.private_fronts():
            front.faults.answer = (200, b"{}")
        self.apply()
        self.run_ok(self.lab.rewrite("undo"))
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io", "private.us.icr.io"],
                          untrusted=True)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assert_nothing_changed()

    def test_what_a_jump_of_the_clock_does_not_change(self):
        """Ages go by the time since the host has started."""
        last = "/run/icr-rewrite/last.json"
        self.apply()
        told = json.loads(read(last))
        for jump in (-40 * 365 * 86400, 40 * 365 * 86400):
            for moment in (told["run"], *told["regions"], *told["fronts"]):
                moment["at"] = max(1, moment["at"] + jump)
            self.lab.write(last, json.dumps(told))
            self.assert_status(0)
            self.refresh()
            self.assert_status(0)

    def test_nothing_of_a_pull_is_public_where_large_answers_hang(self):
        """As behind a link whose packets are smaller than this host believes."""
        self.apply()
        self.lab.clear_log()
        for front in self.lab.private_fronts():
            front.faults.add(Fault(delay=60, path="^/(v2/.+|oauth)"))
        done = lab.run("curl", "-sS", "-m", "2", "https://us.icr.io/v2/ns/image/manifests/1")
        self.assert_code(28, done)
        self.assertEqual(self.lab.connections(role="public"), [])
        self.refresh()


class Late(HostileCase):
    def test_an_interface_that_comes_up_later(self):
        """At first there is no way at all: names are closed, or lead where they led."""
        self.run_ok(self.lab.rewrite("apply", "--regions", "us", "--offline"))
        self.lab.unreachable(*PRIVATE_US)
        self.refresh(4)
        self.assert_status(3, "closed until")
        self.lab.revive(*PRIVATE_US)
        self.refresh()
        self.assert_status(0)
        os.unlink("/run/icr-rewrite/last.json")  # a boot
        self.lab.unreachable(*PRIVATE_US)
        self.assert_status(3, "not proven since this host has started")
        self.refresh(4)
        self.assertEqual(addresses(), PRIVATE_US)
        self.assert_status(3)
        self.lab.revive(*PRIVATE_US)
        self.refresh()
        self.assert_status(0)
