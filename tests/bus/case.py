# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests here have in common: test.py PARKERD PARKERCTL SCHEMAS [unittest's arguments]"""

import sys
import unittest

from harness import House, eventually

PARKERD, PARKERCTL, SCHEMAS = sys.argv[1:4]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class BusTest(unittest.TestCase):
    options: tuple[str, ...] = ()  # of parkerd

    @classmethod
    def setUpClass(cls):
        cls.house = House(PARKERD, PARKERCTL)
        cls.addClassCleanup(cls.house.close)
        cls.house.manifest("db")
        cls.house.manifest("web-1", cpus=2)
        cls.house.start_parkerd(*cls.options)

    def tearDown(self):
        for name in ("db", "web-1"):
            if self.house.partition(name)["State"] not in ("inactive", "failed"):
                self.house.manager("KillPartition", "st", name, "0")
                eventually(lambda name=name: self.house.partition(name)["State"] in ("inactive", "failed"), "killed")

    def start(self, name: str) -> str:
        return self.house.manager("StartPartition", "st", name, "0")[0]


def main() -> None:
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
