# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr import: logins of config.json, docker-credential-secretservice and
docker-credential-pass."""

import base64
import fcntl
import json
import os
import shutil
import stat
import subprocess
import threading
import unittest

from tests.blackbox.keyring import Bus, Keyring, Pass, wait_for
from tests.blackbox.secret_service import Service
from tests.blackbox.support import BUILD, HELPER, NO_LEAKS, HomeCase

SECRET = "Zz9:secret/\u00e9"


def auth(secret=SECRET, username="iamapikey"):
    return base64.b64encode(f"{username}:{secret}".encode()).decode()


def message(host, username="iamapikey", secret=SECRET):
    return json.dumps({"ServerURL": host, "Username": username, "Secret": secret})


class ImportCase(HomeCase):
    def setUp(self):
        super().setUp()
        self.home.env["PATH"] = f"{BUILD}:/usr/bin:/bin"
        self.file = self.home.docker_config

    def start(self, part, *arguments, **more):
        started = part(*arguments, **more)
        self.addCleanup(started.stop)
        return started

    def run_import(self, *arguments, status=0):
        result = self.home.helper("import", *arguments)
        self.assertEqual(result.status, status, result)
        for secret in (SECRET, auth()):
            self.assertNotIn(secret.encode(), result.out + result.err)
        return result

    def check(self, host, secret=SECRET, username="iamapikey"):
        self.assert_got(self.home.helper("get", stdin=host), host, username, secret)


class DockerConfig(ImportCase):
    def test_moved(self):
        helpers = {"us.icr.io": "icr", "cp.icr.io": "icr"}
        text = json.dumps({"auths": {"us.icr.io": {"auth": auth()}, "gcr.io": {"auth": "eDp5"},
                                     "cp.icr.io": {"username": "cp", "password": "p"}},
                           "x": [1.0e2], "credHelpers": helpers}, indent="\t") + "\n"
        self.home.write(self.file, text)
        result = self.run_import()
        self.assertEqual(result.out.decode().splitlines(),
                         [f"us.icr.io: moved from {self.file}",
                          f"cp.icr.io: moved from {self.file}"])
        self.check("us.icr.io")
        self.check("cp.icr.io", "p", "cp")
        left = json.loads(self.file.read_text())
        self.assertEqual(left, {"auths": {"us.icr.io": {}, "gcr.io": {"auth": "eDp5"},
                                          "cp.icr.io": {}}, "x": [100.0], "credHelpers": helpers})
        self.assertTrue(self.file.read_text().endswith("\n}\n"))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.file.parent), ["config.json"])
        self.assertEqual(self.run_import().out, b"nothing to import\n")

    def test_every_spelling_and_shape(self):
        for key, login, username in (
                ("https://us.icr.io", {"auth": auth()}, "iamapikey"),
                ("US.ICR.IO:443", {"auth": auth(username="cp")}, "cp"),
                ("us.icr.io/v2/", {"AUTH": auth().rstrip("=") + "=" * (-len(auth().rstrip("=")) % 4)},
                 "iamapikey"),
                ("us.icr.io", {"username": "u", "password": SECRET}, "u"),
                ("us.icr.io", {"identitytoken": SECRET, "auth": "eDo="}, "<token>"),
                ("us.icr.io", {"auth": auth(SECRET + "\0\0")}, "iamapikey"),
                ("us.icr.io", {"auth": auth(), "username": "iamapikey", "password": SECRET},
                 "iamapikey"),
                ("us.icr.io", {"auth": auth(), "username": "other", "email": "x"}, "iamapikey")):
            with self.subTest(key, login=login):
                self.home.write(self.file, {"auths": {key: login}})
                self.assertIn(b"us.icr.io: moved from", self.run_import().out)
                self.check("us.icr.io", username=username)
                self.assertEqual(json.loads(self.file.read_text()), {"auths": {key: {}}})
                self.home.helper("erase", stdin="us.icr.io")

    def test_what_is_no_login_stays(self):
        for login in ({"registrytoken": SECRET}, {"auth": "!!!"}, {"auth": "bm9jb2xvbg=="},
                      {"username": "u", "auth": "Og=="}, {"password": SECRET},
                      # several secrets: one would be lost
                      {"identitytoken": SECRET, "auth": "eDp5"},
                      {"auth": auth(), "password": "other"}, {"auth": auth(), "registrytoken": "t"},
                      {"auth": auth(), "AUTH": auth("other")},
                      # bytes that no client could send again as they are
                      {"auth": base64.b64encode(b"u:a\0b").decode()},
                      {"auth": base64.b64encode(b"u:caf\xe9").decode()},
                      {"username": "u", "password": "a\0b"}):
            with self.subTest(login):
                self.home.write(self.file, {"auths": {"us.icr.io": login}})
                before = self.file.read_bytes()
                result = self.run_import(status=1)
                self.assertIn(f"{self.file}:1:", result.err.decode())
                self.assertEqual(self.file.read_bytes(), before)
                self.assert_missing(self.home.helper("get", stdin="us.icr.io"))

    def test_says_who_is_to_be_configured(self):
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.assertIn(b"configure --regions us.icr.io", self.run_import().err)

    def test_a_login_that_is_there_already(self):
        """A key that is lost cannot be shown again: no other takes its place unasked."""
        self.home.store("us.icr.io", secret="newer")
        document = {"auths": {"us.icr.io": {"auth": auth()}}, "credHelpers": {"us.icr.io": "icr"}}
        for _ in range(2):
            self.home.write(self.file, document)
            for quiet in ((), ("--quiet",)):
                result = self.run_import(*quiet, status=1)
                self.assertIn(b"us.icr.io has another login", result.err)
                self.assertEqual(b"erase, then import again" in result.err, not quiet)
                self.assertEqual(json.loads(self.file.read_text()), document)
                self.check("us.icr.io", "newer")
            # the same where Docker does not ask this helper
            document.pop("credHelpers", None)
        self.home.helper("erase", stdin="us.icr.io")
        self.assertIn(b"us.icr.io: moved", self.run_import().out)
        self.check("us.icr.io")
        # the same twice needs no word
        self.home.write(self.file, document)
        result = self.run_import()
        self.assertIn(b"us.icr.io: moved", result.out)
        self.assertNotIn(b"another login", result.err)
        self.assertEqual(json.loads(self.file.read_text())["auths"], {"us.icr.io": {}})

    def test_two_spellings_of_one_host(self):
        """Docker looks for the very name, and the last one counts."""
        used, old = f'"us.icr.io": {{"auth": "{auth()}"}}', {"auth": auth("old")}
        other = f'"https://us.icr.io": {json.dumps(old)}'
        for logins in ([used, other], [other, used],
                       [f'"us.icr.io": {json.dumps(old)}', used, other]):
            with self.subTest(logins):
                text = '{"auths": {%s}}' % ", ".join(logins)
                self.home.write(self.file, text)
                result = self.run_import(status=1)
                self.assertIn(b"us.icr.io has another login", result.err)
                self.assertNotIn(b"import again", result.err)
                self.assertEqual(result.out.decode(), f"us.icr.io: moved from {self.file}\n")
                self.check("us.icr.io")
                self.assertEqual(self.file.read_text(), text.replace(used, '"us.icr.io": {}'))
                self.home.helper("erase", stdin="us.icr.io")

    def test_cannot_be_stored(self):
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        before = self.file.read_bytes()
        self.home.env["XDG_DATA_HOME"] = "/proc/nowhere"
        self.assertNotEqual(self.run_import(status=1).err, b"")
        self.assertEqual(self.file.read_bytes(), before)

    def test_home_whose_parts_lead_nowhere(self):
        """As where a volume with ~/.local is not mounted: the file is there, and is no login."""
        self.home.configure(stores=["file"])
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        before = self.file.read_bytes()
        data = self.home.path / "gone"
        data.symlink_to("nowhere")
        self.home.env["XDG_DATA_HOME"] = str(data)
        result = self.run_import(status=1)
        self.assertIn(f"{data}: is not a folder", result.err.decode())
        self.assertEqual(self.file.read_bytes(), before)

    def test_config(self):
        other = self.home.write("auth.json", {"auths": {"de.icr.io": {"auth": auth()}}})
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.assertIn(b"de.icr.io: moved", self.run_import("--config", other).out)
        self.check("de.icr.io")
        self.assertEqual(json.loads(other.read_text()), {"auths": {"de.icr.io": {}}})
        self.assertIn(auth(), self.file.read_text())

    def test_config_that_is_not_there(self):
        for path in ("/nonexistent/auth.json", self.home.path / "none", ""):
            result = self.run_import("--config", path, status=1)
            self.assertIn(b"No such file", result.err)

    def test_nothing(self):
        self.assertEqual(self.run_import().out, b"nothing to import\n")
        self.assertFalse(self.file.parent.exists())
        self.home.write(self.file, "{")
        result = self.run_import(status=1)
        self.assertIn(f"{self.file}:1:", result.err.decode())


@unittest.skipUnless(shutil.which("docker-credential-secretservice")
                     and shutil.which("gnome-keyring-daemon"), "no Secret Service")
class SecretService(ImportCase):
    PEER = "docker-credential-secretservice"

    def setUp(self):
        super().setUp()
        self.keyring = self.start(Keyring, self.start(Bus, self.home))

    def put(self, server, username="iamapikey", label=None):
        """As versions before 0.9 and later ones label it."""
        result = self.home.run([
            "secret-tool", "store", f"--label={label or server}", "label", "Docker Credentials",
            "server", server, "username", username, "docker_cli", "1", "xdg:schema",
            "io.docker.Credentials"], stdin=SECRET)
        self.assertEqual(result.status, 0, result)

    def test_found_where_they_are(self):
        self.put("https://us.icr.io")
        self.put("de.icr.io", label="Registry credentials for de.icr.io")
        self.assertIn(b"finds the 2 logins", self.run_import().out)
        for host in ("us.icr.io", "de.icr.io"):
            self.check(host)

    def test_moved_to_another_store(self):
        self.home.configure(stores=["file"])
        self.put("https://us.icr.io")
        self.put("de.icr.io", label="Registry credentials for de.icr.io")
        self.put("gcr.io")
        self.assertEqual(sorted(self.run_import().out.decode().splitlines()), [
            f"{host}: copied from the desktop's keyring" for host in ("de.icr.io", "us.icr.io")])
        self.check("us.icr.io")
        self.check("de.icr.io")
        self.assertEqual(len(self.keyring.items(label="Docker Credentials")), 3)
        self.assertEqual(sorted(self.run_import("--remove").out.decode().splitlines()), [
            f"{host}: moved from the desktop's keyring" for host in ("de.icr.io", "us.icr.io")])
        self.assertEqual(len(self.keyring.items(label="Docker Credentials")), 1)
        self.check("us.icr.io")

    def test_locked(self):
        self.home.configure(stores=["file"])
        self.put("us.icr.io")
        self.keyring.lock()
        self.assertIn(b"keyring was not asked", self.run_import().err)


class Desktop(ImportCase):
    """A desktop's keyring that is not among the stores, in which hosts have several logins."""

    def setUp(self):
        super().setUp()
        self.service = self.start(Service, self.home)
        self.home.configure(stores=["file"])

    def secrets(self):
        return sorted(item.secret.decode() for item in self.service.items.values())

    def test_each_of_several_is_kept_or_left_and_named(self):
        for spelling in ("us.icr.io", "https://us.icr.io", "us.icr.io/v1/", "US.ICR.IO:443"):
            with self.subTest(spelling):
                self.service.items.clear()
                self.service.add("us.icr.io", SECRET, "alice", modified=2000)
                self.service.add(spelling, "older", "bob", modified=1000)
                self.service.add("gcr.io", "others")
                result = self.run_import("--remove", status=1)
                self.assertIn(b"us.icr.io has another login", result.err)
                self.assertIn(b"(user bob) was left there", result.err)
                self.assertNotIn(b"alice", result.err)
                self.assertEqual(result.out, b"us.icr.io: moved from the desktop's keyring\n")
                self.check("us.icr.io", username="alice")
                self.assertEqual(self.secrets(), ["older", "others"])
                self.home.helper("erase", stdin="us.icr.io")

    def test_another_is_in_the_store(self):
        self.home.store("us.icr.io", secret="stored")
        self.service.add("us.icr.io", SECRET)
        self.assertIn(b"(user iamapikey) was left", self.run_import("--remove", status=1).err)
        self.assertEqual(self.secrets(), [SECRET])
        self.check("us.icr.io", "stored")

    def test_equal_ones_go_together(self):
        for server in ("us.icr.io", "https://us.icr.io", "us.icr.io/v1/"):
            self.service.add(server, SECRET)
        result = self.run_import("--remove")
        self.assertEqual(result.out, b"us.icr.io: moved from the desktop's keyring\n")
        self.assertEqual(self.secrets(), [])
        self.check("us.icr.io")

    def test_empty_ones_stay(self):
        self.service.add("us.icr.io", "", modified=2000)
        self.service.add("us.icr.io", SECRET, "alice", modified=1000)
        self.run_import("--remove")
        self.assertEqual(self.secrets(), [""])
        self.check("us.icr.io", username="alice")

    def test_key_of_all_hosts(self):
        self.service.add("*.icr.io", SECRET)
        result = self.run_import("--remove")
        self.assertEqual(result.out, b"all icr.io hosts: moved from the desktop's keyring\n")
        self.assertNotIn(b"*", result.err)
        self.check("de.icr.io")

    def test_one_that_cannot_be_read(self):
        self.service.add("us.icr.io", SECRET, modified=2000)
        self.service.add("us.icr.io", b"a\0b", "bob", modified=1000)
        self.service.add("de.icr.io", SECRET, locked=True)
        result = self.run_import("--remove", status=1)
        self.assertIn(b"not all of the desktop's keyring", result.err)
        self.assertEqual(self.secrets(), sorted([SECRET, "a\0b"]))
        self.check("us.icr.io")

    def test_changed_meanwhile(self):
        """By a docker login that comes between the copy and the removal."""
        path = self.service.add("us.icr.io", SECRET)
        given = []

        def answer(call):
            given.append(call)
            if len(given) == 2:
                self.service.items[path].secret = b"newer"
            return self.service.do_GetSecrets(call)

        self.service.answer["GetSecrets"] = answer
        result = self.run_import("--remove", status=1)
        self.assertIn(b"has just changed", result.err)
        self.assertEqual(result.out, b"us.icr.io: copied from the desktop's keyring\n")
        self.assertEqual(self.secrets(), ["newer"])

    def test_gone_meanwhile(self):
        path = self.service.add("us.icr.io", SECRET)
        given = []

        def answer(call):
            given.append(call)
            if len(given) == 2:
                del self.service.items[path]
            return self.service.do_GetAll(call)

        self.service.answer["GetAll"] = answer
        self.run_import("--remove")
        self.check("us.icr.io")

    def test_not_deleted(self):
        """Nothing else is held up by what the keyring does not let go."""
        hosts = ("de.icr.io", "us.icr.io")
        for host in hosts:
            self.service.add(host, SECRET)
        for answer, why in ((lambda call: ("o", ["/"]), "the keyring did not delete the item"),
                            (lambda call: ("o", ["/prompt/1"]), "wants to ask somebody first")):
            self.service.answer["Delete"] = answer
            result = self.run_import("--remove", status=1)
            self.assertEqual(sorted(result.out.decode().splitlines()), [
                f"{host}: copied from the desktop's keyring" for host in hosts])
            self.assertEqual(self.secrets(), [SECRET] * 2)
            for host in hosts:
                self.assertIn(f"the login of {host} stays in the desktop's keyring (user iamapi"
                              "key): ", result.err.decode())
                self.check(host)
            self.assertEqual(result.err.count(why.encode()), 2)

    @unittest.skipUnless(os.geteuid() == 0, "mounts")
    def test_config_that_cannot_be_written_to(self):
        """As where it is mounted into a container: the keyring's logins are moved all the same."""
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.service.add("de.icr.io", SECRET)
        done = self.home.run(["unshare", "-m", "sh", "-euc",
                              'mount --bind "$1" "$1"; shift; exec "$@"',
                              "sh", self.file, HELPER, "import", "--remove"])
        self.assertEqual(done.status, 1)
        self.assertEqual(done.out.decode().splitlines(), [
            f"us.icr.io: copied from {self.file}", "de.icr.io: moved from the desktop's keyring"])
        self.assertIn(b"is a mount point", done.err)
        self.assertIn(auth(), self.file.read_text())
        self.assertEqual(self.secrets(), [])

    def test_killed_between_copy_and_removal(self):
        self.service.add("us.icr.io", SECRET)
        for member in ("OpenSession", "GetAll", "GetSecrets", "Delete"):
            with self.subTest(member):
                reached, done = threading.Event(), threading.Event()
                calls = []

                def answer(call, calls=calls, reached=reached, done=done):
                    calls.append(call)
                    # all but the last are done twice: to read, and before the removal
                    if len(calls) < 2 and call.member != "Delete":
                        return getattr(self.service, "do_" + call.member)(call)
                    reached.set()
                    done.wait(30)
                    return None

                self.service.answer = {member: answer}
                child = subprocess.Popen([HELPER, "import", "--remove"], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                         env=self.home.environment())
                self.assertTrue(reached.wait(30))
                child.kill()
                child.wait()
                done.set()
                self.assertEqual(self.secrets(), [SECRET])
                self.check("us.icr.io")
        self.service.answer = {}
        self.run_import("--remove")
        self.assertEqual(self.secrets(), [])
        self.check("us.icr.io")

    def test_does_not_read_back(self):
        """A store that keeps something else: nothing goes, neither from it nor for it."""
        self.home.configure(stores=["libsecret"])
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        before = self.file.read_bytes()
        add = self.service.add
        self.service.add = lambda server, secret, **more: add(server, b"x" + bytes(secret), **more)
        self.run_import("--remove", status=1)
        self.assertEqual(self.file.read_bytes(), before)


