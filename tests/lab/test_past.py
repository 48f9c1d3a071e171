# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Whatever lets a program of this host go past the hosts file, status knows, or it is mended."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

from . import lab as labs, servers
from .case import HOSTS, PRIVATE_US, LabCase, read
from .fault import Fault

# Calls itself as the first argument says, enters the root folder of the second, and waits.
ENGINE = """
import os, sys
with open("/proc/self/comm", "w") as file:
    file.write(sys.argv[1])
if len(sys.argv) > 2 and sys.argv[2][0] == "/":
    os.chroot(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""


class Past(LabCase):
    settings = {"regions": ("us",), "registry": False}

    def setUp(self):
        super().setUp()
        self.addCleanup(shutil.rmtree, "/run/icr-rewrite", ignore_errors=True)

    def problem(self, pattern):
        done = self.lab.rewrite("status")
        self.assert_code(3, done)
        self.assertRegex(done.stdout, f"(?m)^problem: {pattern}")

    def fine(self):
        done = self.lab.rewrite("status")
        self.assertNotIn("problem:", done.stdout)
        self.assert_code(0, done)

    def pull_is(self, role, *prefix):
        self.lab.clear_log()
        subprocess.run([*prefix, "skopeo", "inspect", "docker://us.icr.io/ns/hello:1"],
                       timeout=30, check=False, capture_output=True)
        self.assertEqual({entry["role"] for entry in self.lab.log()}, {role})

    def engine(self, name, *root, prefix=(), environment=None, flags=()):
        process = subprocess.Popen([*prefix, sys.executable, "-c", ENGINE, name, *root, *flags],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env={**os.environ, **(environment or {})})

        def end():
            process.stdin.close()
            process.stdout.close()
            process.wait(10)
        self.addCleanup(end)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return end


class LongLines(Past):
    """Go's resolver reads no further than a line of 64 KiB."""

    def test_our_lines_stand_before_it(self):
        before = read(HOSTS) + b"#" + b"x" * 65535 + b"\n10.1.2.3 behind\n"
        self.lab.write(HOSTS, before)
        self.apply()
        self.pull_is("private")
        self.fine()
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), before)

    def test_shorter_by_one(self):
        self.lab.write(HOSTS, read(HOSTS) + b"#" + b"x" * 65534 + b"\n")
        self.apply()
        self.assertTrue(read(HOSTS).endswith(b"# END icr-rewrite\n"))
        self.pull_is("private")

    def test_as_the_last_line(self):
        before = read(HOSTS) + b"#" + b"x" * 65535
        self.lab.write(HOSTS, before)
        self.apply()
        self.pull_is("private")
        self.run_ok(self.lab.rewrite("undo"))
        self.assertEqual(read(HOSTS), before)

    def test_one_that_comes_later(self):
        self.apply()
        self.lab.write(HOSTS, b"#" + b"x" * 70000 + b"\n" + read(HOSTS))
        self.pull_is("public")
        self.problem("/etc/hosts: edited since")
        self.run_ok(self.lab.rewrite("refresh"))
        self.pull_is("private")
        self.fine()


class Closed(Past):
    """A hosts file that others than root cannot read steers root alone."""

    USER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp")

    def test_file(self):
        self.apply()
        os.chmod(HOSTS, 0o600)
        self.pull_is("public", *self.USER)
        self.problem(r"/etc/hosts: closed to other users \(mode 0600\).*: chmod o\+r /etc/hosts")
        self.assert_says(r"/etc/hosts: closed to other users", self.apply())
        os.chmod(HOSTS, 0o644)
        self.pull_is("private", *self.USER)
        self.fine()

    def test_folder(self):
        os.mkdir("/etc/closed", 0o711)
        self.addCleanup(shutil.rmtree, "/etc/closed")
        os.rename(HOSTS, "/etc/closed/hosts")
        os.symlink("closed/hosts", HOSTS)
        self.addCleanup(os.rename, "/etc/closed/hosts", HOSTS)
        self.apply()
        self.fine()
        os.chmod("/etc/closed", 0o700)
        self.pull_is("public", *self.USER)
        self.problem(r"/etc/closed: closed to other users \(mode 0700\).*: chmod o\+x /etc/closed")


