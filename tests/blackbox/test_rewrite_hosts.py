# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The block in /etc/hosts: strange files, other people's lines, other people's edits."""

import unittest

from tests.blackbox.rewrite import HOSTS, US, US_LINES, TreeCase, block

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
                self.assertTrue(applied.startswith(content + gap + b"# BEGIN icr-rewrite"))
                self.assertRegex(applied[len(content + gap):],
                                 rb"\A" + block(*US_LINES, end=end) + rb"\Z")
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

    def test_too_large(self):
        content = b"# " + b"x" * (9 * 1024 * 1024)
        self.tree.write("etc/hosts", content)
        self.tree.prove(us=US)
        self.fails(1, self.tree.run("apply"), "/etc/hosts")
        self.assertEqual(self.tree.read(), content)


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

    def test_force(self):
        for name, line in self.LINES.items():
            with self.subTest(name):
                content = HOSTS + line + (HOSTS if line.endswith(b"\n") else b"")
                self.tree.write("etc/hosts", content)
                self.tree.prove(us=US)
                self.check(0, self.tree.run("apply", "--force"), "/etc/hosts:3", "commented out")
                self.assertIn(b"\n#icr-rewrite# " + line, self.tree.read())
                first = self.tree.picture(identity=True)
                self.check(0, self.tree.run("apply"))
                self.assertEqual(self.tree.picture(identity=True), first)
                self.check(0, self.tree.run("undo"))
                self.assertEqual(self.tree.read(), content)

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
        self.check(0, self.tree.run("apply", "--regions", "de", "--force"))
        self.assertEqual(self.tree.read(), content)

    def test_line_added_since(self):
        self.proven()
        self.tree.write("etc/hosts", self.tree.read() + b"10.0.0.1 us.icr.io\n")
        applied = self.tree.read()
        self.fails(1, self.tree.run("apply"), "/etc/hosts:", "us.icr.io")
        self.assertEqual(self.tree.read(), applied)
        self.check(3, self.tree.run("status"), "us.icr.io")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS + b"10.0.0.1 us.icr.io\n")


class EditedSince(TreeCase):
    def edit(self, change):
        self.tree.write("etc/hosts", HOSTS)
        self.proven()
        self.assertEqual(self.tree.run("status").status, 0)
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
        self.check(0, self.tree.run("status"))
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

    def test_markers_deleted(self):
        """Then nothing says that the lines are ours; they are somebody's who named us.icr.io."""
        def change(text):
            return b"".join(line for line in text.splitlines(True) if b"icr-rewrite" not in line)
        self.edit(change)
        left = self.tree.read()
        self.fails(1, self.tree.run("apply"), "/etc/hosts:3")
        self.undone(left)

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
            done = self.check(3, self.tree.run("status"), "us.icr.io: not steered")
            self.assertNotIn(b"by the block", done.out)

    def test_file_removed(self):
        self.tree.write("etc/hosts", HOSTS)
        self.proven()
        (self.tree.path / "etc/hosts").unlink()
        self.check(3, self.tree.run("status"), "/etc/hosts")
        self.check(0, self.tree.run("undo"))
        self.assertFalse((self.tree.path / "etc/hosts").exists())

    def test_line_ends_changed(self):
        self.edit(lambda text: text.replace(b"\n", b"\r\n"))
        self.undone(HOSTS.replace(b"\n", b"\r\n"))

    def test_emptied(self):
        self.edit(lambda text: b"")
        self.undone(b"")


if __name__ == "__main__":
    unittest.main()
