#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""How often a fleet asks IAM for tokens, minute by minute, by the rules of helper/cache.c.

usage: fleet.py [--hosts 10000] [--boot SECONDS] [--pull SECONDS] [--life SECONDS] [--hours 24]

All hosts boot within --boot seconds; each asks for a credential every --pull seconds from then on,
at a moment of its own. Exit 1 when some minute after the boot has more calls than --most. The first
token of a host cannot wait: the boot's own minutes are counted apart.
"""

import argparse
import collections
import pathlib
import random
import re
import sys

CACHE = pathlib.Path(__file__).resolve().parents[2] / "helper/cache.c"


def constant(name, text=CACHE.read_text(encoding="ascii")):
    return int(re.search(r"^#define %s\s+(\d+)" % name, text, re.M).group(1))


RENEW_FROM, RENEW_TO = constant("RENEW_FROM"), constant("RENEW_TO")
LAST_SECONDS = constant("LAST_SECONDS")


def renewal(life, chance):
    """The age at which a token is renewed; as in cache.c."""
    return life * RENEW_FROM // 100 + int(life * (RENEW_TO - RENEW_FROM) // 100 * chance.random())


def simulate(options):
    """{minute: calls}"""
    chance, calls = random.Random(1), collections.Counter()
    end = options.hours * 3600
    for _ in range(options.hosts):
        booted = chance.random() * options.boot
        obtained, renew = booted, renewal(options.life, chance)
        calls[int(booted // 60)] += 1
        while True:
            # the first pull at which the token is due; it is dead after life - LAST_SECONDS anyway
            due = obtained + min(renew, options.life - LAST_SECONDS)
            obtained = booted + -(-(due - booted) // options.pull) * options.pull
            if obtained >= end:
                break
            calls[int(obtained // 60)] += 1
            renew = renewal(options.life, chance)
    return calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("hosts", 10000), ("boot", 60), ("pull", 30), ("life", 3600),
                          ("hours", 24), ("most", 3000)):
        parser.add_argument("--" + name, type=int, default=default)
    options = parser.parse_args()
    calls = simulate(options)
    boot_minutes = -(-options.boot // 60)
    later = {minute: count for minute, count in calls.items() if minute >= boot_minutes}
    worst = max(later, key=later.get)
    print("%d hosts, tokens of %d s, a pull every %d s: %d calls at boot; afterwards at most %d a "
          "minute (minute %d), %.0f on average" % (
              options.hosts, options.life, options.pull,
              sum(calls[minute] for minute in range(boot_minutes)), later[worst], worst,
              sum(later.values()) / (options.hours * 60 - boot_minutes)))
    return 1 if later[worst] > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
