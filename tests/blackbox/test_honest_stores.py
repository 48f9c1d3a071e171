# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What store and erase say is so: after them get answers what was stored, or nothing."""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

from tests.blackbox.keyring import Bus, Keyring, SilentBus
from tests.blackbox.secret_service import Error, Service
from tests.blackbox.support import HELPER, HomeCase, keyring_works
from tests.common import TOP

PEER = "docker-credential-secretservice"
HOSTS = [f"{prefix}{label}icr.io" for label in
         ("", "us.", "uk.", "de.", "es.", "au.", "jp.", "jp2.", "ca.", "ca2.", "br.", "in.",
          "in2.", "fr2.") for prefix in ("", "private.")]


def message(host="us.icr.io", secret="k", username="iamapikey"):
    return json.dumps({"ServerURL": host, "Username": username, "Secret": secret})


class StoreCase(HomeCase):
    def start(self, part, *arguments, **more):
        started = part(*arguments, **more)
        self.addCleanup(started.stop)
        return started

    def get(self, host="us.icr.io", **more):
        return self.home.helper("get", stdin=host, **more)

    def gets(self, count, command=(HELPER, "get")):
        """So many at once: of each its exit status, and what it said."""
        children = [subprocess.Popen(command, env=self.home.environment(), cwd="/",
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE) for _ in range(count)]
        for child in children:
            child.stdin.write(b"us.icr.io")
            child.stdin.close()
            child.stdin = None
        said = [child.communicate(timeout=60) for child in children]
        return [(child.returncode, *one) for child, one in zip(children, said)]

    def erase(self, host="us.icr.io", **more):
        return self.home.helper("erase", stdin=host, **more)

    def check(self, secret, host="us.icr.io", **more):
        self.assert_got(self.get(host, **more), host, "iamapikey", secret)


class Desktop(StoreCase):
    """A real gnome-keyring."""

    def setUp(self):
        super().setUp()
        self.bus = self.start(Bus, self.home)
        self.keyring = self.start(Keyring, self.bus)
        self.ssh = {"DBUS_SESSION_BUS_ADDRESS": None}

    def test_desktop_then_ssh_then_desktop(self):
        self.home.store("us.icr.io", secret="desktop")
        self.home.store("us.icr.io", secret="ssh", env=self.ssh)
        self.check("ssh", env=self.ssh)
        self.check("ssh")
        self.assertEqual(self.home.helper("list").json, {"us.icr.io": "iamapikey"})
        # explain says why the keyring's is not the answer
        steps = self.home.helper("explain", "us.icr.io", "--json").json["sources"]
        self.assertEqual([step["outcome"] for step in steps[:2]], ["miss", "hit"])
        self.assertIn("later", steps[0]["reason"])
        self.home.store("us.icr.io", secret="desktop again")
        self.check("desktop again")
        self.assert_missing(self.get(env=self.ssh))
        self.assert_ok(self.erase())
        self.assert_missing(self.get())

    def test_news_of_the_keyring_go_before_older_ones_of_the_file(self):
        self.home.store("us.icr.io", secret="desktop")
        self.home.store("us.icr.io", secret="ssh", env=self.ssh)
        text = json.loads(self.home.store_file.read_text())
        self.assertAlmostEqual(text["credentials"]["us.icr.io"]["since"], time.time(), delta=60)
        text["credentials"]["us.icr.io"]["since"] = 1000
        self.home.write(self.home.store_file, text)
        self.check("desktop")
        # a clock that was ahead then
        text["credentials"]["us.icr.io"]["since"] = int(time.time()) + 3600
        self.home.write(self.home.store_file, text)
        self.check("desktop")

    def test_erase_after_both(self):
        self.home.store("us.icr.io", secret="desktop")
        self.home.store("us.icr.io", secret="ssh", env=self.ssh)
        self.assert_ok(self.erase())
        self.assert_missing(self.get())
        self.assert_missing(self.get(env=self.ssh))

    def test_default_key(self):
        self.assert_ok(self.home.helper("login", "--offline", "-", stdin="d" * 44))
        self.assert_ok(self.home.helper("login", "--offline", "-", stdin="s" * 44, env=self.ssh))
        self.check("s" * 44)
        self.assertEqual(self.home.helper("logout").status, 0)
        self.assert_missing(self.get())

    def test_among_logins_of_other_registries(self):
        """That they cost nothing is counted in calls, below, and measured by make bench."""
        self.home.store("us.icr.io", secret="k")
        for number in range(100):
            self.assert_ok(self.home.run([PEER, "store"], stdin=message(f"r{number}.example")))
        self.check("k")
        # a miss has to look at all of them, and is still an answer
        self.assert_missing(self.get("cp.icr.io"))
        self.assertEqual(self.home.helper("list").json, {"us.icr.io": "iamapikey"})

    def test_200_at_once(self):
        """In a session as desktops have it: by its folder each sees that others ask as well, and
        so gives the keyring more time."""
        runtime = self.home.path / "runtime"
        runtime.mkdir(mode=0o700)
        self.home.env["XDG_RUNTIME_DIR"] = str(runtime)
        self.home.store("us.icr.io", secret="k")
        others_work = os.getloadavg()[0] >= os.cpu_count()
        count = 200
        while count > 0:
            said = self.gets(count)
            late = [one for one in said if one[0] != 0]
            self.assertEqual({json.loads(out)["Secret"] for status, out, _ in said if status == 0},
                             {"k"}, said)
            if late:
                # whose keyring was not to be had in time since others had the processors; it is
                # not taken for one that hangs, which would be remembered
                self.assertTrue(others_work, late)
                self.assertEqual({out for _, out, _ in late},
                                 {b"libsecret: the keyring gave no answer in 2200 ms\n"})
            self.assertLess(len(late), count)
            count = len(late)


