# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite's command line, apply, plan, status and undo below --root: everything that needs no
network."""

import json
import os
import shutil
import unittest

from tests.blackbox.rewrite import HOSTS, STATE, UNIT, US, US_LINES, WANTS, TreeCase, block
from tests.blackbox.support import REWRITE, HomeCase, copy_program, run

VERBS = ("check", "plan", "apply", "refresh", "status", "undo")


class CommandLine(HomeCase):
    def test_usage(self):
        result = self.home.rewrite()
        self.assertEqual((result.status, result.out), (2, b""), result)
        for verb in VERBS:
            self.assertIn(verb, result.err.decode())

    def test_help_and_version(self):
        for word in ("--help", "-h", "help"):
            result = self.home.rewrite(word)
            self.assertEqual((result.status, result.err), (0, b""), result)
            for verb in VERBS:
                self.assertIn(verb, result.out.decode())
        self.assertRegex(self.home.rewrite("--version").out, rb"\Aicr-rewrite \d+\.\d+\.\d+\S*\n\Z")
        for verb in VERBS:
            result = self.home.rewrite(verb, "--help")
            self.assertEqual((result.status, result.err), (0, b""), result)
            self.assertIn(f"icr-rewrite {verb}", result.out.decode())

    def test_options(self):
        cases = {
            ("plan", "--bogus"): "--bogus",
            ("plan", "operand"): "operand",
            ("plan", "--dry-run"): "--dry-run",
            ("plan", "--regions"): "--regions",
            ("plan", "--regions", "mars"): "mars",
            ("plan", "--regions", "us,,de"): "",
            ("plan", "--regions="): "",
            ("plan", "--regions", "us.icr.io.evil.com"): "evil",
            ("plan", "--route", "tunnel"): "tunnel",
            ("plan", "--fallback", "sometimes"): "sometimes",
            ("plan", "--engines", "rocket"): "rocket",
            ("plan", "--engines", "docker,"): "docker",
            ("plan", "--engines", ""): "engine",
            ("plan", "--json=yes"): "--json",
            ("plan", "--root="): "--root",
            ("apply", "--yes"): "--yes",
            ("undo", "--regions", "us"): "--regions",
            ("undo", "us"): "us",
            ("status", "--force"): "--force",
            ("refresh", "--root", "/tmp"): "--root",
        }
        for words, needle in cases.items():
            with self.subTest(words):
                result = self.home.rewrite(*words)
                self.assertEqual((result.status, result.out), (2, b""), result)
                self.assertIn(needle, result.err.decode())

    def test_json_tells_usage_errors(self):
        for verb in VERBS:
            result = self.home.rewrite(verb, "--json", "--bogus")
            self.assertEqual(result.status, 2, result)
            told = json.loads(result.out)
            self.assertEqual((told["version"], told["verb"]), (1, verb))
            self.assertIn("--bogus", told["error"]["message"])
            self.assertIn(b"--bogus", result.err)

    def test_root_that_is_none(self):
        file = self.home.write("file", "")
        empty = self.home.path / "not-mounted"
        empty.mkdir()
        for root in (self.home.path / "missing", file, empty):
            for verb in ("plan", "apply", "status", "undo"):
                with self.subTest(verb, root=root):
                    result = self.home.rewrite(verb, "--root", root)
                    self.assertEqual((result.status, result.out), (1, b""), result)
                    self.assertIn(str(root), result.err.decode())
        self.assertEqual(list(empty.iterdir()), [])

    def test_standard_output_that_is_full(self):
        for words in (["--version"], ["--help"], ["status", "--root", self.home.path]):
            result = self.home.run(["sh", "-c", '"$@" >/dev/full', "sh", REWRITE, *words])
            self.assertEqual(result.status, 1, result)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_without_root(self):
        program = copy_program(REWRITE, self.home.path)
        self.home.path.chmod(0o755)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        for words in (["apply", "--regions", "us"], ["apply", "--regions", "us", "--offline"]):
            result = run([program, *words], env=self.home.environment(), **nobody)
            self.assertEqual((result.status, result.out), (1, b""), result)
            self.assertIn(b"sudo", result.err)
        root = self.home.path / "tree"
        root.mkdir()
        os.chown(root, 65534, 65534)
        (root / "etc").mkdir(mode=0o755)
        os.chown(root / "etc", 65534, 65534)
        for words in (["plan"], ["apply", "--dry-run"], ["apply"]):
            result = run([program, *words, "--root", root, "--regions", "us"],
                         env=self.home.environment(), **nobody)
            self.assertEqual(result.status, 0 if words == ["apply"] else 3, result)


class Pending(TreeCase):
    """Without proven addresses nothing is steered; names are closed, or recorded only."""

    unit = True

    def test_no_region_is_guessed(self):
        for verb in ("plan", "apply"):
            self.fails(2, self.tree.run(verb), "--regions")
        self.assert_untouched()

    def test_recorded(self):
        result = self.check(0, self.tree.run("apply", "--regions", "us", "--regions", "eu-de",
                                             "--fallback", "public"))
        for name in ("us.icr.io", "de.icr.io"):
            self.assertIn(f"{name}: pending", result.out.decode())
        self.assertEqual(self.tree.read(), HOSTS)
        state = self.tree.state()
        self.assertEqual([(r["region"], r["status"], r["addresses"]) for r in state["regions"]],
                         [("us-south", "pending", []), ("eu-de", "pending", [])])
        self.assertEqual(os.readlink(self.tree.path / WANTS), "/" + UNIT)

    def test_twice(self):
        arguments = ["apply", "--regions", "us,de", "--fallback", "public"]
        self.check(0, self.tree.run(*arguments))
        first = self.tree.picture(identity=True)
        for more in (arguments, ["apply"], [*arguments, "--offline"], ["plan"],
                     ["apply", "--dry-run"]):
            self.check(0, self.tree.run(*more))
            self.assertEqual(self.tree.picture(identity=True), first, more)

    def test_plan_says_when_only_the_record_changes(self):
        (self.tree.path / UNIT).unlink()
        result = self.tree.run("plan", "--regions", "us", "--fallback", "public")
        self.assertEqual((result.status, result.out), (3, b""), result)
        self.assertIn(b"us.icr.io: pending", result.err)
        self.assertIn(b"only the record", result.err)

    def test_regions_are_declared(self):
        self.check(0, self.tree.run("apply", "--regions", "all"))
        self.assertGreater(len(self.tree.state()["regions"]), 12)
        self.check(0, self.tree.run("apply", "--regions", "jp2"))
        self.assertEqual([r["public"] for r in self.tree.state()["regions"]], ["jp2.icr.io"])

    def test_undo(self):
        for arguments in (["us"], ["us,de", "--fallback", "public"], ["all"]):
            self.check(0, self.tree.run("apply", "--regions", *arguments))
        self.check(0, self.tree.run("undo"))
        self.assert_untouched()
        self.check(0, self.tree.run("undo"), "nothing to undo")
        self.assert_untouched()

    def test_settings_are_recorded(self):
        self.check(0, self.tree.run("apply", "--regions", "us", "--fallback", "public",
                                    "--docker-mirror", "--force", "--engines", "docker"))
        for _ in range(2):
            state = self.tree.state()
            self.assertEqual((state["fallback"], state["docker_mirror"], state["engines"]),
                             ("public", True, "docker"))
            self.assertNotIn("force", state)
            self.check(0, self.tree.run("apply"))
        self.check(0, self.tree.run("apply", "--fallback", "never", "--engines", "auto"))
        state = self.tree.state()
        self.assertEqual((state["fallback"], state["engines"]), ("never", None))

    def test_timer_that_somebody_enabled(self):
        link = self.tree.path / WANTS
        link.parent.mkdir(parents=True)
        link.symlink_to("/usr/lib/systemd/system/icr-rewrite.timer")
        before = self.tree.picture()
        self.check(0, self.tree.run("apply", "--regions", "us"))
        self.assertTrue(self.tree.run("status", "--json").json["timer"]["enabled"])
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.picture(), before)

    def test_without_the_unit(self):
        (self.tree.path / UNIT).unlink()
        self.check(0, self.tree.run("apply", "--regions", "us"), "icr-rewrite refresh", "cron")
        self.assertFalse(os.path.lexists(self.tree.path / WANTS))


class Status(TreeCase):
    """Of a tree: what is asked for is not in force before its first boot; plan tells the rest."""

    def test_closed(self):
        self.check(0, self.tree.run("apply", "--regions", "us,de"))
        first = self.tree.picture(identity=True)
        self.as_applied("NOT in force", "problem: us.icr.io: closed until the first boot proves it",
                        "problem: de.icr.io: closed until")
        self.assertEqual(self.tree.picture(identity=True), first)
        self.check(0, self.tree.run("plan"))

    def test_public_until_then(self):
        self.check(0, self.tree.run("apply", "--regions", "us", "--fallback", "public"))
        self.as_applied("problem: us.icr.io: pending, and public, until a boot proves it")

    def test_proven_where_the_tree_comes_from(self):
        self.proven()
        self.as_applied("problem: us.icr.io: not proven before the first boot")
        self.tree.write("etc/hosts", HOSTS)
        self.drifted("NOT in force; has drifted", "lacks our part")
        self.check(3, self.tree.run("plan"))

    def test_nothing_applied(self):
        self.check(0, self.tree.run("status"), "nothing applied")


class Block(TreeCase):
    """With addresses that were proven before."""

    def test_block(self):
        result = self.proven()
        self.assertRegex(self.tree.read(), rb"\A" + HOSTS + block(*US_LINES) + rb"\Z")
        self.assertIn("us.icr.io, registry.ng.bluemix.net -> " + ", ".join(US),
                      result.out.decode())
        self.assertIn(f"changed {self.tree.path}/etc/hosts", result.out.decode())

    def test_order_is_the_tables(self):
        self.proven(de=["166.9.248.76"], us=US[:1])
        self.assertRegex(self.tree.read(), HOSTS + block(US_LINES[0], b"166.9.248.76\tde.icr.io"))

    def test_twice(self):
        self.proven()
        first = self.tree.picture(identity=True)
        for words in (["apply"], ["apply", "--regions", "us"], ["plan"]):
            self.check(0, self.tree.run(*words))
            self.assertEqual(self.tree.picture(identity=True), first, words)

    def test_undo(self):
        self.proven()
        self.check(0, self.tree.run("apply", "--regions", "us,de"))
        self.check(0, self.tree.run("apply", "--regions", "us"))
        self.check(0, self.tree.run("undo"), f"changed {self.tree.path}/etc/hosts")
        self.assertEqual(self.tree.read(), HOSTS)
        self.assertFalse((self.tree.path / "var/lib/icr-rewrite").exists())

    def test_a_region_is_taken_out(self):
        self.proven(de=["166.9.248.76"], us=US)
        self.check(0, self.tree.run("apply", "--regions", "de"))
        self.assertRegex(self.tree.read(), HOSTS + block(b"166.9.248.76\tde.icr.io"))
        self.assertEqual([r["public"] for r in self.tree.state()["regions"]], ["de.icr.io"])

    def test_dry_run_and_plan(self):
        self.tree.prove(us=US)
        before = self.tree.picture(identity=True)
        for words in (["plan"], ["apply", "--dry-run"]):
            result = self.check(3, self.tree.run(*words))
            self.assertTrue(result.out.startswith(b"--- /etc/hosts\n+++ /etc/hosts\n@@"), result)
            for line in US_LINES:
                self.assertIn(b"\n+" + line + b"\n", result.out)
            self.assertEqual(self.tree.picture(identity=True), before)
        self.check(0, self.tree.run("apply"))
        result = self.check(3, self.tree.run("undo", "--dry-run"))
        for line in US_LINES:
            self.assertIn(b"\n-" + line + b"\n", result.out)
        self.check(0, self.tree.run("undo"))
        result = self.tree.run("undo", "--dry-run")
        self.assertEqual((result.status, result.out), (0, b""), result)

    def test_mode_and_owner_stay(self):
        path = self.tree.path / "etc/hosts"
        path.chmod(0o640)
        before = path.stat()
        self.proven()
        after = path.stat()
        self.assertEqual((before.st_mode, before.st_uid, before.st_gid),
                         (after.st_mode, after.st_uid, after.st_gid))
        self.assertEqual((self.tree.path / STATE).stat().st_mode & 0o777, 0o644)

    def test_symbolic_link(self):
        hosts = self.tree.path / "etc/hosts"
        hosts.rename(self.tree.path / "etc/hosts.real")
        hosts.symlink_to("hosts.real")
        self.proven()
        self.assertEqual(os.readlink(hosts), "hosts.real")
        self.assertRegex(self.tree.read(), HOSTS + block(*US_LINES))
        self.check(0, self.tree.run("undo"))
        self.assertEqual((os.readlink(hosts), self.tree.read("etc/hosts.real")),
                         ("hosts.real", HOSTS))

    def test_symbolic_link_out_of_the_root(self):
        """Links lead where they will on the host that boots from the tree: nowhere out of it."""
        outside = self.home.write("outside", HOSTS)
        (self.tree.path / "etc/hosts").unlink()
        (self.tree.path / "etc/hosts").symlink_to(outside)
        self.tree.prove(us=US)
        self.fails(1, self.tree.run("apply"), str(self.tree.path / "etc/hosts"), str(outside))
        self.assertEqual(outside.read_bytes(), HOSTS)
        shutil.rmtree(self.tree.path / "var")
        (self.tree.path / "etc/hosts").unlink()
        self.tree.write("etc/hosts", HOSTS)
        (self.tree.path / "var").symlink_to(self.home.path)
        self.fails(1, self.tree.run("apply", "--regions", "us"), str(self.tree.path / "var"))
        self.assertFalse((self.home.path / "lib").exists())

    def test_absolute_symbolic_link(self):
        (self.tree.path / "etc/hosts").rename(self.tree.path / "etc/hosts.real")
        (self.tree.path / "etc/hosts").symlink_to("/etc/hosts.real")
        self.proven()
        self.assertEqual(os.readlink(self.tree.path / "etc/hosts"), "/etc/hosts.real")
        self.assertRegex(self.tree.read("etc/hosts.real"), HOSTS + block(*US_LINES))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read("etc/hosts.real"), HOSTS)

    def test_no_file(self):
        (self.tree.path / "etc/hosts").unlink()
        self.proven()
        self.assertRegex(self.tree.read(), rb"\A" + block(*US_LINES) + rb"\Z")
        self.assertEqual((self.tree.path / "etc/hosts").stat().st_mode & 0o777, 0o644)
        self.check(0, self.tree.run("undo"))
        self.assertFalse((self.tree.path / "etc/hosts").exists())

    def test_no_file_and_edited_since(self):
        (self.tree.path / "etc/hosts").unlink()
        self.proven()
        self.tree.write("etc/hosts", self.tree.read() + b"10.0.0.1 mine\n")
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), b"10.0.0.1 mine\n")

    def test_file_that_cannot_be(self):
        hosts = self.tree.path / "etc/hosts"
        self.tree.prove(us=US)
        hosts.unlink()
        hosts.mkdir()
        self.fails(1, self.tree.run("apply"), "/etc/hosts")
        hosts.rmdir()
        hosts.symlink_to("nowhere")
        self.fails(1, self.tree.run("apply"), "/etc/hosts")
        hosts.unlink()
        os.mkfifo(hosts)
        self.fails(1, self.tree.run("apply"), "/etc/hosts")


class Limits(TreeCase):
    """What the caller's shell may have set or closed."""

    def apply(self, script):
        self.tree.write("etc/docker/daemon.json", '{"registry-mirrors": ["https://us.icr.io"]}\n')
        self.before = self.tree.picture()
        return self.home.run(["sh", "-c", script, "sh", REWRITE, "apply", "--root",
                              self.tree.path, "--regions", "us"])

    def test_file_size_limit_is_an_error_and_changes_nothing(self):
        result = self.apply('ulimit -f 0; "$@"')
        self.assertEqual(result.status, 1, result)
        self.assertIn(b"File too large", result.err)
        self.assertEqual(self.tree.picture(), self.before)

    def test_closed_descriptors_take_no_file(self):
        result = self.apply('"$@" <&- >&- 2>&-')
        self.assertEqual((result.status, result.out, result.err), (1, b"", b""))
        self.assertEqual(self.tree.read("etc/docker/daemon.json"),
                         b'{"registry-mirrors": ["https://private.us.icr.io"]}\n')
        self.assertEqual(self.tree.state()["version"], 2)


