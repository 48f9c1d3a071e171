#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Runs the test suites, two at a time, each under a time limit, and counts their tests.

usage: run.py [--kinds unit,blackbox,fault,packaging,lab] [--valgrind] [NAME...]

NAME picks suites by a part of their name. The last line is "N passed, N failed, N skipped".
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("ICR_BUILD") or TOP / "build").resolve()
LIMITS = {"unit": 120, "blackbox": 600, "fault": 900, "packaging": 1200, "lab": 900}
KINDS = tuple(LIMITS)


class Suite:
    def __init__(self, kind, name, command):
        self.kind, self.name, self.command = kind, name, command
        self.passed = self.failed = self.skipped = 0
        self.seconds, self.output = 0.0, ""


def unit_suites(valgrind):
    prefix = []
    if valgrind:
        prefix = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                  "--errors-for-leak-kinds=definite", "--trace-children=no"]
    for source in sorted((TOP / "tests/unit").glob("test-*.c")):
        yield Suite("unit", f"unit/{source.stem}", prefix + [str(BUILD / "unit" / source.stem)])


def python_suites(kind):
    for source in sorted((TOP / "tests" / kind).glob("test_*.py")):
        command = [sys.executable, "-m", "unittest", f"tests.{kind}.{source.stem}"]
        # A black-box suite that plays IAM or a registry needs the lab's names and addresses.
        if kind == "lab" or re.search(r"^from tests\.lab\b", source.read_text(), re.M):
            command = [str(TOP / "tests/lab/enter")] + command
        yield Suite(kind, f"{kind}/{source.stem}", command)


def count_unit(suite, status):
    match = re.search(r"^.*: (\d+) of (\d+) tests run, (\d+) failure records$", suite.output, re.M)
    asserts = re.search(r"^\s*tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", suite.output, re.M)
    if not match:
        suite.failed = 1
        return
    registered = int(match.group(2))
    failed = int(asserts.group(4)) if asserts else 0
    if status != 0:
        failed = max(failed, 1)
    suite.failed, suite.passed = failed, registered - failed


def count_python(suite, status):
    match = re.search(r"^Ran (\d+) tests? in", suite.output, re.M)
    tail = suite.output[match.end():] if match else ""
    numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", tail)}
    suite.skipped = numbers.get("skipped", 0)
    suite.failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    if status != 0 or not match or int(match.group(1)) == 0:
        suite.failed = max(suite.failed, 1)
    if match:
        suite.passed = max(0, int(match.group(1)) - suite.failed - suite.skipped)


def run(suite):
    environment = dict(os.environ, ICR_BUILD=str(BUILD), PYTHONDONTWRITEBYTECODE="1")
    environment["LSAN_OPTIONS"] = f"suppressions={TOP}/tests/lsan.supp:print_suppressions=0"
    if suite.kind == "fault":  # the leak checker cannot work under another tracer
        environment["ASAN_OPTIONS"] = "detect_leaks=0"
    begin = time.monotonic()
    child = subprocess.Popen(suite.command, cwd=TOP, env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", start_new_session=True)
    try:
        suite.output, _ = child.communicate(timeout=LIMITS[suite.kind])
        status = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        suite.output, _ = child.communicate()
        suite.output += f"\ntimed out after {LIMITS[suite.kind]} s\n"
        status = -1
    suite.seconds = time.monotonic() - begin
    (count_unit if suite.kind == "unit" else count_python)(suite, status)
    return suite


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    suites = []
    for kind in options.kinds.split(","):
        suites += unit_suites(options.valgrind) if kind == "unit" else python_suites(kind)
    if options.names:
        suites = [suite for suite in suites if any(name in suite.name for name in options.names)]
    # The long ones first, so that they do not stand alone at the end.
    suites.sort(key=lambda suite: -KINDS.index(suite.kind))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, s) for s in suites]):
            suite = future.result()
            word = "FAIL" if suite.failed else "ok"
            extra = f", {suite.skipped} skipped" if suite.skipped else ""
            print(f"  {word:6} {suite.name} ({suite.passed} passed{extra}, {suite.seconds:.1f} s)",
                  flush=True)
            if suite.failed:
                print(suite.output, flush=True)
    passed = sum(suite.passed for suite in suites)
    failed = sum(suite.failed for suite in suites)
    skipped = sum(suite.skipped for suite in suites)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
