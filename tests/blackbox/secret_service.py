# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A session bus and Secret Service in one, in Python, that can be told to misbehave.

It speaks as much of D-Bus as a client needs that calls methods; what each method answers may be
replaced by a test: service.answer["Delete"] = lambda call: ("o", ["/prompt/1"])."""

import socket
import struct
import threading

ROOT = "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/login"
ALIGN = {"y": 1, "g": 1, "v": 1, "b": 4, "u": 4, "s": 4, "o": 4, "a": 4, "t": 8, "(": 8, "{": 8}


def types(signature):
    """The complete types of a signature."""
    found = []
    while signature:
        end = 0
        while signature[end] == "a":
            end += 1
        depth = 0
        while True:
            depth += signature[end] in "({"
            depth -= signature[end] in ")}"
            end += 1
            if depth == 0:
                break
        found.append(signature[:end])
        signature = signature[end:]
    return found


class Writer:
    def __init__(self):
        self.data = bytearray()

    def align(self, boundary):
        self.data += bytes(-len(self.data) % boundary)

    def put(self, kind, value):
        self.align(ALIGN[kind[0]])
        if kind == "y":
            self.data.append(value)
        elif kind in ("u", "b"):
            self.data += struct.pack("=I", int(value))
        elif kind == "t":
            self.data += struct.pack("=Q", value)
        elif kind in ("s", "o"):
            raw = value.encode() if isinstance(value, str) else value
            self.data += struct.pack("=I", len(raw)) + raw + b"\0"
        elif kind == "g":
            self.data += bytes([len(value)]) + value.encode() + b"\0"
        elif kind == "v":
            self.put("g", value[0])
            self.put(value[0], value[1])
        elif kind == "ay":
            self.data += struct.pack("=I", len(value)) + bytes(value)
        elif kind[0] == "a":
            at = len(self.data)
            self.data += bytes(4)
            self.align(ALIGN[kind[1]])
            begin = len(self.data)
            for item in value.items() if isinstance(value, dict) else value:
                self.put(kind[1:], item)
            self.data[at:at + 4] = struct.pack("=I", len(self.data) - begin)
        else:
            for inner, item in zip(types(kind[1:-1]), value):
                self.put(inner, item)


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def align(self, boundary):
        self.at += -self.at % boundary

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def get(self, kind):
        self.align(ALIGN[kind[0]])
        if kind == "y":
            return self.take(1)[0]
        if kind in ("u", "b"):
            return struct.unpack("=I", self.take(4))[0]
        if kind == "t":
            return struct.unpack("=Q", self.take(8))[0]
        if kind in ("s", "o"):
            return self.take(self.get("u") + 1)[:-1].decode()
        if kind == "g":
            return self.take(self.get("y") + 1)[:-1].decode()
        if kind == "v":
            inner = self.get("g")
            return inner, self.get(inner)
        if kind == "ay":
            return bytes(self.take(self.get("u")))
        if kind[0] == "a":
            length = self.get("u")
            self.align(ALIGN[kind[1]])
            end = self.at + length
            items = []
            while self.at < end:
                items.append(self.get(kind[1:]))
            return dict(items) if kind[1] == "{" else items
        return tuple(self.get(inner) for inner in types(kind[1:-1]))


class Call:
    def __init__(self, fields, serial, body):
        self.path, self.interface, self.member = fields.get(1), fields.get(2), fields.get(3)
        self.serial = serial
        reader = Reader(body)
        self.arguments = [reader.get(kind) for kind in types(fields.get(8, ""))]


class Error(Exception):
    def __init__(self, name, text="no reason"):
        super().__init__(text)
        self.name = name


class Item:
    def __init__(self, server, secret, username="iamapikey", modified=1000, created=1000,
                 locked=False, attributes=None):
        self.attributes = {"label": "Docker Credentials", "server": server, "username": username,
                           "docker_cli": "1"}
        if attributes is not None:
            self.attributes = attributes
        self.secret = secret.encode() if isinstance(secret, str) else secret
        self.modified, self.created, self.locked = modified, created, locked
        self.hidden = False


class Service:
    """Items are in .items by path; .calls has the members in the order of their coming."""

    def __init__(self, home):
        self.path = home.path / "fake-bus"
        self.items = {}
        self.answer = {}
        self.calls = []
        self.locked = False
        self.collection = COLLECTION
        self.raw = None  # bytes in place of any answer once Hello is done
        self.next = 1
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(64)
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()
        home.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={self.path}"

    def add(self, *arguments, **more):
        path = f"{COLLECTION}/{self.next}"
        self.next += 1
        self.items[path] = Item(*arguments, **more)
        return path

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.close()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection.makefile("rb") as stream:
            try:
                if stream.read(1) != b"\0":
                    return
                for line in iter(stream.readline, b"BEGIN\r\n"):
                    if not line:
                        return
                    connection.sendall(
                        b"OK 0123456789abcdef0123456789abcdef\r\n"
                        if line.startswith((b"AUTH EXTERNAL ", b"DATA")) else
                        {b"AUTH\r\n": b"REJECTED EXTERNAL\r\n",
                         b"AUTH EXTERNAL\r\n": b"DATA\r\n"}.get(line, b"ERROR\r\n"))
                while self.serve_one(connection, stream):
                    pass
            except OSError:
                return
            finally:
                connection.close()

    def serve_one(self, connection, stream):
        head = stream.read(16)
        if len(head) < 16:
            return False
        length, serial, fields_length = struct.unpack("=III", head[4:])
        padded = stream.read(fields_length + -fields_length % 8)
        reader = Reader(head + padded)
        reader.at = 12
        fields = {number: value for number, (_, value) in reader.get("a(yv)")}
        call = Call(fields, serial, stream.read(length))
        if call.interface == "org.freedesktop.DBus" and call.member != "Hello":
            self.reply(connection, serial, 2, [], *{
                "GetNameOwner": ("s", [":1.1"]), "StartServiceByName": ("u", [2]),
            }.get(call.member, ("", [])))
            return True
        self.calls.append(call.member)
        if self.raw is not None and call.member != "Hello":
            connection.sendall(self.raw)
            return False
        try:
            answer = self.answer.get(call.member, getattr(self, "do_" + call.member))(call)
        except Error as error:
            self.reply(connection, serial, 3, [(4, ("s", error.name))], "s", [str(error)])
            return True
        if answer is None:
            return True  # silence
        self.reply(connection, serial, 2, [], *answer)
        return True

    def reply(self, connection, serial, kind, fields, signature, values):
        body = Writer()
        for inner, value in zip(types(signature), values):
            body.put(inner, value)
        fields = [(5, ("u", serial)), *fields]
        if signature:
            fields.append((8, ("g", signature)))
        message = Writer()
        message.data += b"l\x00\x01\x01" if struct.pack("=H", 1) == b"\x01\x00" else b"B\0\1\1"
        message.data[1] = kind
        message.put("u", len(body.data))
        message.put("u", self.next + 1000)
        message.put("a(yv)", fields)
        message.align(8)
        connection.sendall(bytes(message.data + body.data))

    def do_Hello(self, _):
        return "s", [":1.1"]

    def do_OpenSession(self, call):
        if call.arguments[0] != "plain":
            raise Error("org.freedesktop.DBus.Error.NotSupported")
        return "vo", [("s", ""), ROOT + "/session/s1"]

    def do_ReadAlias(self, _):
        return "o", [self.collection]

    def do_Get(self, call):
        return "v", [("b", self.locked)]

    def do_SearchItems(self, call):
        found = [path for path, item in self.items.items() if not item.hidden and
                 call.arguments[0].items() <= item.attributes.items()]
        return "aoao", [[path for path in found if not self.items[path].locked],
                        [path for path in found if self.items[path].locked]]

    def do_GetAll(self, call):
        if call.arguments[0] == "org.freedesktop.Secret.Collection":
            return "a{sv}", [{"Locked": ("b", self.locked), "Label": ("s", "Login"),
                              "Items": ("ao", list(self.items)), "Created": ("t", 1000),
                              "Modified": ("t", 1000)}]
        if call.arguments[0] in ("org.freedesktop.Secret.Service", "org.freedesktop.Secret.Prompt"):
            return "a{sv}", [{}]
        item = self.find(call.path)
        return "a{sv}", [{"Locked": ("b", item.locked), "Label": ("s", "x"),
                          "Odd": ("a(sa{sv}(tu))", [("a", {"b": ("t", 1)}, (2, 3))]),
                          "Attributes": ("a{ss}", item.attributes),
                          "Created": ("t", item.created), "Modified": ("t", item.modified)}]

    def do_GetSecrets(self, call):
        return "a{o(oayays)}", [{path: (call.arguments[1], b"", self.items[path].secret,
                                        "text/plain") for path in call.arguments[0]
                                 if self.items[path].secret is not None}]

    def do_CreateItem(self, call):
        properties, secret, _ = call.arguments
        attributes = properties["org.freedesktop.Secret.Item.Attributes"][1]
        return "oo", [self.add("", secret[2], attributes=attributes, modified=2000), "/"]

    def do_Delete(self, call):
        self.find(call.path)
        del self.items[call.path]
        return "o", ["/"]

    def do_Dismiss(self, _):
        return "", []

    def do_Prompt(self, _):
        return "", []

    def find(self, path):
        if path not in self.items:
            raise Error("org.freedesktop.Secret.Error.NoSuchObject")
        return self.items[path]
