# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The Debian packages: built, checked by lintian, and installed, used, upgraded, removed and purged
in a Debian of their own."""

import pathlib
import shutil
import tempfile
import unittest

from tests.packaging.root import ROOT, beside_root, in_root, make_root
from tests.packaging.support import TOP, VERSION, copy_tree, in_mounts, must, run

# Every file with its kind, mode, owner and content, but what dpkg and its kind keep by design.
PICTURE = """
picture() {
    find / -xdev \\( -path /files -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \\
        -o -path /tmp -o -path /run \\) -prune -o -type f -printf '%M %u %g %p ' -exec md5sum {} + \\
        -o -printf '%M %u %g %p %l\\n' | sort >"/files/$1"
}
enabled() {
    find /etc/systemd -name '*icr*' | sort
}
# As on a host where the addresses were proven once: there is no network here.
apply() {
    mkdir -p /var/lib/icr-rewrite
    [ -e /var/lib/icr-rewrite/state.json ] || echo '{"version": 1, "fallback": "never",
        "regions": [{"region": "us-south", "status": "active", "addresses": ["166.9.250.11"],
        "names": ["us.icr.io"]}]}' >/var/lib/icr-rewrite/state.json
    icr-rewrite apply --offline --regions us
}
"""


class DebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for tool in ("dpkg-buildpackage", "dh"):
            if not shutil.which(tool):
                raise unittest.SkipTest(f"{tool} is not installed")
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        must(["make", "deb", f"BUILD={cls.folder}"], cwd=TOP, timeout=900)
        cls.packages = cls.folder / "packages"

    def test_built(self):
        names = {path.name.split("_")[0] for path in self.packages.glob(f"*_{VERSION}-1_*.deb")}
        self.assertEqual(names, {"docker-credential-icr", "icr-rewrite",
                                 "docker-credential-icr-dbgsym", "icr-rewrite-dbgsym"})

    def test_lintian(self):
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        changes = next(self.packages.glob("*.changes"))
        done = run(["lintian", "--allow-root", "--fail-on", "error,warning", changes])
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_hardened(self):
        if not shutil.which("blhc"):
            self.skipTest("blhc is not installed")
        done = run(["blhc", "--all", self.folder / "deb/log"])
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class InstalledTest(DebTest):
    @classmethod
    def setUpClass(cls):
        make_root()
        super().setUpClass()
        files = cls.folder / "files"
        files.mkdir()
        for name in ("docker-credential-icr", "icr-rewrite"):
            deb = next(cls.packages.glob(f"{name}_*.deb"))
            shutil.copy(deb, files / f"{name}.deb")
            must(["dpkg-deb", "-R", deb, cls.folder / "newer"])
            control = cls.folder / "newer/DEBIAN/control"
            control.write_text(control.read_text().replace(f"{VERSION}-1", f"{VERSION}-2"))
            must(["dpkg-deb", "-b", cls.folder / "newer", files / f"{name}-newer.deb"])
            shutil.rmtree(cls.folder / "newer")
        cls.files = files

    test_built = test_lintian = test_hardened = None

    def script(self, text):
        done = in_root(PICTURE + text, self.files)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def read(self, name):
        return (self.files / name).read_text()

    def test_installed_used_upgraded_removed_purged(self):
        self.script("""
            printf '127.0.0.1\\tlocalhost\\n# mine\\n' >/etc/hosts
            picture before
            dpkg -i /files/icr-rewrite.deb /files/docker-credential-icr.deb
            [ -z "$(enabled)" ]
            apply
            grep us.icr.io /etc/hosts
            enabled >/files/enabled
            cp /etc/hosts /files/applied
            dpkg -i /files/icr-rewrite-newer.deb /files/docker-credential-icr-newer.deb
            cmp /etc/hosts /files/applied
            enabled | cmp - /files/enabled
            dpkg -r icr-rewrite docker-credential-icr
            printf '127.0.0.1\\tlocalhost\\n# mine\\n' | cmp - /etc/hosts
            [ -z "$(enabled)" ]
            dpkg -P icr-rewrite docker-credential-icr
            picture after
        """)
        self.assertIn("icr-rewrite.timer", self.read("enabled"))
        self.assertEqual(set(self.read("after").splitlines()) ^
                         set(self.read("before").splitlines()), set())

    def test_purged_at_once(self):
        self.script("""
            picture before
            dpkg -i /files/icr-rewrite.deb
            apply
            dpkg -P icr-rewrite
            picture after
        """)
        self.assertEqual(set(self.read("after").splitlines()) ^
                         set(self.read("before").splitlines()), set())

    def test_removed_when_the_record_is_lost(self):
        self.script("""
            dpkg -i /files/icr-rewrite.deb
            apply
            rm -r /var/lib/icr-rewrite
            dpkg -r icr-rewrite
            [ -z "$(enabled)" ]
            ! grep us.icr.io /etc/hosts
        """)

    def test_a_failed_undo_keeps_the_package(self):
        out = self.script("""
            dpkg -i /files/icr-rewrite.deb
            apply
            cp /var/lib/icr-rewrite/state.json /files/state.json
            echo damaged >/var/lib/icr-rewrite/state.json
            ! dpkg -r icr-rewrite
            dpkg -s icr-rewrite | grep '^Status: .* ok installed'
            grep us.icr.io /etc/hosts
            cp /files/state.json /var/lib/icr-rewrite/state.json
            dpkg -r icr-rewrite
            ! grep us.icr.io /etc/hosts
        """)
        self.assertIn("its undo failed: the package stays", out)
        self.assertIn("# BEGIN icr-rewrite", out)

    def test_the_sealed_key(self):
        self.script("""
            dpkg -i /files/docker-credential-icr.deb
            mkdir -p /etc/credstore.encrypted /etc/docker-credential-icr
            echo sealed >/etc/credstore.encrypted/icr-apikey
            echo '{}' >/etc/docker-credential-icr/config.json
            link=/etc/systemd/system/multi-user.target.wants/icr-credential.service
            mkdir -p ${link%/*}
            ln -s /lib/systemd/system/icr-credential.service $link
            dpkg -i /files/docker-credential-icr-newer.deb
            [ -L $link ]
            dpkg -r docker-credential-icr
            [ ! -L $link ]
            [ -e /etc/credstore.encrypted/icr-apikey ]
            dpkg -P docker-credential-icr
            [ ! -e /etc/credstore.encrypted/icr-apikey ]
            [ ! -e /etc/docker-credential-icr ]
        """)

    @unittest.skipUnless(shutil.which("autopkgtest"), "autopkgtest is not installed")
    def test_autopkgtest(self):
        """The tests of debian/tests, run as Debian runs them: by autopkgtest, on what it installs."""
        source = copy_tree(self.folder / "source")
        (source / "debian").symlink_to("packaging/debian")
        done = beside_root(f"""
            {{ chroot "$1" apt-get -q update &&
                chroot "$1" apt-get -q install -y --no-install-recommends apt-utils dpkg-dev; }} || exit 77
            export TMPDIR=/var/tmp
            autopkgtest -B "$2/docker-credential-icr.deb" "$2/icr-rewrite.deb" "{source}/" \\
                --summary-file="$2/summary" -- chroot "$1"
        """, self.files, timeout=600)
        if done.returncode == 77:
            self.skipTest("no packages can be had")
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertRegex(self.read("summary"), r"^installed +PASS\n$")

    @unittest.skipUnless(shutil.which("piuparts"), "piuparts is not installed")
    def test_piuparts(self):
        """Installed, applied, removed and purged: piuparts finds nothing left over or changed."""
        scripts = self.folder / "scripts"
        scripts.mkdir()
        hook = scripts / "post_install_apply"
        hook.write_text("#!/bin/sh\nset -eu\n" + PICTURE + "apply\ngrep -q us.icr.io /etc/hosts\n")
        hook.chmod(0o755)
        done = in_mounts(f"""
            mount -t tmpfs tmpfs /mnt
            exec piuparts --existing-chroot={ROOT} --tmpdir=/mnt --distribution=bookworm \\
                --no-upgrade-test --no-eatmydata --fail-on-broken-symlinks --install-remove-install \\
                --scriptsdir={scripts} {self.files}/icr-rewrite.deb {self.files}/docker-credential-icr.deb
        """, timeout=600)
        if "Could not resolve" in done.stdout or "Failed to fetch" in done.stdout:
            self.skipTest("no packages can be had")
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertIn("PASS: All tests.", done.stdout)
        self.assertIn("us.icr.io -> 166.9.250.11", done.stdout)
