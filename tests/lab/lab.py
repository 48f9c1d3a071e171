# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A small IBM Cloud in a network namespace: DNS, public and private registry endpoints, engines.

Inside tests/lab/enter only:

    with Lab(dockerd=True) as lab:
        lab.store_image("demo/hello", "1")
        lab.docker("pull", "us.icr.io/demo/hello:1")
        lab.log(role="public")

On the command line: enter python3 -m tests.lab.lab [--dockerd] [COMMAND...]
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

from tests import common

from . import certs, dns, front, iam, metadata, net, realm, servers

WORK = os.environ.get("ICR_LAB_INSIDE")
BUILD = str(common.BUILD)
# Never $HOME: tests empty this folder, and outside the lab it would be somebody's own.
HOME = os.path.join(WORK or "/nonexistent", "home")

# Made up: no such key exists anywhere.
API_KEY = "lab-0123456789abcdefghijklmnopqrstuvwxyz-KEY"
ENTITLEMENT_KEY = "lab-entitlement-key"
BEARER_TOKEN = "lab-iam-access-token"

# What a client of this region can ask for, and where it finds it. Private addresses are from
# IBM Cloud's 166.8.0.0/14, public ones from 203.0.113.0/24: a glance at the log tells them apart.
# A name has the IPv6 addresses only after Lab.add_ipv6.
REGIONS = {
    "us": {"public": "us.icr.io", "private": "private.us.icr.io",
           "aliases": ["registry.ng.bluemix.net"], "public_addresses": ["203.0.113.10"],
           "private_addresses": ["166.9.250.214", "166.9.250.246"],
           "public_ipv6": ["2001:db8::10"], "private_ipv6": ["fd00:166:9::214"]},
    "de": {"public": "de.icr.io", "private": "private.de.icr.io",
           "aliases": ["registry.eu-de.bluemix.net"], "public_addresses": ["203.0.113.20"],
           "private_addresses": ["166.9.248.76"],
           "public_ipv6": ["2001:db8::20"], "private_ipv6": ["fd00:166:9::76"]},
    "global": {"public": "icr.io", "private": "private.icr.io",
               "aliases": ["registry.bluemix.net", "cp.icr.io"],
               "public_addresses": ["203.0.113.30"], "private_addresses": ["166.9.251.49"],
               "public_ipv6": ["2001:db8::30"], "private_ipv6": ["fd00:166:9::49"]},
}
NAME_SERVER, DEAD_NAME_SERVER = "198.51.100.53", "198.51.100.54"
# What a private name must never lead to. `renumber` puts fronts there, where that can be.
WRONG_ADDRESSES = {"loopback": "127.0.0.9", "link-local": "169.254.7.7", "public": "203.0.113.99",
                   "multicast": "233.252.0.1", "unspecified": "0.0.0.0", "loopback-6": "::1",
                   "public-6": "2001:db8::99", "multicast-6": "ff0e::db8:0:1"}
# Private addresses that are nobody's yet, for a registry that moves.
SPARE_PRIVATE = ["166.9.251.%d" % number for number in range(141, 149)]
IAM_PUBLIC, IAM_PRIVATE = "203.0.113.80", "166.9.251.80"
IAM_US_SOUTH, IAM_US_EAST = "166.9.251.81", "166.9.251.82"
ACCOUNTS = "203.0.113.81"
DOWNLOAD = "203.0.113.90"
# Link-local, as in IBM Cloud; nobody's until Lab.start_vpc and Lab.start_powervs.
VPC_METADATA, POWERVS_METADATA = "169.254.169.254", "169.254.169.253"
VPC_NAME = "api.metadata.cloud.ibm.com"
POWERVS_NAME = "api.metadata.power-iaas.cloud.ibm.com"
IAM_NAMES = {
    "iam-public": (IAM_PUBLIC, "iam.cloud.ibm.com"),
    "iam-private": (IAM_PRIVATE, "private.iam.cloud.ibm.com"),
    "iam-us-south": (IAM_US_SOUTH, "private.us-south.iam.cloud.ibm.com"),
    "iam-us-east": (IAM_US_EAST, "private.us-east.iam.cloud.ibm.com"),
}


