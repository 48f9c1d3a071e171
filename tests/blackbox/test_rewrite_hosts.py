# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The block in /etc/hosts: strange files, other people's lines, other people's edits."""

import json
import re
import time
import unittest

from tests.blackbox.rewrite import HOSTS, STATE, US, US_LINES, TreeCase, block

BOM = b"\xef\xbb\xbf"
STRANGE = {
    "empty": b"",
    "one line feed": b"\n",
    "blank lines": b"\n\n\n",
    "blanks only": b"  \t ",
    "no final newline": b"127.0.0.1 localhost",
    "no final newline, comment": HOSTS + b"# the end",
    "CRLF": HOSTS.replace(b"\n", b"\r\n"),
    "CRLF, no final newline": b"127.0.0.1 localhost\r\n::1 localhost",
    "one line of CRLF": b"127.0.0.1 localhost\r\n",
    "mixed line ends": b"127.0.0.1 a\n127.0.0.1 b\r\n127.0.0.1 c\n",
    "a lone CR at the end": b"127.0.0.1 localhost\r",
    "old Mac": b"127.0.0.1 a\r127.0.0.1 b\r",
    "BOM": BOM + HOSTS,
    "BOM alone": BOM,
    "Latin-1": b"# H\xf4te\n" + HOSTS,
    "UTF-16": "127.0.0.1 localhost\n".encode("utf-16"),
    "NUL bytes": b"127.0.0.1 a\0b\n\0",
    "control characters": b"127.0.0.1\vlocalhost\f\n\x01\x02\n",
    "a line of 100 000 bytes": b"127.0.0.1 " + b"x" * 100000 + b"\n",
    "20 000 lines": b"".join(b"10.0.%d.%d host%d\n" % (i // 256, i % 256, i) for i in range(20000)),
    "5 MB": b"# " + b"x" * (5 * 1024 * 1024) + b"\n" + HOSTS,
    "no addresses": b"localhost\n\tfoo bar\n",
    "the names in a comment": HOSTS + b"# 10.0.0.1 us.icr.io\n10.0.0.2 mine # us.icr.io\n",
    "private names": HOSTS + b"166.9.250.214 private.us.icr.io\n",
    "names that only look like ours": HOSTS + b"10.0.0.1 xus.icr.io us.icr.io.example.com icr.io\n",
    "another region": HOSTS + b"10.0.0.1 de.icr.io\n",
    "a block of somebody else": b"# BEGIN other\n10.0.0.1 a\n# END other\n",
    "words like our markers": b"#BEGIN icr-rewrite\n# BEGIN icr-rewriter\n # END icr-rewrite\n",
    "a line of the private name's, at our address": HOSTS + b"166.9.250.246 private.us.icr.io a\n",
    "docker's and cloud-init's": b"# Your system has configured 'manage_etc_hosts' as True.\n"
                                 b"127.0.1.1 host.example.com host\n172.17.0.2\tabc\n",
}


class Strange(TreeCase):
    def test_every_byte_comes_back(self):
        self.assertGreater(len(STRANGE), 25)
        for name, content in STRANGE.items():
            with self.subTest(name):
                self.tree.write("etc/hosts", content)
                self.proven()
                applied = self.tree.read()
                first = content[:content.find(b"\n") + 1]
                end = b"\r\n" if first.endswith(b"\r\n") else b"\n"
                gap = end if content and not content.endswith(b"\n") else b""
                # what is written in Go reads no further than a line of 64 KiB
                seen = re.match(rb"(?:[^\n]{0,65535}(?:\n|\Z))*", content)[0]
                gap = gap if seen == content else b""
                self.assertTrue(applied.startswith(seen + gap + b"# BEGIN icr-rewrite"))
                self.assertRegex(applied[len(seen + gap):], rb"\A" + block(*US_LINES, end=end) +
                                 re.escape(content[len(seen):]) + rb"\Z")
                self.check(0, self.tree.run("apply"))
                self.assertEqual(self.tree.read(), applied)
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), content)

    def test_every_byte_comes_back_without_the_state(self):
        for name, content in STRANGE.items():
            if content and not content.endswith(b"\n"):
                continue
            with self.subTest(name):
                self.tree.write("etc/hosts", content)
                self.proven()
                (self.tree.path / "var/lib/icr-rewrite/state.json").unlink()
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), content)

    def test_every_end_comes_back_after_an_edit(self):
        for name in ("no final newline", "CRLF, no final newline", "a lone CR at the end"):
            content = STRANGE[name]
            with self.subTest(name):
                self.tree.write("etc/hosts", content)
                self.proven()
                self.tree.write("etc/hosts", b"# first\n" + self.tree.read())
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), b"# first\n" + content)

    def test_64_megabytes(self):
        line = b"10.0.0.1 host.example.com host\n"
        content = line * (64 * 1024 * 1024 // len(line) - 100)
        self.tree.write("etc/hosts", content)
        self.proven()
        applied = self.tree.read()
        self.assertRegex(applied[len(content):], rb"\A" + block(*US_LINES) + rb"\Z")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), content)

    def test_too_large(self):
        content = b"# " + b"x" * (65 * 1024 * 1024)
        self.tree.write("etc/hosts", content)
        self.tree.prove(us=US)
        self.fails(1, self.tree.run("apply"), "/etc/hosts")
        self.assertEqual(self.tree.read(), content)

    def test_time_is_in_proportion(self):
        """50 000 of our markers, and lines that need a second look, in any order."""
        for name, lines in {"begin": [b"# BEGIN icr-rewrite"], "end": [b"# END icr-rewrite"],
                            "both": [b"# BEGIN icr-rewrite", b"# END icr-rewrite"],
                            "ours": [US_LINES[0]], "ours and begin": [US_LINES[0], b"# BEGIN icr-rewrite"],
                            "hidden": [b"10.0.0.1 a", b"#icr-rewrite# 10.0.0.1 a us.icr.io"],
                            "others": [b"10.0.0.1 a de.icr.io"]}.items():
            with self.subTest(name):
                self.tree.write("etc/hosts", HOSTS + (b"\n".join(lines) + b"\n") * (50000 // len(lines)))
                self.proven()
                begin = time.monotonic()
                self.check(0, self.tree.run("undo"))
                self.assertLess(time.monotonic() - begin, 2)


class Conflict(TreeCase):
    LINES = {
        "plain": b"10.0.0.1 us.icr.io\n",
        "not the first name": b"10.0.0.1\thost us.icr.io\n",
        "upper case": b"10.0.0.1 US.Icr.IO\n",
        "final dot": b"10.0.0.1 us.icr.io.\n",
        "tabs": b"\t10.0.0.1\t\tus.icr.io\t\n",
        "comment behind": b"10.0.0.1 us.icr.io#mine\n",
        "CR": b"10.0.0.1 us.icr.io\r\n",
        "no final newline": b"10.0.0.1 us.icr.io",
        "IPv6": b"fd00::1 us.icr.io\n",
        "the alias": b"10.0.0.1 registry.ng.bluemix.net\n",
    }

    def test_refused(self):
        for name, line in self.LINES.items():
            with self.subTest(name):
                self.tree.write("etc/hosts", HOSTS + line)
                self.tree.prove(us=US)
                before = self.tree.picture(identity=True)
                for verb in ("apply", "plan"):
                    self.fails(1, self.tree.run(verb), "/etc/hosts:3", "--force")
                    self.assertEqual(self.tree.picture(identity=True), before)

    def test_a_terminal_is_safe(self):
        self.tree.write("etc/hosts", b"\x1b[31m\xff us.icr.io\n")
        self.tree.prove(us=US)
        for words in (["apply"], ["status"], ["apply", "--json"]):
            result = self.tree.run(*words)
            self.assertNotIn(b"\x1b", result.out + result.err)
            (result.out + result.err).decode()

    def test_refused_before_anything_is_proven(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io\n")
        before = self.tree.picture()
        self.fails(1, self.tree.run("apply", "--regions", "us"), "/etc/hosts:3: ", "us.icr.io",
                   "10.0.0.1")
        self.assertEqual(self.tree.picture(), before)
        self.check(0, self.tree.run("apply", "--regions", "de"))

    def test_a_private_address_is_no_better(self):
        for address in ("166.9.250.214", "166.9.1.1", "10.1.2.3", "fd00::1"):
            with self.subTest(address):
                self.tree.write("etc/hosts", HOSTS + address.encode() + b" us.icr.io # long ago\n")
                before = self.tree.picture()
                self.fails(1, self.tree.run("apply", "--regions", "us"), "/etc/hosts:3: ", address)
                self.assertEqual(self.tree.picture(), before)

    def test_line_number_behind_our_block(self):
        self.proven()
        applied = self.tree.read()
        number = applied.count(b"\n") + 2
        self.tree.write("etc/hosts", applied + b"10.0.0.1 a\n10.0.0.1 us.icr.io\n")
        self.fails(1, self.tree.run("apply"), "/etc/hosts:%d: " % number)

    def test_force(self):
        for name, line in self.LINES.items():
            with self.subTest(name):
                content = HOSTS + line + (HOSTS if line.endswith(b"\n") else b"")
                self.tree.write("etc/hosts", content)
                self.tree.prove(us=US)
                self.check(0, self.tree.run("apply", "--force"), "/etc/hosts:3", "commented out")
                self.assertIn(b"\n#icr-rewrite# " + line, self.tree.read())
                first = self.tree.picture(identity=True)
                done = self.check(0, self.tree.run("apply"))
                self.assertNotIn(b"commented out", done.out + done.err)
                self.assertEqual(self.tree.picture(identity=True), first)
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), content)

    SHARED = (
        (b"127.0.0.1 localhost us.icr.io\n", b"127.0.0.1 localhost\n"),
        (b"10.0.0.7\tproxy.corp.example.com proxy us.icr.io de.icr.io\n",
         b"10.0.0.7\tproxy.corp.example.com proxy de.icr.io\n"),
        (b"10.0.0.7 us.icr.io proxy # mine\r\n", b"10.0.0.7 proxy # mine\r\n"),
        (b"::1 us.icr.io localhost ip6-localhost\n", b"::1 localhost ip6-localhost\n"),
        (b"169.254.2.1 registry.ng.bluemix.net us.icr.io internal.example\n",
         b"169.254.2.1 internal.example\n"),
        (b"10.0.0.7 US.icr.io. us.icr.io proxy", b"10.0.0.7 proxy\n"),
    )

    def test_force_leaves_the_other_names_in_force(self):
        for line, rest in self.SHARED:
            with self.subTest(line):
                content = HOSTS + line
                self.tree.write("etc/hosts", content)
                self.tree.prove(us=US)
                self.check(0, self.tree.run("apply", "--force"), "/etc/hosts:3: ")
                applied = self.tree.read()
                self.assertTrue(applied.startswith(HOSTS + rest + b"#icr-rewrite# " + line), applied)
                first = self.tree.picture(identity=True)
                for _ in range(2):
                    self.check(0, self.tree.run("apply"))
                    self.assertEqual(self.tree.picture(identity=True), first)
                self.as_applied()
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), content)

    def test_force_shared_and_edited_since(self):
        for line, rest in self.SHARED:
            if not line.endswith(b"\n"):
                continue
            with self.subTest(line):
                self.tree.write("etc/hosts", HOSTS + line + b"10.0.0.9 x\n")
                self.tree.prove(us=US)
                self.check(0, self.tree.run("apply", "--force"))
                self.tree.write("etc/hosts", b"10.0.0.8 first\n"
                                + re.sub(rb"[ \t]+", b" ", self.tree.read()))
                self.check(0, self.tree.run("apply"))
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), b"10.0.0.8 first\n"
                                 + re.sub(rb"[ \t]+", b" ", HOSTS + line + b"10.0.0.9 x\n"))

    # Of a line of somebody's, what comes back where the names that stayed in force were edited.
    TAKEN_OUT = (b"127.0.0.1 us.icr.io\n", b"10.0.0.7 us.icr.io\n", b"10.0.0.7 us.icr.io # mine\r\n",
                 b"::1 us.icr.io\n", b"169.254.2.1 registry.ng.bluemix.net us.icr.io\n",
                 b"10.0.0.7 US.icr.io. us.icr.io")

    def undone_around(self, applied, edited, undone):
        """Puts EDITED in the place of APPLIED; undo must give UNDONE, with a run of apply before or not."""
        with self.subTest(undone, edited=edited):
            whole = self.tree.read()
            self.assertIn(applied, whole)
            self.tree.write("etc/hosts", whole.replace(applied, edited))
            self.as_applied()
            kept = self.tree.read(STATE)
            self.check(0, self.tree.run("undo"))
            self.assertEqual(self.tree.read(), undone)
            self.tree.write("etc/hosts", whole.replace(applied, edited))
            self.tree.write(STATE, kept)
            self.check(0, self.tree.run("apply"))
            self.assertTrue(self.tree.read().startswith(whole[:whole.index(applied)]
                                                        + edited.partition(b"#icr-rewrite# ")[0]))
            again = self.tree.picture(identity=True)
            self.check(0, self.tree.run("apply"))
            self.assertEqual(self.tree.picture(identity=True), again)
            self.check(0, self.tree.run("undo"))
            self.assertEqual(self.tree.read(), undone)

    def test_undo_leaves_edits_of_the_other_names_alone(self):
        for (line, rest), names in zip(self.SHARED, self.TAKEN_OUT, strict=True):
            hidden = b"#icr-rewrite# " + line
            for edit in (b"10.9.9.9 foo\n", b"", b"# " + rest, rest + b"# a note\n",
                         rest + b"10.0.0.1 new\n"):
                self.tree.write("etc/hosts", HOSTS + b"10.0.0.9 x\n" + line)
                self.tree.prove(us=US)
                self.check(0, self.tree.run("apply", "--force"))
                self.undone_around(rest + hidden, edit + hidden,
                                   HOSTS + b"10.0.0.9 x\n" + edit + names)

    def test_undo_after_the_file_was_sorted(self):
        lines = (b"10.0.0.1 us.icr.io a\n", b"10.0.0.2 us.icr.io\n", b"fd00::1\tb\tus.icr.io\n")
        self.tree.write("etc/hosts", HOSTS + b"".join(lines))
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        self.tree.write("etc/hosts", b"".join(sorted(self.tree.read().splitlines(True))))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"10.0.0.1 us.icr.io\n10.0.0.2 us.icr.io\nfd00::1\tus.icr.io\n"
                         + b"".join(sorted((HOSTS + b"10.0.0.1 a\nfd00::1\tb\n").splitlines(True))))

    def test_undo_leaves_an_edit_alone_where_another_region_was_named(self):
        """Only what apply took out comes back: de.icr.io was not steered, and was edited since."""
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io de.icr.io\n10.0.0.2 a us.icr.io de.icr.io\n")
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        applied = self.tree.read()
        self.tree.write("etc/hosts", applied.replace(b"10.0.0.1 de", b"10.9.9.9 de", 1)
                        .replace(b"10.0.0.2 a de.icr.io\n", b"10.0.0.2 a\n"))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.9.9.9 de.icr.io\n10.0.0.1 us.icr.io\n"
                         b"10.0.0.2 a\n10.0.0.2 us.icr.io\n")

    def test_undo_without_the_state_leaves_an_edit_alone(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io a\n")
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        (self.tree.path / STATE).unlink()
        self.tree.write("etc/hosts", self.tree.read().replace(b"\n10.0.0.1 a\n", b"\n10.9.9.9 a\n"))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.9.9.9 a\n10.0.0.1 us.icr.io\n")

    def test_force_is_for_one_run(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io a\n")
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        self.assertNotIn("force", self.tree.state())
        self.tree.write("etc/hosts", self.tree.read() + b"10.5.5.5 us.icr.io\n")
        edited = self.tree.read()
        self.fails(1, self.tree.run("apply"), "10.5.5.5")
        self.assertEqual(self.tree.read(), edited)

    def test_force_for_one_region_is_not_for_another(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 a us.icr.io de.icr.io\n")
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        self.fails(1, self.tree.run("apply", "--regions", "us,de"), "/etc/hosts:3: ", "de.icr.io")
        self.check(0, self.tree.run("apply", "--regions", "us,de", "--force"), "de.icr.io")
        self.assertIn(b"\n10.0.0.1 a\n#icr-rewrite# ", self.tree.read())
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.0.0.1 a us.icr.io de.icr.io\n")

    def test_an_old_state_does_not_remember_force(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io\n")
        self.tree.prove(us=US)
        state = self.tree.state()
        self.tree.write(STATE, json.dumps(dict(state, force=True)))
        self.fails(1, self.tree.run("apply"), "/etc/hosts:3: ")

    def test_force_and_edited_since(self):
        self.tree.write("etc/hosts", b"10.0.0.1 us.icr.io\n" + HOSTS + b"10.0.0.2 us.icr.io a\n")
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--force"))
        self.tree.write("etc/hosts", b"# new\n" + self.tree.read() + b"10.0.0.3 new\n")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"# new\n10.0.0.1 us.icr.io\n" + HOSTS
                         + b"10.0.0.2 us.icr.io a\n10.0.0.3 new\n")

    def test_force_leaves_pending_regions_alone(self):
        content = HOSTS + b"10.0.0.1 de.icr.io\n"
        self.tree.write("etc/hosts", content)
        self.check(0, self.tree.run("apply", "--regions", "de", "--force", "--fallback", "public"))
        self.assertEqual(self.tree.read(), content)
        self.check(0, self.tree.run("apply", "--force", "--fallback", "never"), "commented out")
        self.assertIn(b"#icr-rewrite# 10.0.0.1 de.icr.io\n", self.tree.read())

    def test_line_added_since(self):
        self.proven()
        self.tree.write("etc/hosts", self.tree.read() + b"10.0.0.1 us.icr.io\n")
        applied = self.tree.read()
        self.fails(1, self.tree.run("apply"), "/etc/hosts:", "us.icr.io")
        self.assertEqual(self.tree.read(), applied)
        self.drifted("us.icr.io")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.0.0.1 us.icr.io\n")


class EditedSince(TreeCase):
    def edit(self, change):
        self.tree.write("etc/hosts", HOSTS)
        self.proven()
        self.as_applied()
        self.tree.write("etc/hosts", change(self.tree.read()))

    def undone(self, wanted):
        self.assertIn(self.tree.run("status").status, (0, 3), "an edit beside our part is no drift")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), wanted)
        self.assertFalse((self.tree.path / "var/lib/icr-rewrite").exists())

    def test_around(self):
        self.edit(lambda text: b"10.0.0.1 first\n" + text + b"10.0.0.2 last\n")
        self.undone(b"10.0.0.1 first\n" + HOSTS + b"10.0.0.2 last\n")

    def test_block_stays_where_it_is(self):
        self.edit(lambda text: text + b"10.0.0.2 last\n")
        edited = self.tree.read()
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.read(), edited)
        self.as_applied()
        first = self.tree.picture(identity=True)
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.picture(identity=True), first)
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.0.0.2 last\n")

    def test_no_final_newline(self):
        self.tree.write("etc/hosts", b"127.0.0.1 localhost")
        self.proven()
        self.tree.write("etc/hosts", b"10.0.0.1 first\n" + self.tree.read())
        self.check(0, self.tree.run("apply"))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"10.0.0.1 first\n127.0.0.1 localhost")
        self.proven()
        self.tree.write("etc/hosts", self.tree.read() + b"10.0.0.2 last\n")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"10.0.0.1 first\n127.0.0.1 localhost\n10.0.0.2 last\n")

    def test_each_line_of_ours_deleted(self):
        self.edit(lambda text: text)
        applied = self.tree.read().splitlines(True)
        for gone in range(2, len(applied)):
            with self.subTest(applied[gone]):
                self.edit(lambda text, gone=gone: b"".join(applied[:gone] + applied[gone + 1:]))
                self.undone(HOSTS)

    def test_deleted_and_applied_again(self):
        self.edit(lambda text: text)
        applied = self.tree.read()
        lines = applied.splitlines(True)
        for left in (lines[:2], lines[:3], lines[:-1], lines[:2] + lines[3:], lines[:2] + lines[-1:]):
            with self.subTest(left):
                self.edit(lambda text, left=left: b"".join(left))
                self.check(3, self.tree.run("plan"))
                self.check(0, self.tree.run("apply"))
                self.assertEqual(self.tree.read(), applied)

    @staticmethod
    def without_comments(text):
        return b"".join(line for line in text.splitlines(True) if b"#" not in line)

    def test_private_name_between_the_markers(self):
        """As where an editor has sorted the lines: we write none."""
        self.proven()
        text = self.tree.read().splitlines(True)
        mine = b"10.0.0.3\tprivate.us.icr.io\n"
        text.insert(text.index(b"# END icr-rewrite\n"), mine)
        self.tree.write("etc/hosts", b"".join(text))
        self.check(0, self.tree.run("apply"))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + mine)

    def test_markers_deleted(self):
        """The record knows the lines by their addresses."""
        self.edit(self.without_comments)
        self.as_applied("/etc/hosts: edited since by others; our part is in it")
        self.undone(HOSTS)
        self.edit(self.without_comments)
        self.check(0, self.tree.run("apply"))
        self.assertRegex(self.tree.read(), rb"\A" + re.escape(HOSTS) + block(*US_LINES) + rb"\Z")
        self.as_applied()
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_moved_by_editors(self):
        """Sorted, re-spelled, joined, in any white space, among lines of others."""
        others = b"".join(b"10.1.%d.7\thost%d host%d.example.com # %d\n" % (i, i, i, i)
                          for i in range(100))
        edits = {
            "sorted without comments": lambda lines: sorted(
                line for line in lines if not line.startswith(b"#")),
            "sorted with comments": sorted,
            "turned round": lambda lines: lines[::-1],
            "blanks": lambda lines: [re.sub(rb"[\t ]+", b" ", line) for line in lines],
            "indented": lambda lines: [b"  \t" + line for line in lines],
            "upper case": lambda lines: [line.upper() if b"icr.io" in line and b"#" not in line
                                         else line for line in lines],
            "CRLF": lambda lines: [line[:-1] + b"\r\n" for line in lines],
            "a name a line": lambda lines: [
                b"%s %s\n" % (line.split()[0], name) for line in lines if b"#" not in line
                for name in line.split()[1:]],
            "to the top": lambda lines: lines[-4:] + lines[:-4],
            "twice": lambda lines: self.without_comments(b"".join(lines)).splitlines(True) + lines,
        }
        for name, edit in edits.items():
            for content in (HOSTS, HOSTS + others):
                with self.subTest(name, lines=content.count(b"\n")):
                    self.tree.write("etc/hosts", content)
                    self.proven()
                    applied = self.tree.read().splitlines(True)
                    self.tree.write("etc/hosts", b"".join(edit(applied)))
                    done = self.tree.run("status")
                    self.assertNotIn(b"lacks our part", done.out)
                    self.check(0, self.tree.run("apply"))
                    now = self.tree.read()
                    self.assertEqual(len(re.findall(rb"(?i)\bus\.icr\.io\b", now)), 2, now)
                    wanted = sorted(line.split() for line in edit(content.splitlines(True))
                                    if line.split())
                    self.tree.write("etc/hosts", b"".join(edit(applied)))
                    self.check(0, self.tree.run("undo"))
                    left = sorted(line.split() for line in self.tree.read().splitlines()
                                  if b"icr-rewrite" not in line)
                    if name != "twice":
                        self.assertEqual(left, wanted)
                    self.assertNotIn(b"icr.io", self.tree.read().lower())

    def test_joined_with_a_name_of_somebody(self):
        """Not ours to take out any more: said with FILE:LINE, by every verb."""
        self.edit(lambda text: HOSTS + b"10.0.0.1 a\n" + US[0].encode()
                  + b" us.icr.io registry.ng.bluemix.net mine\n")
        left = self.tree.read()
        self.fails(1, self.tree.run("apply"), "/etc/hosts:4: ", US[0])
        self.drifted()
        done = self.tree.run("undo")
        self.assertEqual(done.status, 1, done)
        self.assertIn(b"/etc/hosts:4: ", done.err)
        self.assertEqual(self.tree.read(), left)
        self.assertFalse((self.tree.path / "var/lib/icr-rewrite").exists())
        self.check(0, self.tree.run("undo"))

    def test_joined_and_a_block(self):
        self.edit(lambda text: b"# x\n" + text + US[0].encode() + b" mine us.icr.io\n")
        done = self.tree.run("undo")
        self.assertEqual(done.status, 1, done)
        self.assertIn(b"/etc/hosts:%d: " % (HOSTS.count(b"\n") + 2), done.err)
        self.assertEqual(self.tree.read(), b"# x\n" + HOSTS + US[0].encode() + b" mine us.icr.io\n")

    def test_blanks_in_place_of_tabs(self):
        self.edit(lambda text: text.replace(b"\tus.icr.io", b"  us.icr.io"))
        done = self.as_applied("our part is in it")
        self.assertNotIn(b"lacks", done.out)

    def test_one_of_our_lines_is_gone(self):
        self.edit(lambda text: text.replace(US_LINES[1] + b"\n", b""))
        self.drifted("lacks our part")

    def test_a_carriage_return_before_the_block(self):
        self.tree.write("etc/hosts", b"127.0.0.1 localhost\n10.0.0.9 x\r")
        self.proven()
        self.tree.write("etc/hosts", b"10.0.0.1 first\n" + self.tree.read())
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"10.0.0.1 first\n127.0.0.1 localhost\n10.0.0.9 x\r")

    def test_inside_the_block(self):
        for line, stays in ((b"10.0.0.1 mine\n", True), (b"# mine\n", True), (b"\n", True),
                            (b"10.0.0.1 us.icr.io mine\n", True), (b"10.9.9.9 us.icr.io\n", False),
                            (b"fd00::9 DE.icr.io # x\n", False)):
            with self.subTest(line):
                self.edit(lambda text, line=line: text.replace(US_LINES[1] + b"\n",
                                                               line + US_LINES[1] + b"\n"))
                self.undone(HOSTS + (line if stays else b""))

    def test_block_twice(self):
        self.edit(lambda text: text + text[len(HOSTS):] + b"10.0.0.1 mine\n")
        self.undone(HOSTS + b"10.0.0.1 mine\n")

    def test_old_file_put_back(self):
        self.edit(lambda text: HOSTS)
        self.undone(HOSTS)

    def test_status_below_a_root_looks_at_the_file(self):
        self.proven()
        for text in (HOSTS, b""):
            self.tree.write("etc/hosts", text)
            done = self.drifted("us.icr.io: not steered")
            self.assertNotIn(b"by the block", done.out)

    def test_file_removed(self):
        self.tree.write("etc/hosts", HOSTS)
        self.proven()
        (self.tree.path / "etc/hosts").unlink()
        self.drifted("/etc/hosts")
        self.check(0, self.tree.run("undo"))
        self.assertFalse((self.tree.path / "etc/hosts").exists())

    def test_line_ends_changed(self):
        self.edit(lambda text: text.replace(b"\n", b"\r\n"))
        self.undone(HOSTS.replace(b"\n", b"\r\n"))

    def test_emptied(self):
        self.edit(lambda text: b"")
        self.undone(b"")


