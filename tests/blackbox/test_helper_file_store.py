# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The file store: its bytes, its modes, and what it refuses."""

import fcntl
import json
import os
import resource
import shutil
import stat
import subprocess
import tempfile
import threading
import unittest

from tests.blackbox.support import NO_LEAKS, HELPER, HomeCase

ENTRY = {"username": "iamapikey", "secret": "k"}


def message(host="us.icr.io", secret="k"):
    return json.dumps({"ServerURL": host, "Username": "iamapikey", "Secret": secret})


class FileCase(HomeCase):
    def setUp(self):
        super().setUp()
        self.home.configure(stores=["file"])
        self.file = self.home.store_file

    def get(self, host="us.icr.io", **more):
        return self.home.helper("get", stdin=host, **more)

    def erase(self, host="us.icr.io", **more):
        return self.home.helper("erase", stdin=host, **more)

    def write(self, content, mode=0o600):
        if isinstance(content, dict):
            content = {"version": 1, "credentials": content}
        self.home.write(self.file, content, mode)

    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)

    def check_refused(self, *needles, hint=b""):
        """All verbs refuse, with a line that is not the not-found sentence, and change nothing."""
        before = self.snapshot()
        for verb, stdin in (("get", "us.icr.io"), ("list", ""), ("store", message(secret="new")),
                            ("erase", "us.icr.io")):
            with self.subTest(verb=verb):
                env = {"IC_API_KEY": "must-not-hide-the-fault"}
                result = self.home.helper(verb, stdin=stdin, env=env)
                self.assert_fails(result, *needles)
                self.assertIn(hint, result.err)
                # Docker keeps standard output of get and erase to itself
                self.assertIn(result.out, result.err)
        self.assertEqual(self.snapshot(), before)

    def snapshot(self):
        if not self.file.is_file():
            return None
        status = self.file.lstat()
        return self.file.read_bytes(), status.st_mode, status.st_ino, status.st_mtime_ns


