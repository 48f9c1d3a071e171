# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""HTTP/1.1 bodies of any length, in either framing, and the way to the registry behind a front."""

import http.client

PIECE = 64 * 1024
DRAIN_LIMIT = 1024 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "te", "trailer",
              "transfer-encoding", "upgrade", "expect", "host", "authorization", "content-length"}


class Body:
    """A request's body. "100 Continue" goes out when somebody begins to read it, not before."""

    def __init__(self, handler):
        self.handler = handler
        self.chunked = "chunked" in handler.headers.get("Transfer-Encoding", "").lower()
        self.left = 0 if self.chunked else int(handler.headers.get("Content-Length") or 0)
        self.ended = not self.chunked and self.left == 0

    def pieces(self):
        if self.ended:
            return
        if self.handler.expecting:
            self.handler.expecting = False
            self.handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.chunked:
            yield from self._chunks()
        else:
            yield from self._exactly()
        self.ended = True

    def _exactly(self):
        while self.left:
            piece = self.handler.rfile.read(min(self.left, PIECE))
            if not piece:
                raise ConnectionError("the body ended early")
            self.left -= len(piece)
            yield piece

    def _chunks(self):
        while True:
            size = int(self.handler.rfile.readline(128).split(b";")[0], 16)
            if size == 0:
                while self.handler.rfile.readline(4096) not in (b"\r\n", b"\n", b""):
                    pass
                return
            self.left = size
            yield from self._exactly()
            self.handler.rfile.readline(8)

    def discard(self):
        """Reads what is left, so that the connection stays usable; a long rest ends it instead."""
        if self.ended:
            return
        if self.handler.expecting:
            self.handler.close_connection = True
            return
        seen = 0
        for piece in self.pieces():
            seen += len(piece)
            if seen > DRAIN_LIMIT:
                self.handler.close_connection = True
                return


def forward(handler, body, port, host):
    """Hands the request to the registry on PORT and its answer to the client, streaming both."""
    upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        upstream.putrequest(handler.command, handler.path, skip_host=True,
                            skip_accept_encoding=True)
        upstream.putheader("Host", host)
        upstream.putheader("X-Forwarded-Proto", "https")
        for name, value in handler.headers.items():
            if name.lower() not in HOP_BY_HOP:
                upstream.putheader(name, value)
        if body.chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        elif "Content-Length" in handler.headers:
            upstream.putheader("Content-Length", handler.headers["Content-Length"])
        upstream.endheaders()
        for piece in body.pieces():
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if body.chunked else piece)
        if body.chunked:
            upstream.send(b"0\r\n\r\n")
        _answer(handler, upstream.getresponse(), host)
    finally:
        upstream.close()


def _answer(handler, response, host):
    handler.send_response(response.status)
    for name, value in response.getheaders():
        if name.lower() == "location" and "://" in value:
            value = "https://%s/%s" % (host, value.split("://", 1)[1].partition("/")[2])
        if name.lower() not in HOP_BY_HOP and name.lower() not in ("date", "server"):
            handler.send_header(name, value)
    length = response.getheader("Content-Length")
    bodyless = handler.command == "HEAD" or response.status in (204, 304)
    if length is not None:
        handler.send_header("Content-Length", length)
    elif not bodyless:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    if bodyless:
        return
    while True:
        piece = response.read(PIECE)
        if length is not None:
            handler.wfile.write(piece)
        elif piece:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not piece:
            break
    if length is None:
        handler.wfile.write(b"0\r\n\r\n")
