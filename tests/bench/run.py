#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""make bench: what the programs cost, as ratios to named peers measured in the same run.

Figures of one run belong together; milliseconds of two runs do not compare. Nothing here fails
for being slow, but what is out of all proportion: it prints, and people judge. It fails when a
command does not do its job.
"""

import base64
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ICR_BUILD") or TOP / "build").resolve()
HELPER = str(BUILD / "docker-credential-icr")
REWRITE = str(BUILD / "icr-rewrite")
SECRET = "made-up-key-for-the-benchmark-0123456789abcd"
ROUNDS = 200
BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


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
    sys.stdout.flush()
    return medians


def instructions(rows, env):
    print("\nInstructions in user space, dynamic loader included (callgrind)")
    for label, source, command in rows:
        with open(source, "rb") as stdin:
            done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
                                  + command, env=env, stdin=stdin, capture_output=True, text=True,
                                  timeout=120)
        match = re.search(r"Collected : (\d+)", done.stderr)
        # none of a program that changes its root: callgrind cannot write its file there
        if match:
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


def all_at_once(program, env, count):
    """Seconds until the last of COUNT gets has answered."""
    begin = time.monotonic()
    children = [subprocess.Popen([program, "get"], env=env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for _ in range(count)]
    for child in children:
        child.stdin.write(b"us.icr.io\n")
        child.stdin.close()
        child.stdin = None
    answered = sum(SECRET in child.communicate(timeout=120)[0].decode() for child in children)
    return time.monotonic() - begin, answered


def parallel(env):
    print("\n200 gets at once, unlocked gnome-keyring")
    seconds = {}
    for program in (HELPER, "docker-credential-secretservice"):
        seconds[program], answered = all_at_once(program, env, 200)
        print(f"  {os.path.basename(program):44}{seconds[program]:>10.2f} s {answered:>5} answered")
    ours, peer = seconds.values()
    print(f"  docker-credential-icr / docker-credential-secretservice: {ours / peer:.2f}")


def one_get(env, host):
    begin = time.monotonic()
    subprocess.run([HELPER, "get"], env=env, input=host, capture_output=True, text=True, timeout=60,
                   check=False)
    return time.monotonic() - begin


def sweep(env, title):
    """All 28 names in turn, as docker build asks, to the time of one."""
    names = [prefix + label for label in
             ("icr.io", "us.icr.io", "uk.icr.io", "de.icr.io", "es.icr.io", "au.icr.io",
              "jp.icr.io", "jp2.icr.io", "ca.icr.io", "ca2.icr.io", "br.icr.io", "in.icr.io",
              "in2.icr.io", "fr2.icr.io") for prefix in ("", "private.")]
    one = total = 0
    for name in names:  # in turn, so that other load touches both alike
        one += one_get(env, "us.icr.io") / len(names) if title != "hung" else 0
        total += one_get(env, name)
    if title == "hung":
        print(f"\nSweep of 28 hosts, a bus that accepts and never answers: {total:.2f} s in all")
    else:
        print(f"\nSweep of 28 hosts, {title}: {total * 1000:.1f} ms, {total / one:.1f} times one get")


def hung_bus(home):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home / "hung"))
    listener.listen(64)
    run = home / "run-hung"
    run.mkdir(mode=0o700)
    sweep(dict(environment(home), XDG_RUNTIME_DIR=str(run),
               DBUS_SESSION_BUS_ADDRESS=f"unix:path={home}/hung"), "hung")
    listener.close()


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
        message = {"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": SECRET}
        # The item is read by attributes, so one stored by the peer serves all three.
        quietly(["docker-credential-secretservice", "store"], env, json.dumps(message))
        there = 0
        for others in (1, 100, 1000):
            for there in range(there, others):
                quietly(["docker-credential-secretservice", "store"], env,
                        json.dumps(dict(message, ServerURL=f"r{there}.example.com", Secret="x")))
            there = others
            measure(f"Desktop keyring, gnome-keyring, {others} logins of other registries",
                    keyring_rows(home / "hit"), env, 30,
                    [("docker-credential-icr get, libsecret",
                      "docker-credential-secretservice get")])
            if others == 1:
                sweep(env, "desktop keyring, the login of one host")
                quietly([HELPER, "login", "--offline", "-"], env, SECRET)
                sweep(env, "desktop keyring, a key for all hosts")
                quietly([HELPER, "logout"], env)
        parallel(env)
    finally:
        daemon.terminate()
        daemon.wait(20)


class Iam(threading.Thread):
    """A token endpoint on this host, over TLS, that notes what each answer cost it: from the request
    read to the answer written, and with the handshake before."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        name = "/CN=localhost"
        quietly(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", name, "-addext",
                 "subjectAltName=DNS:localhost", "-keyout", str(folder / "key.pem"), "-out",
                 str(folder / "cert.pem")], dict(os.environ))
        self.certificate = folder / "cert.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, folder / "key.pem")
        self.listener = socket.create_server(("localhost", 0), backlog=64)
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.answering, self.connected = [], []

    def run(self):
        while True:
            plain, _ = self.listener.accept()
            begin = time.monotonic()
            try:
                with self.context.wrap_socket(plain, server_side=True) as client:
                    self.serve(client, begin)
            except OSError:
                pass

    def serve(self, client, begin):
        data = b""
        while b"\r\n\r\n" not in data or b"apikey=" not in data.partition(b"\r\n\r\n")[2]:
            got = client.recv(65536)
            if not got:
                return
            data += got
        asked = time.monotonic()
        payload = base64.urlsafe_b64encode(b'{"exp":%d}' % (time.time() + 3600)).rstrip(b"=")
        token = b"e30." + payload + b"." + b"s" * 1500
        body = b'{"access_token":"%s","refresh_token":"not_supported","token_type":"Bearer",' \
            b'"expires_in":3600,"expiration":%d}' % (token, time.time() + 3600)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                       b"%d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        self.answering.append(time.monotonic() - asked)
        self.connected.append(time.monotonic() - begin)