@unittest.skipUnless(os.geteuid() == 0, "mounts")
class ReadOnlyKeyring(StoreCase):
    """A keyring that can neither replace nor delete what it holds."""

    def test_store_and_erase(self):
        folder = self.home.path / ".local/share/keyrings"
        script = f"""
set -e
h={HELPER}
export ICR_QUIET=1
eval "$(printf test | gnome-keyring-daemon --unlock --components=secrets --daemonize)"
gdbus wait --session --timeout 20 org.freedesktop.secrets
login() {{ printf '{{"ServerURL":"us.icr.io","Username":"iamapikey","Secret":"%s"}}' $1 | $h store; }}
login OLDKEY
mount --bind {folder} {folder}
mount -o remount,ro,bind {folder}
set +e
login NEWKEY; echo "store $?"
echo us.icr.io | $h get; echo
echo us.icr.io | $h erase; echo "erase $?"
echo us.icr.io | $h get
$h list; echo
"""
        result = self.home.run(["unshare", "-m", "dbus-run-session", "--", "sh", "-c", script],
                               env={"XDG_RUNTIME_DIR": None})
        out = result.out.decode()
        self.assertIn("store 0\n", out, result)
        self.assertIn('"Secret":"NEWKEY"', out.split("store 0\n")[1].splitlines()[0], result)
        self.assertIn("erase 1\n", out, result)
        self.assertIn("may remain", out, result)


