# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Connections to the public addresses that were open before: none may outlive apply and refresh."""

import os
import socket
import ssl

from . import lab
from .case import IMAGE, PRIVATE_US, PUBLIC_DE, PUBLIC_US, LabCase

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

    def test_nothing_is_said_where_there_is_none(self):
        done = self.apply()
        self.assertNotIn("keeps a connection", done.stdout + done.stderr)


class Engine(LabCase):
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
