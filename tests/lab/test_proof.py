# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What must not pass for the private network, what must, and how long it may take to tell."""

import json
import os
import shutil
import socket
import ssl
import time

from . import lab
from .case import (HOSTS, PRIVATE_DE, PRIVATE_US, PUBLIC_US, LabCase, hosts_entries, identity,
                   read, tree)
from .fault import Fault

BUDGET_SECONDS = 10.5  # ten seconds and the start of a process
CLOSED4, CLOSED6 = "233.252.0.1", "ff0e::db8:0:1"
PING = "^/v2/$"


def addresses(name="us.icr.io", family=socket.AF_INET):
    """What any program is told that asks for this family alone."""
    try:
        return sorted({info[4][0] for info in socket.getaddrinfo(name, 443, family,
                                                                 socket.SOCK_STREAM)})
    except socket.gaierror:
        return []


class ProofCase(LabCase):
    settings = {"registry": False}

    def assert_refused(self, pattern, regions="us", code=4, verbs=("apply", "check")):
        hosts = identity(HOSTS)
        for verb in verbs:
            begin = time.monotonic()
            done = self.lab.rewrite(verb, "--regions", regions)
            self.assertLess(time.monotonic() - begin, BUDGET_SECONDS, str(done))
            self.assert_code(code, done)
            self.assert_says(pattern, done)
            self.assertEqual(identity(HOSTS), hosts)
        return done

    def fault(self, *faults, fronts=None):
        for front in fronts or self.lab.private_fronts():
            front.faults.add(*faults)

    def check_json(self, *options, code=0):
        done = self.lab.rewrite("check", "--json", *options)
        self.assert_code(code, done)
        return json.loads(done.stdout)


class Addresses(ProofCase):
    """The private name leads to addresses that cannot be the private network's."""

    def front_at(self, address):
        """Everything is right there, but the address."""
        model = self.lab.fronts["us-private-1"]
        self.lab.add_front("odd-" + address, "private", address, model.hosts, model.context)

    def test_loopback_and_the_like_are_never_asked(self):
        self.lab.cover_everything()
        for address, words in (("127.0.0.9", "loopback"), ("::1", "loopback"),
                               ("::ffff:127.0.0.10", "IPv4"), ("169.254.7.7", "link-local"),
                               ("0.0.0.0", "unspecified"), ("::", "unspecified"),
                               ("224.0.0.9", "multicast"), (CLOSED4, "multicast"),
                               (CLOSED6, "multicast"), ("fe80::9", "link-local"),
                               ("240.0.0.9", "reserved"), ("255.255.255.255", "reserved")):
            with self.subTest(address):
                if address in ("127.0.0.9", "169.254.7.7"):
                    self.front_at(address)
                self.lab.dns.set("private.us.icr.io", [address])
                self.assert_refused(words)
                self.assertEqual(self.lab.connections(role="private") +
                                 self.lab.connections(role="public"), [])
        for address in ("127.0.0.9", "169.254.7.7"):
            self.lab.dns.set("private.us.icr.io", [address, *PRIVATE_US])
            self.apply()
            self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
            self.assertEqual(self.lab.connections(address=address), [])
            self.run_ok(self.lab.rewrite("undo"))

    def test_another_public_address(self):
        self.lab.cover_everything()
        self.lab.dns.set("private.us.icr.io", ["203.0.113.11"])
        self.lab.add_front("other", "public", "203.0.113.11", self.lab.fronts["us-public-1"].hosts,
                           self.lab.fronts["us-public-1"].context)
        self.assert_refused("public address")
        self.assertEqual(self.lab.connections(role="public"), [])

    def test_the_public_address_after_apply(self):
        self.lab.cover_everything()
        self.apply()
        hosts = identity(HOSTS)
        self.lab.dns.set("private.us.icr.io", PUBLIC_US)
        done = self.lab.rewrite("refresh")
        self.assert_code(4, done)
        self.assert_says("public address", done)
        self.assertEqual(identity(HOSTS), hosts)
        self.lab.dns.set("private.us.icr.io", [*PRIVATE_US, *PUBLIC_US])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(identity(HOSTS), hosts)


class Insecure(ProofCase):
    settings = {"registry": False, "dockerd": True,
                "daemon_json": json.dumps({"insecure-registries": ["166.9.250.214/32"]})}

    def test_networks_where_docker_checks_no_certificate(self):
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[1:])
        self.run_ok(self.lab.rewrite("undo"))
        self.lab.dns.set("private.us.icr.io", PRIVATE_US[:1])
        done = self.assert_refused("insecure-registries")
        self.assert_says(PRIVATE_US[0] + ": lies in 166.9.250.214/32, where Docker", done)
        self.assert_says("take that network out of Docker's insecure-registries", done)
        self.assertNotIn("asked as", done.stdout + done.stderr)


