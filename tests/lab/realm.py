# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Who may log in at the lab's registry, its tokens, and its error texts (those of the real ICR)."""

import base64
import binascii
import json
import re
import secrets
import threading

LOGIN_REFUSED = "The login credentials are not valid, or your IBM Cloud account is not active."
LOGIN_NEEDED = ("Authorization required. See "
                "https://cloud.ibm.com/docs/Registry?topic=Registry-troubleshoot-auth-req")
PRIVATE_ONLY = ("Private-only access is enabled on this account, but this request was over the "
                "public network. You must access this account over the private network")
NO_ACCESS = "You are not authorized to access the specified resource."

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
    """Accounts and tokens of every front. A token is good at the host that issued it only."""

    def __init__(self):
        self.lock = threading.Lock()
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

    def known(self, user, password, host):
        with self.lock:
            return bool(self.accounts & {(user, password, None), (user, password, host)})

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
