# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""status says 0 only of what is in force and was proven lately, and why not otherwise."""

import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

from . import lab as labs
from .case import HOSTS, PRIVATE_US, LabCase, read

PRIVATE_DE = labs.REGIONS["de"]["private_addresses"]
PRIVATE_GLOBAL = labs.REGIONS["global"]["private_addresses"]
LAST = "/run/icr-rewrite/last.json"
NSSWITCH = "/etc/nsswitch.conf"


class Status(LabCase):
    settings = {"registry": False}

    def restore_last(self):
        shutil.rmtree("/run/icr-rewrite", ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.restore_last()
        self.addCleanup(self.restore_last)

    def status(self, code, *options):
        done = self.lab.rewrite("status", *options)
        self.assert_code(code, done)
        return done

    def json(self, code):
        return json.loads(self.status(code, "--json").stdout)

    def name(self, told, name="us.icr.io"):
        return next(item for item in told["names"] if item["name"] == name)

    def problems(self, *needles):
        """Exit 3, with each of NEEDLES in the problems; text and JSON say the same."""
        told, text = self.json(3), self.status(3).stdout
        self.assertFalse(told["in_force"], told)
        for needle in needles:
            self.assertTrue([line for line in told["problems"] if re.search(needle, line)], told)
        for line in told["problems"]:
            self.assertIn(f"problem: {line}\n", text)
        return told

    def age(self, seconds):
        """As if all of it had happened SECONDS earlier."""
        last = json.loads(read(LAST))
        for item in [*last["regions"], last["run"]]:
            item["at"] -= seconds
            item["uptime"] -= seconds
        with open(LAST, "w", encoding="ascii") as file:
            json.dump(last, file)


class Proven(Status):
    def test_all_is_well(self):
        self.apply()
        told = self.json(0)
        self.assertEqual((told["applied"], told["in_force"], told["drift"], told["problems"]),
                         (True, True, False, []))
        self.assertEqual(self.name(told)["leads"], "block")
        self.assertEqual(sorted(self.name(told)["addresses"]), sorted(PRIVATE_US))
        region = told["regions"][0]
        self.assertTrue(region["proven"])
        self.assertLess(abs(time.time() - region["last_proven"]), 60)
        self.assertEqual((told["last_refresh"]["verb"], told["last_refresh"]["ok"]),
                         ("apply", True))
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(self.json(0)["last_refresh"]["verb"], "refresh")
        text = self.status(0).stdout
        self.assertRegex(text, r"\Aapplied: route hosts, fallback never; in force\n"
                               r"last refresh: \d+ s ago, all went well\n"
                               r"us\.icr\.io: private, by the block in /etc/hosts -> ")
        self.assertNotIn("br.icr.io", text, "what is neither applied nor used buries the answer")
        self.assertIn("\nbr.icr.io: does not resolve", self.status(0, "--all").stdout)

    def test_dead_since(self):
        self.apply()
        self.lab.timeout(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("refresh"))
        told = self.problems("the last refresh failed: .*private.us.icr.io")
        self.assertFalse(told["last_refresh"]["ok"])
        self.assertTrue(told["regions"][0]["proven"], "some minutes ago it was")
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.lab.rewrite("refresh"))
        self.status(0)

    def test_all_of_the_dead_are_named(self):
        self.apply(regions="us,de,global")
        self.lab.timeout(*PRIVATE_US, *PRIVATE_DE, *PRIVATE_GLOBAL)
        done = self.lab.rewrite("refresh")
        self.assert_code(4, done)
        self.assertIn("nor can be proven: private.us.icr.io, private.de.icr.io\n", done.stderr)
        self.problems("the last refresh failed: private.icr.io: .*timed out; "
                      "nor can be proven: private.us.icr.io, private.de.icr.io$")

    def test_an_apply_makes_no_dead_region_well(self):
        """Without --regions it goes on with what is proven, and says and records what is not."""
        self.apply(regions="us,de")
        self.lab.timeout(*PRIVATE_DE)
        for options in ((), ("--quiet",)):
            done = self.run_ok(self.lab.rewrite("apply", *options))
            self.assertRegex(done.stderr, r"de\.icr\.io: cannot be proven now, the last proven addresses "
                                          r"stay: .*timed out\n")
        told = self.problems("the last apply failed: private.de.icr.io: .*timed out$")
        self.assertEqual((told["last_refresh"]["verb"], told["last_refresh"]["ok"]), ("apply", False))
        self.lab.revive(*PRIVATE_DE)
        self.assertEqual(self.run_ok(self.lab.rewrite("apply", "--quiet")).stderr, "")
        self.status(0)

    def test_why_a_name_is_closed(self):
        """Also where the run was content with others."""
        self.lab.timeout(*PRIVATE_DE)
        self.run_ok(self.lab.rewrite("apply", "--regions", "all"))
        self.run_ok(self.lab.rewrite("refresh"))
        told = self.problems(r"^de\.icr\.io: closed until the first refresh that can prove it: .*timed out$",
                             r"^uk\.icr\.io: closed .*: the name does not resolve")
        reasons = {item["public"]: item["reason"] for item in told["regions"]}
        self.assertIsNone(reasons["us.icr.io"])
        self.assertIn("timed out", reasons["de.icr.io"])
        self.lab.revive(*PRIVATE_DE)
        self.run_ok(self.lab.rewrite("refresh"))
        told = self.json(3)
        self.assertIsNone(next(item for item in told["regions"] if item["public"] == "de.icr.io")["reason"])

    def test_a_run_that_came_to_nothing_tells_of_no_region(self):
        self.lab.timeout(*PRIVATE_US)
        for verb in ("apply", "plan"):
            done = self.lab.rewrite(verb, "--regions", "us", "--json")
            self.assert_code(4, done)
            told = json.loads(done.stdout)
            self.assertEqual((told["regions"], told["route"], told["changed"]), ([], None, False))
            self.assertRegex(told["error"]["message"], "timed out")

    def test_what_is_recorded_alone(self):
        self.apply()
        self.assertIn("no file had to change, only what is recorded\n",
                      self.run_ok(self.lab.rewrite("apply", "--fallback", "public")).stdout)
        self.assertIn("nothing to change\n", self.run_ok(self.lab.rewrite("apply")).stdout)

    def test_what_is_applied_comes_first(self):
        self.apply(regions="de")
        names = [item["name"] for item in json.loads(self.status(0, "--all", "--json").stdout)["names"]]
        self.assertEqual(names[:4], ["de.icr.io", "registry.eu-de.bluemix.net", "icr.io", "us.icr.io"])
        self.assertEqual(len(names), len(set(names)))
        text = self.status(0, "--all").stdout
        self.assertLess(text.index("\nde.icr.io: "), text.index("\nicr.io: "))

    def test_engines_that_are_not_there_share_a_line(self):
        self.apply()
        text = self.status(0).stdout
        engines = {item["name"]: item["found"] for item in self.json(0)["engines"]}
        self.assertIn("\nnot found: %s\n" % ", ".join(name for name in engines if not engines[name]), text)
        for name, found in engines.items():
            self.assertEqual(f"\n{name}: " in text, found, text)

    def test_an_apply_that_failed_is_no_news(self):
        self.apply()
        before = read(LAST)
        self.lab.timeout(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("apply", "--regions", "us"))
        self.assertEqual(read(LAST), before)

    def test_stale(self):
        self.apply()
        self.age(35 * 60)
        self.status(0)
        self.age(2 * 60)
        told = self.problems(r"^us\.icr\.io: not proven for 37 min$")
        self.assertFalse(told["regions"][0]["proven"])

    def test_clock_set_back_makes_nothing_young(self):
        self.apply()
        last = json.loads(read(LAST))
        for item in [*last["regions"], last["run"]]:
            item["uptime"] -= 3600
        with open(LAST, "w", encoding="ascii") as file:
            json.dump(last, file)
        self.problems("not proven for 60 min")

    def test_nothing_known_of_this_boot(self):
        self.apply()
        for text in (None, "", "{", "[]", '{"regions":[{"name":"us.icr.io","at":"x"}]}',
                     '{"regions":[{"name":"us.icr.io","at":1e300,"uptime":1}]}',
                     '{"regions":[{"name":"us.icr.io","at":17e8,"uptime":9e9}]}'):
            with self.subTest(text):
                self.restore_last()
                if text is not None:
                    self.lab.write(LAST, text)
                self.problems(r"^us\.icr\.io: not proven since this host has started$")

    def test_undo_leaves_nothing(self):
        self.apply()
        self.run_ok(self.lab.rewrite("undo"))
        self.assertFalse(os.path.exists("/run/icr-rewrite"))
        self.assertIn("nothing applied", self.status(0).stdout)

    def test_a_second_apply_leaves_the_state_alone(self):
        self.apply()
        before = read("/var/lib/icr-rewrite/state.json")
        self.apply()
        self.assertEqual(read("/var/lib/icr-rewrite/state.json"), before)
        self.assertNotIn(b"uptime", before)


