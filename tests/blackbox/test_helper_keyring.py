# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The store "libsecret", the desktop's keyring, on real buses and a real gnome-keyring."""

import json
import os
import socket
import time

from tests.blackbox.keyring import Bus, Keyring, SilentBus, fake_program
from tests.blackbox.support import NOT_FOUND, HomeCase

PEER = "docker-credential-secretservice"
LABEL = "Docker Credentials"
# docker-credential-icr(1) promises 3 s for a keyring; a loaded machine gets more.
LIMIT = 5.0


def message(host, username="iamapikey", secret="s3cret"):
    return json.dumps({"ServerURL": host, "Username": username, "Secret": secret})


class KeyringCase(HomeCase):
    def start(self, part, *arguments, **more):
        started = part(*arguments, **more)
        self.addCleanup(started.stop)
        return started

    def start_keyring(self, **more):
        self.bus = self.start(Bus, self.home)
        self.keyring = self.start(Keyring, self.bus, **more)

    def helper(self, *arguments, **more):
        """Runs the helper; nothing may take longer than the limit, whatever the state."""
        result = self.home.helper(*arguments, **more)
        self.assertLess(result.seconds, LIMIT, result)
        return result

    def get(self, host, **more):
        return self.helper("get", stdin=host, **more)

    def peer(self, *arguments, stdin=b""):
        return self.home.run([PEER, *arguments], stdin=stdin)