def cold_exchanges(iam, env):
    """Each with a key that was never seen."""
    walls = []
    for number in range(40):
        begin = time.monotonic()
        answer = quietly([HELPER, "get"], dict(env, IBMCLOUD_API_KEY=f"key-{number:040}"),
                         "us.icr.io\n")
        walls.append(time.monotonic() - begin)
        if '"iambearer"' not in answer:
            sys.exit("bench: no token")
    wall = statistics.median(walls)
    print("\nCold exchange, TLS to a token endpoint on this host, trust in the system's bundle")
    print(f"  get, median of {len(walls)}: {wall * 1000:.1f} ms; over the server's own time to "
          f"answer: {(wall - statistics.median(iam.answering[-40:])) * 1000:.1f} ms; and without "
          f"its handshake: {(wall - statistics.median(iam.connected[-40:])) * 1000:.1f} ms")


def trust(home, certificate, env):
    """As update-ca-certificates does: in the bundle, and by a link in the folder."""
    folder = home / "certs"
    shutil.copytree(BUNDLE.parent, folder, symlinks=True)
    with open(folder / BUNDLE.name, "ab") as bundle:
        bundle.write(certificate.read_bytes())
    name = quietly(["openssl", "x509", "-noout", "-hash", "-in", str(certificate)], env).strip()
    shutil.copy(certificate, folder / (name + ".0"))
    quietly(["mount", "--bind", str(folder), str(BUNDLE.parent)], env)