class InsecureBeforeTheDaemon(ProofCase):
    """As at boot: the route is there before dockerd is."""

    def look(self):
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[1:])
        self.lab.dns.set("private.us.icr.io", PRIVATE_US[:1])
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US[1:])

    def test_by_the_file(self):
        networks = json.dumps({"insecure-registries": ["us.example", PRIVATE_US[0] + "/32"]})
        self.lab.write("/etc/docker/daemon.json", networks)
        self.look()

    def test_by_the_unit(self):
        self.lab.write("/etc/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd"
                       " --insecure-registry us.example --insecure-registry=%s/32\n"
                       % PRIVATE_US[0])
        self.look()


class Families(ProofCase):
    def test_a_private_name_of_ipv6_only(self):
        self.lab.add_ipv6("us", roles=("private",))
        private = lab.REGIONS["us"]["private_ipv6"]
        self.lab.dns.set("private.us.icr.io", private)
        self.apply()
        self.assertEqual(addresses(family=socket.AF_INET), [CLOSED4])
        self.assertEqual(addresses(family=socket.AF_INET6), private)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(addresses(family=socket.AF_INET), [CLOSED4])
        self.assert_code(0, self.lab.rewrite("plan", "--regions", "us"))

    def test_a_public_name_that_has_ipv6_too(self):
        self.lab.add_ipv6("us", roles=("public",))
        self.assert_says("IPv6", self.run_ok(self.lab.rewrite("check", "--regions", "us")))
        self.apply()
        for name in ("us.icr.io", "registry.ng.bluemix.net"):
            self.assertEqual(addresses(name), PRIVATE_US)
            self.assertEqual(addresses(name, socket.AF_INET6), [CLOSED6])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(addresses(family=socket.AF_INET6), [CLOSED6])
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_an_alias_alone_that_has_ipv6(self):
        self.lab.dns.set("registry.ng.bluemix.net", [*PUBLIC_US, "2001:db8::10"])
        self.apply()
        self.assertEqual(addresses("registry.ng.bluemix.net", socket.AF_INET6), [CLOSED6])

    def test_both_families_everywhere(self):
        self.lab.add_ipv6("us")
        self.apply()
        self.assertEqual(addresses(), PRIVATE_US)
        self.assertEqual(addresses(family=socket.AF_INET6), lab.REGIONS["us"]["private_ipv6"])

    def test_ipv4_alone_needs_no_line_more(self):
        self.apply()
        self.assertEqual(addresses(family=socket.AF_INET6), [])
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)

    def test_a_line_for_one_family_that_the_resolver_does_not_follow(self):
        """The proof asks for each family: here something answers IPv6 past the hosts file."""
        self.lab.add_ipv6("us", roles=("private",))
        self.lab.write("/etc/nsswitch.conf", b"".join(
            b"hosts: dns\n" if line.startswith(b"hosts:") else line
            for line in read("/etc/nsswitch.conf").splitlines(True)))
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assert_says("does not follow", done)
        self.assertEqual(addresses(), PUBLIC_US)


