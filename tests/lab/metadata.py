# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The instance metadata services of VPC and Power Virtual Server: who this machine is, and tokens
of the trusted profiles that are linked to it. Requests are logged with role "metadata"."""

import json
import secrets
import time
import urllib.parse

from .fault import Faults
from .iam import PROFILE

V2_SINCE = "2025-08-26"
PATHS = {  # path: (version of the API, operation)
    "/instance_identity/v1/token": (1, "token"),
    "/instance_identity/v1/iam_token": (1, "iam"),
    "/identity/v1/token": (2, "token"),
    "/identity/v1/iam_tokens": (2, "iam"),
}
MESSAGES = {
    "unauthorized": "The metadata service is not enabled on the provided instance.",
    "unauthenticated": "The identity token is not valid or has expired.",
    "missing_field": "A trusted profile ID was not passed in the request body.",
    "profile_not_linked": "The instance is not linked to the trusted profile.",
    "not_found": "The resource was not found.",
    "service_error": "The service failed.",
}


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Refused(Exception):
    def __init__(self, status, code, target=None):
        super().__init__(code)
        self.status, self.code, self.target = status, code, target


class Metadata:
    """KIND is "vpc" or "powervs". versions: those of the API there are; bare metal has {2}.
    linked: IDs of the trusted profiles; default: the one that an empty request gets, or None."""

    def __init__(self, iam, kind="vpc"):
        self.iam, self.kind = iam, kind
        self.faults = Faults()
        self.enabled, self.versions = True, {1, 2}
        self.linked, self.default = {PROFILE}, PROFILE
        self.expires_in = None  # the life of IAM tokens, if not IAM's own
        self.identity_tokens = {}

    @staticmethod
    def error_body(status, phrase, code=None, target=None):
        code = code or ("service_error" if status >= 500 else "too_many_requests")
        return json.dumps({"errors": [{
            "code": code, "message": MESSAGES.get(code, phrase),
            "more_info": "https://cloud.ibm.com/docs/vpc?topic=vpc-metadata-error-codes",
            "target": {"name": target or "", "type": "field", "value": ""}}],
            "status_code": status, "trace": secrets.token_hex(16)}).encode()

    def answer(self, request, path):
        request.noted["identity"] = None
        body = request.read_body()
        if request.fails(path):
            return
        try:
            version, operation = self.operation(request, path)
            fields = self.fields(body)
            reply = (self.identity_token(fields) if operation == "token"
                     else self.iam_token(request, fields, version))
        except Refused as refused:
            request.reply(refused.status, self.error_body(
                refused.status, refused.code.replace("_", " "), refused.code, refused.target))
            return
        request.reply(200, json.dumps(reply).encode())

    def operation(self, request, path):
        version, operation = PATHS.get(path, (0, None))
        method = {"token": "PUT", "iam": "POST", None: None}[operation]
        if version not in self.versions or request.command != method:
            raise Refused(404, "not_found")
        if not self.enabled:
            raise Refused(403, "unauthorized")
        if request.headers.get("Metadata-Flavor") != "ibm":
            raise Refused(400, "missing_value", "Metadata-Flavor")
        if self.kind == "vpc":
            query = dict(urllib.parse.parse_qsl(request.path.partition("?")[2]))
            if not query.get("version"):
                raise Refused(400, "missing_value", "version")
            if (query["version"] >= V2_SINCE) != (version == 2):
                raise Refused(404, "not_found")
        return version, operation

    @staticmethod
    def fields(body):
        if not body:
            return {}
        try:
            fields = json.loads(body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise Refused(400, "invalid_request")
        return fields

    def identity_token(self, fields):
        for name in fields:
            if name not in ("expires_in", "nonce"):
                raise Refused(400, "unknown_field", name)
        expires_in = fields.get("expires_in", 300)
        if not isinstance(expires_in, int) or not 5 <= expires_in <= 3600:
            raise Refused(400, "invalid_value", "expires_in")
        now = int(self.iam.now())
        token = self.iam.jwt({"iss": "https://%s/identity" % self.kind, "iat": now,
                              "exp": now + expires_in, "sub": "crn:v1:bluemix:public:is:lab"})
        self.identity_tokens[token] = now + expires_in
        return self.reply(token, now, now + expires_in)

    def iam_token(self, request, fields, version):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.identity_tokens.get(token, 0) <= self.iam.now():
            raise Refused(401, "unauthenticated")
        for name in fields:
            if name != "trusted_profile":
                raise Refused(400, "unknown_field", name)
        wanted = fields.get("trusted_profile")
        if wanted is None:
            if self.default is None:
                raise Refused(400, "missing_field", "trusted_profile")
            wanted = {"id": self.default}
        if not isinstance(wanted, dict) or len(wanted) != 1 or set(wanted) - {"id", "crn"}:
            raise Refused(400, "unknown_field", "trusted_profile")
        profile = self.iam.find_profile(wanted, *wanted)
        if profile is None or profile["id"] not in self.linked:
            raise Refused(400, "profile_not_linked" if version == 1 else "not_found",
                          "trusted_profile")
        now = int(self.iam.now())
        token, expiration = self.iam.access_token(
            profile["iam_id"], profile["account"], "urn:ibm:params:oauth:grant-type:cr-token",
            self.expires_in)
        request.noted["identity"] = profile["iam_id"]
        return self.reply(token, now, expiration)

    @staticmethod
    def reply(token, created, expires):
        return {"access_token": token, "created_at": rfc3339(created),
                "expires_at": rfc3339(expires), "expires_in": expires - created}
