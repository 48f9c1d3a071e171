# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""daemon.json: what icr-rewrite makes of documents of every kind, to the byte."""

import hashlib
import json
import os
import pathlib
import random
import stat
import tempfile
import unittest

from . import support

CONFIG = "etc/docker/daemon.json"
DROPIN = "etc/systemd/system/docker.service.d/zz-icr-rewrite.conf"
UNIT = "lib/systemd/system/docker.service"
MARK = "# Written by icr-rewrite. Do not edit: icr-rewrite undo removes this file.\n"
BOM = b"\xef\xbb\xbf"
BIG = b"x" * (5 * 1024 * 1024)

NOT_CLOSED = "the string is not closed before the end of the line"
UTF16 = "this is UTF-16 text, but JSON is UTF-8: save it as UTF-8"
STRINGS = "must be a list of strings, not "
TRAILING_COMMA = "a trailing comma: take it out, or add what should follow it"
TRAILING_TEXT = "text after the value: a JSON document is one value"

# name: (document, "LINE:COLUMN", what is wrong)
REFUSED = {
    "line comment": (b'{\n  // mirrors\n  "registry-mirrors": []\n}\n', "2:3",
                     "comments are not JSON"),
    "block comment": (b'{"a": /* x */ 1}', "1:7", "comments are not JSON"),
    "hash comment": (b"# Docker\n{}\n", "1:1", "comments are not JSON"),
    "trailing comma in a list": (b'{"registry-mirrors": ["https://us.icr.io",]}', "1:43",
                                 TRAILING_COMMA),
    "trailing comma in the object": (b'{"debug": true,}\n', "1:16", TRAILING_COMMA),
    "single quotes": (b"{'debug': true}", "1:2", "a name in double quotes is expected here"),
    "trailing garbage": (b"{} x\n", "1:4", TRAILING_TEXT),
    "two documents": (b"{}\n{}\n", "2:1", TRAILING_TEXT),
    "object not closed": (b'{"registry-mirrors": ["https://us.icr.io"]\n', "2:1",
                          "the text ends where a comma or } is expected"),
    "a brace alone": (b"{", "1:2", "the text ends where a name in double quotes is expected"),
    "a bracket alone": (b"]", "1:1", "a value is expected here"),
    "string not closed": (b'{"registry-mirrors": ["https://us.icr.io]}\n', "1:43", NOT_CLOSED),
    "raw tab in a string": (b'{"a\tb": 1}', "1:4", "a tab in a string is written \\t"),
    "raw line feed in a string": (b'{"a": "x\ny"}', "1:9", NOT_CLOSED),
    "leading zero": (b'{"mtu": 01500}', "1:10", "a number may not begin with a needless 0"),
    "plus sign": (b'{"mtu": +1}', "1:9", "a number may not begin with +"),
    "no digit behind the point": (b'{"mtu": 1.}', "1:11",
                                  "a digit is missing after the decimal point"),
    "NaN": (b'{"mtu": NaN}', "1:9", "a value is expected here"),
    "hexadecimal": (b'{"mtu": 0x10}', "1:10", "hexadecimal numbers are not JSON"),
    "True": (b'{"debug": True}', "1:11", "a value is expected here"),
    "invalid UTF-8": (b'{"a": "\xff"}', "1:8", "invalid UTF-8"),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', "1:8", "invalid UTF-8"),
    "surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "1:8", "invalid UTF-8"),
    "lone surrogate": (b'{"a": "\\ud800"}', "1:8", "a lone surrogate"),
    "unknown escape": (b'{"a": "\\x"}', "1:9", "no such escape"),
    "UTF-16LE": ("\ufeff{}".encode("utf-16-le"), "1:1", UTF16),
    "UTF-16BE": ("\ufeff{}".encode("utf-16-be"), "1:1", UTF16),
    "UTF-16LE without a mark": ('{"a": 1}'.encode("utf-16-le"), "1:1", UTF16),
    "NUL behind the document": (b'{"a": 1}\0', "1:9", TRAILING_TEXT),
    "two byte order marks": (BOM + BOM + b"{}", "1:1", "a value is expected here"),
    "byte order mark inside": (b"{" + BOM + b"}", "1:2",
                               "a name in double quotes is expected here"),
    "nested too deep": (b'{"a": ' + b"[" * 600 + b"]" * 600 + b"}", "1:518",
                        "more than 512 levels"),
    "no colon": (b'{"a" 1}', "1:6", "a colon is expected here"),
    "a number as name": (b"{1: 2}", "1:2", "a name in double quotes is expected here"),
    "no comma": (b'{"a": 1 "b": 2}', "1:9", "a comma is missing before this"),
    "columns count characters": ('{"é€": x}'.encode(), "1:8", "a value is expected here"),
    "lines end in CRLF": (b'{\r\n  "a": ?\r\n}', "2:8", "a value is expected here"),
    "an array": (b"[]\n", "1:1", "the document must be an object, not an array"),
    "a string": (b'"x"', "1:1", "the document must be an object, not a string"),
    "a number": (b"1", "1:1", "the document must be an object, not a number"),
    "true": (b" true", "1:2", "the document must be an object, not true"),
    "mirrors: a string": (b'{"registry-mirrors": "https://us.icr.io"}', "1:22",
                          "registry-mirrors " + STRINGS + "a string"),
    "mirrors: an object": (b'{\n "registry-mirrors": {"a": 1}}', "2:22",
                           "registry-mirrors " + STRINGS + "an object"),
    "mirrors: a number": (b'{"registry-mirrors": 1}', "1:22",
                          "registry-mirrors " + STRINGS + "a number"),
    "mirrors: true": (b'{"registry-mirrors": true}', "1:22",
                      "registry-mirrors " + STRINGS + "true"),
    "a number among mirrors": (b'{"registry-mirrors": ["https://us.icr.io", 5]}', "1:44",
                               "registry-mirrors " + STRINGS + "a number"),
    "null among mirrors": (b'{"registry-mirrors": [null]}', "1:23",
                           "registry-mirrors " + STRINGS + "null"),
    "a list among mirrors": (b'{"registry-mirrors": [["https://us.icr.io"]]}', "1:23",
                             "registry-mirrors " + STRINGS + "an array"),
    "insecure: a string": (b'{"insecure-registries": "us.icr.io"}', "1:25",
                           "insecure-registries " + STRINGS + "a string"),
    "insecure: false": (b'{"insecure-registries": [false]}', "1:26",
                        "insecure-registries " + STRINGS + "false"),
    "the second of two": (b'{"registry-mirrors": ["https://us.icr.io"], "registry-mirrors": 3}',
                          "1:65", "registry-mirrors " + STRINGS + "a number"),
    "proxies: a list": (b'{"proxies": []}', "1:13", "proxies must be an object, not an array"),
    "proxies: a string": (b'{"proxies": "http://u:secret@p"}', "1:13",
                          "proxies must be an object, not a string"),
    "proxy: a number": (b'{"proxies": {"https-proxy": 3}}', "1:29",
                        "https-proxy must be a string, not a number"),
    "no-proxy: a list": (b'{"proxies": {"https-proxy": "http://u:secret@p", "no-proxy": ["a"]}}',
                         "1:62", "no-proxy must be a string, not an array"),
}


def mirrors(*entries):
    return b'{"registry-mirrors": [' + b", ".join(b'"%s"' % e.encode() for e in entries) + b"]}\n"


def insecure(*entries):
    return mirrors(*entries).replace(b"registry-mirrors", b"insecure-registries")


def proxies(no_proxy, proxy="http://proxy:3128"):
    return ('{"proxies": {"https-proxy": "%s", "no-proxy": "%s"}}\n' % (proxy, no_proxy)).encode()