class Engines(Past):
    def test_hosts_file_of_its_own(self):
        with open("/run/others", "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost\n")
        self.addCleanup(os.unlink, "/run/others")
        # a rename in one namespace takes off what is mounted over the name in others
        self.apply()
        end = self.engine("containerd", prefix=[
            "unshare", "--mount", "sh", "-c", 'mount --bind /run/others /etc/hosts; exec "$@"', "-"])
        self.assert_says(r"containerd \(process \d+\) goes by a hosts file of its own",
                         self.apply())
        self.problem(r"containerd \(process \d+\) goes by a hosts file of its own, .*us\.icr\.io")
        end()
        self.fine()

    def test_root_of_its_own(self):
        for folder in ("/run/root/etc", "/run/empty"):
            os.makedirs(folder)
            self.addCleanup(shutil.rmtree, folder)
        shutil.copy(HOSTS, "/run/root/etc/hosts")
        self.apply()
        for root in ("/run/root", "/run/empty"):
            with self.subTest(root):
                end = self.engine("crio", root)
                self.problem(r"crio \(process \d+\) goes by a hosts file of its own")
                end()
        shutil.copy(HOSTS, "/run/root/etc/hosts")
        self.engine("crio", "/run/root")
        self.fine()

    def test_root_whose_links_lead_elsewhere(self):
        """An absolute link in a root folder is that of the folder, not of the host."""
        for folder in ("/run/root/etc", "/run/root/run/names", "/run/names"):
            os.makedirs(folder)
        self.addCleanup(shutil.rmtree, "/run/root")
        self.addCleanup(shutil.rmtree, "/run/names")
        os.symlink("/run/names/hosts", "/run/root/etc/hosts")
        self.lab.write("/run/root/run/names/hosts", "127.0.0.1 localhost\n")
        self.apply()
        shutil.copy(HOSTS, "/run/names/hosts")
        end = self.engine("crio", "/run/root")
        self.problem(r"crio \(process \d+\) goes by a hosts file of its own")
        end()
        os.rename("/run/names/hosts", "/run/root/run/names/hosts")
        self.engine("crio", "/run/root")
        self.fine()

    def test_file_of_its_own_that_leads_both_ways(self):
        os.makedirs("/run/root/etc")
        self.addCleanup(shutil.rmtree, "/run/root")
        self.apply()
        ours = read(HOSTS)
        for text, code in ((b"203.0.113.10 us.icr.io\n" + ours, 3),
                           (ours.replace(b" registry", b"\t# registry"), 3),
                           (ours + b"166.9.250.1 us.icr.io\n", 0)):
            with self.subTest(text):
                self.lab.write("/run/root/etc/hosts", text)
                end = self.engine("crio", "/run/root")
                if code:
                    self.problem(r"crio \(process \d+\) goes by a hosts file of its own")
                else:
                    self.fine()
                end()

    def test_order_of_its_own(self):
        self.lab.write("/run/order", "hosts: dns files\n")
        self.addCleanup(os.unlink, "/run/order")
        prefix = ("unshare", "--mount", "sh", "-c",
                  'mount --bind /run/order /etc/nsswitch.conf; exec "$@"', "-")
        self.apply()
        self.pull_is("public", *prefix)
        end = self.engine("containerd", prefix=prefix)
        self.problem(r"containerd \(process \d+\) goes by a /etc/nsswitch.conf of its own, .* "
                     "has dns before files")
        end()
        self.lab.write("/run/order", "hosts: files dns\n")
        self.engine("containerd", prefix=prefix)
        self.fine()

    def test_many_containers_hide_none(self):
        self.apply()
        prefix = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                  'mount -t tmpfs none /run; : >/run/hosts; mount --bind /run/hosts /etc/hosts; '
                  'exec "$@"', "-")
        for _ in range(5):
            self.engine("containerd", prefix=prefix)
        self.fine()
        self.engine("dockerd", prefix=("unshare", "--mount", "sh", "-c",
                                       'mount --bind /dev/null /etc/hosts; exec "$@"', "-"))
        self.problem(r"dockerd \(process \d+\) goes by a hosts file of its own")

    def test_proxy_that_it_was_started_with(self):
        self.apply()
        proxy = {"HTTPS_PROXY": "http://secret:secret@198.51.100.9:3128", "NO_PROXY": "localhost"}
        for name in ("containerd", "crio", "k3s-server"):
            with self.subTest(name):
                end = self.engine(name, environment=proxy)
                self.problem(r"process \d+, which goes by what it was started with.*HTTPS_PROXY "
                             r"takes the names past the route.*us\.icr\.io")
                self.assertNotIn("secret", self.lab.rewrite("status").stdout)
                end()
        self.engine("containerd", environment={**proxy, "NO_PROXY": "icr.io,ng.bluemix.net"})
        self.fine()