class Misbehaving(StoreCase):
    """A Secret Service that does not do what it is asked for."""

    def setUp(self):
        super().setUp()
        self.service = self.start(Service, self.home)

    def put(self, secret="new"):
        return self.home.helper("store", stdin=message(secret=secret))

    def test_the_fake_works(self):
        self.assert_ok(self.put("k"))
        self.assertFalse(self.home.data.exists())
        self.check("k")
        self.assertEqual(self.home.helper("list").json, {"us.icr.io": "iamapikey"})
        self.assert_ok(self.erase())
        self.assertEqual(self.service.items, {})
        self.assert_missing(self.get())

    def test_exact_spelling_needs_no_look_at_the_rest(self):
        for number in range(1000):
            self.service.add(f"r{number}.example", "x")
        self.service.add("https://us.icr.io", "k")
        self.check("k")
        self.assertEqual(self.service.calls.count("GetAll"), 1)
        self.assertEqual(self.service.calls.count("GetSecrets"), 1)
        # a miss looks at all of them, in time
        result = self.get("cp.icr.io")
        self.assert_missing(result)
        self.assertGreater(self.service.calls.count("GetAll"), 1000)
        # which is not done again while they are the same
        self.service.calls.clear()
        for host in ("cp.icr.io", "de.icr.io", "jp.icr.io"):
            self.assert_missing(self.get(host))
        self.assertNotIn("GetAll", self.service.calls)
        self.service.add("DE.ICR.IO:443", "unusual")
        for _ in range(2):
            self.check("unusual", "de.icr.io")
        self.assert_ok(self.erase("de.icr.io"))
        self.assert_missing(self.get("de.icr.io"))

    def test_prompts_are_sent_away(self):
        self.service.answer["CreateItem"] = lambda call: ("oo", ["/", "/prompt/1"])
        result = self.put()
        self.assert_ok(result)
        self.assertIn(b"stored in file, since libsecret: the keyring wants to ask", result.err)
        self.assertEqual(self.service.calls.count("Dismiss"), 1)
        self.assertNotIn("Prompt", self.service.calls)
        self.check("new")
        self.service.add("us.icr.io", "old")
        self.check("new")
        self.service.answer["Delete"] = lambda call: ("o", ["/prompt/2"])
        self.assert_fails(self.erase(), "may remain", "wants to ask")
        self.assertEqual(self.service.calls.count("Dismiss"), 2)
        self.assertNotIn("Prompt", self.service.calls)
        self.home.configure(stores=["libsecret"])
        self.assert_fails(self.put(), "cannot store", "wants to ask")

    def test_libsecret_stores_and_nothing_else_loads_it(self):
        for verb, stdin in (("store", message()), ("get", "us.icr.io"), ("list", ""),
                            ("erase", "us.icr.io"), ("get", "us.icr.io")):
            log = self.home.path / f"loaded-{verb}"
            self.home.helper(verb, stdin=stdin,
                             env={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
            loaded = "".join(file.read_text() for file in self.home.path.glob(f"{log.name}.*"))
            for library in ("libsecret-1", "libglib-2", "libgio-2"):
                self.assertEqual(library in loaded, verb == "store", verb)
            self.assertNotIn("libcurl", loaded)
        self.assertEqual(self.service.calls.count("CreateItem"), 1)

    def test_without_libsecret(self):
        """The next store has the login, and it is said what to install; what is in the keyring
        already is found and erased."""
        self.service.add("us.icr.io", "old")
        folder = self.home.write("libraries/libsecret-1.so.0", "no library").parent
        result = self.home.helper("store", stdin=message(secret="new"),
                                  env={"LD_LIBRARY_PATH": str(folder)})
        self.assert_ok(result)
        self.assertIn(b"stored in file, since libsecret: cannot load libsecret-1.so.0", result.err)
        self.assertIn(b"install the package libsecret-1-0", result.err)
        self.assertEqual(self.service.items, {})
        self.check("new")

    def test_libsecret_does_not_end(self):
        """In CreateItem, when all that was asked before was answered at once."""
        self.service.answer["CreateItem"] = lambda call: None
        begin = time.monotonic()
        result = self.put()
        self.assertLess(time.monotonic() - begin, 3)
        self.assert_ok(result)
        self.assertIn(b"stored in file, since libsecret: the keyring gave no answer", result.err)
        self.check("new")

    def test_what_libsecret_is_told(self):
        """All that docker-credential-secretservice tells it, and in place of an equal item."""
        told = []

        def note(call):
            told.extend(call.arguments)
            return self.service.do_CreateItem(call)
        self.service.answer["CreateItem"] = note
        self.assert_ok(self.put("k"))
        properties, (_, _, secret, content), replaces = told
        self.assertEqual(properties, {
            "org.freedesktop.Secret.Item.Label": ("s", "Registry credentials for us.icr.io"),
            "org.freedesktop.Secret.Item.Attributes": ("a{ss}", {
                "label": "Docker Credentials", "server": "us.icr.io", "username": "iamapikey",
                "docker_cli": "1", "xdg:schema": "io.docker.Credentials"})})
        self.assertEqual((secret, content, replaces), (b"k", "text/plain", 1))

    def test_what_libsecret_does_not_expect(self):
        """Whatever becomes of it then, and it writes its dismay on standard error."""
        def odd(call):
            if call.arguments[0] == "plain":
                return self.service.do_OpenSession(call)
            return "vo", [("s", "no key"), "/org/freedesktop/secrets/session/s2"]
        self.service.answer["OpenSession"] = odd
        result = self.put()
        self.assert_ok(result)
        self.assertIn(b"stored in file, since libsecret: ", result.err)
        self.assertNotIn(b"CRITICAL", result.err)
        self.assertEqual(len(result.err.splitlines()), 2, result)
        self.check("new")

    def test_what_cannot_be_deleted_or_made(self):
        def refuse(_):
            raise Error("org.freedesktop.DBus.Error.Failed", "An error occurred on the device")
        self.service.add("us.icr.io", "old")
        self.service.answer.update(CreateItem=refuse, Delete=refuse)
        self.assertIn(b"since libsecret: the keyring failed: An error occurred on the device",
                      self.put().err)
        self.check("new")
        self.assert_fails(self.erase(), "may remain", "An error occurred on the device")
        self.assertEqual(len(self.service.items), 1)

    def refuse(self, *members):
        def refused(_):
            raise Error("org.freedesktop.DBus.Error.Failed", "An error occurred on the device")
        self.service.answer.update(dict.fromkeys(members, refused))

    def test_items_from_the_future(self):
        """Kept while the clock was ahead, they go before nothing that is kept now."""
        ahead = int(time.time()) + 3600
        self.service.add("us.icr.io", "old", modified=ahead)
        self.assert_ok(self.home.helper("store", stdin=message(secret="new"),
                                        env={"DBUS_SESSION_BUS_ADDRESS": None}))
        self.check("new")
        self.service.add("de.icr.io", "old", username="other", modified=ahead)
        self.refuse("Delete")
        self.assert_ok(self.home.helper("store", stdin=message("de.icr.io", "new")))
        self.check("new", "de.icr.io")

    def test_an_older_one_goes_where_the_new_one_cannot(self):
        self.service.add("us.icr.io", "old", modified=int(time.time()) + 3600)
        self.refuse("CreateItem")
        self.assertIn(b"taken out of libsecret", self.put().err)
        self.assertEqual(self.service.items, {})
        self.check("new")

    def test_an_older_one_that_still_answers(self):
        self.service.add("us.icr.io", "old", username="other", modified=3000)
        self.refuse("Delete")
        result = self.put()  # in 2000
        self.assert_fails(result, "libsecret", "an older one still answers")
        self.assert_got(self.get(), "us.icr.io", "other", "old")

    def test_said_but_not_done(self):
        self.service.answer["CreateItem"] = lambda call: ("oo", ["/x/1", "/"])
        self.assertIn(b"since libsecret: the keyring failed: No such", self.put("other").err)
        self.check("other")
        self.assert_ok(self.erase())
        another = self.service.add("de.icr.io", "k")
        self.service.answer["CreateItem"] = lambda call: ("oo", [another, "/"])
        self.assertIn(b"since libsecret: took the credential of us.icr.io and does not have it",
                      self.put("else").err)
        self.check("else")
        self.assertEqual(list(self.service.items), [another])
        self.service.answer["Delete"] = lambda call: ("o", ["/"])
        self.service.add("us.icr.io", "old")
        self.assert_fails(self.erase(), "may remain", "did not delete")
        self.check("old")

    def test_an_older_one_stays_until_the_new_one_is_read_back(self):
        """What takes a key and has another one: the old key is not yet needless then."""
        self.home.store("us.icr.io", secret="old", env={"DBUS_SESSION_BUS_ADDRESS": None})
        self.service.add("us.icr.io", "older", username="alice")
        add = self.service.add
        self.service.add = lambda server, secret, **more: add(server, b"x" + bytes(secret), **more)
        self.home.store_file.chmod(0o644)  # so that there is no other place for the new one
        self.assert_fails(self.put("new"), "open to others")
        self.assertIn("older", [item.secret.decode() for item in self.service.items.values()])
        self.assertIn('"old"', self.home.store_file.read_text())
        self.home.store_file.chmod(0o600)
        self.assertIn(b"does not have it", self.put("new").err)
        self.check("new")

    def test_nothing_is_an_empty_secret(self):
        self.assert_ok(self.put(""))
        self.assert_missing(self.get())
        self.service.items.clear()
        self.service.locked = True
        self.assert_ok(self.put(""))

    def test_no_default_collection(self):
        self.service.add("us.icr.io", "old")
        self.service.collection = "/"
        self.assertIn(b"no default collection", self.put().err)
        self.check("new")
        self.assert_ok(self.erase())
        self.assert_missing(self.get())

    def test_hides_its_items_while_locked(self):
        path = self.service.add("us.icr.io", "old")
        self.service.items[path].hidden = True
        self.service.locked = True
        self.assert_fails(self.get(), "locked")
        self.assert_fails(self.erase(), "may remain", "locked")
        self.assert_ok(self.put())
        self.check("new")
        self.service.items[path].hidden = self.service.locked = False
        self.check("new")

    def test_shows_all_while_locked(self):
        self.service.add("us.icr.io", "old", locked=True)
        self.service.locked = True
        self.assert_fails(self.get(), "locked")
        self.assert_fails(self.erase(), "locked")
        self.assert_missing(self.get("cp.icr.io"))
        self.assert_ok(self.erase("cp.icr.io"))

    def test_other_items_of_its_kind(self):
        """What is no Docker login, or of somebody whose name only begins like ours."""
        self.service.answer["SearchItems"] = lambda call: ("aoao", [list(self.service.items), []])
        self.service.add("us.icr.io.example.com", "theirs")
        self.service.add("", "x", attributes={})
        self.assert_missing(self.get())
        self.service.add("us.icr.io", "ours")
        self.check("ours")
        self.assert_ok(self.erase())
        self.assertEqual(len(self.service.items), 2)

    def test_secrets_that_are_none(self):
        for secret, words in ((b"caf\xe9", "not UTF-8"), (b"a\0b", "NUL"),
                              (b"x" * 65537, "more than a password"), (None, "without its secret")):
            with self.subTest(words):
                self.service.items.clear()
                self.service.add("us.icr.io", secret)
                self.service.add("de.icr.io", "fine")
                self.assert_fails(self.get(), "us.icr.io", words)
                self.check("fine", "de.icr.io")
                result = self.home.helper("list")
                self.assertEqual(result.json, {"de.icr.io": "iamapikey"})
                self.assertIn("not listed", result.err.decode())
                # what is elsewhere still answers
                self.check("k", env={"IC_API_KEY": "k"})
                self.assert_ok(self.erase())

    def test_the_newest_of_several(self):
        for items, newest in (
                ((("a", 2000, 1), ("b", 3000, 1), ("c", 1000, 9)), "b"),
                ((("a", 2000, 1), ("b", 2000, 3), ("c", 2000, 2)), "b"),
                ((("a", 2000, 1), ("b", 2000, 1), ("c", 2000, 1)), "c"),
                ((("a", 5, 5), ("b", 4, 4)), "a")):
            with self.subTest(items):
                self.service.items.clear()
                self.service.next = 8  # 8, 9, 10: numbers, not texts
                for secret, modified, created in items:
                    self.service.add("us.icr.io", secret, username=f"u{secret}",
                                     modified=modified, created=created)
                self.assert_got(self.get(), "us.icr.io", f"u{newest}", newest)

    def test_an_item_that_goes_meanwhile(self):
        gone = self.service.add("us.icr.io", "gone", modified=3000)
        self.service.add("us.icr.io", "here", modified=2000)
        search = self.service.do_SearchItems

        def then_gone(call):
            found = search(call)
            self.service.items.pop(gone, None)
            return found
        self.service.answer["SearchItems"] = then_gone
        self.check("here")

    def test_answers_that_make_no_sense(self):
        self.service.add("us.icr.io", "k")
        for member, answer in (
                ("OpenSession", ("s", ["x"])), ("OpenSession", ("", [])),
                ("SearchItems", ("ao", [["/x"]])), ("SearchItems", ("s", ["x"])),
                ("GetAll", ("s", ["x"])), ("GetSecrets", ("ao", [["/x"]])),
                ("GetSecrets", ("a{o(oayays)}", [{}]))):
            with self.subTest(f"{member} {answer}"):
                self.service.answer = {member: lambda call, answer=answer: answer}
                self.assert_fails(self.get(), "libsecret")
                self.assert_fails(self.erase() if member != "GetSecrets" else self.get())
        self.service.answer = {}
        self.check("k")

    def test_bytes_that_make_no_sense(self):
        self.service.add("us.icr.io", "k")
        begin = b"l\2\1\1"
        for raw in (b"", b"\0" * 16, b"x" * 5000, begin + b"\xff" * 12,
                    begin + b"\0\0\0\0\1\0\0\0\xff\xff\xff\x7f" + b"\0" * 64,
                    begin + b"\xff\xff\xff\x7f\1\0\0\0\0\0\0\0",
                    begin + b"\0\0\0\0\1\0\0\0\x08\0\0\0" + b"\5\1u\0\xff",
                    begin + b"\0\0\0\0\1\0\0\0\x10\0\0\0" + b"\7\3a()\0\0\0" + b"\xff\0\0\0" * 2,
                    b"HTTP/1.1 400 Bad Request\r\n\r\n"):
            with self.subTest(raw[:40]):
                self.service.raw = raw
                for result in (self.get(), self.erase()):
                    self.assert_fails(result, "libsecret")
                    self.assertLess(result.seconds, 5)

    def test_a_service_without_end(self):
        """Signals for ever are no answer."""
        self.service.answer["OpenSession"] = lambda call: None
        self.assert_fails(self.get(), "no answer")

    def test_absent(self):
        def absent(_):
            raise Error("org.freedesktop.DBus.Error.ServiceUnknown", "not provided")
        self.service.answer["OpenSession"] = absent
        self.assert_missing(self.get(), "no keyring on the session bus")
        self.assert_ok(self.erase())

    def test_cannot_be_started(self):
        def fails(_):
            raise Error("org.freedesktop.DBus.Error.Spawn.ChildExited", "exited with status 1")
        self.service.answer["OpenSession"] = fails
        self.assert_fails(self.get(), "exited with status 1")
        self.assert_fails(self.erase(), "exited with status 1")
        self.assert_ok(self.put())
        self.check("new")


@unittest.skipUnless(os.geteuid() == 0, "becomes somebody else")
class Foreign(StoreCase):
    """A bus of another user, as su and sudo leave it in the environment of root."""

    SCRIPT = """
import os, pathlib, sys, types
from tests.blackbox.secret_service import Service
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
home = types.SimpleNamespace(path=pathlib.Path(sys.argv[1]), env={})
service = Service(home)
print("ready", flush=True)
sys.stdin.read()
print(service.calls, [item.secret for item in service.items.values()])
"""

    def their_bus(self):
        folder = self.home.path / "theirs"
        folder.mkdir()
        os.chown(folder, 65534, 65534)
        self.home.path.chmod(0o755)
        child = subprocess.Popen([sys.executable, "-c", self.SCRIPT, folder], cwd=TOP,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(child.communicate, timeout=60)
        self.assertEqual(child.stdout.readline(), b"ready\n")
        return folder, child

    def test_is_told_nothing(self):
        folder, child = self.their_bus()
        self.home.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={folder}/fake-bus"
        result = self.home.helper("store", stdin=message(secret="must-stay-private"))
        self.assert_ok(result)
        self.assertIn(b"since libsecret: the session bus belongs to user 65534, not to 0",
                      result.err)
        self.check("must-stay-private")
        self.assert_ok(self.erase())
        self.assert_missing(self.get(), "belongs to user 65534")
        self.assertEqual(child.communicate(timeout=60)[0], b"[] []\n")

    def test_takes_the_place_of_ours(self):
        """After it was looked at, and before libsecret connects."""
        folder, child = self.their_bus()
        service = self.start(Service, self.home)

        def swap(call):
            os.rename(folder / "fake-bus", service.path)
            return service.do_Get(call)
        service.answer["Get"] = swap
        result = self.home.helper("store", stdin=message(secret="must-stay-private"))
        self.assert_ok(result)
        self.assertIn(b"since libsecret: the session bus belongs to user 65534, not to 0",
                      result.err)
        self.assertNotIn(b"CreateItem", child.communicate(timeout=60)[0])


LOCK_ALL = """
import fcntl, os, sys
held, names = [], []
for top in sys.argv[1:]:
    for folder, _, files in os.walk(top):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            try:
                held.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                fcntl.flock(held[-1], fcntl.LOCK_SH)
                names.append(path)
            except OSError:
                pass
print(*names, sep=":", flush=True)
sys.stdin.read()
"""


class Silent(StoreCase):
    """A bus that never answers is waited for once a minute, not once for each host."""

    def setUp(self):
        super().setUp()
        self.run_folder = self.home.path / "run"
        self.run_folder.mkdir(mode=0o700)
        self.home.env["XDG_RUNTIME_DIR"] = str(self.run_folder)
        self.stamp = self.run_folder / "docker-credential-icr/keyring-silent"

    def test_28_hosts(self):
        self.start(SilentBus, self.home)
        begin = time.monotonic()
        for host in HOSTS:
            self.assert_fails(self.get(host), "gave no answer")
        self.assertEqual(len(HOSTS), 28)
        self.assertLess(time.monotonic() - begin, 5)  # 3 on a machine that does nothing else
        self.assertEqual(self.stamp.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(self.stamp.parent.stat().st_mode & 0o7777, 0o700)

    def start_slow(self):
        service = self.start(Service, self.home)
        service.add("us.icr.io", "k")
        for member in ("OpenSession", "GetAll", "GetSecrets"):
            given = getattr(service, "do_" + member)
            service.answer[member] = lambda call, given=given: (time.sleep(1.2), given(call))[1]
        return service

    def test_slow(self):
        """One that answers, each time after long, costs a verb no more, and 28 of them once."""
        service = self.start_slow()
        first = self.get()
        self.assert_fails(first, "in 2700 ms")
        self.assertLess(first.seconds, 4)
        begin = time.monotonic()
        for host in HOSTS:
            self.assert_fails(self.get(host), "within the last minute")
        self.assertLess(time.monotonic() - begin, 5)
        service.answer.clear()
        for _ in range(20):
            if self.get().status == 0:
                break
        self.check("k")

    def test_many_at_a_slow_one(self):
        """Those who wait for each other have more time."""
        self.start_slow()
        for _, out, _ in self.gets(3):
            self.assertEqual(json.loads(out)["Secret"], "k")

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_no_other_user_can_hold_it_up(self):
        """By locks on all that others can open, which do not make it look like many at once."""
        service = self.start_slow()
        slow, service.answer = service.answer, {}
        self.check("k")  # what is locked is there now, wherever that is
        for path in (self.home.path, self.run_folder):
            path.chmod(0o755)
        service.answer = slow
        locker = subprocess.Popen(
            ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable, "-c",
             LOCK_ALL, self.home.path, os.path.dirname(HELPER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
        locked = locker.stdout.readline().decode().strip().split(":")
        try:
            for path in (self.home.path, self.run_folder):
                self.assertIn(str(path), locked)
            # unless it was built where nobody else can go
            open_to_all = all(path.stat().st_mode & 0o001 for path in pathlib.Path(HELPER).parents)
            self.assertEqual(str(HELPER) in locked, open_to_all)
            self.assert_fails(self.get(), "in 2700 ms")
        finally:
            locker.communicate()

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_many_at_a_slow_one_without_a_folder_for_it(self):
        """The folder of the data does, when it is closed to others."""
        service = self.start_slow()
        os.chmod(service.path, 0o777)
        command = [*self.as_somebody_else(), "get"]
        self.home.env["XDG_RUNTIME_DIR"] = None
        self.home.data.mkdir(parents=True)
        for path in (self.home.path, *list(self.home.data.parents)[:2], self.home.data):
            os.chown(path, 12345, 12345)
        for mode, results in ((0o700, {0}), (0o755, {1})):
            self.home.data.chmod(mode)
            self.assertEqual({status for status, _, _ in self.gets(3, command)}, results)
            os.unlink(service.path)
            service = self.start_slow()
            os.chmod(service.path, 0o777)

    def test_without_a_folder_for_it(self):
        """No XDG_RUNTIME_DIR, no /run/user: the kernel's keyring remembers."""
        if os.path.exists("/run/user/0") or not keyring_works():
            self.skipTest("needs a host without /run/user, and with a kernel keyring")
        self.home.env["XDG_RUNTIME_DIR"] = None
        self.start(SilentBus, self.home)
        # in a user namespace, whose kernel keyring nobody else is using just now
        result = self.home.run(["unshare", "--user", "--map-root-user", "sh", "-c",
                                'echo us.icr.io | "$0" get; echo de.icr.io | "$0" get', HELPER])
        first, second = result.out.decode().splitlines()
        self.assertIn("in 2200 ms", first)
        self.assertIn("within the last minute", second)
        self.assertLess(result.seconds, 4)
        self.assertFalse(self.stamp.exists())

    @unittest.skipUnless(os.geteuid() == 0, "mounts")
    def test_root_has_a_folder_for_it(self):
        """Root's keyring is shared with containers."""
        if os.path.exists("/run/user/0"):
            self.skipTest("needs a host without /run/user/0")
        self.home.env["XDG_RUNTIME_DIR"] = None
        self.start(SilentBus, self.home)
        result = self.home.run(["unshare", "--mount", "sh", "-c",
                                'mount -t tmpfs -o mode=755 none /run && cd /run && '
                                'echo us.icr.io | "$0" get; stat -c "%a %n" * */*', HELPER])
        self.assertEqual(result.out.decode().splitlines()[1:],
                         ["700 docker-credential-icr-cache",
                          "600 docker-credential-icr-cache/keyring-silent"], result)

    def test_back_again(self):
        self.start(SilentBus, self.home)
        self.assert_fails(self.get(), "gave no answer")
        address = self.home.env["DBUS_SESSION_BUS_ADDRESS"]
        os.unlink(self.home.path / "silent")
        service = self.start(Service, self.home)
        os.rename(service.path, self.home.path / "silent")
        self.home.env["DBUS_SESSION_BUS_ADDRESS"] = address
        service.add("us.icr.io", "k")
        # on a busy machine it may not answer in the moment that it is given now
        for _ in range(20):
            if self.get().status == 0:
                break
        self.check("k")
        self.assertFalse(self.stamp.exists())

    def test_another_bus_is_not_meant(self):
        self.start(SilentBus, self.home)
        self.assert_fails(self.get(), "gave no answer")
        self.start(Service, self.home).answer["SearchItems"] = lambda call: time.sleep(0.3)
        result = self.get()
        self.assertGreater(result.seconds, 2)

    def test_an_old_or_odd_stamp_counts_for_nothing(self):
        self.start(SilentBus, self.home)
        for text in ("", "x", "1 unix:path=/other", "99999999999 x", "-5 "):
            with self.subTest(text):
                self.home.write(self.stamp, text)
                result = self.get()
                self.assert_fails(result, "in 2200 ms")

    @unittest.skipUnless(os.geteuid() == 0, "gives files away")
    def test_a_folder_of_somebody_else(self):
        self.start(SilentBus, self.home)
        os.chown(self.run_folder, 12345, -1)
        self.assert_fails(self.get(), "gave no answer")
        self.assertFalse(self.stamp.exists())


if __name__ == "__main__":
    unittest.main()
