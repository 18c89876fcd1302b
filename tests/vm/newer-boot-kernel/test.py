# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same road, shorter, with the backports kernel as boot kernel and as application kernel. It unpacks itself, as on every real
machine, and so lies where it chose to (KASLR)."""

from boot.test import test_module_loads, test_module_unloads
# The runner finds the tests by their names here.
from harness.machine import Config
from road.test import cleanup, test_own_cpu_down_up, test_start_stop

MACHINE = Config(kernel=("bookworm-backports", "amd64"), packed=True)
