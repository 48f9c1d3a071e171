# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""login, explain --online and tokens against the lab's IAM."""

import datetime
import os
import pty
import re
import select
import time
import unittest

from tests.blackbox.support import HELPER, HomeCase

from . import iam, lab
from .case import CloudCase
from .fault import Fault


class LoginCase(CloudCase, HomeCase):
    def helper(self, *arguments, stdin=b"", status=0, **more):
        result = self.home.helper(*arguments, stdin=stdin, **more)
        self.assertEqual(result.status, status, result)
        self.assertNotIn(lab.API_KEY.encode(), result.err)
        return result

    def get(self, username, secret=None):
        result = self.helper("get", stdin="us.icr.io")
        self.assertEqual(result.json["Username"], username)
        if secret:
            self.assertEqual(result.json["Secret"], secret)
        return result.json["Secret"]

    def assert_not_stored(self):
        self.assert_missing(self.home.helper("get", stdin="us.icr.io"))


class Login(LoginCase):
    def test_good_key(self):
        self.helper("login", stdin=lab.API_KEY)
        self.assertEqual(len(self.lab.log(role="iam", grant="apikey", identity=iam.USER)), 1)
        self.get("iamapikey", lab.API_KEY)

    def test_rejected_key(self):
        self.lab.iam.add_key("locked", locked=True)
        for key in ("unknown", "locked"):
            result = self.helper("login", stdin=key, status=1)
            self.assertIn(b"BXNIM0415E", result.err)
            self.assertIn(b"Provided API key could not be found", result.err)
            self.assert_not_stored()

    def test_offline(self):
        self.lab.clear_log()
        self.helper("login", "--offline", stdin="unknown")
        self.assertEqual(self.lab.log(role="iam"), [])
        self.get("iamapikey", "unknown")

    def test_iam_that_does_not_answer(self):
        self.home.configure(iam_url="https://nowhere.invalid")
        result = self.helper("login", stdin=lab.API_KEY, status=1)
        self.assertIn(b"--offline", result.err)
        self.assertLess(result.seconds, 12)
        self.assert_not_stored()

    def test_private_iam(self):
        self.home.configure(iam_url="private")
        self.lab.clear_log()
        self.helper("login", stdin=lab.API_KEY)
        self.assertEqual({line["host"] for line in self.lab.log(role="iam")},
                         {"private.iam.cloud.ibm.com"})

    def test_trusted_profile_by_a_service_id(self):
        self.lab.iam.add_key("service", iam.SERVICE_ID)
        self.helper("login", "--username", iam.PROFILE, stdin="service")
        self.get(iam.PROFILE, "service")

    def test_bearer(self):
        self.home.configure(token="bearer")
        self.helper("login", stdin=lab.API_KEY)
        token = self.get("iambearer")
        self.assertEqual(iam.decode(token)["iam_id"], iam.USER)

    def test_bearer_with_a_dead_key(self):
        """A hard error: Docker must not go on without a login."""
        self.home.configure(token="bearer")
        self.helper("login", "--offline", stdin="unknown")
        result = self.helper("get", stdin="us.icr.io", status=1)
        self.assertIn(b"BXNIM0415E", result.out)