class Working(KeyringCase):
    def setUp(self):
        super().setUp()
        self.start_keyring()

    def test_round_trip(self):
        result = self.home.store("us.icr.io", "iamapikey", "k1 <&> \u2028 \U0001f511")
        self.assertEqual(result.err, b"")
        self.assertFalse(self.home.data.exists())
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "k1 <&> \u2028 \U0001f511")
        self.assert_got(self.get("https://PRIVATE.us.icr.io/v2/"),
                        "https://PRIVATE.us.icr.io/v2/", "iamapikey", "k1 <&> \u2028 \U0001f511")
        self.assertEqual(self.helper("list").json, {"us.icr.io": "iamapikey"})
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assert_missing(self.get("us.icr.io"), "libsecret")
        self.assert_ok(self.helper("list"), b"{}\n")

    def test_item_as_the_peer_lays_it_out(self):
        self.home.store("https://US.icr.io:443/v2/")
        (path,) = self.keyring.items(label=LABEL)
        self.assertEqual(self.keyring.attributes(path),
                         {"label": LABEL, "server": "us.icr.io", "username": "iamapikey",
                          "docker_cli": "1", "xdg:schema": "io.docker.Credentials"})
        self.assertEqual(self.keyring.label(path), "Registry credentials for us.icr.io")

    def test_peer_reads_and_erases_ours(self):
        self.home.store("us.icr.io", "iamapikey", "ours")
        self.assert_got(self.peer("get", stdin="us.icr.io"), "us.icr.io", "iamapikey", "ours")
        self.assert_ok(self.peer("erase", stdin="us.icr.io"))
        self.assert_missing(self.get("us.icr.io"))

    def test_ours_reads_and_erases_the_peers_spellings(self):
        for number, server in enumerate(("de.icr.io", "https://de.icr.io", "de.icr.io/v2/",
                                         "HTTPS://DE.ICR.IO:443/ns/img:tag", "http://de.icr.io")):
            with self.subTest(server=server):
                secret = f"peer {number}"
                self.assert_ok(self.peer("store", stdin=message(server, "cp", secret)))
                self.assert_got(self.get("de.icr.io"), "de.icr.io", "cp", secret)
                self.assertEqual(self.helper("list").json, {"de.icr.io": "cp"})
                self.assert_ok(self.helper("erase", stdin="de.icr.io"))
                self.assertEqual(self.keyring.items(label=LABEL), [])

    def test_store_leaves_one_item_of_the_host(self):
        for server, username in (("us.icr.io", "first"), ("https://us.icr.io", "second"),
                                 ("us.icr.io/v2/", "first"), ("uk.icr.io", "other")):
            self.assert_ok(self.peer("store", stdin=message(server, username, "old")))
        self.home.store("us.icr.io", "third", "new")
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "third", "new")
        servers = sorted(self.keyring.attributes(path)["server"]
                         for path in self.keyring.items(label=LABEL))
        self.assertEqual(servers, ["uk.icr.io", "us.icr.io"])
        self.home.store("us.icr.io", "third", "newer")
        self.assertEqual(len(self.keyring.items(label=LABEL, server="us.icr.io")), 1)
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "third", "newer")

    def test_items_of_others_are_left_alone(self):
        self.assert_ok(self.peer("store", stdin=message("https://index.docker.io/v1/", "me")))
        before = self.keyring.items(label=LABEL)
        self.home.store("us.icr.io")
        self.assertEqual(self.helper("list").json, {"us.icr.io": "iamapikey"})
        self.assert_ok(self.helper("erase", stdin="https://index.docker.io/v1/"))
        self.assert_missing(self.get("https://index.docker.io/v1/"))
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assertEqual(self.keyring.items(label=LABEL), before)

    def test_erase_leaves_twin_and_alias(self):
        for host in ("us.icr.io", "private.us.icr.io", "registry.ng.bluemix.net"):
            self.home.store(host, secret=host)
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assertEqual(sorted(self.helper("list").json),
                         ["private.us.icr.io", "registry.ng.bluemix.net"])
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "private.us.icr.io")

    def test_empty_secret_reads_as_not_found(self):
        self.home.store("us.icr.io", secret="")
        self.assert_missing(self.get("us.icr.io"))
        self.assert_ok(self.helper("list"), b"{}\n")

    def test_default_of_the_keyring(self):
        self.assert_ok(self.peer("store", stdin=message("*.icr.io", "iamapikey", "default")))
        self.assert_got(self.get("jp.icr.io"), "jp.icr.io", "iamapikey", "default")
        self.assert_missing(self.get("cp.icr.io"))
        listed = self.helper("list").json
        self.assertIn("private.de.icr.io", listed)
        self.assertNotIn("*.icr.io", listed)

    def test_large_secret(self):
        secret = "x" * 60000
        self.home.store("us.icr.io", secret=secret)
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", secret)

    def test_older_copy_in_the_file_is_taken_out(self):
        self.home.configure(stores=["file"])
        self.home.store("us.icr.io", secret="old")
        self.home.configure(stores=["libsecret", "file"])
        result = self.home.store("us.icr.io", secret="new")
        self.assertIn("taken out of file", result.err.decode())
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "new")
        # where there is no bus, the old one must not come back
        self.assert_missing(self.get("us.icr.io", env={"DBUS_SESSION_BUS_ADDRESS": None}))

    def test_order_of_stores_decides(self):
        self.home.configure(stores=["file"])
        self.home.store("us.icr.io", secret="of the file")
        self.home.store("private.de.icr.io", secret="twin of the file")
        self.assert_ok(self.peer("store", stdin=message("us.icr.io", secret="of the keyring")))
        self.assert_ok(self.peer("store", stdin=message("de.icr.io", secret="of the keyring")))
        for stores, secret in ((["libsecret", "file"], "of the keyring"),
                               (["file", "libsecret"], "of the file")):
            self.home.configure(stores=stores)
            self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", secret)
            # the exact host in a later store goes before its twin in an earlier one
            self.assert_got(self.get("de.icr.io"), "de.icr.io", "iamapikey", "of the keyring")
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assert_missing(self.get("us.icr.io"))

    def test_libsecrets_variables_do_not_lead_elsewhere(self):
        env = {"SECRET_BACKEND": "file", "SECRET_FILE_TEST_PATH": str(self.home.path / "other"),
               "SECRET_FILE_TEST_PASSWORD": "x", "SECRET_SERVICE_BUS_NAME": "org.example.none"}
        self.home.store("us.icr.io", secret="k", env=env)
        self.assertFalse((self.home.path / "other").exists())
        self.assertFalse(self.home.data.exists())
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "k")

    def test_bus_of_the_runtime_folder(self):
        os.symlink(self.bus.socket, self.home.path / "run-bus")
        runtime = self.home.path / "run"
        runtime.mkdir(mode=0o700)
        os.rename(self.home.path / "run-bus", runtime / "bus")
        self.home.store("us.icr.io", secret="k")
        env = {"DBUS_SESSION_BUS_ADDRESS": None, "XDG_RUNTIME_DIR": runtime}
        self.assert_got(self.get("us.icr.io", env=env), "us.icr.io", "iamapikey", "k")


