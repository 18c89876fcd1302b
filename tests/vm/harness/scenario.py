# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scenarios use besides the machine."""


class Skip(Exception):
    """Raised by a test that cannot run here, with the reason."""