class Causes(Status):
    """The cause before the consequence, one sentence a fact."""

    def test_edits_beside_our_part(self):
        self.apply()
        self.lab.write(HOSTS, b"192.0.2.1 first\n" + read(HOSTS) + b"192.0.2.2 last\n")
        told = self.json(0)
        file = next(file for file in told["files"] if file["path"] == HOSTS)
        self.assertEqual((file["drift"], file["edited"]),
                         (None, "edited since by others; our part is in it"))

    def test_file_made_anew(self):
        before = read(HOSTS)
        self.apply()
        self.lab.write(HOSTS, before)
        told = self.problems(r"^us\.icr\.io: its lines are gone from /etc/hosts")
        self.assertEqual(self.name(told)["leads"], "public")
        self.assertNotIn("does not follow", json.dumps(told))

    def test_resolver_elsewhere(self):
        self.apply()
        rules = read(NSSWITCH)
        self.addCleanup(self.lab.write, NSSWITCH, rules)
        self.lab.write(NSSWITCH, re.sub(rb"(?m)^hosts:.*", b"hosts: dns", rules))
        told = self.problems(r"^us\.icr\.io: this host's resolver does not follow the block")
        self.assertNotIn("gone", json.dumps(told))

    def test_the_consequence_stands_behind_its_cause(self):
        rules = read(NSSWITCH)
        self.addCleanup(self.lab.write, NSSWITCH, rules)
        self.lab.write(NSSWITCH, re.sub(rb"(?m)^hosts:.*", b"hosts: dns", rules))
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assertRegex(done.stderr, r"\Aicr-rewrite: us\.icr\.io: this host's resolver does not follow .*; "
                                      r"every file is as it was before\n.*nsswitch")

    def test_another_address(self):
        self.apply()
        self.lab.write(HOSTS, read(HOSTS).replace(PRIVATE_US[0].encode(), b"10.9.8.7"))
        self.problems(r"^us\.icr\.io: /etc/hosts:\d+ gives it addresses that were not applied")
        line = next(line for line in self.status(3).stdout.splitlines()
                    if line.startswith("us.icr.io: "))
        self.assertRegex(line, "^us.icr.io: not as applied -> ")
        self.assertNotIn("without us", line)
        self.assertNotIn("; proven", line)

    def test_a_line_of_others_beside_ours(self):
        """Their line is named, not ours, and no file is said to lack what it has."""
        self.lab.write("/etc/docker/daemon.json", '{"registry-mirrors": ["https://us.icr.io"]}')
        self.apply()
        for name in ("us.icr.io", "Us.Icr.Io", "us.icr.io."):
            with self.subTest(name):
                applied = read(HOSTS)
                self.lab.write(HOSTS, applied + b"10.5.5.5 " + name.encode() + b"\n")
                line = (applied.count(b"\n")) + 1
                told = self.problems(f"^us.icr.io: /etc/hosts:{line} gives it addresses")
                files = {file["path"]: (file["drift"], file["edited"]) for file in told["files"]}
                self.assertEqual(files, {
                    HOSTS: (None, "edited since by others; our part is in it"),
                    "/etc/docker/daemon.json": (None, None)})
                self.lab.write(HOSTS, applied)

    def test_withdrawn(self):
        self.apply("--fallback", "public")
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("refresh"))
        line = next(line for line in self.status(3).stdout.splitlines()
                    if line.startswith("us.icr.io: public"))
        self.assertIn("; last proven ", line)
        self.assertNotIn("; proven ", line)

    def test_record_of_nothing(self):
        self.apply()
        state = json.loads(read("/var/lib/icr-rewrite/state.json"))
        self.lab.write("/var/lib/icr-rewrite/state.json", json.dumps({**state, "regions": []}))
        self.problems("^the record of what was applied names no region: icr-rewrite apply")

    def test_record_lost(self):
        self.apply()
        shutil.rmtree("/var/lib/icr-rewrite")
        done = self.status(3)
        self.assertIn("icr-rewrite undo", done.stdout)
        self.assertIn("us.icr.io: private, by the block in /etc/hosts -> ", done.stdout)
        self.assertNotIn("without us", done.stdout)


