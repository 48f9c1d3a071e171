# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""configure on documents that nobody would write: what it adds means what it should, by Go's
reading, and --remove gives every byte back."""

import json
import os
import random
import unittest

from tests.blackbox.support import HomeCase

DOCUMENTS = int(os.environ.get("ICR_TEST_DOCUMENTS", "200"))
US = ("us.icr.io", "private.us.icr.io")
SCALARS = (b"1", b'"x"', b"null", b"true", b"1e400", b'"\\u0041"', b"{}", b"[]", b"{ }", b"{\n}")
HOSTS = (b"gcr.io", b"a.io", b"us.icr.io", b"private.us.icr.io", b"https://us.icr.io", b"de.icr.io")


class Writer:
    """Writes JSON with white space of one kind: none, some blanks, anything anywhere."""

    def __init__(self, chance):
        self.chance, self.kind = chance, chance.randint(0, 2)

    def space(self):
        if self.kind == 0:
            return b""
        if self.kind == 1:
            return self.chance.choice((b"", b" "))
        return b"".join(self.chance.choice((b" ", b"\n", b"\t", b"\r\n", b"\r", b""))
                        for _ in range(self.chance.randint(0, 3)))

    def around(self, text):
        return self.space() + text + self.space()

    def object(self, members):
        if not members:
            return b"{" + self.space() + b"}"
        return b"{" + b",".join(self.around(b'"' + name + b'"') + b":" + self.around(value)
                                for name, value in members) + b"}"

    def value(self, depth=0):
        kind = self.chance.randint(0, 7) if depth < 3 else 0
        if kind < 4:
            return self.chance.choice(SCALARS)
        parts = [self.value(depth + 1) for _ in range(self.chance.randint(0, 3))]
        if kind < 6:
            return self.object([(b"k%d" % i, part) for i, part in enumerate(parts)])
        return b"[" + (b",".join(map(self.around, parts)) or self.space()) + b"]"

    def helpers(self):
        return self.object([(self.chance.choice(HOSTS), self.chance.choice((b'"x"', b'""')))
                            for _ in range(self.chance.randint(0, 4))])

    def document(self):
        members = [(b"m%d" % i, self.value()) for i in range(self.chance.randint(0, 3))]
        for _ in range(self.chance.choice((0, 1, 1, 1, 2))):
            name = self.chance.choice((b"credHelpers", b"credHelpers", b"CREDHELPERS"))
            members.insert(self.chance.randint(0, len(members)), (name, self.helpers()))
        return self.around(self.object(members))


def meaning(text):
    """What Go makes of the document: credHelpers (all of them together), and the other members."""
    helpers, others = {}, []
    for name, value in json.loads(text, object_pairs_hook=list):
        if name.lower() == "credhelpers":
            helpers.update(dict(value))
        else:
            others.append((name, value))
    return helpers, others


def stood_empty(text):
    return any(name.lower() == "credhelpers" and not value
               for name, value in json.loads(text, object_pairs_hook=list))


class Random(HomeCase):
    def check(self, before, force):
        self.home.write(self.home.docker_config, before)
        arguments = ["--regions", "us"] + ["--force"] * force
        for status in (3, 0):
            dry = self.home.helper("configure", *arguments, "--dry-run")
            if status == 3 and dry.status == 0:
                continue  # two other helpers in the way
            self.assertEqual(dry.status, status, dry)
            result = self.home.helper("configure", *arguments)
            self.assertEqual(result.status, 0, result)
        text = self.home.docker_config.read_bytes()
        (helpers, others), (old_helpers, old_others) = meaning(text), meaning(before)
        self.assertEqual(others, old_others)
        for name in US:
            self.assertEqual(helpers.pop(name), "icr" if force else old_helpers.get(name, "icr"))
            old_helpers.pop(name, None)
        self.assertEqual(helpers, old_helpers)
        self.assertEqual(self.home.helper("configure", "--remove").status, 0)
        if force and any(name.encode() in before for name in US):
            return
        if not stood_empty(before):
            self.assertEqual(self.home.docker_config.read_bytes(), before)
        # credHelpers that stood there empty goes with the entries; nothing else does
        self.assertEqual(meaning(self.home.docker_config.read_bytes()), meaning(before))

    def test_documents(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for i in range(DOCUMENTS):
            document = Writer(chance).document()
            with self.subTest(seed=seed, i=i, document=document):
                self.check(document, chance.random() < 0.5)


if __name__ == "__main__":
    unittest.main()