def inside_namespace(home):
    """Called again in namespaces: a kernel keyring, a /run and trusted certificates of its own."""
    env = environment(home)
    homes = {name: home / name for name in ("file", "keyring", "bearer", "system")}
    iam = Iam(home)
    iam.start()
    trust(home, iam.certificate, env)
    quietly(["mount", "-t", "tmpfs", "tmpfs", "/run"], env)
    run = pathlib.Path("/run/docker-credential-icr")
    run.mkdir(mode=0o755)
    (run / "apikey").write_text(SECRET)
    (run / "apikey").chmod(0o640)
    for name, config in (("file", {"stores": ["file"]}), ("keyring", {"stores": ["keyring"]}),
                         ("bearer", {"token": "bearer", "iam_url": iam.url}), ("system", {})):
        folder = homes[name] / ".config/docker-credential-icr"
        folder.mkdir(mode=0o700, parents=True)
        (folder / "config.json").write_text(json.dumps(config))
    message = json.dumps({"ServerURL": "us.icr.io", "Username": "iamapikey", "Secret": SECRET})
    for name in ("file", "keyring"):
        quietly([HELPER, "store"], dict(env, HOME=str(homes[name])), message)
    bearer = dict(env, HOME=str(homes["bearer"]), XDG_RUNTIME_DIR=str(home / "run"))
    quietly([HELPER, "get"], dict(bearer, IBMCLOUD_API_KEY=SECRET), "us.icr.io\n")
    hit = home / "hit"
    labels = {"file": "docker-credential-icr get, file", "keyring": "get, kernel keyring",
              "bearer": "get, cached bearer token", "system": "get, system key"}
    rows = [(labels[name], hit, [f"HOME={homes[name]}", HELPER, "get"], 0) for name in homes]
    rows[2][2][:0] = [f"XDG_RUNTIME_DIR={home}/run", f"IBMCLOUD_API_KEY={SECRET}"]
    measure("Sources, to the file store", rows, env, 400)
    cold_exchanges(iam, bearer)


LABELS = ("icr.io", "us.icr.io", "uk.icr.io", "de.icr.io", "es.icr.io", "au.icr.io", "jp.icr.io",
          "jp2.icr.io", "ca.icr.io", "ca2.icr.io", "br.icr.io", "in.icr.io", "in2.icr.io",
          "fr2.icr.io")


def known(env):
    """Until the hosts file is old enough for its times to be trusted, and is read no more."""
    deadline = time.monotonic() + 120
    while "hosts" not in json.loads(pathlib.Path("/run/icr-rewrite/last.json").read_text()):
        if time.monotonic() > deadline:
            sys.exit("bench: a refresh never came to know the large file")
        quietly([REWRITE, "refresh"], env)


class Fronts:
    """The registry at the private addresses of a region, in place of the lab's fronts, whose three
    milliseconds for each connection would be most of what is measured: threads that wait already,
    P-256, one write for an answer, and no log but what conversation() needs."""

    ANSWER = (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nWww-Authenticate: "
              b'Bearer realm="https://us.icr.io/oauth/token",service="registry"\r\n'
              b"Content-Length: 2\r\n\r\n{}")

    def __init__(self, lab, region):
        names = [region["private"], region["public"], *region["aliases"]]
        context = lab.authority.issue(names)
        context.sni_callback = self.note_name
        self.asked, self.answered = [], []
        for address in region["private_addresses"]:
            for front in lab.fronts_at(address):
                front.close()
            listener = socket.create_server((address, 443), backlog=64)
            for _ in names:
                threading.Thread(target=self.serve, args=(listener, context), daemon=True).start()
        self.wanted = sorted(names * len(region["private_addresses"]))

    def note_name(self, _, name, __):
        self.asked.append((name, time.time()))

    def serve(self, listener, context):
        while True:
            plain, _ = listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                with context.wrap_socket(plain, server_side=True) as client:
                    data = b""
                    while b"\r\n\r\n" not in data:
                        got = client.recv(4096)
                        if not got:
                            raise OSError("no request")
                        data += got
                    client.sendall(self.ANSWER)
                    self.answered.append(time.time())
                    client.recv(1)
            except OSError:
                pass

    def take(self):
        """From the first name that was asked for to the last answer; every name was, everywhere."""
        asked, answered = self.asked[:], self.answered[:]
        self.asked.clear()
        self.answered.clear()
        if sorted(name for name, _ in asked) != self.wanted or len(answered) != len(asked):
            sys.exit(f"bench: a refresh asked for {[name for name, _ in asked]}")
        return max(answered) - min(begin for _, begin in asked)