class Metrics(Status):
    def metrics(self, code):
        text = self.status(code, "--prometheus").stdout
        found, typed = {}, set()
        for line in text.splitlines():
            if line.startswith("# "):
                typed.add(line.split()[2])
                continue
            match = re.fullmatch(r'([a-z_]+)((?:\{(?:[a-z]+="[^"\\\n]*",?)*\})?) (\d+)', line)
            self.assertIsNotNone(match, line)
            self.assertIn(match[1], typed)
            found[match[1] + match[2]] = int(match[3])
        return found

    def test_grammar_and_values(self):
        self.assertEqual(self.metrics(0)["icr_rewrite_drift"], 0)
        self.apply()
        told = self.metrics(0)
        self.assertEqual(told['icr_rewrite_in_force{name="us.icr.io"}'], 1)
        self.assertEqual(told['icr_rewrite_in_force{name="registry.ng.bluemix.net"}'], 1)
        self.assertLess(abs(time.time() -
                            told['icr_rewrite_last_proven_timestamp_seconds{name="us.icr.io"}']), 60)
        self.assertEqual(told["icr_rewrite_last_refresh_success"], 1)
        info = [name for name in told if name.startswith("icr_rewrite_info{")]
        self.assertRegex(info[0], r'version="[^"]+",route="hosts",fallback="never"')
        self.assertEqual(told["icr_rewrite_problems"], 0)
        os.chmod(HOSTS, 0o600)
        self.assertEqual(self.metrics(3)["icr_rewrite_problems"], 1)
        os.chmod(HOSTS, 0o644)
        self.age(3600)
        self.assertEqual(self.metrics(3)['icr_rewrite_in_force{name="us.icr.io"}'], 0)
        self.assert_code(2, self.lab.rewrite("status", "--json", "--prometheus"))

    def test_a_refresh_that_failed(self):
        """Of the regions that it could prove all is well."""
        self.apply(regions="us,de")
        self.age(60)
        self.lab.refuse(*PRIVATE_US)
        self.assert_code(4, self.lab.rewrite("refresh"))
        told = self.metrics(3)
        self.assertEqual(told["icr_rewrite_last_refresh_success"], 0)
        self.assertEqual(told['icr_rewrite_in_force{name="us.icr.io"}'], 0)
        self.assertEqual(told['icr_rewrite_in_force{name="de.icr.io"}'], 1)
        self.lab.revive(*PRIVATE_US)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(self.metrics(0)['icr_rewrite_in_force{name="us.icr.io"}'], 1)

    def test_an_engine_without_a_file(self):
        docker, = [item for item in json.loads(self.status(0, "--json").stdout)["engines"]
                   if item["name"] == "docker"]
        self.assertEqual((docker["found"], docker["config"]), (True, None))
        self.lab.write("/etc/docker/daemon.json", "{}")
        docker, = [item for item in json.loads(self.status(0, "--json").stdout)["engines"]
                   if item["name"] == "docker"]
        self.assertEqual(docker["config"], "/etc/docker/daemon.json")

    def test_drift(self):
        before = read(HOSTS)
        self.apply()
        self.lab.write(HOSTS, before)
        told = self.metrics(3)
        self.assertEqual(told["icr_rewrite_drift"], 1)
        self.assertEqual(told['icr_rewrite_in_force{name="us.icr.io"}'], 0)


