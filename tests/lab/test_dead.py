# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A private network that is not there, or not what it should be: told apart, nothing changed."""

import json
import time

from . import lab
from .case import (HOSTS, IMAGE, PRIVATE_DE, PRIVATE_GLOBAL, PRIVATE_US, PUBLIC_US, LabCase,
                   hosts_entries, identity)

BUDGET_SECONDS = 10.5  # 10 s, as icr-rewrite(8) promises, and the start of a process


class DeadCase(LabCase):
    def refused_by_apply(self, pattern, regions="us", route="auto"):
        """apply and check exit 4 within the budget, say PATTERN, and change nothing."""
        hosts = identity(HOSTS)
        for verb in ("apply", "check"):
            begin = time.monotonic()
            options = ("--route", route) if verb == "apply" else ()
            done = self.lab.rewrite(verb, "--regions", regions, *options)
            self.assertLess(time.monotonic() - begin, BUDGET_SECONDS, str(done))
            self.assert_code(4, done)
            self.assert_says(pattern, done)
            self.assertEqual(identity(HOSTS), hosts)
            self.assert_nothing_changed()
        return done


class Dead(DeadCase):
    def test_connects_time_out(self):
        self.lab.timeout(*PRIVATE_US)
        done = self.refused_by_apply("timed out|timeout|no answer")
        self.assert_says("service endpoint|VRF", done)

    def test_connects_are_refused(self):
        self.lab.refuse(*PRIVATE_US)
        done = self.refused_by_apply("refused")
        self.assert_says("firewall", done)

    def test_connections_are_reset(self):
        for front in self.lab.private_fronts():
            front.faults.accept = "reset"
        self.refused_by_apply("reset|closed")

    def test_connections_hang_after_accept(self):
        for front in self.lab.private_fronts():
            front.faults.accept = "hang"
        self.refused_by_apply("timed out|timeout|no answer")

    def test_no_route(self):
        self.lab.unreachable(*PRIVATE_US)
        self.refused_by_apply("unreachable|no route")

    def test_no_such_name(self):
        self.lab.dns.remove("private.us.icr.io")
        self.refused_by_apply("resolve|no such name|does not exist|not known|no address")

    def test_name_server_fails(self):
        self.lab.dns.fail("private.us.icr.io")
        self.refused_by_apply("resolve|name server|DNS")

    def test_name_server_is_silent(self):
        self.lab.dns.silence("private.us.icr.io")
        self.refused_by_apply("resolve|name server|DNS|timed out")

    def test_every_region_silent_costs_no_more_than_one(self):
        for number, label in enumerate(("us", "uk", "de", "es", "au", "jp", "jp2", "ca", "ca2",
                                        "br", "in", "in2", "fr2")):
            addresses = ["166.9.240.%d" % (10 * number + host) for host in (1, 2, 3)]
            self.lab.timeout(*addresses)
            self.lab.dns.set("private.%s.icr.io" % label, addresses)
        self.lab.timeout(*PRIVATE_GLOBAL)
        self.refused_by_apply("timed out|timeout|no answer", regions="all")

    def test_json_tells_the_failure(self):
        self.lab.refuse(*PRIVATE_US)
        done = self.lab.rewrite("check", "--regions", "us", "--json")
        self.assert_code(4, done)
        self.assertEqual(json.loads(done.stdout)["version"], 1)
        self.assertIn("refused", done.stdout)