def conversation(fronts, env, rounds=20):
    """Medians of a refresh, in ms: all of it; without the time from the first ClientHello to the
    last answer; and the servers' CPU. And how many handshakes."""
    walls, alone, servers = [], [], []
    fronts.asked.clear()
    fronts.answered.clear()
    for _ in range(rounds):
        begin, cpu = time.time(), time.process_time()
        quietly([REWRITE, "refresh"], env)
        walls.append(time.time() - begin)
        servers.append(time.process_time() - cpu)
        alone.append(walls[-1] - fronts.take())
    return [statistics.median(one) * 1000 for one in (walls, alone, servers)], len(fronts.wanted)


def hosts_of(fronts, env, text, size):
    """A refresh that changes nothing, beside cat, with SIZE bytes of other people's lines: both
    files are remembered, so that nothing but the size differs."""
    from tests.lab import case
    with open(case.HOSTS, "ab") as file:
        file.write(text[:size].rpartition(b"\n")[0] + b"\n")
    known(env)
    cat, refresh = f"cat {case.HOSTS}", "icr-rewrite refresh, no change"
    medians = measure(f"Hosts file of {os.path.getsize(case.HOSTS) / 1e6:.0f} MB",
                      [(cat, "/dev/null", ["cat", case.HOSTS], 0),
                       (refresh, "/dev/null", [REWRITE, "refresh"], 0)], env, 20)
    (wall, alone, server), handshakes = conversation(fronts, env)
    print(f"  from Python {wall:.1f} ms: {wall - alone:.1f} from the first ClientHello to the last "
          f"answer ({handshakes} TLS handshakes; the CPU of the servers, which are threads of Python "
          f"on the same processors, {server:.1f}), and {alone:.1f} without these, {alone / medians[cat]:.2f} times cat")
    return medians[cat], medians[refresh]


def large_hosts(lab, env):
    from tests.lab import case, lab as labs
    text = b"".join(b"10.%d.%d.%d host%07d.example.com alias%d\n"
                    % (i >> 16 & 255, i >> 8 & 255, i & 255, i, i) for i in range(1500000))
    lines = case.read(case.HOSTS)
    fronts = Fronts(lab, labs.REGIONS["us"])
    _, small = hosts_of(fronts, env, text, 2 * 1024 * 1024)
    pathlib.Path(case.HOSTS).write_bytes(lines)
    quietly([REWRITE, "refresh"], env)
    cat, large = hosts_of(fronts, env, text, 62 * 1024 * 1024)
    pathlib.Path(case.HOSTS).write_bytes(lines)
    print(f"  what the size adds to a refresh ({large:.1f} ms less {small:.1f} of 2 MB): "
          f"{large - small:.1f} ms, {(large - small) / cat:.2f} times cat")


def dead_region(lab, env):
    from tests.lab import lab as labs
    for number, name in enumerate(LABELS):
        if name in ("icr.io", "us.icr.io", "de.icr.io"):
            continue
        names = ["private." + name, name]
        address = f"166.9.252.{number}"
        lab.add_front(name, "private", address, names, lab.authority.issue(names))
        lab.dns.set(names[0], [address])
        lab.dns.set(name, labs.REGIONS["us"]["public_addresses"])
    lab.timeout("166.9.252.13")
    alone, all_of_them = "icr-rewrite check, a dead region", "icr-rewrite check, 13 more that live"
    measure("One region whose private network is dead",
            [(alone, "/dev/null", [REWRITE, "check", "--regions", LABELS[13]], 4),
             (all_of_them, "/dev/null", [REWRITE, "check", "--regions", "all"], 0)], env, 3,
            [(all_of_them, alone)])


def inside_lab(home):
    """Called again where there is a private network to prove, and a hosts file to spoil."""
    from tests.lab import lab as labs
    env = dict(os.environ, HOME=str(home))
    with labs.Lab(registry=False) as lab:
        quietly([REWRITE, "apply", "--regions", "us"], env)
        rows = [("/bin/true", "/dev/null", ["/bin/true"], 0),
                ("icr-rewrite apply --offline, no change", "/dev/null",
                 [REWRITE, "apply", "--offline", "--regions", "us"], 0),
                ("icr-rewrite status", "/dev/null", [REWRITE, "status"], 0),
                ("icr-rewrite status --offline", "/dev/null", [REWRITE, "status", "--offline"], 0)]
        measure("A host with one region applied", rows, env)
        measure("A refresh of it, hosts file of some lines",
                [("icr-rewrite refresh, no change", "/dev/null", [REWRITE, "refresh"], 0)], env, 20)
        large_hosts(lab, env)
        dead_region(lab, env)