class AtOnce(ImportCase):
    def test_login_while_importing(self):
        """docker login comes between the look into the store and the write: it is the newer."""
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        before = self.file.read_bytes()
        child = subprocess.Popen(
            ["strace", "-f", "-E", NO_LEAKS, "-qq", "-e", "trace=flock", "-e",
             "inject=flock:delay_enter=1500000:when=2", HELPER, "import"],
            env=self.home.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        for line in child.stderr:  # the import's own; the next one is the store's, delayed
            if b"LOCK_EX" in line:
                break
        wait_for((self.home.data / "credentials.lock").exists, "the store's lock")
        self.home.store("us.icr.io", secret="newer")
        out, err = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out), (1, b"nothing to import\n"), err)
        self.assertIn(b"us.icr.io has another login", err)
        self.assertEqual(self.file.read_bytes(), before)
        self.check("us.icr.io", "newer")

    def test_two_with_different_logins(self):
        """The second one sees what the first has kept; else it would take its place."""
        self.home.write("bin/docker-credential-pass", "#!/bin/sh\ncase $1 in list) echo "
                        '\'{"us.icr.io":"iamapikey"}\';; get) : >"$HOME/reached"; read -r _ '
                        '<"$HOME/go"; echo \'{"ServerURL":"us.icr.io","Username":"iamapikey",'
                        '"Secret":"first"}\';; esac\n', mode=0o755)
        path = self.home.env["PATH"]
        self.home.env["PATH"] = f"{self.home.path}/bin:{path}"
        os.mkfifo(self.home.path / "go")
        self.home.write(self.file, {"auths": {"de.icr.io": {"auth": auth()}}})
        other = self.home.write("auth.json", {"auths": {"us.icr.io": {"auth": auth()}}})
        before = other.read_bytes()
        first = subprocess.Popen([HELPER, "import"], env=self.home.environment(),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        wait_for((self.home.path / "reached").exists, "the first one's question to pass")
        second = subprocess.Popen(["strace", "-f", "-E", NO_LEAKS, "-qq", "-e", "trace=flock",
                                   HELPER, "import", "--config", other],
                                  env=self.home.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in second.stderr:
            if b"EAGAIN" in line:
                break
            self.assertNotIn(b"moved", line)
        with open(self.home.path / "go", "w") as go:
            go.write("\n")
        self.assertEqual(first.wait(30), 0)
        out, err = second.communicate(timeout=30)
        self.assertEqual((second.returncode, out), (1, b"nothing to import\n"))
        self.assertIn(b"us.icr.io has another login", err)
        self.assertEqual(other.read_bytes(), before)
        self.check("us.icr.io", "first")


class FolderOfTheLock(ImportCase):
    """One that another user can have made, or can write to, has locks of that user's."""

    def setUp(self):
        super().setUp()
        self.start(Service, self.home)
        self.home.configure(stores=["libsecret"])
        self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})
        self.lock = self.home.write(self.data_home() / "docker-credential-icr/import.lock", "")
        self.lock.chmod(0o666)
        self.lock.parent.chmod(0o700)
        held = open(self.lock)
        self.addCleanup(held.close)
        fcntl.flock(held, fcntl.LOCK_EX)

    def data_home(self):
        place = self.home.path / "data"
        place.mkdir(mode=0o700)
        self.home.env["XDG_DATA_HOME"] = str(place)
        return place

    def check_not_waited_for(self):
        self.assertEqual(self.run_import().out.decode(), f"us.icr.io: moved from {self.file}\n")
        self.check("us.icr.io")
        self.assertEqual(os.listdir(self.lock.parent), ["import.lock"])

    def test_others_write_to_it(self):
        for mode in (0o777, 0o770):
            with self.subTest(oct(mode)):
                self.lock.parent.chmod(mode)
                self.check_not_waited_for()
                self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give files away")
    def test_of_somebody_else(self):
        """As in a place where everybody makes folders, or is given them."""
        for mode in (0o1777, 0o755):
            with self.subTest(oct(mode)):
                self.lock.parent.parent.chmod(mode)
                for path in (self.lock, self.lock.parent):
                    os.chown(path, 65534, 65534)
                self.check_not_waited_for()
                self.home.write(self.file, {"auths": {"us.icr.io": {"auth": auth()}}})

    def test_around_it_everybody_renames(self):
        self.lock.parent.parent.chmod(0o777)
        self.check_not_waited_for()

    def test_link(self):
        moved = self.lock.parent.rename(self.home.path / "elsewhere")
        self.lock.parent.symlink_to(moved)
        self.check_not_waited_for()