class Certificates(DeadCase):
    def test_certificate_without_the_public_name(self):
        self.lab.set_cert(self.lab.private_fronts(), ["private.us.icr.io"])
        done = self.refused_by_apply("certificate", route="hosts")
        self.assert_says(r"(^|[^.])us\.icr\.io", done)

    def test_certificate_without_the_private_name(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io"])
        self.refused_by_apply("certificate")

    def test_expired_certificate(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io", "private.us.icr.io"],
                          expired=True)
        self.refused_by_apply("certificate|expired")

    def test_certificate_of_somebody_else(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io", "private.us.icr.io"],
                          untrusted=True)
        self.refused_by_apply("certificate")

    def test_wildcard_certificate(self):
        self.lab.set_cert(self.lab.private_fronts(), ["*.icr.io", "*.us.icr.io"])
        self.apply()
        self.assert_block({"us.icr.io": PRIVATE_US})

    def test_address_of_another_region(self):
        self.lab.dns.set("private.us.icr.io", PRIVATE_DE)
        self.refused_by_apply("certificate")
        self.lab.set_cert(self.lab.private_fronts("de"), ["*.icr.io", "*.us.icr.io"])
        self.refused_by_apply("421")

    def test_alias_joins_only_when_the_certificate_covers_it(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io", "private.us.icr.io"])
        self.apply()
        self.assert_block({"us.icr.io": PRIVATE_US})

    def test_entitled_registry_joins_only_when_the_certificate_covers_it(self):
        address = PRIVATE_GLOBAL
        self.apply(regions="global")
        self.assert_block({"icr.io": address, "registry.bluemix.net": address,
                           "cp.icr.io": address})
        self.lab.set_cert(self.lab.private_fronts("global"), ["icr.io", "private.icr.io"])
        self.apply(regions="global")
        self.assert_block({"icr.io": address})


class Answers(DeadCase):
    def answer(self, status, body):
        for front in self.lab.private_fronts():
            front.faults.answer = (status, body)

    def test_registry_is_broken(self):
        self.answer(500, b"internal error")
        self.refused_by_apply("500")

    def test_registry_refuses_this_network(self):
        self.answer(403, lab.realm.registry_error("DENIED", lab.realm.PRIVATE_ONLY))
        self.refused_by_apply("403|private-only")

    def test_realm_of_a_stranger(self):
        for front in self.lab.private_fronts():
            front.faults.realm_host = "us.icr.io.evil.example"
        self.refused_by_apply("realm")

    def test_200_of_something_else(self):
        self.answer(200, b"<html>please log in</html>")
        self.refused_by_apply("not a registry")

    def test_the_public_address_under_the_private_name(self):
        fronts = [front for front in self.lab.fronts.values() if front.address == PUBLIC_US[0]]
        self.lab.set_cert(fronts, ["us.icr.io", "private.us.icr.io"])
        self.lab.dns.set("private.us.icr.io", PUBLIC_US)
        self.refused_by_apply("public address")

    def test_no_management_api_needs_force(self):
        for state in ("missing", "reset"):
            with self.subTest(state):
                for front in self.lab.private_fronts():
                    front.faults.management = state
                done = self.lab.rewrite("apply", "--regions", "us")
                self.assertNotEqual(done.returncode, 0, str(done))
                self.assert_says("ibmcloud cr", done)
                self.assert_says("--force", done)
                self.assert_nothing_changed()
                self.apply("--force")
                self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
                self.run_ok(self.lab.rewrite("undo"))
                self.assert_nothing_changed()


class HalfDead(LabCase):
    KILLS = ("timeout", "refuse", "unreachable")

    def test_only_the_living_address_joins(self):
        for kill in self.KILLS:
            with self.subTest(kill):
                getattr(self.lab, kill)(PRIVATE_US[0])
                self.apply()
                self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[1:])
                self.run_ok(self.lab.rewrite("undo"))
                self.lab.revive(PRIVATE_US[0])

    def test_pulls_use_the_living_address(self):
        self.lab.timeout(PRIVATE_US[0])
        self.configure()
        self.store_key()
        self.apply()
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.assertEqual({line["address"] for line in self.lab.log()}, {PRIVATE_US[1]})

    def test_only_the_address_with_the_right_certificate_joins(self):
        self.lab.set_cert(self.lab.fronts_at(PRIVATE_US[1]), ["private.us.icr.io"])
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[:1])
