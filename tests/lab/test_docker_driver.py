# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""icr-rewrite and a running Docker Engine: what it reloads, what it asks it, what it tells."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

from . import lab, servers
from .case import PRIVATE_DE, LabCase, read, tree

DAEMON_JSON = "/etc/docker/daemon.json"
PUBLIC = b'{\n  "registry-mirrors": ["https://us.icr.io"],\n  "insecure-registries": ["us.icr.io"]\n}\n'
PRIVATE = PUBLIC.replace(b"us.icr.io", b"private.us.icr.io")
RESTART = "only when it is restarted"


class Driver(LabCase):
    settings = {}

    def mirrors(self):
        return self.lab.dockerd.info()["RegistryConfig"]["Mirrors"] or []

    def await_mirrors(self, wanted):
        deadline = time.monotonic() + 10
        while self.mirrors() != wanted:
            self.assertLess(time.monotonic(), deadline)

    def insecure(self):
        indexes = self.lab.dockerd.info()["RegistryConfig"]["IndexConfigs"]
        return sorted(name for name, index in indexes.items() if not index["Secure"])

    def status(self):
        done = self.lab.rewrite("status", "--json")
        self.assertIn(done.returncode, (0, 3), str(done))
        return [engine for engine in json.loads(done.stdout)["engines"]
                if engine["name"] == "docker"][0]


