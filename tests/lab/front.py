# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""TLS fronts: what a client meets at one address of the registry, with faults to switch on.

A front is one address and port (443), a certificate and a role: "private", "public", "download"
(the dd0 hosts), or that of another service, as "iam". All fronts write one access log: a line per
request, a line per connection.
"""

import hashlib
import http
import http.server
import json
import socket
import struct
import threading
import time
import urllib.parse

from . import realm as realms
from . import stream
from .fault import Faults

HANDSHAKE_SECONDS = 15
BODY_LIMIT = 1024 * 1024
# What is logged as its hash only.
SECRET_HEADERS = {"authorization", "iam-apikey", "cookie", "proxy-authorization"}


def digest(secret):
    """How the access log names a secret."""
    return "sha256:" + hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def loggable(headers):
    """Headers by name, lower case; of secrets the scheme and the hash."""
    shown = {}
    for name, value in headers.items():
        name = name.lower()
        if name in SECRET_HEADERS:
            scheme, space, secret = value.rpartition(" ")
            value = scheme + space + digest(secret)
        shown[name] = value
    return shown


class AccessLog:
    """Lines in order of arrival, in memory and as JSON in a file."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.lock = threading.Lock()

    def add(self, **line):
        line["time"] = time.time()
        with self.lock:
            self.lines.append(line)
            with open(self.path, "a") as file:
                file.write(json.dumps(line) + "\n")

    def find(self, **wanted):
        with self.lock:
            return [line for line in self.lines
                    if all(line.get(key) == value for key, value in wanted.items())]

    def clear(self):
        with self.lock:
            self.lines.clear()


def remember_name(tls, name, _):
    tls.asked_name = name


class Front:
    """CONTEXT None is plain HTTP. SERVICE answers the requests, where it is not the registry; its
    fronts share its faults."""

    def __init__(self, name, role, address, hosts, context, realm, log, registry_port, *,
                 port=443, service=None):
        self.name, self.role, self.address, self.hosts = name, role, address, set(hosts)
        self.context, self.port, self.service = context, port, service
        self.realm, self.log, self.registry_port = realm, log, registry_port
        self.faults = service.faults if service else Faults()
        self.closing = threading.Event()
        self.listener = None
        self.connections = set()
        self.lock = threading.Lock()

    def listen(self):
        if self.listener:
            return
        listener = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen(128)
        self.closing = threading.Event()
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self):
        """Refuses connections from now on and drops those there are."""
        self.closing.set()
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, raw, peer):
        with self.lock:
            self.connections.add(raw)
        try:
            self._converse(raw, peer)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(raw)
            raw.close()

    def _connection_line(self, sni, error, begin=None):
        self.log.add(kind="connection", front=self.name, role=self.role, address=self.address,
                     sni=sni, error=error, begin=begin)

    def pause(self, seconds):
        """Waits, but not longer than there is a front."""
        if self.closing.wait(seconds):
            raise ConnectionAbortedError("the front was closed")

    def _converse(self, raw, peer):
        begin = time.time()
        if self.faults.accept == "reset":
            self._connection_line(None, "reset")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        raw.settimeout(HANDSHAKE_SECONDS)
        if self.faults.accept == "hang":
            self._connection_line(None, "hang")
            while raw.recv(4096):
                pass
            return
        if self.faults.handshake_delay:
            self._connection_line(None, "late")
            self.pause(self.faults.handshake_delay)
        if self.context is None:
            self._connection_line(None, None)
            Request(raw, peer, self)
            return
        context = self.context
        context.sni_callback = remember_name
        tls = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        tls.asked_name = None
        with tls:
            try:
                tls.do_handshake()
            except OSError as error:
                self._connection_line(tls.asked_name, str(error))
                raise
            with self.lock:
                self.connections.add(tls)
            self._connection_line(tls.asked_name, None, begin)
            try:
                Request(tls, peer, self)
            finally:
                with self.lock:
                    self.connections.discard(tls)