class Json(TreeCase):
    unit = True

    def json(self, status, *words):
        result = self.tree.run(*words, "--json")
        self.assertEqual((result.status, result.out.count(b"\n")), (status, 1), result)
        self.assertEqual(result.json["version"], 1)
        self.assertEqual(result.json["verb"], words[0])
        return result.json

    def test_every_verb(self):
        self.tree.prove(us=US)
        plan = self.json(3, "plan")
        self.assertTrue(plan["would_change"])
        self.assertIn("+++ /etc/hosts", plan["diff"])
        self.assertEqual(plan["files"][0],
                         {"path": f"{self.tree.path}/etc/hosts", "part": "hosts",
                          "action": "change"})
        apply = self.json(0, "apply")
        self.assertTrue(apply["changed"])
        region = apply["regions"][0]
        self.assertEqual((region["region"], region["status"], region["names"],
                          region["addresses"]),
                         ("us-south", "active", ["us.icr.io", "registry.ng.bluemix.net"], US))
        self.assertFalse(self.json(0, "apply")["changed"])
        status = self.json(3, "status")
        self.assertEqual((status["applied"], status["drift"]), (True, False))
        self.assertEqual({file["path"] for file in status["files"]},
                         {f"{self.tree.path}/{name}" for name in ("etc/hosts", WANTS)})
        name = next(name for name in status["names"] if name["name"] == "us.icr.io")
        self.assertEqual((name["leads"], name["addresses"], name["hosts_line"], name["problem"]),
                         ("block", [], 4, None))
        self.assertFalse(status["in_force"], "nothing of a tree is in force")
        self.assertEqual(len(status["names"]), 2, "what is not applied nor used is not told")
        self.assertIn("docker", [engine.get("name") for engine in status["engines"]])
        self.assertTrue(self.json(3, "undo", "--dry-run")["would_change"])
        self.assertTrue(self.json(0, "undo")["changed"])
        self.assertFalse(self.json(0, "undo")["changed"])

    def test_error(self):
        self.tree.write("etc/hosts", HOSTS + b"10.0.0.1 us.icr.io\n")
        told = self.json(1, "apply", "--regions", "us")
        self.assertIn("/etc/hosts:3", told["error"]["where"])
        self.assertIn("--force", told["error"]["hint"])
        self.assertFalse(told["changed"])
        self.tree.write(STATE, "{")
        for verb in ("plan", "apply", "status", "undo"):
            self.assertIn("state.json", self.json(1, verb)["error"]["where"])