class Online(LoginCase):
    def test_details(self):
        self.lab.iam.add_key("soon", iam.SERVICE_ID, locked=False,
                             expires_at="2099-01-01T00:00+0000", action_when_leaked="disable")
        self.helper("login", stdin="soon")
        result = self.helper("explain", "us.icr.io", "--json", "--online")
        key = result.json["key"]
        self.assertEqual([key[name] for name in ("owner", "account", "expires", "locked",
                                                 "when_leaked")],
                         [iam.SERVICE_ID, iam.ACCOUNT, "2099-01-01T00:00+0000", False, "disable"])
        text = self.helper("explain", "us.icr.io", "--online").out.decode()
        self.assertRegex(text, r"(?m)^  owner +" + iam.SERVICE_ID + "$")
        days = key["expires_in_days"]
        self.assertLess(abs(days - (4070908800 - time.time()) / 86400), 1)
        self.assertRegex(text, rf"(?m)^  expires +in {days} days, 2099-01-01T00:00\+0000$")
        self.assertNotIn("soon", text.replace("reason", ""))

    def test_dead_key(self):
        self.helper("login", "--offline", stdin="unknown")
        result = self.helper("explain", "us.icr.io", "--json", "--online", status=1)
        self.assertIsNone(result.json["answer"])
        self.assertIn(b"BXNIM0415E", result.err)
        step, = (step for step in result.json["sources"] if "file" in str(step["where"]))
        self.assertEqual(step["outcome"], "error")
        self.assertIn("BXNIM0415E", step["reason"])
        self.assertNotIn("hit", [step["outcome"] for step in result.json["sources"]])

    def explain(self):
        """--json --online; exits 0 when what is told is that get answers, and it does."""
        answers = self.home.helper("get", stdin="us.icr.io").status == 0
        result = self.helper("explain", "us.icr.io", "--json", "--online", status=not answers)
        self.assertEqual(result.json["answer"] is not None, answers)
        outcomes = [step["outcome"] for step in result.json["sources"]]
        self.assertEqual("hit" in outcomes, answers)
        return result

    def reason(self, result):
        step, = (step for step in result.json["sources"] if "file" in str(step["where"]))
        return step["reason"]

    def log_in_anew(self):
        """With no token that another test has fetched with this key: logout takes that along."""
        self.home.configure(token="bearer")
        self.helper("login", stdin=lab.API_KEY)
        self.helper("logout")
        self.helper("login", stdin=lab.API_KEY)

    def test_iam_does_not_answer(self):
        """What get answers does not depend on that, unless it would ask IAM too."""
        self.log_in_anew()
        self.lab.iam.faults.add(Fault(reset=True))
        for token in ("apikey", "bearer"):
            self.home.configure(token=token)
            result = self.explain()
            self.assertEqual(result.json["answer"] is not None, token == "apikey")
            self.assertIn(b"IAM", result.err)
            self.assertNotIn("key", result.json)

    def test_cached_token_and_an_iam_that_does_not_answer(self):
        self.log_in_anew()
        token = self.get("iambearer")
        self.lab.iam.faults.add(Fault(reset=True))
        result = self.explain()
        self.assertEqual(result.json["answer"]["username"], "iambearer")
        self.assertIn(b"cannot reach IAM", result.err)
        self.assertNotIn(token, result.out.decode())
        told = re.match(r"a cached token serves until (\S+), and no new one .*cannot reach IAM",
                        self.reason(result))
        end = datetime.datetime.fromisoformat(told[1]).timestamp()
        self.assertLess(abs(end - iam.decode(token)["exp"]), 15)

    def test_cached_token_of_a_key_that_is_gone(self):
        self.lab.iam.add_key("going")
        self.home.configure(token="bearer")
        self.helper("login", stdin="going")
        self.get("iambearer")
        self.lab.iam.add_key("going", locked=True)
        result = self.explain()
        self.assertIsNotNone(result.json["answer"])
        self.assertIn(b"BXNIM0415E", result.err)
        text = self.helper("explain", "us.icr.io", "--online").out.decode()
        self.assertRegex(text, r"(?m)^  stored +hit .*: a cached token serves until .*BXNIM0415E")

    def test_token_but_nothing_about_the_key(self):
        self.log_in_anew()
        self.lab.iam.faults.add(Fault(500, path="details"))
        result = self.explain()
        self.assertIsNotNone(result.json["answer"])
        self.assertNotIn("key", result.json)
        self.assertNotEqual(result.err, b"")

    def test_all_of_it_takes_ten_seconds_at_most(self):
        self.helper("login", stdin=lab.API_KEY)
        self.lab.iam.faults.add(Fault(delay=6))
        self.assertLess(self.helper("explain", "us.icr.io", "--online").seconds, 11)

    def test_offline_asks_nobody(self):
        self.helper("login", "--offline", stdin="unknown")
        self.lab.clear_log()
        self.helper("explain", "us.icr.io")
        self.assertEqual(self.lab.log(), [])

    def test_what_is_no_key(self):
        self.home.store("us.icr.io", "iamrefresh", "r")
        result = self.helper("explain", "us.icr.io", "--online")
        self.assertIn(b"no API key", result.err)


