# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The programs as they were linked: hardened, and without the libraries that are loaded on demand."""

import re
import subprocess
import unittest

from tests.blackbox.support import BUILD, COMPLETE, HELPER, REWRITE, REWRITE_COMPLETE


def readelf(option, program):
    return subprocess.run(["readelf", "-W", option, program], check=True, timeout=60,
                          capture_output=True, text=True).stdout


def is_sanitized(program):
    return "__asan_init" in readelf("--dyn-syms", program)


def is_static(program):
    return "INTERP" not in readelf("-l", program)


class BinariesTest(unittest.TestCase):
    def test_hardened(self):
        for program in (HELPER, COMPLETE, REWRITE, REWRITE_COMPLETE):
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
        fronts = [HELPER], [REWRITE]
        if is_static(HELPER):
            fronts = [[*sorted((BUILD / name / "front").glob("*.o")), BUILD / "libicr.a"]
                      for name in ("helper", "rewrite")]
        for files in (*fronts, [COMPLETE], [REWRITE_COMPLETE]):
            with self.subTest(files):
                symbols = "".join(readelf("--symbols", file) for file in files)
                self.assertRegex(symbols, r" UND __stack_chk_fail")
                self.assertRegex(symbols, r" UND __\w+_chk")

    def test_libraries_on_demand_are_declared_and_not_linked(self):
        for program, library in ((COMPLETE, "libcurl.so.4"), (COMPLETE, "libsecret-1.so.0"),
                                 (REWRITE_COMPLETE, "libcurl.so.4")):
            with self.subTest(program):
                needed = readelf("-d", program)
                for name in ("libcurl", "libsecret", "libglib", "libgio"):
                    self.assertNotIn(name, needed)
                self.assertIn(library, readelf("-p.note.dlopen", program))

    @unittest.skipIf(is_sanitized(HELPER), "the sanitizers bring their own")
    def test_fronts_have_libc_and_little_of_it(self):
        """Each symbol to be looked up, and each library, is paid for at every start."""
        for program, most in ((HELPER, 100), (REWRITE, 220)):
            with self.subTest(program):
                needed = [line for line in readelf("-d", program).splitlines() if "(NEEDED)" in line]
                if is_static(program):
                    self.assertEqual(needed, [])
                else:
                    self.assertEqual(len(needed), 1, needed)
                    self.assertRegex(needed[0], r"\[libc\.")
                symbols = readelf("--dyn-syms", program).splitlines()
                wanted = [line for line in symbols if " UND " in line]
                self.assertLess(len(wanted), most, wanted)
                loaded = re.findall(r"^ +LOAD .* 0x\w+ (\S.*?) +0x\w+$", readelf("-l", program),
                                    re.MULTILINE)
                self.assertEqual(loaded, ["R E", "RW"])

    def test_fronts_ask_no_user_database(self):
        """Nor names of hosts: the C library would load what other plugins its host has for them."""
        asking = r"_*(get(pw|gr|sp)(nam|uid|gid|ent)(_r)?|getaddrinfo|gethostby\w+|__nss_\w+)"
        for program in (HELPER, REWRITE):
            with self.subTest(program):
                names = re.findall(r" (\w+)(?:@\S+)?(?: \(\d+\))?$", readelf("--symbols", program),
                                   re.MULTILINE)
                self.assertIn("main", names)
                self.assertEqual([name for name in names if re.fullmatch(asking, name)], [])
