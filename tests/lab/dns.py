# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""An authoritative DNS server (RFC 1035, UDP and TCP) whose answers change at run time."""

import contextlib
import ipaddress
import itertools
import socket
import struct
import threading
import time

TYPES = {1: "A", 5: "CNAME", 6: "SOA", 28: "AAAA"}
NUMBERS = {name: number for number, name in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
UDP_LIMIT = 512


def encode_name(name):
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode_question(message):
    """The first question of a query: name in lower case, type, and where it ends."""
    labels, offset = [], 12
    while message[offset]:
        length = message[offset]
        labels.append(message[offset + 1:offset + 1 + length].decode("ascii").lower())
        offset += 1 + length
    kind, _ = struct.unpack_from("!HH", message, offset + 1)
    return ".".join(labels), kind, offset + 5


class Dns:
    """Names are exact, or "*.parent" for any name one label below parent without its own entry."""

    def __init__(self, address="198.51.100.53", port=53, ttl=60):
        self.ttl = ttl
        self.zones, self.delays, self.flips = {}, {}, {}
        self.failing = set()
        self.asked = []
        self.lock = threading.Lock()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen(64)
        self.closing = False
        self.threads = [threading.Thread(target=loop, daemon=True)
                        for loop in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    def set(self, name, addresses, cname=None):
        """NAME has these addresses (IPv4, IPv6), reached through the alias cname if given."""
        records = []
        owner = name.lower()
        if cname:
            records.append((owner, "CNAME", cname.lower()))
            owner = cname.lower()
        for address in addresses:
            kind = "AAAA" if ipaddress.ip_address(address).version == 6 else "A"
            records.append((owner, kind, address))
        with self.lock:
            self.zones[name.lower()] = records

    def fail(self, name, kind=None):
        """NAME is answered SERVFAIL; with KIND ("AAAA") only when that is asked for."""
        with self.lock:
            if kind:
                self.failing.add((name.lower(), kind))
            else:
                self.zones[name.lower()] = "servfail"

    def heal(self, name, kind):
        with self.lock:
            self.failing.discard((name.lower(), kind))

    def flip(self, name, *answers):
        """NAME has other addresses at each query for A: those of ANSWERS, in turn."""
        with self.lock:
            self.flips[name.lower()] = itertools.cycle([(name.lower(), "A", one) for one in answer]
                                                       for answer in answers)

    def silence(self, name):
        """Queries for NAME are not answered at all."""
        with self.lock:
            self.zones[name.lower()] = "silent"

    def delay(self, name, seconds):
        """Answers for NAME come so much later; 0 for at once."""
        with self.lock:
            self.delays[name.lower()] = seconds

    def remove(self, name):
        """NAME does not exist (NXDOMAIN), as every name never set."""
        with self.lock:
            self.zones.pop(name.lower(), None)

    def addresses(self, name):
        entry = self.zones.get(name.lower(), [])
        return [value for _, kind, value in entry if kind in ("A", "AAAA")]

    def queries(self, name=None):
        """How often NAME was asked for since the start or clear(); all names without NAME."""
        with self.lock:
            return sum(1 for asked, _ in self.asked if name is None or asked == name.lower())

    def clear(self):
        with self.lock:
            self.asked.clear()

    def close(self):
        self.closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.udp.getsockname())
        self.tcp.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
        self.udp.close()
        self.tcp.close()

    def _find(self, name):
        return self.zones.get(name, self.zones.get("*." + name.partition(".")[2]))

    def _record(self, owner, kind, value):
        if kind == "CNAME":
            data = encode_name(value)
        elif kind == "SOA":
            data = encode_name("ns.lab") + encode_name("root.lab") + struct.pack(
                "!5I", 1, 3600, 600, 86400, 1)
        else:
            data = ipaddress.ip_address(value).packed
        return encode_name(owner) + struct.pack("!HHIH", NUMBERS[kind], 1, self.ttl,
                                                len(data)) + data

    def _answer(self, query, limit):
        """The reply to QUERY, or None for silence."""
        name, kind, end = decode_question(query)
        with self.lock:
            self.asked.append((name, TYPES.get(kind, str(kind))))
            if name in self.flips and kind == NUMBERS["A"]:
                self.zones[name] = next(self.flips[name])
            entry = "servfail" if (name, TYPES.get(kind)) in self.failing else self._find(name)
        if entry == "silent":
            return None
        code, records = NOERROR, []
        if entry is None:
            code = NXDOMAIN
        elif entry == "servfail":
            code = SERVFAIL
        else:
            records = [record for record in entry if record[1] in ("CNAME", TYPES.get(kind))]
        answers = [self._record(*record) for record in records]
        authority = [] if records or code == SERVFAIL else [self._record("", "SOA", "")]
        body = query[12:end] + b"".join(answers) + b"".join(authority)
        flags = 0x8580 | (struct.unpack_from("!H", query, 2)[0] & 0x0100) | code
        if 12 + len(body) > limit:
            flags, answers, authority, body = flags | 0x0200, [], [], query[12:end]
        return query[:2] + struct.pack("!5H", flags, 1, len(answers), len(authority), 0) + body

    def _delay(self, query):
        with self.lock:
            return self.delays.get(decode_question(query)[0], 0)

    def _send(self, reply, peer):
        with contextlib.suppress(OSError):
            self.udp.sendto(reply, peer)

    def _serve_udp(self):
        while not self.closing:
            try:
                query, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            try:
                reply = self._answer(query, UDP_LIMIT)
                delay = self._delay(query)
                if reply is not None and delay:
                    timer = threading.Timer(delay, self._send, (reply, peer))
                    timer.daemon = True
                    timer.start()
                elif reply is not None:
                    self._send(reply, peer)
            except (IndexError, UnicodeError, struct.error, OSError):
                continue

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection):
        with connection, connection.makefile("rwb") as stream:
            try:
                connection.settimeout(10)
                while True:
                    header = stream.read(2)
                    if len(header) < 2:
                        return
                    query = stream.read(struct.unpack("!H", header)[0])
                    reply = self._answer(query, 65535)
                    time.sleep(self._delay(query))
                    if reply is None:
                        continue
                    stream.write(struct.pack("!H", len(reply)) + reply)
                    stream.flush()
            except (IndexError, UnicodeError, struct.error, OSError):
                return
