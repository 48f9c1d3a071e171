# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The pages of docs/: the figures are those that the simulation prints, the picture is sound."""

import re
import sys
import unittest
import xml.dom.minidom

from tests.packaging.support import TOP, must

SCALE = (TOP / "docs/scale.md").read_text()


class ScaleTest(unittest.TestCase):
    def test_the_figures_are_those_of_the_simulation(self):
        printed = must([sys.executable, "tests/bench/fleet.py", "--hosts", "10000"], cwd=TOP)
        rows = [line for line in printed.splitlines() if line.startswith("|")]
        self.assertGreater(len(rows), 14)
        for row in rows:
            self.assertIn(row + "\n", SCALE)

    def test_what_is_simulated_is_what_was_measured(self):
        text = (TOP / "tests/bench/fleet.py").read_text()
        queries, handshakes, size = re.search(r"^QUERIES, HANDSHAKES, BYTES = (\d+), (\d+), (\d+)$",
                                              text, re.M).groups()
        row = re.search(r"^\| `refresh`, one region .*\| (\d+) \| (\d+) \| \d+ \| (\d+) kB \|$", SCALE,
                        re.M).groups()
        self.assertEqual(row, (queries, handshakes, str(round(int(size) / 1000))))


class PictureTest(unittest.TestCase):
    def test_routes(self):
        path = TOP / "docs/routes.svg"
        self.assertLess(path.stat().st_size, 6000)
        document = xml.dom.minidom.parse(str(path))
        self.assertFalse(document.getElementsByTagName("script"))
        self.assertTrue(document.getElementsByTagName("title"))
        text = path.read_text()
        self.assertNotIn("href", text)
        # Every class has its colour in the dark as well.
        light, dark = re.search(r"<style>(.*?)@media \(prefers-color-scheme: dark\) \{(.*)</style>", text,
                                re.S).groups()
        selectors = r"(?:\.|\b)(text|[a-z]+) \{"
        self.assertEqual(set(re.findall(selectors, light)), set(re.findall(selectors, dark)))
