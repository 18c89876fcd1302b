# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scenarios use besides the machine."""

import os

# With it also what is left to long runs: tests that are `@long`, scenarios that say `LONG = True`.
LONG = bool(os.environ.get("PARKER_LONG"))


def long(test):
    """Of a table that has its cheapest representatives in the usual run, or of claims that other tests show, too."""
    test.long = True
    return test


class Skip(Exception):
    """Raised by a test that cannot run here, with the reason."""