class Reload(Driver):
    def test_mirrors_are_taken_up_without_a_restart(self):
        self.lab.start_dockerd(PUBLIC)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/"])
        done = self.apply()
        self.assertEqual(read(DAEMON_JSON), PRIVATE)
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])
        self.assertEqual(self.insecure(), ["private.us.icr.io"])
        self.assertTrue(self.lab.dockerd.alive())
        self.assertNotIn("restart", done.stderr)
        again = self.lab.dockerd.output().count("Reloaded configuration")
        self.apply()
        self.assertEqual(self.lab.dockerd.output().count("Reloaded configuration"), again)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(DAEMON_JSON), PUBLIC)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/"])
        self.assertEqual(self.insecure(), ["us.icr.io"])
        self.assertTrue(self.lab.dockerd.alive())

    def test_what_was_written_offline_is_taken_up_by_the_next_run(self):
        for verb in ("apply", "refresh"):
            self.lab.start_dockerd(PUBLIC)
            self.apply("--offline")
            self.assertEqual((read(DAEMON_JSON), self.mirrors()),
                             (PRIVATE, ["https://us.icr.io/"]))
            self.run_ok(self.lab.rewrite(verb))
            self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])
            self.assertEqual(self.insecure(), ["private.us.icr.io"])
            self.run_ok(self.lab.rewrite("undo"))
            self.lab.stop_dockerd()

    def test_a_daemon_that_a_killed_run_did_not_tell(self):
        self.lab.start_dockerd(PUBLIC)
        self.apply()
        self.lab.write(DAEMON_JSON, PUBLIC)
        self.lab.dockerd.process.send_signal(signal.SIGHUP)
        self.await_mirrors(["https://us.icr.io/"])
        self.lab.write(DAEMON_JSON, PRIVATE)
        done = self.apply()
        self.assert_says("nothing to change", done)
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])

    def test_mirrors_of_a_region_that_is_dead_wait_for_its_proof(self):
        before = b'{"registry-mirrors": ["https://us.icr.io", "https://de.icr.io"]}\n'
        self.lab.start_dockerd(before)
        self.lab.refuse(*PRIVATE_DE)
        self.run_ok(self.lab.rewrite("apply", "--regions", "all"))
        steered = before.replace(b"us.icr.io", b"private.us.icr.io")
        self.assertEqual(read(DAEMON_JSON), steered)
        self.lab.revive(*PRIVATE_DE)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(read(DAEMON_JSON),
                         steered.replace(b"de.icr.io", b"private.de.icr.io"))
        self.lab.refuse(*PRIVATE_DE)
        self.lab.rewrite("refresh")
        self.assertEqual(read(DAEMON_JSON),
                         steered.replace(b"de.icr.io", b"private.de.icr.io"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(DAEMON_JSON), before)

    def test_configuration_of_the_running_daemon(self):
        self.lab.write("/etc/elsewhere.json", PUBLIC)
        self.lab.start_dockerd(flags=(*servers.DOCKER_FLAGS, "--config-file",
                                      "/etc/elsewhere.json"))
        self.lab.write(DAEMON_JSON, PUBLIC)
        self.apply()
        self.assertEqual(read("/etc/elsewhere.json"), PRIVATE)
        self.assertEqual(read(DAEMON_JSON), PUBLIC)
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])

    def test_docker_mirror(self):
        self.lab.start_dockerd()
        done = self.apply("--docker-mirror")
        self.assert_says("stock Docker sends pulls from Docker Hub", done)
        self.assertEqual(self.mirrors(), ["https://private.us.icr.io/"])
        self.apply("--docker-mirror")
        done = self.run_ok(self.lab.rewrite("undo"))
        self.assertFalse(os.path.exists(DAEMON_JSON))
        # stock dockerd: a reload does not take a list away that is no longer there
        if self.mirrors():
            self.assert_says("Docker keeps the registry-mirrors that left /etc/docker/daemon.json "
                             "until it is restarted", done)

    def test_what_cannot_be_proven_is_reloaded_back(self):
        """Names that do not come from /etc/hosts: apply's own proof fails after the change."""
        self.lab.start_dockerd(PUBLIC)
        nsswitch = read("/etc/nsswitch.conf").decode()
        self.lab.write("/etc/nsswitch.conf", nsswitch.replace("files dns", "dns"))
        self.before = tree("/etc")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(4, done)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/"])
        self.assert_nothing_changed()

    def test_nothing_to_reload(self):
        self.lab.start_dockerd(b'{"debug": false}')
        self.apply()
        self.assertEqual(read(DAEMON_JSON), b'{"debug": false}')
        self.assertNotIn("Reloaded configuration", self.lab.dockerd.output())

    def test_a_daemon_that_refuses_the_file(self):
        """The file was broken for dockerd before us, which it has not noticed yet."""
        self.lab.start_dockerd(PUBLIC)
        unknown = PUBLIC.replace(b"{", b'{"no-such-key": 1,', 1)
        self.lab.write(DAEMON_JSON, unknown)
        done = self.apply()
        self.assert_says("Docker has not taken up the changed /etc/docker/daemon.json", done)
        self.assertEqual(self.mirrors(), ["https://us.icr.io/"])
        self.assertTrue(self.lab.dockerd.alive())

    def test_a_daemon_that_does_not_answer(self):
        self.lab.start_dockerd(PUBLIC)
        self.lab.dockerd.process.send_signal(19)
        try:
            begin = time.monotonic()
            done = self.apply()
            self.assertLess(time.monotonic() - begin, 20)
            self.assert_says("Docker has not taken up the changed", done)
        finally:
            self.lab.dockerd.process.send_signal(18)
        self.assertEqual(read(DAEMON_JSON), PRIVATE)

    def test_no_daemon_runs(self):
        self.lab.write(DAEMON_JSON, PUBLIC)
        done = self.apply()
        self.assertEqual(read(DAEMON_JSON), PRIVATE)
        self.assertNotIn("restart", done.stderr)

    def test_a_file_that_does_not_parse(self):
        self.lab.start_dockerd(PUBLIC)
        self.lab.write(DAEMON_JSON, b'{"registry-mirrors": ["https://us.icr.io",]}\n')
        self.before = tree("/etc")
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(1, done)
        self.assert_says("/etc/docker/daemon.json:1:43: a trailing comma", done)
        self.assert_nothing_changed()

    def test_only_dockerd_of_this_machine_gets_a_signal(self):
        """An engine in a container is a process of ours too, but not this host's."""
        program = os.path.join(lab.HOME, "dockerd")
        shutil.copy("/bin/sleep", program)
        self.lab.write(DAEMON_JSON, PUBLIC)
        inner = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", program, "60"])
        self.addCleanup(inner.wait, 10)
        self.addCleanup(inner.kill)
        self.apply()
        self.assertIsNone(inner.poll())
        self.assertEqual(read(DAEMON_JSON), PRIVATE)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertIsNone(inner.poll())
        ours = subprocess.Popen([program, "60"])
        self.addCleanup(ours.wait, 10)
        self.addCleanup(ours.kill)
        self.apply()
        self.assertEqual(ours.wait(10), -1)


class Flags(Driver):
    FLAGS = (*servers.DOCKER_FLAGS, "--registry-mirror", "https://us.icr.io")

    def test_mirrors_on_the_command_line(self):
        self.lab.start_dockerd(flags=self.FLAGS)
        done = self.apply()
        self.assert_says(r"the command line of dockerd \(process \d+\) gives --registry-mirror with "
                         "us.icr.io, which cannot be edited here", done)
        self.assertFalse(os.path.exists(DAEMON_JSON))

    def test_docker_mirror_would_keep_docker_from_starting(self):
        self.lab.start_dockerd(flags=self.FLAGS)
        self.before = tree("/etc")
        done = self.lab.rewrite("apply", "--regions", "us", "--docker-mirror")
        self.assert_code(1, done)
        self.assert_says("gives --registry-mirror already, and dockerd does not start when both do",
                         done)
        self.assert_nothing_changed()