class SingleSignOn(LoginCase):
    def talk(self, answers, *arguments):
        """Runs login --sso on a terminal: ANSWERS are (what to wait for, what to type)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(HELPER, [HELPER, "login", "--sso", *arguments], self.home.environment())
        seen = b""
        end = time.monotonic() + 40
        answers = list(answers)
        while time.monotonic() < end:
            if answers and answers[0][0] in seen:
                os.write(terminal, answers.pop(0)[1])
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
        os.close(terminal)
        self.assertEqual(answers, [], seen)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen

    def test_one_account(self):
        self.lab.iam.add_passcode("aBcDeF")
        status, seen = self.talk([(b"not shown): ", b"\x1b[200~aBcDeF\x1b[201~\r")])
        self.assertEqual(status, 0, seen)
        self.assertIn(b"https://iam.cloud.ibm.com/identity/passcode", seen)
        self.assertNotIn(b"aBcDeF", seen)
        result = self.helper("explain", "us.icr.io", "--json")
        self.assertEqual(result.json["answer"], {"source": "stored", "username": "iambearer"})

    def test_choice_of_accounts(self):
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        for answer in (b"2", iam.OTHER_ACCOUNT.encode()):
            self.lab.iam.add_passcode("aBcDeF")
            status, seen = self.talk([(b"not shown): ", b"aBcDeF\r"), (b"or ID): ", answer + b"\r")])
            self.assertEqual(status, 0, seen)
            self.assertIn(b"Another Account", seen)
            line = self.lab.log(role="iam", grant="refresh_token")[-1]
            self.assertEqual(line["form"]["account"], iam.OTHER_ACCOUNT)

    def test_from_one_account_to_another(self):
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        for account in (iam.ACCOUNT, iam.OTHER_ACCOUNT, iam.ACCOUNT):
            self.lab.iam.add_passcode("aBcDeF")
            self.talk([(b"not shown): ", b"aBcDeF\r")], "--account", account)
            self.assertEqual(iam.decode(self.get("iambearer"))["account"]["bss"], account)

    def test_account_given(self):
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        self.lab.iam.add_passcode("aBcDeF")
        status, seen = self.talk([(b"not shown): ", b"aBcDeF\r")], "--account", iam.OTHER_ACCOUNT)
        self.assertEqual(status, 0, seen)

    def test_no_way_to_the_accounts(self):
        """As on a private network, where that service is not: the account can be named."""
        self.lab.accounts.faults.add(Fault(reset=True))
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        for account, status, words in ((None, 1, b"--account ID"), (iam.OTHER_ACCOUNT, 0, b""),
                                       ("c3" * 16, 1, b"BXNIM0141E")):
            self.lab.iam.add_passcode("aBcDeF")
            done, seen = self.talk([(b"not shown): ", b"aBcDeF\r")],
                                   *(("--account", account) if account else ()))
            self.assertEqual(done, status, seen)
            self.assertIn(words, seen)
        token = self.get("iambearer")
        self.assertEqual(iam.decode(token)["account"]["bss"], iam.OTHER_ACCOUNT)

    def test_refused(self):
        self.lab.iam.add_passcode("aBcDeF")
        for answers, words in (([(b"not shown): ", b"wrong\r")], b"BXNIM0602E"),
                               ([(b"not shown): ", b"\r")], b"cancelled")):
            status, seen = self.talk(answers)
            self.assertEqual(status, 1, seen)
            self.assertIn(words, seen)
        status, seen = self.talk([(b"not shown): ", b"aBcDeF\r")], "--account", "c3" * 16)
        self.assertEqual(status, 1, seen)
        self.assertIn(b"none of the 1 accounts", seen)
        self.assert_not_stored()

    def test_terminal_only(self):
        self.helper("login", "--sso", stdin="aBcDeF", status=2)


if __name__ == "__main__":
    unittest.main()