class Units(Past):
    """What a unit gives a service counts also while that is idle, as podman's and Docker's are
    that a socket starts."""

    def unit(self, name, *lines):
        path = f"/etc/systemd/system/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.lab.write(path, "[Service]\n" + "".join(line + "\n" for line in lines))
        return path

    def test_hosts_file_of_its_own(self):
        os.makedirs("/run/others/etc")
        self.addCleanup(shutil.rmtree, "/run/others")
        self.lab.write("/run/others/etc/hosts", "127.0.0.1 localhost\n")
        self.apply()
        shutil.copy(HOSTS, "/run/good")
        self.addCleanup(os.unlink, "/run/good")
        for name, program in (("podman", "/usr/bin/podman system service"),
                              ("docker", "/usr/sbin/dockerd -H fd://")):
            for setting, code in (("RootDirectory=/run/others", 3),
                                  ("BindPaths=/run/others/etc:/etc/", 3),
                                  ("BindReadOnlyPaths=-/run/others/etc/hosts:/etc/hosts:norbind", 3),
                                  ("TemporaryFileSystem=/etc", 3),
                                  ("TemporaryFileSystem=/etc\nBindPaths=/run/good:/etc/hosts", 0),
                                  ("BindPaths=-/run/missing:/etc/hosts", 0),
                                  ("BindPaths=/run/others/etc:/etc/others", 0),
                                  ("BindPaths=/etc/hosts", 0)):
                with self.subTest((name, setting)):
                    path = self.unit(f"{name}.service", f"ExecStart={program}", setting)
                    if code:
                        self.problem(rf"/etc/systemd/system/{name}.service, with its drop-ins: gives "
                                     ".* a hosts file of its own .* us.icr.io")
                    else:
                        self.fine()
                    os.unlink(path)
        path = self.unit("podman.service", "ExecStart=/usr/bin/podman system service",
                         "RootDirectory=/run/others")
        shutil.copy(HOSTS, "/run/others/etc/hosts")
        self.fine()
        os.unlink(path)

    def test_drop_ins_of_names_alike(self):
        """systemd also reads those of a-.service for a-b.service."""
        self.apply()
        proxy = "Environment=HTTPS_PROXY=http://198.51.100.9:3128"
        for unit, folder, code in (("podman-auto-update", "podman-", 3),
                                   ("podman-auto-update", "podman-auto-", 3),
                                   ("podman-auto-update", "podman-auto", 0),
                                   ("podman-kube@", "podman-kube@", 3),
                                   ("podman-kube@", "podman-", 3)):
            with self.subTest((unit, folder)):
                paths = [self.unit(f"{unit}.service", "ExecStart=/usr/bin/podman"),
                         self.unit(f"{folder}.service.d/proxy.conf", proxy)]
                said = f"problem: /etc/systemd/system/{unit}.service, "
                self.assertIs(said in self.lab.rewrite("status").stdout, bool(code))
                # one of the unit itself takes the place of another of that name
                paths.append(self.unit(f"{unit}.service.d/proxy.conf", "Environment=A=b"))
                self.assertNotIn(said, self.lab.rewrite("status").stdout)
                for path in set(paths):
                    os.unlink(path)


class Dockers(Past):
    PROXY = {"HTTPS_PROXY": "http://secret:secret@198.51.100.9:3128"}

    def test_of_others(self):
        """One that is not docker.service's is asked by what it was started with."""
        self.apply()
        config = os.path.join(labs.HOME, "daemon.json")
        file = {"proxies": {"https-proxy": self.PROXY["HTTPS_PROXY"]}}
        for environment, proxies, code in ((self.PROXY, {}, 3), ({}, file, 3), ({}, {}, 0),
                                           ({**self.PROXY, "NO_PROXY": "icr.io,bluemix.net"}, {}, 0),
                                           (self.PROXY, {"proxies": {"no-proxy": "*"}}, 0)):
            with self.subTest((environment, proxies)):
                self.lab.write(config, json.dumps(proxies))
                end = self.engine("dockerd", environment=environment,
                                  flags=("--config-file", config))
                if code:
                    self.problem(r"process \d+, another dockerd .* takes the names past the route, "
                                 r".*us\.icr\.io,registry\.ng\.bluemix\.net")
                    self.assertNotIn("secret", self.lab.rewrite("status").stdout)
                else:
                    self.fine()
                end()

    def test_configuration_out_of_sight(self):
        """What the daemon says about its proxies counts where its file cannot be seen."""
        config = "/run/credentials/docker.service/daemon.json"
        os.makedirs(os.path.dirname(config))
        self.addCleanup(shutil.rmtree, "/run/credentials")
        self.lab.write(config, "{}")
        self.apply()
        containerd = servers.Daemon(["containerd", "--root", "/run/c/root", "--state", "/run/c/state",
                                     "--address", "/run/c.sock"],
                                    os.path.join(labs.HOME, "containerd.log"))
        self.addCleanup(containerd.stop)
        containerd.await_port("/run/c.sock", 20)
        for no_proxy, code in (("localhost", 3), ("*", 0)):
            self.lab.start_dockerd(
                flags=servers.DOCKER_FLAGS + ("--config-file", config, "--containerd=/run/c.sock"),
                environment={**self.PROXY, "NO_PROXY": no_proxy})
            with self.subTest(no_proxy):
                if code:
                    self.problem("docker pulls the names through its proxy, past the route")
                else:
                    self.fine()
            self.lab.stop_dockerd()


