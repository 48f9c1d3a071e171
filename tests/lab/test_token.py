# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Short-lived tokens: one exchange for all, and every way in which IAM can fail."""

import concurrent.futures
import json
import os
import pathlib
import secrets
import signal
import stat
import subprocess
import time
import unittest

from tests.blackbox.support import HELPER, HomeCase
from tests.lab import certs, iam
from tests.lab.case import CloudCase
from tests.lab.fault import Fault

KEY = "lab-key-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class TokenCase(CloudCase, HomeCase):
    """A user with an API key in the environment and "token": "bearer"."""

    config = {"token": "bearer"}

    def setUp(self):
        super().setUp()
        self.lab.iam.add_key(KEY)
        self.home.env["IBMCLOUD_API_KEY"] = KEY
        self.runtime = self.home.path / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.home.env["XDG_RUNTIME_DIR"] = str(self.runtime)
        self.configure(self.config)

    def configure(self, config):
        folder = self.home.path / ".config/docker-credential-icr"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))

    def get(self, host="us.icr.io"):
        return self.home.helper("get", stdin=host)

    def token(self, host="us.icr.io"):
        result = self.get(host)
        self.assertEqual((result.status, result.err), (0, b""), result)
        self.assertEqual(result.json["Username"], "iambearer")
        self.assertEqual(result.json["ServerURL"], host)
        return result.json["Secret"]

    def exchanges(self, grant="apikey"):
        return len(self.lab.log(role="iam", grant=grant))

    def entries(self):
        return sorted(path for path in (self.runtime / "docker-credential-icr").iterdir()
                      if path.suffix != ".lock")

    def wait_for(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def edit(self, **members):
        """Changes members of the only entry."""
        (path,) = self.entries()
        entry = json.loads(path.read_text())
        for name, value in members.items():
            entry[name] = value(entry[name]) if callable(value) else value
        path.write_text(json.dumps(entry))


class Cache(TokenCase):
    def test_one_exchange_serves_all_hosts(self):
        first = self.token()
        self.assertEqual(iam.decode(first)["iam_id"], iam.USER)
        for host in ("us.icr.io", "private.de.icr.io", "icr.io"):
            self.assertEqual(self.token(host), first)
        self.assertEqual(self.exchanges(), 1)
        self.assertEqual(set(self.home.helper("list").json.values()), {"iambearer"})

    def test_what_is_kept_and_how(self):
        token = self.token()
        (path,) = self.entries()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        text = path.read_text()
        self.assertIn(token, text)
        self.assertNotIn(KEY, text + path.name)
        self.assertNotIn(".new", " ".join(os.listdir(path.parent)))

    def test_authority_that_is_in_the_bundle_alone(self):
        """As where somebody appends to the bundle by hand: the folder of links does not have it."""
        name = certs.openssl("x509", "-noout", "-hash", "-in", self.lab.authority.certificate)
        link = pathlib.Path("/etc/ssl/certs") / (name.decode().strip() + ".0")
        if not link.exists():
            self.skipTest("no links by hash here")
        bytes_of_it = link.read_bytes()
        link.unlink()
        self.addCleanup(link.write_bytes, bytes_of_it)
        self.token()
        self.assertEqual(self.exchanges(), 1)

    def test_200_at_once_make_one_exchange(self):
        self.lab.iam.faults.add(Fault(delay=0.3, grant="apikey"))
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            results = list(pool.map(lambda _: self.get(), range(200)))
        self.assertEqual({result.status for result in results}, {0}, results)
        self.assertEqual(len({result.json["Secret"] for result in results}), 1)
        self.assertEqual(self.exchanges(), 1)

    def test_other_identities_and_endpoints_are_kept_apart(self):
        other = KEY.replace("A", "B")
        self.lab.iam.add_key(other, iam_id=iam.SERVICE_ID)
        first = self.token()
        self.home.env["IBMCLOUD_API_KEY"] = other
        second = self.token()
        self.assertEqual(iam.decode(second)["iam_id"], iam.SERVICE_ID)
        self.configure({"token": "bearer", "iam_url": "private"})
        self.assertNotIn(self.token(), (first, second))
        self.assertEqual(self.exchanges(), 3)
        hosts = [line["host"] for line in self.lab.log(role="iam")]
        self.assertEqual(hosts.count("private.iam.cloud.ibm.com"), 1)

    def test_expired_and_almost_expired(self):
        first = self.token()
        for age, same in ((3000, None), (3595, False), (7200, False)):
            before = self.token()
            self.edit(obtained=lambda at, age=age: max(0, at - age), renew=3600)
            if time.clock_gettime(time.CLOCK_BOOTTIME) < age:
                self.edit(expires_in=lambda life, age=age: life - age)
            after = self.token()
            if same is None:
                self.assertEqual(after, before)
            else:
                self.assertNotEqual(after, before)
        self.assertNotEqual(self.token(), first)

    def test_renewed_while_it_is_good(self):
        first = self.token()
        (path,) = self.entries()
        renew = json.loads(path.read_text())["renew"]
        self.assertTrue(1800 <= renew <= 2880, renew)
        self.edit(renew=0)
        self.assertNotEqual(self.token(), first)
        self.assertEqual(self.exchanges(), 2)

    def test_a_good_token_outlives_an_outage(self):
        first = self.token()
        self.edit(renew=0)
        self.lab.iam.faults.add(Fault(503))
        started = time.monotonic()
        self.assertEqual(self.token(), first)
        asked = self.exchanges()
        for _ in range(5):
            self.assertEqual(self.token(), first)
        self.assertEqual(self.exchanges(), asked, "once in a minute")
        self.assertLess(time.monotonic() - started, 12)

    def test_a_good_token_does_not_wait_for_a_silent_service(self):
        first = self.token()
        self.edit(renew=0)
        self.lab.iam.faults.add(Fault(delay=30, grant="apikey"))
        result = self.get()
        self.assertEqual((result.status, result.json["Secret"]), (0, first), result)
        self.assertLess(result.seconds, 6)

    def test_time_of_day_does_not_matter(self):
        first = self.token()
        for skew in (7200, -7200):
            self.lab.realm.skew = skew
            self.assertEqual(self.token(), first)
        self.assertEqual(self.exchanges(), 1)

    def test_of_another_boot(self):
        first = self.token()
        self.edit(boot="00000000-0000-0000-0000-000000000000")
        self.assertNotEqual(self.token(), first)

    def test_damaged(self):
        for text in (b"", b"{", b"\0" * 100, b"[]", b'{"boot": 1}', b"x" * 200_000):
            first = self.token()
            (path,) = self.entries()
            path.write_bytes(text)
            self.assertNotEqual(self.token(), first, text[:20])

    def test_open_to_others_linked_or_no_file(self):
        for spoil in (lambda path: path.chmod(0o644),
                      lambda path: (path.rename(path.parent / "x"), path.symlink_to("x")),
                      lambda path: (path.unlink(), os.mkfifo(path, 0o600))):
            first = self.token()
            (path,) = [entry for entry in self.entries() if entry.name.startswith("token-")]
            spoil(path)
            self.assertNotEqual(self.token(), first)
            for entry in self.entries():
                entry.unlink()

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give files away")
    def test_somebody_elses(self):
        first = self.token()
        (path,) = self.entries()
        os.chown(path, 65534, 65534)
        self.assertNotEqual(self.token(), first)
        os.chown(path.parent, 65534, 65534)
        self.token()
        self.assertEqual(len(list(path.parent.iterdir())), 2, "nothing more is put there")

    def test_killed_while_it_asks_the_next_goes_on_at_once(self):
        self.lab.iam.faults.add(Fault(delay=8, grant="apikey", times=1))
        process = subprocess.Popen([HELPER, "get"], env=self.home.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.stdin.write(b"us.icr.io")
        process.stdin.close()
        lock = self.runtime / "docker-credential-icr"
        self.wait_for(lambda: self.lab.iam.faults.script[0].times == 0)
        self.assertTrue(list(lock.glob("*.lock")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        started = time.monotonic()
        self.token()
        self.assertLess(time.monotonic() - started, 2)

    def test_without_a_runtime_folder(self):
        """Root's is below /run, and not in the kernel's keyring, which containers share."""
        del self.home.env["XDG_RUNTIME_DIR"]
        key = "lab-key-" + secrets.token_hex(18)
        self.lab.iam.add_key(key)
        self.home.env["IBMCLOUD_API_KEY"] = key
        first = self.token()
        self.assertEqual(self.token(), first)
        self.assertEqual(self.exchanges(), 1)
        folder = pathlib.Path("/run/docker-credential-icr-cache")
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()},
                         {0o600})
        self.assertEqual(sum(first in path.read_text() for path in folder.iterdir()), 1)
        for outer, _, names in os.walk(self.home.path):
            for name in names:
                self.assertNotIn(first, pathlib.Path(outer, name).read_text(errors="replace"))

    def test_goes_with_the_login(self):
        del self.home.env["IBMCLOUD_API_KEY"]
        self.home.store("us.icr.io", secret=KEY)
        for log_in, log_out in ((("store", json.dumps({"ServerURL": "us.icr.io", "Secret": KEY,
                                                       "Username": "iamapikey"})),
                                 ("erase", "us.icr.io")),
                                (("login", KEY), ("logout", ""))):
            with self.subTest(log_out[0]):
                self.home.helper(log_in[0], stdin=log_in[1])
                self.token()
                self.assertEqual(len(self.entries()), 1)
                self.assert_ok(self.home.helper(log_out[0], stdin=log_out[1]))
                self.assertEqual(self.entries(), [])

    def test_what_nobody_asks_for_any_more_goes(self):
        self.token()
        folder = self.runtime / "docker-credential-icr"
        mine = set(os.listdir(folder))
        long_ago = time.time() - 25 * 3600
        for path in folder.iterdir():
            if path.suffix == ".lock":
                os.utime(path, (long_ago, long_ago))
        old = {"token-old", "token-old.lock", ".token-old.new", "token-alone.lock"}
        kept = {"token-new", "token-new.lock", "token-long.lock", "other-old"}
        for name in old | kept | {"token-long"}:
            (folder / name).touch()
            if not name.startswith("token-new") and name != "token-long":
                os.utime(folder / name, (long_ago, long_ago))
        self.home.env["IBMCLOUD_API_KEY"] = KEY.replace("A", "D")
        self.lab.iam.add_key(KEY.replace("A", "D"))
        self.token()
        left = set(os.listdir(folder))
        self.assertLessEqual(mine | kept, left)
        self.assertEqual(old & left, set())

    def test_nowhere_to_keep_it(self):
        self.home.env["XDG_RUNTIME_DIR"] = "/nonexistent"
        self.home.env["XDG_DATA_HOME"] = "/proc/nothing"
        self.token()


class Failures(TokenCase):
    def fails(self, *texts, within=10.9):
        result = self.get()
        self.assertEqual(result.status, 1, result)
        self.assertNotIn(b"credentials not found", result.out)
        self.assertEqual(result.out.count(b"\n"), 1, result)
        self.assertLess(result.seconds, within)
        self.assertNotIn(KEY.encode(), result.out + result.err)
        for text in texts:
            self.assertIn(text, (result.out + result.err).decode())
        return result

    def test_rejected_key(self):
        self.home.env["IBMCLOUD_API_KEY"] = "deleted-key"
        result = self.fails("BXNIM0415E", "Provided API key could not be found", "request ID")
        self.assertIn(b"BXNIM0415E", result.out)
        self.assertIn(b"request ID", result.err)
        self.assertIn(b"ibmcloud iam api-key-create", result.err)

    def test_rejected_in_words_that_repeat_the_key(self):
        """By a gateway, say: what it says is shown, the key is not."""
        for words in (f"no such key: {KEY}", 280 * "x" + KEY):
            body = json.dumps({"errorCode": "BXNIM0415E", "errorMessage": words, "context":
                               {"requestId": KEY}})
            self.lab.iam.faults.script[:] = [Fault(400, body.encode())]
            result = self.fails("BXNIM0415E", words[:10])
            self.assertNotIn(KEY[:16].encode(), result.out + result.err)
            for entry in self.entries():
                entry.unlink()
        self.lab.iam.faults.script[:] = [Fault(400, body.encode(), path="details")]
        for result in (self.home.helper("explain", "us.icr.io", "--online"),
                       self.home.helper("login", stdin=KEY)):
            self.assertNotIn(KEY[:16].encode(), result.out + result.err)

    def test_64_at_once_with_a_dead_key(self):
        self.home.env["IBMCLOUD_API_KEY"] = "deleted-key"
        self.lab.iam.faults.add(Fault(delay=0.2, grant="apikey"))
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            results = list(pool.map(lambda _: self.get(), range(64)))
        self.assertEqual({result.status for result in results}, {1})
        self.assertLessEqual(self.exchanges(), 3)
        for result in results:
            self.assertIn(b"BXNIM0415E", result.out)

    def test_tried_again(self):
        for fault in (Fault(500, times=2), Fault(reset=True, times=2), Fault(429, times=1),
                      Fault(429, retry_after=1, times=1)):
            self.lab.iam.faults.script[:] = [fault]
            self.token()
            for entry in self.entries():
                entry.unlink()

    def test_asked_to_wait_longer_than_a_pull_may(self):
        self.lab.iam.faults.add(Fault(429, retry_after=60))
        self.fails("rate limit", "wait for 60 s", within=2)
        self.assertEqual(self.exchanges(), 1)

    def test_asked_to_wait_for_no_time_at_all(self):
        """0, a past date, what is no time: all the same, and no reason to ask without a pause."""
        for value in ("0", "Thu, 01 Jan 1970 00:00:00 GMT"):
            with self.subTest(value):
                self.lab.iam.faults.script[:] = [Fault(429, retry_after=value)]
                before = self.exchanges()
                result = self.fails("rate limit")
                self.assertLess(self.exchanges() - before, 8)
                self.assertNotIn(b"asks to wait", result.err)
                for entry in self.entries():
                    entry.unlink()

    def test_not_to_be_had(self):
        self.token()
        for fault, texts in ((Fault(501), ("Not Implemented",)),
                             (Fault(400, b""), ("HTTP status 400",)),
                             (Fault(302, location="https://evil.example.com/"), ("redirect",)),
                             (Fault.captive(), ("no token",)), (Fault.big(), ("no token",)),
                             (Fault(200, b'{"access_token": "x y", "expires_in": 3600}'), ("no token",)),
                             (Fault(200, b'{"access_token": "x"}'), ("expires_in",)),
                             (Fault(200, b'{"access_token": "x", "expires_in": 1e99}'), ("expires_in",)),
                             (Fault(200, b'{"access_token": "not_supported", "expires_in": 3600}'),
                              ("no access_token",))):
            for entry in self.entries():
                entry.unlink()
            with self.subTest(texts):
                self.lab.iam.faults.script[:] = [fault]
                self.fails(*texts, within=3)

    def test_out_of_time(self):
        for fault in (Fault(delay=30), Fault(drip=1)):
            self.lab.iam.faults.script[:] = [fault]
            self.fails("cannot reach IAM")
            for entry in self.entries():
                entry.unlink()

    def test_bad_iam_url(self):
        for url in ("http://iam.cloud.ibm.com", "https://", "https:///x", "https://u@h/",
                    "https://h/?q", "ftp://h", "https://h/#f"):
            self.configure({"token": "bearer", "iam_url": url})
            result = self.fails("iam_url", within=1)
            self.assertIn(b"config.json:1:", result.out)
            self.assertNotIn(b"u@h", result.out)

    def test_iam_url_with_the_path_of_the_sdks(self):
        self.configure({"token": "bearer", "iam_url": "https://iam.cloud.ibm.com/identity/token"})
        self.token()


class Identities(TokenCase):
    def test_profile_with_a_service_ids_key(self):
        key = KEY.replace("A", "C")
        self.lab.iam.add_key(key, iam_id=iam.SERVICE_ID)
        del self.home.env["IBMCLOUD_API_KEY"]
        result = self.home.helper("login", "--username", iam.PROFILE, stdin=key)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(iam.decode(self.token())["iam_id"], "iam-" + iam.PROFILE)
        self.assertEqual(self.exchanges("assume"), 2, "login, get")

    def test_profile_that_does_not_trust(self):
        del self.home.env["IBMCLOUD_API_KEY"]
        result = self.home.helper("login", "--username", iam.PROFILE, stdin=KEY)
        self.assertEqual(result.status, 1, result)
        self.assertIn(b"BXNIM0513E", result.err)

    def test_of_hosts_with_credentials_of_their_own(self):
        """A key of the staging environment is nothing for this IAM."""
        for host in ("stg.icr.io", "cp.icr.io"):
            self.home.store(host, secret="of its own")
            self.assert_got(self.get(host), host, "iamapikey", "of its own")
            self.assertEqual(self.home.helper("list").json[host], "iamapikey")
            answer = self.home.helper("explain", host, "--json").json["answer"]
            self.assertEqual(answer["username"], "iamapikey")
            self.assert_ok(self.home.helper("erase", stdin=host))
        self.assertEqual(self.exchanges(), 0)
        self.token()

    def test_login_asks_iam(self):
        del self.home.env["IBMCLOUD_API_KEY"]
        result = self.home.helper("login", stdin="no-such-key")
        self.assertEqual(result.status, 1, result)
        self.assertIn(b"BXNIM0415E", result.err)
        self.assertEqual(self.home.helper("login", stdin=KEY).status, 0)
        self.token()


class Session(TokenCase):
    """The session of login --sso, whose refresh token is good once."""

    config = {}

    def setUp(self):
        super().setUp()
        del self.home.env["IBMCLOUD_API_KEY"]
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        self.keep(self.lab.iam.refresh_token(iam.Who(iam.USER, None)))

    def keep(self, refresh, account=iam.OTHER_ACCOUNT, **more):
        secret = json.dumps({"refresh_token": refresh, "account": account, **more})
        self.home.write(self.home.store_file, {"version": 1, "credentials": {
            "*.icr.io": {"username": "iamsso", "secret": secret}}})

    def kept(self):
        stored = json.loads(self.home.store_file.read_text())["credentials"]["*.icr.io"]
        self.assertEqual(stored["username"], "iamsso")
        return json.loads(stored["secret"])

    def expire(self):
        for entry in self.entries():
            entry.unlink()

    def test_renewed_and_kept(self):
        before = self.kept()
        token = self.token()
        self.assertEqual(self.token("private.de.icr.io"), token)
        self.assertEqual(self.home.helper("list").json["us.icr.io"], "iambearer")
        self.assertEqual(iam.decode(token)["account"]["bss"], iam.OTHER_ACCOUNT)
        after = self.kept()
        self.assertNotEqual(after["refresh_token"], before["refresh_token"])
        self.assertEqual(after["account"], iam.OTHER_ACCOUNT)
        self.assertEqual(self.exchanges("refresh_token"), 1)
        self.assertEqual(stat.S_IMODE(self.home.store_file.stat().st_mode), 0o600)

    def test_50_at_once_over_an_expired_token(self):
        self.lab.iam.faults.add(Fault(delay=0.2, grant="refresh_token"))
        for number in range(1, 4):
            with concurrent.futures.ThreadPoolExecutor(50) as pool:
                results = list(pool.map(lambda _: self.get(), range(50)))
            self.assertEqual({result.status for result in results}, {0}, results)
            self.assertEqual(len({result.json["Secret"] for result in results}), 1)
            self.assertEqual(self.exchanges("refresh_token"), number)
            state = self.lab.iam.refresh_tokens[self.kept()["refresh_token"]]["state"]
            self.assertEqual(state, "good")
            self.expire()

    def test_over(self):
        for state, code in (("inactive", "BXNIM0439E"), ("expired", "BXNIM0408E"),
                            ("invalid", "BXNIM0407E")):
            self.lab.iam.end_sessions(state)
            self.expire() if (self.runtime / "docker-credential-icr").exists() else None
            result = self.get()
            self.assertEqual(result.status, 1, result)
            self.assertIn(code.encode(), result.out)
            self.assertIn(b"log in again" if state == "invalid" else b"login --sso", result.err)

    def test_no_longer_a_member(self):
        self.keep(self.lab.iam.refresh_token(iam.Who(iam.USER, None)), "c3" * 16)
        result = self.get()
        self.assertIn(b"BXNIM0141E", result.out)
        self.assertIn(b"--account", result.err)

    def test_another_login_gets_no_token_of_this_one(self):
        refresh = self.lab.iam.refresh_token
        self.assertEqual(iam.decode(self.token())["account"]["bss"], iam.OTHER_ACCOUNT)
        self.keep(refresh(iam.Who(iam.USER, None)), iam.ACCOUNT)
        self.assertEqual(iam.decode(self.token())["account"]["bss"], iam.ACCOUNT)
        self.lab.iam.add_account(iam.SERVICE_ID, iam.OTHER_ACCOUNT, "Another Account")
        for who, name in ((iam.USER, "1"), (iam.SERVICE_ID, "2")):
            self.keep(refresh(iam.Who(who, None)), iam.OTHER_ACCOUNT, id=name)
            self.assertEqual(iam.decode(self.token())["iam_id"], who)
            self.assertEqual(self.kept()["id"], name, "of the login, whatever rotates")

    def test_another_login_is_not_refused_for_this_one(self):
        self.keep("gone", id="1")
        self.assertIn(b"BXNIM0407E", self.get().out)
        self.keep(self.lab.iam.refresh_token(iam.Who(iam.USER, None)), id="2")
        self.token()

    def test_token_goes_with_the_session(self):
        self.token()
        self.assertEqual(len(self.entries()), 1)
        self.assert_ok(self.home.helper("logout"))
        self.assertEqual(self.entries(), [])

    def renew_while(self, change):
        """What the store has after CHANGE, made while IAM renews the session."""
        self.lab.iam.faults.add(Fault(delay=1, grant="refresh_token", times=1))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            result = pool.submit(self.get)
            self.wait_for(lambda: self.lab.iam.faults.script[0].times == 0)
            change()
            result.result()
        return json.loads(self.home.store_file.read_text())["credentials"]

    def test_logged_out_meanwhile(self):
        self.assertEqual(self.renew_while(lambda: self.home.helper("logout")), {})

    def test_logged_in_anew_meanwhile(self):
        def log_in():
            self.home.helper("login", "--offline", stdin="key")
        self.assertEqual(self.renew_while(log_in)["*.icr.io"]["secret"], "key")

    def test_stays_newer_than_what_an_earlier_store_has(self):
        text = json.loads(self.home.store_file.read_text())
        text["credentials"]["*.icr.io"]["since"] = 1700000000
        self.home.write(self.home.store_file, text)
        self.token()
        text = json.loads(self.home.store_file.read_text())
        self.assertEqual(text["credentials"]["*.icr.io"]["since"], 1700000000)

    def test_damaged(self):
        for secret in ("", "{", "[]", '{"refresh_token": 1}', '{"account": "x"}'):
            self.home.write(self.home.store_file, {"version": 1, "credentials": {
                "*.icr.io": {"username": "iamsso", "secret": secret}}})
            result = self.get()
            self.assertEqual(result.status, 1, result)
            if secret:
                self.assertIn(b"session is damaged", result.out)
                self.assertIn(b"login --sso", result.err)
            self.expire() if (self.runtime / "docker-credential-icr").exists() else None


if __name__ == "__main__":
    unittest.main()
