# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The rpms: built with Debian's rpmbuild, checked by rpmlint, and their scriptlets run in a Debian
into which their files were unpacked."""

import pathlib
import shutil
import tempfile
import unittest

from tests.packaging.root import in_root, make_root
from tests.packaging.support import TOP, VERSION, must, run
from tests.packaging.test_deb import PICTURE


class RpmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("rpmbuild"):
            raise unittest.SkipTest("rpmbuild is not installed")
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        must(["make", "rpm", f"BUILD={cls.folder}"], cwd=TOP, timeout=900)
        cls.packages = cls.folder / "packages"
        cls.helper = next(cls.packages.glob(f"docker-credential-icr-{VERSION}-1.*[!c].rpm"))
        cls.rewrite = next(cls.packages.glob(f"icr-rewrite-{VERSION}-1.*.rpm"))

    def list(self, package):
        return [name for name in must(["rpm", "-qpl", package]).splitlines()
                if ".build-id" not in name]

    def test_built(self):
        helper, rewrite = self.list(self.helper), self.list(self.rewrite)
        self.assertIn("/usr/bin/docker-credential-icr", helper)
        self.assertIn("/usr/bin/icr-credential-provider", helper)
        self.assertIn("/usr/libexec/docker-credential-icr/docker-credential-icr", helper)
        self.assertIn("/usr/sbin/icr-rewrite", rewrite)
        self.assertIn("/usr/libexec/icr-rewrite/icr-rewrite", rewrite)
        self.assertIn("/usr/lib/systemd/system/icr-rewrite.timer", rewrite)
        self.assertEqual(set(helper) & set(rewrite), set())
        self.assertIn("docker-credential-icr", must(["rpm", "-qp", "--recommends", self.rewrite]))
        self.assertEqual(len(list(self.packages.glob("*.src.rpm"))), 1)

    def test_rpmlint(self):
        if not shutil.which("rpmlint"):
            self.skipTest("rpmlint is not installed")
        spec = TOP / "packaging/rpm/docker-credential-icr.spec"
        done = run(["rpmlint", "-r", spec.with_suffix(".rpmlintrc"), spec,
                    *sorted(self.packages.glob("*.rpm"))])
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(" 0 errors, 0 warnings", done.stdout)

    def test_scriptlets(self):
        """As rpm runs them: $1 is how many versions of the package there will be."""
        make_root()
        files = self.folder / "files"
        files.mkdir()
        for name, package in (("helper", self.helper), ("rewrite", self.rewrite)):
            (files / name).mkdir()
            must(["rpm2archive", package])
            must(["tar", "-xz", "-C", files / name, "-f", f"{package}.tgz"])
            for kind in ("preun", "postin", "postun"):
                script = must(["rpm", "-qp", "--qf", f"%{{{kind.upper()}}}", package])
                (files / f"{name}.{kind}").write_text(script)
                self.assertEqual(must(["rpm", "-qp", "--qf", f"%{{{kind.upper()}PROG}}", package]),
                                 "/bin/sh")
        done = in_root(PICTURE + """
            cp -a /files/helper/usr/. /files/rewrite/usr/. /usr/
            sh -e /files/rewrite.postin 1
            sh -e /files/helper.postin 1
            [ -z "$(enabled)" ]
            printf '127.0.0.1\\tlocalhost\\n# mine\\n' >/etc/hosts
            apply
            echo "-- upgrade"
            cp /etc/hosts /files/applied
            enabled >/files/enabled
            sh -e /files/rewrite.postin 2
            sh -e /files/rewrite.preun 1
            sh -e /files/rewrite.postun 1
            cmp /etc/hosts /files/applied
            enabled | cmp - /files/enabled
            echo "-- removal that fails"
            cp /var/lib/icr-rewrite/state.json /files/state.json
            echo damaged >/var/lib/icr-rewrite/state.json
            ! sh -e /files/rewrite.preun 0
            cp /files/state.json /var/lib/icr-rewrite/state.json
            echo "-- removal"
            sh -e /files/rewrite.preun 0
            printf '127.0.0.1\\tlocalhost\\n# mine\\n' | cmp - /etc/hosts
            [ -z "$(enabled)" ]
            sh -e /files/rewrite.preun 0
            sh -e /files/rewrite.postun 0
            echo "-- removal when the record is lost"
            apply
            rm -r /var/lib/icr-rewrite
            sh -e /files/rewrite.preun 0
            [ -z "$(enabled)" ]
            ! grep us.icr.io /etc/hosts
            echo "-- the helper"
            printf '[Install]\\nWantedBy=multi-user.target\\n[Service]\\nExecStart=/bin/true\\n' \\
                >/lib/systemd/system/icr-credential.service
            systemctl enable icr-credential.service
            sh -e /files/helper.preun 1
            enabled | grep icr-credential
            sh -e /files/helper.preun 0
            [ -z "$(enabled)" ]
        """, files)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("its undo failed: the package stays", done.stdout)
