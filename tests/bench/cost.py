#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What one host costs the network, measured in the lab: name server, handshakes, requests, bytes.

usage: tests/lab/enter python3 -m tests.bench.cost [--json]

Bytes are those of both directions, headers of IP and TCP included. The lab's certificates are
shorter than a public CA's chain, which adds about 3 kB to each handshake.
"""

import json
import pathlib
import sys
import tempfile
import time

from tests.lab import lab as labs


def carried():
    """Bytes that went over the network so far: in there it is all lo."""
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == "lo":
            return int(rest.split()[0])
    raise RuntimeError("no lo")


def measure(lab, action):
    lab.clear_log()
    begin, bytes_before = time.monotonic(), carried()
    done = action()
    seconds = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"cost.py: {done}")
    return {"queries": lab.dns.queries(), "handshakes": len(lab.connections()),
            "requests": len(lab.log()), "bytes": carried() - bytes_before,
            "seconds": round(seconds, 2)}


def refreshes(label, regions):
    with labs.Lab(regions=regions, registry=False) as lab:
        rows = {f"apply, {label}": measure(
            lab, lambda: lab.rewrite("apply", "--regions", ",".join(regions)))}
        rows[f"refresh, {label}"] = measure(lab, lambda: lab.rewrite("refresh"))
        undone = lab.rewrite("undo")
        if undone.returncode:
            sys.exit(f"cost.py: {undone}")
    return rows


def token(lab):
    """The cache is in a folder of this run: the kernel's keyring would keep it for the next one."""
    folder = pathlib.Path(labs.HOME) / ".config/docker-credential-icr"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"token": "bearer"}')
    with tempfile.TemporaryDirectory() as runtime:
        def get():
            return labs.run("docker-credential-icr", "get", stdin="us.icr.io", environment={
                "IBMCLOUD_API_KEY": labs.API_KEY, "XDG_RUNTIME_DIR": runtime})
        return {"token exchange": measure(lab, get), "token from the cache": measure(lab, get)}


def tokens():
    with labs.Lab(regions=("us",), registry=False) as lab:
        return token(lab)


def main():
    rows = {**refreshes("us", ("us",)), **refreshes("us, de and global", ("us", "de", "global")),
            **tokens()}
    if "--json" in sys.argv[1:]:
        print(json.dumps(rows))
        return
    print(f"{'':32}{'DNS queries':>12}{'handshakes':>12}{'requests':>10}{'bytes':>8}{'seconds':>9}")
    for name, row in rows.items():
        print(f"{name:32}{row['queries']:>12}{row['handshakes']:>12}{row['requests']:>10}"
              f"{row['bytes']:>8}{row['seconds']:>9}")


if __name__ == "__main__":
    main()