class Order(Past):
    """Go's own resolver knows files and dns alone."""

    def set(self, path, pattern, line):
        text = read(path).decode()
        self.addCleanup(self.lab.write, path, text)
        self.lab.write(path, re.sub(pattern, line, text))

    def order(self, lines):
        self.set("/etc/nsswitch.conf", "(?m)^hosts:.*", lines)

    def test_sources_that_go_takes_for_dns(self):
        self.apply()
        for order, code in (("files dns", 0), ("mymachines resolve files dns", 0), ("sss files", 3),
                            ("files resolve", 0), ("resolve [!UNAVAIL=return] files", 3),
                            ("sss files # dns", 3)):
            with self.subTest(order):
                self.order(f"hosts: {order}")
                if code:
                    self.problem('/etc/nsswitch.conf: "hosts:" has .* before files and no dns')
                else:
                    self.fine()
        self.order("hosts: sss files")
        # as systemd-resolved's, which reads the hosts file
        self.set("/etc/resolv.conf", "(?m)^nameserver.*", "nameserver 127.0.0.53")
        self.fine()

    def test_what_separates_sources(self):
        """A tab does for glibc alone."""
        self.apply()
        for lines in (r"hosts:\tfiles\tdns", r"hosts: files\t dns"):
            with self.subTest(lines):
                self.order(lines)
                self.problem('/etc/nsswitch.conf: "hosts:" has a tab between two sources')
        for lines in (r"hosts:\t\tfiles dns", r"hosts: files \tdns\t", r"hosts :files dns"):
            with self.subTest(lines):
                self.order(lines)
                self.fine()

    def test_two_lines(self):
        """glibc goes by the last, Go by all."""
        self.apply()
        self.order("hosts: dns\nhosts: files dns")
        self.pull_is("public")
        self.problem('/etc/nsswitch.conf: "hosts:" stands in 2 lines')
        self.lab.write("/etc/nsswitch.conf", "hosts: files\npasswd: files\nhosts: files dns\n")
        self.pull_is("private")
        self.fine()

    def test_name_servers_behind_what_only_glibc_knows(self):
        """As systemd-resolved's module, which answers what the hosts file has."""
        self.apply()
        self.order("hosts: resolve [!UNAVAIL=return] dns files")
        self.problem('/etc/nsswitch.conf: "hosts:" has dns before files')

    def test_name_servers_that_lead_the_same_way(self):
        self.apply()
        self.order(r"hosts:\tfiles\tdns")
        for name in ("us.icr.io", "registry.ng.bluemix.net"):
            self.lab.dns.set(name, PRIVATE_US)
        self.fine()

    def test_a_name_server_of_this_host(self):
        self.apply()
        self.order("hosts: sss files")
        self.set("/etc/resolv.conf", "(?m)^nameserver.*", "nameserver 127.0.0.1")
        for options, code in ((["--no-hosts"], 3), ([], 0)):
            with self.subTest(options):
                server = subprocess.Popen(
                    ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv",
                     "--server=198.51.100.53", "--listen-address=127.0.0.1", "--bind-interfaces",
                     "--user=root", *options], stderr=subprocess.PIPE)
                try:
                    while b"read" not in (line := server.stderr.readline()) and b"using" not in line:
                        self.assertTrue(line)
                    if code:
                        self.problem('/etc/nsswitch.conf: "hosts:" has sss before files')
                    else:
                        self.fine()
                finally:
                    server.terminate()
                    server.communicate()