def route(folder):
    """The rows that need a network, where the lab can be had."""
    if os.geteuid() != 0:
        print("\nStatus, refresh and check: not measured, they need root")
        return
    subprocess.run([str(TOP / "tests/lab/enter"), sys.executable, __file__, "--inside-lab", folder],
                   cwd=TOP, env=dict(os.environ, ICR_BUILD=str(BUILD)), check=True, timeout=600)


ENGINES = {"usr/bin/podman": "", "usr/bin/crio": "", "usr/bin/buildkitd": "", "usr/bin/k3s": "",
           "usr/bin/rke2": "", "etc/hosts": "127.0.0.1 localhost\n",
           "etc/docker/daemon.json": '{"registry-mirrors": ["https://us.icr.io"]}\n',
           "etc/containerd/config.toml": "version = 2\n",
           "etc/buildkit/buildkitd.toml": "debug = true\n",
           "etc/rancher/k3s/registries.yaml": "mirrors:\n"}


def native(home, env):
    """The engines' own configuration: all of them planned, and one large file edited."""
    root = home / "engines"
    for path, text in ENGINES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)
    options = ["--root", str(root), "--regions", "us", "--route", "native", "-q"]
    measure("The engines' own configuration",
            [("/bin/true", "/dev/null", ["/bin/true"], 0),
             ("icr-rewrite --version", "/dev/null", [REWRITE, "--version"], 0),
             ("icr-rewrite plan, seven engines", "/dev/null", [REWRITE, "plan", *options], 3)], env)
    disk(home)
    for title, text in LARGE.items():
        edit_large(root / "etc/containerd/config.toml", title, "version = 2\n" + text(), env,
                   20 if title in ("tables", "comments, tables, strings") else 3)
    for title, text in LARGE_YAML.items():
        edit_large(root / "etc/rancher/k3s/registries.yaml", title, text(), env,
                   20 if title == "logins" else 3)


def provisioned(number):
    """A table as people and their tools write them."""
    return f"""
# Proxy plug-in {number}, put here by the provisioning of this node: see its README
[proxy_plugins."plugin-{number}.example.com"]  # keep in step with the unit
  type = "snapshot"
  address = '/run/containerd-plugin-{number}/plugin.sock'
  capabilities = ["remap-ids", "only-remap-ids"]
  enabled = true
  [proxy_plugins."plugin-{number}.example.com".exports]
    root = "/var/lib/containerd-plugin-{number}"
    note = "a \\"quoted\\" word, and more of the same text to fill a line"
"""


LARGE = {
    "tables": lambda: "".join(f"[proxy_plugins.p{i}]\naddress = '/run/p{i}.sock'\n"
                              for i in range(97000)),
    "comments, tables, strings": lambda: "".join(provisioned(i) for i in range(11000)),
    "one line": lambda: 'x = "' + "a" * 5000000 + '"\n',
    "1 million headers": lambda: "[a]\n" * 1000000,
    "CR LF": lambda: "".join(provisioned(i) for i in range(10800)).replace("\n", "\r\n"),
    "dotted keys": lambda: "".join(f"a{i % 50}.b{i}.c.d.\"e f\".g.h.i.j.k.l = {i}\n"
                                   for i in range(120000)),
    "strings of an array": lambda: "x = [\n" + "".join(
        f'  "word-{i}.example.com", \'other {i}\',\n' for i in range(120000)) + "]\n",
    "comments": lambda: "".join(f"# a remark of some length, number {i}, as people write them\n"
                                for i in range(84000)),
    "nested braces": lambda: "".join(f"a{i} = " + "{a=" * 60 + "1" + "}" * 60 + "\n"
                                     for i in range(20000)),
    "650,000 keys of one table": lambda: "[t]\n" + "".join(f"{i:x}=1\n" for i in range(650000)),
    "an array of 2.5 million": lambda: "x = [" + "1," * 2500000 + "]\n",
}

