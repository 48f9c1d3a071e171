# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What the packaging tests share: copies of the source tree, make, and scripts in a mount namespace."""

import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ICR_BUILD") or TOP / "build").resolve()
VERSION = (TOP / "VERSION").read_text().strip()


def environment(**more):
    """Ours without what an outer make or git put into it."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("MAKE", "GIT_", "ICR_")) and name not in ("MFLAGS", "SANITIZE")}
    return dict(kept, LC_ALL="C.UTF-8", **more)


def run(command, timeout=300, **more):
    more.setdefault("env", environment())
    return subprocess.run([str(word) for word in command], timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **more)


def must(command, **more):
    done = run(command, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def source_files():
    """The names of the files of the tree, without what was built or is ignored."""
    if (TOP / ".git").exists():
        listed = must(["git", "-c", f"safe.directory={TOP}", "ls-files", "-z", "--cached", "--others",
                       "--exclude-standard"], cwd=TOP)
        return [name for name in sorted(listed.split("\0")) if name and (TOP / name).exists()]
    return sorted(str(path.relative_to(TOP)) for path in TOP.rglob("*") if path.is_file()
                  and path.relative_to(TOP).parts[0] != "build" and "__pycache__" not in path.parts)


def copy_tree(folder):
    folder = pathlib.Path(folder)
    for name in source_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, folder / name, follow_symlinks=False)
    return folder


def in_mounts(script, *arguments, **more):
    """Runs the shell script as root with mounts of its own."""
    return run(["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh",
                *arguments], **more)
