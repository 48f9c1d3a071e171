# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The main job for real, as a story: `make demo`. Runs inside tests/lab/enter.

Real: docker, dockerd, docker-registry, our two programs, TLS, DNS, /etc/hosts. Played: the IBM
Cloud around them, by two private addresses and a public one of a network namespace.
"""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.common import TOP, read  # noqa: E402 (the path comes first)
from tests.lab import lab as labs  # noqa: E402

IMAGE = "us.icr.io/demo/hello:1"
CONFIG = os.path.join(labs.HOME, ".docker/config.json")


class Story:
    def __init__(self, lab):
        self.lab = lab
        self.number = self.before_pull = 0

    def step(self, title):
        self.number += 1
        print("\n%d. %s" % (self.number, title), flush=True)

    def say(self, text):
        for line in text.splitlines():
            print("   " + line, flush=True)

    def run(self, *argv, stdin="", stands_for=None, expected=0):
        """Types a command, shows what it says; any other exit status than EXPECTED ends it all."""
        self.say("$ " + (stands_for or " ".join(argv)))
        done = labs.run(*argv, stdin=stdin)
        self.say(done.stdout + done.stderr)
        if done.returncode != expected:
            raise SystemExit("demo: %s: exit %d, not %d" % (argv[0], done.returncode, expected))
        return done

    def check(self, truth, text):
        if not truth:
            raise SystemExit("demo: FAILED: " + text)
        self.say("=> " + text)


def prepare():
    """What packages and an admin have done before: the units are there, and on this host, which has
    no desktop keyring, the helper keeps keys in a file of its own."""
    for name in ("icr-rewrite.service", "icr-rewrite-boot.service", "icr-rewrite.timer"):
        unit = read(os.path.join(TOP, "packaging/systemd", name + ".in"))
        labs.Lab.write("/etc/systemd/system/" + name, unit.replace(b"@SBINDIR@", b"/usr/sbin"))
    labs.Lab.write(os.path.join(labs.HOME, ".config/docker-credential-icr/config.json"),
                   '{"stores": ["file"]}\n')


def check(story):
    story.step("Prove the private network. Nothing is changed by that.")
    story.run("icr-rewrite", "check", "--regions", "us")


def apply(story):
    story.step("Put the public name on it.")
    story.run("icr-rewrite", "plan", "--regions", "us", expected=3)
    story.run("icr-rewrite", "apply", "--regions", "us")
    story.check(b"us.icr.io" in read("/etc/hosts"), "/etc/hosts steers us.icr.io")
    story.run("icr-rewrite", "status")


def log_in(story):
    story.step("Log in, with the helper for the ICR names. The key is made up.")
    story.run("docker-credential-icr", "configure", "--regions", "us")
    story.run("docker", "login", "us.icr.io", "--username", "iamapikey", "--password-stdin",
              stdin=labs.API_KEY, stands_for="docker login us.icr.io --username iamapikey "
              "--password-stdin < key")
    story.run("cat", CONFIG, stands_for="cat ~/.docker/config.json")
    config = read(CONFIG).decode()
    story.check(labs.API_KEY not in config and '"auth":' not in config,
                "no key in config.json, in no encoding")
    logins = [line for line in story.lab.log() if line["user"] == "iamapikey"]
    story.check(logins and all(line["role"] == "private" for line in logins),
                "the key went to the private network only")


def pull(story):
    story.step("Pull. Same name, same key, no engine restarted.")
    story.before_pull = len(story.lab.log())
    story.run("docker", "pull", IMAGE)


def show_log(story):
    story.step("What the registry saw of that pull, on all its addresses, public and private.")
    form = "%-14s %-10s %-4s %-58s %-10s %s"
    story.say(form % ("address", "TLS name", "", "path", "user", "status"))
    lines = story.lab.log()[story.before_pull:]
    for line in lines:
        path = line["path"] if len(line["path"]) < 58 else line["path"][:55] + "..."
        story.say(form % (line["address"], line["sni"], line["method"], path, line["user"] or "-",
                          line["status"]))
    served = [line for line in lines if line["status"] < 400]
    private = set(labs.REGIONS["us"]["private_addresses"])
    story.check(served and {line["address"] for line in lines} <= private,
                "every request arrived at a private address")
    story.check({line["user"] for line in served} == {"iamapikey"},
                "everything was served to iamapikey; the one without a user is the challenge")
    story.check(any("/blobs/" in line["path"] for line in served),
                "manifest and layers came that way")


def assert_private(story):
    public = story.lab.connections(role="public") + story.lab.connections(role="download")
    story.check(not public, "from first to last not one connection to a public address of the registry")


def undo(story, before):
    story.step("Undo.")
    story.run("icr-rewrite", "undo")
    story.check(read("/etc/hosts") == before, "/etc/hosts is byte for byte what it was")
    story.check(not os.path.exists("/var/lib/icr-rewrite/state.json"), "no state is left")


def main():
    begin = time.monotonic()
    for program in ("docker-credential-icr", "icr-rewrite"):
        if not os.access(os.path.join(labs.BUILD, program), os.X_OK):
            raise SystemExit("demo: %s/%s is not built: run make" % (labs.BUILD, program))
    before = read("/etc/hosts")
    with labs.Lab(regions=("us",), dockerd=True) as lab:
        lab.store_image("demo/hello", "1")
        region = labs.REGIONS["us"]
        engine = lab.dockerd.info()["ServerVersion"]
        print("A Docker host (Engine %s) in a network of its own. The registry answers there as\n"
              "us.icr.io at %s (public) and as private.us.icr.io at %s (private).\n"
              "No systemd runs in this small machine, and `apply` says so: on a host, its timer\n"
              "proves the addresses anew every few minutes." %
              (engine, region["public_addresses"][0], " and ".join(region["private_addresses"])))
        prepare()
        story = Story(lab)
        check(story)
        apply(story)
        log_in(story)
        pull(story)
        show_log(story)
        undo(story, before)
        assert_private(story)
    print("\ndemo: all of it holds (%.0f s)" % (time.monotonic() - begin))


if __name__ == "__main__":
    main()