@unittest.skipUnless(all(map(shutil.which, ("docker-credential-pass", "pass", "gpg"))), "no pass")
class PassStore(ImportCase):
    PEER = "docker-credential-pass"

    def setUp(self):
        super().setUp()
        self.start(Pass, self.home)

    def test_copied_and_moved(self):
        for server in ("https://us.icr.io", "de.icr.io", "quay.io"):
            self.assert_ok(self.home.run([self.PEER, "store"], stdin=message(server)))
        self.assertEqual(sorted(self.run_import().out.decode().splitlines()), [
            f"{host}: copied from {self.PEER}" for host in ("de.icr.io", "us.icr.io")])
        self.check("us.icr.io")
        self.check("de.icr.io")
        self.assertEqual(len(self.home.run([self.PEER, "list"]).json), 3)
        self.run_import("--remove")
        self.assertEqual(list(self.home.run([self.PEER, "list"]).json), ["quay.io"])
        self.check("us.icr.io")

    def test_two_users_of_one_server(self):
        """pass hands one of them out, and erases both."""
        for user, secret in (("alice", SECRET), ("bob", "other")):
            self.assert_ok(self.home.run([self.PEER, "store"],
                                         stdin=message("us.icr.io", user, secret)))
        folder = self.home.path / ".password-store/docker-credential-helpers/dXMuaWNyLmlv"
        before = sorted(os.listdir(folder))
        self.assertEqual(before, ["alice.gpg", "bob.gpg"])
        result = self.run_import("--remove", status=1)
        self.assertIn(b"keeps, or may keep, other logins of us.icr.io", result.err)
        self.assertIn(b"us.icr.io: copied from", result.out)
        self.assertEqual(sorted(os.listdir(folder)), before)
        self.check("us.icr.io", username="alice")

    def test_two_spellings_of_one_host(self):
        for server, secret in (("https://us.icr.io", "old"), ("us.icr.io", SECRET)):
            self.assert_ok(self.home.run([self.PEER, "store"],
                                         stdin=message(server, secret=secret)))
        self.assertIn(b"has another login", self.run_import("--remove", status=1).err)
        self.check("us.icr.io")
        self.assertEqual(list(self.home.run([self.PEER, "list"]).json), ["https://us.icr.io"])