class Proxy(Driver):
    ENVIRONMENT = {"HTTPS_PROXY": "http://user:lab-secret@198.51.100.99:3128", "NO_PROXY": "a"}

    def test_proxy_that_no_unit_gave(self):
        self.lab.start_dockerd(environment=self.ENVIRONMENT)
        done = self.apply()
        self.assert_says("its environment, which is not that of docker.service: add us.icr.io,.*"
                         "private.us.icr.io to NO_PROXY", done)
        self.assertNotIn("lab-secret", done.stdout + done.stderr)
        self.assertFalse(os.path.exists("/etc/systemd/system/docker.service.d"))
        engine = self.status()
        self.assertIs(engine["proxy"], True)
        self.assertIs(engine["no_proxy_ok"], False)
        self.assertNotIn("lab-secret", json.dumps(engine))
        self.assertNotIn(b"lab-secret", read("/var/lib/icr-rewrite/state.json"))

    def test_names_that_are_covered(self):
        self.lab.start_dockerd(environment=dict(self.ENVIRONMENT,
                                                NO_PROXY=".icr.io,registry.ng.bluemix.net"))
        done = self.apply()
        self.assertNotIn("NO_PROXY", done.stderr)
        self.assertIs(self.status()["no_proxy_ok"], True)

    def unit(self, environment):
        self.lab.write("/etc/systemd/system/docker.service",
                       "[Service]\nExecStart=/usr/sbin/dockerd\n" + environment)
        self.addCleanup(os.unlink, "/etc/systemd/system/docker.service")

    def test_proxy_of_the_unit(self):
        self.unit('Environment="HTTPS_PROXY=http://u:lab-secret@p:3128" "NO_PROXY=a%%b"\n')
        done = self.apply()
        path = "/etc/systemd/system/docker.service.d/zz-icr-rewrite.conf"
        self.assertIn(b'[Service]\nEnvironment="NO_PROXY=a%%b,us.icr.io,registry.ng.bluemix.net,'
                      b'private.us.icr.io"\n', read(path))
        self.assert_says(RESTART, done)
        self.assertNotIn("lab-secret", done.stdout + done.stderr)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertFalse(os.path.exists(os.path.dirname(path)))

    def systemctl(self, script):
        """A stand-in that writes down how it was called; systemd does not run in the lab."""
        path = os.path.join(self.lab.folder, "systemctl")
        self.lab.write(path, "#!/bin/sh\necho \"$@\" >>%s.log\n%s\n" % (path, script))
        os.chmod(path, 0o755)
        os.makedirs("/run/systemd/system")
        self.addCleanup(shutil.rmtree, "/run/systemd/system")
        real = shutil.which("systemctl")
        subprocess.run(["mount", "--bind", path, real], check=True, timeout=10)
        self.addCleanup(subprocess.run, ["umount", real], check=True, timeout=10)
        return path + ".log"

    def test_systemd_reads_its_units_again(self):
        self.unit("Environment=HTTPS_PROXY=http://p:3128\n")
        log = self.systemctl("exit 0")
        self.apply()
        self.assertIn(b"daemon-reload\n", read(log))
        self.assertNotIn(b"restart", read(log))
        os.unlink(log)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertIn(b"daemon-reload\n", read(log))

    def test_systemd_that_does_not(self):
        self.unit("Environment=HTTPS_PROXY=http://p:3128\n")
        self.systemctl("exit 1")
        self.assert_says("run systemctl daemon-reload before Docker is restarted", self.apply())

    def test_proxy_of_the_file(self):
        before = b'{"proxies": {"https-proxy": "http://u:lab-secret@p", "no-proxy": "a"}}'
        self.lab.write(DAEMON_JSON, before)
        os.symlink("/dev/null", "/etc/systemd/system/docker.service")
        self.addCleanup(os.unlink, "/etc/systemd/system/docker.service")
        done = self.apply()
        self.assertIn(b'"no-proxy": "a,us.icr.io,registry.ng.bluemix.net,private.us.icr.io"',
                      read(DAEMON_JSON))
        self.assert_says(RESTART, done)
        self.assertNotIn("lab-secret", done.stdout + done.stderr)
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(DAEMON_JSON), before)


