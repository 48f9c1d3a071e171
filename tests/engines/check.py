# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The table of engines in the README, measured: each row in a lab of its own.

usage: check.py [--update] [ROW...]      as root; rows stand in matrix.py

Prints the table. Exit status 1 when a cell of the README's table is not so, or when a pull over a
route costs more than a direct one. What cannot be had on this machine is said, and its row is "by
source". --update writes the table into the README, where rows that were not asked for stay.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.common import BUILD, TOP  # noqa: E402 (the path comes first)
from tests.engines import golang, matrix, npm, trixie  # noqa: E402

README = TOP / "README.md"
BEGIN, END = "<!-- engines: `make check-engines` -->", "<!-- end of engines -->"
HEAD = ("engine", "version", "route", *matrix.COLUMNS)
BY_SOURCE = "by source"
SECONDS = 300
BYTES = 0.02


def say(text):
    print("  " + text, file=sys.stderr, flush=True)


def measure(name, row, route):
    """What matrix.py says about a row."""
    command = [str(TOP / "tests/lab/enter"), sys.executable, "-m", "tests.engines.matrix", name,
               "--route", route]
    try:
        for need in row.needs:
            if need in trixie.SUITES:
                command += ["--debian", str(trixie.ensure(say, need))]
            elif need in npm.PACKAGES:
                command += ["--programs", str(npm.ensure(need, say))]
            else:
                command += ["--programs", str(golang.ensure(need, say))]
    except (trixie.Unavailable, golang.Unavailable, npm.Unavailable) as error:
        return {"absent": "%s: %s" % (need, error)}
    try:
        done = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True,
                              env={**os.environ, "ICR_BUILD": str(BUILD)}, text=True,
                              errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": "timed out after %d s" % SECONDS}
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": done.stdout + done.stderr}


def short(version):
    match = re.match(r"\d+(\.\d+)?", version)
    return match.group() if match else version


def table_row(row, route, outcome):
    cells = outcome.get("cells")
    words = [cells[column] for column in matrix.COLUMNS] if cells else (
        [BY_SOURCE if getattr(row.engine, operation) else matrix.NONE
         for operation in matrix.OPERATIONS] + [BY_SOURCE])
    return (row.name, short(outcome.get("version", row.version)), route, *words)


def table(rows, today):
    lines = [BEGIN, "Measured %s." % today, "", "| %s |" % " | ".join(HEAD),
             "|" + "---|" * len(HEAD)]
    lines += ["| %s |" % " | ".join(row) for row in rows]
    return "\n".join([*lines, END])


def claims():
    """{(engine, version, route): cells} of the README's table."""
    found = {}
    text = README.read_text().partition(BEGIN)[2].partition(END)[0]
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if len(cells) == len(HEAD) and cells != HEAD and not cells[0].startswith("--"):
            found[cells[:3]] = cells[3:]
    return found


def faults_of(claimed, measured, outcome):
    """Sentences about what is not as CLAIMED, and what a route must never cost."""
    found = ["%s: the README says %s, it is %s\n%s" % (operation, one, other,
                                                       outcome["notes"].get(operation, ""))
             for operation, one, other in zip(matrix.COLUMNS, claimed or (), measured)
             if one not in (other, BY_SOURCE)]
    found += outcome["faults"]
    if "bytes" in outcome and abs(outcome["bytes"] - 1) > BYTES:
        found.append("a pull carries %.4f of the bytes of a direct one" % outcome["bytes"])
    if "requests" in outcome and outcome["requests"][1] > outcome["requests"][0]:
        found.append("a pull takes %d requests, a direct one %d\n%s" % (
            *reversed(outcome["requests"]), outcome["notes"].get("requests", "")))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    for name in options.rows:
        if name not in matrix.ROWS:
            parser.error("no such row: %s; there are %s" % (name, ", ".join(matrix.ROWS)))
    if os.geteuid() != 0:
        sys.exit("check.py: the lab needs root")
    known, rows, failed, skipped, today = claims(), {}, 0, 0, datetime.date.today().isoformat()
    wanted = [(name, row, route) for name, row in matrix.ROWS.items() for route in row.routes]
    order = [table_row(row, route, {})[:3] for _, row, route in wanted]
    asked = [one for one in wanted if not options.rows or one[0] in options.rows]
    for name, row, route in asked:
        outcome = measure(name, row, route)
        if "absent" in outcome:
            skipped += 1
            say("%-20s skipped: %s" % (name, outcome["absent"]))
        elif "error" in outcome:
            failed += 1
            say("%-20s FAILED: %s" % (name, outcome["error"]))
            continue  # nothing is known of it, which is not what the table would say
        measured = table_row(row, route, outcome)
        rows[measured[:3]] = measured[3:]
        if "cells" not in outcome:
            continue
        faults = faults_of(known.get(measured[:3]), measured[3:], outcome)
        if measured[:3] not in order:
            faults.append("matrix.py has it with version %s" % row.version)
        failed += bool(faults)
        say("%-20s %s, route %s: %s; a pull: %s of the bytes, %s requests, direct %s" % (
            name, outcome["version"], route, ", ".join(measured[3:]), outcome.get("bytes"),
            *reversed(outcome.get("requests", (None, None)))))
        for fault in faults:
            say("FAILED: " + fault)
    for name, version, route, has in matrix.BY_SOURCE:
        order.append((name, version, route))
        rows[order[-1]] = (*(BY_SOURCE if operation in has else matrix.NONE
                             for operation in matrix.OPERATIONS), BY_SOURCE)
    # What the README has and nobody measured may only say that it was not.
    for key, cells in known.items():
        if key not in order and set(cells) - {BY_SOURCE, matrix.NONE}:
            failed += 1
            say("FAILED: the README claims what is in no row: %s" % " | ".join(key + cells))
    if options.update:
        before, _, rest = README.read_text().partition(BEGIN)
        whole = {**known, **rows}
        text = table([(*key, *whole[key]) for key in order if key in whole], today)
        README.write_text(before + text + rest.partition(END)[2])
    print(table([(*key, *rows[key]) for key in order if key in rows], today))
    print("%d passed, %d failed, %d skipped" % (len(asked) - failed - skipped, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
