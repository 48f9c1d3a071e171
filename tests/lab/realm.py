# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Who may log in at the lab's registry, its tokens, and its error texts (those of the real ICR)."""

import base64
import binascii
import json
import re
import secrets
import threading
import time

LOGIN_REFUSED = "The login credentials are not valid, or your IBM Cloud account is not active."
LOGIN_NEEDED = ("Authorization required. See "
                "https://cloud.ibm.com/docs/Registry?topic=Registry-troubleshoot-auth-req")
PRIVATE_ONLY = ("Private-only access is enabled on this account, but this request was over the "
                "public network. You must access this account over the private network")
NO_ACCESS = "You are not authorized to access the specified resource."

SCOPE = re.compile(r"^(repository:[a-z0-9._/-]+:[a-z,*]+|registry:catalog:\*)$")
REPOSITORY = re.compile(r"^/v2/(?P<name>.+)/(?:manifests|blobs|tags|referrers)/")


def registry_error(code, message, detail=""):
    return json.dumps({"errors": [{"code": code, "message": message, "detail": detail}]}).encode()


def management_error(code, message):
    return json.dumps({"code": code, "message": message,
                       "request-id": secrets.token_hex(8)}).encode()


def parse_basic(header):
    """User and password of an Authorization: Basic header, or None."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def needed_scope(method, path):
    """What a token must grant for this request: (repository, action), or None for /v2/ itself."""
    match = REPOSITORY.match(path)
    if not match:
        return None
    action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(method, "push")
    return match.group("name"), action


class Realm:
    """Accounts and tokens of every front. A token is good at the host that issued it only.

    IAM, if given, knows API keys, access tokens and refresh tokens, and what account is theirs.
    SKEW seconds are what the cloud's clock is ahead of this host's.
    """

    def __init__(self, iam=None):
        self.lock = threading.Lock()
        self.iam = iam
        self.skew = 0
        self.policies = {}
        self.managers = None  # identities (iam_id) that may manage; None: all
        self.accounts = set()
        self.tokens = {}
        self.anonymous = False

    def allow(self, user, password, host=None):
        """HOST limits the login to that one, as an entitlement key is to cp.icr.io."""
        with self.lock:
            self.accounts.add((user, password, host))

    def revoke(self, user, password):
        with self.lock:
            self.accounts = {known for known in self.accounts if known[:2] != (user, password)}
            self.tokens.clear()

    def now(self):
        return time.time() + self.skew

    def known(self, user, password, host):
        with self.lock:
            if self.accounts & {(user, password, None), (user, password, host)}:
                return True
        return self.iam is not None and self.iam.login(user, password) is not None

    @staticmethod
    def registry_of(host):
        return host.removeprefix("private.")

    def private_only(self, user, password, host):
        """True when the policy of the login's account keeps it off the public network."""
        who = self.iam.login(user, password) if self.iam else None
        return bool(who and self.policies.get((who.account, self.registry_of(host)), {})
                    .get("private_only"))

    def policy(self, host, method, headers, body):
        """GET and PATCH /api/v1/auth: status and body. Codes that no page documents are made up.
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        who = self.iam.valid(token) if self.iam and scheme.lower() == "bearer" else None
        if who is None:
            return 401, management_error("CRG0014E", "IAM authentication error.")
        if not who.account or headers.get("Account") != who.account:
            return 401, management_error("CRG0009E", "The account ID is not valid.")
        if self.managers is not None and who.iam_id not in self.managers:
            return 403, management_error("CRG0020E", "You are not authorized to complete this "
                                         "operation.")
        with self.lock:
            policy = self.policies.setdefault((who.account, self.registry_of(host)),
                                              {"iam_authz": True, "private_only": False})
            if method == "GET":
                return 200, json.dumps(policy).encode()
            try:
                change = json.loads(body or b"")
            except ValueError:
                change = None
            if (not isinstance(change, dict) or not change or set(change) - set(policy)
                    or not all(isinstance(value, bool) for value in change.values())):
                return 400, management_error("CRG0001E", "The request body is not valid.")
            policy.update(change)
            return 204, b""

    def issue(self, host, user, scopes):
        granted = set()
        for scope in scopes:
            parts = scope.split(":")
            if len(parts) >= 3 and parts[0] == "repository":
                granted |= {(":".join(parts[1:-1]), action) for action in parts[-1].split(",")}
        token = "lab." + secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = (host, user, granted)
        return token

    def owner(self, host, header):
        """The user and grants of an Authorization: Bearer header at HOST, or None."""
        scheme, _, token = (header or "").partition(" ")
        with self.lock:
            issued = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if issued is None or issued[0] != host:
            return None
        return issued[1], issued[2]
