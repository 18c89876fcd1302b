# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same road, shorter, with the backports kernel as boot kernel and as application kernel."""

from boot.test import test_module_loads, test_module_unloads
# The runner finds the tests by their names here.
from harness.machine import Config
from road.test import cleanup, test_own_cpu_down_up, test_start, test_stop

MACHINE = Config(kernel=("bookworm-backports", "amd64"))