class Locked(KeyringCase):
    def setUp(self):
        super().setUp()
        self.start_keyring()

    def check_locked(self):
        self.assert_fails(self.get("us.icr.io"), "locked")
        self.assert_fails(self.get("private.us.icr.io"), "locked")
        result = self.helper("list")
        self.assert_ok(result, b"{}\n")
        self.assertIn("locked", result.err.decode())
        self.assert_fails(self.helper("erase", stdin="us.icr.io"), "locked")
        # other sources still answer
        result = self.get("us.icr.io", env={"IC_API_KEY": "from-env"})
        self.assert_got(result, "us.icr.io", "iamapikey", "from-env")
        self.assertIn("locked", result.err.decode())
        result = self.home.store("us.icr.io", secret="new")
        self.assertIn("stored in file, since libsecret", result.err.decode())
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "new")

    def test_locked_by_the_user(self):
        self.home.store("us.icr.io", secret="old")
        self.keyring.lock()
        self.check_locked()
        self.keyring.stop()
        self.keyring = self.start(Keyring, self.bus)
        # the one that was stored last, though the keyring with the old one goes first
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "new")
        self.assertEqual(self.helper("list").json, {"us.icr.io": "iamapikey"})
        self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        self.assert_missing(self.get("us.icr.io"))

    def test_never_unlocked_since_login(self):
        self.home.store("us.icr.io", secret="old")
        self.keyring.stop()
        self.keyring = self.start(Keyring, self.bus, password=None)
        self.check_locked()

    def test_erase_of_a_host_that_is_not_in_the_locked_keyring(self):
        self.home.store("us.icr.io")
        self.keyring.lock()
        self.home.store("de.icr.io", secret="in the file")
        self.assert_ok(self.helper("erase", stdin="de.icr.io"))
        self.assertNotIn("in the file", self.home.store_file.read_text())

    def test_nothing_to_find_in_a_locked_keyring(self):
        self.keyring.lock()
        self.assert_fails(self.get("us.icr.io"), "locked")


