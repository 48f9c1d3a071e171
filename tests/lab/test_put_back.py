# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""refresh --offline, as at boot before the network is up: what was applied stands again."""

import json

from tests.lab.case import HOSTS, PRIVATE_US, LabCase, read

STATE = "/var/lib/icr-rewrite/state.json"


class PutBack(LabCase):
    settings = {"regions": ("us", "de"), "registry": False}

    def put_back(self, *options):
        self.lab.clear_log()
        self.lab.dns.clear()
        done = self.run_ok(self.lab.rewrite("refresh", "--offline", *options))
        self.assertEqual((self.lab.connections(), self.lab.dns.queries()), ([], 0))
        return done

    def test_hosts_file_made_anew(self):
        fresh = read(HOSTS)
        self.apply()
        applied, state = read(HOSTS), read(STATE)
        # what is used meanwhile is for an apply to take up
        self.store_key("de.icr.io")
        self.log_in("de.icr.io")
        for _ in range(2):
            with open(HOSTS, "wb") as file:
                file.write(fresh)
            done = self.put_back()
            self.assertEqual((read(HOSTS), read(STATE)), (applied, state))
            self.assert_says("was put back $", done)
        told = json.loads(self.put_back("--json").stdout)
        self.assertEqual((told["changed"], told["warnings"]), (False, []))
        self.assertEqual((read(HOSTS), read(STATE)), (applied, state))
        self.assertEqual(self.lab.rewrite("status").returncode, 0)

    def test_closed_stays_closed(self):
        self.run_ok(self.lab.rewrite("apply", "--offline", "--regions", "us"))
        applied = read(HOSTS)
        self.put_back()
        self.assertEqual(read(HOSTS), applied)

    def test_withdrawn_stays_withdrawn(self):
        self.apply("--fallback", "public")
        self.lab.refuse(*PRIVATE_US)
        self.lab.rewrite("refresh")
        self.lab.rewrite("refresh")
        withdrawn, state = read(HOSTS), read(STATE)
        self.assertNotIn(b"166.9.250.214", withdrawn)
        self.put_back()
        self.assertEqual((read(HOSTS), read(STATE)), (withdrawn, state))

    def test_nothing_applied(self):
        self.put_back()
        self.assert_nothing_changed()