class Modes(FileCase):
    def test_made_private_whatever_the_umask(self):
        for mask in (0o000, 0o022, 0o077, 0o177):
            with self.subTest(mask=oct(mask)):
                data = self.home.path / f"data{mask}"
                result = self.home.run(["sh", "-c", f'umask {mask:o}; exec "$0" store', HELPER],
                                       stdin=message(), env={"XDG_DATA_HOME": data})
                self.assert_ok(result)
                folder = data / "docker-credential-icr"
                self.assertEqual(self.mode(data), 0o700)
                self.assertEqual(self.mode(folder), 0o700)
                self.assertEqual({entry.name: self.mode(entry) for entry in folder.iterdir()},
                                 {"credentials.json": 0o600, "credentials.lock": 0o600})

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_umask_that_shuts_the_user_out(self):
        for mask in (0o277, 0o377, 0o777):
            with self.subTest(mask=oct(mask)), \
                 tempfile.TemporaryDirectory(prefix="icr-test-") as home:
                os.chown(home, 12345, 12345)
                command = ["sh", "-c", f'umask {mask:o}; exec "$@"', "sh",
                           *self.as_somebody_else()]
                for _ in range(2):
                    self.assert_ok(self.home.run(command + ["store"], stdin=message(),
                                                 env={"HOME": home}))
                self.assert_ok(self.home.run(command + ["erase"], stdin="us.icr.io",
                                             env={"HOME": home}))
                folder = os.path.join(home, ".local/share/docker-credential-icr")
                self.assertEqual(self.mode(folder), 0o700)
                self.assertEqual({name: self.mode(os.path.join(folder, name))
                                  for name in os.listdir(folder)},
                                 {"credentials.json": 0o600, "credentials.lock": 0o600})

    def test_file_open_to_others(self):
        for mode in (0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610):
            self.write({"us.icr.io": ENTRY}, mode)
            self.check_refused(str(self.file), hint=b"chmod")

    def test_file_closed_further(self):
        self.write({"us.icr.io": ENTRY}, 0o400)
        self.assertEqual(self.get().status, 0)
        self.home.store("us.icr.io", secret="new")
        self.assertEqual(self.mode(self.file), 0o600)
        self.assertEqual(self.get().json["Secret"], "new")

    @unittest.skipUnless(os.geteuid() == 0, "needs to give files away")
    def test_file_of_somebody_else(self):
        self.write({"us.icr.io": ENTRY})
        os.chown(self.file, 12345, -1)
        self.check_refused(str(self.file), "12345", hint=b"chown")

    @unittest.skipUnless(os.geteuid() == 0, "needs to give files away")
    def test_folder_of_somebody_else(self):
        self.write({"us.icr.io": ENTRY})
        os.chown(self.home.data, 12345, -1)
        self.check_refused(str(self.home.data), "12345", hint=b"chown")

    def test_folder_that_others_may_write_to(self):
        self.write({"us.icr.io": ENTRY})
        for mode in (0o770, 0o707, 0o777, 0o1777, 0o720):
            self.home.data.chmod(mode)
            self.check_refused(str(self.home.data), hint=b"chmod")
        self.home.data.chmod(0o755)
        self.assertEqual(self.get().status, 0)

    def test_symbolic_links(self):
        self.write({"us.icr.io": ENTRY})
        real = self.home.path / "real.json"
        self.file.rename(real)
        os.symlink(real, self.file)
        self.check_refused(str(self.file), "link")
        real.unlink()
        self.check_refused(str(self.file), "link")
        self.file.unlink()
        moved = self.home.path / "moved"
        self.home.data.rename(moved)
        os.symlink(moved, self.home.data)
        self.check_refused(str(self.home.data), "link")

    def test_lock_that_is_a_link(self):
        victim = self.home.write("victim", "x", mode=0o644)
        self.home.data.mkdir(mode=0o700, parents=True)
        os.symlink(victim, self.home.data / "credentials.lock")
        self.assert_fails(self.home.helper("store", stdin=message()), "credentials.lock")
        self.assertEqual((victim.read_text(), self.mode(victim)), ("x", 0o644))

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_folder_exchanged_meanwhile(self):
        """What was checked is what is written to, whoever renames it: no link of another folder is
        followed, no file of another mode filled."""
        victim = self.home.write("victim", "precious", mode=0o644)
        self.home.data.mkdir(mode=0o700, parents=True)
        child = subprocess.Popen(
            ["strace", "-E", NO_LEAKS, "-qq", "-o", os.devnull, "-e", "trace=flock", "-e",
             "inject=flock:delay_enter=700000:when=1", "--", HELPER, "store"],
            env=self.home.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        child.stdin.write(message(secret="must-stay-private").encode())
        child.stdin.close()
        child.stdin = None
        while child.poll() is None and not (self.home.data / "credentials.lock").exists():
            pass
        moved = self.home.data.with_name("moved")
        self.home.data.rename(moved)
        self.home.data.mkdir(mode=0o777)
        os.symlink(victim, self.home.data / "credentials.json")
        (self.home.data / "credentials.lock").touch()
        out, err = child.communicate(timeout=60)
        # nor would get read the other folder
        self.assertEqual(child.returncode, 1, err)
        self.assertIn(b"is a symbolic link", out)
        self.assertEqual((victim.read_text(), self.mode(victim)), ("precious", 0o644))
        self.assertIn("must-stay-private", (moved / "credentials.json").read_text())
        self.assertEqual(self.mode(moved / "credentials.json"), 0o600)

    def test_parent_that_everybody_may_write_to(self):
        self.write({"us.icr.io": ENTRY})
        parent = self.home.data.parent
        parent.chmod(0o777)
        self.check_refused(str(parent), hint=b"chmod o-w")
        parent.chmod(0o1777)
        self.assertEqual(self.get().status, 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs to give files away")
    def test_parent_that_a_group_may_write_to(self):
        self.write({"us.icr.io": ENTRY})
        parent = self.home.data.parent
        os.chown(parent, -1, 12345)
        parent.chmod(0o770)
        self.assertEqual(self.get().status, 0)
        self.assertIn(b"a group may write", self.home.store("us.icr.io").err)

    def test_hints_can_be_pasted(self):
        data = self.home.path / "it's $HOME"
        env = {"XDG_DATA_HOME": data}
        self.home.store("us.icr.io", env=env)
        folder = data / "docker-credential-icr"
        folder.chmod(0o777)
        result = self.get(env=env)
        self.assert_fails(result, "written to by others")
        hint = result.err.decode().splitlines()[-1].split(": ", 1)[1]
        subprocess.run(["sh", "-c", hint], check=True)
        self.assertEqual(self.mode(folder), 0o700)
        self.assertEqual(self.get(env=env).status, 0)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("strace"), "needs root and strace")
    def test_lock_that_its_user_puts_there_meanwhile(self):
        """Another name of a file of root's: it is not given away with what root makes there."""
        self.assert_ok(self.home.helper("store", stdin=message()))
        folder = self.file.parent
        other = self.home.path / "other"
        other.write_text("")
        other.chmod(0o640)
        for path in (folder.parent, folder, self.file):
            os.chown(path, 12345, 12345)
        lock = folder / "credentials.lock"
        lock.unlink()
        os.link(other, lock)
        # as if it had not been there at the first look
        done = self.home.run(["strace", "-E", NO_LEAKS, "-qq", "-o", os.devnull, "-P", lock, "-P",
                              lock.name, "-e", "trace=openat", "-e",
                              "inject=openat:error=ENOENT:when=1", "--", HELPER, "store"],
                             message())
        self.assert_ok(done)
        st = other.stat()
        self.assertEqual((st.st_uid, self.mode(other)), (0, 0o640))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("strace"), "needs root and strace")
    def test_way_to_a_new_folder_that_its_user_changes(self):
        """What is below the new way keeps mode and owner."""
        data, elsewhere = self.home.path / "data", self.home.path / "elsewhere"
        data.mkdir()
        os.chown(data, 12345, 12345)
        (elsewhere / "share").mkdir(parents=True)
        (elsewhere / "share").chmod(0o755)
        ended = threading.Event()

        def change():
            while not (data / "share").is_dir():
                if ended.is_set():
                    return
            data.rename(self.home.path / "before")
            data.symlink_to(elsewhere)
        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        command = ["strace", "-E", NO_LEAKS, "-qq", "-o", os.devnull, "-P", data / "share", "-P",
                   "share", "-e", "trace=?mkdir,mkdirat", "-e",
                   "inject=?mkdir,mkdirat:delay_exit=1s:when=1"]
        self.home.run([*command, "--", HELPER, "store"], message(),
                      {"XDG_DATA_HOME": data / "share"})
        ended.set()
        thread.join(30)
        st = (elsewhere / "share").stat()
        self.assertEqual((st.st_uid, self.mode(elsewhere / "share")), (0, 0o755))
        self.assertEqual((self.home.path / "before/share").stat().st_uid, 12345)

    @unittest.skipUnless(os.geteuid() == 0, "needs to give files away")
    def test_root_in_the_home_of_a_user(self):
        """All that root makes there is the user's, who can use it."""
        self.home.path.chmod(0o755)
        home = self.home.path / "user"
        home.mkdir()
        os.chown(home, 12345, 12345)
        env = {"HOME": home}
        self.home.store("us.icr.io", env=env)
        for folder, folders, names in os.walk(home):
            for name in folders + names:
                path = os.path.join(folder, name)
                self.assertEqual((os.stat(path).st_uid, os.stat(path).st_gid), (12345, 12345), path)
                self.assertEqual(self.mode(path) & 0o077, 0, path)
        self.assertEqual(self.get(env=env).status, 0)
        command = self.as_somebody_else()
        self.assertEqual(self.home.run(command + ["get"], stdin="us.icr.io", env=env).status, 0)
        self.assert_ok(self.home.run(command + ["store"], stdin=message(secret="new"), env=env))
        self.assertEqual(self.get(env=env).json["Secret"], "new")

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_file_that_its_owner_may_not_read(self):
        home = self.home.path / "user"
        self.home.path.chmod(0o755)
        home.mkdir()
        os.chown(home, 12345, 12345)
        self.home.store("us.icr.io", env={"HOME": home})
        (home / ".local/share/docker-credential-icr/credentials.json").chmod(0)
        result = self.home.run(self.as_somebody_else() + ["get"], stdin="us.icr.io",
                               env={"HOME": home})
        self.assert_fails(result, "Permission denied")
        self.assertIn(b"chmod u+rw", result.err)

    def test_not_a_file(self):
        self.home.data.mkdir(mode=0o700, parents=True)
        self.file.mkdir()
        self.check_refused(str(self.file))
        self.file.rmdir()
        os.mkfifo(self.file, 0o600)
        self.check_refused(str(self.file))
        self.file.unlink()
        self.home.data.joinpath("x").touch()
        self.assertEqual(self.get().status, 1)

    def test_folder_that_is_a_file(self):
        self.home.write(self.home.data, "")
        self.check_refused(str(self.home.data))