# name: (document, what apply --regions us,global makes of it), None: the same bytes
ACCEPTED = {
    "empty": (b"", None),
    "white space": (b" \t\r\n \n", None),
    "byte order mark alone": (BOM, None),
    "byte order mark and white space": (BOM + b"\n", None),
    "null": (b"null\n", None),
    "empty object": (b"{}", None),
    "empty lists": (b'{"registry-mirrors": [], "insecure-registries": [ ]}', None),
    "null lists": (b'{"registry-mirrors": null, "insecure-registries": null}', None),
    "null proxies": (b'{"proxies": null, "x": {"no-proxy": "a"}}', None),
    "numbers keep their spelling": (
        b'{"a":1e400,"b":9007199254740993,"c":-0,"d":1.0,"e":1E+2,"registry-mirrors":["https://us.'
        b'icr.io"]}',
        b'{"a":1e400,"b":9007199254740993,"c":-0,"d":1.0,"e":1E+2,"registry-mirrors":["https://'
        b'private.us.icr.io"]}'),
    "byte order mark, CRLF, no final newline": (
        BOM + b'{\r\n\t"registry-mirrors": [\r\n\t\t"https://us.icr.io"\r\n\t]\r\n}',
        BOM + b'{\r\n\t"registry-mirrors": [\r\n\t\t"https://private.us.icr.io"\r\n\t]\r\n}'),
    "tabs and odd spaces": (b'\t{\t"registry-mirrors"\t:\n\n[\t"https://us.icr.io" ]\t}\t\n\n',
                            b'\t{\t"registry-mirrors"\t:\n\n[\t"https://private.us.icr.io" ]\t}\t'
                            b'\n\n'),
    "deep but allowed": (b'{"a": ' + b"[" * 500 + b"]" * 500 + b', "registry-mirrors":'
                         b' ["https://us.icr.io"]}',
                         b'{"a": ' + b"[" * 500 + b"]" * 500 + b', "registry-mirrors":'
                         b' ["https://private.us.icr.io"]}'),
    "five megabytes": (b'{"label": "' + BIG + b'", "registry-mirrors": ["https://us.icr.io"]}',
                       b'{"label": "' + BIG + b'", "registry-mirrors": '
                       b'["https://private.us.icr.io"]}'),
    "many entries": (mirrors(*["https://m%d.example" % i for i in range(5000)],
                             "https://us.icr.io"),
                     mirrors(*["https://m%d.example" % i for i in range(5000)],
                             "https://private.us.icr.io")),
    "thousands of the same": (mirrors(*["https://us.icr.io"] * 3000),
                              mirrors("https://private.us.icr.io")),
    "repeated key": (
        b'{"registry-mirrors": ["https://us.icr.io"], "registry-mirrors": ["https://icr.io"]}',
        b'{"registry-mirrors": ["https://private.us.icr.io"], "registry-mirrors": '
        b'["https://private.icr.io"]}'),
    "repeated key, one empty": (
        b'{"registry-mirrors": [], "registry-mirrors": ["https://us.icr.io"]}',
        b'{"registry-mirrors": [], "registry-mirrors": ["https://private.us.icr.io"]}'),
    "key spelled with escapes": (b'{"registry\\u002dmirrors": ["https://us.icr.io"]}',
                                 b'{"registry\\u002dmirrors": ["https://private.us.icr.io"]}'),
    "other keys of the kind": (b'{"x": {"registry-mirrors": ["https://us.icr.io"]},'
                               b' "Registry-Mirrors": ["https://us.icr.io"]}', None),
    "other values": (b'{"dns": ["us.icr.io"], "us.icr.io": "https://us.icr.io"}', None),
    "order is kept": (mirrors("https://a", "https://us.icr.io", "https://b", "https://icr.io"),
                      mirrors("https://a", "https://private.us.icr.io", "https://b",
                              "https://private.icr.io")),
    "mixed case": (mirrors("HTTPS://Us.ICR.iO/Path"), mirrors("HTTPS://private.us.icr.io/Path")),
    "port 443 is kept": (mirrors("https://us.icr.io:443/"),
                         mirrors("https://private.us.icr.io:443/")),
    "other ports": (mirrors("https://us.icr.io:5000", "https://us.icr.io:8443/x"), None),
    "empty and silly ports": (mirrors("https://us.icr.io:", "https://us.icr.io:0443"), None),
    "path, query, fragment": (mirrors("https://us.icr.io/a/b/?q#f"),
                              mirrors("https://private.us.icr.io/a/b/?q#f")),
    "plain http": (mirrors("http://us.icr.io"), mirrors("http://private.us.icr.io")),
    "no scheme": (mirrors("us.icr.io"), mirrors("private.us.icr.io")),
    "other schemes": (mirrors("ftp://us.icr.io", "https:us.icr.io", "//us.icr.io"), None),
    "user name in the URL": (mirrors("https://u:secret@us.icr.io"), None),
    "host as user name": (mirrors("https://us.icr.io@evil.example"), None),
    "look-alikes": (mirrors("https://us.icr.io.evil.example", "https://evilicr.io",
                            "https://a.us.icr.io", "https://us.icr.io.", "https://-us.icr.io",
                            "https://xn--s-nka.icr.io", "https://us\u2024icr\u2024io"), None),
    "other hosts of ICR": (mirrors("https://cp.icr.io", "https://stg.icr.io", "https://dd0.icr.io",
                                   "https://zz.icr.io"), None),
    "other regions": (mirrors("https://de.icr.io", "https://registry.eu-de.bluemix.net"), None),
    "private already": (mirrors("https://private.us.icr.io", "https://private.icr.io/"), None),
    "alias": (mirrors("https://registry.ng.bluemix.net"), mirrors("https://private.us.icr.io")),
    "alias of the global registry": (mirrors("https://registry.bluemix.net/x"),
                                     mirrors("https://private.icr.io/x")),
    "unknown bluemix name": (mirrors("https://registry.xx.bluemix.net"), None),
    "repeats what is there": (mirrors("https://private.us.icr.io", "https://us.icr.io"),
                              mirrors("https://private.us.icr.io")),
    "repeats what comes later": (mirrors("https://us.icr.io", "https://b",
                                         "https://private.us.icr.io"),
                                 mirrors("https://b", "https://private.us.icr.io")),
    "repeats by a slash": (mirrors("https://private.us.icr.io/", "https://US.icr.io"),
                           mirrors("https://private.us.icr.io/")),
    "name and alias": (mirrors("https://us.icr.io", "https://x", "https://registry.ng.bluemix.net"),
                       mirrors("https://private.us.icr.io", "https://x")),
    "foreign repetitions stay": (mirrors("https://b", "https://b", "https://private.us.icr.io",
                                         "https://private.us.icr.io"), None),
    "other paths are no repetition": (
        mirrors("https://us.icr.io/a", "https://us.icr.io/A", "https://us.icr.io:443/a"),
        mirrors("https://private.us.icr.io/a", "https://private.us.icr.io/A",
                "https://private.us.icr.io:443/a")),
    "repetition in lines": (
        b'{\n  "registry-mirrors": [\n    "https://us.icr.io",\n    "https://US.icr.io",\n'
        b'    "https://b"\n  ]\n}\n',
        b'{\n  "registry-mirrors": [\n    "https://private.us.icr.io",\n    "https://b"\n  ]\n}\n'),
    "repetition at the end": (
        b'{\n  "registry-mirrors": [\n    "https://us.icr.io",\n    "https://US.icr.io"\n  ]\n}\n',
        b'{\n  "registry-mirrors": [\n    "https://private.us.icr.io"\n  ]\n}\n'),
    "escaped slashes": (b'{"registry-mirrors": ["https:\\/\\/us.icr.io\\/"]}',
                        b'{"registry-mirrors": ["https:\\/\\/private.us.icr.io\\/"]}'),
    "escaped letters": (b'{"registry-mirrors": ["https://\\u0075s.icr.io/\\u00e9\\ud83d\\ude00"]}',
                        b'{"registry-mirrors": ["https://private.us.icr.io/\\u00e9\\ud83d\\ude00"]'
                        b'}'),
    "NUL in a name": (b'{"registry-mirrors": ["https://us.icr.io\\u0000.evil", '
                      b'"https:\\/\\/us\\u0000.icr.io"]}', None),
    "beyond ASCII beside": ('{"é": "日本", "registry-mirrors": ["https://us.icr.io"]}'.encode(),
                            '{"é": "日本", "registry-mirrors": ["https://private.us.icr.io"]}'
                            .encode()),
    "insecure: names and ports": (
        insecure("us.icr.io", "US.ICR.IO:443", "us.icr.io:5000", "http://icr.io"),
        insecure("private.us.icr.io", "private.us.icr.io:443", "us.icr.io:5000",
                 "http://private.icr.io")),
    "insecure: networks": (insecure("10.0.0.0/8", "::1/128", "[::1]:5000", "127.0.0.1"), None),
    "insecure: repetition": (insecure("private.us.icr.io", "us.icr.io"),
                             insecure("private.us.icr.io")),
    "empty strings": (mirrors("", " ", "https://", "/", ":443", "@"), None),
    "no-proxy without a proxy": (b'{"proxies": {"no-proxy": "localhost"}}', None),
    "empty proxy": (b'{"proxies": {"https-proxy": "", "no-proxy": "x"}}', None),
    "no-proxy": (proxies("localhost,10.0.0.0/8"),
                 proxies("localhost,10.0.0.0/8,icr.io,private.icr.io,us.icr.io,"
                         "private.us.icr.io")),
    "no-proxy, empty": (proxies(""),
                        proxies("icr.io,private.icr.io,us.icr.io,private.us.icr.io")),
    "no-proxy ends in a comma": (proxies("a, "),
                                 proxies("a, icr.io,private.icr.io,us.icr.io,private.us.icr.io")),
    "no-proxy covers all": (proxies("*"), None),
    "no-proxy covers the domain": (proxies("localhost, ICR.io"), None),
    "no-proxy covers with the port": (proxies("icr.io:443"), None),
    "no-proxy covers what is below": (proxies(".icr.io"), proxies(".icr.io,icr.io")),
    "no-proxy covers by a star": (proxies("*.icr.io"), proxies("*.icr.io,icr.io")),
    "no-proxy covers one region": (proxies("us.icr.io"),
                                   proxies("us.icr.io,icr.io,private.icr.io")),
    "no-proxy for another port": (proxies("icr.io:80"),
                                  proxies("icr.io:80,icr.io,private.icr.io,us.icr.io,"
                                          "private.us.icr.io")),
    "no-proxy keeps its escapes": (proxies("a\\u002cb"),
                                   proxies("a\\u002cb,icr.io,private.icr.io,us.icr.io,"
                                           "private.us.icr.io")),
    "no-proxy to be added": (
        b'{\n    "proxies": {\n        "http-proxy": "http://u:secret@p:3128"\n    }\n}\n',
        b'{\n    "proxies": {\n        "http-proxy": "http://u:secret@p:3128",\n'
        b'        "no-proxy": "icr.io,private.icr.io,us.icr.io,private.us.icr.io"\n    }\n}\n'),
    "no-proxy twice": (
        b'{"proxies": {"https-proxy": "http://p", "no-proxy": "a", "no-proxy": "icr.io,b"}}',
        None),
    "no-proxy twice, uncovered": (
        b'{"proxies": {"https-proxy": "http://p", "no-proxy": ".icr.io", "no-proxy": "b"}}',
        b'{"proxies": {"https-proxy": "http://p", "no-proxy": ".icr.io,icr.io", "no-proxy": '
        b'"b,icr.io,private.icr.io,us.icr.io,private.us.icr.io"}}'),
}


