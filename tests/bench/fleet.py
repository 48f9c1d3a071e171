#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What a fleet asks of the name server, the registry and IAM, second by second: simulated by the
rules of packaging/systemd/icr-rewrite.timer.in and helper/cache.c, with the costs that
tests/bench/cost.py measures.

usage: fleet.py [--hosts N,N] [--pull SECONDS] [--life SECONDS] [--boot SECONDS] [--outage MINUTES]

Prints two tables: refreshes of the route, and exchanges of tokens. The same seed every time.
"""

import argparse
import collections
import pathlib
import random
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
CACHE, TIMER = TOP / "helper/cache.c", TOP / "packaging/systemd/icr-rewrite.timer.in"

# Of one refresh of one region with two private addresses, and of one exchange: cost.py.
QUERIES, HANDSHAKES, BYTES = 8, 6, 22774
TOKEN_BYTES = 5491
# A refresh takes so long; that of a dead private network waits for its connections.
REFRESH_SECONDS, DEAD_SECONDS = 0.4, 4
# systemd's, where the unit says nothing: it wakes at a second of the minute that is the boot's own.
ACCURACY = 60


def constant(name, text=CACHE.read_text(encoding="ascii")):
    return int(re.search(r"^#define %s\s+(\d+)" % name, text, re.M).group(1))


def setting(name, text=TIMER.read_text(encoding="ascii")):
    number, unit = re.search(r"^%s=(\d+)(min|s)$" % name, text, re.M).groups()
    return int(number) * (60 if unit == "min" else 1)


RENEW_FROM, RENEW_TO = constant("RENEW_FROM"), constant("RENEW_TO")
LAST_SECONDS, RENEW_AGAIN = constant("LAST_SECONDS"), constant("RENEW_AGAIN")
FAILED_SECONDS = constant("FAILED_SECONDS")
ACTIVE, INACTIVE = setting("OnActiveSec"), setting("OnUnitInactiveSec")
JITTER = setting("RandomizedDelaySec")


def elapse(base, offset, chance):
    """When a timer that is due after BASE fires, on a host that wakes at OFFSET of its minutes."""
    due = base + JITTER * chance.random()
    return due + (offset - due) % ACCURACY


def refreshes(hosts, boot, outage, seconds, chance):
    """{second: refreshes}. All hosts boot within BOOT seconds; the private network is dead from
    OUTAGE[0] to OUTAGE[1]."""
    calls = collections.Counter()
    for _ in range(hosts):
        booted, offset = boot * chance.random(), ACCURACY * chance.random()
        # The service of the boot has no jitter; the timer is started with the host.
        calls[int(booted)] += 1
        now = elapse(booted + ACTIVE, offset, chance)
        while now < seconds:
            calls[int(now)] += 1
            dead = outage and outage[0] <= now < outage[1]
            now = elapse(now + (DEAD_SECONDS if dead else REFRESH_SECONDS) + INACTIVE, offset, chance)
    return calls


def renewal(life, chance):
    """The age at which a token is renewed; as in cache.c."""
    return life * RENEW_FROM // 100 + int(life * (RENEW_TO - RENEW_FROM) // 100 * chance.random())


def tokens(hosts, boot, outage, seconds, chance, pull, life):
    """{second: calls of IAM}. Each host wants a token every PULL seconds, at moments of its own;
    IAM fails from OUTAGE[0] to OUTAGE[1]."""
    calls = collections.Counter()
    for _ in range(hosts):
        booted = boot * chance.random()
        due, dies = booted, booted
        while True:
            # the first pull at which the token is due, or dead
            now = booted + max(0, -(-(min(due, dies) - booted) // pull)) * pull
            if now >= seconds:
                break
            calls[int(now)] += 1
            if not outage or not outage[0] <= now < outage[1]:
                due, dies = now + renewal(life, chance), now + life - LAST_SECONDS
            elif now < dies:  # it serves on
                due = now + RENEW_AGAIN
            else:
                due = dies = now + FAILED_SECONDS
    return calls


def peak(calls, begin, end):
    return max((calls[second] for second in range(int(begin), int(end))), default=0)


def mean(calls, begin, end):
    return sum(calls[second] for second in range(int(begin), int(end))) / (end - begin)


def number(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def row(name, hosts, calls, window, weights):
    """A line of the table: how many a second, on average and at most, and what the most costs."""
    most = peak(calls, *window)
    cells = [name, f"{hosts:,}", number(mean(calls, *window)), number(most)]
    cells += ["-" if weight is None else number(most * weight) for weight in weights]
    print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--hosts", default="10000,100000")
    for name, default in (("boot", 60), ("pull", 30), ("life", 3600), ("outage", 60)):
        parser.add_argument("--" + name, type=int, default=default)
    options = parser.parse_args()
    fleets = [int(word) for word in options.hosts.split(",")]
    hour, boot = 3600, options.boot
    outage = (4 * hour, 4 * hour + 60 * options.outage)
    after = (outage[1], outage[1] + 600)
    last = outage[1] + 2 * hour
    bits = 8 / 1e6

    print("| refreshes of the route | hosts | a second | at most | handshakes/s | queries/s | Mbit/s |")
    print("|---|---|---|---|---|---|---|")
    weights = (HANDSHAKES, QUERIES, BYTES * bits)
    for hosts in fleets:
        spread = refreshes(hosts, 2 * hour, None, last, random.Random(1))
        row("steady, booted over two hours", hosts, spread, (4 * hour, last), weights)
        storm = refreshes(hosts, boot, outage, last, random.Random(1))
        row(f"all booted within {boot} s: that minute", hosts, storm, (0, boot), weights)
        row("the first hour after it", hosts, storm, (boot, hour), weights)
        row("hours two to four", hosts, storm, (hour, 4 * hour), weights)
        row(f"private network dead for {options.outage} min", hosts, storm, outage, (None, QUERIES, None))
        row("the ten minutes after it", hosts, storm, after, weights)

    print()
    print("| exchanges of tokens | hosts | a second | at most | Mbit/s |")
    print("|---|---|---|---|---|")
    weights = (TOKEN_BYTES * bits,)
    for hosts in fleets:
        spread = tokens(hosts, 2 * hour, None, last, random.Random(1), options.pull, options.life)
        row("steady, booted over two hours", hosts, spread, (4 * hour, last), weights)
        storm = tokens(hosts, boot, outage, last, random.Random(1), options.pull, options.life)
        row(f"all booted within {boot} s: that minute", hosts, storm, (0, boot), weights)
        row("the four hours after it", hosts, storm, (boot, 4 * hour), weights)
        row(f"IAM dead for {options.outage} min", hosts, storm, outage, weights)
        row("the ten minutes after it", hosts, storm, after, weights)
        row("then", hosts, storm, (after[1], last), weights)


if __name__ == "__main__":
    main()
