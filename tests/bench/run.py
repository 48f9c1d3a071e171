#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""make bench: what the programs cost, as ratios to named peers measured in the same run.

Figures of one run belong together; milliseconds of two runs do not compare. Nothing here fails
for being slow: it prints, and people judge. It fails when a command does not do its job.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ICR_BUILD") or TOP / "build").resolve()
HELPER = str(BUILD / "docker-credential-icr")
REWRITE = str(BUILD / "icr-rewrite")
SECRET = "made-up-key-for-the-benchmark-0123456789abcd"
ROUNDS = 200


def environment(home):
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
            "GNUPGHOME": str(home / "gnupg")}
    for folder in ("gnupg", "run"):
        (home / folder).mkdir(mode=0o700, exist_ok=True)
    return kept


def quietly(command, env, text=None):
    done = subprocess.run(command, env=env, input=text, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def measure(title, rows, env, rounds=ROUNDS, peers=()):
    """rows: (label, input file, command, expected exit status); the first is what others are
    compared with."""
    words = []
    for _, source, command, _ in rows:
        words += (["--"] if words else []) + [str(source)] + command
    lines = quietly([str(BUILD / "bench"), str(rounds)] + words, env).splitlines()
    print(f"\n{title} ({rounds} rounds, in turn; ratio: wall time to the first row)")
    print(f"  {'command':44}{'median ms':>10}{'CPU ms':>8}{'ratio':>8}{'5-95 %':>13}{'kB':>8}")
    medians = {}
    for (label, _, _, expected), line in zip(rows, lines):
        wall, _, cpu, low, middle, high, peak, status = line.split()
        medians[label] = float(wall)
        print(f"  {label:44}{wall:>10}{cpu:>8}{middle:>8}{low + '-' + high:>13}{peak:>8}")
        if int(status) != expected:
            sys.exit(f"bench: {label}: exit {status}, expected {expected}")
    for ours, peer in peers:
        print(f"  {ours} / {peer}: {medians[ours] / medians[peer]:.2f}")


def instructions(rows, env):
    print("\nInstructions in user space, dynamic loader included (callgrind)")
    for label, source, command in rows:
        with open(source, "rb") as stdin:
            done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
                                  + command, env=env, stdin=stdin, capture_output=True, text=True,
                                  timeout=120)
        match = re.search(r"Collected : (\d+)", done.stderr)
        print(f"  {label:44}{int(match.group(1)) / 1e6:>10.3f} M")


def mapped(command, source, env):
    """Which of the heavy libraries the dynamic loader opens while the command runs."""
    with open(source, "rb") as stdin:
        done = subprocess.run(command, env=dict(env, LD_DEBUG="files"), stdin=stdin,
                              capture_output=True, text=True, timeout=60)
    found = set(re.findall(r"file=(lib(?:curl|secret|glib|gio|gobject|gcrypt|ssl)[^ ]*)", done.stderr))
    return ", ".join(sorted(found)) or "none"


def make_pass_store(home, env):
    quietly(["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "bench"], env)
    quietly(["pass", "init", "bench"], env)


def keyring_rows(hit):
    return [("/bin/true", "/dev/null", ["/bin/true"], 0),
            ("docker-credential-icr get, libsecret", hit, [HELPER, "get"], 0),
            ("docker-credential-secretservice get", hit, ["docker-credential-secretservice", "get"], 0),
            ("secret-tool lookup", "/dev/null",
             ["secret-tool", "lookup", "server", "us.icr.io", "docker_cli", "1"], 0)]


def inside_bus(home):
    """Second half, called again inside a private bus with an unlocked keyring."""
    env = dict(environment(home), DBUS_SESSION_BUS_ADDRESS=os.environ["DBUS_SESSION_BUS_ADDRESS"],
               XDG_RUNTIME_DIR=str(home / "run"))
    daemon = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock",
                               "--components=secrets"], env=env, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        daemon.stdin.write(b"throw-away")
        daemon.stdin.close()
        quietly(["gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.secrets"], env)
        message = json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": SECRET})
        quietly(["docker-credential-secretservice", "store"], env, message)
        # The item is read by attributes, so one stored by the peer serves all three.
        measure("Desktop keyring, unlocked gnome-keyring on a private bus",
                keyring_rows(home / "hit"), env, 50)
    finally:
        daemon.terminate()
        daemon.wait(20)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--inside-bus":
        return inside_bus(pathlib.Path(sys.argv[2]))
    with tempfile.TemporaryDirectory(prefix="icr-bench-") as folder:
        home = pathlib.Path(folder)
        env = environment(home)
        hit, miss, root = home / "hit", home / "miss", home / "root"
        hit.write_text("us.icr.io\n")
        miss.write_text("de.icr.io\n")
        message = json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": SECRET})
        make_pass_store(home, env)
        quietly(["docker-credential-pass", "store"], env, message)
        quietly([HELPER, "store"], env, message)
        (root / "etc/docker").mkdir(parents=True)
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (root / "etc/docker/daemon.json").write_text('{"registry-mirrors": ["https://us.icr.io"]}\n')
        apply = [REWRITE, "apply", "--offline", "--root", str(root), "--regions", "us"]
        quietly(apply, env)
        null = "/dev/null"
        rows = [("/bin/true", null, ["/bin/true"], 0),
                ("docker-credential-icr get, file, hit", hit, [HELPER, "get"], 0),
                ("docker-credential-icr get, file, miss", miss, [HELPER, "get"], 1),
                ("docker-credential-icr list", null, [HELPER, "list"], 0),
                ("docker-credential-icr version", null, [HELPER, "version"], 0),
                ("icr-rewrite apply --offline, no change", null, apply, 0)]
        measure("File store, no bus", rows, env)
        peers = [rows[0], rows[1],
                 ("docker-credential-pass get, hit", hit, ["docker-credential-pass", "get"], 0),
                 ("docker-credential-pass version", null, ["docker-credential-pass", "version"], 0),
                 ("docker-credential-secretservice version", null,
                  ["docker-credential-secretservice", "version"], 0),
                 rows[4]]
        measure("Peers of Debian, same secret", peers, env, 50,
                [("docker-credential-icr get, file, hit", "docker-credential-pass get, hit"),
                 ("docker-credential-icr version", "docker-credential-pass version"),
                 ("docker-credential-icr version", "docker-credential-secretservice version")])
        instructions([(label, source, command) for label, source, command, _ in rows], env)
        print("\nHeavy libraries mapped: get, file, hit:", mapped([HELPER, "get"], hit, env))
        sys.stdout.flush()
        subprocess.run(["dbus-run-session", "--", sys.executable, __file__, "--inside-bus", folder],
                       env=dict(env, ICR_BUILD=str(BUILD)), check=True, timeout=300)
        subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False, timeout=30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