class Bytes(FileCase):
    def test_new_file(self):
        self.home.store("us.icr.io", secret="k")
        content = json.loads(self.file.read_text())
        self.assertEqual(content, {"version": 1, "credentials": {"us.icr.io": ENTRY}})
        self.assertTrue(self.file.read_text().endswith("\n"))

    def test_there_and_back_gives_the_same_bytes(self):
        self.home.store("us.icr.io")
        before = self.file.read_bytes()
        for host in ("de.icr.io", "private.us.icr.io"):
            self.home.store(host)
        for host in ("private.us.icr.io", "de.icr.io"):
            self.assert_ok(self.erase(host))
        self.assertEqual(self.file.read_bytes(), before)

    def test_a_change_prints_the_file_whole(self):
        """Other entries stay as they are; what else somebody wrote into our file does not."""
        self.write('{"later": [1e400], "version": 1,\r\n "credentials": {\r\n'
                   '"de.icr.io" : {"username":"u", "secret":"s", "more":"\\u0041"},\r\n'
                   '"example.com": {"not": "ours"}}, "end": null}')
        self.home.store("us.icr.io", secret="new")
        self.assertEqual(self.file.read_text(), """{
\t"version": 1,
\t"credentials": {
\t\t"de.icr.io" : {"username":"u", "secret":"s", "more":"\\u0041"},
\t\t"example.com": {"not": "ours"},
\t\t"us.icr.io": {"username": "iamapikey", "secret": "new"}
\t}
}
""")
        self.assert_got(self.get(), "us.icr.io", "iamapikey", "new")
        self.assertEqual(sorted(self.home.helper("list").json), ["de.icr.io", "us.icr.io"])

    def test_no_credentials_member(self):
        for text in ('{"version":1}', '{ "version" : 1 }\n', '{\n\t"version": 1,\n\t"x": 2\n}\n'):
            self.write(text)
            self.assert_missing(self.get())
            self.assert_ok(self.erase())
            self.assertEqual(self.file.read_text(), text)
            self.home.store("us.icr.io", secret="k")
            self.assertEqual(self.get().json["Secret"], "k")

    def test_spellings_written_by_hand(self):
        self.write('{"version":1,"credentials":{"US.icr.io":{"username":"a","secret":"1"},'
                   '"de.icr.io":{"username":"d","secret":"d"},'
                   '"https://us.icr.io/v2/":{"username":"b","secret":"2"}}}')
        self.assert_got(self.get(), "us.icr.io", "b", "2")
        self.assertEqual(self.home.helper("list").json, {"us.icr.io": "b", "de.icr.io": "d"})
        self.home.store("us.icr.io", secret="3")
        self.assert_got(self.get(), "us.icr.io", "iamapikey", "3")
        self.assertEqual(len(json.loads(self.file.read_text())["credentials"]), 2)
        self.assert_ok(self.erase())
        self.assertEqual(list(json.loads(self.file.read_text())["credentials"]), ["de.icr.io"])

    def test_repeated_names(self):
        self.write('{"version":1,"credentials":{"us.icr.io":{"username":"a","secret":"1"},'
                   '"us.icr.io":{"username":"b","secret":"2"}}}')
        self.assert_got(self.get(), "us.icr.io", "b", "2")
        self.assert_ok(self.erase())
        self.assert_missing(self.get())

    def test_erase_of_nothing_writes_nothing(self):
        self.assert_ok(self.erase())
        self.assertFalse(self.home.data.exists())
        self.home.store("de.icr.io")
        before = self.snapshot()
        (self.home.data / "credentials.lock").unlink()
        self.assert_ok(self.erase())
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(os.listdir(self.home.data), ["credentials.json"])

    def test_left_over_files(self):
        self.home.store("us.icr.io")
        self.assert_ok(self.erase())
        self.assertEqual(sorted(path.name for path in self.home.data.iterdir()),
                         ["credentials.json", "credentials.lock"])

    def test_faulty_files(self):
        rows = [
            ("", "1:1"), ("null", "1:1"), ("[]", "1:1"), ('"x"', "1:1"), ("{", "1:2"),
            ("{}", "version"), ('{"credentials":{}}', "version"),
            ('{"version":"1"}', "1:12"), ('{"version":0}', "1:12"), ('{"version":-1}', "1:12"),
            ('{"version":1.0}', "1:12"), ('{"version":1e0}', "1:12"),
            ('{"version":2,"credentials":{}}', "version"),
            ('{"version":99999999999999999999}', "1:12"),
            ('{"version":1,"credentials":[]}', "1:28"),
            ('{"version":1,"credentials":null}', "1:28"),
            ('{"version":1,\n "credentials":{"us.icr.io":"k"}}', "2:29"),
            ('{"version":1,\n "credentials":{"us.icr.io":{"username":"u"}}}', "2:29"),
            ('{"version":1,\n "credentials":{"us.icr.io":{"username":1,"secret":"s"}}}', "2:29"),
            ('{"version":1,"credentials":{}} x', "1:32"), ('{"version":1,}', "1:14"),
            ('{"version":1 /* c */}', "1:14"), ("\ufeff" + '{"version":1}', "1:1"),
            (b'{"version":1,"x":"\xff"}', "1:19"), ("{" * 3000, "1:2"),
            ('{"version":1,"x":"a\tb"}', "1:20"), ('{"version":1,"credentials":{"a\\u0000":1}}', ""),
        ]
        for content, place in rows:
            with self.subTest(content=content[:60]):
                self.write(content)
                before = self.file.read_bytes()
                result = self.get(env={"IC_API_KEY": "hides"})
                self.assert_fails(result, str(self.file), place)
                self.assert_fails(self.home.helper("list"), str(self.file))
                if '"us.icr.io"' not in str(content):
                    self.assert_fails(self.home.helper("store", stdin=message()), str(self.file))
                    self.assert_fails(self.erase(), str(self.file))
                    self.assertEqual(self.file.read_bytes(), before)

    def test_newer_version_is_named(self):
        self.write('{"version": 2, "credentials": {}}')
        result = self.get()
        self.assert_fails(result, str(self.file), "version")
        self.assertIn(b"newer", result.err)

    def test_size_limit(self):
        mebibyte = 1024 * 1024
        frame = '{"version":1,"credentials":{"us.icr.io":{"username":"u","secret":"k"},"x":"%s"}}'
        fits = frame % ("y" * (mebibyte - len(frame) + 2))
        self.write(fits)
        self.assertEqual(len(fits), mebibyte)
        self.assertEqual(self.get().json["Secret"], "k")
        # growing beyond the limit is refused before anything is written
        result = self.home.helper("store", stdin=message("de.icr.io"))
        self.assert_fails(result, str(self.file), "1048576")
        self.assertEqual(self.file.read_text(), fits)
        self.assert_ok(self.erase())
        self.write(fits + " ")
        self.assert_fails(self.get(), str(self.file), "1048576")

    def test_size_limit_of_the_process(self):
        """An error like a full disk, not a signal that leaves a temporary file."""
        self.home.store("us.icr.io", secret="old")
        result = self.home.run(["sh", "-c", 'ulimit -f 0; exec "$0" store', HELPER],
                               stdin=message(secret="new"))
        self.assert_fails(result, str(self.file), "File too large")
        self.assertEqual(sorted(os.listdir(self.home.data)),
                         ["credentials.json", "credentials.lock"])
        self.assertEqual(self.get().json["Secret"], "old")

    def test_many_credentials(self):
        many = {f"r{number}.icr.io": ENTRY for number in range(3000)}
        self.write(many)
        self.assertEqual(len(self.home.helper("list").json), 3000)
        self.assertEqual(self.get("private.r2999.icr.io").status, 0)

    def test_list_of_ten_thousand(self):
        many = {f"r{number}.icr.io": {"username": "u", "secret": "k"} for number in range(10000)}
        self.write(many)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        self.assertEqual(len(self.home.helper("list").json), 10000)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 0.5)

    def test_secrets_come_back_as_they_were(self):
        for secret in ("\"\\/\b\f\n\r\t", "\u2028\u2029<>&", "\u0001\u001f\u007f",
                       "\U0001f511\uffff", " ", "'", "x" * 65536):
            self.home.store("us.icr.io", secret=secret)
            self.assert_got(self.get(), "us.icr.io", "iamapikey", secret)