class Unusable(KeyringCase):
    """Whatever is wrong with bus or keyring: in time, the file store serves, and it is said."""

    def check_falls_back(self, *reasons, unsure=False):
        """UNSURE: there may be a keyring that has it."""
        listed = self.helper("list")
        self.assert_ok(listed, b"{}\n")
        if unsure:
            self.assert_fails(self.get("us.icr.io"), *reasons)
            self.assertIn(b"not listed", listed.err)
            self.assert_fails(self.helper("erase", stdin="us.icr.io"), "may remain", *reasons)
        else:
            self.assert_missing(self.get("us.icr.io"), *reasons)
            self.assert_ok(self.helper("erase", stdin="us.icr.io"))
        begin = time.monotonic()
        result = self.home.store("us.icr.io", secret="k")
        self.assertLess(time.monotonic() - begin, LIMIT)
        self.assertIn("stored in file, since libsecret", result.err.decode())
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "k")

    def test_no_bus(self):
        self.check_falls_back("libsecret (no session bus)")

    def test_no_bus_and_a_display(self):
        launched = fake_program(self.home, "dbus-launch")
        self.home.env["DISPLAY"] = ":99"
        self.check_falls_back("libsecret (no session bus)")
        self.assertFalse(launched())

    def test_bus_that_would_have_to_be_launched(self):
        launched = fake_program(self.home, "dbus-launch")
        self.home.env.update(DISPLAY=":99", DBUS_SESSION_BUS_ADDRESS="autolaunch:")
        self.check_falls_back("libsecret (no session bus)")
        self.assertFalse(launched())

    def test_dead_address(self):
        launched = fake_program(self.home, "dbus-launch")
        self.home.env.update(DISPLAY=":99",
                             DBUS_SESSION_BUS_ADDRESS=f"unix:path={self.home.path}/none")
        self.check_falls_back("libsecret (")
        self.assertFalse(launched())

    def test_dead_socket(self):
        path = self.home.path / "dead"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.close()
        self.home.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={path}"
        self.check_falls_back("libsecret (")

    def test_address_that_is_none(self):
        self.home.env["DBUS_SESSION_BUS_ADDRESS"] = "nonsense"
        self.check_falls_back("libsecret (")

    def test_silent_bus(self):
        self.start(SilentBus, self.home)
        self.check_falls_back("gave no answer", unsure=True)

    def test_bus_without_a_keyring(self):
        self.start(Bus, self.home)
        self.check_falls_back("libsecret (")

    def test_frozen_keyring(self):
        self.start_keyring()
        self.home.store("us.icr.io", secret="old")
        self.keyring.freeze()
        self.check_falls_back("gave no answer", unsure=True)
        self.keyring.thaw()
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "k")

    def test_no_collection_yet(self):
        bus = self.start(Bus, self.home)
        self.start(Keyring, bus, password=None)
        self.check_falls_back("libsecret (")

    def test_bus_of_another_kind(self):
        """Nothing is executed, nothing connected to over a network."""
        ran = fake_program(self.home, "anything")
        for address in (f"unixexec:path={self.home.path}/bin/anything", "tcp:host=127.0.0.1,port=1",
                        "unix:dir=/tmp", "unix:path=", "unix:path=%zz", "unix:path=%00", ";;", ",",
                        "unix:path=/" + "x" * 200, "unix:abstract=icr-test-nobody"):
            with self.subTest(address):
                self.home.env["DBUS_SESSION_BUS_ADDRESS"] = address
                self.assert_missing(self.get("us.icr.io"), "no session bus")
        self.assertFalse(ran())

    def test_the_second_address(self):
        self.start_keyring()
        self.home.store("us.icr.io", secret="k")
        self.home.env["DBUS_SESSION_BUS_ADDRESS"] = (
            f"tcp:host=localhost;unix:path={self.home.path}/none;" +
            self.home.env["DBUS_SESSION_BUS_ADDRESS"])
        self.assert_got(self.get("us.icr.io"), "us.icr.io", "iamapikey", "k")


class Missing(KeyringCase):
    def test_stderr_only_when_it_matters(self):
        """Headless hosts are the normal case: a hit says nothing."""
        self.home.store("us.icr.io")
        result = self.get("us.icr.io")
        self.assertEqual((result.status, result.err), (0, b""))
        result = self.get("de.icr.io")
        self.assertEqual(result.out, NOT_FOUND)
        self.assertLessEqual(result.err.count(b"\n"), 3)

    def test_file_only_never_asks_the_bus(self):
        self.home.configure(stores=["file"])
        bus = self.start(SilentBus, self.home)
        self.assertIn(b"not encrypted", self.home.store("us.icr.io").err)
        self.assertEqual(self.home.store("us.icr.io", env={"ICR_QUIET": "1"}).err, b"")
        self.assertEqual(self.get("us.icr.io").status, 0)
        self.helper("list")
        self.helper("erase", stdin="us.icr.io")
        self.assertEqual(bus.kept, [])

    def test_libsecret_only_without_a_bus(self):
        self.home.configure(stores=["libsecret"])
        result = self.helper("store", stdin=message("us.icr.io"))
        self.assert_fails(result, "cannot store", "no session bus")
        self.assertFalse(self.home.data.exists())
