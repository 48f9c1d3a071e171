# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite ref: image references by their other name, as words and in a stream."""

import json
import random
import subprocess
import unittest

from tests.blackbox.support import REWRITE, run

DIGEST = "sha256:" + "0123456789abcdef" * 4
SIGNED = b"icr-rewrite: a signature names the registry: signed images must be signed again"


def ref(*arguments, stdin=b""):
    return run([REWRITE, "ref", *arguments], stdin=stdin)


class Words(unittest.TestCase):
    PAIRS = [
        ("us.icr.io/ns/img", "private.us.icr.io/ns/img"),
        ("us.icr.io/ns/img:1", "private.us.icr.io/ns/img:1"),
        (f"us.icr.io/ns/img:1@{DIGEST}", f"private.us.icr.io/ns/img:1@{DIGEST}"),
        (f"icr.io/ns/img@{DIGEST}", f"private.icr.io/ns/img@{DIGEST}"),
        ("us.icr.io/ns/a/b/c_d__e-f", "private.us.icr.io/ns/a/b/c_d__e-f"),
        ("zz.icr.io/ns/img", "private.zz.icr.io/ns/img"),
        ("docker://de.icr.io/ns/img", "docker://private.de.icr.io/ns/img"),
    ]
    LEFT = [
        "alpine", "docker.io/library/alpine:3", "us.icr.io", "us.icr.io/", "us.icr.io:8443/ns/img",
        "us.icr.io.evil.com/ns/img", "evil.com/us.icr.io/img", "a.b.icr.io/ns/img",
        "cp.icr.io/cp/img", "dd0.us.icr.io/ns/img", "us.icr.io/NS/img", "https://us.icr.io/ns/img",
        "us.icr.io/ns/img:", "us.icr.io/ns//img", "user@us.icr.io/ns/img", "", "-x us.icr.io/a/b",
    ]

    def test_private_and_back(self):
        for public, private in self.PAIRS:
            for arguments, expected in [((public,), private), (("--private", public), private),
                                        (("--private", private), private),
                                        (("--public", private), public),
                                        (("--public", public), public)]:
                result = ref(*arguments)
                self.assertEqual((result.status, result.out), (0, f"{expected}\n".encode()), arguments)

    def test_alias(self):
        self.assertEqual(ref("registry.ng.bluemix.net/ns/img").out, b"private.us.icr.io/ns/img\n")
        self.assertEqual(ref("--public", "registry.ng.bluemix.net/ns/img").out, b"us.icr.io/ns/img\n")

    def test_spelling_of_the_host(self):
        self.assertEqual(ref("US.ICR.IO:443/ns/img").out, b"private.us.icr.io/ns/img\n")

    def test_what_is_none_is_printed_as_it_is(self):
        result = ref("--", *self.LEFT)
        self.assertEqual((result.status, result.err), (0, b""))
        self.assertEqual(result.out, "".join(word + "\n" for word in self.LEFT).encode())

    def test_signatures_are_told_once_and_only_where_a_name_changed(self):
        self.assertEqual(ref("us.icr.io/a/b", "de.icr.io/a/b").err.count(SIGNED), 1)
        self.assertEqual(ref("private.us.icr.io/a/b").err, b"")
        self.assertEqual(ref("--public", "private.us.icr.io/a/b").err, b"")

    def test_json(self):
        result = ref("--json", "us.icr.io/ns/img:1", "alpine")
        self.assertEqual(json.loads(result.out), {"version": 1, "verb": "ref", "references": [
            {"from": "us.icr.io/ns/img:1", "to": "private.us.icr.io/ns/img:1"},
            {"from": "alpine", "to": "alpine"}], "notes": [],
            "warnings": ["a signature names the registry: signed images must be signed again for their private names"]})
        self.assertEqual(result.err, b"")
        self.assertEqual(json.loads(ref("--json", "alpine").out)["warnings"], [])

    def test_usage(self):
        for arguments in [(), ("--private", "--public", "x"), ("--json", "-"), ("--nonsense", "x")]:
            result = ref(*arguments)
            self.assertEqual((result.status, result.out), (2, b""), arguments)