LARGE_YAML = {
    "logins": lambda: "configs:\n" + "".join(
        f'  "registry-{i}.example.com":\n    auth:\n      username: user{i}\n'
        f'      password: "secret {i}"\n' for i in range(51000)),
    "logins, CR LF": lambda: "configs:\r\n" + "".join(
        f'  "registry-{i}.example.com":\r\n    auth:\r\n      username: user{i}\r\n'
        for i in range(73000)),
    "mirrors in braces": lambda: "mirrors:\n" + "".join(
        f'  r{i}: {{endpoint: ["https://mirror-{i}.example.com:5000"]}}\n' for i in range(85000)),
    "comments": lambda: "mirrors:\n" + "".join(
        f"  # a remark of some length, number {i}, as people write them\n" for i in range(82000)),
    "one line": lambda: 'mirrors:\nx: "' + "a" * 5000000 + '"\n',
    "1.2 million keys": lambda: "mirrors:\n" + "x:\n" * 1200000,
}

# No content may cost more than in proportion to its length: then it would be minutes.
LARGE_SECONDS = 5.0


def disk(folder):
    """What the disk takes of it, where the files are: a file of that size, and one of nothing."""
    for title, size in (("5 MB", 5000000), ("a byte", 1)):
        wall = []
        for number in range(20):
            begin = time.monotonic()
            with open(folder / "disk", "wb") as file:
                file.write(b"x" * size)
                file.flush()
                os.fsync(file.fileno())
            wall.append((time.monotonic() - begin) * 1000)
            (folder / "disk").unlink()
        print(f"\nwrite + fsync of {title}: {min(wall):.1f} ms at best, "
              f"{statistics.median(wall):.1f} ms median")


def edit_large(path, title, text, env, rounds):
    root = next(folder.parent for folder in path.parents if folder.name == "etc")
    options = ["--root", str(root), "--regions", "us", "--route", "native", "-q"]
    engine = "containerd" if path.suffix == ".toml" else "k3s"
    path.write_bytes(text.encode())
    wall, cpu = [], []
    for _ in range(rounds):
        begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        quietly([REWRITE, "apply", *options, "--engines", engine], env)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append((time.monotonic() - begin) * 1000)
        cpu.append((now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) * 1000)
        quietly([REWRITE, "undo", "--root", options[1], "-q"], env)
    print(f"\nA {path.name} of {len(text) / 1e6:.1f} MB edited, {title}, its disk included: "
          f"{min(wall):.0f} ms at best, {statistics.median(wall):.0f} ms median, {max(wall):.0f} at "
          f"worst; CPU {min(cpu):.0f} and {statistics.median(cpu):.0f} ms")
    if min(wall) > LARGE_SECONDS * 1000:
        sys.exit(f"bench: {title}: more than in proportion to its length")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--inside-bus":
        return inside_bus(pathlib.Path(sys.argv[2]))
    if len(sys.argv) == 3 and sys.argv[1] == "--inside-lab":
        return inside_lab(pathlib.Path(sys.argv[2]))
    if len(sys.argv) == 3 and sys.argv[1] == "--inside-namespace":
        return inside_namespace(pathlib.Path(sys.argv[2]))
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
        native(home, env)
        instructions([(label, source, command) for label, source, command, _ in rows], env)
        print("\nHeavy libraries mapped: get, file, hit:", mapped([HELPER, "get"], hit, env))
        sweep(env, "file store")
        hung_bus(home)
        sys.stdout.flush()
        route(folder)
        subprocess.run([sys.executable, str(TOP / "tests/bench/fleet.py"), "--hosts", "10000"], check=False, timeout=300)
        subprocess.run(["unshare", "-U", "-m", "--map-root-user", "--", sys.executable, __file__,
                        "--inside-namespace", folder], env=dict(env, ICR_BUILD=str(BUILD)),
                       check=False, timeout=300)
        subprocess.run(["dbus-run-session", "--", sys.executable, __file__, "--inside-bus", folder],
                       env=dict(env, ICR_BUILD=str(BUILD)), check=True, timeout=300)
        subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False, timeout=30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