class Realms(ProofCase):
    def realm(self, host):
        for front in self.lab.private_fronts():
            front.faults.realm_host = host

    def test_names_of_the_registry_are_good(self):
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            with self.subTest(host):
                self.realm(host)
                self.apply()
                self.run_ok(self.lab.rewrite("undo"))

    def test_a_realm_that_would_stay_public(self):
        for host in ("icr.io", "de.icr.io", "stg.icr.io", "cp.icr.io", "zz.icr.io",
                     "private.de.icr.io"):
            with self.subTest(host):
                self.realm(host)
                self.assert_refused(host.replace(".", r"\.") + ".*--force", code=1,
                                    verbs=("apply",))
                self.assert_nothing_changed()
                self.assert_says(r"logins are sent to %s" % host.replace(".", r"\."),
                                 self.run_ok(self.lab.rewrite("check", "--regions", "us")))
                region, = self.check_json("--regions", "us")["regions"]
                self.assertEqual(region["stray_realm"], host)
        done = self.apply("--force")
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        for done in (done, self.run_ok(self.lab.rewrite("refresh"))):
            self.assert_says(r"sends logins to private\.de\.icr\.io", done)

    def test_several_challenges(self):
        """Engines log in at each of them, whatever stands in which header."""
        ours = 'Bearer realm="https://us.icr.io/oauth/token",service="registry"'
        other = 'Bearer realm="https://%s/oauth/token"'
        for number, (host, code, verb, words) in enumerate((
                ("de.icr.io", 1, "apply", r"sends logins to de\.icr\.io"),
                ("evil.example", 4, "check", r"evil\.example/oauth/token is not at a host of ICR"),
                ("private.us.icr.io", 0, "check", ""))):
            for headers in ([ours, other % host], [ours + ", " + other % host],
                            [other % host, ours], ["Basic realm=x", ours, other % host]):
                with self.subTest(number=number, headers=headers):
                    for front in self.lab.private_fronts():
                        front.faults.script = [Fault(401, b"", path=PING, headers=[
                            ("Www-Authenticate", header) for header in headers])]
                    done = self.lab.rewrite(verb, "--regions", "us")
                    self.assert_code(code, done)
                    self.assert_says(words, done)
                    self.assert_nothing_changed()

    def test_a_realm_that_moves_away(self):
        self.apply()
        self.run_ok(self.lab.rewrite("status"))
        self.realm("de.icr.io")
        self.assert_says(r"sends logins to de\.icr\.io", self.run_ok(self.lab.rewrite("refresh")))
        done = self.lab.rewrite("status")
        self.assert_code(3, done)
        self.assert_says(r"problem: us\.icr\.io: the registry sends logins to de\.icr\.io", done)
        told = json.loads(self.lab.rewrite("status", "--json").stdout)
        self.assertFalse(told["in_force"])
        self.assertEqual(told["regions"][0]["stray_realm"], "de.icr.io")
        self.assertIn('in_force{name="us.icr.io"} 0', self.lab.rewrite("status", "--prometheus").stdout)
        # where it goes is steered as well, or it comes back
        self.apply(regions="us,de")
        self.run_ok(self.lab.rewrite("status"))
        self.realm(None)
        self.run_ok(self.lab.rewrite("undo"))

    def test_a_realm_that_comes_back(self):
        self.apply()
        self.realm("icr.io")
        self.run_ok(self.lab.rewrite("refresh"))
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assert_says("logins to icr.io", self.lab.rewrite("status"))
        self.lab.revive(*PRIVATE_US)
        self.realm(None)
        self.run_ok(self.lab.rewrite("refresh"))
        self.run_ok(self.lab.rewrite("status"))

    def test_a_realm_that_is_steered_too(self):
        for host in ("icr.io", "private.icr.io", "cp.icr.io"):
            self.realm(host)
            self.apply(regions="us,global")
            self.run_ok(self.lab.rewrite("undo"))

    def test_an_alias_that_does_not_join(self):
        self.lab.set_cert(self.lab.private_fronts(), ["us.icr.io", "private.us.icr.io"])
        self.realm("registry.ng.bluemix.net")
        self.assert_refused("registry.ng.bluemix.net", code=1, verbs=("apply",))


class Answers(ProofCase):
    CHALLENGE = ("Www-Authenticate", 'Bearer realm="https://us.icr.io/oauth/token"')

    def test_a_portal_that_speaks_json(self):
        for body in (b'{"welcome":"to the hotel wifi"}', b"[]", b'""', b"null"):
            for front in self.lab.private_fronts():
                front.faults.answer = (200, body)
            self.assert_refused("not a registry", verbs=("check",))

    def test_a_registry_that_wants_no_login(self):
        for body in (b"{}", b"", b"{ }\n"):
            for front in self.lab.private_fronts():
                front.faults.answer = (200, body)
            self.run_ok(self.lab.rewrite("check", "--regions", "us"))

    def test_the_body_of_a_refusal_does_not_matter(self):
        self.fault(Fault(401, b"x" * 1000000, headers=[self.CHALLENGE], path=PING))
        self.apply()

    def test_one_fault_of_the_registry_is_asked_again(self):
        for status in (500, 502, 503):
            for front in self.lab.private_fronts():
                self.fault(Fault(status, path=PING, times=1), fronts=[front])
                self.apply()
                self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
                self.run_ok(self.lab.rewrite("undo"))
        self.fault(Fault(reset=True, path=PING, times=1))
        self.apply()

    def test_what_is_no_fault_of_a_moment_is_not_asked_again(self):
        for status in (403, 429):
            self.lab.clear_log()
            self.fault(Fault(status, path=PING, times=1000))
            answers = [answer for region in self.check_json("--regions", "us", code=4)["regions"]
                       for address in region["addresses"] for answer in address["answers"]]
            self.assertEqual({answer["status"] for answer in answers}, {status})
            self.assertEqual(len(self.lab.log(path="/v2/", role="private")), len(answers))
            for front in self.lab.private_fronts():
                front.faults.script.clear()

    def test_management_is_asked_where_no_login_is_needed(self):
        for status, code in ((200, 0), (204, 0), (401, 1), (404, 1), (500, 1)):
            with self.subTest(status):
                for front in self.lab.private_fronts():
                    front.faults.script.clear()
                self.fault(Fault(status, b"", path="^/api/v1/messages$"))
                done = self.lab.rewrite("apply", "--regions", "us")
                self.assert_code(code, done)
                if code:
                    self.assert_says("--force", done)
                else:
                    self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual({line["path"] for line in self.lab.log(role="private")},
                         {"/v2/", "/api/v1/messages"})

    def test_a_fault_of_this_host_is_told_apart(self):
        """It says nothing about the network, so nothing follows from it."""
        self.apply("--fallback", "public")
        hosts = identity(HOSTS)
        program = os.path.join(lab.BUILD, "icr-rewrite")
        for verb in ("refresh", "check"):
            os.rename("/etc/ssl/certs", "/etc/ssl/certs.away")
            try:
                done = self.lab.rewrite(verb)
            finally:
                os.rename("/etc/ssl/certs.away", "/etc/ssl/certs")
            self.assert_code(1, done)
            self.assert_says("certificate file", done)
            for limit in (8, 12, 18, 24, 30):
                done = lab.run("prlimit", "--nofile=%d" % limit, program, verb)
                self.assertIn(done.returncode, (0, 1), str(done))
                if done.returncode:
                    self.assert_says("descriptors|too many open files", done)
                self.assertEqual(identity(HOSTS), hosts)

