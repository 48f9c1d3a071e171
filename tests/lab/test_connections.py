# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Connections to the public addresses that were open before: none may outlive apply and refresh."""

import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import time

from tests.common import TOP

from . import lab
from .case import IMAGE, PRIVATE_DE, PRIVATE_US, PUBLIC_DE, PUBLIC_US, LabCase, read

OPEN = ("ESTABLISHED", "CLOSE_WAIT", "SYN_SENT")


def still_open(up, address):
    return [one for one in up.sockets(remote=address)
            if one["state"] in OPEN and one["remote"][1] == 443]


class KeptAlive:
    """A client that keeps its connection, as engines do."""

    def __init__(self, address, name="us.icr.io"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.tls = context.wrap_socket(socket.create_connection((address, 443), timeout=5),
                                       server_hostname=name)
        self.name = name

    def ask(self):
        self.tls.sendall(b"GET /v2/ HTTP/1.1\r\nHost: %s\r\n\r\n" % self.name.encode())
        answer = self.tls.recv(65536)
        while b"}]}" not in answer:
            answer += self.tls.recv(65536)
        return answer.split()[1]

    def close(self):
        self.tls.close()


ENGINE = """
import sys
from tests.lab.test_connections import KeptAlive
client = KeptAlive(*sys.argv[2:4])
client.ask()
kept = [open("/dev/null") for _ in range(int(sys.argv[4]))]
open("/proc/self/comm", "w").write(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(client.ask().decode(), flush=True)
    except OSError as error:
        print("ended", flush=True)
"""


# A filter of system calls (seccomp(2)): socket(AF_NETLINK, ..., NETLINK_SOCK_DIAG) fails.
WITHOUT_SOCK_DIAG = """
import ctypes, errno, os, platform, struct, sys
number = {"x86_64": 41}.get(platform.machine(), 198)
load, equal, give = 0x20, 0x15, 0x06
rules = [(load, 0, 0, 0), (equal, 0, 5, number), (load, 0, 0, 16), (equal, 0, 3, 16),
         (load, 0, 0, 32), (equal, 0, 1, 4), (give, 0, 0, 0x50000 | errno.EPROTONOSUPPORT),
         (give, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
    raise OSError(ctypes.get_errno(), "prctl")
os.execv(sys.argv[1], sys.argv[1:])
"""


class Engine:
    """A process that is called NAME, and keeps a connection."""

    def __init__(self, name, address, host="us.icr.io", files=0):
        self.process = subprocess.Popen([sys.executable, "-c", ENGINE, name, address, host,
                                         str(files)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("no connection to " + address)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.communicate()


MANY = 1500


def open_many(case, address):
    """MANY sockets that connect to ADDRESS, which is silent."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    case.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    for _ in range(MANY):
        kept = socket.socket()
        case.addCleanup(kept.close)
        kept.setblocking(False)
        kept.connect_ex((address, 443))


def children_cpu():
    """Seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Connections(LabCase):
    settings = {"registry": False}

    def open(self, address, name="us.icr.io"):
        client = KeptAlive(address, name)
        self.addCleanup(client.close)
        self.assertEqual(client.ask(), b"401")
        self.assertEqual(client.ask(), b"401")
        return client

    def assert_ended(self, client, address):
        self.assertEqual(still_open(self.lab, address), [])
        with self.assertRaises(OSError):
            client.ask()

    def test_apply_ends_them(self):
        client = self.open(PUBLIC_US[0])
        other = self.open(PUBLIC_DE[0], "de.icr.io")
        private = self.open(PRIVATE_US[0])
        self.apply()
        self.assert_ended(client, PUBLIC_US[0])
        self.assertEqual(other.ask(), b"401")
        self.assertEqual(private.ask(), b"401")

    def test_apply_ends_those_of_the_alias_and_of_ipv6(self):
        self.lab.add_ipv6("us")
        model = self.lab.fronts["us-public-1"]
        self.lab.add_front("alias", "public", "203.0.113.12", model.hosts, model.context)
        self.lab.dns.set("registry.ng.bluemix.net", ["203.0.113.12"])
        public6 = lab.REGIONS["us"]["public_ipv6"][0]
        clients = [(address, self.open(address)) for address in ("203.0.113.12", public6)]
        self.apply()
        for address, client in clients:
            self.assert_ended(client, address)

    def test_refresh_ends_them(self):
        self.apply()
        client = self.open(PUBLIC_US[0])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assert_ended(client, PUBLIC_US[0])

    def test_a_second_apply_with_nothing_to_change_ends_them(self):
        self.apply()
        client = self.open(PUBLIC_US[0])
        self.apply()
        self.assert_ended(client, PUBLIC_US[0])

    def test_check_and_plan_and_a_failed_apply_leave_them(self):
        client = self.open(PUBLIC_US[0])
        self.lab.rewrite("check", "--regions", "us")
        self.lab.rewrite("plan", "--regions", "us")
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(client.ask(), b"401")

    def test_where_the_kernel_may_not_it_is_told_who(self):
        client = self.open(PUBLIC_US[0])
        done = lab.run("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
                       os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us")
        self.assert_code(0, done)
        self.assert_says(r"python3?[0-9.]* \(process %d\) keeps a connection to the public "
                         r"address %s" % (os.getpid(), PUBLIC_US[0]), done)
        self.assert_says("Operation not permitted", done)
        self.assertEqual(client.ask(), b"401")

    def test_thousands_that_stay_cost_little(self):
        """Every process is looked at once for all of them."""
        self.lab.timeout(PUBLIC_US[0])
        open_many(self, PUBLIC_US[0])
        before = children_cpu()
        done = lab.run("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
                       os.path.join(lab.BUILD, "icr-rewrite"), "apply", "--regions", "us")
        self.assertLess(children_cpu() - before, 3)
        self.assert_code(0, done)
        self.assert_says(r"\(process %d\) keeps a connection to the public address %s"
                         % (os.getpid(), PUBLIC_US[0]), done)

    def test_where_the_kernel_has_no_sock_diag(self):
        """Known are they all the same, by the files of /proc."""
        client = self.open(PUBLIC_US[0])
        program = os.path.join(lab.BUILD, "icr-rewrite")
        done = lab.run(sys.executable, "-c", WITHOUT_SOCK_DIAG, program, "apply", "--regions", "us",
                       cwd=TOP)
        self.assert_code(0, done)
        self.assert_says(r"\(process %d\) keeps a connection to the public address %s"
                         % (os.getpid(), PUBLIC_US[0]), done)
        self.assert_says("Protocol not supported", done)
        self.assertEqual(client.ask(), b"401")

    def test_nothing_is_said_where_there_is_none(self):
        done = self.apply()
        self.assertNotIn("keeps a connection", done.stdout + done.stderr)


class Elsewhere(LabCase):
    """Connections to public addresses that the name servers do not give (any more)."""

    settings = {"registry": False}
    NEW = "203.0.113.11"

    def engine(self, address=PUBLIC_US[0], host="us.icr.io", name="dockerd"):
        engine = Engine(name, address, host)
        self.addCleanup(engine.close)
        self.assertEqual(engine.ask(), "401")
        self.lab.clear_log()
        return engine

    def move(self):
        for name in ("us.icr.io", "registry.ng.bluemix.net"):
            self.lab.renumber(name, [self.NEW])

    def assert_shaken_hands(self, address, names):
        """Who was asked saw a ClientHello, and no request."""
        self.assertEqual({line["sni"] for line in self.lab.connections(address=address)}, names)
        self.assertEqual(self.lab.log(address=address), [])

    def test_engines_of_a_front_that_proves_to_be_one(self):
        self.move()
        for name in ("dockerd", "containerd", "podman", "slirp4netns"):
            with self.subTest(name):
                engine = self.engine(name=name)
                self.apply()
                self.assertEqual(engine.ask(), "ended")
                self.assert_shaken_hands(PUBLIC_US[0], {"us.icr.io", "registry.ng.bluemix.net"})
                self.run_ok(self.lab.rewrite("undo"))

    def test_refresh_too(self):
        self.move()
        self.apply()
        engine = self.engine()
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(engine.ask(), "ended")

    def test_front_of_ipv6(self):
        self.lab.add_ipv6("us")
        engine = self.engine(lab.REGIONS["us"]["public_ipv6"][0])
        self.lab.dns.set("us.icr.io", PUBLIC_US)
        self.lab.dns.set("registry.ng.bluemix.net", PUBLIC_US)
        self.apply()
        self.assertEqual(engine.ask(), "ended")

    def test_names_that_are_closed(self):
        self.move()
        self.run_ok(self.lab.rewrite("apply", "--regions", "us", "--offline"))
        engine = self.engine()
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertEqual(engine.ask(), "ended")

    def test_a_region_that_went_public_keeps_its_connections(self):
        self.apply("--fallback", "public", regions="us,de")
        self.lab.refuse(*PRIVATE_DE)
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.lab.renumber("de.icr.io", [self.NEW])
        engine = self.engine(PUBLIC_DE[0], "de.icr.io")
        self.assert_code(4, self.lab.rewrite("refresh"))
        self.assertEqual(engine.ask(), "401")
        names = {line["sni"] for line in self.lab.connections(address=PUBLIC_DE[0])}
        self.assertNotIn("de.icr.io", names)

    def test_strangers_are_left_alone(self):
        other = self.engine(PUBLIC_DE[0], "de.icr.io")
        hostile = self.lab.add_front("hostile", "public", "203.0.113.66", ["us.icr.io"])
        self.lab.set_cert([hostile], ["us.icr.io"], untrusted=True)
        liar = self.engine(hostile.address)
        for _ in range(2):
            done = self.apply()
            self.assertNotIn("keeps a connection", str(done))
        self.assertEqual((other.ask(), liar.ask()), ("401", "401"))
        self.assertEqual(self.lab.log(address=PUBLIC_DE[0])[:-1], [])

    def test_programs_that_fetch_no_image_are_not_asked_about(self):
        self.move()
        other = self.engine(name="browser")
        self.apply()
        self.assertEqual(self.lab.connections(address=PUBLIC_US[0]), [])
        self.assertEqual(other.ask(), "401")

    def test_thousands_of_others_cost_little(self):
        """Beside an engine that has as many files open."""
        self.lab.timeout("203.0.113.77")
        open_many(self, "203.0.113.77")
        engine = Engine("containerd", PUBLIC_US[0], files=MANY)
        self.addCleanup(engine.close)
        before = children_cpu()
        self.apply()
        self.assertLess(children_cpu() - before, 3)

    def test_who_is_silent_is_said_and_costs_little(self):
        self.move()
        engine = self.engine()
        self.apply("--offline")
        self.lab.fronts["us-public-1"].faults.accept = "hang"
        begin = time.monotonic()
        done = self.apply()
        self.assertLess(time.monotonic() - begin, 8)  # five for the cache of Go's programs
        self.assert_says(r"dockerd \(process %d\) keeps a connection to %s, of which cannot be told"
                         % (engine.process.pid, PUBLIC_US[0]), done)
        self.assertEqual(engine.ask(), "401")

    def test_an_address_that_was_known_is_asked_whoever_is_connected(self):
        self.apply()
        self.move()
        self.run_ok(self.lab.rewrite("refresh"))
        for fault in (None, "hang"):
            with self.subTest(fault):
                other = self.engine(name="browser")
                self.lab.fronts["us-public-1"].faults.accept = fault
                self.run_ok(self.lab.rewrite("refresh"))
                self.lab.fronts["us-public-1"].faults.accept = None
                self.assertEqual(other.ask(), "ended")

    def test_an_address_that_was_known_and_is_somebody_elses_by_now(self):
        self.apply()
        self.move()
        other = self.engine(name="browser")
        self.lab.set_cert([self.lab.fronts["us-public-1"]], ["shop.example"])
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(other.ask(), "401")

    def test_what_is_known_is_forgotten(self):
        """After a day by the clock that nobody can set, with the region, and by undo."""
        last = "/run/icr-rewrite/last.json"
        self.apply(regions="us,de")
        fronts = json.loads(read(last))["fronts"]
        self.assertEqual({(one["name"], one["address"]) for one in fronts},
                         {("us.icr.io", PUBLIC_US[0]), ("de.icr.io", PUBLIC_DE[0])})
        self.move()
        self.apply()
        told = json.loads(read(last))
        self.assertEqual([one["address"] for one in told["fronts"]], [self.NEW, PUBLIC_US[0]])
        told["fronts"][1]["uptime"] -= 24 * 3600 + 1
        told["fronts"].append({"name": "us.icr.io", "address": "10.0.0.1", "at": 1, "uptime": 1})
        told["fronts"].append({"name": 7, "address": [], "at": "x"})
        self.lab.write(last, json.dumps(told))
        other = self.engine(name="browser")
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(other.ask(), "401")
        self.assertEqual([one["address"] for one in json.loads(read(last))["fronts"]], [self.NEW])
        self.run_ok(self.lab.rewrite("undo"))
        self.assertFalse(os.path.exists(last))


class Dockerd(LabCase):
    settings = {"dockerd": True}

    def test_pulls_before_and_right_behind_apply(self):
        self.configure()
        self.store_key()
        self.run_ok(self.lab.docker("pull", IMAGE))
        self.assertNotEqual(self.lab.connections(role="public"), [])
        self.apply()
        self.assertEqual(still_open(self.lab, PUBLIC_US[0]), [])
        self.run_ok(self.lab.docker("rmi", IMAGE))
        self.lab.clear_log()
        self.run_ok(self.lab.docker("pull", IMAGE))
        self.assert_private_only()
