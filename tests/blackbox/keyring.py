# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Real session buses and a real gnome-keyring for tests, each in the home of one test."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from tests.blackbox.support import TIMEOUT

SECRETS = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"

# No folder of services: nothing is ever started by the bus itself.
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def stop(child):
    if child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.terminate()
        try:
            child.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            stream.close()


def wait_for(condition, what):
    """Waits until CONDITION() is true; for states that nothing announces."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.02)


class Bus:
    """A session bus without any service; its address is in home.env."""

    def __init__(self, home):
        self.home = home
        self.socket = home.path / "bus"
        config = home.write("bus.conf", CONFIG.format(socket=self.socket))
        self.child = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
             "--print-address=1"], env=home.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        address = self.child.stdout.readline().decode().strip()
        if not address:
            raise AssertionError("dbus-daemon did not start")
        home.env["DBUS_SESSION_BUS_ADDRESS"] = address

    def stop(self):
        stop(self.child)

    def call(self, method, *arguments, path=ROOT):
        """Calls a method of the Secret Service and returns the answer as gdbus prints it."""
        result = self.home.run(["gdbus", "call", "--session", "--timeout", "10", "--dest", SECRETS,
                                "--object-path", path, "--method",
                                f"org.freedesktop.Secret.{method}", *arguments])
        if result.status != 0:
            raise AssertionError(f"{method}: {result}")
        return result.out.decode()


class Keyring:
    """gnome-keyring on BUS. With a password its login keyring is made or unlocked, without one
    whatever is there stays locked."""

    def __init__(self, bus, password="test"):
        self.bus = bus
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        if password is not None:
            command.append("--unlock")
        self.child = subprocess.Popen(command, env=bus.home.environment(), stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.child.stdin.write((password or "").encode())
        self.child.stdin.close()
        done = bus.home.run(["gdbus", "wait", "--session", "--timeout", str(TIMEOUT), SECRETS])
        if done.status != 0:
            raise AssertionError(f"gnome-keyring did not start: {done}")
        if password is not None:
            wait_for(lambda: "collection" in bus.call("Service.ReadAlias", "default"),
                     "the login keyring")

    def stop(self):
        stop(self.child)

    def lock(self):
        path = re.search(r"'(/[^']*)'", self.bus.call("Service.ReadAlias", "default")).group(1)
        self.bus.call("Service.Lock", f"['{path}']")

    def freeze(self):
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.child.send_signal(signal.SIGCONT)

    def items(self, **attributes):
        """The paths of the items with these attributes, locked ones too."""
        asked = ", ".join(f"'{name}': '{value}'" for name, value in attributes.items())
        answer = self.bus.call("Service.SearchItems", f"{{{asked}}}" if asked else "@a{ss} {}")
        return re.findall(rf"'({ROOT}/collection/[^']*)'", answer)

    def attributes(self, path):
        result = self.bus.home.run(
            ["gdbus", "call", "--session", "--dest", SECRETS, "--object-path", path, "--method",
             "org.freedesktop.DBus.Properties.Get", "org.freedesktop.Secret.Item", "Attributes"])
        return dict(re.findall(r"'([^']*)': '([^']*)'", result.out.decode()))

    def label(self, path):
        result = self.bus.home.run(
            ["gdbus", "call", "--session", "--dest", SECRETS, "--object-path", path, "--method",
             "org.freedesktop.DBus.Properties.Get", "org.freedesktop.Secret.Item", "Label"])
        return re.search(r"<'(.*)'>", result.out.decode()).group(1)


class SilentBus:
    """Accepts connections and never says a word."""

    def __init__(self, home):
        path = home.path / "silent"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()
        home.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={path}"

    def accept(self):
        while True:
            try:
                self.kept.append(self.listener.accept()[0])
            except OSError:
                return

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.kept:
            connection.close()


class Pass:
    """A password store of pass(1) with a key of its own, in HOME."""

    def __init__(self, home):
        self.home = home
        folder = home.path / "gnupg"
        folder.mkdir(mode=0o700)
        home.env["GNUPGHOME"] = str(folder)
        for command in (
                ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "",
                 "--quick-generate-key", "test@example.invalid", "future-default", "default",
                 "never"],
                ["pass", "init", "test@example.invalid"]):
            done = home.run(command)
            if done.status != 0:
                raise AssertionError(f"{command[0]}: {done}")

    def stop(self):
        self.home.run(["gpgconf", "--kill", "all"])


def fake_program(home, name):
    """A program NAME, first in PATH, that leaves a mark: returns a function that tells whether it
    ran."""
    mark = home.path / f"{name}.ran"
    folder = home.path / "bin"
    home.write(f"bin/{name}", f"#!/bin/sh\n: >'{mark}'\nexit 1\n", mode=0o755)
    home.env["PATH"] = f"{folder}{os.pathsep}{home.env.get('PATH', '/usr/bin:/bin')}"
    return pathlib.Path(mark).exists


