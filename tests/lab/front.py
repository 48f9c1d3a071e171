# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""TLS fronts: what a client meets at one address of the registry, with faults to switch on.

A front is one address, port 443, a certificate and a role: "private", "public", "download" (the
dd0 hosts) or "iam". All fronts write one access log: a line per request, a line per connection.
"""

import http.server
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from . import realm as realms
from . import stream

HANDSHAKE_SECONDS = 15


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


class Faults:
    """All off. Set an attribute to switch one on; it holds from the next request or connection."""

    def __init__(self):
        self.accept = None          # "hang": no TLS ever; "reset": TCP reset at once
        self.answer = None          # (status, body) for every /v2/ and token request
        self.realm_host = None      # the host that the challenge names, instead of the asked one
        self.management = "ok"      # "missing": /api/ is 404; "reset": the connection breaks
        self.blob_host = None       # blobs are redirected to this host
        self.anonymous = False      # /v2/ needs no login


def remember_name(tls, name, _):
    tls.asked_name = name


class Front:
    def __init__(self, name, role, address, hosts, context, realm, log, registry_port):
        self.name, self.role, self.address, self.hosts = name, role, address, set(hosts)
        self.context = context
        self.realm, self.log, self.registry_port = realm, log, registry_port
        self.faults = Faults()
        self.listener = None
        self.connections = set()
        self.lock = threading.Lock()

    def listen(self):
        if self.listener:
            return
        listener = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, 443))
        listener.listen(128)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self):
        """Refuses connections from now on and drops those there are."""
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

    def _connection_line(self, sni, error):
        self.log.add(kind="connection", front=self.name, role=self.role, address=self.address,
                     sni=sni, error=error)

    def _converse(self, raw, peer):
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
            self._connection_line(tls.asked_name, None)
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
        front.log.add(kind="request", front=front.name, role=front.role, address=front.address,
                      sni=self.connection.asked_name, host=self.host, method=self.command,
                      path=path, query=query, status=int(code), user=self.user)
        super().send_response(code, message)

    def reply(self, status, body=b"", headers=()):
        self.body.discard()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def route(self):
        front, faults = self.server, self.server.faults
        self.body = stream.Body(self)
        self.host = self.headers.get("Host", "").lower()
        if self.host.endswith(":443"):
            self.host = self.host[:-4]
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if self.host not in front.hosts:
            self.reply(421, realms.registry_error("UNKNOWN", "no such host here: " + self.host))
        elif front.role == "iam":
            self.reply(404, b'{"errorCode":"BXNIM0123E","errorMessage":"Page not found."}')
        elif path.startswith("/api/"):
            self.management()
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

    def management(self):
        state = self.server.faults.management
        if state == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif state == "missing":
            self.reply(404, b"404 page not found\n")
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
            self.reply(401, realms.registry_error("UNAUTHORIZED", realms.LOGIN_REFUSED))
            return
        query = urllib.parse.parse_qs(self.path.partition("?")[2])
        scopes = [word for scope in query.get("scope", []) for word in scope.split()]
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
                   [("Www-Authenticate", "Bearer " + ",".join(words)),
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
        blob_host = self.server.faults.blob_host
        if blob_host and self.command == "GET" and "/blobs/sha256:" in path:
            self.reply(307, b"", [("Location", "https://%s%s?signature=lab" % (blob_host, path))])
            return
        self.pass_on()

    def download(self, path):
        if self.command == "GET" and "/blobs/" in path and self.path.endswith("?signature=lab"):
            self.pass_on()
        else:
            self.reply(403, b'{"errorMessage":"no signature"}')

    def pass_on(self):
        try:
            stream.forward(self, self.body, self.server.registry_port, self.host)
        except (OSError, ValueError):
            self.close_connection = True
            raise