class Elsewhere(Status):
    def rewrite(self, *words, **environment):
        return labs.run(os.path.join(labs.BUILD, "icr-rewrite"), *words, environment=environment)

    def test_engines(self):
        for value in ("tcp://192.0.2.9:2375", "ssh://u:hunter2@far"):
            done = self.rewrite("apply", "--regions", "us", DOCKER_HOST=value)
            self.assert_code(0, done)
            self.assertRegex(done.stderr, r"DOCKER_HOST leads to an engine elsewhere \((tcp|ssh)\)")
            self.assertNotIn("hunter2", done.stderr)
        done = self.rewrite("status", DOCKER_HOST="unix:///var/run/docker.sock")
        self.assertNotIn("elsewhere", done.stderr)

    def test_engine_of_podman(self):
        done = self.rewrite("apply", "--regions", "us", CONTAINER_HOST="ssh://u:hunter2@h/run/x")
        self.assert_says(r"CONTAINER_HOST leads to an engine elsewhere \(ssh\)", done)
        self.assertNotIn("hunter2", done.stderr)
        done = self.rewrite("status", CONTAINER_HOST="unix:///run/podman/podman.sock")
        self.assertNotIn("elsewhere", done.stderr)

    def test_context(self):
        folder = os.path.join(labs.HOME, ".docker")
        self.lab.write(f"{folder}/config.json", '{"currentContext": "desktop-linux"}')
        self.assert_says('context "desktop-linux" of the calling user leads to an engine elsewhere',
                         self.apply())
        meta = (hashlib.sha256(b"desktop-linux").hexdigest(), "meta.json")
        self.lab.write(os.path.join(folder, "contexts/meta", *meta), json.dumps(
            {"Name": "desktop-linux",
             "Endpoints": {"docker": {"Host": "unix:///var/run/docker.sock"}}}))
        self.assertNotIn("elsewhere", self.apply().stderr)

    def test_builder_in_a_container(self):
        folder = os.path.join(labs.HOME, ".docker/buildx/instances")
        for name, options in (("bridged", None), ("hosted", {"network": "host"}),
                              ("listed", ["network"]),
                              ("proxied", {"env.https_proxy": "http://p:3128"})):
            self.lab.write(os.path.join(folder, name), json.dumps(
                {"Name": name, "Driver": "docker-container",
                 "Nodes": [{"Name": name + "0", "DriverOpts": options}]}))
        done = self.apply()
        self.assertEqual(
            sorted(re.findall(r'builder "(\w+)" .* a hosts file of its own(.*)', done.stderr)),
            [("bridged", ": what it pulls is not steered"),
             ("hosted", ": what it pulls is not steered until that container is restarted"),
             ("listed", ": what it pulls is not steered"),
             ("proxied", ", and through a proxy: what it pulls is not steered")])

    def test_proxy_of_the_environment(self):
        done = self.rewrite("apply", "--regions", "us", https_proxy="http://u:hunter2@p:3128")
        self.assert_says("https_proxy takes the names past the route", done)
        self.assertNotIn("hunter2", done.stdout + done.stderr)
        done = self.rewrite("check", "--regions", "us", https_proxy="http://p:3128")
        self.assert_says("https_proxy takes the names past the route", done)

    def test_proxy_of_the_host(self):
        self.apply()
        self.lab.write("/etc/environment", "https_proxy=http://proxy:3128\n")
        self.problems("^/etc/environment:1: https_proxy takes the names past the route")

    def test_dnsmasq(self):
        program = os.path.join(labs.HOME, "dnsmasq")
        shutil.copy(sys.executable, program)
        child = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if read(f"/proc/{child.pid}/comm") == b"dnsmasq\n":
                break
        self.assert_says(f"kill -HUP {child.pid}", self.apply())


