# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""docker-credential-icr where the user's disk quota is used up: what stood there stands, and it says
why. The kernel answers so whenever something is to grow or to be made."""

import base64
import json

from tests.blackbox.support import HELPER, home
from tests.fault import inject
from tests.fault.test_helper import MISSING, NEW, STORE, FaultCase, Scenario, secrets_of

# Of those that the quota of blocks or of inodes fails, by their names without variants.
GROWING = ("open", "creat", "mkdir", "write", "pwrite", "fsync", "fdatasync", "rename", "link",
           "symlink", "fallocate")
LOGIN = {"auths": {"us.icr.io": {"auth": base64.b64encode(f"iamapikey:{NEW}".encode()).decode()},
                   "gcr.io": {"auth": "eDp5"}}, "credHelpers": {"us.icr.io": "icr"}}


def login_of_docker(place):
    place.write(place.docker_config, json.dumps(LOGIN))


def look_import(place):
    """Where the login is: at least in one place, whole."""
    stored = secrets_of(place, "us.icr.io")["us.icr.io"]
    left = json.loads(place.docker_config.read_text())["auths"]["us.icr.io"]
    return stored, left


IMPORT = Scenario("import", login_of_docker, ["import"], b"", look_import,
                  (MISSING, LOGIN["auths"]["us.icr.io"]), (NEW, {}))


@inject.needed
class Quota(FaultCase):
    def growing(self, scenario):
        with home() as place:
            scenario.new_home(place)
            calls, done = inject.calls([HELPER, *scenario.arguments], scenario.stdin,
                                       place.environment())
            self.assertEqual(done.returncode, 0, done)
        return [call for call in calls if call[0].startswith(GROWING)]

    def check(self, scenario, *between):
        """Each such call fails by itself. BETWEEN: states that may stand there besides."""
        calls = self.growing(scenario)
        for name in ("open", "write", "fsync", "rename"):
            self.assertTrue([call for call in calls if call[0].startswith(name)], (name, calls))
        for call in calls:
            with self.subTest(scenario.name, call=call), home() as place:
                scenario.new_home(place)
                done = inject.run(call, "EDQUOT", [HELPER, *scenario.arguments], scenario.stdin,
                                  place.environment())
                self.assertIn(scenario.look(place), (scenario.old, scenario.new, *between), done)
                if done.returncode != 0:
                    self.assertEqual(done.returncode, 1, done)
                    self.assertIn("Disk quota exceeded", (done.out + done.err).decode(), done)
                else:
                    self.assertEqual(scenario.look(place), scenario.new, done)
                self.check_modes(place)
                self.assertEqual([path for path in self.files(place) if ".icr-" in path], [])
                again = place.helper(*scenario.arguments, stdin=scenario.stdin)
                self.assertEqual(again.status, 0, again)
                self.assertEqual(scenario.look(place), scenario.new)

    def test_first_store(self):
        self.check(STORE[0])

    def test_store(self):
        self.check(STORE[1])

    def test_erase(self):
        self.check(STORE[2])

    def test_import(self):
        self.check(IMPORT, (NEW, LOGIN["auths"]["us.icr.io"]))