def run(*argv, stdin="", timeout=common.TIMEOUT, environment=None, cwd=None):
    """Runs a command with a deadline. ENVIRONMENT is added to the lab's."""
    return common.run(argv, stdin, {**os.environ, **(environment or {})}, timeout, cwd=cwd)


class Lab:
    """Without a REGISTRY behind them, the fronts of the regions know logins, tokens and
    management, but no image; it then starts in half a second."""

    def __init__(self, regions=("us", "de", "global"), dockerd=False, daemon_json=None,
                 docker_flags=servers.DOCKER_FLAGS, docker_environment=None, registry=True):
        if not WORK:
            raise RuntimeError("not inside the lab: run this by tests/lab/enter")
        self.stack = contextlib.ExitStack()
        self.folder = tempfile.mkdtemp(prefix="lab-", dir=WORK)
        self.access = front.AccessLog(os.path.join(self.folder, "access.log"))
        self.iam = iam.Iam()
        self.realm = self.iam.realm = realm.Realm(self.iam)
        self.accounts = iam.Accounts(self.iam)
        self.vpc = metadata.Metadata(self.iam, "vpc")
        self.powervs = metadata.Metadata(self.iam, "powervs")
        self.registry = None
        self.fronts = {}
        self.dockerd = None
        self.docker_settings = (docker_flags, docker_environment)
        try:
            self._start(regions, dockerd, daemon_json, registry)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop_dockerd()
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, regions, dockerd, daemon_json, registry):
        if daemon_json is not None:
            self.write("/etc/docker/daemon.json", daemon_json)
        # Everybody else starts while openssl works; dockerd needs the CA only at its first pull,
        # but reads it once then.
        if registry:
            self.registry = servers.Registry(os.path.join(self.folder, "registry"))
            self.stack.callback(self.registry.stop)
        self.authority = certs.Authority(os.path.join(self.folder, "ca"))
        self.strange_authority = None
        self.authority.trust()
        if dockerd:
            self._launch_dockerd()
        self.dns = dns.Dns()
        self.stack.callback(self.dns.close)
        self.iam.add_key(API_KEY)
        self.realm.allow("iamapikey", API_KEY)
        self.realm.allow("iambearer", BEARER_TOKEN)
        self.realm.allow("cp", ENTITLEMENT_KEY, "cp.icr.io")
        for label in regions:
            self._add_region(label)
        self._add_others()
        if registry:
            self.registry.ready()
        if dockerd:
            self.dockerd.ready()

    # --- names, addresses, certificates

    def _add_region(self, label):
        region = REGIONS[label]
        names = [region["private"], region["public"], *region["aliases"]]
        for role in ("private", "public"):
            context = self.authority.issue(names if role == "private" else names[1:])
            for number, address in enumerate(region[role + "_addresses"], 1):
                self.add_front("%s-%s-%d" % (label, role, number), role, address, names, context)
        self.dns.set(region["private"], region["private_addresses"])
        for name in names[1:]:
            self.dns.set(name, region["public_addresses"])

    def _add_others(self):
        names = [host for _, host in IAM_NAMES.values()]
        context = self.authority.issue([*names, "accounts.cloud.ibm.com", "dd0.us.icr.io",
                                        VPC_NAME, POWERVS_NAME])
        for name, (address, host) in IAM_NAMES.items():
            self.add_front(name, "iam", address, [host], context, service=self.iam)
            self.dns.set(host, [address])
        self.add_front("accounts", "accounts", ACCOUNTS, ["accounts.cloud.ibm.com"], context,
                       service=self.accounts)
        self.dns.set("accounts.cloud.ibm.com", [ACCOUNTS])
        self.add_front("download", "download", DOWNLOAD, ["dd0.us.icr.io"], context)
        self.dns.set("dd0.us.icr.io", [DOWNLOAD])
        self.dns.set(VPC_NAME, [VPC_METADATA])
        self.dns.set(POWERVS_NAME, [POWERVS_METADATA])
        self.metadata_context = context

    def start_vpc(self, protocol="http"):
        """This host is a virtual server of a VPC: its metadata service answers, by HTTP at the
        address or its name, or by HTTPS at the name only; never both."""
        if protocol == "http":
            return self.add_front("vpc", "metadata", VPC_METADATA, [VPC_METADATA, VPC_NAME],
                                  service=self.vpc, port=80, tls=False)
        return self.add_front("vpc", "metadata", VPC_METADATA, [VPC_NAME], self.metadata_context,
                              service=self.vpc)

    def start_powervs(self):
        """This host is a Power Virtual Server: its metadata service answers, by HTTPS."""
        return self.add_front("powervs", "metadata", POWERVS_METADATA, [POWERVS_NAME],
                              self.metadata_context, service=self.powervs)

    def add_front(self, name, role, address, hosts, context=None, *, port=443, tls=True,
                  service=None):
        """A new endpoint at ADDRESS, answering for HOSTS, with a certificate for them."""
        net.local(address)
        if tls:
            context = context or self.authority.issue(hosts)
        added = front.Front(name, role, address, hosts, context, self.realm, self.access,
                            self.registry.port if self.registry else None, port=port,
                            service=service)
        added.listen()
        self.stack.callback(added.close)
        self.fronts[name] = added
        return added

    def add_ipv6(self, label, roles=("private", "public")):
        """The names of region LABEL get their IPv6 addresses too, with fronts that answer there."""
        region = REGIONS[label]
        for role in roles:
            model = self.fronts["%s-%s-1" % (label, role)]
            for number, address in enumerate(region[role + "_ipv6"], 1):
                self.add_front("%s-%s-6-%d" % (label, role, number), role, address, model.hosts,
                               model.context)
            names = [region["private"]] if role == "private" else [region["public"],
                                                                   *region["aliases"]]
            for name in names:
                self.dns.set(name, [*self.dns.addresses(name), *region[role + "_ipv6"]])

    def default_route(self, kind="silent"):
        """A way to the rest of the world, as a host has one: "silent", connects to addresses that
        are nobody's time out; "unreachable", a router says at once that there is no such host.
        None takes it away: connects fail with ENETUNREACH."""
        net.default_route(kind)
        self.stack.callback(net.default_route, None)

    def dead_name_server(self, kind="silent"):
        """The first name server of resolv.conf is dead, "silent" or "refused"; the second lives."""
        if kind == "silent":
            net.silent(DEAD_NAME_SERVER)
        else:
            net.local(DEAD_NAME_SERVER)
        self.write("/etc/resolv.conf", "nameserver %s\nnameserver %s\n" % (DEAD_NAME_SERVER,
                                                                          NAME_SERVER))

    def cover_everything(self):
        """Every front of every region presents one certificate for all names, public and private:
        a certificate then tells nothing about where a connection ended."""
        fronts = [one for one in self.fronts.values() if one.role in ("private", "public")]
        self.set_cert(fronts, sorted(set().union(*(one.hosts for one in fronts))))

    def sockets(self, remote=None, state=None):
        """The TCP sockets of this network namespace now, by REMOTE address and STATE, as dicts."""
        return [one for one in net.sockets() if remote in (None, one["remote"][0])
                and state in (None, one["state"])]

    def fronts_at(self, *addresses):
        return [one for one in self.fronts.values() if one.address in addresses]

    def private_fronts(self, label="us"):
        return self.fronts_at(*self.dns.addresses(REGIONS[label]["private"]))

    def refuse(self, *addresses):
        """Connects there are refused."""
        for address in addresses:
            net.local(address)
            for one in self.fronts_at(address):
                one.close()

    def timeout(self, *addresses):
        """Connects there are never answered."""
        for address in addresses:
            for one in self.fronts_at(address):
                one.close()
            net.silent(address)

    def unreachable(self, *addresses):
        """Connects there fail with EHOSTUNREACH."""
        for address in addresses:
            for one in self.fronts_at(address):
                one.close()
            net.unreachable(address)

    def revive(self, *addresses):
        for address in addresses:
            net.local(address)
            for one in self.fronts_at(address):
                one.listen()

    def renumber(self, name, addresses, old=None):
        """NAME moves: fronts at the new ADDRESSES; the old ones stay, or get OLD(address)."""
        before = self.dns.addresses(name)
        role = "private" if name.startswith("private.") else "public"
        model = [*self.fronts_at(*before), *(one for one in self.fronts.values()
                                             if one.role == role and name in one.hosts)][0]
        for address in addresses:
            if net.can_listen(address) and not self.fronts_at(address):
                self.add_front("%s@%s" % (model.name, address), model.role, address, model.hosts,
                               model.context)
        self.dns.set(name, addresses)
        for address in before:
            if old and address not in addresses:
                old(address)

    def set_cert(self, fronts, names, expired=False, untrusted=False):
        """The FRONTS present a certificate for NAMES from now on."""
        authority = self.authority
        if untrusted:
            if self.strange_authority is None:
                self.strange_authority = certs.Authority(os.path.join(self.folder, "strange-ca"),
                                                         "Somebody else's CA")
            authority = self.strange_authority
        context = authority.issue(names, expired)
        for one in fronts:
            one.context = context

    # --- the access log

    def log(self, **wanted):
        """Requests so far, by front=, role=, user=, status=, path=...: dicts, oldest first."""
        return self.access.find(kind="request", **wanted)

    def connections(self, **wanted):
        """TCP connections so far, failed TLS handshakes included (error= tells)."""
        return self.access.find(kind="connection", **wanted)

    def clear_log(self):
        self.access.clear()
        self.dns.clear()

    # --- engines and commands

    def _launch_dockerd(self):
        flags, environment = self.docker_settings
        for folder in ("/etc/docker", "/run/docker"):
            os.makedirs(folder, exist_ok=True)
        self.dockerd = servers.Dockerd(os.path.join(self.folder, "dockerd.log"), flags,
                                       {**os.environ, **(environment or {})})

    def start_dockerd(self, daemon_json=None, flags=servers.DOCKER_FLAGS, environment=None):
        """Starts the engine; DAEMON_JSON, if given, becomes /etc/docker/daemon.json first."""
        if daemon_json is not None:
            self.write("/etc/docker/daemon.json", daemon_json)
        self.docker_settings = (flags, environment)
        self._launch_dockerd()
        self.dockerd.ready()

    def stop_dockerd(self):
        if self.dockerd:
            self.dockerd.stop()
            self.dockerd = None

    def docker(self, *arguments, stdin="", timeout=60):
        return run("docker", *arguments, stdin=stdin, timeout=timeout)

    def podman(self, *arguments, stdin="", timeout=60):
        return run("podman", *arguments, stdin=stdin, timeout=timeout)

    def skopeo(self, *arguments, stdin="", timeout=60):
        return run("skopeo", *arguments, stdin=stdin, timeout=timeout)

    def helper(self, *arguments, stdin="", timeout=20):
        return run(os.path.join(BUILD, "docker-credential-icr"), *arguments, stdin=stdin,
                   timeout=timeout)

    def rewrite(self, *arguments, stdin="", timeout=30):
        return run(os.path.join(BUILD, "icr-rewrite"), *arguments, stdin=stdin, timeout=timeout)

    def store_image(self, name, tag, text="hello from the lab\n"):
        """An image in the registry, put there behind the fronts: it leaves no log line."""
        return self.registry.store_image(name, tag, text)

    def make_image(self, reference, text="hello from the lab\n"):
        """An image in dockerd, of one tiny layer."""
        archive = os.path.join(self.folder, "layer.tar")
        with open(archive, "wb") as file:
            file.write(servers.tiny_tar(text))
        done = self.docker("import", archive, reference)
        if done.returncode:
            raise RuntimeError(str(done))

    @staticmethod
    def write(path, content):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def main(arguments):
    dockerd = "--dockerd" in arguments[:1]
    command = arguments[1:] if dockerd else arguments
    with Lab(dockerd=dockerd) as lab:
        lab.store_image("demo/hello", "1")
        print("lab: demo/hello:1 is there; iamapikey's password is %s" % API_KEY, flush=True)
        status = subprocess.call(command or [os.environ.get("SHELL", "/bin/sh")])
        with open(lab.access.path) as file:
            sys.stdout.write(file.read())
        return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
