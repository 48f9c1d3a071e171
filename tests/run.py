#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Runs the test suites, two at a time, each under a time limit, and counts their tests.

usage: run.py [--kinds unit,blackbox,fault,packaging,lab,boot,engines] [--valgrind] [NAME...]

NAME picks suites by a part of their name. What was skipped is listed with its reason. The last line
is "N passed, N failed, N skipped".
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tests.boot import root  # noqa: E402 (the path comes first)
from tests.common import BUILD, TOP  # noqa: E402
from tests.engines import trixie  # noqa: E402

LIMITS = {"unit": 120, "blackbox": 600, "fault": 900, "packaging": 1200, "lab": 900, "boot": 900,
          "engines": 900}
KINDS = tuple(LIMITS)
ENTERING = ("rewrite", "docker_config", "native", "surroundings", "face", "test-change", "test-state")
ENTER = str(TOP / "tests/lab/enter")


class Suite:
    def __init__(self, kind, name, command):
        self.kind, self.name, self.command = kind, name, command
        self.passed = self.failed = self.skipped = 0
        self.reasons = []  # one for each skipped test
        self.seconds, self.output = 0.0, ""

    def skip(self, reason):
        """The whole suite cannot run here; how many tests that are nobody can know: one."""
        self.skipped, self.reasons = 1, [reason]


def unit_suites(valgrind):
    prefix = []
    if valgrind:
        prefix = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                  "--errors-for-leak-kinds=definite", "--trace-children=no"]
    for source in sorted((TOP / "tests/unit").glob("test-*.c")):
        yield Suite("unit", f"unit/{source.stem}", prefix + [str(BUILD / "unit" / source.stem)])


def python_suites(kind):
    for source in sorted((TOP / "tests" / kind).glob("test_*.py")):
        command = [sys.executable, "-m", "unittest", "-v", f"tests.{kind}.{source.stem}"]
        # A black-box suite that plays IAM or a registry needs the lab's names and addresses.
        if (kind in ("lab", "boot", "engines") or
                re.search(r"^from tests\.lab\b", source.read_text(), re.M)):
            command = [ENTER] + command
        yield Suite(kind, f"{kind}/{source.stem}", command)


def enter_reason():
    """Why there can be no lab here, or None."""
    if os.geteuid() != 0:
        return "the lab needs root"
    done = subprocess.run([ENTER, "true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return None if done.returncode == 0 else done.stdout.strip() or "tests/lab/enter fails"


def prepare(suites):
    """Skips the suites that cannot run on this machine; makes what the booted ones need."""
    inside = [suite for suite in suites if suite.command[0] == ENTER]
    reason = enter_reason() if inside else None
    if reason:
        for suite in inside:
            suite.skip(reason)
        return {}
    more = {}
    engines = [suite for suite in inside if suite.kind == "engines"]
    if engines:
        try:
            more["ICR_ENGINES_ROOT"] = str(trixie.ensure(lambda text: print("  " + text,
                                                                            flush=True)))
        except trixie.Unavailable as error:
            for suite in engines:
                suite.skip(str(error))
    booted = [suite for suite in inside if suite.kind == "boot"]
    if not booted:
        return more
    reason = root.reason()
    if reason is None:
        try:
            return {**more, **root.variables(lambda text: print("  " + text, flush=True))}
        except root.Unavailable as error:
            reason = str(error)
    for suite in booted:
        suite.skip(reason)
    return more


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
    suite.reasons = [reason for _, reason in re.findall(r"\.\.\. skipped (['\"])(.*)\1$",
                                                        suite.output, re.M)]
    suite.reasons += ["no reason given"] * (suite.skipped - len(suite.reasons))
    suite.failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    if status != 0 or not match or int(match.group(1)) + suite.skipped == 0:
        suite.failed = max(suite.failed, 1)
    if match:
        suite.passed = max(0, int(match.group(1)) - suite.failed - suite.skipped)


def run(suite, more):
    if suite.skipped:
        return suite
    environment = dict(os.environ, ICR_BUILD=str(BUILD), PYTHONDONTWRITEBYTECODE="1", **more)
    environment["LSAN_OPTIONS"] = f"suppressions={TOP}/tests/lsan.supp:print_suppressions=0"
    # the leak checker cannot work under another tracer, nor in the trees that --root enters
    if suite.kind == "fault" or any(word in suite.name for word in ENTERING):
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


def tell(suite):
    if suite.failed:
        word = "FAIL"
    else:
        word = "ok" if suite.passed else "skip"
    extra = f", {suite.skipped} skipped" if suite.skipped else ""
    print(f"  {word:6} {suite.name} ({suite.passed} passed{extra}, {suite.seconds:.1f} s)",
          flush=True)
    if suite.failed:
        # Of -v, only what is not well.
        print(re.sub(r"^(?:\w+ \(\S+\)\n)?.* \.\.\. (?:ok|skipped .*)\n", "", suite.output,
                     flags=re.M), flush=True)


def tell_skipped(suites):
    """Every reason once, with the suites that have it and how many tests."""
    reasons = collections.defaultdict(collections.Counter)
    for suite in suites:
        for reason in suite.reasons:
            reasons[reason][suite.name] += 1
    if reasons:
        print("skipped:")
    for reason, names in sorted(reasons.items()):
        places = ", ".join(f"{name} ({count})" for name, count in sorted(names.items()))
        print(f"  {reason}: {places}")


def main():
    # started by nohup or in the background, or not: the suites see signals as a shell's children do
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    suites = []
    for kind in options.kinds.split(","):
        if kind not in KINDS:
            parser.error(f"no such kind: {kind}")
        suites += unit_suites(options.valgrind) if kind == "unit" else python_suites(kind)
    if options.names:
        suites = [suite for suite in suites if any(name in suite.name for name in options.names)]
    more = prepare(suites)
    # The long ones first, so that they do not stand alone at the end.
    suites.sort(key=lambda suite: -KINDS.index(suite.kind))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, s, more)
                                                       for s in suites]):
            tell(future.result())
    tell_skipped(suites)
    passed = sum(suite.passed for suite in suites)
    failed = sum(suite.failed for suite in suites)
    skipped = sum(suite.skipped for suite in suites)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
