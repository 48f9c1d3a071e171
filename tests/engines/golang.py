# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Engines that Debian does not have yet, built from their Go modules, once, to run on this machine.

    python3 -m tests.engines.golang [NAME...]      builds them, one after another

Each gets a module of its own that requires it: `go install` refuses modules with a replace
directive. What does not build within the limit is left out from then on, with the reason in its
folder; --again tries once more.
"""

import fcntl
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

from tests.engines import trixie

MINUTES = 10

HERE = pathlib.Path(__file__).resolve().parent

# name: module, version, packages (of which one that begins with "./" is a folder here, which uses
# the module, and what is SHARED), words for go build. The order is that of building: what many rows of the table need
# comes first.
MODULES = {
    "crictl": ("sigs.k8s.io/cri-tools", "v1.37.0", ["cmd/crictl"], []),
    "containerd": ("github.com/containerd/containerd/v2", "v2.4.2",
                   ["cmd/containerd", "cmd/ctr"],
                   ["-tags", "no_btrfs,no_devmapper,no_zfs",
                    "-ldflags", "-X github.com/containerd/containerd/v2/version.Version=2.4.2"]),
    "buildkit": ("github.com/moby/buildkit", "v0.34.2", ["cmd/buildkitd", "cmd/buildctl"],
                 ["-ldflags", "-X github.com/moby/buildkit/version.Version=v0.34.2"]),
    "dockerd": ("github.com/moby/moby/v2", "v2.0.0-beta.24", ["cmd/dockerd"],
                ["-tags", "exclude_graphdriver_btrfs",
                 "-ldflags", "-X github.com/moby/moby/v2/dockerversion.Version=29.0.0-beta.24"]),
    "docker": ("github.com/docker/cli", "v29.9.3+incompatible", ["cmd/docker"],
               ["-tags", "osusergo,netgo", "-gcflags=github.com/docker/cli/...=-lang=go1.26",
                "-ldflags", "-X github.com/docker/cli/cli/version.Version=29.9.3"]),
    "buildx": ("github.com/docker/buildx", "v0.38.2", ["cmd/buildx"],
               ["-ldflags", "-X github.com/docker/buildx/version.Version=v0.38.2"]),
    "nerdctl": ("github.com/containerd/nerdctl/v2", "v2.3.5", ["cmd/nerdctl"],
                ["-ldflags",
                 "-X github.com/containerd/nerdctl/v2/pkg/version.Version=v2.3.5"]),
    "crio": ("github.com/cri-o/cri-o", "v1.36.3", ["cmd/crio"],
             ["-tags", "containers_image_openpgp,exclude_graphdriver_btrfs,"
              "containers_image_ostree_stub"]),
    "image": ("go.podman.io/image/v5", "v5.42.1", ["./image"],
              ["-tags", "containers_image_openpgp,exclude_graphdriver_btrfs"]),
    "kind": ("sigs.k8s.io/kind", "v0.33.0", ["./kind"], []),
    "wharfie": ("github.com/rancher/wharfie", "v0.7.1", ["./wharfie"], []),
}

# What the folders here have in common.
SHARED = ["./verbs"]

# Modules of which the proxy lists no version, but serves one that is asked for by name.
ALSO = {"docker": ["github.com/tonistiigi/go-rosetta@v0.0.0-20220804170347-3f4430f2d346"]}
# What is built in a copy of its module: without FILES, for which it would require a module that the
# proxy does not serve. Those of nerdctl are helpers of its tests.
WITHOUT = {"nerdctl": ("github.com/containerd/nerdctl/mod/tigron",
                       "cmd/nerdctl/helpers/testing*.go")}


class Unavailable(Exception):
    """Why it cannot be had here."""


def place():
    return trixie.place().parent / ("go-" + platform.machine())


def folder(name):
    return place() / ("%s-%s" % (name, MODULES[name][1].partition("+")[0]))


def run(argv, cwd, deadline, log):
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod", GOWORK="off")
    with subprocess.Popen(argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                          stderr=log, start_new_session=True) as child:
        try:
            if child.wait(max(1, deadline - time.monotonic())) != 0:
                raise Unavailable("%s fails" % " ".join(argv[2:4]))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            raise Unavailable("not built within %d minutes" % MINUTES) from None


def copy_module(name, half, deadline, log):
    """The module itself in HALF, less what is in WITHOUT."""
    module, version, _, _ = MODULES[name]
    unserved, files = WITHOUT[name]
    spec = "%s@%s" % (module, version)
    run(["nice", "-n19", "go", "mod", "download", spec], half, deadline, log)
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    source = half / "source"
    shutil.copytree(pathlib.Path(cache.stdout.strip()) / spec, source)
    run(["chmod", "-R", "u+w", str(source)], half, deadline, log)
    for path in source.glob(files):
        path.unlink()
    run(["nice", "-n19", "go", "mod", "edit", "-droprequire=" + unserved, "-dropreplace=%s@v0.0.0"
         % unserved], source, deadline, log)
    return source


def build(name, target):
    module, version, packages, words = MODULES[name]
    end = time.monotonic() + 60 * MINUTES
    half = target.with_name(target.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    (half / "bin").mkdir(parents=True)
    (half / "go.mod").write_text("module engines\n\ngo 1.24\n")
    paths = [package if package.startswith("./") else "%s/%s" % (module, package)
             for package in packages]
    own = [package for package in paths if package.startswith("./")]
    for package in own + (SHARED if own else []):
        shutil.copytree(HERE / package, half / package)
    nice = ["nice", "-n19", "go"]
    wanted = [module] if own else paths
    with open(half / "log", "wb") as log:
        if name in WITHOUT:
            source = copy_module(name, half, end, log)
        else:
            source = half
            run([*nice, "get", *("%s@%s" % (path, version) for path in wanted),
                 *ALSO.get(name, ())], half, end, log)
        if own:
            run([*nice, "mod", "tidy"], half, end, log)
        run([*nice, "build", "-trimpath", "-o", str(half / "bin") + "/", *words, *paths], source,
            end, log)
    shutil.rmtree(half / "source", ignore_errors=True)
    half.rename(target)


def reason():
    return None if shutil.which("go") else "Go is not installed"


def ensure(name, say=lambda text: None, again=False):
    """The folder with the programs of NAME, built now if it was not yet."""
    target = folder(name)
    if (target / "bin").is_dir():
        return target / "bin"
    target.parent.mkdir(parents=True, exist_ok=True)
    failed = target.with_name(target.name + ".failed")
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (target / "bin").is_dir():
            return target / "bin"
        if failed.exists() and not again:
            raise Unavailable(failed.read_text().strip())
        if reason():
            raise Unavailable(reason())
        say("building %s %s, once" % (name, MODULES[name][1]))
        try:
            build(name, target)
        except (OSError, subprocess.SubprocessError, Unavailable) as error:
            failed.write_text("%s\n" % error)
            raise Unavailable(str(error)) from error
        failed.unlink(missing_ok=True)
    return target / "bin"


def main(arguments):
    again = "--again" in arguments
    names = [name for name in arguments if name != "--again"] or list(MODULES)
    status = 0
    for name in names:
        try:
            print(ensure(name, lambda text: print(text, file=sys.stderr, flush=True), again))
        except Unavailable as error:
            status = 1
            print("golang.py: %s: %s" % (name, error), file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
