# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""The route native with real podman and skopeo: by the registry's log, and with the key in our store
alone."""

import json
import os

from . import lab
from .case import HOSTS, IMAGE, PRIVATE_US, LabCase, identities, read, tree

DROPIN = "/etc/containers/registries.conf.d/zz-icr-rewrite.conf"
OTHER = "de.icr.io/demo/hello:1"


class NativeCase(LabCase):
    def setUp(self):
        super().setUp()
        self.store_key("private.us.icr.io")
        # 60-: before ours, as configure --client containers leaves it
        self.lab.write("/etc/containers/registries.conf.d/60-icr.conf",
                       b'credential-helpers = ["icr", "containers-auth.json"]\n')
        self.before = tree("/etc")

    def native(self, *options):
        done = self.apply("--route", "native", "--engines", "podman", *options)
        self.lab.clear_log()
        return done

    def inspect(self, *options):
        return self.lab.skopeo("inspect", "--no-tags", *options, "docker://" + IMAGE)

    def stop_private(self):
        self.lab.refuse(*PRIVATE_US)


class Hard(NativeCase):
    def test_pulls_are_private(self):
        self.native()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.lab.clear_log()
        self.run_ok(self.inspect())
        self.assert_private_only()

    def test_names_stay_as_dns_has_them(self):
        self.native()
        self.assertNotIn(b"icr", read(HOSTS))

    def test_key_is_in_our_store_alone(self):
        self.native()
        self.run_ok(self.lab.podman("pull", IMAGE))
        for folder in ("/etc/containers", os.path.join(lab.HOME, ".docker")):
            for about in tree(folder).values():
                self.assertNotIn(lab.API_KEY.encode(), about[3] or b"")

    def test_dead_network_fails_and_nothing_is_public(self):
        self.native()
        self.stop_private()
        for done in (self.lab.podman("pull", IMAGE), self.inspect()):
            self.assertNotEqual(done.returncode, 0, str(done))
        self.assertEqual(self.lab.connections(role="public"), [])

    def test_dead_network_keeps_the_file_at_a_refresh(self):
        self.native()
        before = read(DROPIN)
        self.stop_private()
        self.lab.rewrite("refresh")
        self.assertEqual(read(DROPIN), before)

    def test_other_registries_are_left_alone(self):
        self.native()
        self.run_ok(self.lab.skopeo("inspect", "--no-tags", "--creds", "iamapikey:" + lab.API_KEY,
                                    "docker://" + OTHER))
        self.assertEqual({line["front"] for line in self.lab.log()}, {"de-public-1"})

    def test_again_and_undo(self):
        self.native()
        before = identities("/etc", "/var/lib/icr-rewrite")
        self.native()
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)
        self.run_ok(self.lab.rewrite("refresh"))
        self.assertEqual(identities("/etc", "/var/lib/icr-rewrite"), before)
        self.assert_code(0, self.lab.rewrite("status"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_alias(self):
        self.native()
        self.run_ok(self.lab.podman("pull", "registry.ng.bluemix.net/demo/hello:1"))
        self.assert_private_only()

    def test_a_users_own_file_hides_ours_and_is_said(self):
        """podman 4 and 5 read nothing of /etc beside it; a drop-in of the user's is no harm."""
        own = os.path.join(lab.HOME, ".config/containers/registries.conf")
        helpers = b'credential-helpers = ["icr", "containers-auth.json"]\n'
        self.store_key()
        self.lab.write(own + ".d/a.conf", helpers)
        self.assertNotIn("past the route", str(self.native()))
        self.run_ok(self.inspect())
        self.assert_private_only()
        self.lab.write(own, b"")
        self.lab.clear_log()
        self.run_ok(self.inspect())
        self.assertNotEqual(self.lab.connections(role="public"), [])
        self.assert_says(own + ": podman 5 and older.* past the route", self.native())

    def test_missing_credentials_are_said(self):
        os.unlink("/etc/containers/registries.conf.d/60-icr.conf")
        self.assert_says("configure --client containers", self.native())

    def test_dead_network_is_not_applied(self):
        self.stop_private()
        done = self.lab.rewrite("apply", "--regions", "us", "--route", "native", "--engines",
                                "podman")
        self.assert_code(4, done)
        self.assert_nothing_changed()

    def test_image_that_is_prepared_below_a_root(self):
        self.run_ok(self.lab.rewrite("apply", "--offline", "--regions", "us", "--route", "native",
                                     "--engines", "podman"))
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()


class Soft(NativeCase):
    def test_private_first(self):
        self.native("--fallback", "public")
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()

    def test_dead_network_goes_public_and_is_said(self):
        self.native("--fallback", "public")
        self.store_key()
        self.stop_private()
        self.run_ok(self.inspect())
        self.assertNotEqual(self.lab.connections(role="public"), [])
        done = self.lab.rewrite("refresh")
        self.assert_says("us.icr.io: from now on public", done)
        self.assertFalse(os.path.exists(DROPIN))
        self.lab.revive(*PRIVATE_US)
        self.assert_says("us.icr.io: from now on private", self.lab.rewrite("refresh"))
        self.assertTrue(os.path.exists(DROPIN))


class Docker(NativeCase):
    def test_past_the_route(self):
        """Its pulls stay public: warned of once, and status says so until it is left out."""
        done = self.apply("--route", "native", "--json")
        self.assertTrue([text for text in json.loads(done.stdout)["warnings"]
                         if "docker: not served by the route native" in text], str(done))
        done = self.lab.rewrite("status", "--json")
        self.assert_code(3, done)
        told = json.loads(done.stdout)
        self.assertFalse(told["in_force"])
        self.assertTrue([text for text in told["problems"]
                         if "docker pulls past the route native" in text], told)
        self.assertFalse(json.loads(self.run_ok(self.lab.rewrite("refresh", "--json")).stdout)
                         ["warnings"])
        self.native()
        self.assert_code(0, self.lab.rewrite("status"))


class Auto(NativeCase):
    def test_certificate_without_the_public_name(self):
        self.lab.set_cert(self.lab.private_fronts(), ["private.us.icr.io"])
        done = self.apply("--engines", "podman")
        self.assert_says("route native, because the hosts file cannot serve", done)
        self.assert_says("certificate", done)
        self.assertNotIn(b"icr", read(HOSTS))
        self.lab.clear_log()
        self.run_ok(self.lab.podman("pull", IMAGE))
        self.assert_private_only()
        self.run_ok(self.lab.rewrite("refresh"))
        self.assert_code(0, self.lab.rewrite("status"))
        self.run_ok(self.lab.rewrite("undo"))
        self.assert_nothing_changed()

    def test_hosts_where_it_is_proven(self):
        self.apply("--engines", "podman")
        self.assertFalse(os.path.exists(DROPIN))
        self.assertIn(b"us.icr.io", read(HOSTS))

    def test_an_answer_that_fails_later_does_not_change_the_route(self):
        self.apply("--engines", "podman")
        self.lab.set_cert(self.lab.private_fronts(), ["private.us.icr.io"])
        self.lab.rewrite("refresh")
        self.assertFalse(os.path.exists(DROPIN))
        self.assertIn(b"us.icr.io", read(HOSTS))