class Validate(Driver):
    """dockerd --validate, by a stand-in: Debian's 20.10 has no such option."""

    REFUSES = ("unable to configure the Docker daemon with file /proc/self/fd/0: the following "
               "directives don't match any configuration option: %s")

    def dockerd(self, script):
        path = "/etc/icr-lab/dockerd"
        self.lab.write(path, "#!/bin/sh\n[ \"$1 $2\" = '--validate --config-file' ] || exit 125\n"
                       "text=$(cat \"$3\")\n" + script)
        os.chmod(path, 0o755)
        self.lab.write("/etc/systemd/system/docker.service",
                       "[Service]\nExecStart=/etc/icr-lab/dockerd -H fd://\n")
        self.addCleanup(shutil.rmtree, "/etc/icr-lab")
        self.addCleanup(os.unlink, "/etc/systemd/system/docker.service")
        self.lab.write(DAEMON_JSON, PUBLIC)
        self.before = tree("/etc")

    def test_accepted(self):
        self.dockerd("echo \"$text\" >/run/seen; echo configuration OK")
        self.apply()
        self.assertEqual(read("/run/seen"), PRIVATE)
        self.assertEqual(read(DAEMON_JSON), PRIVATE)
        self.assertFalse(os.path.exists("/run/seen.json"))

    def test_our_change_is_refused(self):
        self.dockerd("case $text in *private*) echo \"%s\" >&2; exit 1;; esac"
                     % (self.REFUSES % "http://u:lab-secret@p"))
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(1, done)
        self.assert_says("/etc/docker/daemon.json: dockerd would refuse this file after our change, "
                         "so nothing was changed: the following directives don't match any "
                         r"configuration option: http://\*\*\*@p", done)
        self.assertNotIn("lab-secret", done.stderr)
        self.assert_nothing_changed()

    def test_refused_before_already(self):
        self.dockerd("echo \"%s\" >&2; exit 1" % (self.REFUSES % "foo"))
        done = self.lab.rewrite("apply", "--regions", "us")
        self.assert_code(1, done)
        self.assert_says("dockerd refuses this file as it is, before any change of ours: the "
                         "following directives don't match any configuration option: foo", done)
        self.assert_nothing_changed()

    def test_no_such_option(self):
        self.dockerd("echo 'Status: unknown flag: --validate' >&2; exit 125")
        self.apply()
        self.assertEqual(read(DAEMON_JSON), PRIVATE)

    def test_never_answers(self):
        self.dockerd("sleep 60")
        begin = time.monotonic()
        self.apply()
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(read(DAEMON_JSON), PRIVATE)


class Regions(Driver):
    def regions(self, environment=None):
        done = lab.run(os.path.join(lab.BUILD, "icr-rewrite"), "plan", "--json",
                       environment=environment)
        return {region["public"] for region in json.loads(done.stdout or "{}").get("regions", [])}

    def login(self, folder, host):
        self.lab.write(os.path.join(folder, "config.json"), '{"auths": {"%s": {}}}' % host)

    def test_logins(self):
        self.login(os.path.join(lab.HOME, ".docker"), "https://us.icr.io")
        self.assertEqual(self.regions(), {"us.icr.io"})

    def test_docker_config(self):
        self.login(os.path.join(self.lab.folder, "docker"), "private.de.icr.io")
        self.assertEqual(self.regions({"DOCKER_CONFIG": os.path.join(self.lab.folder, "docker")}),
                         {"de.icr.io"})

    def test_the_user_behind_sudo(self):
        home = os.path.join(self.lab.folder, "tester")
        with open("/etc/passwd", "a") as file:
            file.write("tester:x:4242:4242::%s:/bin/sh\n" % home)
        self.login(os.path.join(home, ".docker"), "de.icr.io")
        self.login(os.path.join(lab.HOME, ".docker"), "us.icr.io")
        self.assertEqual(self.regions({"SUDO_USER": "tester"}), {"us.icr.io", "de.icr.io"})
        self.assertEqual(self.regions({"SUDO_USER": "nobody-of-that-name"}), {"us.icr.io"})

    def test_local_images(self):
        self.lab.start_dockerd()
        self.lab.make_image("de.icr.io/demo/local:1")
        self.assertEqual(self.regions(), {"de.icr.io"})


class Status(Driver):
    def test_running(self):
        self.lab.start_dockerd(PUBLIC)
        engine = self.status()
        self.assertEqual(engine["version"], self.lab.dockerd.info()["ServerVersion"])
        self.assertEqual(engine["image_store"], "classic")
        self.assertEqual(engine["config"], DAEMON_JSON)
        self.assertIs(engine["found"], True)
        self.assertIs(engine["proxy"], False)
        self.assertIsNone(engine["no_proxy_ok"])
        self.apply()
        self.assertEqual(self.status()["public_mirrors"], [])
        self.lab.write(DAEMON_JSON, PUBLIC)
        self.assertEqual(self.status()["public_mirrors"], ["https://us.icr.io", "us.icr.io"])

    def test_not_running(self):
        engine = self.status()
        self.assertIs(engine["found"], True)
        self.assertIsNone(engine["version"])

    def test_socket_that_nobody_answers(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(servers.DOCKER_SOCKET)
            self.addCleanup(os.unlink, servers.DOCKER_SOCKET)
            self.lab.write(DAEMON_JSON, PUBLIC)
            self.apply()
            listener.listen()
            begin = time.monotonic()
            self.assertIsNone(self.status()["version"])
            done = self.lab.rewrite("apply")
            self.run_ok(done)
            self.assertLess(time.monotonic() - begin, 15)