class Tree:
    """A root folder with a daemon.json and what else a test wants."""

    def __init__(self, test, config=None):
        folder = tempfile.TemporaryDirectory(prefix="icr-docker-")
        test.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name).resolve()
        self.home = support.Home(self.path)
        self.write("etc/hosts", "127.0.0.1\tlocalhost\n")
        if config is not None:
            self.write(CONFIG, config)

    def write(self, path, content):
        path = self.path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, path=CONFIG):
        return (self.path / path).read_bytes()

    def exists(self, path):
        return os.path.lexists(self.path / path)

    def run(self, verb, *arguments):
        return self.home.rewrite(verb, "--root", str(self.path), *arguments)

    def apply(self, *arguments, regions="us,global"):
        """Not closed: Docker's files alone are to change."""
        return self.run("apply", "--offline", "--fallback", "public", "--regions", regions,
                        *arguments)

    def names(self):
        """Every file and folder, with what a needless write would change."""
        found = {}
        for path in sorted(self.path.rglob("*")):
            info = path.lstat()
            found[str(path)] = (info.st_ino, info.st_mtime_ns, info.st_size, info.st_mode)
        return found


class Case(support.HomeCase):
    maxDiff = 2000

    def done(self, result, status=0):
        self.assertEqual(result.status, status, result)
        self.assertNotIn(b"secret", result.out + result.err)
        return result

    def same(self, found, wanted):
        """assertEqual that does not print megabytes."""
        if found != wanted:
            self.fail("%r is not %r" % (found[:600], wanted[:600]))

    def round_trip(self, tree, wanted, *arguments, before=None, regions="us,global"):
        """apply, apply again, undo: the wanted bytes, nothing touched, the old bytes."""
        before = tree.read() if before is None else before
        self.done(tree.apply(*arguments, regions=regions))
        self.same(tree.read(), wanted)
        names = tree.names()
        self.done(tree.apply(*arguments, regions=regions))
        self.assertEqual(tree.names(), names)
        self.done(tree.run("undo"))
        self.same(tree.read(), before)
        self.assertFalse(tree.exists("var/lib/icr-rewrite"))


