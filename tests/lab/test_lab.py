# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The lab itself: a leak must be seen and a fault must be one, else the scenarios prove nothing."""

import base64
import json
import os
import socket
import time

from . import dns, lab, net
from .case import HOSTS, IMAGE, PRIVATE_US, PUBLIC_US, LabCase, read
from .fault import Fault


def pin(address, name):
    with open(HOSTS, "a") as file:
        file.write("%s\t%s\n" % (address, name))


def connect(address, seconds=2):
    with socket.create_connection((address, 443), seconds):
        pass


def log_in_plainly(*hosts):
    """A login in config.json, without any helper."""
    value = base64.b64encode(("iamapikey:" + lab.API_KEY).encode()).decode()
    lab.Lab.write(os.path.join(lab.HOME, ".docker/config.json"),
                  json.dumps({"auths": {host: {"auth": value} for host in hosts}}))


class Machine(LabCase):
    def test_folders_that_are_not_the_machines(self):
        for folder in ("/etc", "/run", "/var", "/var/lib"):
            self.assertTrue(os.path.ismount(folder), folder)
        # of /var only this is another: nothing of it may reach the machine's
        self.assertEqual(os.listdir("/var/snap"), [])
        self.assertEqual(os.stat("/var/snap").st_dev, os.stat("/var").st_dev)
        self.assertNotEqual(os.stat("/var/cache").st_dev, os.stat("/var").st_dev)

    def test_hosts_file_is_an_ordinary_file_that_can_be_replaced(self):
        with open(HOSTS + ".new", "wb") as file:
            file.write(read(HOSTS) + b"192.0.2.1 replaced\n")
        os.rename(HOSTS + ".new", HOSTS)
        self.assertIn("192.0.2.1", lab.run("getent", "hosts", "replaced").stdout)

    def test_nothing_of_the_caller_is_in_the_environment(self):
        allowed = {"PATH", "HOME", "TMPDIR", "LC_ALL", "TERM", "USER", "LOGNAME", "PWD", "OLDPWD",
                   "SHLVL", "_", "ICR_BUILD", "ICR_LAB_INSIDE",
                   "ICR_BOOT_ROOT", "ICR_BOOT_INSTALLED", "ICR_BOOT_DOCKER", "ICR_ENGINES_ROOT",
                   "PYTHONDONTWRITEBYTECODE",
                   "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"}
        self.assertEqual(set(os.environ) - allowed, set())

    def test_network_has_no_way_out(self):
        with self.assertRaisesRegex(OSError, "unreachable"):
            connect("192.0.2.77")