class Request(http.server.BaseHTTPRequestHandler):
    """All requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "icr-lab"
    sys_version = ""
    timeout = 60

    def parse_request(self):
        self.expecting = False
        self.user = None
        self.host = None
        self.noted = {}
        self.fault = None
        return super().parse_request()

    def handle_expect_100(self):
        self.expecting = True
        return True

    def log_message(self, *_):
        pass

    def send_response(self, code, message=None):
        # Logged before the client can know the outcome, so that whoever waits for the client
        # finds the line there.
        path, _, query = getattr(self, "path", "").partition("?")
        front = self.server
        front.log.add(**self.line(), path=path, query=query, status=int(code), user=self.user,
                      **self.noted)
        super().send_response(code, message)

    def line(self):
        front = self.server
        return {"kind": "request", "front": front.name, "role": front.role,
                "address": front.address, "sni": getattr(self.connection, "asked_name", None),
                "host": self.host, "method": self.command}

    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.server.realm.now() if timestamp is None
                                        else timestamp)

    def reply(self, status, body=b"", headers=(), content_type="application/json"):
        self.body.discard()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault and self.fault.drip:
            for number in range(len(body)):
                self.wfile.write(body[number:number + 1])
                self.server.pause(self.fault.drip)
        else:
            self.wfile.write(body)

    def read_body(self):
        """All of a short body; None for one that is too long."""
        pieces, length = [], 0
        for piece in self.body.pieces():
            pieces.append(piece)
            length += len(piece)
            if length > BODY_LIMIT:
                self.close_connection = True
                return None
        return b"".join(pieces)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def fails(self, path, grant=None):
        """Takes the scripted fault of this request; True when the answer has been given by it."""
        fault = self.fault = self.server.faults.take(self.command, path, grant)
        if fault is None:
            return False
        if fault.delay:
            # The client may be gone when the answer is logged.
            self.server.log.add(**dict(self.line(), kind="late"), path=path, **self.noted)
            self.server.pause(fault.delay)
        if fault.reset:
            self.reset()
        elif fault.status is not None:
            body = self.error_body(fault.status) if fault.body is None else fault.body
            self.reply(fault.status, body, fault.headers, fault.content_type)
        else:
            return False
        return True

    def error_body(self, status):
        phrase = http.HTTPStatus(status).phrase
        if self.server.service:
            return self.server.service.error_body(status, phrase)
        return realms.registry_error(phrase.upper().replace(" ", ""), phrase)

    def route(self):
        front, faults = self.server, self.server.faults
        self.body = stream.Body(self)
        self.host = self.headers.get("Host", "").lower()
        if self.host.endswith(":%d" % front.port):
            self.host = self.host.rpartition(":")[0]
        self.noted["headers"] = loggable(self.headers)
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if self.host not in front.hosts:
            self.reply(421, realms.registry_error("UNKNOWN", "no such host here: " + self.host))
        elif front.service:
            front.service.answer(self, path)
        elif self.fails(path):
            pass
        elif path.startswith("/api/"):
            self.management(path)
        elif front.role == "download":
            self.download(path)
        elif faults.answer and (path.startswith("/v2/") or path == "/oauth/token"):
            status, body = faults.answer
            basic = realms.parse_basic(self.headers.get("Authorization"))
            self.user = basic[0] if basic else None
            self.reply(status, body)
        elif path == "/oauth/token":
            self.token()
        elif path == "/v2" or path.startswith("/v2/"):
            self.registry(path)
        else:
            self.reply(404, realms.registry_error("NOT_FOUND", "no such page"))

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = route

    def management(self, path):
        state = self.server.faults.management
        if state == "reset":
            self.reset()
        elif state == "missing":
            self.reply(404, b"404 page not found\n")
        elif path == "/api/v1/messages" and self.command == "GET":
            self.reply(200, b'""\n')
        elif path == "/api/v1/auth" and self.command in ("GET", "PATCH"):
            status, body = self.server.realm.policy(self.host, self.command, self.headers,
                                                    self.read_body())
            self.reply(status, body)
        else:
            self.reply(401, realms.management_error("CRG0009E", "The account ID is not valid."))

    def token(self):
        realm = self.server.realm
        if self.command != "GET":
            self.reply(405, realms.registry_error("UNSUPPORTED", "GET only"), [("Allow", "GET")])
            return
        basic = realms.parse_basic(self.headers.get("Authorization"))
        self.user = basic[0] if basic else None
        if basic is None and not realm.anonymous:
            self.reply(401, realms.registry_error("UNAUTHORIZED", realms.LOGIN_NEEDED))
            return
        if basic and not realm.known(basic[0], basic[1], self.host):
            self.reply(self.server.faults.login_status,
                       realms.registry_error("UNAUTHORIZED", realms.LOGIN_REFUSED))
            return
        if basic and self.server.role == "public" and realm.private_only(*basic, self.host):
            self.reply(403, realms.registry_error("DENIED", realms.PRIVATE_ONLY))
            return
        query = urllib.parse.parse_qs(self.path.partition("?")[2])
        scopes = [word for scope in query.get("scope", []) for word in scope.split()]
        if (query.get("service", ["registry"]) != ["registry"]
                or not all(realms.SCOPE.match(scope) for scope in scopes)):
            self.reply(400, realms.registry_error("UNKNOWN", "service or scope is not valid"))
            return
        token = realm.issue(self.host, self.user, scopes)
        self.reply(200, json.dumps({"token": token, "access_token": token,
                                    "expires_in": 300}).encode())

    def challenge(self, scope, error=None):
        words = ['realm="https://%s/oauth/token"' % (self.server.faults.realm_host or self.host),
                 'service="registry"']
        if scope:
            actions = "pull" if scope[1] == "pull" else "pull," + scope[1]
            words.append('scope="repository:%s:%s"' % (scope[0], actions))
        if error:
            words.append('error="%s"' % error)
        message = realms.NO_ACCESS if error == "insufficient_scope" else realms.LOGIN_NEEDED
        self.reply(401, realms.registry_error("UNAUTHORIZED", message),
                   [("Www-Authenticate", "Bearer " + ", ".join(words)),
                    ("Docker-Distribution-Api-Version", "registry/2.0")])

    def registry(self, path):
        scope = realms.needed_scope(self.command, path)
        header = self.headers.get("Authorization")
        owner = self.server.realm.owner(self.host, header)
        if owner is None and not self.server.faults.anonymous:
            self.challenge(scope, "invalid_token" if header else None)
            return
        self.user, granted = owner or (None, {scope})
        if scope and scope not in granted:
            self.challenge(scope, "insufficient_scope")
            return
        location = self.server.faults.blob_location
        if self.server.faults.blob_host:
            location = "https://%s{path}" % self.server.faults.blob_host
        if location is not None and self.command == "GET" and "/blobs/sha256:" in path:
            location = location.replace("{path}", path + "?signature=lab")
            self.reply(self.server.faults.blob_status, b"",
                       [("Location", location)] if location else [])
            return
        self.pass_on()

    def download(self, path):
        if self.command == "GET" and "/blobs/" in path and self.path.endswith("?signature=lab"):
            self.pass_on()
        else:
            self.reply(403, b'{"errorMessage":"no signature"}')

    def pass_on(self):
        if self.server.registry_port is None:
            self.reply(404 if self.path.partition("?")[0] not in ("/v2", "/v2/") else 200,
                       realms.registry_error("NAME_UNKNOWN", "no registry behind this front"))
            return
        try:
            stream.forward(self, self.body, self.server.registry_port, self.host)
        except (OSError, ValueError):
            self.close_connection = True
            raise