class Terminal(Status):
    def test_nothing_of_the_engine_is_obeyed(self):
        """A process that says it is dockerd, and an engine that words its version so."""
        script = ("import socket,os\n"
                  "try: os.unlink('/run/docker.sock')\nexcept OSError: pass\n"
                  "s=socket.socket(socket.AF_UNIX); s.bind('/run/docker.sock'); s.listen(9)\n"
                  "body=b'{\"ServerVersion\":\"99\\\\u001b[2J\\\\u001b]0;owned\\\\u0007\\\\u009b31m\\\\n"
                  "icr-rewrite: all is well\"}'\n"
                  "print('up', flush=True)\n"
                  "while True:\n c,_=s.accept(); c.recv(9999)\n"
                  " c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
                  "Content-Length: %d\\r\\nConnection: close\\r\\n\\r\\n' % len(body) + body); c.close()\n")
        program = os.path.join(labs.HOME, "dockerd")
        shutil.copy(sys.executable, program)
        child = subprocess.Popen([program, "-c", script], stdout=subprocess.PIPE,
                                 env={**os.environ, "PYTHONHOME": sys.base_prefix})
        self.addCleanup(lambda: os.path.exists("/run/docker.sock") and os.unlink("/run/docker.sock"))
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        child.stdout.readline()
        done = self.lab.rewrite("status")
        self.assertIn("99", done.stdout)
        self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Progress(Status):
    """A word when something takes longer than a second, on a terminal and only there."""

    def start(self, *words):
        leader, terminal = pty.openpty()
        self.addCleanup(os.close, leader)
        child = subprocess.Popen([os.path.join(labs.BUILD, "icr-rewrite"), *words], stderr=terminal,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.close(terminal)
        self.addCleanup(child.communicate)
        return child, leader

    def said(self, child, leader, needle=None):
        """What the terminal shows until NEEDLE, or to the end."""
        text = b""
        while needle is None or needle not in text:
            try:
                more = os.read(leader, 4096)
            except OSError:  # as a terminal ends
                break
            if not more:
                break
            text += more
        if needle is None:
            child.wait(30)
        return text.decode()

    def test_dead_network(self):
        self.lab.timeout(*PRIVATE_US)
        child, leader = self.start("apply", "--regions", "us")
        self.assertEqual(self.said(child, leader).count("asking the private network ..."), 1)
        self.assertEqual(child.returncode, 4)
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assertNotIn("...", done.stderr)
        child, leader = self.start("check", "--quiet", "--regions", "us")
        self.assertNotIn("...", self.said(child, leader))

    def test_another_run_at_work(self):
        self.apply()
        lock = os.open("/var/lib/icr-rewrite/lock", os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        child, leader = self.start("undo")
        self.said(child, leader, b"waiting for another icr-rewrite ...")
        self.assertIsNone(child.poll())
        fcntl.flock(lock, fcntl.LOCK_UN)
        self.assertIn("changed /etc/hosts", child.stdout.read().decode())
        self.assertEqual(child.wait(30), 0)

    def test_nothing_when_it_is_quick(self):
        child, leader = self.start("apply", "--regions", "us")
        self.assertNotIn(" ...", self.said(child, leader))
        self.assertEqual(child.returncode, 0)

    def test_ctrl_c_is_held_until_the_files_are_right(self):
        rules = read(NSSWITCH)
        self.addCleanup(self.lab.write, NSSWITCH, rules)
        self.lab.write(NSSWITCH, re.sub(rb"(?m)^hosts:.*", b"hosts: dns", rules))
        child, leader = self.start("apply", "--regions", "us")
        while b"us.icr.io" not in read(HOSTS):
            self.assertIsNone(child.poll())
        child.send_signal(signal.SIGINT)
        self.assertIn("stops as soon as", self.said(child, leader, b"taken back"))
        self.said(child, leader)
        self.assertNotIn(b"us.icr.io", read(HOSTS))


class Quiet(Status):
    def test_nothing_to_say(self):
        done = self.lab.rewrite("apply", "--regions", "us", "-q")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        for _ in range(2):
            done = self.lab.rewrite("refresh", "--quiet")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.lab.rewrite("refresh").stderr, "", "nothing has changed")
        done = self.lab.rewrite("status", "-q")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertTrue(json.loads(self.lab.rewrite("status", "-q", "--json").stdout)["in_force"])

    def test_what_went_wrong(self):
        self.apply()
        self.lab.timeout(*PRIVATE_US)
        done = self.lab.rewrite("refresh", "-q")
        self.assert_code(4, done)
        self.assertIn("private.us.icr.io", done.stderr)
        self.assertEqual(done.stdout, "")
        problems = self.json(3)["problems"]
        done = self.status(3, "-q")
        self.assertEqual((done.stdout, done.stderr),
                         ("", "".join(f"icr-rewrite: {problem}\n" for problem in problems)))

    def test_metrics_are_what_was_asked_for(self):
        self.apply()
        done = self.status(0, "--prometheus", "-q")
        self.assertEqual((done.stdout, done.stderr), (self.status(0, "--prometheus").stdout, ""))
        self.assertIn('icr_rewrite_in_force{name="us.icr.io"} 1', done.stdout)


class Journal(Status):
    def test_priorities(self):
        """As systemd has it: standard error is the stream that JOURNAL_STREAM names."""
        self.apply()
        self.lab.timeout(*PRIVATE_US)
        path = os.path.join(labs.HOME, "journal")
        self.lab.write(path, "")
        st = os.stat(path)
        with open(path, "w", encoding="utf-8") as stream:
            subprocess.run([os.path.join(labs.BUILD, "icr-rewrite"), "refresh"], stderr=stream,
                           stdout=subprocess.DEVNULL, check=False,
                           env={**os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
        lines = read(path).decode().splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"\A<[346]>icr-rewrite: ")
        self.assertRegex("\n".join(lines), r"(?m)^<3>icr-rewrite: .*private\.us\.icr\.io")
