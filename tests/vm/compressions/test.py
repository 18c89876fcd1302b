# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images of every compression: small kernels built from Debian's source, as its own kernels come in three of the five."""

from harness import tiny
from harness.machine import Machine

MANIFEST = """\
apiVersion: parker/v1
name: tiny
cpus: {{count: 1}}
memory: {{size: 128MiB}}
kernel: {{image: /boot/tiny-{form}, initrd: /boot/application.img}}
"""


def cleanup(m: Machine) -> None:
    m.run("systemctl stop 'parker@*'; rm -f /etc/parker.d/* /boot/tiny-*; systemctl reset-failed", check=False, timeout=120)


def test_each(m: Machine) -> None:
    """gzip, xz, lzo, lz4 and zstd: each starts, beats, and powers off"""
    images = tiny.kernels()
    for form in tiny.FORMATS:
        m.put(f"/boot/tiny-{form}", (images / form).read_bytes())
        m.put("/etc/parker.d/tiny.yaml", MANIFEST.format(form=form))
        m.run("systemctl start parker@tiny", timeout=120)
        assert m.out("busctl get-property org.parker1 /org/parker1/partition/tiny org.parker1.Partition State") == 's "active"'
        m.run("systemctl stop parker@tiny", timeout=120)
        assert m.out("busctl get-property org.parker1 /org/parker1/partition/tiny org.parker1.Partition Result") == 's "success"', form