class LostState(TreeCase):
    def lose(self, hosts=HOSTS):
        self.tree.write("etc/hosts", hosts)
        self.proven()
        applied = self.tree.read()
        (self.tree.path / STATE).unlink()
        return applied

    def test_what_the_block_says_is_taken_over(self):
        applied = self.lose()
        done = self.check(0, self.tree.run("apply"), "/etc/hosts:3: ", STATE)
        self.assertIn(b"us.icr.io, registry.ng.bluemix.net -> " + US[0].encode(), done.out)
        self.assertEqual(self.tree.read(), applied)
        regions = self.tree.state()["regions"]
        self.assertEqual([(one["public"], one["status"], one["addresses"]) for one in regions],
                         [("us.icr.io", "active", US)])
        done = self.check(0, self.tree.run("apply"))
        self.assertNotIn(STATE.encode(), done.err)
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_addresses_that_cannot_have_been_proven_are_not(self):
        for address in ("203.0.113.10", "8.8.8.8", "127.0.0.9", "0.0.0.0", "169.254.1.1", "::1",
                        "::ffff:127.0.0.1", "2001:4860:4860::8888"):
            with self.subTest(address):
                line = f"{address}\tus.icr.io"
                self.tree.write("etc/hosts", HOSTS + b"# BEGIN icr-rewrite: of ours\n"
                                + line.encode() + b"\n# END icr-rewrite\n")
                self.check(0, self.tree.run("apply", "--regions", "us"), "closed")
                self.assertNotIn(line.encode(), self.tree.read())
                self.assertIn(b"233.252.0.1\tus.icr.io", self.tree.read())
                state = self.tree.state()
                state["regions"][0].update(status="active", addresses=[address], closed=[])
                self.tree.write(STATE, json.dumps(state), 0o644)
                self.check(0, self.tree.run("apply"), "closed")
                self.assertNotIn(line.encode(), self.tree.read())
                self.check(0, self.tree.run("undo"))

    def test_what_the_state_was_about_goes_with_it(self):
        self.tree.write("etc/docker/daemon.json", '{"registry-mirrors": ["https://us.icr.io"]}')
        self.lose()
        self.check(0, self.tree.run("undo"), "other files")
        self.assertFalse((self.tree.path / "var/lib/icr-rewrite").exists())

    def test_another_region_joins(self):
        self.lose()
        self.check(0, self.tree.run("apply", "--regions", "us,de", "--fallback", "public"))
        statuses = {one["public"]: one["status"] for one in self.tree.state()["regions"]}
        self.assertEqual(statuses, {"us.icr.io": "active", "de.icr.io": "pending"})

    def test_undo_says_what_it_cannot_know(self):
        self.lose()
        self.check(0, self.tree.run("undo"), "/etc/hosts:3: ", "other files")
        self.assertEqual(self.tree.read(), HOSTS)
        done = self.check(0, self.tree.run("undo"))
        self.assertNotIn(b"/etc/hosts:", done.err)

    def test_every_verb_says_it(self):
        self.lose()
        for verb in ("status", "plan"):
            self.assertIn(b"/etc/hosts:3: ", self.tree.run(verb).err)

    def test_closed_and_unknown_regions(self):
        self.tree.write("etc/hosts", HOSTS)
        self.check(0, self.tree.run("apply", "--regions", "us,zz.icr.io"))
        applied = self.tree.read()
        (self.tree.path / STATE).unlink()
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.read(), applied)
        self.assertEqual([(one["public"], one["status"]) for one in self.tree.state()["regions"]],
                         [("us.icr.io", "closed"), ("zz.icr.io", "closed")])

    def test_a_block_without_entries(self):
        self.tree.write("etc/hosts", HOSTS + b"# BEGIN icr-rewrite\n# END icr-rewrite\n")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)


