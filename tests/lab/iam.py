# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""IBM Cloud IAM and the accounts service, as far as the two programs can meet them.

The answers are those that IBM's SDKs (go-sdk-core 5.22.1, ibm-cloud-cli-sdk 1.12.1) expect. Every
request is a line of the access log with role "iam" or "accounts", grant=, identity= (the iam_id
that was served, else None) and form=, in which secrets are hashes: front.digest(secret).
"""

import base64
import collections
import datetime
import json
import secrets
import threading
import urllib.parse
import uuid

from . import realm as realms
from .fault import Faults
from .front import digest

ACCOUNT, OTHER_ACCOUNT = "a1" * 16, "b2" * 16
USER = "IBMid-1100000001"
SERVICE_ID = "iam-ServiceId-5e9a0000-0000-4000-8000-000000000001"
PROFILE = "Profile-7f3b0000-0000-4000-8000-000000000002"
CLIENT = ("bx", "bx")

GRANTS = {"urn:ibm:params:oauth:grant-type:" + name: name
          for name in ("apikey", "passcode", "cr-token", "assume")}
GRANTS["refresh_token"] = "refresh_token"
SECRET_FIELDS = {"apikey", "refresh_token", "passcode", "cr_token", "access_token"}
ERRORS = {
    "BXNIM0060E": (405, "The method is not allowed."),
    "BXNIM0109E": (400, "Property missing or empty: %s"),
    "BXNIM0123E": (404, "Page not found."),
    "BXNIM0139E": (401, "The client id or secret is not valid."),
    "BXNIM0141E": (400, "You are not a member of this account."),
    "BXNIM0400E": (400, "External authentication is needed."),
    "BXNIM0407E": (400, "Provided token is invalid."),
    "BXNIM0408E": (400, "Provided refresh token is expired."),
    "BXNIM0415E": (400, "Provided API key could not be found."),
    "BXNIM0439E": (400, "The session is inactive."),
    "BXNIM0513E": (403, "You are not authorized to use this API."),
    "BXNIM0602E": (400, "The user credentials are wrong."),
}

Who = collections.namedtuple("Who", "iam_id account")


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(token):
    """The payload of a JWT."""
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


class Refused(Exception):
    """IAM says no, with this code."""

    def __init__(self, code, detail=None):
        super().__init__(code)
        self.code, self.detail = code, detail


class Iam:
    """What IAM knows. All of it may be changed at any time.

    expires_in, refresh_expires_in: lives of tokens issued from now on; rotate: a refresh token is
    good once; faults.script: see fault.Fault.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.faults = Faults()
        self.realm = None
        self.expires_in, self.refresh_expires_in, self.rotate = 3600, 72 * 3600, True
        self.keys, self.profiles, self.passcodes, self.cr_tokens = {}, {}, {}, {}
        self.issued, self.refresh_tokens = {}, {}
        self.members = {}
        self.add_account(USER, ACCOUNT, "Lab Account")
        self.add_account(SERVICE_ID, ACCOUNT, "Lab Account")
        self.add_profile(PROFILE, "lab-puller", trusts=[SERVICE_ID])

    # --- the world

    def now(self):
        return self.realm.now()

    def add_account(self, iam_id, guid, name):
        self.members.setdefault(iam_id, {})[guid] = name

    def add_key(self, secret, iam_id=USER, account=ACCOUNT, **details):
        """DETAILS as in /v1/apikeys/details: locked=, expires_at= (text), action_when_leaked=, ...;
        and disabled=."""
        self.keys[secret] = dict({
            "id": "ApiKey-" + str(uuid.uuid4()), "entity_tag": "1-" + secrets.token_hex(16),
            "crn": "crn:v1:bluemix:public:iam-identity::a/%s::apikey:lab" % account,
            "name": "lab key", "description": "", "iam_id": iam_id, "account_id": account,
            "locked": False, "disabled": False, "created_by": iam_id,
            "created_at": "2026-01-01T00:00+0000", "modified_at": "2026-01-01T00:00+0000",
            "support_sessions": False, "action_when_leaked": "none"}, **details)
        return self.keys[secret]

    def add_profile(self, profile_id, name, account=ACCOUNT, trusts=()):
        """A trusted profile. TRUSTS: iam_ids, and compute resources as cr-tokens name them."""
        crn = "crn:v1:bluemix:public:iam-identity::a/%s::profile:%s" % (account, profile_id)
        self.profiles[profile_id] = {"id": profile_id, "name": name, "crn": crn,
                                     "account": account, "iam_id": "iam-" + profile_id,
                                     "trusts": set(trusts)}
        return self.profiles[profile_id]

    def add_cr_token(self, token, resource):
        """A token of the compute RESOURCE, which profiles may trust."""
        self.cr_tokens[token] = resource

    def add_passcode(self, passcode, iam_id=USER):
        """A one-time passcode, good once."""
        self.passcodes[passcode] = iam_id

    def find_profile(self, form, *keys):
        """The one profile that the fields of FORM name."""
        wanted = {key.removeprefix("profile_"): form[key] for key in keys if form.get(key)}
        for profile in self.profiles.values():
            if wanted and all(profile[key] == value for key, value in wanted.items()):
                return profile
        return None

    # --- tokens

    def jwt(self, payload):
        """Looks signed: no client of a registry checks the signature."""
        return ".".join((part({"kid": "20260101-lab", "typ": "JWT", "alg": "RS256"}),
                         part(payload), part(secrets.token_bytes(256))))

    def access_token(self, iam_id, account, grant="apikey", expires_in=None):
        """A new access token, as IAM itself would issue one."""
        now = int(self.now())
        expiration = now + (self.expires_in if expires_in is None else expires_in)
        kind = "Profile" if "-Profile-" in iam_id else (
            "ServiceId" if iam_id.startswith("iam-ServiceId") else "User")
        payload = {"iam_id": iam_id, "id": iam_id, "realmid": iam_id.partition("-")[0],
                   "jti": str(uuid.uuid4()), "identifier": iam_id.partition("-")[2],
                   "sub": iam_id, "sub_type": kind, "authn": {"sub": iam_id, "iam_id": iam_id},
                   "account": {"valid": True, "bss": account, "frozen": True} if account
                   else {"valid": False}, "iat": now, "exp": expiration,
                   "iss": "https://iam.cloud.ibm.com/identity", "grant_type": grant,
                   "scope": "ibm openid", "client_id": "default", "acr": 1, "amr": ["pwd"]}
        token = self.jwt(payload)
        self.issued[token] = (Who(iam_id, account), expiration)
        return token, expiration

    def valid(self, token):
        """Who the access TOKEN stands for, or None when it is unknown or has expired."""
        who, expiration = self.issued.get(token, (None, 0))
        return who if self.now() < expiration else None

    def login(self, user, password):
        """Who may log in to the registry so, or None."""
        if user == "iamapikey":
            key = self.usable_key(password)
            return Who(key["iam_id"], key["account_id"]) if key else None
        if user == "iambearer":
            who = self.valid(password)
            return who if who and who.account else None
        if user == "iamrefresh":
            session = self.refresh_tokens.get(password)
            return session["who"] if session and session["state"] == "good" else None
        profile, key = self.profiles.get(user), self.usable_key(password)
        if profile and key and key["iam_id"] in profile["trusts"]:
            return Who(profile["iam_id"], profile["account"])
        return None

    def usable_key(self, secret):
        key = self.keys.get(secret)
        if not key or key["locked"] or key["disabled"]:
            return None
        if key.get("expires_at"):
            end = datetime.datetime.strptime(key["expires_at"], "%Y-%m-%dT%H:%M%z").timestamp()
            return key if self.now() < end else None
        return key

    def end_sessions(self, state="inactive"):
        """Refresh tokens of now are "inactive" (BXNIM0439E), "expired" or "invalid" henceforth."""
        with self.lock:
            for session in self.refresh_tokens.values():
                session["state"] = state

    def refresh_token(self, who):
        """A new refresh token."""
        token = "lab-refresh-" + secrets.token_urlsafe(48)
        self.refresh_tokens[token] = {"who": who, "state": "good",
                                      "expiration": self.now() + self.refresh_expires_in}
        return token

    # --- grants: each returns (Who, whether a refresh token comes with it)

    def grant_apikey(self, form, _):
        key = self.usable_key(need(form, "apikey"))
        if key is None:
            raise Refused("BXNIM0415E")
        return Who(key["iam_id"], key["account_id"])

    def grant_passcode(self, form, client):
        if client != CLIENT:
            raise Refused("BXNIM0139E")
        iam_id = self.passcodes.pop(need(form, "passcode"), None)
        if iam_id is None:
            raise Refused("BXNIM0602E")
        return Who(iam_id, None)

    def grant_refresh_token(self, form, client):
        token = need(form, "refresh_token")
        if client != CLIENT:
            raise Refused("BXNIM0139E")
        session = self.refresh_tokens.get(token)
        if session is None or session["state"] == "invalid":
            raise Refused("BXNIM0407E")
        if session["state"] == "inactive":
            raise Refused("BXNIM0439E")
        if session["state"] == "expired" or self.now() >= session["expiration"]:
            raise Refused("BXNIM0408E")
        who = session["who"]
        if form.get("account"):
            if form["account"] not in self.members.get(who.iam_id, {}):
                raise Refused("BXNIM0141E")
            who = Who(who.iam_id, form["account"])
        if self.rotate:
            session["state"] = "invalid"
        return who

    def grant_cr_token(self, form, _):
        resource = self.cr_tokens.get(need(form, "cr_token"))
        if resource is None:
            raise Refused("BXNIM0407E")
        profile = self.find_profile(form, "profile_id", "profile_name", "profile_crn")
        if profile is None or resource not in profile["trusts"]:
            raise Refused("BXNIM0513E")
        return Who(profile["iam_id"], profile["account"])

    def grant_assume(self, form, _):
        who = self.valid(need(form, "access_token"))
        if who is None:
            raise Refused("BXNIM0407E")
        keys = [key for key in ("profile_id", "profile_crn", "profile_name") if form.get(key)]
        if len(keys) != 1 or (keys == ["profile_name"]) != bool(form.get("account")):
            raise Refused("BXNIM0109E", "profile_id")
        profile = self.find_profile(form, *keys)
        if profile is None or who.iam_id not in profile["trusts"]:
            raise Refused("BXNIM0513E")
        return Who(profile["iam_id"], profile["account"])

    # --- HTTP

    @staticmethod
    def error_body(status, phrase, code="BXNIM0000E", request_id=None):
        if status == 429:
            phrase = "ApiKey basesd rate limit for calls to /token"  # (sic)
        return json.dumps({
            "errorCode": code, "errorMessage": phrase, "errorDetails": phrase, "context": {
                "requestId": request_id or secrets.token_hex(16),
                "requestType": "incoming.Identity_Token", "url": "https://iam.cloud.ibm.com",
                "instanceId": "lab"}}).encode()

    def refuse(self, request, code, detail=None):
        status, text = ERRORS[code]
        request.reply(status, self.error_body(status, text % detail if "%s" in text else text,
                                              code))

    def answer(self, request, path):
        if path in ("/identity/token", "/oidc/token"):
            self.token(request, path)
        elif request.fails(path):
            pass
        elif path == "/identity/.well-known/openid-configuration":
            base = "https://%s/identity" % request.host
            request.reply(200, json.dumps({
                "issuer": "https://iam.cloud.ibm.com/identity",
                "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
                "passcode_endpoint": base + "/passcode", "jwks_uri": base + "/keys",
                "grant_types_supported": list(GRANTS)}).encode())
        elif path == "/v1/apikeys/details" and request.command == "GET":
            self.details(request)
        else:
            self.refuse(request, "BXNIM0123E")

    def token(self, request, path):
        if request.command != "POST":
            self.refuse(request, "BXNIM0060E")
            return
        form = dict(urllib.parse.parse_qsl((request.read_body() or b"").decode(errors="replace"),
                                           keep_blank_values=True))
        grant = GRANTS.get(form.get("grant_type"))
        client = realms.parse_basic(request.headers.get("Authorization"))
        request.noted.update(
            grant=grant, identity=None, client=client[0] if client else None,
            form={key: digest(value) if key in SECRET_FIELDS else value
                  for key, value in form.items()})
        if request.fails(path, grant):
            return
        try:
            if client not in (None, CLIENT):
                raise Refused("BXNIM0139E")
            if grant is None:
                raise Refused("BXNIM0109E", "grant_type")
            with self.lock:
                who = getattr(self, "grant_" + grant.replace("-", "_"))(form, client)
                token, expiration = self.access_token(*who, form["grant_type"])
                refresh = self.refresh_token(who) if client else (
                    "not_available" if grant == "assume" else "not_supported")
        except Refused as refused:
            self.refuse(request, refused.code, refused.detail)
            return
        request.noted["identity"] = who.iam_id
        body = {"access_token": token, "refresh_token": refresh, "token_type": "Bearer",
                "expires_in": expiration - int(self.now()), "expiration": expiration,
                "scope": "ibm openid"}
        if grant == "passcode":
            body["refresh_token_expiration"] = int(self.now()) + self.refresh_expires_in
        request.reply(200, json.dumps(body).encode(), [("Cache-Control", "no-store")])

    def bearer(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        who = self.valid(token) if scheme.lower() == "bearer" else None
        request.noted["identity"] = who.iam_id if who else None
        return who

    def details(self, request):
        if self.bearer(request) is None:
            request.reply(401, self.error_body(401, "Provided token is invalid.", "BXNIM0407E"))
            return
        key = self.keys.get(request.headers.get("IAM-ApiKey", ""))
        if key is None:
            request.reply(404, self.error_body(404, ERRORS["BXNIM0415E"][1], "BXNIM0415E"))
            return
        request.reply(200, json.dumps(key).encode())


def need(form, field):
    if not form.get(field):
        raise Refused("BXNIM0109E", field)
    return form[field]


class Accounts:
    """accounts.cloud.ibm.com: the accounts of a person, PAGE of them in one answer."""

    def __init__(self, iam):
        self.iam, self.faults, self.page = iam, Faults(), 50

    @staticmethod
    def error_body(status, phrase):
        return json.dumps({"errors": [{"code": str(status), "message": phrase}]}).encode()

    def answer(self, request, path):
        if request.fails(path):
            return
        if path not in ("/v1/accounts", "/coe/v2/accounts") or request.command != "GET":
            request.reply(404, self.error_body(404, "Not found"))
            return
        who = self.iam.bearer(request)
        if who is None:
            request.reply(401, self.error_body(401, "The token is not valid."))
            return
        query = dict(urllib.parse.parse_qsl(request.path.partition("?")[2]))
        start = int(query.get("_start") or 0)
        every = sorted(self.iam.members.get(who.iam_id, {}).items())
        shown = every[start:start + self.page]
        following = "%s?_start=%d" % (path, start + self.page)
        request.reply(200, json.dumps({
            "next_url": following if start + self.page < len(every) else None,
            "total_results": len(every),
            "resources": [{"metadata": {"guid": guid, "url": "/coe/v2/accounts/" + guid,
                                        "linked_accounts": [{"origin": "IMS", "id": "1000001"}]},
                           "entity": {"name": name, "type": "PAYG", "state": "ACTIVE",
                                      "owner_iam_id": who.iam_id}}
                          for guid, name in shown]}).encode())