class State(TreeCase):
    def test_newer(self):
        self.tree.write(STATE, '{"version": 3, "tool": "99.1"}')
        for words in (["apply", "--regions", "us"], ["plan", "--regions", "us"], ["status"],
                      ["undo"]):
            self.fails(1, self.tree.run(*words), "state.json", "99.1")
        self.assertEqual(self.tree.read(STATE), b'{"version": 3, "tool": "99.1"}')

    def test_older_with_less_and_members_of_others(self):
        self.proven()
        state = self.tree.state()
        self.tree.write(STATE, json.dumps(dict(state, tool="0.0.1", novelty=[1, {"a": None}]),
                                          indent=8))
        self.check(0, self.tree.run("apply"))
        self.assertEqual(self.tree.state(), state)
        self.tree.write(STATE, json.dumps(dict(state, tool="0.0.1", novelty=[1])))
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_damaged(self):
        self.proven()
        for text in ("", "{", "[]", "{}", '{"version": 1, "files": [{}]}', "\xff",
                     '{"version": 0}', '{"version": 1, "engines": "rocket"}'):
            self.tree.write(STATE, text.encode("latin-1"))
            self.fails(1, self.tree.run("undo"), "state.json", "move the file away")
        (self.tree.path / STATE).unlink()
        self.check(0, self.tree.run("undo"))
        self.assertEqual(self.tree.read(), HOSTS)

    def test_lost(self):
        self.proven()
        shutil.rmtree(self.tree.path / "var")
        self.check(3, self.tree.run("status"), "ours")
        self.check(0, self.tree.run("apply", "--regions", "us"))
        self.assertRegex(self.tree.read(), block(*US_LINES), "taken over from the block")
        self.check(0, self.tree.run("undo"))
        self.assert_untouched()

    def test_nothing_to_refresh(self):
        result = self.home.rewrite("refresh")
        if not os.path.exists("/var/lib/icr-rewrite"):
            self.assertEqual(result.status, 0, result)
            self.assertEqual(result.err, b"")
            self.assertIn(b"nothing to refresh", result.out)


if __name__ == "__main__":
    unittest.main()