class Time(ProofCase):
    def test_what_the_probe_takes_the_proof_takes(self):
        self.fault(Fault(delay=3, path=PING))
        begin = time.monotonic()
        self.apply()
        self.assertLess(time.monotonic() - begin, BUDGET_SECONDS)
        self.run_ok(self.lab.rewrite("undo"))
        for front in self.lab.private_fronts():
            front.faults.script.clear()
            front.faults.handshake_delay = 3
        self.apply()

    def test_what_the_proof_would_not_take_the_probe_does_not(self):
        self.fault(Fault(delay=8, path=PING))
        self.assert_refused("timed out")
        for front in self.lab.private_fronts():
            front.faults.script.clear()
            front.faults.handshake_delay = 8
        self.assert_refused("timed out")

    def test_the_first_name_server_is_dead(self):
        self.lab.dead_name_server()
        begin = time.monotonic()
        self.run_ok(self.lab.rewrite("check", "--regions", "us,de"))
        self.assertLess(time.monotonic() - begin, BUDGET_SECONDS)
        self.apply()
        self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.run_ok(self.lab.rewrite("refresh"))

    def test_dead_name_server_and_slow_answers(self):
        """Ten seconds are for what does not answer: the proof waits as long as answers take."""
        self.lab.dead_name_server()
        for front in self.lab.private_fronts():
            front.faults.handshake_delay = 2.9
        for command in (("apply", "--regions", "us"), ("refresh",)):
            begin = time.monotonic()
            self.run_ok(self.lab.rewrite(*command))
            self.assertLess(time.monotonic() - begin, BUDGET_SECONDS + 2.9)
            self.assertEqual(hosts_entries()["us.icr.io"], PRIVATE_US)
        self.assert_code(0, self.lab.rewrite("status"))

    def hang_behind_the_probe(self):
        """The fronts answer the probe's three names, and then no more."""
        for front in self.lab.private_fronts():
            front.faults.script.clear()
            front.faults.add(Fault(times=3, path=PING), Fault(delay=30, path=PING))

    def test_a_registry_that_hangs_behind_the_probe(self):
        """Nothing of that is proven: all is taken back, also when the probe took most of the time."""
        for dead_name_server in (False, True):
            if dead_name_server:
                self.lab.dead_name_server()
                self.before = tree("/etc")
            self.hang_behind_the_probe()
            begin = time.monotonic()
            done = self.lab.rewrite("apply", "--regions", "us")
            self.assertLess(time.monotonic() - begin, BUDGET_SECONDS)
            self.assert_code(4, done)
            self.assert_says("timed out", done)
            self.assert_nothing_changed()
            self.assertFalse(os.path.exists("/var/lib/icr-rewrite"))

    def test_a_refresh_that_hangs_behind_the_probe(self):
        """Addresses that were proven stay, new ones do not join, and status tells."""
        self.lab.dead_name_server()
        self.apply()
        hosts = read(HOSTS)
        self.lab.renumber("private.us.icr.io", ["166.9.251.141"])
        self.hang_behind_the_probe()
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertEqual(read(HOSTS), hosts)
        status = self.lab.rewrite("status")
        self.assert_code(3, status)
        self.assert_says("the last refresh failed.*timed out", status)

    def test_what_the_probe_asked_is_asked_again_only_behind_a_write(self):
        self.apply()
        for lines in (6, 8):
            self.lab.clear_log()
            self.run_ok(self.lab.rewrite("refresh"))
            asked = self.lab.log(role="private")
            self.assertEqual({line["path"] for line in asked}, {"/v2/"})
            self.assertEqual(len(asked), lines)
            os.unlink(HOSTS)
            self.lab.write(HOSTS, "127.0.0.1 localhost\n")

    def test_regions_do_not_wait_for_each_other(self):
        self.lab.dns.silence("private.de.icr.io")
        begin = time.time()
        report = self.check_json("--regions", "us,de", code=4)
        self.assertEqual({one["region"]: one["proven"] for one in report["regions"]},
                         {"us-south": True, "eu-de": False})
        asked = [line["time"] - begin for line in self.lab.log(role="private")]
        self.assertLess(max(asked), 3)
        self.assertGreater(time.time() - begin, 5)

    def test_a_dead_region_costs_all_no_more_than_itself(self):
        self.lab.timeout(*PRIVATE_US)

        def seconds(regions):
            begin = time.monotonic()
            self.lab.rewrite("check", "--regions", regions)
            return time.monotonic() - begin
        self.assertLess(seconds("all"), 1.2 * seconds("us"))


