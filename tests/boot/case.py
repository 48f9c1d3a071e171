# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""A test case with a host to boot, beside the lab."""

from tests.boot.boot import Boot
from tests.lab.case import LabCase


class BootCase(LabCase):
    """self.host is a tree that is not up yet; self.lab is the cloud around it."""

    settings = {"regions": ("us",)}

    def setUp(self):
        super().setUp()
        self.host = Boot(self.lab)
        self.addCleanup(self.host.close)