class RefusedTest(Case):
    def test_documents(self):
        for name, (document, place, what) in REFUSED.items():
            for verb in ("plan", "apply"):
                with self.subTest(name, verb=verb):
                    tree = Tree(self, document)
                    names = tree.names()
                    result = self.done(tree.run(verb, "--offline", "--regions", "us"), 1)
                    message = "icr-rewrite: %s/etc/docker/daemon.json:%s: %s" % (tree.path, place,
                                                                                 what)
                    self.assertTrue(result.err.decode().startswith(message), result.err)
                    self.assertEqual(tree.names(), names)
                    self.same(tree.read(), document)

    def test_too_large(self):
        tree = Tree(self, b'{"a": "' + b"x" * (8 << 20) + b'"}')
        result = self.done(tree.apply(), 1)
        self.assertIn(b"daemon.json: is larger than the allowed 8388608 bytes", result.err)

    def test_folder(self):
        tree = Tree(self)
        (tree.path / CONFIG).mkdir(parents=True)
        self.assertIn(b"daemon.json", self.done(tree.apply(), 1).err)
        self.assertTrue((tree.path / CONFIG).is_dir())

    def test_fifo(self):
        tree = Tree(self)
        (tree.path / CONFIG).parent.mkdir(parents=True)
        os.mkfifo(tree.path / CONFIG)
        self.assertIn(b"daemon.json", self.done(tree.apply(), 1).err)
        self.assertTrue(stat.S_ISFIFO((tree.path / CONFIG).lstat().st_mode))

    def test_symbolic_links(self):
        for target in ("nowhere.json", "daemon.json", "/nowhere/daemon.json", "/etc/passwd"):
            with self.subTest(target):
                tree = Tree(self)
                (tree.path / CONFIG).parent.mkdir(parents=True)
                os.symlink(target, tree.path / CONFIG)
                self.assertIn(b"daemon.json", self.done(tree.apply(), 1).err)
                self.assertEqual(os.readlink(tree.path / CONFIG), target)

    def test_unreadable(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        (tree.path / CONFIG).chmod(0)
        command = [support.REWRITE]
        if os.geteuid() == 0:  # root reads everything
            tree.path.chmod(0o755)
            command = self.as_somebody_else(support.REWRITE)
        result = tree.home.run([*command, "plan", "--offline", "--root", tree.path,
                                "--regions", "us"])
        self.assertIn(b"daemon.json: ", self.done(result, 1).err)
        self.assertIn(b"Permission denied", result.err)


class AcceptedTest(Case):
    def test_documents(self):
        for name, (document, wanted) in ACCEPTED.items():
            with self.subTest(name):
                self.round_trip(Tree(self, document), document if wanted is None else wanted)

    def test_plan_agrees_with_apply(self):
        for name, (document, wanted) in ACCEPTED.items():
            if len(document) > 100000:
                continue
            with self.subTest(name):
                tree = Tree(self, document)
                result = tree.run("plan", "--offline", "--fallback", "public", "--regions", "us,global")
                self.assertEqual(b"+++ /etc/docker/daemon.json" in result.out,
                                 wanted is not None, result)
                self.assertNotIn(b"secret", result.out + result.err)
                self.same(tree.read(), document)

    def test_no_docker(self):
        tree = Tree(self)
        self.done(tree.apply("--docker-mirror"))
        self.assertFalse(tree.exists("etc/docker"))

    def test_nothing_to_change_creates_nothing(self):
        tree = Tree(self)
        tree.write("usr/bin/dockerd", "")
        self.done(tree.apply())
        self.assertFalse(tree.exists("etc/docker"))

    def test_symbolic_link_is_kept(self):
        tree = Tree(self)
        tree.write("etc/docker/real.json", mirrors("https://us.icr.io"))
        os.symlink("real.json", tree.path / CONFIG)
        self.round_trip(tree, mirrors("https://private.us.icr.io"))
        self.assertEqual(os.readlink(tree.path / CONFIG), "real.json")

    def test_mode_is_kept(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        (tree.path / CONFIG).chmod(0o640)
        self.done(tree.apply())
        self.assertEqual((tree.path / CONFIG).stat().st_mode & 0o7777, 0o640)

    def test_user_name_in_a_mirror_is_noted(self):
        tree = Tree(self, mirrors("https://u:secret@us.icr.io"))
        self.assertIn(b"names us.icr.io with a user name", self.done(tree.apply()).err)

    def test_password_of_a_proxy_is_not_shown(self):
        tree = Tree(self, b'{"proxies": {"https-proxy": "http:\\/\\/u:secret@p", "no-proxy": ""}}')
        result = self.done(tree.run("plan", "--offline", "--fallback", "public", "--regions", "us"), 3)
        self.assertIn(b'+{"proxies": {"https-proxy": "http:\\/\\/***@p", "no-proxy": '
                      b'"us.icr.io,private.us.icr.io"}}', result.out)
        self.done(tree.apply())
        self.assertNotIn(b"secret", tree.read("var/lib/icr-rewrite/state.json"))
        self.assertIn(b"u:secret@p", tree.read())

    def test_secrets_of_log_drivers_are_not_shown(self):
        tree = Tree(self, b'{"log-opts": {"splunk-token": "hunter2", "tag": "seen"},\n'
                          b' "registry-mirrors": ["https://us.icr.io"]}\n')
        result = self.done(tree.run("plan", "--offline", "--fallback", "public", "--regions", "us"), 3)
        self.assertIn(b' {"log-opts": {"splunk-token": "<hidden>", "tag": "seen"},\n', result.out)
        self.assertNotIn(b"hunter2", result.out + result.err)

    def test_fewer_regions_later(self):
        tree = Tree(self, mirrors("https://us.icr.io", "https://de.icr.io"))
        self.done(tree.apply(regions="us,de"))
        self.same(tree.read(), mirrors("https://private.us.icr.io", "https://private.de.icr.io"))
        self.done(tree.apply(regions="de"))
        self.same(tree.read(), mirrors("https://us.icr.io", "https://private.de.icr.io"))
        self.done(tree.run("undo"))
        self.same(tree.read(), mirrors("https://us.icr.io", "https://de.icr.io"))

    def test_regions_of_mirrors_and_logins(self):
        tree = Tree(self, b'{"registry-mirrors": ["https://jp.icr.io"],'
                          b' "insecure-registries": ["private.de.icr.io"]}')
        tree.write("root/.docker/config.json", '{"auths": {"https://uk.icr.io": {},'
                   ' "docker.io": {}}, "credHelpers": {"au.icr.io": "icr"}}')
        result = self.done(tree.run("apply", "--offline", "--json"))
        self.assertEqual({region["public"] for region in result.json["regions"]},
                         {"jp.icr.io", "de.icr.io", "uk.icr.io"})

    def test_logins_that_do_not_parse_are_noted(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        tree.write("root/.docker/config.json", '{"auths": ')
        self.assertIn(b"/root/.docker/config.json:1:11", self.done(
            tree.run("apply", "--offline")).err)


class MirrorTest(Case):
    """--docker-mirror"""

    OURS = b'"https://private.icr.io", "https://private.us.icr.io"'

    def test_documents(self):
        tab = b'{\n\t"registry-mirrors": [\n\t\t"https://private.icr.io",\n' \
              b'\t\t"https://private.us.icr.io"\n\t]\n}\n'
        documents = {
            b"": tab,
            b" \n": tab + b" \n",
            BOM: BOM + tab,
            b"{}": b'{"registry-mirrors": [' + self.OURS + b"]}",
            b'{"debug": true}\n': b'{"debug": true, "registry-mirrors": [' + self.OURS + b"]}\n",
            b'{"registry-mirrors": []}': b'{"registry-mirrors": [' + self.OURS + b"]}",
            b'{"registry-mirrors": null}': b'{"registry-mirrors": [' + self.OURS + b"]}",
            b'{\r\n  "debug": true\r\n}\r\n':
                b'{\r\n  "debug": true,\r\n  "registry-mirrors": [\r\n'
                b'    "https://private.icr.io",\r\n    "https://private.us.icr.io"\r\n  ]\r\n}\r\n',
            mirrors("https://a"): mirrors("https://a", "https://private.icr.io",
                                          "https://private.us.icr.io"),
            mirrors("https://us.icr.io", "https://US.icr.io"):
                mirrors("https://private.us.icr.io", "https://private.icr.io"),
            mirrors("https://us.icr.io"): mirrors("https://private.us.icr.io",
                                                  "https://private.icr.io"),
            mirrors("https://private.us.icr.io/", "https://private.icr.io:443"): None,
            mirrors("https://private.us.icr.io/x", "https://private.icr.io"):
                mirrors("https://private.us.icr.io/x", "https://private.icr.io",
                        "https://private.us.icr.io"),
        }
        for document, wanted in documents.items():
            with self.subTest(document):
                self.round_trip(Tree(self, document), document if wanted is None else wanted,
                                "--docker-mirror")

    def test_no_file(self):
        tree = Tree(self)
        tree.write("usr/sbin/dockerd", "")
        result = self.done(tree.apply("--docker-mirror"))
        self.assertIn(b"stock Docker sends pulls from Docker Hub", result.err)
        self.assertEqual(tree.read(), b'{\n\t"registry-mirrors": [\n\t\t"https://private.icr.io",\n'
                                      b'\t\t"https://private.us.icr.io"\n\t]\n}\n')
        self.done(tree.run("undo"))
        self.assertFalse(tree.exists("etc/docker"))

    def test_closed_names_do_not_go_through_the_proxy_either(self):
        tree = Tree(self, proxies("a"))
        self.done(tree.run("apply", "--regions", "us"))
        self.same(tree.read(), proxies("a,us.icr.io,registry.ng.bluemix.net,private.us.icr.io"))
        self.done(tree.run("undo"))
        self.same(tree.read(), proxies("a"))

    def test_flag_of_the_unit(self):
        for flag in ("--registry-mirror=https://m", "--registry-mirror https://m"):
            tree = Tree(self, b"{}")
            tree.write(UNIT, "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// \\\n  %s\n" % flag)
            result = self.done(tree.apply("--docker-mirror"), 1)
            self.assertIn(b"the unit docker.service (/lib/systemd/system/docker.service) gives "
                          b"--registry-mirror already", result.err)
            self.assertEqual(tree.read(), b"{}")
            self.done(tree.apply())


class UnitTest(Case):
    """daemon.json and proxies by docker.service."""

    def unit(self, text, config=None, path=UNIT):
        tree = Tree(self, config)
        tree.write(path, "[Unit]\nDescription=x\n[Service]\n" + text)
        return tree

    def test_config_file(self):
        for start in ("/usr/bin/dockerd --config-file=/srv/d.json",
                      "/usr/bin/dockerd --config-file /srv/d.json",
                      "-/usr/bin/dockerd -H fd:// \\\n# comment\n  '--config-file=/srv/d.json'",
                      "/usr/bin/dockerd $DOCKER_OPTS", "/usr/bin/dockerd ${FILE}",
                      "@/usr/bin/dockerd dockerd --config-file \"/srv/d.json\"",
                      "/usr/bin/dockerd --config-file=\\x2fsrv/d.json"):
            with self.subTest(start):
                tree = self.unit("EnvironmentFile=-/etc/default/docker\nEnvironment=\"FILE="
                                 "--config-file=/srv/d.json\"\nExecStart=%s\n" % start)
                tree.write("etc/default/docker", "# x\nDOCKER_OPTS=\"--config-file /srv/d.json\"\n")
                tree.write("srv/d.json", mirrors("https://us.icr.io"))
                self.done(tree.apply())
                self.assertEqual(tree.read("srv/d.json"), mirrors("https://private.us.icr.io"))
                self.assertFalse(tree.exists(CONFIG))

    def test_relative_and_named_by_systemd(self):
        for text, path in (
                ("WorkingDirectory=/srv\nExecStart=/usr/bin/dockerd --config-file d.json",
                 "srv/d.json"),
                ("WorkingDirectory=-/srv/%p\nExecStart=/usr/bin/dockerd --config-file=d.json",
                 "srv/docker/d.json"),
                ("WorkingDirectory=~\nExecStart=/usr/bin/dockerd --config-file d.json",
                 "root/d.json"),
                ("WorkingDirectory=/srv\nWorkingDirectory=\n"
                 "ExecStart=/usr/bin/dockerd --config-file d.json", "d.json"),
                ("ConfigurationDirectory=%p-x\nExecStart=/usr/bin/dockerd "
                 "--config-file ${CONFIGURATION_DIRECTORY}/d.json", "etc/docker-x/d.json"),
                ("StateDirectory=x/y\nExecStart=/usr/bin/dockerd "
                 "--config-file=${STATE_DIRECTORY}/d.json", "var/lib/x/y/d.json"),
                ("RootDirectory=/srv\nRootDirectory=\nExecStart=/usr/bin/dockerd", CONFIG),
                ("RootDirectory=/\nExecStart=/usr/bin/dockerd", CONFIG),
                ("BindPaths=/etc/docker /x:/etc/dock /etc/docker:/etc/docker:rbind\n"
                 "ExecStart=/usr/bin/dockerd", CONFIG)):
            with self.subTest(text):
                tree = self.unit(text + "\n")
                tree.write(path, mirrors("https://us.icr.io"))
                self.done(tree.apply())
                self.assertEqual(tree.read(path), mirrors("https://private.us.icr.io"))

    def test_out_of_sight(self):
        """What the daemon reads is not the host's file of that name, which nobody touches then."""
        for text, word in (
                ("RootDirectory=/srv/root\nExecStart=/usr/bin/dockerd", "/srv/root"),
                ("RootImage=/srv/%p.raw\nExecStart=/usr/bin/dockerd", "/srv/docker.raw"),
                ("BindPaths=/srv/docker:/etc/docker\nExecStart=/usr/bin/dockerd", "/etc/docker"),
                ("BindReadOnlyPaths=-/srv/d.json:/etc/docker/daemon.json:norbind\n"
                 "ExecStart=/usr/bin/dockerd", "/etc/docker/daemon.json"),
                ("TemporaryFileSystem=/etc/docker/:ro\nExecStart=/usr/bin/dockerd", "/etc/docker"),
                ("LoadCredential=d.json:/srv/d.json\nExecStart=/usr/bin/dockerd "
                 "--config-file=%d/d.json", "credential"),
                ("LoadCredential=d.json:/srv/d.json\nExecStart=/usr/bin/dockerd "
                 "--config-file ${CREDENTIALS_DIRECTORY}/d.json", "credential"),
                ("ExecStart=/usr/bin/dockerd --config-file=/srv/%m/d.json", "/srv/%m/d.json")):
            with self.subTest(text):
                tree = self.unit(text + "\nEnvironment=HTTPS_PROXY=http://p\n")
                tree.write("srv/d.json", mirrors("https://us.icr.io"))
                tree.write(CONFIG, mirrors("https://us.icr.io"))
                result = self.done(tree.apply("--docker-mirror"))
                self.assertRegex(result.err.decode(), "configuration is out of sight .*" + word)
                self.assertEqual(tree.read(), mirrors("https://us.icr.io"))
                self.assertEqual(tree.read("srv/d.json"), mirrors("https://us.icr.io"))
                self.assertIn(b",us.icr.io,private.us.icr.io\"\n", tree.read(DROPIN))
                self.assertFalse(tree.exists("d.json") or tree.exists("srv/%m") or
                                 tree.exists("%d") or tree.exists("run/credentials"))
                told = json.loads(tree.run("status", "--json").out)
                docker = [engine for engine in told["engines"] if engine["name"] == "docker"][0]
                self.assertIsNone(docker["config"])
                self.assertIn("out of sight", docker["problem"])

    def test_which_unit_counts(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd --config-file=/lower.json\n")
        tree.write("usr/lib/systemd/system/docker.service.d/10-x.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --config-file=/x.json\n")
        tree.write("run/systemd/system/docker.service.d/20-y.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --config-file=/y.json\n")
        tree.write("etc/systemd/system/docker.service.d/20-y.conf", "# nothing\n")
        for name in ("lower.json", "x.json", "y.json"):
            tree.write(name, mirrors("https://us.icr.io"))
        self.done(tree.apply())
        self.assertEqual(tree.read("x.json"), mirrors("https://private.us.icr.io"))
        self.assertEqual(tree.read("y.json"), mirrors("https://us.icr.io"))
        self.assertEqual(tree.read("lower.json"), mirrors("https://us.icr.io"))

    def test_what_a_generator_wrote(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        tree.write("run/systemd/generator/docker.service",
                   "[Service]\nExecStart=/usr/bin/dockerd --config-file=/x.json\n")
        tree.write("x.json", mirrors("https://us.icr.io"))
        self.done(tree.apply())
        self.assertEqual(tree.read("x.json"), mirrors("https://private.us.icr.io"))

    def test_environment_that_is_unset(self):
        for unset in ("HTTPS_PROXY", "HTTPS_PROXY=http://p", "A\nUnsetEnvironment=HTTPS_PROXY"):
            self.assertIsNone(self.dropin("Environment=HTTPS_PROXY=http://p\n"
                                          "UnsetEnvironment=%s\n" % unset))
        self.assertIsNotNone(self.dropin("Environment=HTTPS_PROXY=http://p\n"
                                         "UnsetEnvironment=HTTPS_PROXY=http://other\n"))
        self.assertIsNotNone(self.dropin("Environment=HTTPS_PROXY=http://p\n"
                                         "UnsetEnvironment=HTTPS_PROXY\nUnsetEnvironment=\n"))

    def test_a_shell_that_starts_dockerd(self):
        """Its words count as if they stood in the unit."""
        for command in ('/bin/sh -c "dockerd --registry-mirror=https://m.example"',
                        '/bin/bash -ec "exec /usr/bin/dockerd --registry-mirror https://m.example"',
                        "/usr/bin/env A=b dockerd --registry-mirror=https://m.example",
                        "/usr/bin/nice -n 5 /usr/bin/dockerd --registry-mirror=https://m.example"):
            tree = self.unit("ExecStart=%s\n" % command)
            tree.write(CONFIG, "{}")
            result = self.done(tree.apply("--docker-mirror"), 1)
            self.assertIn(b"gives --registry-mirror already", result.err)
            self.same(tree.read(), b"{}")

    def test_a_proxy_that_the_command_sets(self):
        """By env or a shell, or by what a shell reads: our NO_PROXY joins what comes from outside,
        and cannot win over what the command sets itself."""
        joined = 'Environment="NO_PROXY=%sus.icr.io,private.us.icr.io"\n'
        ours, no_proxy = joined % "", "export NO_PROXY=a\n"
        for command, files, lists in (
                ("/usr/bin/env HTTPS_PROXY=http://u:secret@p dockerd", {}, ours),
                ("/usr/bin/env -u A HTTPS_PROXY=http://p /usr/bin/dockerd", {}, ours),
                ('/bin/sh -c "HTTPS_PROXY=http://p exec dockerd"', {}, ours),
                ('/bin/sh -c "export https_proxy=http://p; exec dockerd"', {}, ours),
                ('/usr/bin/env A=b /bin/bash -ec "HTTP_PROXY=http://p dockerd"', {}, ours),
                ('/bin/sh -c ". /etc/proxy; exec dockerd"',
                 {"etc/proxy": "# x\nexport HTTPS_PROXY=\"http://p\"\n"}, ours),
                ('/bin/sh -c "source /etc/proxy && exec dockerd"',
                 {"etc/proxy": "HTTPS_PROXY=http://p\n"}, ours),
                ('/bin/sh -lc "exec dockerd"',
                 {"etc/profile.d/proxy.sh": "  export HTTPS_PROXY=http://p\n"}, ours),
                ('/bin/bash --login -c "exec dockerd"',
                 {"etc/profile": "export HTTPS_PROXY=http://p\n"}, ours),
                ('/bin/sh -c "exec dockerd"',
                 {"etc/profile": "export HTTPS_PROXY=http://p\n"}, None),
                ("/usr/bin/env -u HTTPS_PROXY dockerd", {"env": "HTTPS_PROXY=http://p\n"}, None),
                ("/usr/bin/env -i dockerd", {"env": "HTTPS_PROXY=http://p\n"}, None),
                ("/usr/bin/env A=b dockerd", {"env": "HTTPS_PROXY=http://p\n"}, ours),
                ("/usr/bin/env HTTPS_PROXY=http://p NO_PROXY=us.icr.io,private.us.icr.io dockerd",
                 {}, None),
                ("/usr/bin/env HTTPS_PROXY=http://p NO_PROXY=a dockerd", {}, "command of"),
                ("/usr/bin/env -i HTTPS_PROXY=http://p dockerd", {}, "command of"),
                ('/bin/sh -lc "exec dockerd"',
                 {"etc/profile": no_proxy + "export HTTPS_PROXY=http://p\n"}, "command of")):
            with self.subTest(command):
                tree = self.unit("EnvironmentFile=-/env\nExecStart=%s\n" % command)
                for path, text in files.items():
                    tree.write(path, text)
                result = self.done(tree.apply(regions="us"))
                self.assertNotIn(b"secret", result.out + result.err)
                if lists is ours:
                    self.assertIn(ours, tree.read(DROPIN).decode())
                else:
                    self.assertFalse(tree.exists(DROPIN))
                    self.assertEqual(b"add us.icr.io,private.us.icr.io to NO_PROXY there"
                                     in result.err, lists == "command of", result.err)
                self.done(tree.run("undo"))

    def test_sysconfig(self):
        text = "ExecStart=/usr/bin/dockerd $OPTIONS\nEnvironmentFile=-/etc/sysconfig/docker\n"
        tree = self.unit(text)
        tree.write("etc/sysconfig/docker", 'OPTIONS="--debug"\nHTTPS_PROXY=http://p\n')
        self.done(tree.apply(regions="us"))
        self.assertIn("NO_PROXY=us.icr.io,private", tree.read(DROPIN).decode())
        tree = self.unit(text)
        tree.write("etc/sysconfig/docker", "HTTPS_PROXY=http://p\nNO_PROXY=a\n")
        result = self.done(tree.apply(regions="us"))
        self.assertIn(b"wins over any drop-in: add us.icr.io", result.err)

    def test_a_script_that_starts_dockerd(self):
        tree = self.unit("ExecStart=/opt/start-docker.sh --fast\n")
        tree.write(CONFIG, mirrors("https://us.icr.io"))
        result = self.done(tree.apply("--docker-mirror"))
        self.assertIn(b"cannot be looked into", result.err)
        self.assertNotIn(b"looked into", self.done(tree.apply("--docker-mirror")).err)
        self.done(tree.run("undo"))

    def test_the_snap(self):
        """Its configuration is copied to another folder at each update; "current" leads there."""
        tree = Tree(self)
        first, second = ("var/snap/docker/%d/config/daemon.json" % n for n in (2893, 2900))
        current = tree.path / "var/snap/docker/current"
        before = mirrors("https://us.icr.io")
        tree.write(first, before)
        os.symlink("2893", current)
        result = self.done(tree.apply(regions="us"))
        self.assertIn(b"is a snap", result.err)
        self.same(tree.read(first), mirrors("https://private.us.icr.io"))
        tree.write(second, tree.read(first))
        current.unlink()
        os.symlink("2900", current)
        self.done(tree.run("undo"))
        self.same(tree.read(second), before)

    def test_the_snap_beside_another_docker(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\n")
        tree.write("var/snap/docker/2893/config/daemon.json", mirrors("https://us.icr.io"))
        os.symlink("2893", tree.path / "var/snap/docker/current")
        result = self.done(tree.apply(regions="us"))
        self.assertIn(b"/var/snap/docker/current/config/daemon.json, is not looked at", result.err)
        self.assertNotIn(b"is not looked at", self.done(tree.apply(regions="us")).err)

    def test_mirrors_as_flags_are_noted(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd --registry-mirror=https://us.icr.io "
                         "--insecure-registry de.icr.io --insecure-registry icr.io:443\n")
        err = self.done(tree.apply()).err.decode()
        self.assertIn("gives --registry-mirror with us.icr.io, which cannot be edited here: name "
                      "private.us.icr.io there", err)
        self.assertIn("gives --insecure-registry with icr.io, which", err)
        self.assertNotIn("de.icr.io", err)

    def dropin(self, text):
        tree = self.unit("ExecStart=/usr/bin/dockerd\n" + text)
        self.done(tree.apply(regions="us"))
        content = tree.read(DROPIN).decode() if tree.exists(DROPIN) else None
        names = tree.names()
        self.done(tree.apply(regions="us"))
        self.assertEqual(tree.names(), names)
        self.done(tree.run("undo"))
        self.assertFalse(tree.exists("etc/systemd"))
        return content

    def test_dropin(self):
        text = self.dropin('Environment="HTTPS_PROXY=http://u:secret@p" NO_PROXY=localhost\n')
        self.assertTrue(text.startswith(MARK))
        self.assertIn('[Service]\nEnvironment="NO_PROXY=localhost,us.icr.io,private.us.icr.io"\n'
                      'Environment="no_proxy=localhost,us.icr.io,private.us.icr.io"\n', text)
        self.assertNotIn("secret", text)

    def test_dropin_is_escaped(self):
        text = self.dropin('Environment=http_proxy=http://p "no_proxy=a%%b\\\\c\\"d e"\n')
        self.assertIn('Environment="NO_PROXY=a%%b\\\\c\\"d e,us.icr.io,private.us.icr.io"\n', text)

    def test_dropin_with_variables_from_a_file(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironmentFile=/etc/proxy\n")
        tree.write("etc/proxy", "export=1\nHTTPS_PROXY='http://p'\nno_proxy=\"a,b\"  \n")
        self.done(tree.apply(regions="us"))
        self.assertIn(b'"NO_PROXY=a,b,us.icr.io,private.us.icr.io"', tree.read(DROPIN))

    def test_files_of_variables_as_systemd_reads_them(self):
        """A quote inside a value is one of its characters; the name may be a pattern."""
        for name in ("/etc/proxy", "-/etc/pro*", "/etc/%t/../../etc/proxy", "/etc/pr?xy",
                     "/*/[op]r*", "//e?c//\\proxy"):
            tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironmentFile=%s\n" % name)
            (tree.path / "etc/run").mkdir()
            tree.write("etc/proxy", "MOTTO=it's so\nHTTPS_PROXY=http://p\nno_proxy=a\nX=isn't\n")
            self.done(tree.apply(regions="us"))
            self.assertIn(b'"NO_PROXY=a,us.icr.io,private.us.icr.io"', tree.read(DROPIN))

    def test_environment_of_all_services(self):
        proxy = '[Manager]\nDefaultEnvironment="HTTPS_PROXY=http://p" NO_PROXY=a\n'
        for folder in ("etc", "usr/lib"):
            tree = self.unit("ExecStart=/usr/bin/dockerd\n")
            tree.write(folder + "/systemd/system.conf.d/10-proxy.conf", proxy)
            self.done(tree.apply(regions="us"))
            self.assertIn(b'"NO_PROXY=a,us.icr.io,private.us.icr.io"', tree.read(DROPIN))
            self.done(tree.run("undo"))
            self.assertFalse(tree.exists(DROPIN))
        for taken_back in ("Environment=HTTPS_PROXY=\n", "UnsetEnvironment=HTTPS_PROXY\n"):
            tree = self.unit("ExecStart=/usr/bin/dockerd\n" + taken_back)
            tree.write("etc/systemd/system.conf", proxy)
            self.done(tree.apply(regions="us"))
            self.assertFalse(tree.exists(DROPIN))

    def test_specifiers(self):
        text = self.dropin('Environment=http_proxy=http://p NO_PROXY=%p.example,a%%b\n')
        self.assertIn('"NO_PROXY=docker.example,a%%b,us.icr.io,private.us.icr.io"\n', text)
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironment=http_proxy=http://p NO_PROXY=%H\n")
        err = self.done(tree.apply(regions="us")).err.decode()
        self.assertIn("a NO_PROXY that only systemd can fill in: add us.icr.io,private.us.icr.io "
                      "to NO_PROXY there", err)
        self.assertFalse(tree.exists(DROPIN))

    def test_no_proxy_from_a_file_wins_over_a_dropin(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironmentFile=/etc/proxy\n")
        tree.write("etc/proxy", "HTTPS_PROXY=http://p\nNO_PROXY=a\n")
        err = self.done(tree.apply(regions="us")).err.decode()
        self.assertIn("EnvironmentFile= of docker.service, which wins over any drop-in: add "
                      "us.icr.io,private.us.icr.io to NO_PROXY there", err)
        self.assertFalse(tree.exists(DROPIN))

    def test_nothing_to_add(self):
        self.assertIsNone(self.dropin("Environment=NO_PROXY=localhost\n"))
        self.assertIsNone(self.dropin("Environment=HTTPS_PROXY=http://p NO_PROXY=.icr.io\n"))
        self.assertIsNone(self.dropin("Environment=HTTPS_PROXY=http://p\nEnvironment=\n"))

    def test_proxy_in_the_file_and_exceptions_in_the_environment(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironment=NO_PROXY=a\n",
                         b'{"proxies": {"https-proxy": "http://p"}}')
        self.round_trip(tree, b'{"proxies": {"https-proxy": "http://p", "no-proxy": '
                              b'"a,us.icr.io,private.us.icr.io"}}', regions="us")

    def test_no_proxy_flag(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd --https-proxy=http://u:secret@p "
                         "--no-proxy=a\n", b"{}")
        err = self.done(tree.apply(regions="us")).err.decode()
        self.assertIn("add us.icr.io,private.us.icr.io to that flag", err)
        self.assertEqual(tree.read(), b"{}")
        self.assertFalse(tree.exists(DROPIN))

    def test_foreign_dropin_is_left_alone(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironment=HTTPS_PROXY=http://p\n")
        tree.write(DROPIN, "[Service]\n")
        err = self.done(tree.apply(regions="us")).err.decode()
        self.assertIn("zz-icr-rewrite.conf is not ours and is left alone", err)
        self.assertEqual(tree.read(DROPIN), b"[Service]\n")

    def test_edited_dropin_is_still_ours(self):
        tree = self.unit("ExecStart=/usr/bin/dockerd\nEnvironment=HTTPS_PROXY=http://p\n")
        self.done(tree.apply(regions="us"))
        tree.write(DROPIN, tree.read(DROPIN) + b"# more\n")
        self.done(tree.run("undo"))
        self.assertFalse(tree.exists(DROPIN))

    def test_masked_unit(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        (tree.path / "etc/systemd/system").mkdir(parents=True)
        os.symlink("/dev/null", tree.path / "etc/systemd/system/docker.service")
        self.round_trip(tree, mirrors("https://private.us.icr.io"))


class StripTest(Case):
    """undo after somebody else edited daemon.json."""

    def edited(self, before, old, new, *arguments, regions="us"):
        tree = Tree(self, before)
        self.done(tree.apply(*arguments, regions=regions))
        applied = tree.read()
        self.assertIn(old, applied)
        tree.write(CONFIG, applied.replace(old, new, 1))
        changed = tree.read()
        self.done(tree.apply(*arguments, regions=regions))
        again = tree.read()
        self.done(tree.run("undo"))
        return changed, again, tree.read() if tree.exists(CONFIG) else None

    def test_added_member(self):
        changed, again, after = self.edited(mirrors("https://us.icr.io", "https://b"), b"]}",
                                            b'], "debug": true}')
        self.assertEqual(again, changed)
        self.assertEqual(after, b'{"registry-mirrors": ["https://us.icr.io", "https://b"], '
                                b'"debug": true}\n')

    def test_reformatted(self):
        _, _, after = self.edited(mirrors("https://us.icr.io"), b"[", b"[\n\n")
        self.assertEqual(after, b'{"registry-mirrors": [\n\n"https://us.icr.io"]}\n')

    def test_our_entry_removed(self):
        _, _, after = self.edited(mirrors("https://us.icr.io", "https://b"),
                                  b'"https://private.us.icr.io", ', b"")
        self.assertEqual(after, mirrors("https://b"))

    def test_same_entry_added(self):
        _, _, after = self.edited(mirrors("https://us.icr.io"), b"]",
                                  b', "https://private.us.icr.io"]')
        self.assertEqual(after, mirrors("https://us.icr.io", "https://private.us.icr.io"))

    def test_dropped_entry_comes_back(self):
        _, _, after = self.edited(mirrors("https://us.icr.io", "https://private.us.icr.io"),
                                  b"]", b', "https://b"]')
        self.assertEqual(after, mirrors("https://us.icr.io", "https://private.us.icr.io",
                                        "https://b"))

    def test_dropped_entry_comes_back_behind_its_twin(self):
        _, _, after = self.edited(mirrors("https://us.icr.io", "https://US.icr.io"),
                                  b"}", b', "debug": true}')
        self.assertEqual(after, mirrors("https://us.icr.io", "https://US.icr.io").replace(
            b"}", b', "debug": true}'))

    def test_dropped_entry_stays_away(self):
        _, _, after = self.edited(mirrors("https://us.icr.io", "https://private.us.icr.io"),
                                  b'"https://private.us.icr.io"', b"")
        self.assertEqual(after, mirrors())

    def test_added_mirror(self):
        changed, again, after = self.edited(b"{}\n", b"{", b'{"debug": true, ',
                                            "--docker-mirror")
        self.assertEqual(again, changed)
        self.assertEqual(after, b'{"debug": true}\n')

    def test_added_mirror_beside_others(self):
        _, _, after = self.edited(b"{}\n", b"]", b', "https://b"]', "--docker-mirror")
        self.assertEqual(after, mirrors("https://b"))

    def test_our_own_file(self):
        tree = Tree(self)
        tree.write("usr/bin/dockerd", "")
        self.done(tree.apply("--docker-mirror", regions="us"))
        tree.write(CONFIG, tree.read().replace(b"\n}", b",\n\t\"debug\": true\n}"))
        self.done(tree.run("undo"))
        self.assertEqual(tree.read(), b'{\n\t"debug": true\n}\n')

    def test_our_own_file_without_content(self):
        tree = Tree(self)
        tree.write("usr/bin/dockerd", "")
        self.done(tree.apply("--docker-mirror", regions="us"))
        tree.write(CONFIG, tree.read() + b"\n")
        self.done(tree.run("undo"))
        self.assertFalse(tree.exists(CONFIG))

    def test_names_in_an_edited_list(self):
        changed, again, after = self.edited(proxies("a"), b'"a,', b'"a, b ,')
        self.assertEqual(again, changed)
        self.assertEqual(after, proxies("a, b "))

    def test_list_of_ours_extended(self):
        _, _, after = self.edited(b'{"proxies": {"https-proxy": "http://p"}}',
                                  b'private.us.icr.io"', b'private.us.icr.io,b"')
        self.assertEqual(after, b'{"proxies": {"https-proxy": "http://p", "no-proxy": "b"}}')

    def test_list_of_ours(self):
        _, _, after = self.edited(b'{"proxies": {"https-proxy": "http://p"}}', b"{", b"{ ")
        self.assertEqual(after, b'{ "proxies": {"https-proxy": "http://p"}}')

    def test_broken_since(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        self.done(tree.apply())
        tree.write(CONFIG, b"{")
        result = self.done(tree.run("undo"), 1)
        self.assertIn(b"/etc/docker/daemon.json:1:2", result.err)
        self.assertEqual(tree.read(), b"{")

    def test_removed_since(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        self.done(tree.apply())
        os.unlink(tree.path / CONFIG)
        self.done(tree.run("undo"))
        self.assertFalse(tree.exists(CONFIG))


    def test_spelling_and_order_come_back(self):
        """Somebody turns debug on between apply and undo."""
        for lists in (b'"registry-mirrors": ["https:\\/\\/us.icr.io"]',
                      b'"registry-mirrors": ["https://us.icr.io", "https://private.us.icr.io",'
                      b' "https://m"]',
                      b'"registry-mirrors": ["https://private.us.icr.io", "https://us.icr.io"],'
                      b' "registry-mirrors": []',
                      b'"insecure-registries": ["US.icr.io:443", "10.0.0.0/8"]',
                      b'"registry-mirrors": ["https://registry.ng.bluemix.net/", "x"]',
                      b'"proxies": {"https-proxy": "http://p", "no-proxy": "a,\\u0062"}',
                      b'"proxies": {"https-proxy": "http://p", "no-proxy": "a, "}',
                      b'"proxies": {"https-proxy": "http://p", "no-proxy": ""}',
                      b'"proxies": {"https-proxy": "http://p"}',
                      b'"mtu": 1.50e3'):
            for form in (b'{"debug": false, %s}', b'{%s, "debug": false}\n',
                         b'{\n  "debug": false,\n  %s\n}\n'):
                before = form % lists
                edits = [(b"false", b"true"), (b"{", b"{\n\t"),
                         (b'"debug"', b'"x": [1, {"y": "us.icr.io"}], "debug"')]
                for old, new in edits:
                    tree = Tree(self, before)
                    self.done(tree.apply("--docker-mirror", regions="us"))
                    applied = tree.read()
                    tree.write(CONFIG, applied.replace(old, new, 1))
                    self.done(tree.run("undo"))
                    self.same(tree.read(), before.replace(old, new, 1))

    def test_what_is_left_is_kept_for_root_alone(self):
        before = b'{"registry-mirrors": ["https://us.icr.io"], "proxies": {"http-proxy": ' \
                 b'"http://u:secret@p"}}'
        tree = Tree(self, before)
        self.done(tree.apply("--docker-mirror", regions="us"))
        folder = tree.path / "var/lib/icr-rewrite"
        self.assertNotIn(b"secret", (folder / "state.json").read_bytes())
        self.assertEqual(stat.S_IMODE((folder / "state.json").stat().st_mode), 0o644)
        kept = [path for path in folder.iterdir() if path.name.endswith(".left")]
        self.assertEqual([path.read_bytes() for path in kept], [tree.read()])
        self.assertEqual([stat.S_IMODE(path.stat().st_mode) for path in kept], [0o600])
        self.done(tree.run("undo"))
        self.same(tree.read(), before)
        self.assertFalse(folder.exists())

    def test_what_is_left_is_lost_or_not_what_it_was(self):
        """Without it nothing of others is lost; our names go where nothing else can be told."""
        for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"{}"),
                       lambda path: path.write_bytes(b"{")):
            tree = Tree(self, mirrors("https://us.icr.io", "https://b"))
            self.done(tree.apply(regions="us"))
            for path in (tree.path / "var/lib/icr-rewrite").glob("*.left"):
                damage(path)
            self.done(tree.run("undo"))
            self.same(tree.read(), mirrors("https://us.icr.io", "https://b"))
            self.assertFalse(tree.exists("var/lib/icr-rewrite"))

    def test_others_than_root_cannot_tell(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        tree = Tree(self, mirrors("https://us.icr.io"))
        self.done(tree.apply(regions="us"))
        os.chmod(tree.path, 0o755)
        tree.write(CONFIG, tree.read().replace(b"]", b', "https://b"]'))
        done = support.run(["setpriv", "--reuid", "65534", "--clear-groups",
                            str(support.REWRITE), "plan", "--root", str(tree.path)])
        self.assertEqual((done.status, done.out), (1, b""), done)
        self.assertIn(b"daemon.json: was edited by others since, and what icr-rewrite left in it "
                      b"is kept for root alone", done.err)

    def test_what_tells_ours_is_gone(self):
        tree = Tree(self, mirrors("https://us.icr.io"))
        self.done(tree.apply(regions="us"))
        for left in tree.path.glob("var/lib/icr-rewrite/*.left"):
            left.unlink()
        edited = tree.read().replace(b"{", b'{"debug": true, ')
        tree.write(CONFIG, edited)
        done = tree.run("status")
        self.assertEqual(done.status, 3, done)
        self.assertIn(b"daemon.json: edited since by others, and what tells ours in it is gone",
                      done.out)
        done = tree.run("undo")
        self.assertEqual(done.status, 1, done)
        self.assertIn(b"daemon.json: was edited by others since", done.err)
        self.assertIn(b"take them out", done.err)
        self.same(tree.read(), edited)
        self.assertEqual(tree.run("undo").status, 0)

    def test_nothing_of_ours_is_left(self):
        """Others have taken it out: then no word of ours in it, nor of files beside the state."""
        tree = Tree(self, mirrors("https://us.icr.io"))
        self.done(tree.apply(regions="us"))
        for text, words in ((b'{"debug": true}\n', b"nothing of ours is left in it"),
                            (None, b"daemon.json: removed since")):
            if text:
                tree.write(CONFIG, text)
            else:
                (tree.path / CONFIG).unlink()
            done = tree.run("status")
            self.assertIn(words, done.out)
            self.assertNotIn(b"our part is in it", done.out)
            self.assertNotIn(b".left", done.out)

    def test_state_of_version_1(self):
        """As icr-rewrite 0.1.0 wrote it: splices, and a record of single entries."""
        before = b'{"registry-mirrors": ["https://us.icr.io", "https://b"]}\n'
        after = before.replace(b"us.icr.io", b"private.us.icr.io")
        state = {
            "version": 1, "tool": "0.1.0", "route": "hosts", "fallback": "never",
            "docker_mirror": False, "force": False, "engines": None,
            "regions": [{"region": "us-south", "status": "pending", "names": [],
                         "addresses": []}],
            "files": [{"part": "docker", "path": "/etc/docker/daemon.json", "existed": True,
                       "link": False, "before": hashlib.sha256(before).hexdigest(),
                       "after": hashlib.sha256(after).hexdigest(),
                       "splices": [{"at": 22, "length": 27, "was": '"https://us.icr.io"'}],
                       "record": {"edits": [{"key": "registry-mirrors",
                                             "was": "https://us.icr.io",
                                             "now": "https://private.us.icr.io"}]}}],
            "folders": []}
        for edit in (b"]", b', "c"]'), (b"}", b', "debug": true}'), (b"{", b"{ "):
            tree = Tree(self, after)
            tree.write("var/lib/icr-rewrite/state.json", json.dumps(state))
            tree.write(CONFIG, after.replace(*edit))
            self.done(tree.run("undo"))
            self.same(tree.read(), before.replace(*edit))
        tree = Tree(self, after)
        tree.write("var/lib/icr-rewrite/state.json", json.dumps(state))
        self.done(tree.apply(regions="us"))
        self.done(tree.run("undo"))
        self.same(tree.read(), before)


class RandomTest(Case):
    """Random documents, random edits of others: nothing of theirs is lost, nothing of ours stays."""

    HOSTS = ("us.icr.io", "private.us.icr.io", "icr.io", "US.icr.io", "registry.ng.bluemix.net",
             "de.icr.io", "mirror.example", "10.0.0.0/8")
    ROUNDS = 150

    def document(self, random):
        members = [("debug", False), ("mtu", 1500), ("labels", ["a=b", "c=d"])]
        if random.random() < .8:
            members.append(("registry-mirrors", ["https://" + random.choice(self.HOSTS[:7])
                                                 for _ in range(random.randrange(5))]))
        if random.random() < .5:
            members.append(("insecure-registries", [random.choice(self.HOSTS)
                                                    for _ in range(random.randrange(4))]))
        if random.random() < .4:
            proxies = {"https-proxy": "http://p"}
            if random.random() < .7:
                proxies["no-proxy"] = ",".join(random.sample(("a", "b", "us.icr.io", "c"),
                                                             random.randrange(4)))
            members.append(("proxies", proxies))
        random.shuffle(members)
        return dict(members)

    def edit(self, random, document):
        for _ in range(random.randrange(1, 4)):
            choice = random.randrange(6)
            lists = [value for value in document.values() if isinstance(value, list)]
            if choice == 0:
                document["extra%d" % random.randrange(9)] = {"x": [1, "us.icr.io"]}
            elif choice == 1:
                document.pop(random.choice(("debug", "mtu", "labels")), None)
            elif choice == 2 and lists:
                random.choice(lists).insert(random.randrange(3), "https://new.example")
            elif choice == 3 and lists:
                random.shuffle(random.choice(lists))
            elif choice == 4:
                items = list(document.items())
                random.shuffle(items)
                document = dict(items)
            elif "proxies" in document and "no-proxy" in document["proxies"]:
                document["proxies"]["no-proxy"] += ",z"
        return document

    @staticmethod
    def others(document):
        """What is neither ours nor a name of ICR."""
        kept = {}
        for name, value in document.items():
            if name in ("registry-mirrors", "insecure-registries"):
                value = sorted(item for item in value if "icr.io" not in item
                               and "bluemix" not in item)
                if not value:
                    continue
            elif name == "proxies":
                value = dict(value)
                names = value.pop("no-proxy", "").split(",")
                value["names"] = [item for item in names if item and "icr.io" not in item]
            kept[name] = value
        return kept

    def icr_entries(self, document):
        return sorted(item.lower() for name in ("registry-mirrors", "insecure-registries")
                      for item in document.get(name, ()) if "icr.io" in item)

    def test_scenarios(self):
        for seed in range(self.ROUNDS):
            rng = random.Random(seed)
            form = {"indent": rng.choice((None, 2, "\t"))}
            document = self.document(rng)
            before = (json.dumps(document, **form) + "\n").encode()
            tree = Tree(self, before)
            words = ("--docker-mirror",) if rng.random() < .4 else ()
            with self.subTest(seed=seed, before=before):
                self.done(tree.apply(*words, regions="us,global"))
                applied = json.loads(tree.read())
                names = tree.names()
                self.done(tree.apply(*words, regions="us,global"))
                self.assertEqual(tree.names(), names)
                theirs = self.edit(rng, json.loads(json.dumps(applied)))
                text = (json.dumps(theirs, **rng.choice(({}, {"indent": 2}, form))) + "\n").encode()
                tree.write(CONFIG, text)
                if rng.random() < .3:
                    self.done(tree.apply(*words, regions="us,global"))
                self.done(tree.run("undo"))
                after = json.loads(tree.read()) if tree.exists(CONFIG) else {}
                self.assertEqual(self.others(after), self.others(theirs), text)
                if theirs == applied:
                    self.assertEqual(after, document)
                # lists come back with the entries that they had, whatever their order by now
                self.assertEqual(
                    set(self.icr_entries(after)) - set(self.icr_entries(document)), set(), text)


class CountTest(unittest.TestCase):
    def test_enough(self):
        self.assertGreaterEqual(len(REFUSED), 50)
        self.assertGreaterEqual(len(ACCEPTED), 60)


if __name__ == "__main__":
    unittest.main()
