# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The programs as they were linked: hardened, and without the libraries that are loaded on demand."""

import re
import subprocess
import unittest

from tests.blackbox.support import BUILD, COMPLETE, HELPER, REWRITE


def readelf(option, program):
    return subprocess.run(["readelf", "-W", option, program], check=True, timeout=60,
                          capture_output=True, text=True).stdout


def is_sanitized(program):
    return "__asan_init" in readelf("--dyn-syms", program)


def is_static(program):
    return "INTERP" not in readelf("-l", program)


class BinariesTest(unittest.TestCase):
    def test_hardened(self):
        for program in (HELPER, COMPLETE, REWRITE):
            with self.subTest(program):
                self.assertRegex(readelf("-h", program), r"Type:\s+DYN \(Position-Independent")
                self.assertRegex(readelf("-d", program), r"BIND_NOW|FLAGS_1.*NOW")
                self.assertNotIn("TEXTREL", readelf("-d", program))
                headers = readelf("-l", program)
                self.assertIn("GNU_RELRO", headers)
                self.assertRegex(headers, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ")

    @unittest.skipIf(is_sanitized(HELPER), "the sanitizers replace these")
    def test_stack_protector_and_fortify(self):
        # what stands in a static program may be the C library's: then the objects are asked
        front = [HELPER]
        if is_static(HELPER):
            front = sorted((BUILD / "helper/front").glob("*.o")) + [BUILD / "libicr.a"]
        for files in (front, [COMPLETE], [REWRITE]):
            with self.subTest(files):
                symbols = "".join(readelf("--symbols", file) for file in files)
                self.assertRegex(symbols, r" UND __stack_chk_fail")
                self.assertRegex(symbols, r" UND __\w+_chk")

    def test_libraries_on_demand_are_declared_and_not_linked(self):
        for program, library in ((COMPLETE, "libcurl.so.4"), (COMPLETE, "libsecret-1.so.0"),
                                 (REWRITE, "libcurl.so.4")):
            with self.subTest(program):
                needed = readelf("-d", program)
                for name in ("libcurl", "libsecret", "libglib", "libgio"):
                    self.assertNotIn(name, needed)
                self.assertIn(library, readelf("-p.note.dlopen", program))

    @unittest.skipIf(is_sanitized(HELPER), "the sanitizers bring their own")
    def test_what_clients_call_has_libc_and_little_of_it(self):
        """Each symbol to be looked up, and each library, is paid for at every start."""
        needed = [line for line in readelf("-d", HELPER).splitlines() if "(NEEDED)" in line]
        if is_static(HELPER):
            self.assertEqual(needed, [])
        else:
            self.assertEqual(len(needed), 1, needed)
            self.assertRegex(needed[0], r"\[libc\.")
        wanted = [line for line in readelf("--dyn-syms", HELPER).splitlines() if " UND " in line]
        self.assertLess(len(wanted), 100, wanted)
        loaded = re.findall(r"^ +LOAD .* 0x\w+ (\S.*?) +0x\w+$", readelf("-l", HELPER), re.MULTILINE)
        self.assertEqual(loaded, ["R E", "RW"])

    def test_what_clients_call_asks_no_user_database(self):
        """Nor names of hosts: the C library would load what other plugins its host has for them."""
        names = re.findall(r" (\w+)(?:@\S+)?(?: \(\d+\))?$", readelf("--symbols", HELPER), re.MULTILINE)
        self.assertIn("main", names)
        asking = r"_*(get(pw|gr|sp)(nam|uid|gid|ent)(_r)?|getaddrinfo|gethostby\w+|__nss_\w+)"
        self.assertEqual([name for name in names if re.fullmatch(asking, name)], [])
