# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Addresses of the lab's network namespace: local ones, silent ones, unreachable ones."""

import ipaddress
import socket
import subprocess
import sys
import time

SINK = "sink0"
# Numbers of /proc/net/tcp.
STATES = dict(enumerate("ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE "
                        "CLOSE_WAIT LAST_ACK LISTEN CLOSING NEW_SYN_RECV".split(), 1))


def ip(*arguments, check=True):
    """Runs ip; false if it failed and need not succeed."""
    done = subprocess.run(["ip", *arguments], capture_output=True, timeout=10, text=True)
    if check and done.returncode:
        raise RuntimeError("ip %s: %s" % (" ".join(arguments), done.stderr.strip()))
    return done.returncode == 0


def host(address):
    return address + ("/128" if ":" in address else "/32")


def can_listen(address):
    """Whether a server can be at ADDRESS and at no other."""
    known = ipaddress.ip_address(address)
    return not known.is_multicast and not known.is_unspecified


def endpoint(text):
    """Address and port of /proc/net/tcp: words in the machine's order of bytes."""
    digits, _, port = text.partition(":")
    words = [digits[start:start + 8] for start in range(0, len(digits), 8)]
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return str(ipaddress.ip_address(packed)), int(port, 16)


def sockets():
    """{local, remote, state, inode} of every TCP socket here; local and remote are (address, port).
    """
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            for line in file.readlines()[1:]:
                words = line.split()
                found.append({"local": endpoint(words[1]), "remote": endpoint(words[2]),
                              "state": STATES.get(int(words[3], 16)), "inode": int(words[9])})
    return found


def forget(address):
    """ADDRESS is nobody's: not local, no route of its own."""
    place = host(address)
    lines = ["addr del %s dev lo" % place, "route del unicast " + place,
             "route del unreachable " + place]
    # One process for all of it; what is not there cannot be taken away.
    subprocess.run(["ip", "-6" if ":" in address else "-4", "-force", "-batch", "-"],
                   input="\n".join(lines) + "\n", capture_output=True, timeout=10, text=True,
                   check=False)


def is_local(address):
    """Whether packets to ADDRESS come to this machine: its answers would come from there."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
        return ipaddress.ip_address(probe.getsockname()[0]) == ipaddress.ip_address(address)


def local(address):
    """ADDRESS is this machine's."""
    forget(address)
    if ":" not in address:
        ip("addr", "add", host(address), "dev", "lo")
        return
    # The kernel makes an IPv6 address usable, and its route, in a job of its own.
    ip("addr", "add", host(address), "dev", "lo", "nodad")
    deadline = time.monotonic() + 10
    while not is_local(address):
        if time.monotonic() > deadline:
            raise RuntimeError(address + " does not become local")
        time.sleep(0.005)


def make_sink():
    """A device that swallows every packet. Not every container has /dev/net/tun."""
    if ip("link", "show", SINK, check=False):
        return
    if not ip("tuntap", "add", "dev", SINK, "mode", "tun", check=False):
        ip("link", "add", SINK, "type", "veth", "peer", "name", SINK + "p")
        ip("link", "set", SINK + "p", "up")
        ip("link", "set", SINK, "arp", "off")
    ip("link", "set", SINK, "up")


def silent(address):
    """Packets to ADDRESS vanish: connects time out, as without VRF or service endpoints."""
    make_sink()
    forget(address)
    ip("route", "add", host(address), "dev", SINK)


def unreachable(address):
    """Connects to ADDRESS fail at once with EHOSTUNREACH."""
    forget(address)
    ip("route", "add", "unreachable", host(address))


def default_route(kind):
    """Where packets to addresses that are nobody's go: nowhere (None), into the sink ("silent"), or
    to a router that knows no way ("unreachable")."""
    for family in ("-4", "-6"):
        for old in ("unicast", "unreachable"):
            ip(family, "route", "del", old, "default", check=False)
        if kind == "silent":
            make_sink()
            ip(family, "route", "add", "default", "dev", SINK)
        elif kind == "unreachable":
            ip(family, "route", "add", "unreachable", "default")


def await_port(where, seconds=10, alive=None):
    """Returns once something accepts at WHERE: (address, port), or a socket's path."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            try:
                probe.connect(where)
                return
            except OSError as error:
                reason = error
        if alive is not None and not alive():
            raise RuntimeError("what should listen at %s has ended" % (where,))
        if time.monotonic() > deadline:
            raise RuntimeError("nothing listens at %s: %s" % (where, reason))
        time.sleep(0.02)