class Tls(ProofCase):
    def test_old_versions_of_tls_are_refused(self):
        """Also where the host's own policy would allow them."""
        policy = os.path.join(lab.HOME, "openssl.cnf")
        self.lab.write(policy, "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                               "[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
        for front in self.lab.private_fronts():
            front.context.set_ciphers("ALL:@SECLEVEL=0")
            front.context.minimum_version = ssl.TLSVersion.TLSv1
            front.context.maximum_version = ssl.TLSVersion.TLSv1_1
        environment = {"OPENSSL_CONF": policy}
        url = "https://us.icr.io/v2/"
        self.run_ok(lab.run("curl", "-sS", "--tlsv1.0", "--resolve",
                            "us.icr.io:443:" + PRIVATE_US[0], url, environment=environment))
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "check", "--regions", "us",
                       environment=environment)
        self.assert_code(4, done)
        self.assert_says("TLS", done)

    def test_netrc_is_not_read(self):
        self.lab.write(os.path.join(lab.HOME, ".netrc"),
                       "".join("machine %s login iamapikey password lab-netrc\n" % name
                               for name in ("us.icr.io", "private.us.icr.io")))
        self.apply()
        self.assertNotEqual(self.lab.log(), [])
        for line in self.lab.log():
            self.assertNotIn("authorization", line["headers"])


SHIM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
/* Who asks with a port, as libcurl does, gets another answer than who asks without. */
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
		struct addrinfo **answer)
{
	int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");
	if (port && name && strcmp(name, "us.icr.io") == 0)
		name = "203.0.113.10";
	return next(name, port, hints, answer);
}
"""


class Elsewhere(ProofCase):
    @staticmethod
    def compiler():
        return shutil.which("cc") or shutil.which("gcc")

    def test_an_answer_from_another_address_proves_nothing(self):
        if not self.compiler():
            self.skipTest("needs a C compiler")
        source, shim = (os.path.join(lab.HOME, name) for name in ("shim.c", "shim.so"))
        self.lab.write(source, SHIM)
        self.run_ok(lab.run(self.compiler(), "-shared", "-fPIC", "-o", shim, source, "-ldl"))
        self.lab.cover_everything()
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us",
                       environment={"LD_PRELOAD": shim})
        self.assert_code(4, done)
        self.assert_says("%s answered, which is none of the proven" % PUBLIC_US[0], done)
        self.assert_nothing_changed()


class Next(ProofCase):
    """A region that the table does not know."""

    def test_it_is_probed_by_its_whole_name(self):
        self.lab.set_cert(self.lab.private_fronts("de"), ["zz.icr.io", "private.zz.icr.io"])
        for front in self.lab.private_fronts("de"):
            front.hosts |= {"zz.icr.io", "private.zz.icr.io"}
        self.lab.dns.set("private.zz.icr.io", PRIVATE_DE)
        self.lab.dns.set("zz.icr.io", ["203.0.113.99"])
        region, = self.check_json("--regions", "zz.icr.io")["regions"]
        self.assertTrue(region["proven"])
        self.assertEqual([one["name"] for one in region["addresses"][0]["answers"]],
                         ["private.zz.icr.io", "zz.icr.io"])
