# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""What one refresh and one exchange ask of the network is what docs/scale.md counts with."""

from tests.bench import cost, fleet
from tests.lab.case import LabCase


class Cost(LabCase):
    settings = {"regions": ("us",), "registry": False}

    def test_refresh(self):
        self.apply()
        row = cost.measure(self.lab, lambda: self.lab.rewrite("refresh"))
        self.assertEqual((row["queries"], row["handshakes"]), (fleet.QUERIES, fleet.HANDSHAKES), row)
        self.assertAlmostEqual(row["bytes"], fleet.BYTES, delta=fleet.BYTES / 10)

    def test_token(self):
        rows = cost.token(self.lab)
        self.assertEqual(rows["token exchange"]["handshakes"], 1)
        self.assertAlmostEqual(rows["token exchange"]["bytes"], fleet.TOKEN_BYTES,
                               delta=fleet.TOKEN_BYTES / 10)
        self.assertEqual(rows["token from the cache"]["bytes"], 0)