class Stream(unittest.TestCase):
    CASES = [
        (b"FROM us.icr.io/ns/img:1 AS base\n", b"FROM private.us.icr.io/ns/img:1 AS base\n"),
        (b"FROM --platform=linux/amd64 us.icr.io/ns/img\r\n",
         b"FROM --platform=linux/amd64 private.us.icr.io/ns/img\r\n"),
        (b"COPY --from=us.icr.io/ns/img:1 /a /b", b"COPY --from=private.us.icr.io/ns/img:1 /a /b"),
        (b"    image: us.icr.io/ns/img:1 # us.icr.io/ns/img:2\n",
         b"    image: private.us.icr.io/ns/img:1 # private.us.icr.io/ns/img:2\n"),
        (b"image: 'us.icr.io/ns/img'\n", b"image: 'private.us.icr.io/ns/img'\n"),
        (b'{"image":"us.icr.io/ns/img:1","x":1}', b'{"image":"private.us.icr.io/ns/img:1","x":1}'),
        (b"[us.icr.io/a/b, us.icr.io/c/d]", b"[private.us.icr.io/a/b, private.us.icr.io/c/d]"),
        (b"image: us.icr.io/ns/img:${TAG:-1}", b"image: private.us.icr.io/ns/img:${TAG:-1}"),
        (b"image: ${IMAGE:-us.icr.io/ns/img}", b"image: ${IMAGE:-private.us.icr.io/ns/img}"),
        (b"skopeo copy docker://us.icr.io/a/b dir:x", b"skopeo copy docker://private.us.icr.io/a/b dir:x"),
        (b"(see us.icr.io/ns/img.)", b"(see private.us.icr.io/ns/img.)"),
        (b"\0us.icr.io/a/b\0\xff", b"\0private.us.icr.io/a/b\0\xff"),
        (b"docker login us.icr.io\n", b"docker login us.icr.io\n"),
        (b"curl https://us.icr.io/v2/ns/img\n", b"curl https://us.icr.io/v2/ns/img\n"),
        (b"a@us.icr.io/ns/img /us.icr.io/ns/img", b"a@us.icr.io/ns/img /us.icr.io/ns/img"),
        (b"helm pull oci://us.icr.io/ns/chart", b"helm pull oci://private.us.icr.io/ns/chart"),
        (b"base=docker-image://us.icr.io/ns/img", b"base=docker-image://private.us.icr.io/ns/img"),
        # the name of a variable, and the operator behind it
        (b"image: ${IMAGE-us.icr.io/ns/img}", b"image: ${IMAGE-private.us.icr.io/ns/img}"),
        (b"${A:+us.icr.io/ns/img}${A+us.icr.io/a/b}", b"${A:+private.us.icr.io/ns/img}${A+private.us.icr.io/a/b}"),
        (b"${A:=us.icr.io/ns/img}${A:?us.icr.io/a/b}", b"${A:=private.us.icr.io/ns/img}${A:?private.us.icr.io/a/b}"),
        (b"${A:-docker://us.icr.io/ns/img}", b"${A:-docker://private.us.icr.io/ns/img}"),
        (b"$A-us.icr.io/ns/img ${A}-us.icr.io/ns/img $us.icr.io/ns/img",
         b"$A-us.icr.io/ns/img ${A}-us.icr.io/ns/img $us.icr.io/ns/img"),
        (b"${A/us.icr.io/de.icr.io} ${us.icr.io/ns/img}", b"${A/us.icr.io/de.icr.io} ${us.icr.io/ns/img}"),
        # the letter of an escape, as of a text in JSON
        (b'"us.icr.io/a/b\nus.icr.io/c/d\tde.icr.io/e/f\\us.icr.io/g/h"',
         b'"private.us.icr.io/a/b\nprivate.us.icr.io/c/d\tprivate.de.icr.io/e/f\\private.us.icr.io/g/h"'),
        (b'"\u003cus.icr.io/a/b\u003e \u0026de.icr.io/a/b"',
         b'"\u003cprivate.us.icr.io/a/b\u003e \u0026private.de.icr.io/a/b"'),
        (b"?image%3Dus.icr.io/a/b&x=100%us.icr.io/a/b", b"?image%3Dprivate.us.icr.io/a/b&x=100%private.us.icr.io/a/b"),
        (b"", b""),
    ]

    def test_cases(self):
        for text, expected in self.CASES:
            result = ref("-", stdin=text)
            self.assertEqual((result.status, result.out), (0, expected), text)

    def test_and_back(self):
        for text, private in self.CASES:
            if b"private." in private:
                self.assertEqual(ref("--public", "-", stdin=private).out, text)

    def test_a_variable_in_the_name_is_said(self):
        result = ref("-", stdin=b"x\nimage: us.icr.io/${NS}/img\nimage: de.icr.io/{{ .ns }}/img\n")
        self.assertEqual(result.out, b"x\nimage: us.icr.io/${NS}/img\nimage: de.icr.io/{{ .ns }}/img\n")
        self.assertIn(b"a variable stands in the name: line 2, 3", result.err)
        for text in (b"FROM docker://us.icr.io/$NS/img\n", b"FROM registry.ng.bluemix.net/$NS/img\n"):
            self.assertIn(b"line 1", ref("-", stdin=text).err)

    def test_nothing_is_called_left_that_is_not(self):
        result = ref("-", stdin=b"FROM us.icr.io/ns/${IMAGE}:1\nFROM private.us.icr.io/$NS/img\n")
        self.assertEqual(result.out, b"FROM private.us.icr.io/ns/${IMAGE}:1\nFROM private.us.icr.io/$NS/img\n")
        self.assertNotIn(b"left as it is", result.err)
        result = ref("--public", "-", stdin=b"FROM us.icr.io/$NS/img\n")
        self.assertEqual((result.out, result.err), (b"FROM us.icr.io/$NS/img\n", b""))

    def test_long_words_and_large_streams(self):
        long = b"us.icr.io/" + b"a" * 5000
        self.assertEqual(ref("-", stdin=long + b" us.icr.io/a/b").out, long + b" private.us.icr.io/a/b")
        large = b"us.icr.io/a/b\n" * 200_000
        self.assertEqual(ref("-", stdin=large).out, b"private." + large[:-1].replace(b"\n", b"\nprivate.") + b"\n")

    def test_random_bytes_without_references_stay(self):
        generator = random.Random(4711)
        for _ in range(50):
            text = bytes(generator.choice(b"us.icr.io/ab:@-_ \n\t\"'${}\0\xff") for _ in range(400))
            out = ref("-", stdin=text).out
            self.assertEqual(out.replace(b"private.", b""), text.replace(b"private.", b""))

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([REWRITE, "ref", "us.icr.io/a/b"], stdout=full, check=False,
                                  stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write to standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()