class Closed(TreeCase):
    """Names that were never proven: lines that lead nowhere, of both families."""

    @staticmethod
    def lines(*names):
        return [address + b"\t" + b" ".join(names)
                for address in (b"233.252.0.1", b"ff0e::db8:0:1")]

    US = lines.__func__(b"us.icr.io", b"registry.ng.bluemix.net")

    def test_closed_until_the_first_proof(self):
        self.check(0, self.tree.run("apply", "--regions", "us"), "us.icr.io", "closed")
        self.assertRegex(self.tree.read(), rb"\A" + re.escape(HOSTS) + block(*self.US) + rb"\Z")
        first = self.tree.picture(identity=True)
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.picture(identity=True), first)
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_json(self):
        done = self.check(0, self.tree.run("apply", "--regions", "us", "--json"))
        region = json.loads(done.out)["regions"][0]
        self.assertEqual((region["status"], region["addresses"], region["closed"]),
                         ("closed", [], ["233.252.0.1", "ff0e::db8:0:1"]))

    def test_status_knows_addresses_in_other_spellings(self):
        self.check(0, self.tree.run("apply", "--regions", "us"))
        before = json.loads(self.tree.run("status", "--json").out)
        self.tree.write("etc/hosts", self.tree.read().replace(b"ff0e::db8:0:1", b"FF0E:0:0::DB8:0:1"))
        after = json.loads(self.tree.run("status", "--json").out)
        for name in ("names", "problems"):
            self.assertEqual(after.get(name), before.get(name))

    def test_public_stays_public(self):
        self.check(0, self.tree.run("apply", "--regions", "us", "--fallback", "public"), "public")
        self.assertEqual(self.tree.read(), HOSTS)
        self.check(0, self.tree.run("apply", "--fallback", "never"), "closed")
        self.assertRegex(self.tree.read(), block(*self.US))
        self.check(0, self.tree.run("apply", "--fallback", "public"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_what_was_proven_is_never_closed(self):
        self.tree.prove(us=US)
        for fallback in ("never", "public", "never"):
            self.check(0, self.tree.run("apply", "--regions", "us,de", "--fallback", fallback))
            self.assertIn(US_LINES[0] + b"\n" + US_LINES[1], self.tree.read())
            self.assertEqual(b"233.252.0.1\tde.icr.io" in self.tree.read(), fallback == "never")

    def test_withdrawn_comes_back_with_never(self):
        self.tree.prove(fallback="public", us=US)
        state = self.tree.state()
        state["regions"][0]["status"] = "withdrawn"
        self.tree.write(STATE, json.dumps(state))
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.read(), HOSTS)
        self.check(0, self.tree.run("apply", "--fallback", "never"))
        self.assertRegex(self.tree.read(), block(*US_LINES))

    def test_one_family_closed(self):
        self.tree.prove(us=US)
        state = self.tree.state()
        state["regions"][0]["closed"] = ["ff0e::db8:0:1"]
        self.tree.write(STATE, json.dumps(state))
        self.check(0, self.tree.run("apply"))
        self.assertRegex(self.tree.read(), block(*US_LINES, self.US[1]))
        self.assertEqual(self.tree.state()["regions"][0]["closed"], ["ff0e::db8:0:1"])
        self.as_applied()

    def test_without_markers(self):
        self.check(0, self.tree.run("apply", "--regions", "us"))
        self.tree.write("etc/hosts", EditedSince.without_comments(self.tree.read()))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_global(self):
        self.check(0, self.tree.run("apply", "--regions", "global"))
        self.assertRegex(self.tree.read(), block(*self.lines(b"icr.io", b"registry.bluemix.net")))


class Regions(TreeCase):
    def test_no_longer_steered(self):
        self.tree.prove(us=US, de=["166.9.1.1"])
        self.check(0, self.tree.run("apply"))
        for words in (["plan"], ["apply", "--dry-run"], ["apply"]):
            done = self.tree.run(*words, "--regions", "de")
            self.assertIn(b"us.icr.io: no longer steered", done.err, words)
        self.assertNotIn(b"us.icr.io", self.tree.read())
        done = self.check(0, self.tree.run("apply", "--regions", "us", "--json"))
        self.assertIn("de.icr.io: no longer steered", done.out.decode())
        self.assertNotIn("us.icr.io: no longer", done.out.decode())

    def test_a_region_of_next_year(self):
        done = self.check(0, self.tree.run("apply", "--regions", "us,zz.icr.io"),
                          "zz.icr.io: not in the table")
        self.assertRegex(self.tree.read(), block(*Closed.US, *Closed.lines(b"zz.icr.io")))
        self.assertEqual([one["public"] for one in self.tree.state()["regions"]],
                         ["us.icr.io", "zz.icr.io"])
        first = self.tree.picture(identity=True)
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.picture(identity=True), first)
        self.check(0, self.tree.run("apply", "--regions", "us"), "zz.icr.io: no longer steered")
        self.assertNotIn(b"zz.icr.io", self.tree.read())
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)
        self.assertEqual(done.status, 0)

    def test_a_proven_region_of_next_year(self):
        self.tree.write(STATE, json.dumps({"version": 1, "regions": [
            {"region": "zz", "public": "zz.icr.io", "status": "active", "addresses": ["166.9.9.9"]}]}))
        self.check(0, self.tree.run("apply"))
        self.assertRegex(self.tree.read(), block(b"166.9.9.9\tzz.icr.io"))
        self.tree.write("etc/hosts", HOSTS + b"166.9.9.9 zz.icr.io\n")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_a_bare_label_that_nobody_knows(self):
        self.fails(2, self.tree.run("apply", "--regions", "uss"), "'us'")
        self.fails(2, self.tree.run("apply", "--regions", "zz"), "zz")