class Names(LabCase):
    def test_answers_change_at_run_time(self):
        def addresses():
            return {info[4][0] for info in socket.getaddrinfo("private.us.icr.io", 443)}
        self.assertEqual(addresses(), set(PRIVATE_US))
        self.lab.dns.set("private.us.icr.io", ["166.9.251.77"])
        self.assertEqual(addresses(), {"166.9.251.77"})
        self.lab.dns.set("private.us.icr.io", ["166.9.251.78"], cname="edge.lab")
        self.assertEqual(addresses(), {"166.9.251.78"})
        self.lab.dns.remove("private.us.icr.io")
        with self.assertRaises(socket.gaierror) as caught:
            addresses()
        self.assertEqual(caught.exception.errno, socket.EAI_NONAME)
        self.lab.dns.fail("private.us.icr.io")
        with self.assertRaises(socket.gaierror) as caught:
            addresses()
        self.assertEqual(caught.exception.errno, socket.EAI_AGAIN)

    def test_silence_counts_queries(self):
        self.lab.dns.silence("quiet.lab")
        query = (b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + dns.encode_name("quiet.lab")
                 + b"\0\1\0\1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.sendto(query, ("198.51.100.53", 53))
            with self.assertRaises(socket.timeout):
                client.recv(512)
        self.assertEqual(self.lab.dns.queries("quiet.lab"), 1)

    def test_both_families_answer(self):
        def addresses(name, family):
            return [info[4][0] for info in socket.getaddrinfo(name, 443, family,
                                                              socket.SOCK_STREAM)]
        with self.assertRaises(socket.gaierror):
            addresses("us.icr.io", socket.AF_INET6)
        self.lab.add_ipv6("us")
        for role in ("private", "public"):
            name, wanted = lab.REGIONS["us"][role], lab.REGIONS["us"][role + "_ipv6"]
            self.assertEqual(addresses(name, socket.AF_INET6), wanted)
            self.assertEqual(sorted(addresses(name, socket.AF_INET)),
                             lab.REGIONS["us"][role + "_addresses"])
            self.run_ok(lab.run("curl", "-sS", "-6", "-m", "5", "https://%s/v2/" % name))
            self.assertEqual([line["address"] for line in self.lab.log(role=role)], wanted)

    def test_many_addresses_come_over_tcp(self):
        many = ["166.9.251.%d" % number for number in range(100, 180)]
        self.lab.dns.set("many.lab", many)
        found = {info[4][0] for info in socket.getaddrinfo("many.lab", 443, socket.AF_INET)}
        self.assertEqual(found, set(many))


class Addresses(LabCase):
    def test_kinds_of_death_differ(self):
        address = PRIVATE_US[0]
        connect(address)
        self.lab.refuse(address)
        with self.assertRaises(ConnectionRefusedError):
            connect(address)
        self.lab.unreachable(address)
        with self.assertRaisesRegex(OSError, "No route to host"):
            connect(address)
        self.lab.timeout(address)
        begin = time.monotonic()
        with self.assertRaises(socket.timeout):
            connect(address, 0.5)
        self.assertGreater(time.monotonic() - begin, 0.4)
        self.lab.revive(address)
        connect(address)

    def test_a_default_route_as_on_a_host(self):
        strangers = ("192.0.2.77", "2001:db8::77")
        for address in strangers:
            with self.assertRaisesRegex(OSError, "Network is unreachable"):
                connect(address)
        self.lab.default_route()
        for address in strangers:
            with self.assertRaises(socket.timeout):
                connect(address, 0.3)
        # What is closed on purpose fails at once all the same.
        for address in ("233.252.0.1", "ff0e::db8:0:1"):
            with self.assertRaisesRegex(OSError, "Network is unreachable"):
                connect(address)
        self.lab.default_route("unreachable")
        for address in strangers:
            with self.assertRaisesRegex(OSError, "No route to host"):
                connect(address)
        connect(PRIVATE_US[0])

    def test_a_veth_pair_serves_where_there_is_no_tun(self):
        tried = []

        def without_tun(*arguments, check=True, real=net.ip):
            tried.append(arguments[0])
            return False if arguments[0] == "tuntap" else real(*arguments, check=check)
        net.ip, kept = without_tun, net.ip
        self.addCleanup(setattr, net, "ip", kept)
        kept("link", "del", net.SINK, check=False)
        self.addCleanup(kept, "link", "del", net.SINK, check=False)
        net.silent("166.9.251.99")
        self.assertIn("tuntap", tried)
        with self.assertRaises(socket.timeout):
            connect("166.9.251.99", 0.5)

    def test_reset_and_hang_after_accept(self):
        front = self.lab.fronts["us-private-1"]
        front.faults.accept = "reset"
        with self.assertRaises(ConnectionResetError):
            with socket.create_connection((front.address, 443), 2) as client:
                client.recv(1)
        front.faults.accept = "hang"
        with socket.create_connection((front.address, 443), 2) as client:
            client.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                client.recv(1)


class Fronts(LabCase):
    def curl(self, url, *options):
        return lab.run("curl", "-sS", "-m", "5", "-w", "\n%{http_code}", *options, url)

    def test_token_flow_is_bound_to_the_host(self):
        done = self.curl("https://private.us.icr.io/v2/", "-i")
        self.assertIn('www-authenticate: bearer realm="https://private.us.icr.io/oauth/token", '
                      'service="registry"', done.stdout.lower())
        login = ("-u", "iamapikey:" + lab.API_KEY)
        scope = "?service=registry&scope=repository:demo/hello:pull"
        done = self.curl("https://private.us.icr.io/oauth/token" + scope, *login)
        token = "Authorization: Bearer " + json.loads(done.stdout.rpartition("\n")[0])["token"]
        for url, status in (("https://private.us.icr.io/v2/demo/hello/manifests/1", "200"),
                            ("https://private.us.icr.io/v2/demo/other/manifests/1", "401"),
                            ("https://us.icr.io/v2/demo/hello/manifests/1", "401"),
                            ("https://private.us.icr.io/api/v1/namespaces", "401")):
            self.assertTrue(self.curl(url, "-H", token).stdout.endswith("\n" + status), url)
        done = self.curl("https://private.us.icr.io/v2/", *login)
        self.assertTrue(done.stdout.endswith("401"), "Basic must not open /v2/")
        done = self.curl("https://private.us.icr.io/oauth/token", "-u", "iamapikey:wrong")
        self.assertIn("The login credentials are not valid", done.stdout)
        done = self.curl("https://private.us.icr.io/oauth/token", "-d", "grant_type=password")
        self.assertTrue(done.stdout.endswith("405"))

    def test_expect_continue_is_answered_only_when_the_body_is_wanted(self):
        big = os.path.join(lab.WORK, "tmp/big")
        lab.Lab.write(big, b"x" * 3000000)
        done = self.curl("https://private.us.icr.io/v2/demo/new/blobs/uploads/", "-v", "-H",
                         "Expect: 100-continue", "--data-binary", "@" + big)
        self.assertNotIn("100 Continue", done.stderr)
        self.assertTrue(done.stdout.endswith("401"), str(done))

    def test_certificates_change_at_run_time(self):
        fronts = self.lab.private_fronts()
        url = "https://private.us.icr.io/v2/"
        self.assert_code(0, self.curl(url))
        for names, fault, text in ((["us.icr.io"], {}, "no alternative certificate subject"),
                                   (["private.us.icr.io"], {"expired": True}, "expired"),
                                   (["private.us.icr.io"], {"untrusted": True}, "issuer")):
            self.lab.set_cert(fronts, names, **fault)
            done = self.curl(url)
            self.assert_code(60, done)
            self.assert_says(text, done)
        self.lab.set_cert(fronts, ["private.us.icr.io"])
        self.assert_code(0, self.curl(url))

    def test_a_host_that_is_not_served_here(self):
        done = self.curl("https://private.us.icr.io/v2/", "-H", "Host: de.icr.io")
        self.assertTrue(done.stdout.endswith("421"), str(done))


class Clients(LabCase):
    """Real clients without the product: the log tells both ways apart."""

    def test_an_unsteered_pull_is_seen_on_the_public_side(self):
        log_in_plainly("us.icr.io")
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assertEqual({line["address"] for line in self.lab.log()}, set(PUBLIC_US))
        self.assertEqual(self.lab.log(role="private"), [])

    def test_a_steered_pull_is_seen_on_the_private_side(self):
        log_in_plainly("us.icr.io")
        pin(PRIVATE_US[1], "us.icr.io")
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.assertEqual({line["address"] for line in self.lab.log()}, {PRIVATE_US[1]})
        self.assertEqual({line["sni"] for line in self.lab.log()}, {"us.icr.io"})

    def test_a_redirected_blob_is_seen(self):
        log_in_plainly("us.icr.io")
        pin(PRIVATE_US[0], "us.icr.io")
        self.lab.fronts["us-private-1"].faults.blob_host = "dd0.us.icr.io"
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assertNotEqual(self.lab.connections(role="download"), [])
        with self.assertRaises(AssertionError):
            self.assert_private_only()

    def test_a_push_arrives(self):
        log_in_plainly("us.icr.io")
        pin(PRIVATE_US[0], "us.icr.io")
        self.run_ok(self.lab.skopeo("copy", "docker://" + IMAGE, "docker://us.icr.io/demo/b:2"))
        self.assertEqual(self.lab.registry.tags("demo/b"), ["2"])
        self.assert_private_only()


class Faulty(LabCase):
    """The ways to go wrong that are neither an address nor a certificate."""

    settings = {"regions": ("us",)}
    URL = "https://private.us.icr.io"

    def curl(self, path, *options, limit="5"):
        return lab.run("curl", "-sS", "-m", limit, "-w", "\n%{http_code} %{redirect_url}", "-i",
                       *options, self.URL + path)

    def status(self, *arguments):
        return self.curl(*arguments).stdout.rpartition("\n")[2].split(" ")[0]

    def script(self, *faults):
        for front in self.lab.private_fronts():
            front.faults.add(*faults)

    def bearer(self):
        self.lab.realm.anonymous = True
        done = self.curl("/oauth/token?service=registry&scope=repository:demo/hello:pull")
        return "Authorization: Bearer " + json.loads(done.stdout.split("\n\n")[1].rpartition(
            "\n")[0])["token"]

    def test_statuses_of_the_registry(self):
        # One address, so that "once" is once.
        self.lab.dns.set("private.us.icr.io", PRIVATE_US[:1])
        self.script(Fault(500, times=1, path="/v2/"), Fault(429, retry_after=3, times=1),
                    Fault(503, times=1), Fault(403, times=1, method="GET"))
        self.assertEqual([self.status("/v2/") for _ in range(5)],
                         ["500", "429", "503", "403", "401"])
        self.script(Fault(429, retry_after=3), Fault(500))
        self.assertIn("\nRetry-After: 3\n", self.curl("/v2/").stdout)

    def test_an_answer_that_is_late_has_its_request_logged_before(self):
        self.script(Fault(delay=30, path="^/v2/$"))
        self.assert_code(28, self.curl("/v2/", limit="0.5"))
        self.assertEqual([line["path"] for line in self.lab.access.find(kind="late")], ["/v2/"])
        self.assertEqual(self.lab.log(), [])

    def test_a_late_handshake(self):
        for front in self.lab.private_fronts():
            front.faults.handshake_delay = 0.7
        begin = time.monotonic()
        self.assertEqual(self.status("/v2/"), "401")
        self.assertGreater(time.monotonic() - begin, 0.7)
        self.assert_code(28, self.curl("/v2/", limit="0.3"))

    def test_a_captive_portal(self):
        self.script(Fault.captive())
        done = self.curl("/v2/")
        self.assertIn("200", done.stdout.rpartition("\n")[2])
        self.assertIn("Please sign in", done.stdout)

    def test_the_realm_of_another_host(self):
        for front in self.lab.private_fronts():
            front.faults.realm_host = "de.icr.io"
        self.assertIn('realm="https://de.icr.io/oauth/token", service=', self.curl("/v2/").stdout)

    def test_a_mangled_question_for_a_token(self):
        self.lab.realm.anonymous = True
        for query in ("service=%22registry%22", "scope=demo/hello", "scope=%22repository:a:pull"):
            self.assertEqual(self.status("/oauth/token?" + query), "400", query)

    def test_redirects_of_blobs(self):
        bearer = self.bearer()
        self.lab.add_front("download-http", "download", lab.DOWNLOAD, ["dd0.us.icr.io"], port=80,
                           tls=False)
        self.lab.add_front("download-8443", "download", lab.DOWNLOAD, ["dd0.us.icr.io"],
                           port=8443)
        manifest = lab.run("curl", "-sS", "-H", bearer, "-H", "Accept: application/vnd.docker."
                           "distribution.manifest.v2+json",
                           self.URL + "/v2/demo/hello/manifests/1")
        blob = "/v2/demo/hello/blobs/" + json.loads(manifest.stdout)["config"]["digest"]
        for location, front in (("//dd0.us.icr.io{path}", "download"),
                                ("http://dd0.us.icr.io{path}", "download-http"),
                                ("https://dd0.us.icr.io:8443{path}", "download-8443"),
                                ("{path}&again", None), ("", None)):
            for one in self.lab.private_fronts():
                one.faults.blob_location = location
            done = self.curl(blob, "-H", bearer)
            self.assertIn("HTTP/1.1 307", done.stdout)
            self.assertEqual("Location:" in done.stdout, location != "")
            if front:
                self.lab.clear_log()
                done = self.curl(blob, "-H", bearer, "-L")
                self.assertEqual(done.stdout.rpartition("\n")[2][:3], "200", str(done))
                self.assertEqual([line["status"] for line in self.lab.log(front=front)], [200])

    def test_names_that_are_late(self):
        self.lab.dns.delay("private.us.icr.io", 0.6)
        begin = time.monotonic()
        self.assertEqual({info[4][0] for info in socket.getaddrinfo(
            "private.us.icr.io", 443, socket.AF_INET)}, set(PRIVATE_US))
        self.assertGreater(time.monotonic() - begin, 0.6)

    def test_a_first_name_server_that_is_dead(self):
        self.lab.dead_name_server("refused")
        self.assertEqual(self.status("/v2/"), "401")
        self.lab.dead_name_server("silent")
        done = lab.run("getent", "ahostsv4", "us.icr.io", timeout=20)
        self.assertIn(PUBLIC_US[0], done.stdout)

    def test_private_names_at_wrong_addresses(self):
        for kind, address in lab.WRONG_ADDRESSES.items():
            self.lab.renumber("private.us.icr.io", [address])
            found = {info[4][0] for info in socket.getaddrinfo("private.us.icr.io", 443)}
            self.assertEqual(found, {address}, kind)
            if net.can_listen(address):
                self.assertEqual(self.status("/v2/"), "401", kind)
                self.assertEqual(self.lab.log()[-1]["address"], address)

    def test_a_certificate_for_everything_everywhere(self):
        self.lab.cover_everything()
        for name in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            for address in (PRIVATE_US[0], PUBLIC_US[0]):
                done = lab.run("curl", "-sS", "-m", "5", "--resolve", "%s:443:%s" %
                               (name, address), "https://%s/v2/" % name)
                self.assert_code(0, done)

    def test_live_sockets_are_listed(self):
        self.assertEqual(self.lab.sockets(PUBLIC_US[0], "ESTABLISHED"), [])
        for address in (PUBLIC_US[0], *PRIVATE_US):
            with socket.create_connection((address, 443), 2) as client:
                mine, = [one for one in self.lab.sockets(address, "ESTABLISHED")
                         if one["remote"][1] == 443]
                self.assertEqual((mine["remote"], mine["local"]),
                                 ((address, 443), client.getsockname()))
        self.assertIn((PUBLIC_US[0], 443), [one["local"] for one in
                                            self.lab.sockets(state="LISTEN")])
