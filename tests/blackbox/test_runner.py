# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What tests/run.py makes of a suite's output: a skipped test is told with its reason, and nothing
that failed or never ran counts as passed."""

import contextlib
import io
import unittest

from tests import run

OUTPUT = """\
test_a (tests.x.test_y.Z.test_a) ... ok
test_b (tests.x.test_y.Z.test_b)
What it is about. ... skipped 'no tool'
test_c (tests.x.test_y.Z.test_c) ... skipped "somebody's tool is missing"
test_d (tests.x.test_y.Z.test_d) ... %s

----------------------------------------------------------------------
Ran 4 tests in 0.100s

%s
"""


class Runner(unittest.TestCase):
    def suite(self, last, verdict, status):
        suite = run.Suite("blackbox", "blackbox/test_y", ["true"])
        suite.output = OUTPUT % (last, verdict)
        run.count_python(suite, status)
        return suite

    def told(self, function, argument):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            function(argument)
        return out.getvalue()

    def test_skipped_tests_are_told_with_their_reasons(self):
        suite = self.suite("ok", "OK (skipped=2)", 0)
        self.assertEqual((suite.passed, suite.failed, suite.skipped), (2, 0, 2))
        self.assertEqual(self.told(run.tell_skipped, [suite]),
                         "skipped:\n  no tool: blackbox/test_y (1)\n"
                         "  somebody's tool is missing: blackbox/test_y (1)\n")
        self.assertIn("  ok     blackbox/test_y (2 passed, 2 skipped, ", self.told(run.tell, suite))

    def test_of_a_failed_suite_only_the_failures_are_shown(self):
        suite = self.suite("FAIL", "FAILED (failures=1, skipped=2)", 1)
        self.assertEqual((suite.passed, suite.failed, suite.skipped), (1, 1, 2))
        told = self.told(run.tell, suite)
        self.assertIn("test_d (tests.x.test_y.Z.test_d) ... FAIL\n", told)
        for line in ("test_a", "test_b", "What it is about", "test_c"):
            self.assertNotIn(line, told)

    def test_a_suite_that_says_nothing_has_failed(self):
        suite = run.Suite("unit", "unit/test-x", ["true"])
        run.count_unit(suite, 0)
        self.assertEqual(suite.failed, 1)
        suite = run.Suite("blackbox", "blackbox/test_y", ["true"])
        run.count_python(suite, 0)
        self.assertEqual(suite.failed, 1)

    def test_a_suite_that_cannot_run_here_is_skipped(self):
        suite = run.Suite("lab", "lab/test_y", ["false"])
        suite.skip("the lab needs root")
        self.assertIs(run.run(suite, {}), suite)
        self.assertIn("  skip   lab/test_y (0 passed, 1 skipped, ", self.told(run.tell, suite))
        self.assertEqual(self.told(run.tell_skipped, [suite]),
                         "skipped:\n  the lab needs root: lab/test_y (1)\n")
