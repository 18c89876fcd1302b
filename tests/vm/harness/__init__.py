# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines to try parkerd on: images, kernels, and the machine itself."""