class Unprivileged(Past):
    """Who sees less than root is told so, and not that all is well."""

    def status_as_somebody(self):
        program = shutil.copy(shutil.which("icr-rewrite"), "/tmp/icr-rewrite")
        self.addCleanup(lambda: os.path.exists(program) and os.unlink(program))
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               program, "status"], capture_output=True, text=True, timeout=30,
                              check=False)

    def test_files_of_variables_that_only_systemd_may_read(self):
        path = "/etc/systemd/system/docker.service"
        self.lab.write(path, "[Service]\nExecStart=/usr/bin/dockerd\n"
                             "EnvironmentFile=-/etc/closed/docker\n")
        self.addCleanup(os.unlink, path)
        os.mkdir("/etc/closed")
        self.addCleanup(shutil.rmtree, "/etc/closed")
        self.lab.write("/etc/closed/docker", "A=b\n")
        self.apply()
        self.fine()
        self.assertEqual(self.status_as_somebody().returncode, 0)
        os.chmod("/etc/closed/docker", 0o600)
        for mode in (0o755, 0o700):
            with self.subTest(oct(mode)):
                os.chmod("/etc/closed", mode)
                self.fine()
                done = self.status_as_somebody()
                self.assertEqual(done.returncode, 3, done)
                self.assertIn("problem: /etc/closed/docker: closed to this user, so it cannot be "
                              "told whether docker pulls through a proxy: ask as root", done.stdout)

    def test_processes_of_root(self):
        self.apply()
        self.engine("containerd")
        self.assertIn("only root can tell which proxies", self.status_as_somebody().stderr)


class Between(Past):
    """Another run comes between the look and the proof, which are not behind the lock."""

    def during(self, verb, other):
        """Runs OTHER while VERB waits for the registry."""
        for front in self.lab.private_fronts():
            front.faults.add(Fault(delay=2, times=1))
        self.lab.clear_log()
        process = subprocess.Popen(["icr-rewrite", *verb], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while not self.lab.connections(role="private") and time.monotonic() < deadline:
            time.sleep(0.01)
        self.run_ok(self.lab.rewrite(*other))
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, out + err)
        return out + err

    def test_undo_during_a_refresh(self):
        before = read(HOSTS)
        self.apply()
        self.assertNotIn("resolver", self.during(["refresh"], ["undo"]))
        self.assertEqual(read(HOSTS), before)
        self.assertFalse(os.path.exists("/var/lib/icr-rewrite"))
        self.assertFalse(os.path.exists("/run/icr-rewrite"))
        self.assertIn("nothing applied", self.lab.rewrite("status").stdout)

    def test_undo_during_a_refresh_that_has_to_write(self):
        before = read(HOSTS)
        self.apply()
        self.lab.renumber("private.us.icr.io", ["166.9.251.141"])
        self.during(["refresh"], ["undo"])
        self.assertEqual(read(HOSTS), before)
        self.assertFalse(os.path.exists("/var/lib/icr-rewrite"))

    def test_undo_during_an_apply(self):
        self.apply()
        self.during(["apply", "--regions", "us"], ["undo"])
        self.fine()


class Lists(Past):
    """Programs in Go go by NO_PROXY, others by no_proxy; what comes later counts."""

    def said(self, files):
        for path, text in files.items():
            self.lab.write(path, text)
        done = self.lab.rewrite("status")
        for path in files:
            os.unlink(path)
        return done

    def test_two_spellings(self):
        self.apply()
        proxy = "https_proxy=http://198.51.100.9:3128\n"
        good, bad = "icr.io,bluemix.net", "localhost"
        for upper, lower, code in ((good, bad, 3), (bad, good, 3), (good, good, 0),
                                   (good, None, 0), (None, good, 0), (None, None, 3)):
            for order in (1, -1):
                lines = [f"{name}={value}\n" for name, value in
                         (("NO_PROXY", upper), ("no_proxy", lower)) if value][::order]
                with self.subTest(lines):
                    self.assert_code(code, self.said({"/etc/environment": proxy + "".join(lines)}))

    def test_a_later_file(self):
        self.apply()
        first = "https_proxy=http://198.51.100.9:3128\nno_proxy=icr.io,bluemix.net\n"
        for later, code in (("export no_proxy=localhost\n", 3), ("export EDITOR=vi\n", 0),
                            ('export no_proxy="$no_proxy,localhost"\n', 0),
                            ("export no_proxy=.bluemix.net,icr.io\n", 0)):
            with self.subTest(later):
                done = self.said({"/etc/environment": first, "/etc/profile.d/zz.sh": later})
                self.assert_code(code, done)
                if code:
                    self.assertIn("/etc/profile.d/zz.sh:1: https_proxy takes the names",
                                  done.stdout)