class Places(FileCase):
    def test_data_home(self):
        data = self.home.path / "elsewhere/deep"
        env = {"XDG_DATA_HOME": data}
        self.home.store("us.icr.io", env=env)
        self.assertTrue((data / "docker-credential-icr/credentials.json").is_file())
        self.assert_missing(self.get())
        self.assertEqual(self.get(env=env).status, 0)

    def test_relative_data_home_is_ignored(self):
        self.home.store("us.icr.io", env={"XDG_DATA_HOME": "relative"})
        self.assertTrue(self.file.is_file())

    def test_home_that_cannot_be_used(self):
        """Services without a home: the file store is not to be had, other sources are."""
        self.home.configure()
        for home in ("/nonexistent", "/dev/null"):
            env = {"HOME": home}
            self.assert_missing(self.get(env=env), "file (" + home)
            self.assert_got(self.get(env=dict(env, IC_API_KEY="k")), "us.icr.io", "iamapikey", "k")
            self.assert_ok(self.erase(env=env))
            self.assert_ok(self.home.helper("list", env=env), b"{}\n")
        result = self.home.helper("store", stdin=message(), env={"HOME": "/dev/null"})
        self.assert_fails(result, "cannot store", "/dev/null")
        self.assertIn(b"apikey_file", result.err)

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_relative_home_is_ignored(self):
        """No key lands in whatever folder a command happens to run in."""
        with tempfile.TemporaryDirectory(prefix="icr-test-") as folder:
            os.chmod(folder, 0o777)
            result = self.home.run(self.as_somebody_else() + ["store"], stdin=message(),
                                   env={"HOME": "relative"}, cwd=folder)
            self.assert_fails(result, "cannot store", "no home folder is known")
            self.assertEqual(os.listdir(folder), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_home_of_somebody_else(self):
        self.home.path.chmod(0o700)
        command = self.as_somebody_else()
        self.assert_missing(self.home.run(command + ["get"], stdin="us.icr.io"), "file (")
        self.assert_got(self.home.run(command + ["get"], stdin="us.icr.io",
                                      env={"IC_API_KEY": "k"}), "us.icr.io", "iamapikey", "k")
        self.assert_fails(self.home.run(command + ["store"], stdin=message()), "cannot store")

    @unittest.skipUnless(os.geteuid() == 0, "needs to become somebody else")
    def test_file_that_may_not_be_read(self):
        self.home.path.chmod(0o755)
        self.write({"us.icr.io": ENTRY})
        for folder in (self.home.data, *self.home.data.parents):
            if folder == self.home.path:
                break
            folder.chmod(0o755)
        command = self.as_somebody_else()
        self.assert_fails(self.home.run(command + ["get"], stdin="us.icr.io", env={"IC_API_KEY": "k"}),
                          str(self.home.data))

    def test_lock_of_another(self):
        """Readers do not wait; a writer does, and goes on when the lock is free."""
        self.home.store("us.icr.io", secret="old")
        lock = os.open(self.home.data / "credentials.lock", os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.assertEqual(self.get().json["Secret"], "old")
        results = []
        writer = threading.Thread(target=lambda: results.append(
            self.home.helper("store", stdin=message(secret="new"))))
        writer.start()
        writer.join(0.3)
        self.assertTrue(writer.is_alive())
        self.assertEqual(self.get().json["Secret"], "old")
        os.close(lock)
        writer.join(20)
        self.assert_ok(results[0])
        self.assertEqual(self.get().json["Secret"], "new")

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_home_without_flock(self):
        """NFS without its lock service: locks of the other kind are tried, and else it is said."""
        for error in ("ENOLCK", "ENOSYS", "EOPNOTSUPP"):
            with self.subTest(error):
                strace = ["strace", "-E", NO_LEAKS, "-qq", "-o", os.devnull, "-e", "trace=flock,fcntl", "-e",
                          f"inject=flock:error={error}"]
                result = self.home.run([*strace, "--", HELPER, "store"], stdin=message(secret=error))
                self.assert_ok(result)
                self.assertEqual(self.get().json["Secret"], error)
                result = self.home.run([*strace, "-e", "inject=fcntl:error=ENOLCK", "--", HELPER,
                                        "store"], stdin=message())
                self.assert_fails(result, "cannot lock")
                self.assertIn(b"XDG_DATA_HOME", result.err)
                self.assertEqual(self.get().json["Secret"], error)


class Notes(FileCase):
    def test_not_encrypted(self):
        """Whoever puts a key there is told what that means."""
        for result in (self.home.store("us.icr.io"),
                       self.home.helper("login", "--offline", "-", stdin="k" * 44)):
            self.assertEqual(result.status, 0)
            self.assertIn(f"not encrypted: it is in {self.file} (mode 0600)", result.err.decode())
        self.assertEqual(self.home.store("us.icr.io", env={"ICR_QUIET": "1"}).err, b"")


if __name__ == "__main__":
    unittest.main()
