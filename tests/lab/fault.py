# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What can go wrong at a front: knobs for the life of the front, and scripted faults by request."""

import re

CAPTIVE_PAGE = (b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head>"
                b"<body>Please sign in to use this network.</body></html>\n")
BIG = 10 * 1024 * 1024


class Fault:
    """One answer that goes wrong, for the requests that match; TIMES of them (None: all).

    Requests match by METHOD, by PATH (a pattern, searched) and by GRANT (IAM's, as "apikey").
    Without STATUS the answer is the right one, only late (DELAY seconds) or slow (DRIP seconds
    between two bytes of the body). RESET: the connection breaks instead. A body of None is the
    error text that this kind of service gives.
    """

    def __init__(self, status=None, body=None, *, headers=(), retry_after=None, location=None,
                 content_type="application/json", delay=0, drip=None, reset=False, times=None,
                 method=None, path=None, grant=None):
        self.status, self.body, self.content_type = status, body, content_type
        self.headers = list(headers)
        if retry_after is not None:
            self.headers.append(("Retry-After", str(retry_after)))
        if location is not None:
            self.headers.append(("Location", location))
        self.delay, self.drip, self.reset, self.times = delay, drip, reset, times
        self.method, self.path, self.grant = method, path, grant

    @classmethod
    def captive(cls, **more):
        """The page of a hotel's or a company's portal, with status 200."""
        return cls(200, CAPTIVE_PAGE, content_type="text/html", **more)

    @classmethod
    def big(cls, status=200, **more):
        """Ten megabytes of JSON white space."""
        return cls(status, b" " * BIG, **more)

    def matches(self, method, path, grant):
        return (self.times != 0 and self.method in (None, method) and self.grant in (None, grant)
                and (self.path is None or re.search(self.path, path) is not None))


class Faults:
    """All off. Set an attribute to switch one on; it holds from the next request or connection."""

    def __init__(self):
        self.accept = None          # "hang": no TLS ever; "reset": TCP reset at once
        self.handshake_delay = 0    # seconds before the TLS handshake goes on
        self.answer = None          # (status, body) for every /v2/ and token request
        self.realm_host = None      # the host that the challenge names, instead of the asked one
        self.login_status = 401     # of a refused login; ICR's documentation has 400
        self.management = "ok"      # "missing": /api/ is 404; "reset": the connection breaks
        self.blob_host = None       # blobs are redirected to this host
        self.blob_location = None   # or to this Location, with {path} in it; "": none is sent
        self.blob_status = 307
        self.anonymous = False      # /v2/ needs no login
        self.script = []            # Fault objects; the first that matches is taken

    def add(self, *faults):
        self.script.extend(faults)

    def take(self, method, path, grant=None):
        """The scripted fault of this request, or None."""
        for fault in self.script:
            if fault.matches(method, path, grant):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