class DockerMirror(TreeCase):
    def test_the_way_back(self):
        daemon = b'{\n  "debug": true\n}\n'
        self.tree.write("etc/docker/daemon.json", daemon)
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply", "--docker-mirror"))
        self.assertIn(b"private.us.icr.io", self.tree.read("etc/docker/daemon.json"))
        self.check(0, self.tree.run("apply"))
        self.assertIn(b"private.us.icr.io", self.tree.read("etc/docker/daemon.json"))
        self.check(0, self.tree.run("apply", "--no-docker-mirror"))
        self.assertEqual(self.tree.read("etc/docker/daemon.json"), daemon)
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.read("etc/docker/daemon.json"), daemon)

    def test_both(self):
        self.fails(2, self.tree.run("apply", "--docker-mirror", "--no-docker-mirror"), "contradict")


class Makers(TreeCase):
    """What makes the file anew is named when something is written, and by status."""

    HEADERS = {
        "cloud-init": b"# Your system has configured 'manage_etc_hosts' as True.\n",
        "WSL": b"# This file was automatically generated by WSL. To stop automatic generation of this"
               b" file, add the following entry to /etc/wsl.conf:\n# [network]\n"
               b"# generateHosts = false\n",
        "Puppet": b"# HEADER: This file was autogenerated at 2026-01-01 by puppet.\n",
        "kubelet": b"# Kubernetes-managed hosts file.\n",
        "Ansible": b"# Ansible managed: do not edit\n",
        "Chef": b"#\n# This file was generated by Chef\n",
        "VMware": b"# Generated by VMware customization engine.\n",
        "by frobnicate 3": b"# Generated by frobnicate 3\n",
        "Foreman": b"# Managed by Foreman\n",
        "Terraform": b"127.0.0.1 localhost\n# This host is managed by Terraform\n",
        "header says": b"# This file is managed by frobnicate, changes will be overwritten\n",
    }

    def named(self, word):
        self.tree.prove(us=US)
        self.check(0, self.tree.run("apply"), word, "made anew")
        self.as_applied(word)
        status = json.loads(self.tree.run("status", "--json").out)
        self.assertIn(word, status["hosts"]["made_anew_by"])
        self.assertNotIn(b"made anew", self.tree.run("apply").err)

    def not_named(self):
        self.tree.prove(us=US)
        done = self.check(0, self.tree.run("apply"))
        self.assertNotIn(b"made anew", done.err)
        status = json.loads(self.tree.run("status", "--json").out)
        self.assertIsNone(status["hosts"]["made_anew_by"])
        self.assertNotIn(b"anew", self.tree.run("status").out)
        self.check(0, self.tree.run("undo"))

    def test_headers(self):
        for word, header in self.HEADERS.items():
            with self.subTest(word):
                self.tree.write("etc/hosts", header + HOSTS)
                self.named(word)

    def test_no_header(self):
        for text in (HOSTS, HOSTS + b"# do not edit the next line\n".rjust(9000, b"#"),
                     b"10.0.0.1 puppet chef\n" + HOSTS, b""):
            with self.subTest(text[:20]):
                self.tree.write("etc/hosts", text)
                self.not_named()

    def test_settings_of_cloud_init(self):
        for path in ("etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d/99_x.cfg",
                     "var/lib/cloud/instance/cloud-config.txt"):
            for value in ("true", "True", "template", "'yes'", "on # x"):
                with self.subTest(path=path, value=value):
                    self.tree.write("etc/hosts", HOSTS)
                    file = self.tree.write(path, "#cloud-config\nmanage_etc_hosts: %s\n" % value)
                    self.named("cloud-init")
                    file.unlink()
                    self.tree.write("etc/hosts", HOSTS)

    def test_flow_style_of_cloud_init(self):
        for text in ("{manage_etc_hosts: true}\n", '{"manage_etc_hosts": true}',
                     "{ssh_pwauth: no, manage_etc_hosts: template , x: y}\n",
                     "{\n  'manage_etc_hosts' : 'on',\n}\n", '"manage_etc_hosts": true\n'):
            with self.subTest(text):
                self.tree.write("etc/hosts", HOSTS)
                self.tree.write("etc/cloud/cloud.cfg.d/99_x.cfg", text)
                self.named("cloud-init")
        for text in ("{manage_etc_hosts: false}\n", "{manage_etc_hosts: localhost, on: true}\n",
                     "# {manage_etc_hosts: true}\n", "{no: 'manage_etc_hosts'}\n",
                     "echo manage_etc_hosts: true\n", "{x: y} # {manage_etc_hosts: true}\n",
                     "manage_etc_hosts", "{manage_etc_hosts"):
            with self.subTest(text):
                self.tree.write("etc/hosts", HOSTS)
                self.tree.write("etc/cloud/cloud.cfg.d/99_x.cfg", text)
                self.not_named()

    def test_settings_that_leave_the_file_alone(self):
        self.tree.write("etc/cloud/cloud.cfg", "manage_etc_hosts: true\n")
        self.tree.write("etc/cloud/cloud.cfg.d/99.cfg", "manage_etc_hosts: localhost\n")
        self.tree.write("etc/cloud/cloud.cfg.d/README", "manage_etc_hosts: true\n")
        self.not_named()
        self.tree.write("etc/hosts", self.HEADERS["cloud-init"] + HOSTS)
        self.not_named()
        self.tree.write("etc/hosts", self.HEADERS["WSL"] + HOSTS)
        self.tree.write("etc/wsl.conf", "[network]\ngenerateHosts = false\n")
        self.not_named()

    def test_a_hook(self):
        self.tree.write("etc/NetworkManager/dispatcher.d/20-x", "#!/bin/sh\necho >/tmp/x\n")
        self.not_named()
        self.tree.write("etc/NetworkManager/dispatcher.d/30-y", "cp /etc/hosts.in /etc/hosts\n")
        self.named("30-y")

    def test_hooks_of_all_runners(self):
        for path, runner in (
                ("etc/NetworkManager/dispatcher.d/pre-up.d/10-x", "NetworkManager"),
                ("usr/lib/NetworkManager/dispatcher.d/10-x", "NetworkManager"),
                ("usr/lib/NetworkManager/dispatcher.d/pre-up.d/10-x", "NetworkManager"),
                ("etc/dhcp/dhclient-exit-hooks.d/hosts", "dhclient"),
                ("etc/dhcp/dhclient-enter-hooks", "dhclient")):
            with self.subTest(path):
                self.tree.write("etc/hosts", HOSTS)
                file = self.tree.write(path, "#!/bin/sh\ncp /etc/hosts.in /etc/hosts\n")
                self.named(f"perhaps a hook of {runner}: /{path}")
                file.unlink()

    def test_a_terminal_is_safe(self):
        self.tree.write("etc/hosts", b"# do not edit \x1b[31m\n" + HOSTS)
        self.tree.prove(us=US)
        for words in (["apply"], ["status"]):
            result = self.tree.run(*words)
            self.assertNotIn(b"\x1b", result.out + result.err)


if __name__ == "__main__":
    unittest.main()
