# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The lab's IAM, accounts, metadata and management services: they answer as IBM's do."""

import json
import time
import urllib.parse

from . import iam, lab, metadata
from .case import CloudCase
from .fault import BIG, Fault
from .front import digest

TOKEN = "https://iam.cloud.ibm.com/identity/token"
APIKEY = "urn:ibm:params:oauth:grant-type:apikey"


class Reply:
    def __init__(self, done):
        self.code = done.returncode
        head, _, self.body = done.stdout.partition("\n\n")  # run() reads lines as text
        lines = head.split("\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


class Case(CloudCase):
    def curl(self, url, *options):
        return Reply(lab.run("curl", "-sS", "-i", "-m", "8", *options, url))

    def grant(self, kind, url=TOKEN, client=None, **form):
        kind = kind if kind == "refresh_token" else "urn:ibm:params:oauth:grant-type:" + kind
        options = ("-u", client) if client else ()
        return self.curl(url, *options, "-d", urllib.parse.urlencode(
            {"grant_type": kind, **form}))

    def refused(self, code, reply, status=400):
        self.assertEqual((reply.status, reply.json["errorCode"]), (status, code), reply.body)

    def token(self):
        return self.grant("apikey", apikey=lab.API_KEY).json["access_token"]

    def registry_login(self, user, password, host="us.icr.io"):
        return self.curl("https://%s/oauth/token?service=registry" % host, "-u",
                         "%s:%s" % (user, password)).status


class Grants(Case):
    def test_it_starts_fast(self):
        begin = time.monotonic()
        self.lab.close()
        with lab.Lab(regions=(), registry=False) as second:
            self.assertIn("iam-public", second.fronts)
        self.assertLess(time.monotonic() - begin, 5)  # 0.5 s when nobody else works

    def test_a_key_becomes_a_token_that_logs_in(self):
        before = time.time()
        reply = self.grant("apikey", apikey=lab.API_KEY, response_type="cloud_iam")
        self.assertEqual(reply.status, 200)
        body = reply.json
        self.assertEqual((body["token_type"], body["expires_in"], body["refresh_token"],
                          body["scope"]), ("Bearer", 3600, "not_supported", "ibm openid"))
        payload = iam.decode(body["access_token"])
        self.assertEqual(payload["exp"], body["expiration"])
        self.assertEqual(payload["exp"] - payload["iat"], 3600)
        self.assertLess(abs(payload["iat"] - before), 10)
        self.assertEqual(payload["account"]["bss"], iam.ACCOUNT)
        self.assertEqual(self.registry_login("iambearer", body["access_token"]), 200)
        self.lab.realm.skew = 3601
        self.assertEqual(self.registry_login("iambearer", body["access_token"]), 401)

    def test_every_name_of_iam_answers(self):
        for name, (address, host) in lab.IAM_NAMES.items():
            self.assertEqual(self.grant("apikey", "https://%s/identity/token" % host,
                                        apikey=lab.API_KEY).status, 200)
            line, = self.lab.log(front=name)
            self.assertEqual((line["address"], line["host"], line["path"]),
                             (address, host, "/identity/token"))

    def test_the_log_counts_and_shows_no_secret(self):
        self.token()
        self.grant("apikey", apikey="no such key")
        line, = self.lab.log(role="iam", grant="apikey", identity=iam.USER)
        self.assertEqual(line["form"], {"grant_type": APIKEY, "apikey": digest(lab.API_KEY)})
        line, = self.lab.log(role="iam", grant="apikey", identity=None)
        self.assertEqual((line["status"], line["form"]["apikey"]), (400, digest("no such key")))
        token = self.token()
        self.curl("https://iam.cloud.ibm.com/v1/apikeys/details", "-H", "IAM-ApiKey: " +
                  lab.API_KEY, "-H", "Authorization: Bearer " + token)
        line, = self.lab.log(path="/v1/apikeys/details")
        self.assertEqual(line["headers"]["iam-apikey"], digest(lab.API_KEY))
        self.assertEqual(line["headers"]["authorization"], "Bearer " + digest(token))
        with open(self.lab.access.path) as file:
            text = file.read()
        for secret in (lab.API_KEY, token, "no such key"):
            self.assertNotIn(secret, text)

    def test_keys_that_are_no_good(self):
        self.lab.iam.add_key("locked", locked=True)
        self.lab.iam.add_key("disabled", disabled=True)
        self.lab.iam.add_key("expired", expires_at="2026-01-01T00:00+0000")
        self.lab.iam.add_key("to expire", expires_at="2099-01-01T00:00+0000")
        self.assertEqual(self.registry_login("iamapikey", "to expire"), 200)
        for key in ("locked", "disabled", "unknown", "expired"):
            self.refused("BXNIM0415E", self.grant("apikey", apikey=key))
            self.assertEqual(self.registry_login("iamapikey", key), 401)
        self.refused("BXNIM0109E", self.grant("apikey"))
        self.refused("BXNIM0109E", self.grant("none-such", apikey=lab.API_KEY))
        self.refused("BXNIM0060E", self.curl(TOKEN), 405)
        self.refused("BXNIM0123E", self.curl("https://iam.cloud.ibm.com/"), 404)
        self.lab.iam.add_key("second", iam.SERVICE_ID)
        self.assertEqual(self.registry_login("iamapikey", "second", "private.us.icr.io"), 200)

    def test_details_of_a_key(self):
        self.lab.iam.add_key("soon", iam.SERVICE_ID, locked=True,
                             expires_at="2027-01-01T00:00+0000")
        url = "https://iam.cloud.ibm.com/v1/apikeys/details"
        self.assertEqual(self.curl(url, "-H", "IAM-ApiKey: soon").status, 401)
        bearer = ("-H", "Authorization: Bearer " + self.token())
        details = self.curl(url, "-H", "IAM-ApiKey: soon", *bearer).json
        self.assertEqual([details[key] for key in ("iam_id", "account_id", "locked", "expires_at",
                                                   "action_when_leaked")],
                         [iam.SERVICE_ID, iam.ACCOUNT, True, "2027-01-01T00:00+0000", "none"])
        self.refused("BXNIM0415E", self.curl(url, "-H", "IAM-ApiKey: other", *bearer), 404)

    def test_passcode_account_and_rotation(self):
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        configuration = self.curl(
            "https://iam.cloud.ibm.com/identity/.well-known/openid-configuration").json
        self.assertEqual(configuration["token_endpoint"], TOKEN)
        self.assertTrue(configuration["passcode_endpoint"].endswith("/identity/passcode"))
        self.lab.iam.add_passcode("aBcDeF")
        self.refused("BXNIM0139E", self.grant("passcode", passcode="aBcDeF"), 401)
        first = self.grant("passcode", client="bx:bx", passcode="aBcDeF").json
        self.assertIn("refresh_token_expiration", first)
        self.refused("BXNIM0602E", self.grant("passcode", client="bx:bx", passcode="aBcDeF"))
        listed = self.curl("https://accounts.cloud.ibm.com/v1/accounts", "-H",
                           "Authorization: Bearer " + first["access_token"]).json
        self.assertEqual([(one["metadata"]["guid"], one["entity"]["name"])
                          for one in listed["resources"]],
                         [(iam.ACCOUNT, "Lab Account"), (iam.OTHER_ACCOUNT, "Another Account")])
        self.assertEqual(self.registry_login("iambearer", first["access_token"]), 401)
        refresh = {"client": "bx:bx", "refresh_token": first["refresh_token"]}
        self.refused("BXNIM0141E", self.grant("refresh_token", account="c3" * 16, **refresh))
        second = self.grant("refresh_token", account=iam.OTHER_ACCOUNT, **refresh).json
        self.assertEqual(iam.decode(second["access_token"])["account"]["bss"], iam.OTHER_ACCOUNT)
        self.assertEqual(self.registry_login("iambearer", second["access_token"]), 200)
        self.assertEqual(self.registry_login("iamrefresh", second["refresh_token"]), 200)
        self.refused("BXNIM0407E", self.grant("refresh_token", **refresh))
        refresh["refresh_token"] = second["refresh_token"]
        self.refused("BXNIM0139E", self.grant("refresh_token", **dict(refresh, client="a:b")), 401)
        self.lab.iam.end_sessions("inactive")
        self.refused("BXNIM0439E", self.grant("refresh_token", **refresh))
        self.lab.iam.end_sessions("expired")
        self.refused("BXNIM0408E", self.grant("refresh_token", **refresh))

    def test_accounts_come_in_pages(self):
        self.lab.iam.add_account(iam.USER, iam.OTHER_ACCOUNT, "Another Account")
        self.lab.accounts.page = 1
        bearer = ("-H", "Authorization: Bearer " + self.token())
        base = "https://accounts.cloud.ibm.com"
        first = self.curl(base + "/v1/accounts", *bearer).json
        second = self.curl(base + first["next_url"], *bearer).json
        self.assertEqual(second["resources"][0]["metadata"]["guid"], iam.OTHER_ACCOUNT)
        self.assertIsNone(second["next_url"])
        self.assertEqual(self.curl(base + "/v1/accounts").status, 401)

    def test_compute_resources_and_profiles(self):
        self.lab.iam.add_cr_token("cr\n", "cluster-1")
        self.lab.iam.profiles[iam.PROFILE]["trusts"].add("cluster-1")
        for profile in ({"profile_id": iam.PROFILE}, {"profile_name": "lab-puller"}):
            body = self.grant("cr-token", cr_token="cr\n", **profile).json
            self.assertEqual(iam.decode(body["access_token"])["iam_id"], "iam-" + iam.PROFILE)
        self.refused("BXNIM0407E", self.grant("cr-token", cr_token="cr", profile_id=iam.PROFILE))
        self.lab.iam.add_profile("Profile-other", "other")
        self.refused("BXNIM0513E", self.grant("cr-token", cr_token="cr\n",
                                              profile_id="Profile-other"), 403)

    def test_a_service_id_assumes_a_profile(self):
        self.lab.iam.add_key("service", iam.SERVICE_ID)
        first = self.grant("apikey", apikey="service").json["access_token"]
        second = self.grant("assume", access_token=first, profile_id=iam.PROFILE).json
        self.assertEqual(second["refresh_token"], "not_available")
        self.assertEqual(self.registry_login("iambearer", second["access_token"]), 200)
        self.assertEqual(self.registry_login(iam.PROFILE, "service"), 200)
        self.assertEqual(self.registry_login(iam.PROFILE, lab.API_KEY), 401)
        self.assertEqual(self.grant("assume", access_token=first, profile_name="lab-puller",
                                    account=iam.ACCOUNT).status, 200)
        self.refused("BXNIM0109E", self.grant("assume", access_token=first))
        self.refused("BXNIM0513E", self.grant("assume", access_token=self.token(),
                                              profile_id=iam.PROFILE), 403)


class Failures(Case):
    def test_scripted_faults(self):
        script = self.lab.iam.faults
        script.add(Fault(429, retry_after=7, times=1, grant="apikey"), Fault(500, times=1),
                   Fault(503, times=1, path="/v1/"))
        reply = self.grant("apikey", apikey=lab.API_KEY)
        self.assertEqual((reply.status, reply.headers["retry-after"]), (429, "7"))
        self.assertIn("rate limit", reply.json["errorMessage"])
        self.assertEqual(self.grant("apikey", apikey=lab.API_KEY).status, 500)
        self.assertEqual(self.grant("apikey", apikey=lab.API_KEY).status, 200)
        self.assertEqual(self.curl("https://iam.cloud.ibm.com/v1/apikeys/details").status, 503)

    def test_late_slow_long_and_broken(self):
        script = self.lab.iam.faults
        script.add(Fault(delay=0.5, times=1))
        begin = time.monotonic()
        self.token()
        self.assertGreater(time.monotonic() - begin, 0.5)
        self.assertEqual(len(self.lab.access.find(kind="late", grant="apikey")), 1)
        script.add(Fault(drip=0.001, times=1))
        begin = time.monotonic()
        self.assertGreater(len(self.token()), 100)
        self.assertGreater(time.monotonic() - begin, 1)
        script.add(Fault.big(times=1))
        self.assertEqual(len(self.grant("apikey", apikey=lab.API_KEY).body), BIG)
        script.add(Fault(302, location="https://us.icr.io/oauth/token", times=1))
        self.assertEqual(self.grant("apikey", apikey=lab.API_KEY).headers["location"],
                         "https://us.icr.io/oauth/token")
        script.add(Fault.captive(times=1))
        self.assertIn("sign in", self.grant("apikey", apikey=lab.API_KEY).body)
        script.add(Fault(reset=True, times=1))
        self.assertEqual(self.grant("apikey", apikey=lab.API_KEY).code, 56)
        self.token()

    def test_a_fault_that_waits_does_not_keep_the_lab(self):
        self.lab.iam.faults.add(Fault(delay=60))
        lab.run("curl", "-sS", "-m", "0.3", "-d", "grant_type=x", TOKEN)
        begin = time.monotonic()
        self.lab.close()
        self.assertLess(time.monotonic() - begin, 5)

    def test_the_clock_of_the_cloud(self):
        self.lab.realm.skew = 7200
        reply = self.grant("apikey", apikey=lab.API_KEY)
        payload = iam.decode(reply.json["access_token"])
        self.assertAlmostEqual(payload["iat"], time.time() + 7200, delta=10)
        wanted = time.strftime("%a, %d %b %Y %H:", time.gmtime(payload["iat"]))
        self.assertTrue(reply.headers["date"].startswith(wanted), reply.headers)


class Metadata(Case):
    V1, V2 = "?version=2022-03-01", "?version=2025-08-26"
    BASE = "http://169.254.169.254"
    FLAVOR = ("-H", "Metadata-Flavor: ibm")

    def identity(self, path, base=BASE, body='{"expires_in": 300}'):
        return self.curl(base + path, "-X", "PUT", *self.FLAVOR, "-d", body)

    def iam_token(self, path, token, base=BASE, *options):
        return self.curl(base + path, "-X", "POST", *self.FLAVOR, "-H",
                         "Authorization: Bearer " + token, *options)

    def refused_with(self, status, code, reply):
        self.assertEqual((reply.status, reply.json["errors"][0]["code"],
                          reply.json["status_code"]), (status, code, status), reply.body)

    def test_nobody_answers_where_there_is_no_service(self):
        self.assertEqual(self.identity("/identity/v1/token" + self.V2).code, 7)

    def test_both_versions(self):
        self.lab.start_vpc()
        for path, plural, version in (("/instance_identity", "", self.V1),
                                      ("/identity", "s", self.V2)):
            reply = self.identity(path + "/v1/token" + version)
            self.assertEqual(set(reply.json), {"access_token", "created_at", "expires_at",
                                               "expires_in"})
            self.assertRegex(reply.json["expires_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            token, place = reply.json["access_token"], path + "/v1/iam_token" + plural + version
            for body in ((), ("-d", json.dumps({"trusted_profile": {"id": iam.PROFILE}})),
                         ("-d", json.dumps({"trusted_profile": {
                             "crn": self.lab.iam.profiles[iam.PROFILE]["crn"]}}))):
                reply = self.iam_token(place, token, self.BASE, *body)
                self.assertEqual(self.registry_login("iambearer", reply.json["access_token"]), 200)
        self.refused_with(404, "not_found",
                          self.identity("/instance_identity/v1/token" + self.V2))
        self.lab.vpc.versions = {1}
        self.refused_with(404, "not_found", self.identity("/identity/v1/token" + self.V2))
        self.assertEqual(len(self.lab.log(role="metadata", identity="iam-" + iam.PROFILE)), 6)

    def test_what_it_refuses(self):
        self.lab.start_vpc()
        path = "/identity/v1/token" + self.V2
        self.refused_with(400, "missing_value",
                          self.curl(self.BASE + path, "-X", "PUT", "-d", "{}"))
        self.refused_with(400, "missing_value", self.identity("/identity/v1/token"))
        self.refused_with(400, "invalid_value", self.identity(path, body='{"expires_in": 4}'))
        self.refused_with(400, "unknown_field", self.identity(path, body='{"x": 4}'))
        place = "/identity/v1/iam_tokens" + self.V2
        self.refused_with(401, "unauthenticated", self.iam_token(place, "nothing"))
        token = self.identity(path).json["access_token"]
        other = ("-d", '{"trusted_profile": {"id": "Profile-other"}}')
        self.refused_with(400, "not_found", self.iam_token(place, token, self.BASE, *other))
        self.refused_with(400, "profile_not_linked", self.iam_token(
            "/instance_identity/v1/iam_token" + self.V1, token, self.BASE, *other))
        self.lab.vpc.default = None
        self.refused_with(400, "missing_field", self.iam_token(place, token))
        self.lab.vpc.enabled = False
        self.refused_with(403, "unauthorized", self.identity(path))

    def test_https_is_by_name_only(self):
        self.lab.start_vpc("https")
        path = "/identity/v1/token" + self.V2
        self.assertEqual(self.identity(path).code, 7)
        self.assertEqual(self.identity(path, "https://" + lab.VPC_METADATA).code, 60)
        self.assertEqual(self.identity(path, "https://" + lab.VPC_NAME).status, 200)

    def test_power(self):
        self.lab.start_powervs()
        base = "https://" + lab.POWERVS_NAME
        token = self.identity("/identity/v1/token", base).json["access_token"]
        reply = self.iam_token("/identity/v1/iam_tokens", token, base)
        self.assertEqual(iam.decode(reply.json["access_token"])["iam_id"], "iam-" + iam.PROFILE)
        self.assertEqual({line["address"] for line in self.lab.log()}, {lab.POWERVS_METADATA})

    def test_versions_divide_the_calendar(self):
        self.assertLess(self.V1, "?version=" + metadata.V2_SINCE)


class Management(Case):
    def auth(self, *options, token=None, account=iam.ACCOUNT, host="us.icr.io"):
        return self.curl("https://%s/api/v1/auth" % host, "-H", "Account: " + account, "-H",
                         "Authorization: Bearer " + (token or self.token()), *options)

    def test_messages_need_no_login(self):
        for host in ("us.icr.io", "private.us.icr.io"):
            self.assertEqual(self.curl("https://%s/api/v1/messages" % host).status, 200)

    def test_the_private_only_policy(self):
        self.assertEqual(self.auth().json, {"iam_authz": True, "private_only": False})
        reply = self.auth("-X", "PATCH", "-d", '{"private_only": true}', host="private.us.icr.io")
        self.assertEqual((reply.status, reply.body), (204, ""))
        self.assertTrue(self.auth().json["private_only"])
        self.assertEqual(self.registry_login("iamapikey", lab.API_KEY), 403)
        self.assertEqual(self.registry_login("iamapikey", lab.API_KEY, "private.us.icr.io"), 200)

    def test_who_may(self):
        self.assertEqual(self.auth(token="nothing").json["code"], "CRG0014E")
        reply = self.auth(account=iam.OTHER_ACCOUNT)
        self.assertEqual((reply.status, reply.json["code"]), (401, "CRG0009E"))
        self.lab.realm.managers = set()
        self.assertEqual(self.auth().status, 403)
        self.lab.realm.managers = {iam.USER}
        self.assertEqual(self.auth("-X", "PATCH", "-d", '{"private": 1}').status, 400)
