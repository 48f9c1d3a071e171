# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr configure --client containers: the drop-in of registries.conf."""

import os
import pathlib
import shutil
import stat
import subprocess
import unittest

from tests.blackbox.support import BUILD, HELPER, HomeCase

NAME = "zz-docker-credential-icr.conf"
DEFAULT = 'credential-helpers = ["icr", "containers-auth.json"]\n'


class ContainersCase(HomeCase):
    """As a user who is not root: what is in /etc/containers of this machine counts too, so it is
    replaced by an empty folder."""

    def setUp(self):
        super().setUp()
        self.home.env["PATH"] = f"{BUILD}:{os.environ['PATH']}"
        self.etc = self.home.path / "etc"
        self.etc.mkdir()
        self.folder = self.home.path / ".config/containers"
        self.drop_in = self.folder / "registries.conf.d" / NAME
        self.home.path.chmod(0o755)

    def configure(self, *arguments, env=None, root=False):
        if not root and self.home.run(["setpriv", "--reuid", "65534", "--regid", "65534",
                                       "--clear-groups", "test", "-x", HELPER]).status:
            self.skipTest("the programs cannot be run as another user here")
        user = "" if root else "setpriv --reuid 65534 --regid 65534 --clear-groups "
        if not root:
            subprocess.run(["chown", "-R", "65534:65534", str(self.home.path)], check=True)
        script = (f"mount --bind {self.etc} /etc/containers && "
                  f'exec {user}"$@"')
        return self.home.run(["unshare", "-m", "sh", "-c", script, "sh", HELPER, "configure",
                              "--client", "containers", *arguments], env=env)

    def done(self, *arguments, **more):
        result = self.configure(*arguments, **more)
        self.assertEqual(result.status, 0, result)
        return result

    def list(self, path=None):
        lines = (path or self.drop_in).read_text().splitlines(keepends=True)
        self.assertTrue(lines[0].startswith("# Written by docker-credential-icr "), lines)
        return lines[-1]


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
@unittest.skipUnless(pathlib.Path("/etc/containers").is_dir(), "no /etc/containers")
class Containers(ContainersCase):
    def test_user(self):
        result = self.done()
        self.assertEqual((result.out.decode(), result.err),
                         (f"{self.drop_in}: written\n", b""))
        self.assertEqual(self.list(), DEFAULT)
        self.assertEqual(stat.S_IMODE(self.drop_in.stat().st_mode), 0o644)
        before = self.drop_in.stat()
        self.assertEqual(self.done().out.decode(), f"{self.drop_in}: nothing to change\n")
        self.assertEqual(self.drop_in.stat().st_mtime_ns, before.st_mtime_ns)
        self.assertEqual(self.done("--remove").out.decode(), f"{self.drop_in}: removed\n")
        self.assertEqual(os.listdir(self.drop_in.parent), [])
        self.assertEqual(self.done("--remove").out.decode(), f"{self.drop_in}: nothing to change\n")

    def test_root(self):
        result = self.done(root=True)
        self.assertEqual(result.out.decode(), f"/etc/containers/registries.conf.d/{NAME}: written\n")
        path = self.etc / "registries.conf.d" / NAME
        self.assertEqual(self.list(path), DEFAULT)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)
        self.assertFalse(self.drop_in.exists())
        # the user's list comes last and so repeats it
        self.done()
        self.assertEqual(self.list(), DEFAULT)
        self.done("--remove", root=True)
        self.assertFalse(path.exists())

    def test_umask(self):
        self.home.env["PATH"] = f"{BUILD}:{os.environ['PATH']}"
        old = os.umask(0o077)
        self.addCleanup(os.umask, old)
        self.done()
        self.assertEqual(stat.S_IMODE(self.drop_in.stat().st_mode), 0o644)

    def test_xdg_config_home_is_not_where_the_clients_look(self):
        self.done(env={"XDG_CONFIG_HOME": str(self.home.path / "xdg")})
        self.assertTrue(self.drop_in.exists())

    def test_admins_list_is_kept_behind(self):
        for text, helpers in (
                ('credential-helpers = ["secretservice", "containers-auth.json"]\n',
                 '["icr", "secretservice", "containers-auth.json"]'),
                ("# credential-helpers = ['no']\n[aliases]\ncredential-helpers = ['no']\n",
                 '["icr", "containers-auth.json"]'),
                ('unqualified-search-registries = ["a",\n "b]", # ]\n]\n"credential-helpers" = [\n'
                 "\t'pass', # first\n\t\"icr\",\n]\n[[registry]]\n", '["icr", "pass"]'),
                ('\ufeffcredential-helpers = ["pass"]\n', '["icr", "pass"]'),
                ("credential-helpers = []\n", '["icr", "containers-auth.json"]'),
                ("short-name-mode='''x\n['''\ncredential-helpers=['e\"x']",
                 '["icr", "e\\"x"]')):
            with self.subTest(text):
                (self.etc / "registries.conf").write_text(text)
                self.done()
                self.assertEqual(self.list(), f"credential-helpers = {helpers}\n")

    def test_last_file_counts(self):
        (self.etc / "registries.conf.d").mkdir()
        (self.etc / "registries.conf").write_text('credential-helpers = ["a"]\n')
        (self.etc / "registries.conf.d/10.conf").write_text('credential-helpers = ["b"]\n')
        (self.etc / "registries.conf.d/20.conf").write_text('unqualified-search-registries = []\n')
        (self.etc / "registries.conf.d/30.txt").write_text('credential-helpers = ["no"]\n')
        self.done()
        self.assertEqual(self.list(), 'credential-helpers = ["icr", "b"]\n')
        self.home.write(".config/containers/registries.conf", 'credential-helpers = ["u"]\n')
        self.done()
        self.assertEqual(self.list(), 'credential-helpers = ["icr", "b"]\n')
        # of two versions of podman that order drop-ins otherwise, both get what they had
        self.home.write(".config/containers/registries.conf.d/05.conf",
                        'credential-helpers = ["c"]\n')
        self.done()
        self.assertEqual(self.list(), 'credential-helpers = ["icr", "c", "b"]\n')

    def test_later_file_is_told(self):
        self.home.write(".config/containers/registries.conf.d/zzz.conf",
                        'credential-helpers = ["c"]\n')
        result = self.done()
        self.assertIn(f"{self.drop_in.parent}/zzz.conf is read after", result.err.decode())
        self.assertEqual(self.list(), DEFAULT)

    def test_removed_whatever_others_say(self):
        self.done()
        (self.etc / "registries.conf").write_text("credential-helpers = [\n")
        self.assertEqual(self.configure().status, 1)
        self.assertEqual(self.done("--remove").out.decode(), f"{self.drop_in}: removed\n")
        self.assertFalse(self.drop_in.exists())

    def test_faulty_list(self):
        for text, place in (("credential-helpers = [\n 'a'\n 'b']\n", "3"),
                            ("\ncredential-helpers = 'a'\n", "2"),
                            ("credential-helpers = [a]", "1"), ("credential-helpers = ['a", "1"),
                            ("credential-helpers = ['a',", "1")):
            with self.subTest(text):
                path = self.etc / "registries.conf"
                path.write_text(text)
                result = self.configure()
                self.assertEqual((result.status, result.out), (1, b""), result)
                self.assertIn(f"/etc/containers/registries.conf:{place}: ", result.err.decode())
                self.assertFalse(self.drop_in.exists())

    def test_somebody_elses_file(self):
        self.home.write(self.drop_in, "credential-helpers = []\n")
        for arguments in ((), ("--remove",), ("--dry-run",)):
            result = self.configure(*arguments)
            self.assertEqual((result.status, result.out), (1, b""), result)
            self.assertIn(f"{self.drop_in}: ", result.err.decode())
        self.assertEqual(self.drop_in.read_text(), "credential-helpers = []\n")

    def test_dry_run(self):
        result = self.configure("--dry-run")
        self.assertEqual(result.status, 3, result)
        self.assertIn(f"+{DEFAULT}", result.out.decode())
        self.assertFalse(self.drop_in.exists())
        self.done()
        self.assertEqual((self.configure("--dry-run").status,
                          self.configure("--dry-run").out), (0, b""))
        result = self.configure("--dry-run", "--remove")
        self.assertEqual(result.status, 3, result)
        self.assertIn(f"-{DEFAULT}", result.out.decode())

    def test_json(self):
        result = self.configure("--json", "--dry-run")
        self.assertEqual(result.status, 3, result)
        self.assertEqual((result.json["version"], result.json["client"], result.json["file"],
                          result.json["changed"], result.json["notes"]),
                         (1, "containers", str(self.drop_in), True, []))

    def test_environment_that_passes_it_by(self):
        for name in ("CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE"):
            self.assertIn(f"{name} is set", self.done(env={name: "/x"}).err.decode())
        self.assertIn("PATH", self.done(env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}).err.decode())

    def test_usage(self):
        for arguments in (("--regions", "us"), ("--config", "/x"), ("--force",)):
            self.assertEqual(self.configure(*arguments).status, 2)
        self.assertEqual(self.home.helper("configure", "--client", "nerdctl").status, 2)


if __name__ == "__main__":
    unittest.main()