class FakePass(ImportCase):
    def fake(self, script):
        self.home.write("bin/docker-credential-pass", f"#!/bin/sh\n{script}\n", mode=0o755)
        self.home.env["PATH"] = f"{self.home.path}/bin:{self.home.env['PATH']}"

    def test_not_initialised(self):
        """As docker-credential-pass 0.6.4 without a store: empty replies, exit status 0."""
        self.fake('case $1 in list) echo "{}";; *) echo \'{"ServerURL":"","Username":"",'
                  '"Secret":""}\';; esac')
        self.assertEqual(self.run_import().out, b"nothing to import\n")

    def test_lists_what_it_does_not_hand_out(self):
        self.fake('case $1 in list) echo \'{"us.icr.io":"iamapikey"}\';; *) echo \'{"ServerURL":"",'
                  '"Username":"","Secret":""}\';; esac')
        self.assertIn(b"does not hand it out", self.run_import(status=1).err)

    def test_this_helper_by_its_name(self):
        self.home.store("us.icr.io", secret=SECRET)
        self.home.write("bin/docker-credential-pass", f'#!/bin/sh\nexec {HELPER} "$@"\n', mode=0o755)
        self.home.env["PATH"] = f"{self.home.path}/bin:{self.home.env['PATH']}"
        self.assertEqual(self.run_import("--remove").out, b"nothing to import\n")
        self.check("us.icr.io")

    def test_store_of_unknown_form(self):
        """What else it keeps there cannot be told, so nothing is erased."""
        self.fake('case $1 in list) echo \'{"us.icr.io":"u"}\';; get) echo \'{"ServerURL":"us.icr.io",'
                  '"Username":"u","Secret":"s"}\';; erase) : >"$HOME/erased";; esac')
        result = self.run_import("--remove", status=1)
        self.assertIn(b"may keep, other logins", result.err)
        self.assertFalse((self.home.path / "erased").exists())
        self.check("us.icr.io", "s", "u")

    def test_broken(self):
        for script in ("exit 1", "echo nothing", "echo '[]'", "kill -9 $$"):
            self.fake(script)
            self.assertIn(b"cannot list", self.run_import().err)


if __name__ == "__main__":
    unittest.main()
